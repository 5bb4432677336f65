// GET /__dev/settings shows what the local stack imitates; POST /__dev/faults, /__dev/profile and /__dev/lag change it.
// POST /__dev/region and PUT /__dev/store/<key> reach the state itself, so that a test from outside can play an isolate,
// a trainer or a publisher. POST /__dev/reports keeps a region object busy; GET and DELETE /__dev/operations show and
// reset what would be billed.
import { operationCounts, resetOperations } from "./operations.ts";
import { sendReports } from "./region-load.ts";
import {
  asObject,
  changeDevSettings,
  type DevEnv,
  devSettings,
  parseFaults,
  parseNumber,
  parseProfile,
} from "./settings.ts";

const PREFIX = "/__dev/";

/** The reply to a request under /__dev/, or undefined for any other. A change is answered with the settings now in force. */
export async function handleDevRequest(
  request: Request,
  env: DevEnv,
): Promise<Response | undefined> {
  const { pathname } = new URL(request.url);
  if (!pathname.startsWith(PREFIX)) return undefined;
  const route = `${request.method} ${pathname.slice(PREFIX.length)}`;
  try {
    if (route.startsWith("PUT store/")) {
      await env.STORE.put(decodeURIComponent(route.slice("PUT store/".length)), request.body);
      return Response.json({});
    }
    switch (route) {
      case "GET settings":
        return Response.json(devSettings(env));
      case "GET operations":
        return Response.json(operationCounts());
      case "DELETE operations":
        resetOperations();
        return Response.json(operationCounts());
      case "POST faults": {
        // Replaces the whole plan, so that {} makes everything healthy again.
        const faults = parseFaults(await request.json());
        return Response.json(changeDevSettings(env, { faults }));
      }
      case "POST profile": {
        const { profile, demoDelayScale } = asObject("body", await request.json());
        return Response.json(
          changeDevSettings(env, {
            ...(profile !== undefined && { profile: parseProfile(profile) }),
            ...(demoDelayScale !== undefined && {
              demoDelayScale: parseNumber("demoDelayScale", demoDelayScale),
            }),
          }),
        );
      }
      case "POST lag": {
        const { lagMs } = asObject("body", await request.json());
        return Response.json(changeDevSettings(env, { lagMs: parseNumber("lagMs", lagMs) }));
      }
      case "POST region": {
        const { object, method, args } = asObject("body", await request.json());
        const stub = env.REGION.getByName(String(object));
        return Response.json((await callMethod(stub, String(method), args)) ?? null);
      }
      case "POST reports":
        return Response.json(await sendReports(env, await request.json()));
      default:
        return Response.json({ error: `no dev route ${route}` }, { status: 404 });
    }
  } catch (error) {
    return Response.json({ error: String(error) }, { status: 400 });
  }
}

/** Any method of the object: no list of names to keep beside its class. */
async function callMethod(stub: object, method: string, args: unknown): Promise<unknown> {
  const value: unknown = Reflect.get(stub, method);
  if (typeof value !== "function") throw new TypeError(`no method ${method}`);
  return await Reflect.apply(value, stub, Array.isArray(args) ? args : []);
}

// GET /__dev/settings shows what the local stack imitates; POST /__dev/faults, /__dev/profile and /__dev/lag change it.
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

/** The reply to a request under /__dev/, or undefined for any other. Every reply is the settings now in force. */
export async function handleDevRequest(
  request: Request,
  env: DevEnv,
): Promise<Response | undefined> {
  const { pathname } = new URL(request.url);
  if (!pathname.startsWith(PREFIX)) return undefined;
  const route = `${request.method} ${pathname.slice(PREFIX.length)}`;
  try {
    switch (route) {
      case "GET settings":
        return Response.json(devSettings(env));
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
      default:
        return Response.json({ error: `no dev route ${route}` }, { status: 404 });
    }
  } catch (error) {
    return Response.json({ error: String(error) }, { status: 400 });
  }
}

// The Worker: routes, and nothing a route decides. Exports the Durable Object classes of the deployment.
import { type IRequest, Router } from "itty-router";
import { decisionReceipt, liveView, tenantsAndKeys } from "./admin.ts";
import { authenticate } from "./auth.ts";
import { type World, evictEverywhere, reembedEverywhere, worldOf } from "./bindings.ts";
import { embeddings } from "./embeddings.ts";
import { type Env } from "./env.ts";
import { feedback } from "./feedback.ts";
import { answerChat } from "./gateway.ts";
import { readJsonBody } from "./openai/body.ts";
import { parseChatRequest } from "./openai/chat.ts";
import { asGatewayError, errorResponse, unknownUrl } from "./openai/errors.ts";
import { health, models, oneModel, ready } from "./status.ts";
import { trainerCall, trainerObject } from "./trainer-routes.ts";

export { Region } from "../durable/region.ts";
export { Tenants } from "../durable/tenants.ts";

/** What the router needs of a request; handlers use `world.request`. */
type Routed = IRequest & { readonly params: Readonly<Record<string, string>> };

const router = Router<Routed, [World], Response | undefined>();
router
  .get("/health", (_routed, world) => health(world))
  .get("/ready", (_routed, world) => ready(world))
  .get("/v1/models", (_routed, world) => models(world))
  .get("/v1/models/:id+", (routed, world) => oneModel(world, decode(routed.params["id"])))
  .post("/v1/chat/completions", (_routed, world) => chatCompletions(world))
  .post("/v1/embeddings", (_routed, world) => embeddings(world))
  .post("/v1/feedback", (_routed, world) => feedback(world))
  .get("/admin/live", (_routed, world) => liveView(world))
  .get("/admin/decisions/:id", (routed, world) => decisionReceipt(world, routed.params["id"] ?? ""))
  .all("/admin/tenants/:id?", (routed, world) =>
    tenantsAndKeys(world, "tenants", routed.params["id"]),
  )
  .all("/admin/keys/:id?", (routed, world) => tenantsAndKeys(world, "keys", routed.params["id"]))
  .get("/trainer/objects/:key+", (routed, world) =>
    trainerObject(world, routed.params["key"] ?? ""),
  )
  .put("/trainer/objects/:key+", (routed, world) =>
    trainerObject(world, routed.params["key"] ?? ""),
  )
  .post("/trainer/:region/:call", (routed, world) =>
    trainerCall(world, routed.params["region"] ?? "", routed.params["call"] ?? ""),
  );

async function chatCompletions(world: World): Promise<Response> {
  const { request, ports } = world;
  const key = await authenticate(request.headers, "infer", world.auth);
  const { raw, json } = await readJsonBody(request, ports.wait, {
    maxBytes: ports.config.limits.bodyBytes,
  });
  return answerChat(
    {
      requestId: world.requestId,
      receivedAt: world.receivedAt,
      key,
      region: world.region,
      headers: request.headers,
      signal: request.signal,
      raw,
      body: json,
      chat: parseChatRequest(json),
    },
    ports,
  );
}

export default {
  async fetch(request: Request, env: Env, ctx: ExecutionContext): Promise<Response> {
    const requestId = `req_${crypto.randomUUID().replaceAll("-", "")}`;
    try {
      const world = worldOf(request, env, ctx, requestId);
      // The region prefix is off this path. It is parsed once: authentication and dispatch see the same one.
      const { pathname } = world;
      const routed = { method: request.method, url: `https://velo${pathname}` };
      const response = isPlain(pathname) ? await router.fetch(routed, world) : undefined;
      if (response) return response;
      throw unknownUrl(request);
    } catch (error) {
      const known = asGatewayError(error);
      if (known.code === "internal_error") logFailure(requestId, known.cause);
      return errorResponse(known, requestId);
    }
  },

  async scheduled(_controller: ScheduledController, env: Env): Promise<void> {
    await evictEverywhere(env);
    await reembedEverywhere(env);
  },
} satisfies ExportedHandler<Env>;

/** The caller is told nothing about a fault of velo's own, a broken configuration among them: it is found by this line. */
function logFailure(requestId: string, cause: unknown): void {
  // oxlint-disable-next-line no-console -- the Worker's log is where the operator looks for it
  console.error(JSON.stringify({ event: "request-failed", requestId, error: String(cause) }));
}

/** Spellings that two parsers may read differently are no route of ours; only the name of a model may hold a slash. */
function isPlain(pathname: string): boolean {
  const name = pathname.startsWith("/v1/models/");
  return !/%2f|%5c|%2e|\/\/|[;\\]/i.test(name ? pathname.replaceAll(/%2f/gi, "-") : pathname);
}

function decode(value: string | undefined): string {
  try {
    return decodeURIComponent(value ?? "");
  } catch {
    return value ?? "";
  }
}

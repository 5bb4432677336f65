// Health, readiness and the models that callers may name.
import { authenticate } from "./auth.ts";
import { type World } from "./bindings.ts";
import { GatewayError } from "./openai/errors.ts";
import { readinessOf } from "./readiness.ts";
import { AUTO_MODEL, backendsOf } from "./upstream/backends.ts";

/** The Worker runs. Says nothing about what it depends on. */
export function health(world: World): Response {
  return json({ status: "ok", region: world.region.name }, world);
}

/**
 * Ready to answer: the configuration is valid, which parsing it for this request has just shown. What the cache depends
 * on is told, not required, because the gateway serves without it.
 */
export async function ready(world: World): Promise<Response> {
  const dependencies = await readinessOf(world.region, world.ports);
  return json({ status: "ready", dependencies }, world);
}

export async function models(world: World): Promise<Response> {
  await authenticate(world.request.headers, "infer", world.auth);
  return json({ object: "list", data: modelsOf(world) }, world);
}

export async function oneModel(world: World, id: string): Promise<Response> {
  await authenticate(world.request.headers, "infer", world.auth);
  const model = modelsOf(world).find((candidate) => candidate.id === id);
  if (model === undefined)
    throw new GatewayError(
      "model_not_found",
      `The model \`${id.slice(0, 100)}\` does not exist here.`,
    );
  return json(model, world);
}

/** When the list was last changed is not known; a constant keeps the field's type. */
const CREATED = 1_763_683_200;

function modelsOf(world: World) {
  const chat = world.ports.config.upstreams.flatMap((upstream) =>
    upstream.models.map(({ id }) => ({ id, owned_by: upstream.name })),
  );
  const auto = backendsOf(world.ports.config.upstreams).length > 0;
  const choice = auto ? [{ id: AUTO_MODEL, owned_by: "velo" }] : [];
  const embedder = { id: world.ports.embedder.id, owned_by: "velo" };
  return [...choice, ...chat, embedder].map(({ id, owned_by }) => ({
    id,
    object: "model" as const,
    created: CREATED,
    owned_by,
  }));
}

function json(body: unknown, world: World): Response {
  return Response.json(body, {
    headers: { "cache-control": "private, no-store", "x-request-id": world.requestId },
  });
}

// POST /v1/embeddings: the gateway's own embedder answers for its own model; others are forwarded.
import { authenticate } from "./auth.ts";
import { type World } from "./bindings.ts";
import { routeModel } from "./config.ts";
import { readJsonBody } from "./openai/body.ts";
import { parseEmbeddingsRequest, renderEmbeddings, requireTexts } from "./openai/embeddings.ts";
import { GatewayError } from "./openai/errors.ts";
import { estimateTokens } from "./upstream/notes.ts";

export async function embeddings(world: World): Promise<Response> {
  const { request, ports } = world;
  const key = await authenticate(request.headers, "infer", world.auth);
  const { raw, json } = await readJsonBody(request, ports.wait, {
    maxBytes: ports.config.limits.bodyBytes,
    // Token arrays are long lists of numbers.
    maxNodes: 400_000,
  });
  const parsed = parseEmbeddingsRequest(json);
  const headers = new Headers({
    "cache-control": "private, no-store",
    "x-request-id": world.requestId,
  });
  if (parsed.model === ports.embedder.id) {
    const texts = requireTexts(parsed);
    if (parsed.dimensions !== null && parsed.dimensions !== ports.embedder.dimensions)
      throw new GatewayError(
        "invalid_request",
        `'dimensions' must be ${ports.embedder.dimensions} for this model.`,
        { param: "dimensions" },
      );
    return Response.json(
      renderEmbeddings(await embedAll(world, texts), {
        model: parsed.model,
        encodingFormat: parsed.encodingFormat,
        promptTokens: texts.reduce((sum, text) => sum + estimateTokens(text), 0),
      }),
      { headers },
    );
  }
  const routed = routeModel(ports.config, parsed.model);
  // What stands for any chat model embeds nothing.
  const isNamed = routed?.model.id === parsed.model;
  if (routed === null || !isNamed || routed.upstream.kind !== "openai")
    throw new GatewayError(
      "model_not_found",
      `The embedding model \`${parsed.model.slice(0, 100)}\` does not exist here.`,
      { param: "model" },
    );
  const reply = await ports.callModel({
    ...routed,
    tenant: key.tenant.id,
    path: "/embeddings",
    raw,
    json,
    headers: request.headers,
    signal: request.signal,
  });
  for (const [name, value] of reply.headers) headers.set(name, value);
  return new Response(reply.body, { status: reply.status, headers });
}

async function embedAll(world: World, texts: readonly string[]): Promise<readonly Float32Array[]> {
  try {
    return await world.ports.embed(texts);
  } catch (cause) {
    throw new GatewayError("upstream_error", "The embedder failed.", { cause });
  }
}

// The embedder behind one interface, of three kinds: built in and computed here, a Workers AI model, or any server with an
// OpenAI-compatible /embeddings. A vector that is not a finite, non-zero vector of the right size is an error, never stored:
// one degenerate vector would be everybody's neighbour. Another embedder never stands in for one that fails: distances
// between two spaces mean nothing.
import { type EmbedderProfile } from "../../policy/embedders.ts";
import { type BuiltInEmbedder } from "../../policy/embedding/subword-embedder.ts";
import { type EmbedderConfig } from "../embedder-config.ts";
import { type Wait, withDeadline } from "../upstream/deadline.ts";
import { type UpstreamFetch } from "../upstream/target.ts";
import { type ModelBinding } from "../upstream/workers-ai.ts";

/** What the gateway knows of its embedder; thresholds hold for this one alone. */
export interface EmbedderInfo extends EmbedderProfile {
  /**
   * Names the vector space, and so every key under which anything is stored: the id, for the built-in embedder its weights
   * too, because other weights are another space, and for one behind a server its model and length.
   */
  readonly space: string;
  readonly usdPerToken: number;
  /** Computed in this isolate: nothing that could hang, nothing worth asking for twice. */
  readonly inPlace: boolean;
}

/** Unit vectors, one per text, in order. Rejects when any of them cannot be had. */
export type Embed = (texts: readonly string[]) => Promise<readonly Float32Array[]>;

/** Texts per call of Workers AI. */
const MAX_TEXTS = 100;

export const builtInEmbed =
  (embedder: BuiltInEmbedder): Embed =>
  async (texts) =>
    texts.map((text) => unitVector(embedder.embed(text), embedder.dimensions));

export const workersAiEmbed = (
  ai: ModelBinding,
  { id, dimensions }: Pick<EmbedderConfig, "id" | "dimensions">,
): Embed =>
  inBatches(MAX_TEXTS, async (texts) => {
    const reply = (await ai.run(id, { text: texts })) as { readonly data?: readonly unknown[] };
    if (reply.data?.length !== texts.length)
      throw new Error(
        `the embedder returned ${reply.data?.length} vectors for ${texts.length} texts`,
      );
    return reply.data.map((values) => unitVector(values, dimensions));
  });

export const openAiEmbed = (
  config: Extract<EmbedderConfig, { readonly kind: "openai" }>,
  world: { readonly fetch: UpstreamFetch; readonly wait: Wait; readonly apiKey?: string },
): Embed =>
  inBatches(config.batch, async (texts) => {
    const { baseUrl, model, dimensions, sendDimensions, timeoutMs } = config;
    const headers = new Headers({ "content-type": "application/json", "user-agent": "velo" });
    if (world.apiKey !== undefined) headers.set("authorization", `Bearer ${world.apiKey}`);
    const body = JSON.stringify({
      model,
      input: texts,
      encoding_format: "float",
      ...(sendDimensions && { dimensions }),
    });
    const called = await withDeadline(
      async (signal) => {
        const response = await world.fetch(`${baseUrl}/embeddings`, {
          method: "POST",
          headers,
          body: Uint8Array.from(new TextEncoder().encode(body)),
          signal,
          redirect: "manual",
        });
        if (!response.ok) {
          await response.body?.cancel();
          throw new Error(`the embedder answered with status ${response.status}`);
        }
        return vectorsOf(await response.json(), texts.length, dimensions);
      },
      timeoutMs,
      world.wait,
    );
    if (!called.ok) throw new Error("the embedder failed", { cause: called.error });
    return called.value;
  });

/** Vectors by the index they name, each exactly once: servers may answer in another order. */
function vectorsOf(reply: unknown, count: number, dimensions: number): readonly Float32Array[] {
  const data = (reply as { readonly data?: unknown } | null)?.data;
  if (!Array.isArray(data) || data.length !== count)
    throw new Error(
      `the embedder returned ${Array.isArray(data) ? data.length : "no"} vectors for ${count} texts`,
    );
  const vectors = new Map<number, Float32Array>();
  for (const item of data as readonly ({ index?: unknown; embedding?: unknown } | null)[]) {
    const index = item?.index;
    if (typeof index !== "number" || !Number.isInteger(index) || index < 0 || index >= count)
      throw new Error("the embedder returned a vector that belongs to no text");
    if (vectors.has(index)) throw new Error("the embedder returned two vectors for one text");
    vectors.set(index, unitVector(item?.embedding, dimensions));
  }
  return Array.from({ length: count }, (_, i) => vectors.get(i)!);
}

function inBatches(size: number, embed: Embed): Embed {
  return async (texts) => {
    const vectors: Float32Array[] = [];
    for (let i = 0; i < texts.length; i += size)
      vectors.push(...(await embed(texts.slice(i, i + size))));
    return vectors;
  };
}

function unitVector(values: unknown, dimensions: number): Float32Array {
  if (!Array.isArray(values) && !(values instanceof Float32Array))
    throw new Error("the embedder returned no vector");
  if (values.length !== dimensions)
    throw new Error(`the embedder returned ${values.length} values, expected ${dimensions}`);
  const vector = Float32Array.from(values as ArrayLike<number>);
  let square = 0;
  for (const value of vector) square += value * value;
  if (!Number.isFinite(square) || square < 1e-12)
    throw new Error("the embedder returned a degenerate vector");
  const norm = Math.sqrt(square);
  for (let i = 0; i < vector.length; i++) vector[i]! /= norm;
  return vector;
}

// Which embedder turns questions into vectors. `EMBEDDER` names it: "velo/subword-768" is built in, "@cf/..." is a Workers AI
// model, and any other name is a model of an OpenAI-compatible server that the document's `embedder` describes.
import { embedderProfile, isKnownEmbedder } from "../policy/embedders.ts";
import { SUBWORD_MODEL } from "../policy/embedding/subword-embedder.ts";
import { baseUrlOf, fail, fields, number, text } from "./config-fields.ts";

interface EmbedderCommon {
  readonly id: string;
  /** The index must have been made with as many. */
  readonly dimensions: number;
  /** null: the listed price. */
  readonly usdPerMillionTokens: number | null;
}

export type EmbedderConfig =
  | (EmbedderCommon & { readonly kind: "built-in" | "workers-ai" })
  | (EmbedderCommon & {
      readonly kind: "openai";
      /** Base URL that ends before /embeddings. */
      readonly baseUrl: string;
      /** Name of the secret binding that holds the API key. */
      readonly apiKeyBinding: string | null;
      /** Name that the server knows it by. */
      readonly model: string;
      /** Whether the server is asked to shorten its vectors to `dimensions`; many refuse to be asked. */
      readonly sendDimensions: boolean;
      /** Texts per call. */
      readonly batch: number;
      readonly timeoutMs: number;
    });

/**
 * Names the vector space of an embedder that is called. The name of one behind a server is the deployment's own and may
 * stay while the model behind it changes.
 */
export const spaceOf = (embedder: EmbedderConfig): string =>
  embedder.kind === "openai"
    ? `${embedder.id}/${embedder.model}/${embedder.dimensions}`
    : embedder.id;

/** Vectorize takes no longer vectors. */
const MAX_DIMENSIONS = 1_536;
const PATH = "VELO.embedder";

/**
 * @param id the variable `EMBEDDER`
 * @param document `VELO.embedder`, undefined where it is not set
 */
export function parseEmbedder(
  id: string | undefined,
  document: unknown,
  environment: string,
): EmbedderConfig {
  const name = id || SUBWORD_MODEL;
  if (name === SUBWORD_MODEL) {
    if (document !== undefined)
      fail(PATH, `describes an embedder, but EMBEDDER names the built-in one, "${SUBWORD_MODEL}"`);
    const { dimensions } = embedderProfile(name);
    return { kind: "built-in", id: name, dimensions, usdPerMillionTokens: 0 };
  }
  if (name.startsWith("velo/"))
    return fail("EMBEDDER", `names "${name}", but the built-in embedder is "${SUBWORD_MODEL}"`);
  if (name.startsWith("@cf/")) {
    const f = fields(document ?? {}, PATH, ["dimensions", "usdPerMillionTokens"]);
    if (f["dimensions"] === undefined && !isKnownEmbedder(name))
      fail(`${PATH}.dimensions`, `must say how long the vectors of "${name}" are`);
    const dimensions = dimensionsOf(f["dimensions"] ?? embedderProfile(name).dimensions);
    return { kind: "workers-ai", id: name, dimensions, usdPerMillionTokens: priceOf(f) };
  }
  if (document === undefined)
    return fail(
      "EMBEDDER",
      `names "${name}", which is neither "${SUBWORD_MODEL}" nor a model of Workers AI (@cf/...): ${PATH} must describe its server`,
    );
  const f = fields(document, PATH, [
    "baseUrl",
    "apiKeyBinding",
    "model",
    "dimensions",
    "sendDimensions",
    "batch",
    "timeoutMs",
    "usdPerMillionTokens",
  ]);
  const { sendDimensions = false } = f;
  if (typeof sendDimensions !== "boolean") fail(`${PATH}.sendDimensions`, "must be true or false");
  return {
    kind: "openai",
    id: name,
    baseUrl: baseUrlOf(f["baseUrl"], `${PATH}.baseUrl`, environment),
    apiKeyBinding:
      f["apiKeyBinding"] === undefined ? null : text(f["apiKeyBinding"], `${PATH}.apiKeyBinding`),
    model: text(f["model"] ?? name, `${PATH}.model`),
    dimensions: dimensionsOf(f["dimensions"]),
    sendDimensions: sendDimensions === true,
    batch: wholeNumber(f["batch"] ?? 64, `${PATH}.batch`, 1, 2_048),
    timeoutMs: number(f["timeoutMs"] ?? 10_000, `${PATH}.timeoutMs`, 10, 120_000),
    usdPerMillionTokens: priceOf(f),
  };
}

const priceOf = (f: Readonly<Record<string, unknown>>): number | null =>
  f["usdPerMillionTokens"] === undefined
    ? null
    : number(f["usdPerMillionTokens"], `${PATH}.usdPerMillionTokens`, 0, 10_000);

/**
 * Any length an index can have works: policies for any embedder are fed distances alone, and the published ones for one
 * embedder, which are fed its vectors of 768 numbers, are refused for every other.
 */
const dimensionsOf = (value: unknown): number =>
  wholeNumber(value, `${PATH}.dimensions`, 2, MAX_DIMENSIONS);

function wholeNumber(value: unknown, path: string, min: number, max: number): number {
  return Number.isInteger(value) && min <= Number(value) && Number(value) <= max
    ? Number(value)
    : fail(path, `must be a whole number from ${min} to ${max}`);
}

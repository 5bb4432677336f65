// The embeddings route's formats. Clients ask for base64 more often than for floats: the official SDKs do by default.
import { parseModel } from "./chat.ts";
import { GatewayError } from "./errors.ts";
import { type JsonObject } from "./json.ts";

type EmbeddingInput =
  | { readonly kind: "texts"; readonly texts: readonly string[] }
  | { readonly kind: "tokens"; readonly tokens: readonly (readonly number[])[] };

export interface EmbeddingsRequest {
  readonly model: string;
  readonly input: EmbeddingInput;
  readonly encodingFormat: "float" | "base64";
  /** Null when unset: the model's own. */
  readonly dimensions: number | null;
}

const MAX_INPUTS = 2_048;
/** About 8,192 tokens of text, the longest input of the models this route stands in for. */
const MAX_TEXT_LENGTH = 32_768;

/** Throws 400 with the path of the first field that cannot be understood. */
export function parseEmbeddingsRequest(json: JsonObject): EmbeddingsRequest {
  const encodingFormat = json["encoding_format"] ?? "float";
  if (encodingFormat !== "float" && encodingFormat !== "base64") {
    throw invalid("encoding_format", "must be 'float' or 'base64'");
  }
  const dimensions = json["dimensions"] ?? null;
  if (dimensions !== null && !isPositiveInteger(dimensions)) {
    throw invalid("dimensions", "must be a positive integer");
  }
  return {
    model: parseModel(json["model"]),
    input: parseInput(json["input"]),
    encodingFormat,
    dimensions,
  };
}

/**
 * The texts to embed here. Token ids mean something only to the tokenizer that made them, so a request that holds them
 * can be forwarded but not answered by another model.
 */
export function requireTexts(request: EmbeddingsRequest): readonly string[] {
  if (request.input.kind === "texts") return request.input.texts;
  throw invalid(
    "input",
    `must be text for the model '${request.model}'; token arrays cannot be decoded here (most clients have a setting that sends text instead)`,
  );
}

export interface RenderedEmbeddings {
  readonly object: "list";
  readonly data: readonly {
    readonly object: "embedding";
    readonly index: number;
    readonly embedding: readonly number[] | string;
  }[];
  readonly model: string;
  readonly usage: { readonly prompt_tokens: number; readonly total_tokens: number };
}

/** `vectors` in the order of the inputs. */
export function renderEmbeddings(
  vectors: readonly Float32Array[],
  options: {
    readonly model: string;
    readonly encodingFormat: "float" | "base64";
    readonly promptTokens: number;
  },
): RenderedEmbeddings {
  return {
    object: "list",
    data: vectors.map((vector, index) => ({
      object: "embedding",
      index,
      embedding: options.encodingFormat === "base64" ? toBase64(vector) : Array.from(vector),
    })),
    model: options.model,
    usage: { prompt_tokens: options.promptTokens, total_tokens: options.promptTokens },
  };
}

/** Little-endian float32, whatever the machine's own order. */
function toBase64(vector: Float32Array): string {
  const view = new DataView(new ArrayBuffer(4 * vector.length));
  for (const [i, value] of vector.entries()) view.setFloat32(4 * i, value, true);
  let binary = "";
  for (let i = 0; i < view.byteLength; i++) binary += String.fromCharCode(view.getUint8(i));
  return btoa(binary);
}

function parseInput(input: unknown): EmbeddingInput {
  if (typeof input === "string") return { kind: "texts", texts: [checkText(input, "input")] };
  if (!Array.isArray(input))
    throw invalid("input", "must be a string, an array of strings or of tokens");
  const items: readonly unknown[] = input;
  if (items.length === 0) throw invalid("input", "must not be empty");
  if (isTokens(items)) return { kind: "tokens", tokens: [items] };
  if (items.length > MAX_INPUTS) throw invalid("input", `must hold at most ${MAX_INPUTS} inputs`);
  if (items.every(isTokens)) return { kind: "tokens", tokens: items };
  return { kind: "texts", texts: items.map((item, i) => checkText(item, `input[${i}]`)) };
}

function checkText(text: unknown, param: string): string {
  if (typeof text !== "string") throw invalid(param, "must be a string");
  if (text === "") throw invalid(param, "must not be an empty string");
  if (text.length > MAX_TEXT_LENGTH) {
    throw invalid(param, `must be at most ${MAX_TEXT_LENGTH} characters long`);
  }
  return text;
}

function isTokens(value: unknown): value is readonly number[] {
  return Array.isArray(value) && value.length > 0 && value.every(isToken);
}

function isToken(value: unknown): boolean {
  return typeof value === "number" && Number.isInteger(value) && value >= 0;
}

function isPositiveInteger(value: unknown): value is number {
  return typeof value === "number" && Number.isInteger(value) && value > 0;
}

function invalid(param: string, what: string): GatewayError {
  return new GatewayError("invalid_request", `'${param}' ${what}.`, { param });
}

// Reads a request body without trusting it: a counter while it streams in, a linear scan before JSON.parse, and no key
// that could reach an object's prototype later.
import { type Wait, withDeadline } from "../upstream/deadline.ts";
import { GatewayError } from "./errors.ts";
import { isObject } from "./json.ts";

const MIB = 1 << 20;

/** Part types whose data makes a body larger than text can be. */
const MEDIA_MARKERS = ['"image_url"', '"input_image"', '"input_audio"', '"file_data"'];

/** Keys that change a prototype when a parsed object is copied key by key. */
const FORBIDDEN_KEYS = new Set(["__proto__", "constructor", "prototype"]);

export interface JsonLimits {
  /** Deepest nesting; deeper values also break structured clone on their way to a Durable Object. */
  readonly maxDepth?: number;
  /** Upper bound on the number of values. Raise it only where long arrays are normal (tokens to embed). */
  readonly maxNodes?: number;
}

export interface BodyLimits extends JsonLimits {
  readonly maxBytes?: number;
  /** Holds once an image, audio or file part was seen within the first `maxBytes`. */
  readonly maxBytesWithMedia?: number;
  readonly uploadTimeoutMs?: number;
}

export interface JsonBody {
  /** The bytes as received, for forwarding unchanged. */
  readonly raw: Uint8Array<ArrayBuffer>;
  readonly json: Record<string, unknown>;
}

/** Errors: 400 for anything that is not a JSON object in UTF-8, 408 for a slow upload, 413 past the limit. */
export async function readJsonBody(
  request: Request,
  wait: Wait,
  limits: BodyLimits = {},
): Promise<JsonBody> {
  refuseOtherTypes(request.headers);
  const raw = await readBody(request, wait, limits);
  return { raw, json: parseJsonObject(raw, limits) };
}

/** The bytes of a body of any type. Errors: 400 for a compressed one, 408 for a slow upload, 413 past the limit. */
export async function readBody(
  request: Request,
  wait: Wait,
  { uploadTimeoutMs = 60_000, ...limits }: BodyLimits = {},
): Promise<Uint8Array<ArrayBuffer>> {
  refuseEncodings(request.headers);
  const upload = await withDeadline(
    (signal) => readBytes(request, limits, signal),
    uploadTimeoutMs,
    wait,
  );
  if (!upload.ok && upload.reason === "timeout") {
    throw new GatewayError(
      "request_timeout",
      `The request body took longer than ${uploadTimeoutMs} ms.`,
    );
  }
  if (!upload.ok) {
    if (upload.error instanceof GatewayError) throw upload.error;
    throw new GatewayError("invalid_request", "The request body could not be read.", {
      cause: upload.error,
    });
  }
  return upload.value;
}

/** Parses untrusted bytes into a plain object; see `readJsonBody` for errors. */
export function parseJsonObject(
  bytes: Uint8Array,
  limits: JsonLimits = {},
): Record<string, unknown> {
  const keysWritten = scanJson(bytes, limits);
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: false }).decode(bytes);
  } catch {
    throw new GatewayError("invalid_request", "The request body is not valid UTF-8.");
  }
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    // The engine's message quotes the input, which may be somebody's prompt.
    throw new GatewayError("invalid_request", "The request body is not valid JSON.", {
      cause: error,
    });
  }
  if (!isObject(json)) {
    throw new GatewayError("invalid_request", "The request body must be a JSON object.");
  }
  // A repeated key is read differently by different parsers, so we and the upstream could see two requests.
  if (countKeys(json, "") !== keysWritten) {
    throw new GatewayError("invalid_request", "The request body repeats a key in one object.");
  }
  return json;
}

/**
 * One pass over the bytes, before any allocation: refuses nesting deeper than `maxDepth` and more than `maxNodes`
 * values (counted from above: containers + commas + 1). Returns how many keys are written. It does not validate.
 */
export function scanJson(
  bytes: Uint8Array,
  { maxDepth = 64, maxNodes = 10_000 }: JsonLimits = {},
): number {
  let depth = 0;
  let nodes = 1;
  let keys = 0;
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i] ?? 0;
    switch (byte) {
      case 0x22: // "
        i = endOfString(bytes, i);
        break;
      case 0x7b: // {
      case 0x5b: // [
        nodes++;
        if (++depth > maxDepth) {
          throw new GatewayError(
            "invalid_request",
            `The JSON is nested deeper than ${maxDepth} levels.`,
          );
        }
        break;
      case 0x7d: // }
      case 0x5d: // ]
        depth--;
        break;
      case 0x2c: // ,
        nodes++;
        break;
      case 0x3a: // :
        keys++;
        break;
      default:
    }
    if (nodes > maxNodes) {
      throw new GatewayError("invalid_request", `The JSON has more than ${maxNodes} values.`);
    }
  }
  return keys;
}

/** Index of the quote that closes the string opened at `start`; the native search makes megabytes of base64 cheap. */
function endOfString(bytes: Uint8Array, start: number): number {
  let quote = start;
  for (;;) {
    quote = bytes.indexOf(0x22, quote + 1);
    if (quote === -1) return bytes.length;
    let backslashes = 0;
    while (bytes[quote - 1 - backslashes] === 0x5c) backslashes++;
    if (backslashes % 2 === 0) return quote;
  }
}

/** Number of keys in all objects of a parsed value. Throws 400 on a forbidden one. Depth is bounded by the scan. */
function countKeys(value: unknown, path: string): number {
  if (typeof value !== "object" || value === null) return 0;
  let count = 0;
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i++) count += countKeys(value[i], `${path}[${i}]`);
    return count;
  }
  for (const [key, child] of Object.entries(value)) {
    const childPath = path === "" ? key : `${path}.${key}`;
    if (FORBIDDEN_KEYS.has(key)) {
      throw new GatewayError("invalid_request", `The key '${key}' is not allowed.`, {
        param: childPath,
      });
    }
    count += 1 + countKeys(child, childPath);
  }
  return count;
}

async function readBytes(
  request: Request,
  { maxBytes = MIB, maxBytesWithMedia = 8 * MIB }: BodyLimits,
  signal: AbortSignal,
): Promise<Uint8Array<ArrayBuffer>> {
  const declared = Number(request.headers.get("content-length") ?? 0);
  if (declared > maxBytesWithMedia) throw tooLarge(maxBytesWithMedia);
  if (request.body === null) return new Uint8Array(0);
  const reader = request.body.getReader();
  // An abandoned upload must not go on filling buffers.
  const stop = () => void reader.cancel().catch(() => {});
  signal.addEventListener("abort", stop);
  const chunks: Uint8Array[] = [];
  let length = 0;
  let limit = maxBytes;
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return concatenate(chunks, length);
      chunks.push(value);
      length += value.length;
      if (length > limit && limit < maxBytesWithMedia && hasMedia(chunks, maxBytes)) {
        limit = maxBytesWithMedia;
      }
      if (length > limit) {
        stop();
        throw tooLarge(limit);
      }
    }
  } finally {
    signal.removeEventListener("abort", stop);
  }
}

function hasMedia(chunks: readonly Uint8Array[], within: number): boolean {
  const length = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
  const text = new TextDecoder("latin1").decode(concatenate(chunks, length).subarray(0, within));
  return MEDIA_MARKERS.some((marker) => text.includes(marker));
}

function concatenate(chunks: readonly Uint8Array[], length: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  let offset = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, offset);
    offset += chunk.length;
  }
  return bytes;
}

function tooLarge(limit: number): GatewayError {
  return new GatewayError("request_too_large", `The request body is larger than ${limit} bytes.`);
}

function refuseEncodings(headers: Headers): void {
  const encoding = headers.get("content-encoding");
  if (encoding !== null && encoding.toLowerCase() !== "identity") {
    throw new GatewayError("invalid_request", "Compressed request bodies are not accepted.");
  }
}

function refuseOtherTypes(headers: Headers): void {
  const type = headers.get("content-type");
  if (type !== null && !/^application\/([\w.-]+\+)?json\s*(;|$)/i.test(type)) {
    throw new GatewayError(
      "invalid_request",
      "Send the request with content-type: application/json.",
    );
  }
}

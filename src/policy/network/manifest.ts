// The signed statement about one published policy: which weights, for which network, trained how, valid until when.
// One canonical form, so that there is exactly one byte string to sign, hash and compare.
import { decodeFloats } from "../half.ts";
import { type Bytes, fromAscii, toAscii } from "./bytes.ts";
import { type Schedule } from "./diffusion.ts";
import { type NetworkConfig, graphShapes } from "./layout.ts";
import { CORRELATION_SIZE, EMBEDDING_SIZE, type PolicyInput } from "./policy.ts";

/** A known input and its logits; base64 of little-endian float32. */
export interface GoldenVector {
  /** [768] */
  readonly f: string;
  /** [30] */
  readonly c: string;
  readonly omega: number;
  /** [T+1, A] */
  readonly noise: string;
  /** [A] */
  readonly logits: string;
}

export interface Manifest {
  readonly format: 1;
  /** Rises with every publication; going back means publishing old weights under a new number. */
  readonly version: number;
  /** SHA-256 of the canonical manifest before this one, or null for the first. */
  readonly previous: string | null;
  /** For headers and receipts, e.g. "dlrs-l10". */
  readonly name: string;
  /** Only releases are served; a candidate waits for its gate. */
  readonly role: "candidate" | "release";
  readonly blob: { readonly sha256: string; readonly size: number };
  /** SHA-256 of the graph without its float values. */
  readonly skeleton: string;
  readonly shapes: Readonly<Record<string, string>>;
  readonly network: NetworkConfig;
  /** Constants with which c was normalised in training. `distanceQuantiles` 1: distances as quantiles, f all zeros. */
  readonly normaliser: Readonly<Record<string, number>>;
  /** Embedder id, or "*" for a policy that works from distances as quantiles. */
  readonly embedder: string;
  readonly resolverVersion: number;
  readonly golden: readonly GoldenVector[];
  readonly trainingEpoch: number;
  /** Milliseconds since the epoch. */
  readonly created: number;
  readonly expires: number;
  /** What the publication gate measured; empty for weights that no gate has seen. */
  readonly gate: Readonly<Record<string, number | string>>;
}

export interface Signature {
  readonly keyId: string;
  /** Ed25519 over the canonical manifest, hex. */
  readonly signature: string;
}

/** The file m/<version>.json. */
export interface Envelope {
  readonly manifest: Manifest;
  readonly signatures: readonly Signature[];
}

/** The file current.json: the only object in the bucket that changes. */
export interface Pointer {
  readonly version: number;
}

/** What a network was trained to be fed. */
export const inputOf = ({ normaliser }: Pick<Manifest, "normaliser">): PolicyInput =>
  normaliser["distanceQuantiles"] === 1 ? "quantiles" : "embedding";

export const POINTER_KEY = "current.json";
export const manifestKey = (version: number): string => `m/${version}.json`;
export const blobKey = (sha256: string): string => `w/${sha256}`;

export const MAX_MANIFEST_BYTES = 64 * 1024;
const MAX_POINTER_BYTES = 256;
/** One publication may not skip further: a stolen key must not be able to use up the version numbers. */
export const MAX_VERSION_STEP = 1000;
const MAX_VERSION = 2 ** 31;

/** Whether a reader that accepted `last` may accept `next`. */
export const followsVersion = (next: number, last: number): boolean =>
  next > last && next <= last + MAX_VERSION_STEP;

/** Keys sorted, no white space, everything outside printable ASCII escaped. Numbers as JSON.stringify writes them. */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(",")}]`;
  if (typeof value === "object" && value !== null) {
    const entries = Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1));
    return `{${entries.map(([key, item]) => `${canonicalJson(key)}:${canonicalJson(item)}`).join(",")}}`;
  }
  return JSON.stringify(value).replaceAll(
    /[^\u0020-\u007e]/g,
    (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

export const canonicalBytes = (value: Manifest | Envelope | Pointer): Bytes =>
  fromAscii(canonicalJson(value));

/** null unless `value` is an envelope with exactly the known fields, each of its type and in its range. */
export function parseEnvelope(value: unknown): Envelope | null {
  if (!hasFields(value, ["manifest", "signatures"])) return null;
  const { manifest, signatures } = value;
  const signed =
    Array.isArray(signatures) && signatures.length <= 8 && signatures.every(isSignature);
  return signed && isManifest(manifest) ? { manifest, signatures } : null;
}

/** Version in the file current.json; null when the bytes are no pointer. */
export function pointerVersion(bytes: Uint8Array): number | null {
  const pointer = bytes.length <= MAX_POINTER_BYTES ? parseAscii(bytes) : null;
  return hasFields(pointer, ["version"]) && isVersion(pointer["version"])
    ? pointer["version"]
    : null;
}

/** null when the bytes are not JSON in ASCII. */
export function parseAscii(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(toAscii(bytes) ?? "null");
  } catch {
    return null;
  }
}

function isManifest(value: unknown): value is Manifest {
  if (!hasFields(value, MANIFEST_FIELDS) || !isNetwork(value["network"])) return false;
  const network = value["network"];
  const { previous, blob, golden } = value;
  return (
    value["format"] === 1 &&
    isVersion(value["version"]) &&
    (previous === null || isHash(previous)) &&
    isName(value["name"]) &&
    (value["role"] === "candidate" || value["role"] === "release") &&
    hasFields(blob, ["sha256", "size"]) &&
    isHash(blob["sha256"]) &&
    isCount(blob["size"]) &&
    isHash(value["skeleton"]) &&
    // Flat first: lists in lists of an unsigned file could nest deeper than a comparison has stack for.
    isRecord(value["shapes"]) &&
    Object.values(value["shapes"]).every((shape) => typeof shape === "string") &&
    canonicalJson(value["shapes"]) === canonicalJson(graphShapes(network)) &&
    isRecord(value["normaliser"]) &&
    Object.values(value["normaliser"]).every(Number.isFinite) &&
    isName(value["embedder"]) &&
    isCount(value["resolverVersion"]) &&
    Array.isArray(golden) &&
    golden.length > 0 &&
    golden.length <= 8 &&
    golden.every((vector) => isGolden(vector, network)) &&
    isCount(value["trainingEpoch"]) &&
    isCount(value["created"]) &&
    isCount(value["expires"]) &&
    isRecord(value["gate"]) &&
    Object.values(value["gate"]).every((v) => typeof v === "string" || Number.isFinite(v))
  );
}

const MANIFEST_FIELDS = (
  "blob created embedder expires format gate golden name network normaliser previous resolverVersion role " +
  "shapes skeleton trainingEpoch version"
).split(" ");

function isNetwork(value: unknown): value is NetworkConfig {
  if (!isRecord(value)) return false;
  // Fields that came later: where they are absent, layout.ts says what that means.
  const later = ["extractor", "head", "hidden"].filter((field) => Object.hasOwn(value, field));
  const fields = ["actions", "clipX0", "schedule", "steps", "tanhEps", ...later].toSorted();
  if (!hasFields(value, fields)) return false;
  const { actions, clipX0, schedule, steps, tanhEps } = value;
  const { head = "diffusion", extractor = "transformer", hidden = 256 } = value;
  return (
    (actions === 2 || actions === 3) &&
    isCount(steps) &&
    steps >= (head === "mlp" ? 0 : 1) &&
    steps <= 64 &&
    (head === "diffusion" || head === "mlp") &&
    (extractor === "transformer" || extractor === "raw") &&
    (hidden === 256 || hidden === 384) &&
    typeof tanhEps === "boolean" &&
    (clipX0 === null || (isPositive(clipX0) && clipX0 <= 100)) &&
    isSchedule(schedule)
  );
}

function isSchedule(value: unknown): value is Schedule {
  if (hasFields(value, ["end", "kind", "start"]))
    return (
      value["kind"] === "linear" &&
      [value["start"], value["end"]].every((beta) => isPositive(beta) && beta < 1)
    );
  if (hasFields(value, ["kind", "max", "min"]))
    return value["kind"] === "vp" && isPositive(value["min"]) && isPositive(value["max"]);
  return (
    hasFields(value, ["kind", "offset"]) &&
    value["kind"] === "cosine" &&
    isPositive(value["offset"])
  );
}

function isGolden(value: unknown, { actions, steps }: NetworkConfig): value is GoldenVector {
  if (!hasFields(value, ["c", "f", "logits", "noise", "omega"])) return false;
  const floats = (key: string, length: number) => {
    const values = floatsIn(value[key]);
    return values?.length === length && values.every(Number.isFinite);
  };
  return (
    floats("f", EMBEDDING_SIZE) &&
    floats("c", CORRELATION_SIZE) &&
    floats("noise", (steps + 1) * actions) &&
    floats("logits", actions) &&
    Number.isFinite(value["omega"])
  );
}

function floatsIn(value: unknown): Float32Array | null {
  if (typeof value !== "string") return null;
  try {
    return decodeFloats(value);
  } catch {
    return null;
  }
}

const isSignature = (value: unknown): value is Signature =>
  hasFields(value, ["keyId", "signature"]) &&
  isName(value["keyId"]) &&
  typeof value["signature"] === "string" &&
  /^[0-9a-f]{128}$/.test(value["signature"]);

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** @param fields all fields, sorted; no other may be present */
const hasFields = (
  value: unknown,
  fields: readonly string[],
): value is Readonly<Record<string, unknown>> =>
  isRecord(value) && Object.keys(value).toSorted().join(" ") === fields.join(" ");

const isCount = (value: unknown): value is number =>
  typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
const isVersion = (value: unknown): value is number =>
  isCount(value) && value >= 1 && value <= MAX_VERSION;
const isPositive = (value: unknown): value is number =>
  typeof value === "number" && Number.isFinite(value) && value > 0;
const isName = (value: unknown): value is string =>
  typeof value === "string" && /^[\u0020-\u007e]{1,100}$/.test(value);
const isHash = (value: unknown): value is string =>
  typeof value === "string" && /^[0-9a-f]{64}$/.test(value);

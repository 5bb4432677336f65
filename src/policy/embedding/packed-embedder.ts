// The embedder as one file beside the code: a line of JSON, then hashes (uint32), weights (fp16) and rows (int8) of the
// known features. The rounded numbers are the embedder: whoever unpacks them computes with exactly these.
import { packHalf, unpackHalf } from "../half.ts";
import { fromAscii, toAscii } from "../network/bytes.ts";
import { mix } from "./features.ts";
import {
  type BuiltInEmbedder,
  DIMENSIONS,
  type Gains,
  SUBWORD_MODEL,
  SubwordEmbedder,
  type SubwordWeights,
} from "./subword-embedder.ts";

const FORMAT = "velo-embedder-1";
const NEW_LINE = 10;
const GAINS = [
  "word",
  "number",
  "character",
  "gram",
  "capital",
  "grams",
  "wordPair",
  "characterPair",
] as const satisfies readonly (keyof Gains)[];

interface Head {
  readonly format: string;
  readonly id: string;
  readonly gains: Gains;
  readonly width: number;
  readonly features: number;
  readonly rowScale: number;
  readonly checksum: number;
}

/** Throws RangeError when the weights do not fit together. */
export function packEmbedder(packed: SubwordWeights): Uint8Array<ArrayBuffer> {
  const { gains, width, features, weights, rows, rowScale } = packed;
  const count = features.length;
  if (weights.length !== count || rows.length !== count * width)
    throw new RangeError(
      `${count} features, but ${weights.length} weights and ${rows.length} numbers`,
    );
  const body = new Uint8Array(count * (6 + width));
  const view = new DataView(body.buffer);
  for (const [i, hash] of features.entries()) view.setUint32(4 * i, hash, true);
  body.set(packHalf(weights), 4 * count);
  body.set(new Uint8Array(rows.buffer, rows.byteOffset, rows.length), 6 * count);
  const head: Head = {
    format: FORMAT,
    id: SUBWORD_MODEL,
    gains,
    width,
    features: count,
    rowScale,
    checksum: checksumOf(body),
  };
  const line = fromAscii(`${JSON.stringify(head)}\n`);
  const bytes = new Uint8Array(line.length + body.length);
  bytes.set(line);
  bytes.set(body, line.length);
  return bytes;
}

/** Throws RangeError when the bytes are no packed embedder, are cut short or damaged. */
export function unpackWeights(bytes: Uint8Array): SubwordWeights {
  const end = bytes.indexOf(NEW_LINE);
  const head = end > 0 ? headOf(toAscii(bytes.subarray(0, end))) : null;
  if (head === null) throw new RangeError("these bytes are no packed embedder");
  const { gains, width, features: count, rowScale, checksum } = head;
  const body = bytes.subarray(end + 1);
  if (body.length !== count * (6 + width))
    throw new RangeError(`${body.length} bytes of weights instead of ${count * (6 + width)}`);
  if (checksumOf(body) !== checksum)
    throw new RangeError("the embedder's weights are damaged: their checksum differs");
  const view = new DataView(body.buffer, body.byteOffset, body.length);
  const features = new Uint32Array(count);
  for (let i = 0; i < count; i++) features[i] = view.getUint32(4 * i, true);
  return {
    gains,
    width,
    features,
    weights: unpackHalf(new DataView(body.buffer, body.byteOffset + 4 * count, 2 * count)),
    // A copy, so that the caller may reuse its bytes; the slice of a Buffer would share them.
    rows: new Int8Array(body.buffer, body.byteOffset + 6 * count, count * width).slice(),
    rowScale,
  };
}

/** Throws RangeError when the bytes are no packed embedder, are cut short or damaged. */
export const unpackEmbedder = (bytes: Uint8Array): BuiltInEmbedder =>
  new SubwordEmbedder(unpackWeights(bytes));

/** Finds accidents, not attacks: the file is part of the deployment. */
function checksumOf(bytes: Uint8Array): number {
  let state = 0x811c9dc5;
  for (let i = 0; i < bytes.length; i++) state = Math.imul(state ^ bytes[i]!, 0x01000193);
  return mix(state);
}

function headOf(line: string | null): Head | null {
  if (line === null) return null;
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return null;
  }
  return isHead(value) ? value : null;
}

function isHead(value: unknown): value is Head {
  if (!isRecord(value) || value["format"] !== FORMAT || value["id"] !== SUBWORD_MODEL) return false;
  const { gains, width, features, rowScale, checksum } = value;
  return (
    isRecord(gains) &&
    GAINS.every((name) => Number.isFinite(gains[name])) &&
    isCount(width) &&
    width < DIMENSIONS &&
    isCount(features) &&
    Number.isFinite(rowScale) &&
    isCount(checksum)
  );
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null;

const isCount = (value: unknown): value is number =>
  typeof value === "number" && Number.isSafeInteger(value) && value >= 0;

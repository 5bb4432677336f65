// Embeddings travel as base64 of little-endian fp16 (experiences) or fp32 (new rows). They are rounded to fp16 before
// the policy sees them, so that what is stored is exactly what was used.

import { type Bytes } from "./network/bytes.ts";

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/** The same values, rounded to the nearest fp16 (ties to even); beyond 65519 becomes infinite, NaN stays. */
export function roundToHalf(values: Float32Array): Float32Array {
  return values.map((value) => fromHalf(toHalf(value)));
}

/** base64 of 2 n bytes, little endian. */
export const encodeHalf = (values: Float32Array): string => toBase64(packHalf(values));

/** Throws RangeError when the text is not base64 of whole fp16 values. */
export const decodeHalf = (base64: string): Float32Array => unpackHalf(bytesOf(base64, 2));

/** n values as 2 n bytes, little endian. */
export function packHalf(values: Float32Array): Bytes {
  const view = new DataView(new ArrayBuffer(2 * values.length));
  for (let i = 0; i < values.length; i++) view.setUint16(2 * i, toHalf(values[i]!), true);
  return new Uint8Array(view.buffer);
}

/** The values of whole fp16 numbers, little endian. */
export function unpackHalf(view: DataView): Float32Array {
  const values = new Float32Array(view.byteLength / 2);
  for (let i = 0; i < values.length; i++) values[i] = fromHalf(view.getUint16(2 * i, true));
  return values;
}

/** base64 of 4 n bytes, little endian. */
export function encodeFloats(values: Float32Array): string {
  const view = new DataView(new ArrayBuffer(4 * values.length));
  for (let i = 0; i < values.length; i++) view.setFloat32(4 * i, values[i]!, true);
  return toBase64(new Uint8Array(view.buffer));
}

/** Throws RangeError when the text is not base64 of whole fp32 values. */
export function decodeFloats(base64: string): Float32Array {
  const view = bytesOf(base64, 4);
  const values = new Float32Array(view.byteLength / 4);
  for (let i = 0; i < values.length; i++) values[i] = view.getFloat32(4 * i, true);
  return values;
}

const scratch = new DataView(new ArrayBuffer(4));

/** IEEE 754 binary32 -> binary16 bits: 1 sign, 5 exponent (bias 15), 10 fraction. */
function toHalf(value: number): number {
  scratch.setFloat32(0, value);
  const bits = scratch.getUint32(0);
  const sign = (bits >>> 16) & 0x8000;
  const exponent = ((bits >>> 23) & 0xff) - 127 + 15;
  const fraction = bits & 0x7fffff;
  if (exponent >= 0xff - 127 + 15) return sign | 0x7c00 | (fraction === 0 ? 0 : 0x200);
  if (exponent >= 0x1f) return sign | 0x7c00;
  if (exponent > 0) return sign | roundShift((exponent << 23) | fraction, 13);
  // Subnormal: the hidden bit becomes visible and moves right; below half of 2^-24 nothing is left.
  if (exponent < -10) return sign;
  return sign | roundShift(fraction | 0x800000, 14 - exponent);
}

/** value >> shift, to nearest, ties to even; a carry out of the fraction correctly raises the exponent. */
function roundShift(value: number, shift: number): number {
  const kept = value >>> shift;
  const rest = value & ((1 << shift) - 1);
  const tie = 1 << (shift - 1);
  return rest > tie || (rest === tie && (kept & 1) === 1) ? kept + 1 : kept;
}

function fromHalf(half: number): number {
  const sign = half & 0x8000 ? -1 : 1;
  const exponent = (half >>> 10) & 0x1f;
  const fraction = half & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 0x1f) return fraction === 0 ? sign * Infinity : NaN;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

function toBase64(bytes: Uint8Array): string {
  let text = "";
  for (let i = 0; i < bytes.length; i += 3) {
    const word = (bytes[i]! << 16) | ((bytes[i + 1] ?? 0) << 8) | (bytes[i + 2] ?? 0);
    text += ALPHABET[word >>> 18]! + ALPHABET[(word >>> 12) & 63]!;
    text += i + 1 < bytes.length ? ALPHABET[(word >>> 6) & 63]! : "=";
    text += i + 2 < bytes.length ? ALPHABET[word & 63]! : "=";
  }
  return text;
}

const SIXBITS = new Map(ALPHABET.split("").map((letter, value) => [letter, value]));

function bytesOf(base64: string, itemSize: number): DataView {
  const length = base64.endsWith("==")
    ? base64.length - 2
    : base64.length - Number(base64.endsWith("="));
  if (base64.length % 4 !== 0) throw new RangeError(`base64 of ${base64.length} characters`);
  const bytes = new Uint8Array(Math.floor((length * 3) / 4));
  if (bytes.length % itemSize !== 0)
    throw new RangeError(`${bytes.length} bytes are no whole number of ${itemSize}-byte values`);
  let word = 0;
  let at = 0;
  for (let i = 0; i < length; i++) {
    const sixBits = SIXBITS.get(base64[i]!);
    if (sixBits === undefined) throw new RangeError(`not base64 at character ${i}`);
    word = ((word << 6) | sixBits) & 0xffffff;
    if (i % 4 !== 0) bytes[at++] = word >>> (6 - 2 * (i % 4));
  }
  return new DataView(bytes.buffer);
}

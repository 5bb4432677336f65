// The inner loops of the TypeScript pass. Sums run in double precision and are stored as float32.
import { LAYER_NORM_EPSILON, type Weights } from "./layout.ts";

/** A linear layer with its matrix turned to [out, in]: each output is then one run through memory. */
export interface Dense {
  readonly inputs: number;
  readonly outputs: number;
  readonly w: Float32Array;
  readonly b: Float32Array;
}

export interface Norm {
  readonly gain: Float32Array;
  readonly bias: Float32Array;
}

/** Rows fromRow.. of `<name>.w` with the bias of that layer. Throws when the weights lack it. */
export function denseOf(
  weights: Weights,
  name: string,
  [inputs, outputs]: readonly [number, number],
  fromRow = 0,
): Dense {
  const w = transposed(valuesOf(weights, `${name}.w`), inputs, outputs, fromRow);
  return { inputs, outputs, w, b: valuesOf(weights, `${name}.b`) };
}

export const normOf = (weights: Weights, name: string): Norm => ({
  gain: valuesOf(weights, `${name}.gain`),
  bias: valuesOf(weights, `${name}.bias`),
});

export function valuesOf(weights: Weights, name: string): Float32Array {
  const values = weights.get(name);
  if (values === undefined) throw new Error(`weights lack ${name}`);
  return values;
}

/**
 * out [rows, outputs] = x [rows, inputs] w' + b. Two rows by four outputs at a time: six loads then feed eight
 * multiplications, which is what the engine's time goes to.
 */
export function apply(layer: Dense, x: Float32Array, out: Float32Array, rows: number): void {
  const { inputs: n, outputs, w, b } = layer;
  const fours = outputs & ~3;
  const twos = rows & ~1;
  for (let o = 0; o < fours; o += 4) {
    const w0 = o * n;
    for (let row = 0; row < twos; row += 2) tile(layer, x, out, row, w0);
    for (let row = twos; row < rows; row++) {
      const at = row * n;
      let s0 = b[o]!;
      let s1 = b[o + 1]!;
      let s2 = b[o + 2]!;
      let s3 = b[o + 3]!;
      for (let i = 0; i < n; i++) {
        const value = x[at + i]!;
        s0 += value * w[w0 + i]!;
        s1 += value * w[w0 + n + i]!;
        s2 += value * w[w0 + 2 * n + i]!;
        s3 += value * w[w0 + 3 * n + i]!;
      }
      const to = row * outputs + o;
      out[to] = s0;
      out[to + 1] = s1;
      out[to + 2] = s2;
      out[to + 3] = s3;
    }
  }
  for (let o = fours; o < outputs; o++)
    for (let row = 0; row < rows; row++) {
      let sum = b[o]!;
      for (let i = 0; i < n; i++) sum += x[row * n + i]! * w[o * n + i]!;
      out[row * outputs + o] = sum;
    }
}

/** Rows row, row + 1 and the four outputs whose weights begin at w0. */
function tile(
  { inputs: n, outputs, w, b }: Dense,
  x: Float32Array,
  out: Float32Array,
  row: number,
  w0: number,
): void {
  const o = w0 / n;
  const at = row * n;
  let s0 = b[o]!;
  let s1 = b[o + 1]!;
  let s2 = b[o + 2]!;
  let s3 = b[o + 3]!;
  let t0 = s0;
  let t1 = s1;
  let t2 = s2;
  let t3 = s3;
  for (let i = 0; i < n; i++) {
    const u = x[at + i]!;
    const v = x[at + n + i]!;
    const a = w[w0 + i]!;
    const c = w[w0 + n + i]!;
    const d = w[w0 + 2 * n + i]!;
    const e = w[w0 + 3 * n + i]!;
    s0 += u * a;
    s1 += u * c;
    s2 += u * d;
    s3 += u * e;
    t0 += v * a;
    t1 += v * c;
    t2 += v * d;
    t3 += v * e;
  }
  const to = row * outputs + o;
  out[to] = s0;
  out[to + 1] = s1;
  out[to + 2] = s2;
  out[to + 3] = s3;
  out[to + outputs] = t0;
  out[to + outputs + 1] = t1;
  out[to + outputs + 2] = t2;
  out[to + outputs + 3] = t3;
}

export function normalise(
  x: Float32Array,
  { gain, bias }: Norm,
  size: number,
  out: Float32Array,
): void {
  for (let at = 0; at < x.length; at += size) {
    let mean = 0;
    for (let i = 0; i < size; i++) mean += x[at + i]!;
    mean /= size;
    let variance = 0;
    for (let i = 0; i < size; i++) variance += (x[at + i]! - mean) ** 2;
    const scale = 1 / Math.sqrt(variance / size + LAYER_NORM_EPSILON);
    for (let i = 0; i < size; i++) out[at + i] = (x[at + i]! - mean) * scale * gain[i]! + bias[i]!;
  }
}

/** x tanh(softplus(x)) = x n / (n + 2) with n = e^x (e^x + 2); beyond 20 the factor is 1 in float32. */
export function mishInPlace(x: Float32Array): void {
  for (let i = 0; i < x.length; i++) {
    const e = Math.exp(Math.min(x[i]!, 20));
    const n = e * (e + 2);
    x[i]! *= n / (n + 2);
  }
}

export function geluInPlace(x: Float32Array): void {
  const scale = Math.sqrt(2 / Math.PI);
  for (let i = 0; i < x.length; i++) {
    const value = x[i]!;
    x[i] = 0.5 * value * (1 + Math.tanh(scale * (value + 0.044_715 * value ** 3)));
  }
}

export function softmax(logits: Float32Array): Float32Array {
  const out = new Float32Array(logits.length);
  softmaxInto(logits, out);
  return out;
}

export function softmaxInto(x: Float32Array, out: Float32Array): void {
  let max = -Infinity;
  for (const value of x) max = Math.max(max, value);
  let sum = 0;
  for (let i = 0; i < x.length; i++) sum += out[i] = Math.exp(x[i]! - max);
  for (let i = 0; i < x.length; i++) out[i]! /= sum;
}

/** Rows fromRow.. of a [in, out] matrix as [out, inputs]. */
function transposed(w: Float32Array, inputs: number, outputs: number, fromRow: number) {
  const out = new Float32Array(inputs * outputs);
  for (let i = 0; i < inputs; i++)
    for (let o = 0; o < outputs; o++) out[o * inputs + i] = w[(fromRow + i) * outputs + o]!;
  return out;
}

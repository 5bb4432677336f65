// The inner loops of the TypeScript pass. Sums run in double precision and are stored as float32.
import { LAYER_NORM_EPSILON } from "./layout.ts";

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

/** out [rows, outputs] = x [rows, inputs] w' + b. Four sums at a time keep the multiplier busy; rows share the weights. */
export function apply(layer: Dense, x: Float32Array, out: Float32Array, rows: number): void {
  const { inputs, outputs, w, b } = layer;
  const fours = inputs & ~3;
  for (let o = 0; o < outputs; o++) {
    const from = o * inputs;
    const bias = b[o]!;
    for (let row = 0; row < rows; row++) {
      const at = row * inputs;
      let s0 = 0;
      let s1 = 0;
      let s2 = 0;
      let s3 = 0;
      let i = 0;
      for (; i < fours; i += 4) {
        s0 += x[at + i]! * w[from + i]!;
        s1 += x[at + i + 1]! * w[from + i + 1]!;
        s2 += x[at + i + 2]! * w[from + i + 2]!;
        s3 += x[at + i + 3]! * w[from + i + 3]!;
      }
      for (; i < inputs; i++) s0 += x[at + i]! * w[from + i]!;
      out[row * outputs + o] = bias + s0 + s1 + s2 + s3;
    }
  }
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
export function transposed(w: Float32Array, inputs: number, outputs: number, fromRow: number) {
  const out = new Float32Array(inputs * outputs);
  for (let i = 0; i < inputs; i++)
    for (let o = 0; o < outputs; o++) out[o * inputs + i] = w[(fromRow + i) * outputs + o]!;
  return out;
}

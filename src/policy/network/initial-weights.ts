// Random start of the actor, orthogonal so that signals keep their size through nine layers (Saxe et al. 2014).
import { type NetworkConfig, type Weights, elements, parameterShapes } from "./layout.ts";

export interface InitialWeightOptions {
  /** Standard normal draws; the same stream gives the same weights. */
  readonly normal: () => number;
  /** Gain of the last layer of the head. Small: a fresh policy knows nothing and should be near uniform. */
  readonly headGain?: number;
}

export function initialWeights(
  config: NetworkConfig,
  { normal, headGain = 0.01 }: InitialWeightOptions,
): Weights {
  const weights = new Map<string, Float32Array>();
  for (const [name, dims] of parameterShapes(config)) {
    const size = elements(dims);
    if (name.endsWith(".gain")) weights.set(name, new Float32Array(size).fill(1));
    else if (name.endsWith(".w"))
      weights.set(name, orthogonal(dims[0]!, dims[1]!, gainOf(name, headGain), normal));
    else if (name === "position")
      weights.set(
        name,
        Float32Array.from({ length: size }, () => 0.02 * normal()),
      );
    else weights.set(name, new Float32Array(size));
  }
  return weights;
}

/** 5/3 in front of tanh, sqrt 2 in front of Mish and GELU, 1 elsewhere. */
function gainOf(name: string, headGain: number): number {
  if (name === "eps.out.w" || name === "head.out.w") return headGain;
  if (name.startsWith("fc")) return 5 / 3;
  return /^(eps\.|head\.|time\.in|.*ffn\.in)/.test(name) ? Math.SQRT2 : 1;
}

/**
 * [inputs, outputs] with orthogonal rows or columns, whichever are fewer (Gram-Schmidt, twice for float accuracy). A vector
 * that is ready is taken out of all later ones at once: the same operations on each as one vector after the other, to the
 * last bit, in less than half the time.
 */
export function orthogonal(
  inputs: number,
  outputs: number,
  gain: number,
  normal: () => number,
): Float32Array {
  const count = Math.min(inputs, outputs);
  const size = Math.max(inputs, outputs);
  const vectors = Array.from({ length: count }, () => Float64Array.from({ length: size }, normal));
  // By index: over entries() the runtime makes it twice as slow.
  for (let i = 0; i < count; i++) {
    const vector = vectors[i]!;
    // The first time was when each of the earlier ones was ready.
    removeInTurn(vector, vectors, i);
    const scale = 1 / Math.sqrt(dot(vector, vector));
    for (let j = 0; j < size; j++) vector[j]! *= scale;
    let next = i + 1;
    for (; next + 4 <= count; next += 4)
      removeFromFour(
        vector,
        vectors[next]!,
        vectors[next + 1]!,
        vectors[next + 2]!,
        vectors[next + 3]!,
      );
    for (; next < count; next++) remove(vectors[next]!, dot(vectors[next]!, vector), vector);
  }
  const w = new Float32Array(inputs * outputs);
  for (let i = 0; i < inputs; i++)
    for (let o = 0; o < outputs; o++)
      w[i * outputs + o] = gain * (inputs <= outputs ? vectors[i]![o]! : vectors[o]![i]!);
  return w;
}

/** Takes the first `count` units out of `vector`, one after the other; each dot product is summed up on the way. */
function removeInTurn(vector: Float64Array, units: readonly Float64Array[], count: number): void {
  if (count === 0) return;
  let along = dot(vector, units[0]!);
  for (let i = 0; i + 1 < count; i++) {
    const unit = units[i]!;
    const next = units[i + 1]!;
    let sum = 0;
    for (let j = 0; j < vector.length; j++) {
      const rest = vector[j]! - along * unit[j]!;
      vector[j] = rest;
      sum += rest * next[j]!;
    }
    along = sum;
  }
  remove(vector, along, units[count - 1]!);
}

function remove(vector: Float64Array, along: number, unit: Float64Array): void {
  for (let j = 0; j < vector.length; j++) vector[j]! -= along * unit[j]!;
}

/** Four sums side by side: one alone waits for each of its additions. */
function removeFromFour(
  unit: Float64Array,
  a: Float64Array,
  b: Float64Array,
  c: Float64Array,
  d: Float64Array,
): void {
  const size = unit.length;
  let alongA = 0;
  let alongB = 0;
  let alongC = 0;
  let alongD = 0;
  for (let j = 0; j < size; j++) {
    const u = unit[j]!;
    alongA += a[j]! * u;
    alongB += b[j]! * u;
    alongC += c[j]! * u;
    alongD += d[j]! * u;
  }
  for (let j = 0; j < size; j++) {
    const u = unit[j]!;
    a[j]! -= alongA * u;
    b[j]! -= alongB * u;
    c[j]! -= alongC * u;
    d[j]! -= alongD * u;
  }
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}

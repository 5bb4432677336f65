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

/** [inputs, outputs] with orthogonal rows or columns, whichever are fewer (Gram-Schmidt, twice for float accuracy). */
export function orthogonal(
  inputs: number,
  outputs: number,
  gain: number,
  normal: () => number,
): Float32Array {
  const count = Math.min(inputs, outputs);
  const size = Math.max(inputs, outputs);
  const vectors: Float64Array[] = [];
  for (let i = 0; i < count; i++) {
    const vector = Float64Array.from({ length: size }, normal);
    for (let pass = 0; pass < 2; pass++)
      for (const other of vectors) {
        const along = dot(vector, other);
        for (let j = 0; j < size; j++) vector[j]! -= along * other[j]!;
      }
    const scale = 1 / Math.sqrt(dot(vector, vector));
    for (let j = 0; j < size; j++) vector[j]! *= scale;
    vectors.push(vector);
  }
  const w = new Float32Array(inputs * outputs);
  for (let i = 0; i < inputs; i++)
    for (let o = 0; o < outputs; o++)
      w[i * outputs + o] = gain * (inputs <= outputs ? vectors[i]![o]! : vectors[o]![i]!);
  return w;
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}

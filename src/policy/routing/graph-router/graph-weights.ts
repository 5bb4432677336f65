// Random start of a graph network.
import { orthogonal } from "../../network/initial-weights.ts";
import { type Shapes, type Weights, elements } from "../../network/layout.ts";

/** Orthogonal matrices, sqrt 2 in front of ReLU, small last layers: a fresh policy knows nothing and is near uniform. */
export function freshWeights(shapes: Shapes, normal: () => number): Weights {
  const weights = new Map<string, Float32Array>();
  for (const [name, dims] of shapes) {
    const size = elements(dims);
    if (name.endsWith(".gain")) weights.set(name, new Float32Array(size).fill(1));
    else if (name.endsWith(".w"))
      weights.set(name, orthogonal(dims[0]!, dims[1]!, gainOf(name), normal));
    else if (/\.(?:source|target|query)$/.test(name)) {
      const scale = 1 / Math.sqrt(dims.at(-2)!);
      weights.set(
        name,
        Float32Array.from({ length: size }, () => scale * normal()),
      );
    } else weights.set(name, new Float32Array(size));
  }
  return weights;
}

const gainOf = (name: string): number =>
  name.endsWith(".out.w") ? 0.01 : /\.(?:in|mid)\.w$/.test(name) ? Math.SQRT2 : 1;

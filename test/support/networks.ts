// Networks of every head and extractor, and weights for them that need no orthogonal matrices: those take half a second.
import {
  DEFAULT_NETWORK,
  type NetworkConfig,
  type Weights,
  elements,
  parameterShapes,
} from "../../src/policy/network/layout.ts";
import { type Random } from "../../src/policy/random.ts";

/** Short chains, so that a test of all of them takes seconds. */
export const EVERY_HEAD: readonly (readonly [string, NetworkConfig])[] = (
  ["diffusion", "mlp"] as const
).flatMap((head) =>
  (["transformer", "raw"] as const).flatMap((extractor) =>
    ([2, 3] as const).map((actions) => {
      const steps = head === "mlp" ? 0 : 3;
      const hidden = actions === 3 ? 384 : 256;
      return [
        `${head} head, ${extractor} extractor, ${actions} actions, ${hidden} wide`,
        { ...DEFAULT_NETWORK, head, extractor, actions, steps, hidden },
      ] as const;
    }),
  ),
);

/** Gains around 1, biases around 0, matrices whose rows keep a signal's size; logits far from equal. */
export function plainWeights(config: NetworkConfig, random: Random): Weights {
  const weights = new Map<string, Float32Array>();
  for (const [name, dims] of parameterShapes(config)) {
    const scale = name.endsWith(".w") ? 1.3 / Math.sqrt(dims[0]!) : 0.05;
    const mean = name.endsWith(".gain") ? 1 : 0;
    weights.set(
      name,
      Float32Array.from({ length: elements(dims) }, () => mean + scale * random.normal()),
    );
  }
  return weights;
}

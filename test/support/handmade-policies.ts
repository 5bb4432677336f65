// Networks whose weights were written by hand, so that what they do is known: all weights are zero but those on the way of
// the nearest row's distance to the noise prediction, eps_a = slope_a * 20 (d - 0.95) + constant_a. A negative eps_a makes
// the logit of a large.
import {
  DEFAULT_NETWORK,
  HIDDEN,
  type NetworkConfig,
  TIME_SIZE,
  type Weights,
  elements,
  parameterShapes,
} from "../../src/policy/network/layout.ts";

interface Handmade {
  readonly config: NetworkConfig;
  readonly weights: Weights;
}

/** Cosine 0.55, where the greedy rule turns. */
const TURN = 0.95;
const STEEP = 20;
/** Mish leaves large positive numbers as they are. */
const LIFT = 60;

function handmade(
  actions: 2 | 3,
  slopes: readonly number[],
  constants: readonly number[],
): Handmade {
  const config: NetworkConfig = { ...DEFAULT_NETWORK, actions };
  const weights = new Map<string, Float32Array>();
  for (const [name, dims] of parameterShapes(config))
    weights.set(name, new Float32Array(elements(dims)).fill(name.endsWith(".gain") ? 1 : 0));
  // Hidden unit 0 carries 20 (d - 0.95) + 60 through both layers.
  weights.get("eps.in.w")![(actions + TIME_SIZE) * HIDDEN] = STEEP;
  weights.get("eps.in.b")![0] = LIFT - STEEP * TURN;
  weights.get("eps.mid.w")![0] = 1;
  for (let a = 0; a < actions; a++) {
    weights.get("eps.out.w")![a] = slopes[a]!;
    weights.get("eps.out.b")![a] = constants[a]! - LIFT * slopes[a]!;
  }
  return { config, weights };
}

/** The cache for whatever is near, like the greedy rule. */
export const near = handmade(2, [-1, 1], [0, 0]);
/** The cache for whatever is far. */
export const inverted = handmade(2, [1, -1], [0, 0]);
/** The cache for everything. */
export const always = handmade(2, [0, 0], [20, -20]);
/** Notes for the model, whatever is asked. */
export const alwaysNotes = handmade(3, [0, 0, 0], [20, -20, 20]);

import { TWO_WAY } from "../action.ts";
import { NEIGHBOURS, type Observation, type Policy } from "./policy.ts";

/** Finite, so that probabilities are exact and the exploration floor alone decides how often the other action is tried. */
const CONFIDENT_LOGIT = 20;

/**
 * Greedy-theta (DLRS baselines): the cache iff the nearest row lies within `theta` (L2 distance of unit vectors, [0, 2]).
 * Whether such a row is served, turned into notes or refused is left to the resolver and the guards.
 */
export function greedyPolicy(theta: number): Policy {
  const cache = fixedOutput(1);
  const direct = fixedOutput(0);
  return {
    version: 0,
    name: `greedy-${theta}`,
    actions: TWO_WAY,
    infer: (observation) =>
      Promise.resolve(nearestDistance(observation) <= theta ? cache() : direct()),
  };
}

/**
 * Proposes the cache for any row on the same topic (cosine 0.55). Serves where no network does: none was trained, or the
 * embedder's distances have no scale yet.
 */
export const FIXED_RULE: Policy = greedyPolicy(0.95);

/** Distances are the first row of c; a missing row has distance 2. */
function nearestDistance({ c }: Observation): number {
  let nearest = Infinity;
  for (let p = 0; p < NEIGHBOURS; p++) nearest = Math.min(nearest, c[p]!);
  return nearest;
}

/** A fresh copy per call: outputs belong to their caller. */
function fixedOutput(index: 0 | 1) {
  const low = 1 / (1 + Math.exp(CONFIDENT_LOGIT));
  const logits = index === 1 ? [0, CONFIDENT_LOGIT] : [CONFIDENT_LOGIT, 0];
  const probs = index === 1 ? [low, 1 - low] : [1 - low, low];
  return () => ({ logits: Float32Array.from(logits), probs: Float32Array.from(probs) });
}

// The held-out half once more, in the simulator: every policy meets the same stream with the same random numbers, so that
// all rows compare, the oracle among them.
import { type Weights, DEFAULT_NETWORK } from "../../src/policy/network/layout.ts";
import { ServedActor } from "../../src/trainer-node/served-actor.ts";
import {
  alwaysModel,
  bestFeasibleThreshold,
  feasibleOracle,
  greedy,
  playerOf,
  shippedDefault,
} from "../../src/trainer-node/simulator/baselines.ts";
import {
  pairedDifference,
  type PairedDifference,
  play,
  type Player,
  type Score,
} from "../../src/trainer-node/simulator/scoreboard.ts";
import { type Stage } from "./stage.ts";
import { freshWorld } from "./world.ts";

export interface Comparison {
  readonly scores: Readonly<Record<Compared, Score>>;
  /** Both were chosen on the calibration half. */
  readonly thresholds: { readonly feasible: number; readonly unconstrained: number };
  readonly differences: Readonly<Record<"threshold" | "alwaysModel" | "before", PairedDifference>>;
}

type Compared =
  | "alwaysModel"
  | "before"
  | "threshold"
  | "unconstrainedThreshold"
  | "after"
  | "oracle";

/** Throws when no fixed threshold, not even one that serves nothing but repeats, is right often enough. */
export async function compare(
  { calibration, heldOut, simulated }: Stage,
  weights: Weights,
  seed: number,
): Promise<Comparison> {
  const calibrationWorld = simulated(calibration);
  const heldOutWorld = simulated(heldOut);
  const best = await bestFeasibleThreshold(() => freshWorld(calibrationWorld, seed));
  if (best.feasible === null) throw new Error("no fixed threshold is right often enough");
  const thresholds = { feasible: best.feasible.theta, unconstrained: best.unconstrained.theta };

  const actor = await ServedActor.open(DEFAULT_NETWORK, weights);
  const score = (player: Player) => play(freshWorld(heldOutWorld, seed), player);
  const scores = {
    alwaysModel: await score(alwaysModel),
    before: await score(shippedDefault),
    threshold: await score(greedy(thresholds.feasible)),
    unconstrainedThreshold: await score(greedy(thresholds.unconstrained)),
    after: await score(playerOf(actor)),
    oracle: await score(feasibleOracle),
  };
  await actor.close();
  return {
    scores,
    thresholds,
    differences: {
      threshold: pairedDifference(scores.after, scores.threshold),
      alwaysModel: pairedDifference(scores.after, scores.alwaysModel),
      before: pairedDifference(scores.after, scores.before),
    },
  };
}

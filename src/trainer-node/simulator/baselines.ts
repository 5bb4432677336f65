// Whoever decides in a simulated world: policies, and rules that know more than any policy may. All of them act through the
// same resolver, guards and budget.
import { type ActionNames, TWO_WAY } from "../../policy/action.ts";
import { greedyPolicy } from "../../policy/network/greedy.ts";
import { type Policy, type PolicyOutput } from "../../policy/network/policy.ts";
import { type Environment } from "./environment.ts";
import { type Counterfactual } from "./executed.ts";
import { play, type Player, type Score } from "./scoreboard.ts";

export function playerOf(policy: Policy): Player {
  return {
    name: policy.name,
    actions: policy.actions,
    choose: ({ observation }) => policy.infer(observation),
  };
}

export const alwaysModel: Player = {
  name: "always-model",
  actions: TWO_WAY,
  choose: () => certain(0),
};

/** The cache action whenever there is one; guards and budget alone dispose. */
export const alwaysCache: Player = {
  name: "always-cache",
  actions: TWO_WAY,
  choose: () => certain(1),
};

export const greedy = (theta: number): Player => playerOf(greedyPolicy(theta));

/** What a gateway without a trained policy does. */
export const shippedDefault: Player = greedy(0.95);

/** The better action of every request among those that guards and budget leave, and never a wrong answer. */
export const feasibleOracle: Player = oracle(
  "feasible-oracle",
  ({ direct, cache }) => cache.correct && cache.utility > direct.utility,
);

/** The better action, wrong answers included where they are worth more, as the paper's reward allows. */
export const unconstrainedOracle: Player = oracle(
  "unconstrained-oracle",
  ({ direct, cache }) => cache.utility > direct.utility,
);

export function oracle(name: string, wantsCache: (would: Counterfactual) => boolean): Player {
  return {
    name,
    actions: TWO_WAY,
    choose: (pending) => certain(wantsCache(pending.counterfactual()) ? 1 : 0),
  };
}

/** One action and nothing else; `index` as in `actions`. */
export function certain(index: number, actions: ActionNames = TWO_WAY): PolicyOutput {
  return {
    logits: Float32Array.from(actions, (_, i) => (i === index ? 20 : 0)),
    probs: Float32Array.from(actions, (_, i) => (i === index ? 1 : 0)),
  };
}

/** Fixed thresholds that are tried. Behind guards that let nothing pass beyond it, 0.95 is the same as any larger one. */
const GRID = [0, 0.1, 0.2, 0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.95];
const MAX_WRONG = 0.01;

export interface BestThreshold {
  readonly theta: number;
  readonly score: Score;
}

/**
 * Fixed thresholds on the calibration half: the best of those with at most 1 % wrong answers per request, and the best of
 * all. A threshold of 0 serves exact repeats alone, so that there always is a feasible one unless these are wrong.
 * @param calibration makes the same fresh environment every time
 */
export async function bestFeasibleThreshold(
  calibration: () => Environment,
  grid: readonly number[] = GRID,
): Promise<{ readonly feasible: BestThreshold | null; readonly unconstrained: BestThreshold }> {
  const tried: BestThreshold[] = [];
  for (const theta of grid) tried.push({ theta, score: await play(calibration(), greedy(theta)) });
  const better = (a: BestThreshold, b: BestThreshold) =>
    b.score.meanUtility > a.score.meanUtility ? b : a;
  const feasible = tried.filter(({ score }) => (score.wrongPerRequest.share ?? 0) <= MAX_WRONG);
  return {
    feasible: feasible.length === 0 ? null : feasible.reduce(better),
    unconstrained: tried.reduce(better),
  };
}

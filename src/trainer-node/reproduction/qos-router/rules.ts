// Rules to compare with: selectors of the gateway, which never drop a request, the same rules with the right to drop, and one
// that knows what no router can.
import {
  greedyScore,
  random,
  roundRobin,
  shortestQueue,
} from "../../../policy/routing/baselines.ts";
import { leastCompletion } from "../../../policy/routing/least-completion.ts";
import { type Arrival, type FleetRouter, type RequestState } from "./fleet.ts";
import { predictedImpact } from "./impact.ts";
import { predictedTimes, selectedRouter } from "./router-player.ts";
import { PRICED_RULE, type PricedRule } from "./settings.ts";

/** They never drop. */
export const RULES = [
  "random",
  "round-robin",
  "shortest-queue",
  "least-completion",
  "best-score",
  "greedy-score",
] as const;

/** They drop what is predicted to be worth nothing, or less than what it breaks. */
export const DROPPING_RULES = ["greedy-or-drop", "impact-or-drop"] as const;

/** Its two constants are fitted, as the networks' weights are: `fitPricedRule`. */
export const TUNED_RULE = "priced-or-drop";

export const ORACLE = "oracle";

export type RuleName =
  | (typeof RULES)[number]
  | (typeof DROPPING_RULES)[number]
  | typeof TUNED_RULE
  | typeof ORACLE;

const SEED = 1;

/** @param latencyLimit seconds per output token */
export function ruleOf(name: RuleName, latencyLimit: number): FleetRouter {
  switch (name) {
    case "random":
      return selectedRouter(random(), { seed: SEED });
    case "round-robin":
      return selectedRouter(roundRobin(), { seed: SEED });
    case "shortest-queue":
      return selectedRouter(shortestQueue(), { seed: SEED });
    case "least-completion":
      return selectedRouter(leastCompletion(), { seed: SEED });
    case "greedy-score":
      return selectedRouter(greedyScore(latencyLimit), { seed: SEED });
    case "best-score":
      return {
        name,
        choose: (arrival) => {
          const score = (i: number) => scoreOf(arrival, i);
          // Where no memory is large enough for what is predicted, it may be for what comes.
          return best(arrival, -Infinity, score) ?? best(arrival, -Infinity, score, true);
        },
      };
    case "greedy-or-drop":
      return { name, choose: (arrival) => best(arrival, 0, (i) => inTime(arrival, i)) };
    case "impact-or-drop":
      return { name, choose: byImpact };
    case "priced-or-drop":
      return pricedOrDrop(PRICED_RULE);
    case "oracle":
      return { name, choose: (arrival) => byImpact(truthful(arrival)) };
    default:
      return name satisfies never;
  }
}

/** The open expert of the highest value above `least`, the first of equal ones; null where there is none. */
function best(
  { predictions, experts }: Arrival,
  least: number,
  valueOf: (expert: number) => number,
  isClosedToo = false,
): number | null {
  let found: number | null = null;
  let highest = least;
  for (const [i, { promptTokens, predictedOutputTokens }] of predictions.entries()) {
    const isOpen = promptTokens + predictedOutputTokens <= experts[i]!.kvTokens;
    if (!isOpen && !isClosedToo) continue;
    const value = valueOf(i);
    if (value <= highest) continue;
    highest = value;
    found = i;
  }
  return found;
}

const scoreOf = ({ predictions }: Arrival, expert: number): number =>
  predictions[expert]!.predictedScore;

/** s [l <= L] */
const inTime = (arrival: Arrival, expert: number): number =>
  predictedTimes(arrival, expert).secondsPerToken <= arrival.latencyLimit
    ? scoreOf(arrival, expert)
    : 0;

/** The highest s [l <= L] - impact, where that is above 0. */
const byImpact = (arrival: Arrival): number | null =>
  best(arrival, 0, (i) => inTime(arrival, i) - predictedImpact(arrival, i));

/** The highest s [l <= share of L] - price x tokens / 100 x running / 10, where that is above 0. */
export const pricedOrDrop = ({ workPrice, limitShare }: PricedRule): FleetRouter => ({
  name: TUNED_RULE,
  choose: (arrival) => {
    const limit = limitShare * arrival.latencyLimit;
    return best(arrival, 0, (i) => {
      if (predictedTimes(arrival, i).secondsPerToken > limit) return 0;
      const work = arrival.predictions[i]!.predictedOutputTokens / 100;
      return scoreOf(arrival, i) - workPrice * work * (arrival.experts[i]!.runningCount / 10);
    });
  },
});

/** The same moment, with true scores and lengths in the place of predictions. */
function truthful(arrival: Arrival): Arrival {
  const { at, truth } = arrival;
  return {
    ...arrival,
    predictions: truth.request.answers.map(({ promptTokens, outputTokens, score }) => ({
      promptTokens,
      predictedOutputTokens: outputTokens,
      predictedScore: score,
    })),
    experts: arrival.experts.map((expert, i) => ({
      ...expert,
      running: (most = Infinity) =>
        truth.running[i]!.slice(0, most).map(({ request, generated }): RequestState => {
          const { promptTokens, outputTokens, score } = request.answer;
          return {
            promptTokens,
            predictedScore: score,
            predictedOutputTokens: outputTokens,
            kvShare: (promptTokens + generated) / expert.kvTokens,
            tokensSoFar: generated,
            secondsPerToken: (at - request.request.at) / (generated > 0 ? generated : outputTokens),
          };
        }),
    })),
  };
}

/** The router meets the experts in the opposite order. */
export const reordered = (name: string, router: FleetRouter): FleetRouter => ({
  name,
  choose: (arrival) => {
    const { predictions, experts, truth } = arrival;
    const choice = router.choose({
      ...arrival,
      predictions: predictions.toReversed(),
      experts: experts.toReversed(),
      truth: {
        request: { ...truth.request, answers: truth.request.answers.toReversed() },
        running: truth.running.toReversed(),
      },
    });
    return choice === null ? null : experts.length - 1 - choice;
  },
});

/** The router meets the first experts alone. */
export const amongFirst = (count: number, router: FleetRouter): FleetRouter => ({
  name: router.name,
  choose: (arrival) => {
    const { predictions, experts, truth } = arrival;
    return router.choose({
      ...arrival,
      predictions: predictions.slice(0, count),
      experts: experts.slice(0, count),
      truth: {
        request: { ...truth.request, answers: truth.request.answers.slice(0, count) },
        running: truth.running.slice(0, count),
      },
    });
  },
});

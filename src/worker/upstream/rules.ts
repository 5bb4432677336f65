// The selectors of the rules that an operator can set, and what a call costs by their measure.
import { fixedOrder, random, roundRobin, shortestQueue } from "../../policy/routing/baselines.ts";
import { csUcb } from "../../policy/routing/cs-ucb.ts";
import { leastCompletion } from "../../policy/routing/least-completion.ts";
import { type Constraints } from "../../policy/routing/prediction.ts";
import { type Selector } from "../../policy/routing/selector.ts";
import { type BackendConfig, type RoutingConfig } from "./backends.ts";
import { qualityFirst } from "./quality-first.ts";

/** CS-UCB tries again what it has not tried for long. */
const LEAST_COUNT = 0.1;
/** A deadline is met with this many standard deviations to spare, or another backend stands before. */
const CONSTRAINTS: Constraints = { deadlineCaution: 2 };

export function selectorFor(
  routing: RoutingConfig,
  backends: readonly BackendConfig[],
  changes: Constraints = {},
): Selector {
  const constraints = { ...CONSTRAINTS, ...changes };
  const ids = backends.map(({ id }) => id);
  switch (routing.rule) {
    case "quality-first":
      return qualityFirst(ids, routing.qualityTolerance, constraints);
    case "least-completion":
      return leastCompletion(constraints);
    case "cs-ucb":
      return csUcb({
        referenceCost: usualCost(routing, backends),
        leastCount: LEAST_COUNT,
        ...constraints,
      });
    case "fixed-order":
      return fixedOrder(ids, constraints);
    case "shortest-queue":
      return shortestQueue(constraints);
    case "round-robin":
      return roundRobin(constraints);
    case "random":
      return random(constraints);
    default:
      return routing.rule satisfies never;
  }
}

/** In the unit of `routing.cost`. */
export function costAt(
  { model, auto }: BackendConfig,
  cost: RoutingConfig["cost"],
  promptTokens: number,
  outputTokens: number,
): number {
  return cost === "joules"
    ? ((auto.joulesPerThousandTokens ?? 0) * (promptTokens + outputTokens)) / 1_000
    : (promptTokens * model.inputUsdPerMillionTokens +
        outputTokens * model.outputUsdPerMillionTokens) /
        1e6;
}

/** Of a prompt as long as the answer, averaged over the backends; 1 where all are free. */
function usualCost({ cost }: RoutingConfig, backends: readonly BackendConfig[]): number {
  const costs = backends.map((backend) => {
    const { outputTokens } = backend.auto;
    return costAt(backend, cost, outputTokens, outputTokens);
  });
  return costs.reduce((sum, each) => sum + each, 0) / Math.max(1, costs.length) || 1;
}

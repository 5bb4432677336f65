// The constants of the tuned rule: the best mean QoS over the arrivals that the networks are trained on.
import { randomOf } from "../../simulator/random-of.ts";
import { simulate } from "./fleet.ts";
import { requestsOf, syntheticContent } from "./quality-model.ts";
import { pricedOrDrop } from "./rules.ts";
import {
  EXPERTS,
  LATENCY_LIMIT,
  PAPER_PACE,
  PRICED_RULE_FIT,
  type PricedRule,
  TRAINING,
} from "./settings.ts";
import { poissonArrivals } from "./workloads.ts";

/** Stream of randomness of the arrivals. */
const ARRIVALS = 12;

interface FittedRule extends PricedRule {
  /** Over all rates and seeds. */
  readonly meanQos: number;
}

/** What was tried, best first. */
export function fitPricedRule({
  workPrices,
  limitShares,
  seeds,
  requests,
}: {
  readonly workPrices: readonly number[];
  readonly limitShares: readonly number[];
  readonly seeds: readonly number[];
  readonly requests: number;
} = PRICED_RULE_FIT): readonly FittedRule[] {
  const experts = EXPERTS.slice(0, TRAINING.experts);
  const fleet = { experts, pace: PAPER_PACE, latencyLimit: LATENCY_LIMIT };
  const episodes = seeds.flatMap((seed) =>
    TRAINING.rates.map((rate) =>
      requestsOf(
        poissonArrivals(rate, requests, randomOf(seed, 0, ARRIVALS)),
        syntheticContent(experts, seed),
      ),
    ),
  );
  return workPrices
    .flatMap((workPrice) =>
      limitShares.map((limitShare): FittedRule => {
        const router = pricedOrDrop({ workPrice, limitShare });
        const qos = episodes.map((each) => simulate(fleet, each, router).figures.meanQos);
        const meanQos = qos.reduce((sum, one) => sum + one, 0) / qos.length;
        return { workPrice, limitShare, meanQos };
      }),
    )
    .toSorted((a, b) => b.meanQos - a.meanQos);
}

// The rule of `velo/auto` when nothing else is asked for: nobody gets a worse answer because it comes sooner.
import { type Constraints, type Option } from "../../policy/routing/prediction.ts";
import { type Selector, selectorOf } from "../../policy/routing/selector.ts";

/**
 * Least predicted completion among the backends whose expected quality is lower than the best one's by at most
 * `tolerance`; then the others, best quality first. Where no quality is known, in the order of `ids`. Where none keeps its constraints, the soonest.
 */
export function qualityFirst(
  ids: readonly string[],
  tolerance: number,
  constraints: Constraints = {},
): Selector {
  const places = new Map(ids.map((id, i) => [id, i]));
  return selectorOf({
    name: "quality-first",
    constraints,
    scores: (_, options) => {
      // A backend that cannot serve the request makes no other one worse.
      const able = options.filter(({ obstacles }) => obstacles.length === 0);
      // What breaks a constraint anyway is at least not to be late.
      if (able.length === 0) return options.map(({ seconds }) => -seconds);
      const best = Math.max(-1, ...able.map(qualityOf));
      if (best < 0) return options.map(({ backend }) => -(places.get(backend.id) ?? Infinity));
      // Seconds count among equals alone: these have scores above 0, the others at most 0.
      return options.map((option) =>
        qualityOf(option) >= best - tolerance ? 1 / (1 + option.seconds) : qualityOf(option) - 1,
      );
    },
  });
}

/** -1 where nothing predicts it. */
const qualityOf = ({ estimate }: Option): number => estimate?.quality ?? -1;

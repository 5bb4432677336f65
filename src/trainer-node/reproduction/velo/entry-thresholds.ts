// Every row learns from labelled reuses up to which distance its answer is right, and serves below that alone (vCache, arXiv
// 2502.03771). The posterior on a grid is the production's error budget. In the product that budget already stands behind
// every policy, so that there this algorithm is the guards on their own; in the paper's world, which has none, it is a policy.
//
//   alpha = posterior mean of P(right | distance),  tau = max(0, 1 - delta / (1 - alpha))
//   with probability tau: call the model and learn whether the row would have been right; else serve it
//   P(wrong answer served) = (1 - tau)(1 - alpha) <= delta
import { TWO_WAY } from "../../../policy/action.ts";
import { type Candidate } from "../../../policy/cache/candidate.ts";
import {
  type GridWeights,
  type LabelledReuse,
  UNIFORM_PRIOR,
  alphaAt,
  empiricalPrior,
  posterior,
} from "../../../policy/cache/error-budget.ts";
import { selectRow } from "../../../policy/cache/resolver.ts";
import { alwaysCache, certain } from "../../simulator/baselines.ts";
import { type Pending } from "../../simulator/executed.ts";
import { type BatchPlayer, placeOf, randomFor } from "./players.ts";

export interface EntryThresholdsOptions {
  readonly mode: "paper" | "product";
  readonly seed: number;
  /** Accepted share of wrong answers among all requests. */
  readonly delta?: number;
  /** Requests between two estimates of the rows' common prior. */
  readonly priorPeriod?: number;
}

const NAME = "per-entry-thresholds";

/** 1 - delta / (1 - alpha), at least 0. */
export const explorationShare = (alpha: number, delta: number): number =>
  alpha >= 1 ? 0 : Math.max(0, 1 - delta / (1 - alpha));

export function entryThresholds({
  mode,
  seed,
  delta = 0.02,
  priorPeriod = 2000,
}: EntryThresholdsOptions): BatchPlayer {
  // Proposes always: the rows' own records decide in the resolver's budget, which asks for labels as well.
  if (mode === "product") return { ...alwaysCache, name: NAME };
  const labels = new Map<string, LabelledReuse[]>();
  const posteriors = new Map<string, GridWeights>();
  /** Labels of explorations that are under way: what calling the model will have told. */
  const due = new Map<string, { readonly id: string; readonly label: LabelledReuse }>();
  let prior = UNIFORM_PRIOR;
  let requests = 0;
  let isFrozen = false;

  const posteriorOf = (id: string): GridWeights => {
    const own = labels.get(id);
    if (own === undefined) return prior;
    const known = posteriors.get(id) ?? posterior(own, prior);
    posteriors.set(id, known);
    return known;
  };
  const wantsRow = (pending: Pending, row: Candidate): boolean => {
    const tau = explorationShare(alphaAt(posteriorOf(row.id), row.distance), delta);
    if (randomFor(seed, pending, "explore").uniform() >= tau) return true;
    if (isFrozen) return false;
    const { cache } = pending.counterfactual();
    // Notes for the model are no reuse of an answer, and teach nothing of one.
    if (cache.handling === "A") {
      const label = { distance: row.distance, correct: cache.correct ? 1 : 0 } as const;
      due.set(placeOf(pending), { id: row.id, label });
    }
    return false;
  };
  return {
    name: NAME,
    actions: TWO_WAY,
    choose(pending) {
      const rows = pending.candidates.toSorted((a, b) => a.distance - b.distance);
      const row = selectRow(rows, Infinity);
      return certain(row !== null && row.role === 1 && wantsRow(pending, row) ? 1 : 0);
    },
    observe(executed) {
      if (isFrozen || executed.decision === null) return;
      requests++;
      const place = placeOf(executed);
      const learnt = due.get(place);
      due.delete(place);
      if (learnt !== undefined) {
        labels.set(learnt.id, [...(labels.get(learnt.id) ?? []), learnt.label]);
        posteriors.delete(learnt.id);
      }
      if (requests % priorPeriod > 0) return;
      prior = empiricalPrior([...labels.keys()].map(posteriorOf));
      posteriors.clear();
    },
    freeze() {
      isFrozen = true;
      due.clear();
    },
  };
}

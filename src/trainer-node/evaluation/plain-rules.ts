// Rules of other caches: one threshold for all rows, the same behind our guards, a threshold per row.
import {
  type GridWeights,
  type LabelledReuse,
  UNIFORM_PRIOR,
  alphaAt,
  empiricalPrior,
  posterior,
} from "../../policy/cache/error-budget.ts";
import { embedderProfile } from "../../policy/embedders.ts";
import { type Answered, isWrong } from "./answered.ts";
import { gatewayDistance } from "./pair-methods.ts";
import { type PlainRow, type PlainRule, type PlainStream, playPlain } from "./plain-cache.ts";

export const thresholdRule = (least: number): PlainRule => ({
  name: `cosine >= ${least}`,
  choose: (_, [nearest]) => (nearest !== undefined && nearest.cosine >= least ? nearest : null),
});

/** Guards first: the nearest row that they let pass. What they say of a pair is remembered by `remembered`. */
export function guardedRule(least: number, passes: (a: string, b: string) => boolean): PlainRule {
  return {
    name: `cosine >= ${least} behind the guards`,
    choose: (question, rows) =>
      rows.find((row) => row.cosine >= least && passes(question, row.question)) ?? null,
  };
}

/** The gateway's reading of words and its guards on two texts, each pair read once. */
export function guardMemory(): (a: string, b: string) => boolean {
  const passes = gatewayDistance({
    cosine: () => 1,
    embedder: embedderProfile("any"),
    scorer: null,
  });
  const known = new Map<string, boolean>();
  return (a, b) => {
    const key = `${a}\u0000${b}`;
    let pass = known.get(key);
    if (pass === undefined) {
      pass = passes(a, b) !== null;
      known.set(key, pass);
    }
    return pass;
  };
}

const PRIOR_EVERY = 2_000;
const MAX_LABELS = 64;

/**
 * vCache's rule on our posterior (error-budget.ts): serve with probability 1 - tau, tau = max(0, 1 - delta / (1 - alpha)), so that
 * the chance of a wrong answer per request is at most delta. Every model call beside a row gives that row its label.
 */
export function perEntryRule(deltaRequest = 0.01): PlainRule {
  const labels = new Map<string, LabelledReuse[]>();
  const grids = new Map<string, GridWeights>();
  let prior: GridWeights = UNIFORM_PRIOR;
  let events = 0;
  const gridOf = (row: string): GridWeights => {
    const known = labels.get(row);
    if (known === undefined) return prior;
    const grid = grids.get(row) ?? posterior(known, prior);
    grids.set(row, grid);
    return grid;
  };
  const distanceOf = ({ cosine }: PlainRow) => Math.sqrt(Math.max(0, 2 - 2 * cosine));
  return {
    name: `per-entry thresholds, delta ${deltaRequest}`,
    choose(_, [nearest], draw) {
      if (nearest === undefined) return null;
      const alpha = alphaAt(gridOf(nearest.question), distanceOf(nearest));
      const explore = alpha >= 1 ? 0 : Math.max(0, 1 - deltaRequest / (1 - alpha));
      return draw < explore ? null : nearest;
    },
    learn(_, nearest, right) {
      const known = labels.get(nearest.question) ?? [];
      known.push({ distance: distanceOf(nearest), correct: right ? 1 : 0 });
      if (known.length > MAX_LABELS) known.shift();
      labels.set(nearest.question, known);
      grids.delete(nearest.question);
      if (++events % PRIOR_EVERY !== 0) return;
      prior = empiricalPrior([...labels.values()].map((each) => posterior(each)));
      grids.clear();
    },
  };
}

const GRID = Array.from({ length: 50 }, (_, i) => (100 - i) / 100);
const MAX_WRONG = 0.01;

/**
 * The threshold that serves most requests rightly among those with at most 1 % wrong answers per request, on a calibration
 * stream. 1 serves repeats alone and is always feasible unless these are wrong.
 */
export function bestFeasible(
  calibration: PlainStream,
  ruleFor: (least: number) => PlainRule,
): { readonly least: number; readonly rule: PlainRule } {
  const tried = GRID.map((least) => {
    const answered = playPlain(calibration, ruleFor(least));
    return { least, wrong: shareOf(answered, isWrong), right: shareOf(answered, isRightHit) };
  });
  const feasible = tried.filter(({ wrong }) => wrong <= MAX_WRONG);
  const best = (feasible.length > 0 ? feasible : tried.slice(0, 1)).reduce((a, b) =>
    b.right > a.right ? b : a,
  );
  return { least: best.least, rule: ruleFor(best.least) };
}

const isRightHit = ({ by, fit }: Answered): boolean => by !== "model" && fit === "right";

const shareOf = (answered: readonly Answered[], test: (one: Answered) => boolean): number =>
  answered.filter(test).length / answered.length;

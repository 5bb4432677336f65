// How often an answer is examined: most where it is least certain that it was right, and more while its row is new.
//
//   p_s = clip(k sqrt(p (1 - p)) b, floor, cap)
//
// p is the best estimate of P(acceptable) before the look, so that p_s cannot depend on what the look finds: the doubly
// robust estimate divides by it, and it goes out with the label.
import { type Candidate } from "../../policy/cache/candidate.ts";
import { type RowVerdict } from "../../policy/cache/resolver.ts";
import { matchOf } from "./row-match.ts";

const FLOOR = 0.02;
const CAP = 0.5;
/** k: at p = 0.5, where a look tells most, every fourth answer is examined. */
const SCALE = 0.5;
/** The first reuses of a row count as if it were this many times as interesting; from the fourth on it is one of many. */
const NEW_ROW = 4;
/** P(acceptable) where neither a scorer nor labels say anything: of what guards let pass, and of what was refused. */
const SERVED_PRIOR = 0.9;
const REFUSED_PRIOR = 0.5;

/** The budget's word counts before the scorer's: it rests on labels of this very row. `otherwise` where nobody knows. */
export function estimateOf<T>(verdict: RowVerdict | undefined, otherwise: T): number | T {
  const match = verdict && matchOf(verdict)?.matchDistance;
  const estimate = verdict?.budget?.alpha ?? (match === undefined ? null : 1 - (match * match) / 2);
  return estimate !== null && estimate >= 0 && estimate <= 1 ? estimate : otherwise;
}

/** Of an answer that took part of the cache. `row`: the row that was served, null for notes. `examine`: the slice's own floor. */
export function servedShare(
  row: Pick<Candidate, "useCount"> | null,
  verdict: RowVerdict | undefined,
  examine: number,
): number {
  const boost = row === null ? 1 : Math.max(1, NEW_ROW / Math.max(1, row.useCount));
  return clip(boost * spread(estimateOf(verdict, SERVED_PRIOR)), Math.max(FLOOR, examine));
}

/** Of a row that nearly qualified: uncertainty times how often it may be asked for again. */
export function refusedShare(row: Pick<Candidate, "useCount">, verdict: RowVerdict): number {
  const reuse = Math.min(2, Math.log2(1 + Math.max(1, row.useCount)));
  return clip(reuse * spread(estimateOf(verdict, REFUSED_PRIOR)), FLOOR);
}

const spread = (p: number): number => SCALE * Math.sqrt(p * (1 - p));
const clip = (share: number, floor: number): number =>
  Math.min(CAP, Math.max(Math.min(CAP, floor), share));

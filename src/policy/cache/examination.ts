// Which answers are examined and how often: most where it is least certain that they were right, more while a row is new.
//
//   p_s = clip(k sqrt(p (1 - p)) b, floor, cap)
//
// p is the best estimate of P(acceptable) before the look, so that p_s cannot depend on what the look finds: the doubly
// robust estimate divides by it, and it goes out with the label.
import { type Candidate } from "./candidate.ts";
import { HARD_DISTANCE } from "./error-budget.ts";
import { type RowVerdict, obstacleOf } from "./resolver.ts";

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
function estimateOf<T>(verdict: RowVerdict | undefined, otherwise: T): number | T {
  const match = verdict?.verifier?.matchDistance;
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

/** What nearly qualifies: fits by this estimate at least, or where there is none lies as near as this many cold starts. */
const NEAR_ESTIMATE = 0.25;
const NEAR_TIMES = 1.5;

/** A row whose answer may be compared with what the model said. */
export interface NearMiss {
  readonly row: Candidate;
  readonly verdict: RowVerdict;
  /** It could have been served; else only the estimate of its fit kept it back. */
  readonly isOpen: boolean;
}

/** The row that a request for the model would have been served from, or nearly; null where none comes near. */
export function nearMissOf(
  candidates: readonly Candidate[],
  decision: { readonly verdicts: readonly RowVerdict[]; readonly selected: Candidate | null },
  coldStartDistance: number,
): NearMiss | null {
  const verdicts = new Map(decision.verdicts.map((verdict) => [verdict.id, verdict]));
  const rows = candidates.flatMap((row) => {
    const verdict = verdicts.get(row.id);
    return verdict === undefined ? [] : [{ row, verdict, obstacle: obstacleOf(row, verdict) }];
  });
  const open =
    rows.find(({ row }) => row.id === decision.selected?.id) ??
    rows.find(({ obstacle }) => obstacle === null);
  if (open !== undefined) return { row: open.row, verdict: open.verdict, isOpen: true };
  const near = rows.find(({ row, verdict }) => isNear(row, verdict, coldStartDistance));
  return near === undefined ? null : { row: near.row, verdict: near.verdict, isOpen: false };
}

/** A guard's veto is certain; what scorer and budget say is an estimate, and a label can correct it. */
function isNear(row: Candidate, verdict: RowVerdict, coldStartDistance: number): boolean {
  if (row.role !== 1 || !(row.distance <= HARD_DISTANCE)) return false;
  if (verdict.guards.some(({ pass }) => !pass)) return false;
  const estimate = estimateOf(verdict, null);
  return estimate === null
    ? row.distance <= NEAR_TIMES * coldStartDistance
    : estimate >= NEAR_ESTIMATE;
}

const spread = (p: number): number => SCALE * Math.sqrt(p * (1 - p));
const clip = (share: number, floor: number): number =>
  Math.min(CAP, Math.max(Math.min(CAP, floor), share));

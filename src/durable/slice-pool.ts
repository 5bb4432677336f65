// The newest labels of all of a slice's rows: what the rows' prior and the reach of unlabelled rows are estimated from.
import { type GridWeights, type LabelledReuse } from "../policy/cache/error-budget.ts";
import { CALIBRATION_ROWS, pooledPrior, reachOf } from "../policy/cache/pooled-prior.ts";
import { type Observation } from "./entry.ts";
import { DISCOUNT, type Reading, reuseOf, toldOf } from "./evidence.ts";
import { fingerprintOf } from "./fingerprint.ts";

/** By the fingerprints of row and decision; clean: the row was never wrong before. */
export type Pooled = readonly [
  row: number,
  decision: number,
  observation: Observation,
  isClean: 0 | 1,
];

export interface LabelEvent {
  readonly row: string;
  readonly observation: Observation;
  /** An earlier word on the same decision, which this one replaces. */
  readonly earlier: Observation | undefined;
  /** P(correct) that was believed of this reuse before; null when its distance says nothing on the axis of now. */
  readonly believed: number | null;
  /** Labels that the row had before, and whether any of them said that it was wrong. */
  readonly labels: number;
  readonly wasWrong: boolean;
}

/** Labels kept of refused rows, and of others. */
const MAX_POOL = 400;

/** Changes the pool in place. */
export function addToPool(
  pool: Pooled[],
  { row, observation, earlier, wasWrong }: LabelEvent,
): void {
  const [distance, correct, weight, decision, source, more] = observation;
  const [ofRow, ofDecision] = [fingerprintOf(row), fingerprintOf(decision)];
  if (earlier) {
    const place = pool.findIndex((other) => other[0] === ofRow && other[1] === ofDecision);
    if (place >= 0) pool.splice(place, 1);
  }
  // Those who speak up are not a fair sample of the rows.
  if (more?.samplingProbability === undefined) return;
  const kept: Observation = [distance, correct, weight, "", source, more];
  pool.push([ofRow, ofDecision, kept, wasWrong ? 0 : 1]);
  // Refused rows cost nothing to compare: their labels must not push out those of what is served.
  const isSuch = (other: Pooled): boolean => isRefused(other[2]) === isRefused(observation);
  if (pool.filter(isSuch).length > MAX_POOL) pool.splice(pool.findIndex(isSuch), 1);
}

const isRefused = (observation: Observation): boolean => observation[5]?.reuse === "refused";

/** @param isTrusted whether the cold start's calibration still counts */
export function estimateOf(
  pool: readonly Pooled[],
  coldStart: { readonly distance: number; readonly deltaHit: number },
  { scorer, prior: before, validFrom }: Reading,
  isTrusted: boolean,
): { readonly prior: GridWeights; readonly reach: number } {
  const rows = new Map<number, LabelledReuse[]>();
  const ofClean: LabelledReuse[] = [];
  for (const [row, , observation, isClean] of pool) {
    const told = toldOf(observation);
    if (scorer !== null && told.scorer !== scorer.id) continue;
    const reuse = reuseOf(told, { scorer, prior: before, validFrom: 0 });
    if (reuse === null) continue;
    // Right and wrong ones alike: this is about how many of the slice's rows are how good.
    const isOld = (told.stamp ?? 0) < validFrom;
    const { weight = 1 } = reuse;
    const label = { ...reuse, weight: isOld ? DISCOUNT * weight : weight };
    rows.set(row, [...(rows.get(row) ?? []), label]);
    if (isClean === 1) ofClean.push(label);
  }
  const reach = reachOf(ofClean, coldStart, isTrusted);
  const trust = isTrusted ? CALIBRATION_ROWS : 0;
  return { prior: pooledPrior([...rows.values()], coldStart, trust, reach), reach };
}

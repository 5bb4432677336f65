// What labels say of a row's reuse, on the axis of whatever measures nearness now: the scorer, or the distance alone.
import {
  alphaAt,
  evidenceOf,
  type GridWeights,
  type LabelledReuse,
  posterior,
} from "../policy/cache/error-budget.ts";
import { type ObservationDetail } from "./entry.ts";

/** The scorer that isolates serve by, and up to which matchDistance it serves rows without labels. */
export interface ServingScorer {
  readonly id: string;
  readonly coldStart: number;
}

/** By what a slice's labels are read. */
export interface Reading {
  readonly prior: GridWeights;
  readonly scorer: ServingScorer | null;
  /** Labels of earlier stamps are from before a drift. */
  readonly validFrom: number;
}

/** What a label from before a drift still counts; of a row itself only a right one is discounted. */
export const DISCOUNT = 0.25;

interface Told extends Omit<ObservationDetail, "reuse" | "samplingProbability"> {
  readonly distance: number;
  readonly correct: 0 | 1;
  readonly weight: number;
}

/**
 * A label as the posterior takes it, or null. Only a right answer at a distance measured by the scorer that serves now
 * can be trusted to say something of that scorer. A wrong one never loses its effect: it counts where it was measured, but
 * never farther out than where rows without labels are served, since elsewhere it would change nothing.
 */
export function reuseOf(told: Told, { scorer, validFrom }: Reading): LabelledReuse | null {
  const { correct, distance, match, stamp = 0 } = told;
  const weight = correct === 1 && stamp < validFrom ? DISCOUNT * told.weight : told.weight;
  if (scorer === null) return { distance, correct, weight };
  if (told.scorer === scorer.id && match !== undefined) return { distance: match, correct, weight };
  if (correct === 1) return null;
  return { distance: Math.min(match ?? distance, scorer.coldStart), correct, weight };
}

type Observed = readonly [number, 0 | 1, number, string, string, ObservationDetail?];

export const toldOf = ([distance, correct, weight, , , more]: Observed): Told => ({
  distance,
  correct,
  weight,
  ...more,
});

const reusesOf = (observations: readonly Observed[], reading: Reading): readonly LabelledReuse[] =>
  observations.flatMap((observation) => reuseOf(toldOf(observation), reading) ?? []);

/** The row's P(correct) at a distance of the axis that serves now. */
export const alphaOf = (
  observations: readonly Observed[],
  reading: Reading,
  distance: number,
): number => alphaAt(posterior(reusesOf(observations, reading), reading.prior), distance);

/** JSON text of a row's Evidence, or null for a row without labels. Metadata values cannot be nested. */
export function evidenceTextOf(observations: readonly Observed[], reading: Reading): string | null {
  const reuses = reusesOf(observations, reading);
  if (reuses.length === 0) return null;
  const { labels, alpha, wrong } = evidenceOf(reuses, reading.prior);
  return JSON.stringify({
    labels,
    // Four digits: the metadata of a vector holds 10 KiB.
    alpha: alpha.map((a) => Math.round(a * 1e4) / 1e4),
    wrong,
    ...(reading.scorer && { scorer: reading.scorer.id }),
  });
}

// What several seeds say about a figure: its mean, and an interval where there is one.
import { wilsonInterval } from "../../evaluation/operating-curve.ts";
import { deviationOf, meanOf } from "../../intervals.ts";
import { studentT } from "./student-t.ts";

export interface Estimate {
  readonly mean: number;
  /** 95 %, low and high; null where there is none, as after a single seed. */
  readonly interval: readonly [low: number, high: number] | null;
  /** Of how many seeds, or observations of a share. */
  readonly n: number;
}

/** One figure of each seed; keyed, so that differences pair what belongs together. */
export type BySeed = ReadonlyMap<number, number>;

/**
 * Mean of independent values with its 95 % interval: mean -+ t(n - 1) s / sqrt(n) (Student 1908). Throws RangeError for
 * no values and for values that are not finite.
 */
export function meanEstimate(values: Iterable<number>): Estimate {
  const all = [...values];
  const wrong = all.find((value) => !Number.isFinite(value));
  if (all.length === 0 || wrong !== undefined)
    throw new RangeError(
      `no mean of ${all.length} values${wrong === undefined ? "" : `: ${wrong}`}`,
    );
  const mean = meanOf(all);
  if (all.length === 1) return { mean, interval: null, n: 1 };
  const half = (studentT(all.length - 1) * deviationOf(all)) / Math.sqrt(all.length);
  return { mean, interval: [mean - half, mean + half], n: all.length };
}

/** Mean of x - base, seed by seed. Both must have the same seeds, else RangeError. */
export function pairedDifference(x: BySeed, base: BySeed): Estimate {
  return meanEstimate(paired(x, base, (ours, theirs) => ours - theirs));
}

/**
 * Mean of (x - base) / |base|, seed by seed: how the paper gives its gains, so that a gain is positive where x is greater
 * though both are negative. Same seeds, no base of 0, else RangeError.
 */
export function relativeGain(x: BySeed, base: BySeed): Estimate {
  return meanEstimate(
    paired(x, base, (ours, theirs, seed) => {
      if (theirs === 0) throw new RangeError(`seed ${seed}: no gain relative to 0`);
      return (ours - theirs) / Math.abs(theirs);
    }),
  );
}

/** A share of independent observations with its Wilson interval; null when there are none. */
export function shareEstimate(count: number, of: number): Estimate | null {
  if (!(count >= 0 && count <= of)) throw new RangeError(`${count} of ${of} is no share`);
  if (of === 0) return null;
  const { low, high } = wilsonInterval(count, of);
  return { mean: count / of, interval: [low, high], n: of };
}

function paired(
  x: BySeed,
  base: BySeed,
  combine: (ours: number, theirs: number, seed: number) => number,
): number[] {
  if (x.size !== base.size || [...x.keys()].some((seed) => !base.has(seed)))
    throw new RangeError(
      `seeds ${[...x.keys()].join(", ")} and ${[...base.keys()].join(", ")} are no pairs`,
    );
  return [...x].map(([seed, ours]) => combine(ours, base.get(seed)!, seed));
}

// How far predictions may be trusted: intervals made on the calibration half, and the share of the measured half inside them.
import { conformalRange, conformalUpper } from "../../policy/routing/conformal.ts";

/** Shares of the truth that intervals promise to hold. */
export const LEVELS = [0.5, 0.8, 0.9] as const;

/** Predicted and actual values by question and model; those of the calibration half are predicted without having seen them. */
export interface PredictedPart {
  readonly predicted: readonly (readonly number[])[];
  readonly actual: readonly (readonly number[])[];
}

export interface Coverage {
  /** By level: share of the measured half inside. */
  readonly inside: readonly number[];
  /** By level: mean width of the interval, in the unit of the value. */
  readonly width: readonly number[];
}

/** Of a score in [0, 1]: prediction +- the level's share of how far predictions were off, cut to [0, 1]. */
export function scoreCoverage(known: PredictedPart, measured: PredictedPart, m: number): Coverage {
  const sorted = errors(known, m).map(Math.abs).toSorted(ascending);
  return coverageOf(measured, m, (predicted, level) => {
    const far = conformalUpper(sorted, level);
    return { low: Math.max(0, predicted - far), high: Math.min(1, predicted + far) };
  });
}

/** Of any value: prediction + the middle share of how far predictions were off, each end for itself. */
export function valueCoverage(known: PredictedPart, measured: PredictedPart, m: number): Coverage {
  const sorted = errors(known, m).toSorted(ascending);
  return coverageOf(measured, m, (predicted, level) => {
    const { low, high } = conformalRange(sorted, level);
    return { low: predicted + low, high: predicted + high };
  });
}

function coverageOf(
  { predicted, actual }: PredictedPart,
  m: number,
  rangeAt: (predicted: number, level: number) => { readonly low: number; readonly high: number },
): Coverage {
  const ranges = LEVELS.map((level) => predicted.map((row) => rangeAt(row[m]!, level)));
  const mean = (values: readonly number[]) => values.reduce((sum, v) => sum + v, 0) / values.length;
  // Rounding must not put a value beside the very residual that it has.
  const slack = 1e-9;
  return {
    inside: ranges.map((each) =>
      mean(
        each.map(({ low, high }, q) => {
          const value = actual[q]![m]!;
          return Number(value >= low - slack && value <= high + slack);
        }),
      ),
    ),
    width: ranges.map((each) => mean(each.map(({ low, high }) => high - low))),
  };
}

const errors = ({ predicted, actual }: PredictedPart, m: number): number[] =>
  predicted.map((row, q) => actual[q]![m]! - row[m]!);

const ascending = (a: number, b: number): number => a - b;

const BINS = 10;

/** Expected calibration error: mean |predicted - actual| of the means of ten bins with as many predictions each. */
export function calibrationError({ predicted, actual }: PredictedPart, m: number): number {
  const pairs = predicted
    .map((row, q) => [row[m]!, actual[q]![m]!] as const)
    .toSorted(([a], [b]) => a - b);
  let sum = 0;
  for (let bin = 0; bin < BINS; bin++) {
    const [from, to] = [bin, bin + 1].map((edge) => Math.round((edge * pairs.length) / BINS));
    let off = 0;
    for (const [guess, truth] of pairs.slice(from, to)) off += guess - truth;
    sum += Math.abs(off);
  }
  return sum / pairs.length;
}

/** Root of the mean squared error. */
export function typicalError(part: PredictedPart, m: number): number {
  const all = errors(part, m);
  return Math.sqrt(all.reduce((sum, error) => sum + error ** 2, 0) / all.length);
}

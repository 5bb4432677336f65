// How figures are written: as many digits as their interval bears, and the interval beside them.
import { type Estimate } from "./statistics.ts";

export interface FigureFormat {
  /** After the point; default as `digitsFor` finds. */
  readonly digits?: number | undefined;
  /** Times 100. */
  readonly isPercent?: boolean | undefined;
  /** Printed once, after the figure, e.g. "%"; left out where a title names it. */
  readonly unit?: string | undefined;
}

/** `-12.3 (-12.9 to -11.7)`, `4.1 % (3.0 to 5.2)`; a figure without an interval says so: `-12.3 (one seed)`. "-" for null. */
export function formatEstimate(
  estimate: Estimate | null,
  { digits, isPercent = false, unit }: FigureFormat = {},
): string {
  if (estimate === null) return "-";
  const scale = isPercent ? 100 : 1;
  const [mean, low, high] = [estimate.mean, ...(estimate.interval ?? [])].map(
    (value) => scale * value,
  );
  const shown = digits ?? digitsFor([estimate], isPercent);
  const figure = `${formatNumber(mean!, shown)}${unit === undefined ? "" : ` ${unit}`}`;
  if (low === undefined || high === undefined)
    return `${figure} (${estimate.n === 1 ? "one seed" : "no interval"})`;
  return `${figure} (${formatNumber(low, shown)} to ${formatNumber(high, shown)})`;
}

/** Fixed digits, without a negative zero. Throws RangeError for what is not finite. */
export function formatNumber(value: number, digits = 2): string {
  if (!Number.isFinite(value)) throw new RangeError(`${value} is no figure of a report`);
  const text = value.toFixed(digits);
  return Number(text) === 0 ? text.replace("-", "") : text;
}

/**
 * Digits after the point for figures that stand below each other: those of half the median interval's width, one more
 * where it begins with 1 or 2; 2 where there are no intervals.
 */
export function digitsFor(estimates: readonly Estimate[], isPercent = false): number {
  const halves = estimates
    .flatMap(({ interval }) => (interval === null ? [] : (interval[1] - interval[0]) / 2))
    .filter((half) => half > 0)
    .toSorted((a, b) => a - b);
  const median = halves[halves.length >> 1];
  if (median === undefined) return 2;
  const half = isPercent ? 100 * median : median;
  const power = Math.floor(Math.log10(half));
  return Math.min(6, Math.max(0, (half < 3 * 10 ** power ? 1 : 0) - power));
}

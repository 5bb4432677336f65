// What a figure of a report shows and how it was made.
import { type Estimate } from "./statistics.ts";

/** How a table or a plot was made, so that it can be made again. */
export interface Provenance {
  readonly command: string;
  readonly seeds: readonly number[];
  readonly commit: string;
  /** Files below raw/, with or without that folder. */
  readonly raw: readonly string[];
}

export interface Point {
  readonly x: number;
  readonly y: number;
  /** Ends of the interval, both or none. */
  readonly low?: number;
  readonly high?: number;
}

interface Axes {
  /** Lower-case letters, digits and hyphens: the file is plots/ID.svg. */
  readonly id: string;
  readonly title: string;
  readonly xLabel: string;
  readonly yLabel: string;
  /** Values of a logarithmic axis are greater than 0. */
  readonly logY?: boolean;
  readonly provenance: Provenance;
}

/** One line a series; at most 14. The first lies on top. */
export interface LinePlot extends Axes {
  readonly series: readonly { readonly name: string; readonly points: readonly Point[] }[];
  readonly logX?: boolean;
}

export type Bar = Omit<Point, "x">;

/** One group of bars a category, in it one bar a series; at most 14 series. */
export interface BarPlot extends Axes {
  readonly categories: readonly string[];
  /** Bars in the order of the categories; null leaves a gap. */
  readonly series: readonly { readonly name: string; readonly bars: readonly (Bar | null)[] }[];
}

export type Plot = LinePlot | BarPlot;

export const isBarPlot = (plot: Plot): plot is BarPlot => "categories" in plot;

export const barOf = ({ mean, interval }: Estimate): Bar =>
  interval === null ? { y: mean } : { y: mean, low: interval[0], high: interval[1] };

export const pointOf = (x: number, estimate: Estimate): Point => ({ x, ...barOf(estimate) });

const MOST_SERIES = 14;

/** Throws RangeError that names plot and series for whatever cannot be drawn. */
export function assertDrawable(plot: Plot): void {
  const of = `plot ${plot.id}`;
  if (plot.series.length === 0 || plot.series.length > MOST_SERIES)
    throw new RangeError(
      `${of}: ${plot.series.length} series, 1 to ${MOST_SERIES} can be told apart`,
    );
  if (!isBarPlot(plot)) {
    for (const { name, points } of plot.series) {
      if (points.length === 0) throw new RangeError(`${of}: series ${name} has no points`);
      for (const point of points) {
        assertBar(`${of}: series ${name} at x = ${point.x}`, point, plot.logY);
        assertValue(`${of}: series ${name}: x`, point.x, plot.logX);
      }
    }
    return;
  }
  for (const { name, bars } of plot.series) {
    if (bars.length !== plot.categories.length)
      throw new RangeError(
        `${of}: series ${name} has ${bars.length} bars for ${plot.categories.length} categories`,
      );
    for (const [i, bar] of bars.entries())
      if (bar !== null) assertBar(`${of}: series ${name} at ${plot.categories[i]}`, bar, plot.logY);
  }
  if (plot.series.every(({ bars }) => bars.every((bar) => bar === null)))
    throw new RangeError(`${of}: no bars`);
}

function assertBar(of: string, { y, low, high }: Bar, log = false): void {
  assertValue(`${of}: y`, y, log);
  if (low === undefined && high === undefined) return;
  if (low === undefined || high === undefined || !(low <= high))
    throw new RangeError(`${of}: ${low} to ${high} is no interval`);
  assertValue(`${of}: low`, low, log);
  assertValue(`${of}: high`, high, log);
}

function assertValue(of: string, value: number, log = false): void {
  if (!Number.isFinite(value)) throw new RangeError(`${of} is ${value}`);
  if (log && value <= 0) throw new RangeError(`${of} is ${value}, on a logarithmic axis`);
}

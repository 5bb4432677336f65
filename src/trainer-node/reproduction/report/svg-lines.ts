// Lines over a numeric axis, with their intervals as bands or whiskers.
import { type Axis, axisAt, axisOf, scaleOf } from "./axis.ts";
import { assertDrawable, type LinePlot, type Point } from "./plot.ts";
import { colourOf, markerOf, strokeOf } from "./series-style.ts";
import { type Area, frameOf, TEXT, WIDTH, yAxisSvg } from "./svg-frame.ts";
import { escaped, px, widthOf } from "./svg-text.ts";

/** Lines with more points are curves: intervals as bands, a marker now and then. */
const MOST_MARKED = 12;
/** More bands than this hide each other: whiskers at the markers instead. */
const MOST_BANDS = 4;
const MARKERS_OF_CURVE = 6;
const MOST_EXACT_TICKS = 9;
/** Pixels between the first and the last series at one x. */
const MOST_ASIDE = 44;

/** Throws RangeError that names the series for values that cannot be drawn. */
export function linePlot(plot: LinePlot): string {
  assertDrawable(plot);
  const series = plot.series.map(({ points }) => points.toSorted((a, b) => a.x - b.x));
  const all = series.flat();
  const yAxis = axisOf(
    all.flatMap(({ y, low = y, high = y }) => [y, low, high]),
    { isLog: plot.logY },
  );
  const isCurve = series.some(({ length }) => length > MOST_MARKED);
  const withIntervals = series.filter((line) => line.some(hasInterval)).length;
  const isBanded = isCurve && withIntervals <= MOST_BANDS;
  const { area, around } = frameOf(plot, {
    yAxis,
    labelHeight: TEXT + 8,
    names: plot.series.map(({ name }) => name),
    swatch: (i, x, y) =>
      `<line x1="${px(x)}" x2="${px(x + 24)}" y1="${px(y)}" y2="${px(y)}" ${strokeOf(i)}/>${markerOf(i, x + 12, y)}`,
    description: descriptionOf(plot, withIntervals === 0 ? null : isBanded ? "bands" : "whiskers"),
  });

  // Whiskers of one x stand side by side, those of the first and the last x inside the area.
  const isSideBySide = !isCurve && withIntervals > 1;
  const margin = isSideBySide ? MOST_ASIDE / 2 + 8 : 14;
  const [from, to] = [area.left + margin, area.right - margin];
  const xAxis = xAxisOf(plot, all, to - from);
  const xAt = scaleOf(xAxis, from, to);
  const yAt = scaleOf(yAxis, area.bottom, area.top);
  const aside = isSideBySide ? sideStep(series, xAt) : 0;
  const drawn = series.map((points, i): DrawnLine => {
    const shift = aside * (i - (series.length - 1) / 2);
    const line = points.map(({ x, y, low, high }): Point => {
      const at = { x: px(xAt(x) + shift), y: px(yAt(y)) };
      return low === undefined || high === undefined
        ? at
        : { ...at, low: px(yAt(low)), high: px(yAt(high)) };
    });
    return { series: i, line, marked: markedOf(line, i, series.length) };
  });
  const backToFront = drawn.toReversed();
  return around([
    ...yAxisSvg(yAxis, yAt, area),
    ...xAxisSvg(xAxis, xAt, area),
    ...(isBanded ? backToFront.map((one) => bandSvg(one, withIntervals)) : []),
    ...backToFront.map(
      (one) => (isBanded ? "" : whiskersSvg(one.series, one.marked)) + lineSvg(one),
    ),
  ]);
}

/** In pixels. */
interface DrawnLine {
  readonly series: number;
  readonly line: readonly Point[];
  readonly marked: readonly Point[];
}

const hasInterval = ({ low }: Point): boolean => low !== undefined;

function descriptionOf(plot: LinePlot, intervals: "bands" | "whiskers" | null): string {
  const lines = plot.series.map(({ name }) => name).join(", ");
  const shown = intervals === null ? "" : ` Intervals as ${intervals}.`;
  return `Line plot of ${plot.yLabel} over ${plot.xLabel}: ${lines}.${shown}`;
}

/** Ticks at the values themselves where they are few and their labels have room. */
function xAxisOf({ logX }: LinePlot, points: readonly Point[], width: number): Axis {
  const values = [...new Set(points.map(({ x }) => x))].toSorted((a, b) => a - b);
  if (values.length <= MOST_EXACT_TICKS) {
    const axis = axisAt(values, logX);
    const at = scaleOf(axis, 0, width);
    const isRoomy = axis.ticks.every((tick, i) => {
      const next = axis.ticks[i + 1];
      if (next === undefined) return true;
      const needed = (widthOf(tick.label, TEXT) + widthOf(next.label, TEXT)) / 2 + 8;
      return at(next.value) - at(tick.value) >= needed;
    });
    if (isRoomy) return axis;
  }
  return axisOf(values, { isLog: logX, most: 7 });
}

function xAxisSvg(axis: Axis, at: (value: number) => number, { bottom }: Area): string[] {
  return axis.ticks.map(({ value, label }) => {
    const x = px(at(value));
    // The last label must not leave the picture.
    const middle = Math.min(x, WIDTH - 4 - widthOf(label, TEXT) / 2);
    return (
      `<line x1="${x}" x2="${x}" y1="${px(bottom)}" y2="${px(bottom + 5)}" stroke="#555"/>` +
      `<text x="${px(middle)}" y="${px(bottom + TEXT + 7)}" text-anchor="middle">${escaped(label)}</text>`
    );
  });
}

/** Pixels between neighbours at one x: at most 5, and all series within 60 % of the way to the next x. */
function sideStep(series: readonly (readonly Point[])[], at: (x: number) => number): number {
  const places = [...new Set(series.flat().map(({ x }) => x))].map(at).toSorted((a, b) => a - b);
  const gaps = places.slice(1).map((place, i) => place - places[i]!);
  return Math.min(5, (0.6 * Math.min(...gaps)) / series.length, MOST_ASIDE / series.length);
}

/** Every point of a short line; of a curve some, at other places than those of the other series. */
function markedOf(line: readonly Point[], series: number, of: number): readonly Point[] {
  if (line.length <= MOST_MARKED) return line;
  const step = Math.ceil(line.length / MARKERS_OF_CURVE);
  const first = Math.floor((step * (series + 0.5)) / of);
  return line.filter((_, at) => at % step === first);
}

function lineSvg({ series, line, marked }: DrawnLine): string {
  const points = line.map(({ x, y }) => `${x},${y}`).join(" ");
  const markers = marked.map(({ x, y }) => markerOf(series, x, y)).join("");
  return `<polyline points="${points}" fill="none" stroke-linejoin="round" ${strokeOf(series)}/>${markers}`;
}

function bandSvg({ series, line }: DrawnLine, bands: number): string {
  const some = line.filter(hasInterval);
  if (some.length < 2) return whiskersSvg(series, some);
  const upper = some.map(({ x, high }) => `${x},${high}`);
  const lower = some.toReversed().map(({ x, low }) => `${x},${low}`);
  return `<polygon points="${[...upper, ...lower].join(" ")}" fill="${colourOf(series)}" fill-opacity="${bands > 2 ? 0.14 : 0.2}"/>`;
}

function whiskersSvg(series: number, points: readonly Point[]): string {
  return points
    .filter(hasInterval)
    .map(
      ({ x, low, high }) =>
        `<path d="M${px(x - 3)} ${high}h6m-3 0V${low}m-3 0h6" fill="none" stroke="${colourOf(series)}" stroke-width="1.2"/>`,
    )
    .join("");
}

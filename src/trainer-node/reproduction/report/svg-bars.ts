// Groups of bars, one group a category, with their intervals as whiskers.
import { type Axis, axisOf, scaleOf } from "./axis.ts";
import { assertDrawable, type Bar, type BarPlot } from "./plot.ts";
import { fillOf, hatches } from "./series-style.ts";
import { type Area, frameOf, TEXT, WIDTH, yAxisSvg } from "./svg-frame.ts";
import { cut, escaped, px, widthOf, wrapped } from "./svg-text.ts";

const LINE = TEXT + 2;
const MOST_LINES = 2;
const TURN = 35;
const LONGEST_TURNED = 130;

/** Throws RangeError that names the series for values that cannot be drawn. */
export function barPlot(plot: BarPlot): string {
  assertDrawable(plot);
  const values = plot.series.flatMap(({ bars }) =>
    bars.flatMap((bar) => (bar === null ? [] : [bar.y, bar.low ?? bar.y, bar.high ?? bar.y])),
  );
  const yAxis = axisOf(plot.logY ? values : [0, ...values], { isLog: plot.logY });
  const labels = labelsOf(plot.categories, (WIDTH - 90) / plot.categories.length);
  const { area, around } = frameOf(plot, {
    yAxis,
    labelHeight: labels.height,
    overhang: labels.overhang,
    names: plot.series.map(({ name }) => name),
    swatch: (i, x, y) =>
      `<rect x="${px(x + 4)}" y="${px(y - 6)}" width="18" height="12" ${fillOf(i)}/>`,
    description: descriptionOf(plot),
  });

  const at = scaleOf(yAxis, area.bottom, area.top);
  const base = plot.logY ? area.bottom : at(0);
  const slot = (area.right - area.left) / plot.categories.length;
  const width = Math.min(60, (0.8 * slot) / plot.series.length);
  const middleOf = (category: number, series: number) =>
    area.left + slot * (category + 0.5) + width * (series - (plot.series.length - 1) / 2);
  return around([
    ...(plot.series.length > 7 ? [`<defs>${hatches(plot.series.length).join("")}</defs>`] : []),
    ...yAxisSvg(yAxis, at, area),
    ...plot.series.map(({ bars }, series) =>
      bars
        .map((bar, category) =>
          bar === null ? "" : barSvg(bar, middleOf(category, series), { width, base, at, series }),
        )
        .join(""),
    ),
    zeroLine(yAxis, base, area),
    ...labels.svg((category) => area.left + slot * (category + 0.5), area.bottom),
  ]);
}

function descriptionOf(plot: BarPlot): string {
  const series = plot.series.map(({ name }) => name).join(", ");
  const hasIntervals = plot.series.some(({ bars }) => bars.some((bar) => bar?.low !== undefined));
  const intervals = hasIntervals ? " Intervals as whiskers." : "";
  return `Bar plot of ${plot.yLabel} by ${plot.xLabel || "category"} (${plot.categories.join(", ")}): ${series}.${intervals}`;
}

interface BarPlace {
  readonly width: number;
  /** Where bars begin, in pixels. */
  readonly base: number;
  readonly at: (value: number) => number;
  readonly series: number;
}

function barSvg(
  { y, low, high }: Bar,
  middle: number,
  { width, base, at, series }: BarPlace,
): string {
  const [upper, lower] = [Math.min(at(y), base), Math.max(at(y), base)];
  const gap = width > 8 ? 1 : 0.25;
  const bar = `<rect x="${px(middle - width / 2 + gap)}" y="${px(upper)}" width="${px(width - 2 * gap)}" height="${px(lower - upper)}" ${fillOf(series)} fill-opacity="0.85" stroke-width="0.6"/>`;
  if (low === undefined || high === undefined) return bar;
  const cap = px(Math.min(5, width / 3));
  const [x, from, to] = [px(middle), px(at(low)), px(at(high))];
  const path = `M${px(x - cap)} ${to}h${px(2 * cap)}m${-cap} 0V${from}m${-cap} 0h${px(2 * cap)}`;
  // A pale edge keeps the whisker visible on a dark bar.
  return `${bar}<path d="${path}" fill="none" stroke="#fff" stroke-width="2.6"/><path d="${path}" fill="none" stroke="#222" stroke-width="1.2"/>`;
}

function zeroLine({ isLog }: Axis, base: number, { left, right }: Area): string {
  return isLog
    ? ""
    : `<line x1="${left}" x2="${right}" y1="${px(base)}" y2="${px(base)}" stroke="#555"/>`;
}

interface Labels {
  readonly height: number;
  readonly overhang: number;
  readonly svg: (middleOf: (category: number) => number, bottom: number) => string[];
}

/** Side by side in one or two lines where they fit, else turned. */
function labelsOf(categories: readonly string[], slot: number): Labels {
  const lines = categories.map((name) =>
    wrapped(name, TEXT, Infinity).length === 0 ? [""] : wrapped(name, TEXT, slot - 8),
  );
  const fits = lines.every(
    (some, i) =>
      some.length <= MOST_LINES && some.join(" ") === categories[i]!.trim().replaceAll(/\s+/g, " "),
  );
  if (fits)
    return {
      height: 6 + Math.max(...lines.map(({ length }) => length)) * LINE,
      overhang: 0,
      svg: (middleOf, bottom) =>
        lines.flatMap((some, category) =>
          some.map(
            (line, i) =>
              `<text x="${px(middleOf(category))}" y="${px(bottom + 4 + (i + 0.9) * LINE)}" text-anchor="middle">${escaped(line)}</text>`,
          ),
        ),
    };
  const names = categories.map((name) => cut(name, TEXT, LONGEST_TURNED));
  const widths = names.map((name) => widthOf(name, TEXT));
  const [sin, cos] = [Math.sin((TURN * Math.PI) / 180), Math.cos((TURN * Math.PI) / 180)];
  return {
    height: sin * Math.max(...widths) + 16,
    overhang: Math.max(...widths.map((width, i) => 8 + cos * width - slot * (i + 0.5))),
    svg: (middleOf, bottom) =>
      names.map(
        (name, category) =>
          `<text transform="translate(${px(middleOf(category) + 4)} ${px(bottom + 14)}) rotate(-${TURN})" text-anchor="end">${escaped(name)}</text>`,
      ),
  };
}

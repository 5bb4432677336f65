// What line and bar plots share: paper, title, axes, legend. The drawing itself goes between.
import { type Axis } from "./axis.ts";
import { type Plot } from "./plot.ts";
import { cut, escaped, FONT, px, widthOf, wrapped } from "./svg-text.ts";

export const WIDTH = 640;
const LEAST_HEIGHT = 400;
const LEAST_AREA = 240;
const EDGE = 16;
const TITLE = 15;
export const TEXT = 12;
const LEGEND_ROW = 18;
const SWATCH = 30;

/** Where the drawing goes, in pixels; y falls upwards, so `bottom` > `top`. */
export interface Area {
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
}

export interface FrameParts {
  readonly yAxis: Axis;
  /** Pixels below the area for the labels of the x axis. */
  readonly labelHeight: number;
  /** Pixels that labels of the x axis need to the left of the area. */
  readonly overhang?: number;
  readonly names: readonly string[];
  /** The sign of a series in the legend, at the middle of its left end. */
  readonly swatch: (series: number, x: number, y: number) => string;
  /** What a reader who cannot see the plot is told of it. */
  readonly description: string;
}

export interface Frame {
  readonly area: Area;
  /** The whole file around what was drawn. */
  readonly around: (drawn: readonly string[]) => string;
}

export function frameOf(plot: Plot, parts: FrameParts): Frame {
  const titles = wrapped(plot.title, TITLE, WIDTH - 2 * EDGE);
  const top = 14 + titles.length * (TITLE + 4) + 10;
  const legend = legendOf(parts.names);
  const xLines = wrapped(plot.xLabel, TEXT, WIDTH - 120);
  const below = parts.labelHeight + xLines.length * (TEXT + 3) + 10;
  const areaHeight = Math.max(LEAST_AREA, LEAST_HEIGHT - top - below - legend.height - 8);
  const bottom = top + areaHeight;
  const height = Math.ceil(bottom + below + legend.height + 8);
  const yLines = wrapped(plot.yLabel, TEXT, areaHeight);
  const tickWidth = Math.max(0, ...parts.yAxis.ticks.map(({ label }) => widthOf(label, TEXT)));
  const left = Math.ceil(
    Math.max(10 + yLines.length * (TEXT + 3) + tickWidth + 14, parts.overhang ?? 0),
  );
  const area = { left, right: WIDTH - 22, top, bottom };

  const around = (drawn: readonly string[]) =>
    [
      `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" font-family="${FONT}" font-size="${TEXT}" fill="#222" role="img" aria-labelledby="title desc">`,
      `<title id="title">${escaped(plot.title)}</title>`,
      `<desc id="desc">${escaped(parts.description)}</desc>`,
      `<rect width="${WIDTH}" height="${height}" rx="6" fill="#fff"/>`,
      ...titles.map(
        (line, i) =>
          `<text x="${EDGE}" y="${14 + (i + 0.8) * (TITLE + 4)}" font-size="${TITLE}" font-weight="bold">${escaped(line)}</text>`,
      ),
      ...drawn,
      ...xLines.map((line, i) => {
        const y = bottom + parts.labelHeight + (i + 1) * (TEXT + 3);
        return `<text x="${px((left + area.right) / 2)}" y="${px(y)}" text-anchor="middle">${escaped(line)}</text>`;
      }),
      ...yLines.map((line, i) => turned(line, 10 + (i + 0.8) * (TEXT + 3), (top + bottom) / 2)),
      ...legend.entries.map(({ name, x, y }, series) => {
        const middle = bottom + below + y + LEGEND_ROW / 2;
        return (
          parts.swatch(series, x, middle) +
          `<text x="${px(x + SWATCH)}" y="${px(middle + 4)}">${escaped(name)}</text>`
        );
      }),
      "</svg>\n",
    ].join("\n");
  return { area, around };
}

/** Lines across the area, numbers at its left, and the frame's left and bottom line. */
export function yAxisSvg(axis: Axis, at: (value: number) => number, area: Area): string[] {
  const { left, right, bottom, top } = area;
  return [
    ...axis.ticks.map(({ value, label }) => {
      const y = px(at(value));
      return (
        `<line x1="${left}" x2="${right}" y1="${y}" y2="${y}" stroke="${value === 0 ? "#999" : "#e4e4e4"}"/>` +
        `<text x="${left - 7}" y="${px(y + 4)}" text-anchor="end">${escaped(label)}</text>`
      );
    }),
    `<path d="M${left} ${px(top)}V${px(bottom)}H${right}" fill="none" stroke="#555"/>`,
  ];
}

const turned = (text: string, x: number, y: number): string =>
  `<text transform="translate(${px(x)} ${px(y)}) rotate(-90)" text-anchor="middle">${escaped(text)}</text>`;

interface LegendEntry {
  readonly name: string;
  readonly x: number;
  readonly y: number;
}

/** In columns below the drawing, so that it never covers data; none for a single series. */
function legendOf(names: readonly string[]): { entries: readonly LegendEntry[]; height: number } {
  if (names.length < 2) return { entries: [], height: 0 };
  const wide = WIDTH - 2 * EDGE;
  const shown = names.map((name) => cut(name, TEXT, wide - SWATCH));
  const column = Math.max(...shown.map((name) => widthOf(name, TEXT))) + SWATCH + 14;
  const most = Math.max(1, Math.floor((wide + 14) / column));
  const rows = Math.ceil(names.length / most);
  // As few columns as that many rows need, in the middle.
  const columns = Math.ceil(names.length / rows);
  const start = Math.max(EDGE, (WIDTH - columns * column) / 2);
  const entries = shown.map((name, i) => ({
    name,
    x: start + (i % columns) * column,
    y: 6 + Math.floor(i / columns) * LEGEND_ROW,
  }));
  return { entries, height: 6 + rows * LEGEND_ROW };
}

// How series are told apart, also without colours: every one has a dash and a marker, or a hatch, of its own.
import { px } from "./svg-text.ts";

/** Okabe and Ito (2008), without the yellow that a white ground swallows. */
const COLOURS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000"];
const DASHES = ["", "7 3", "2 2.5", "9 3 2 3"];

export const colourOf = (series: number): string => COLOURS[series % COLOURS.length]!;

/** Stroke of a line, as attributes. */
export function strokeOf(series: number): string {
  const dash = DASHES[series % DASHES.length]!;
  return `stroke="${colourOf(series)}" stroke-width="2"${dash === "" ? "" : ` stroke-dasharray="${dash}"`}`;
}

type Shape = (x: number, y: number) => string;

const polygon =
  (...corners: readonly (readonly [number, number])[]): Shape =>
  (x, y) =>
    `<polygon points="${corners.map(([dx, dy]) => `${px(x + dx)},${px(y + dy)}`).join(" ")}"`;

const SHAPES: readonly Shape[] = [
  (x, y) => `<circle cx="${px(x)}" cy="${px(y)}" r="3.8"`,
  polygon([-3.6, -3.6], [3.6, -3.6], [3.6, 3.6], [-3.6, 3.6]),
  polygon([0, -4.6], [4.4, 3.4], [-4.4, 3.4]),
  polygon([0, -5], [4.6, 0], [0, 5], [-4.6, 0]),
  polygon([0, 4.6], [4.4, -3.4], [-4.4, -3.4]),
  polygon(
    [-1.5, -4.5],
    [1.5, -4.5],
    [1.5, -1.5],
    [4.5, -1.5],
    [4.5, 1.5],
    [1.5, 1.5],
    [1.5, 4.5],
    [-1.5, 4.5],
    [-1.5, 1.5],
    [-4.5, 1.5],
    [-4.5, -1.5],
    [-1.5, -1.5],
  ),
  polygon([0, -5], [4.8, -1.2], [3, 4.2], [-3, 4.2], [-4.8, -1.2]),
];

/** Filled for the first round of colours, hollow for the second. */
export function markerOf(series: number, x: number, y: number): string {
  const shape = SHAPES[series % SHAPES.length]!(x, y);
  const colour = colourOf(series);
  return series < COLOURS.length
    ? `${shape} fill="${colour}" stroke="#fff" stroke-width="0.8"/>`
    : `${shape} fill="#fff" stroke="${colour}" stroke-width="1.6"/>`;
}

/** Fill of a bar, as attributes; the second round of colours is hatched, see `hatches`. */
export const fillOf = (series: number): string =>
  `fill="${series < COLOURS.length ? colourOf(series) : `url(#hatch-${series})`}" stroke="${colourOf(series)}"`;

/** What `fillOf` refers to. */
export function hatches(series: number): string[] {
  return Array.from({ length: Math.max(0, series - COLOURS.length) }, (_, i) => {
    const hatched = COLOURS.length + i;
    return (
      `<pattern id="hatch-${hatched}" width="5" height="5" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">` +
      `<rect width="5" height="5" fill="#fff"/><rect width="2.4" height="5" fill="${colourOf(hatched)}"/></pattern>`
    );
  });
}

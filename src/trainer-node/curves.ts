// Learning curves as an SVG file: panels below each other over the same axis of requests, no dependency.
import { type TrainingMetrics } from "./metrics.ts";

interface Curve {
  readonly label: string;
  /** x and y of each point, x rising; a y that is not finite leaves a gap. */
  readonly points: readonly (readonly [x: number, y: number])[];
}

export interface Panel {
  readonly title: string;
  readonly curves: readonly Curve[];
  /** The axis shows at least these values. */
  readonly includes?: readonly number[];
  /** How a tick is written, e.g. in per cent. */
  readonly format?: (value: number) => string;
}

/** The panels of a training run. */
export function trainingCurves(title: string, metrics: readonly TrainingMetrics[]): string {
  const curve = (label: string, value: (each: TrainingMetrics) => number): Curve => ({
    label,
    points: metrics.map((each) => [each.totalRequests, value(each)]),
  });
  const percent = (value: number) => `${Number((100 * value).toPrecision(6))} %`;
  return curvesSvg(title, "requests that reached the policy", [
    {
      title: "Utility per request, with exploration",
      curves: [curve("U", ({ utility }) => utility)],
    },
    {
      title: "Share of requests",
      curves: [
        curve("cache chosen", ({ cacheAction }) => cacheAction),
        curve("served", ({ served }) => served),
        curve("wrong", ({ wrong }) => wrong),
      ],
      includes: [0],
      format: percent,
    },
    {
      title: "Policy",
      curves: [
        curve("entropy", ({ entropy }) => entropy),
        curve("clipped", ({ clipFraction }) => clipFraction),
        curve("KL of the update", ({ kl }) => kl),
      ],
      includes: [0],
    },
    {
      title: "Value",
      curves: [
        curve("explained variance", ({ explainedVariance }) => Math.max(-1, explainedVariance)),
        curve("loss", ({ valueLoss }) => valueLoss),
      ],
      includes: [0, 1],
    },
  ]);
}

const WIDTH = 760;
const PANEL_HEIGHT = 190;
const MARGIN = { left: 64, right: 30, top: 34, bottom: 30 };
const COLOURS = ["#1b6ca8", "#c8553d", "#3f7d20", "#7b4fa3"] as const;

export function curvesSvg(title: string, xLabel: string, panels: readonly Panel[]): string {
  const height = 30 + panels.length * PANEL_HEIGHT + 22;
  const xs = panels.flatMap(({ curves }) => curves.flatMap(({ points }) => points.map(([x]) => x)));
  const x = axis([0, ...xs], MARGIN.left, WIDTH - MARGIN.right);
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" font-family="system-ui, sans-serif" font-size="12" role="img" aria-label="${escaped(title)}">`,
    `<rect width="100%" height="100%" fill="#fff"/>`,
    `<text x="${MARGIN.left}" y="20" font-size="15" font-weight="600">${escaped(title)}</text>`,
    ...panels.map((panel, i) => panelSvg(panel, x, 30 + i * PANEL_HEIGHT)),
    `<text x="${WIDTH / 2}" y="${height - 8}" text-anchor="middle">${escaped(xLabel)}</text>`,
    "</svg>\n",
  ].join("\n");
}

function panelSvg(
  { title, curves, includes = [], format = String }: Panel,
  x: Axis,
  top: number,
): string {
  const from = top + PANEL_HEIGHT - MARGIN.bottom;
  const to = top + MARGIN.top;
  const ys = curves.flatMap(({ points }) => points.map(([, value]) => value));
  const y = axis([...includes, ...ys.filter(Number.isFinite)], from, to);
  const grid = y.ticks.map((tick) => {
    const at = round(y.at(tick));
    return (
      `<line x1="${MARGIN.left}" x2="${WIDTH - MARGIN.right}" y1="${at}" y2="${at}" stroke="#ddd"/>` +
      `<text x="${MARGIN.left - 6}" y="${at + 4}" text-anchor="end">${escaped(format(tick))}</text>`
    );
  });
  const ticks = x.ticks.map((tick) => {
    const at = round(x.at(tick));
    return (
      `<line x1="${at}" x2="${at}" y1="${from}" y2="${from + 4}" stroke="#555"/>` +
      `<text x="${at}" y="${from + 16}" text-anchor="middle">${tick.toLocaleString("en")}</text>`
    );
  });
  const lines = curves.map(({ points }, i) => {
    const path = pathOf(points, x, y);
    return `<path d="${path}" fill="none" stroke="${colour(i)}" stroke-width="1.8"/>`;
  });
  return [
    `<g>`,
    `<text x="${MARGIN.left}" y="${top + 20}" font-weight="600">${escaped(title)}</text>`,
    legend(curves, top + 20),
    ...grid,
    `<line x1="${MARGIN.left}" x2="${WIDTH - MARGIN.right}" y1="${from}" y2="${from}" stroke="#555"/>`,
    ...ticks,
    ...lines,
    "</g>",
  ].join("\n");
}

/** At the right end of the title's line; widths are estimated, as nothing here can measure text. */
function legend(curves: readonly Curve[], y: number): string {
  const widths = curves.map(({ label }) => 30 + 6.6 * label.length);
  let at = WIDTH - MARGIN.right - widths.reduce((sum, width) => sum + width, 0);
  return curves
    .map(({ label }, i) => {
      const start = round(at);
      at += widths[i]!;
      return (
        `<line x1="${start}" x2="${start + 16}" y1="${y - 4}" y2="${y - 4}" stroke="${colour(i)}" stroke-width="3"/>` +
        `<text x="${start + 20}" y="${y}">${escaped(label)}</text>`
      );
    })
    .join("");
}

function pathOf(points: Curve["points"], x: Axis, y: Axis): string {
  let pen = "M";
  return points
    .map(([a, b]) => {
      if (!Number.isFinite(b)) {
        pen = "M";
        return "";
      }
      const part = `${pen}${round(x.at(a))} ${round(y.at(b))}`;
      pen = "L";
      return part;
    })
    .join("");
}

interface Axis {
  readonly ticks: readonly number[];
  at(value: number): number;
}

/** Covers all values, with four to eight ticks at 1, 2 or 5 times a power of ten. */
function axis(values: readonly number[], from: number, to: number): Axis {
  const low = Math.min(...values);
  const high = Math.max(...values);
  const isEmpty = !(high > low);
  const start = isEmpty ? (Number.isFinite(low) ? low : 0) - 0.5 : low;
  const end = isEmpty ? start + 1 : high;
  const raw = (end - start) / 6;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].find((factor) => factor * power >= raw)! * power;
  const first = Math.floor(start / step + 1e-9);
  const last = Math.ceil(end / step - 1e-9);
  const ticks = Array.from({ length: last - first + 1 }, (_, i) =>
    Number(((first + i) * step).toPrecision(12)),
  );
  const span = (last - first) * step;
  return { ticks, at: (value) => from + ((value - first * step) / span) * (to - from) };
}

const colour = (i: number): string => COLOURS[i % COLOURS.length]!;
const round = (value: number): number => Math.round(value * 10) / 10;
const escaped = (text: string): string =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll('"', "&quot;");

import { describe, expect, test } from "vitest";
import {
  type BarPlot,
  barOf,
  type LinePlot,
  pointOf,
} from "../../../../../src/trainer-node/reproduction/report/plot.ts";
import {
  barPlot,
  linePlot,
  svgOf,
} from "../../../../../src/trainer-node/reproduction/report/svg-plot.ts";
import {
  cut,
  widthOf,
  wrapped,
} from "../../../../../src/trainer-node/reproduction/report/svg-text.ts";
import { elementsOf } from "./xml.ts";

const provenance = { command: "npm run x", seeds: [1], commit: "abc", raw: [] };
const HOSTILE = `<script>"a" & 'b'</script>\u0000\ud800`;

const line = (rest: Partial<LinePlot> = {}): LinePlot => ({
  id: "reward",
  title: "Reward",
  xLabel: "requests",
  yLabel: "reward",
  series: [
    {
      name: "DLRS",
      points: [
        { x: 0, y: 0 },
        { x: 10, y: 10 },
      ],
    },
  ],
  provenance,
  ...rest,
});
const bars = (rest: Partial<BarPlot> = {}): BarPlot => ({
  id: "q",
  title: "Satisfaction",
  xLabel: "language",
  yLabel: "q",
  categories: ["EN", "DE"],
  series: [{ name: "DLRS", bars: [{ y: 1 }, { y: 2 }] }],
  provenance,
  ...rest,
});
const many = (count: number, length: number, hasIntervals = true) =>
  Array.from({ length: count }, (_, i) => ({
    name: `series ${i}`,
    points: Array.from({ length }, (__, x) =>
      hasIntervals ? { x, y: i + x, low: i + x - 1, high: i + x + 1 } : { x, y: i + x },
    ),
  }));
const count = (svg: string, name: string) => elementsOf(svg).filter((one) => one === name).length;
const pointsOf = (svg: string) =>
  [...svg.matchAll(/<polyline points="([^"]*)"/g)].map(([, points]) => points);
const textsOf = (svg: string) => [...svg.matchAll(/<text[^>]*>([^<]*)</g)].map(([, text]) => text);

describe("a line plot", () => {
  test("is one well-formed SVG with title and description for readers who cannot see it", () => {
    const svg = linePlot(line());
    expect(elementsOf(svg).slice(0, 4)).toEqual(["svg", "title", "desc", "rect"]);
    expect(svg).toContain(">Reward</title>");
    expect(svg).toContain(">Line plot of reward over requests: DLRS.</desc>");
    expect(svg).toContain('viewBox="0 0 640 400"');
    expect(svg).not.toMatch(/NaN|Infinity|undefined/);
  });

  test("puts its points where its ticks are", () => {
    const svg = linePlot(line());
    const [first = "", last = ""] = pointsOf(svg)[0]!.split(" ");
    const [x0, y0] = first.split(",");
    const [x1, y1] = last.split(",");
    // Ticks of the x axis stand at 0 and 10, the grid's lines at 0, 2, ..., 10.
    const ticks = [...svg.matchAll(/<line x1="([\d.]+)" x2="\1"/g)].map(([, x]) => x);
    expect(ticks).toEqual([x0, x1]);
    const grid = [...svg.matchAll(/<line x1="[\d.]+" x2="[\d.]+" y1="([\d.]+)"/g)].map(
      ([, y]) => y,
    );
    expect([grid[0], grid[5]]).toEqual([y0, y1]);
    expect(Number(y1)).toBeLessThan(Number(y0));
  });

  test("draws points in the order of x", () => {
    const turned = line().series.map(({ name, points }) => ({ name, points: points.toReversed() }));
    expect(linePlot(line({ series: turned }))).toBe(linePlot(line()));
  });

  test("has ratios of x at equal distances on a log axis", () => {
    const points = [0.01, 0.1, 1].map((x) => ({ x, y: x }));
    const svg = linePlot(line({ logX: true, logY: true, series: [{ name: "a", points }] }));
    const [a, b, c] = pointsOf(svg)[0]!
      .split(" ")
      .map((point) => point.split(",").map(Number));
    expect(b![0]! - a![0]!).toBeCloseTo(c![0]! - b![0]!, 0);
    expect(b![1]! - a![1]!).toBeCloseTo(c![1]! - b![1]!, 0);
  });

  test("shows intervals of few points as whiskers, of curves as bands, of many curves as whiskers at the markers", () => {
    const few = linePlot(line({ series: many(2, 5) }));
    expect([few.match(/h6m-3/g)?.length, few.match(/fill-opacity/g)?.length]).toEqual([
      10,
      undefined,
    ]);
    const curves = linePlot(line({ series: many(2, 40) }));
    expect([curves.match(/h6m-3/g)?.length, curves.match(/fill-opacity/g)?.length]).toEqual([
      undefined,
      2,
    ]);
    // Every 7th of 40 points of five series is marked: five or six each.
    const crowd = linePlot(line({ series: many(5, 40) }));
    expect(crowd.match(/h6m-3/g)!.length).toBeGreaterThanOrEqual(25);
    expect(crowd.match(/h6m-3/g)!.length).toBeLessThanOrEqual(30);
    expect(linePlot(line({ series: many(2, 5, false) }))).not.toMatch(/h6m-3|fill-opacity/);
  });

  test("gives each of 14 series a stroke and a marker of its own and stays within its frame", () => {
    const svg = linePlot(line({ series: many(14, 3) }));
    const strokes = [...svg.matchAll(/<polyline [^>]*(stroke="#[^>]*)\/>/g)].map(
      ([, stroke]) => stroke,
    );
    expect(new Set(strokes).size).toBe(14);
    for (const { length } of pointsOf(svg).map((points) => points!.split(" ")))
      expect(length).toBe(3);
    const height = Number(/viewBox="0 0 640 (\d+)"/.exec(svg)![1]);
    for (const [, x, y] of svg.matchAll(/ x="([-\d.]+)" y="([-\d.]+)"/g)) {
      expect(Number(x)).toBeGreaterThanOrEqual(0);
      expect(Number(x)).toBeLessThanOrEqual(640);
      expect(Number(y)).toBeLessThanOrEqual(height);
    }
  });

  test("names its series below the axis, a single one not at all", () => {
    const svg = linePlot(line({ series: many(3, 2) }));
    const xTicks = Number(/y="([\d.]+)" text-anchor="middle">0</.exec(svg)![1]);
    for (const i of [0, 1, 2])
      expect(Number(new RegExp(`y="([\\d.]+)">series ${i}<`).exec(svg)![1])).toBeGreaterThan(
        xTicks,
      );
    expect(textsOf(linePlot(line()))).not.toContain("DLRS");
  });
});

describe("a bar plot", () => {
  test("draws one bar a value, as high as it is, and a gap for null", () => {
    const svg = barPlot(
      bars({
        series: [
          { name: "published", bars: [{ y: 1 }, null] },
          { name: "measured", bars: [{ y: 2, low: 1.5, high: 2.5 }, { y: -1 }] },
        ],
      }),
    );
    const heights = [...svg.matchAll(/height="([\d.]+)" [^>]*fill-opacity="0.85"/g)].map(
      ([, one]) => Number(one),
    );
    expect(heights).toHaveLength(3);
    expect(heights[1]! / heights[0]!).toBeCloseTo(2, 1);
    expect(heights[2]! / heights[0]!).toBeCloseTo(1, 1);
    expect(textsOf(svg)).toEqual(expect.arrayContaining(["EN", "DE", "published", "measured"]));
  });

  test("turns the names of categories that would touch each other", () => {
    const categories = Array.from({ length: 12 }, (_, i) => `Algorithm-${i}`);
    const wide = bars({
      categories,
      series: [{ name: "a", bars: categories.map(() => ({ y: 1 })) }],
    });
    expect(barPlot(wide).match(/rotate\(-35\)/g)).toHaveLength(12);
    expect(barPlot(bars())).not.toContain("rotate(-35)");
  });

  test("tells 14 series apart by hatches and has no pattern where none is needed", () => {
    const series = Array.from({ length: 14 }, (_, i) => ({
      name: `s${i}`,
      bars: [{ y: 1 }, { y: 2 }],
    }));
    const svg = barPlot(bars({ series }));
    expect(count(svg, "pattern")).toBe(7);
    for (const [, id] of svg.matchAll(/url\(#([\w-]+)\)/g)) expect(svg).toContain(`id="${id}"`);
    expect(count(barPlot(bars()), "pattern")).toBe(0);
  });

  test("stands on the bottom of a log axis", () => {
    const svg = barPlot(
      bars({ logY: true, series: [{ name: "a", bars: [{ y: 1 }, { y: 100 }] }] }),
    );
    const [low, high] = [...svg.matchAll(/height="([\d.]+)" [^>]*fill-opacity/g)].map(([, one]) =>
      Number(one),
    );
    expect([low, high! > 200]).toEqual([0, true]);
  });
});

describe("any plot", () => {
  test.each([
    line({
      title: HOSTILE,
      xLabel: HOSTILE,
      yLabel: HOSTILE,
      series: [
        { name: HOSTILE, points: [{ x: 1, y: 1 }] },
        { name: "]]>", points: [{ x: 2, y: 1 }] },
      ],
    }),
    bars({
      title: HOSTILE,
      categories: [HOSTILE, "--><b>"],
      series: [
        { name: HOSTILE, bars: [{ y: 1 }, null] },
        { name: "b", bars: [{ y: 1 }, null] },
      ],
    }),
  ])("escapes hostile text", (plot) => {
    const names = new Set(elementsOf(svgOf(plot)));
    expect(names.has("script") || names.has("b")).toBe(false);
    expect(svgOf(plot)).toContain("&lt;script&gt;&quot;a&quot; &amp; &#39;b&#39;&lt;/script&gt;");
  });

  test("is the same bytes for the same input", () => {
    expect(svgOf(line({ series: many(6, 30) }))).toBe(svgOf(line({ series: many(6, 30) })));
  });

  const points = (...list: LinePlot["series"][number]["points"]) =>
    line({ series: [{ name: "LRS", points: list }] });
  test.each([
    ["plot reward: series LRS at x = 1: y is NaN", points({ x: 1, y: Number.NaN })],
    ["plot reward: series LRS: x is Infinity", points({ x: Infinity, y: 1 })],
    ["series LRS at x = 1: 2 to 1 is no interval", points({ x: 1, y: 1, low: 2, high: 1 })],
    ["series LRS at x = 1: 0 to undefined is no interval", points({ x: 1, y: 1, low: 0 })],
    ["series LRS at x = 1: high is Infinity", points({ x: 1, y: 1, low: 0, high: Infinity })],
    ["series LRS has no points", points()],
    ["x is 0, on a logarithmic axis", { ...points({ x: 0, y: 1 }), logX: true }],
    [
      "low is -1, on a logarithmic axis",
      { ...points({ x: 1, y: 1, low: -1, high: 2 }), logY: true },
    ],
    ["15 series", line({ series: many(15, 2) })],
    ["0 series", line({ series: [] })],
    ["plot q: series DLRS has 2 bars for 3 categories", bars({ categories: ["a", "b", "c"] })],
    [
      "plot q: series a at DE: y is NaN",
      bars({ series: [{ name: "a", bars: [null, { y: Number.NaN }] }] }),
    ],
    ["plot q: no bars", bars({ series: [{ name: "a", bars: [null, null] }] })],
  ])("is refused: %s", (message, plot) => {
    expect(() => svgOf(plot)).toThrow(message);
  });

  test("takes estimates with and without an interval", () => {
    expect(pointOf(3, { mean: 1, interval: [0, 2], n: 5 })).toEqual({
      x: 3,
      y: 1,
      low: 0,
      high: 2,
    });
    expect(barOf({ mean: 1, interval: null, n: 1 })).toEqual({ y: 1 });
  });
});

describe("text", () => {
  test("is broken at spaces, and a word too wide is cut", () => {
    expect(wrapped("one two  three", 10, widthOf("one two", 10))).toEqual(["one two", "three"]);
    expect(wrapped("immeasurable x", 10, widthOf("immea…", 10))).toEqual(["immea…", "x"]);
    expect(wrapped(" ", 10, 100)).toEqual([]);
  });

  test("is never cut inside a letter of several code points", () => {
    expect(cut("👩‍👩‍👧👩‍👩‍👧👩‍👩‍👧👩‍👩‍👧", 10, widthOf("👩‍👩‍👧…", 10))).toBe("👩‍👩‍👧…");
  });
});

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { curvesSvg } from "../../../src/trainer-node/curves.ts";
import {
  MetricsFile,
  type TrainingMetrics,
  readMetrics,
} from "../../../src/trainer-node/metrics.ts";

const panel = (points: readonly (readonly [number, number])[]) => [
  { title: "Reward", curves: [{ label: "U < 0 & rising", points }] },
];
const pathIn = (svg: string) => /<path d="([^"]*)"/.exec(svg)![1]!;

describe("curvesSvg", () => {
  it("has title, axis name, tick labels and a legend, with the text escaped", () => {
    const svg = curvesSvg(
      'Run "7"',
      "requests",
      panel([
        [0, -1],
        [1000, -0.5],
      ]),
    );
    for (const text of [">Reward<", ">requests<", ">1,000<", ">-0.8<", ">U &lt; 0 &amp; rising<"])
      expect(svg).toContain(text);
    expect(svg).toContain("Run &quot;7&quot;");
  });

  it("puts the ends of a curve where the ends of its axes are", () => {
    // x from 64 to 730; the one panel's y axis from 30 + 190 - 30 = 190 up to 30 + 34 = 64.
    expect(
      pathIn(
        curvesSvg(
          "",
          "",
          panel([
            [0, 0],
            [10, 1],
          ]),
        ),
      ),
    ).toBe("M64 190L730 64");
    // Halfway is the middle of both.
    expect(
      pathIn(
        curvesSvg(
          "",
          "",
          panel([
            [0, 0],
            [5, 0.5],
            [10, 1],
          ]),
        ),
      ),
    ).toContain("L397 127");
  });

  it("leaves a gap where a value is not finite", () => {
    const path = pathIn(
      curvesSvg(
        "",
        "",
        panel([
          [0, 0],
          [5, NaN],
          [10, 1],
        ]),
      ),
    );
    expect(path.match(/M/g)).toHaveLength(2);
    expect(path).not.toContain("NaN");
  });

  it.each([
    [[]],
    [[[0, 3]]],
    [
      [
        [0, 3],
        [10, 3],
      ],
    ],
  ] as const)("draws %j without a number that is not one", (points) => {
    expect(curvesSvg("", "", panel(points as never))).not.toMatch(/NaN|Infinity/);
  });
});

describe("MetricsFile", () => {
  it("goes on after the last whole line, so that what a crash cut off spoils nothing", () => {
    const folder = mkdtempSync(join(tmpdir(), "velo-metrics-"));
    const path = join(folder, "metrics.jsonl");
    writeFileSync(path, '{"update":1}\n{"upda');
    const metrics = new MetricsFile(path);
    metrics.append({ update: 2 } as TrainingMetrics);
    expect(metrics.read().map(({ update }) => update)).toEqual([1, 2]);
    rmSync(folder, { recursive: true });
  });
});

describe("readMetrics", () => {
  it("leaves out a last line that a crash cut off", () => {
    const text = '{"update":1}\n{"update":2}\n{"upda';
    expect(readMetrics(text).map(({ update }) => update)).toEqual([1, 2]);
    expect(readMetrics("")).toEqual([]);
  });
});

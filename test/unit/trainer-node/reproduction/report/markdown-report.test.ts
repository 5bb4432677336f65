import { describe, expect, test } from "vitest";
import {
  digitsFor,
  formatEstimate,
  formatNumber,
} from "../../../../../src/trainer-node/reproduction/report/figures.ts";
import {
  code,
  plain,
  ranges,
} from "../../../../../src/trainer-node/reproduction/report/markdown.ts";
import {
  claimRows,
  renderReport,
} from "../../../../../src/trainer-node/reproduction/report/markdown-report.ts";
import { type LinePlot } from "../../../../../src/trainer-node/reproduction/report/plot.ts";
import {
  type Report,
  type Section,
} from "../../../../../src/trainer-node/reproduction/report/report.ts";
import { type ClaimResult } from "../../../../../src/trainer-node/reproduction/report/verdict.ts";

const provenance = {
  command: "npm run reproduce -- velo",
  seeds: [3, 1, 2, 7],
  commit: "0a1b2c3",
  raw: ["headline-lrs-1", "raw/headline-lrs-2.json"],
};
const claim: ClaimResult = {
  id: "N12",
  claim: "DLRS waits less than LRS",
  source: "Fig. 8",
  published: "-41.39 %",
  ours: "-12.3 % (-12.9 to -11.7)",
  estimate: -0.123,
  interval: [-0.129, -0.117],
  verdict: "agrees",
  gridShare: { holds: 23, of: 27 },
  note: "Smaller here: a | b.",
  jobs: ["headline-lrs-1"],
};
const plot: LinePlot = {
  id: "fig-5",
  title: "Reward",
  xLabel: "requests",
  yLabel: "reward",
  series: [{ name: "LRS", points: [{ x: 1, y: 2, low: 1, high: 3 }] }],
  provenance: { ...provenance, seeds: [1], raw: [] },
};
const section: Section = {
  id: "training",
  title: "Training",
  text: ["As in *Fig. 5*."],
  tables: [
    {
      title: "After training",
      columns: ["algorithm", "reward", { title: "direct, %", digits: 1, isPercent: true }, "word"],
      rows: [
        ["LRS", { mean: -12.3, interval: [-12.9, -11.7], n: 5 }, 0.05, "a"],
        ["Greedy_0.3 | *", { mean: -17, interval: null, n: 1 }, null, 3],
      ],
      provenance,
    },
  ],
  plots: [plot],
};
const report = (rest: Partial<Report> = {}): Report => ({
  title: "VELO again",
  introduction: ["What was done."],
  claims: [claim],
  sections: [section],
  ...rest,
});
const readme = (of: Report) => renderReport(of).get("README.md")!;

describe("a report", () => {
  test("is one page of claims, tables and plots, each with how it was made", () => {
    const files = renderReport(report());
    expect([...files.keys()]).toEqual(["README.md", "claim-files.md", "plots/fig-5.svg"]);
    expect(files.get("README.md")).toBe(`# VELO again

What was done.

## Claims

Verdicts of 1 claims: agrees 1. Intervals are 95 %; a published claim without one stays undecided; pass and fail are for what must hold by construction. Grid: in how many settings the direction holds.

| id | claim | source | published | measured | verdict | grid | note |
|---|---|---|---|---|---|---:|---|
| N12 | DLRS waits less than LRS | Fig. 8 | -41.39 % | -12.3 % (-12.9 to -11.7) | **agrees** | 23 of 27 | Smaller here: a \\| b. |

[Raw files of each claim](claim-files.md)

<a id="training"></a>

## Training

As in *Fig. 5*.

**After training**

| algorithm | reward | direct, % | word |
|---|---:|---:|---|
| LRS | -12.3 (-12.9 to -11.7) | 5.0 | a |
| Greedy_0.3 \\| \\* | -17.0 (one seed) | - | 3.00 |

<sub>95 % intervals. Made by \`npm run reproduce -- velo\`, seeds 1 to 3, 7, commit \`0a1b2c3\`, raw: [headline-lrs-1](raw/headline-lrs-1.json), [headline-lrs-2](raw/headline-lrs-2.json).</sub>

![Reward](plots/fig-5.svg)

<sub>Bands and whiskers: 95 % intervals. Made by \`npm run reproduce -- velo\`, seed 1, commit \`0a1b2c3\`.</sub>
`);
    expect(files.get("claim-files.md")).toContain(
      "- N12: [headline-lrs-1](raw/headline-lrs-1.json)",
    );
  });

  test("is the same bytes for the same input", () => {
    expect([...renderReport(report())]).toEqual([...renderReport(report())]);
  });

  test("has sections of one page in a file of their own that the first page links to", () => {
    const files = renderReport(
      report({
        sections: [
          { ...section, page: "experiments" },
          { ...section, id: "servers", title: "Servers", plots: [], page: "experiments" },
          { ...section, id: "limits", title: "Limits", plots: [] },
        ],
      }),
    );
    expect([...files.keys()]).toContain("experiments.md");
    expect(files.get("experiments.md")).toMatch(/## Training[^]*## Servers/);
    expect(files.get("README.md")).toContain(
      '- [Training](experiments.md#training)\n- [Servers](experiments.md#servers)\n\n<a id="limits">',
    );
    expect(files.get("README.md")).not.toContain("## Training");
  });

  test("folds many raw files away, below the line that says how a table was made", () => {
    const raw = Array.from({ length: 12 }, (_, i) => `job-${i}`);
    const padded = ["a-008", "a-009", "a-010", "b-1", "b-2", "b-3"];
    const many = report({
      sections: [
        { ...section, tables: [{ ...section.tables[0]!, provenance: { ...provenance, raw } }] },
      ],
    });
    expect(readme(many)).toContain(
      "commit `0a1b2c3`.</sub>\n\n<details><summary>12 raw files</summary>\n\nIn [raw](raw): `job-0 to 11`\n\n</details>",
    );
    const table = { ...section.tables[0]!, provenance: { ...provenance, raw: padded } };
    expect(readme(report({ sections: [{ ...section, tables: [table] }] }))).toContain(
      "In [raw](raw): `a-008 to 010`, `b-1 to 3`",
    );
  });

  test("shows a claim that no grid and no interval supports as it is", () => {
    const one = { ...claim, ours: "-3 (one seed)", interval: null, verdict: "undecided" as const };
    expect(readme(report({ claims: [claim, { ...one, gridShare: null, jobs: [] }] }))).toMatch(
      /2 claims: agrees 1, undecided 1\.[^]*\| -3 \(one seed\) \| \*\*undecided\*\* \| - \|/,
    );
    expect(claimRows([one])[1]).toEqual([
      "N12",
      "DLRS waits less than LRS",
      "Fig. 8",
      "-41.39 %",
      "-3 (one seed)",
      "undecided",
      "23 of 27",
    ]);
  });

  test.each([
    ["section A b", report({ sections: [{ ...section, id: "A b" }] })],
    ["plot ../x", report({ sections: [{ ...section, plots: [{ ...plot, id: "../x" }] }] })],
    ["two plots are called fig-5", report({ sections: [{ ...section, plots: [plot, plot] }] })],
    [
      "two sections are called training",
      report({ sections: [section, { ...section, plots: [] }] }),
    ],
    ["page readme", report({ sections: [{ ...section, page: "readme" }] })],
    ["../secret is no file below raw/", report({ claims: [{ ...claim, jobs: ["../secret"] }] })],
    [
      "table T: row 1 has 1 cells for 2 columns",
      report({
        sections: [
          { ...section, tables: [{ title: "T", columns: ["a", "b"], rows: [["x"]], provenance }] },
        ],
      }),
    ],
    [
      "NaN is no figure of a report",
      report({
        sections: [
          {
            ...section,
            tables: [{ title: "T", columns: ["a"], rows: [[Number.NaN]], provenance }],
          },
        ],
      }),
    ],
  ])("is refused: %s", (message, wrong) => {
    expect(() => renderReport(wrong)).toThrow(message);
  });
});

describe("a figure", () => {
  test("has as many digits as its interval bears, or as it is told", () => {
    expect(formatEstimate({ mean: -12.34, interval: [-15.1, -9.6], n: 3 })).toBe(
      "-12.3 (-15.1 to -9.6)",
    );
    expect(formatEstimate({ mean: 1234.5, interval: [1100, 1369], n: 3 })).toBe(
      "1235 (1100 to 1369)",
    );
    expect(
      formatEstimate(
        { mean: 0.1, interval: [0.05523, 0.17437], n: 100 },
        { isPercent: true, unit: "%" },
      ),
    ).toBe("10 % (6 to 17)");
    expect(formatEstimate({ mean: 2, interval: [2, 2], n: 5 }, { digits: 0 })).toBe("2 (2 to 2)");
  });

  test("has the digits of half the median width, one more where that begins with 1 or 2", () => {
    const wide = (half: number) => ({ mean: 0, interval: [-half, half] as const, n: 3 });
    expect([0.6, 0.25, 0.1, 3, 29, 1e-9].map((half) => digitsFor([wide(half)]))).toEqual([
      1, 2, 2, 0, 0, 6,
    ]);
    expect(digitsFor([wide(0.6), wide(0.0001), wide(0.7)])).toBe(1);
    expect(digitsFor([wide(0.006)], true)).toBe(1);
    expect(digitsFor([wide(0), { mean: 1, interval: null, n: 1 }])).toBe(2);
  });

  test("without an interval says so", () => {
    expect(formatEstimate({ mean: 1, interval: null, n: 1 }, { unit: "s" })).toBe(
      "1.00 s (one seed)",
    );
    expect(formatEstimate({ mean: 1, interval: null, n: 4 })).toBe("1.00 (no interval)");
    expect(formatEstimate(null)).toBe("-");
  });

  test("is never a negative zero", () => {
    expect([formatNumber(-0.001), formatNumber(-0.006), formatNumber(-0, 0)]).toEqual([
      "0.00",
      "-0.01",
      "0",
    ]);
  });
});

describe("foreign text", () => {
  test("is plain text in Markdown", () => {
    expect(plain("a|b\n*c* `d` [e](f) <g> & ~h~")).toBe(
      "a\\|b \\*c\\* \\`d\\` \\[e\\](f) &lt;g&gt; &amp; \\~h\\~",
    );
    expect(plain("_x_ snake_case $5")).toBe("\\_x\\_ snake_case <span>$</span>5");
  });

  test("stays code whatever backticks it holds", () => {
    expect([code("a  b"), code("a `b` ``c")]).toEqual(["`a b`", "``` a `b` ``c ```"]);
  });

  test("of seeds names runs by their ends", () => {
    expect([ranges([5, 1, 2, 3]), ranges([2, 1]), ranges([])]).toEqual(["1 to 3, 5", "1, 2", ""]);
  });
});

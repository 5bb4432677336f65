import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { Random } from "../../../../../src/policy/random.ts";
import {
  type Arriving,
  atRate,
  burstyArrivals,
  poissonArrivals,
  readTrace,
} from "../../../../../src/trainer-node/reproduction/qos-router/workloads.ts";

/** Variance of the counts in windows over their mean: 1 for Poisson arrivals. */
function dispersion(arrivals: readonly Arriving[], seconds: number): number {
  const windows = Math.floor(arrivals.at(-1)!.at / seconds);
  const counts = Array.from({ length: windows }, () => 0);
  for (const { at } of arrivals) {
    const window = Math.floor(at / seconds);
    if (window < counts.length) counts[window]!++;
  }
  const mean = counts.reduce((sum, count) => sum + count, 0) / counts.length;
  return counts.reduce((sum, count) => sum + (count - mean) ** 2, 0) / counts.length / mean;
}

describe("drawn arrivals", () => {
  const seed = 8;
  test(`Poisson arrivals have their rate and the spread of chance (seed ${seed})`, () => {
    const arrivals = poissonArrivals(3, 30_000, new Random(seed));
    // 30,000 gaps of mean 1/3: standard error 0.6 %.
    expect(30_000 / arrivals.at(-1)!.at).toBeCloseTo(3, 1);
    expect(dispersion(arrivals, 10)).toBeGreaterThan(0.85);
    expect(dispersion(arrivals, 10)).toBeLessThan(1.15);
  });

  test(`bursts keep the mean rate and come together (seed ${seed})`, () => {
    const arrivals = burstyArrivals(3, 60_000, new Random(seed));
    const rate = 60_000 / arrivals.at(-1)!.at;
    expect(rate).toBeGreaterThan(2.6);
    expect(rate).toBeLessThan(3.4);
    expect(dispersion(arrivals, 10)).toBeGreaterThan(4);
    expect(arrivals.every(({ at }, i) => at >= (arrivals[i - 1]?.at ?? 0))).toBe(true);
    expect(() =>
      burstyArrivals(3, 1, new Random(1), { factor: 9, quietSeconds: 40, burstSeconds: 10 }),
    ).toThrow(RangeError);
  });
});

describe("traces", () => {
  const directory = mkdtempSync(join(tmpdir(), "velo-trace-"));
  const fileOf = (name: string, content: string | Uint8Array) => {
    const file = join(directory, name);
    writeFileSync(file, content);
    return file;
  };
  const HEAD = "TIMESTAMP,ContextTokens,GeneratedTokens\n";

  test("a table of times with seven decimals, over midnight, packed; what has no answer is left out", async () => {
    const table =
      `${HEAD}2024-02-29 23:59:59.5000000,374,44\n2024-03-01 00:00:00.2500001,9,0\n` +
      "2024-03-01 00:00:01.0000000,12,3\n";
    const rows = await readTrace(fileOf("trace.csv.gz", gzipSync(table)));
    expect(rows).toEqual([
      { at: 0, promptTokens: 374, outputTokens: 44 },
      { at: 1.5, promptTokens: 12, outputTokens: 3 },
    ]);
    // Two requests in 1.5 s, one gap: played at 4 a second, it is a quarter of a second.
    expect(atRate(rows, 4).map(({ at }) => at)).toEqual([0, 0.25]);
    expect(() => atRate(rows.slice(0, 1), 4)).toThrow(RangeError);
  });

  test("lines of JSON, in whatever order", async () => {
    const lines =
      '{"t":12.5,"prompt_tokens":5,"output_tokens":6}\n{"t":10,"prompt_tokens":7,"output_tokens":8}\n';
    expect(await readTrace(fileOf("trace.jsonl", lines))).toEqual([
      { at: 0, promptTokens: 7, outputTokens: 8 },
      { at: 2.5, promptTokens: 5, outputTokens: 6 },
    ]);
  });

  test.for([
    ["bad.csv", `${HEAD}2024-02-29 23:59:59,1,2\nyesterday,1,2\n`, /bad.csv:3: not TIMESTAMP/],
    ["bad.jsonl", '{"t":"now"}\n', /bad.jsonl:1: t must be a number/],
    ["part.jsonl", '{"t":1,"prompt_tokens":1.5}\n', /part.jsonl:1: prompt_tokens must be a whole/],
    ["empty.csv", HEAD, /empty.csv: holds no requests/],
    ["bad.csv.gz", "no gzip", /bad.csv.gz: /],
  ] as const)("%s is refused", async ([name, content, message]) => {
    await expect(readTrace(fileOf(name, content))).rejects.toThrow(message);
  });
});

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { Random } from "../../../../src/policy/random.ts";
import {
  DEFAULT_DELAYS,
  delaySampler,
  EDGE_QUANTILES_MS,
  edgeDelay,
} from "../../../../src/trainer-node/simulator/delays.ts";

const seed = Number(process.env["SEED"] ?? 20_261_121);
console.log(`delays seed ${seed}`);

const median = (values: readonly number[]) =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!;

describe("simulated delays", () => {
  test("rest on the quantiles that local tools wait for", () => {
    // That file imports the Worker, which does not load here.
    const latency = readFileSync(
      join(import.meta.dirname, "../../../../src/dev/latency.ts"),
      "utf8",
    );
    const { embed, vectors, store } = EDGE_QUANTILES_MS;
    for (const [name, [p50, p99]] of Object.entries({ embed, vectors, r2: store }))
      expect(latency).toContain(`${name}: lognormalFromQuantiles(${p50}, ${p99})`);
  });

  test("give an exact answer before a look-up, and no look-up above its deadline", () => {
    const random = new Random(seed);
    const drawn = Array.from({ length: 2000 }, () => edgeDelay(random));
    expect(Math.max(...drawn.map(({ lookUp }) => lookUp))).toBe(0.13);
    // Two embeddings race: their minimum has a lower median than 30 ms; 40 ms of the index come on top.
    expect(median(drawn.map(({ lookUp }) => lookUp))).toBeGreaterThan(0.055);
    expect(median(drawn.map(({ lookUp }) => lookUp))).toBeLessThan(0.075);
    expect(median(drawn.map(({ exact }) => exact))).toBeLessThan(0.03);
  });

  test("of a model are 0.5 s and 15 ms a token in the median", () => {
    const sample = delaySampler(DEFAULT_DELAYS, seed);
    const totals = Array.from({ length: 2000 }, () => sample(200).total);
    // 0.5 + 200 * 0.015 = 3.5, give or take the spread of both.
    expect(median(totals)).toBeGreaterThan(3.3);
    expect(median(totals)).toBeLessThan(3.8);
  });
});

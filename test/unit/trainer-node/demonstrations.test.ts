import { describe, expect, it } from "vitest";
import { Random } from "../../../src/policy/random.ts";
import {
  type Counterfactual,
  demonstrationCount,
  demonstrationsFrom,
  drawDemonstrations,
  marginWeight,
} from "../../../src/trainer-node/demonstrations.ts";

const SEED = 3;
console.log(`seed ${SEED}`);

const tried = (direct: number, cache: number): Counterfactual => ({
  f: new Float32Array(768),
  c: new Float32Array(30),
  omega: -1,
  direct,
  cache,
});

describe("demonstrationsFrom", () => {
  it("labels a request with the better handling and leaves out those where it hardly matters", () => {
    const made = demonstrationsFrom(
      [tried(-0.6, -0.35), tried(-0.6, -1.2), tried(-0.5, -0.5), tried(-0.5, -0.485)],
      new Random(SEED),
    );
    expect(made).toHaveLength(2);
    expect(made.find(({ action }) => action === 0)?.margin).toBeCloseTo(0.6, 10);
    expect(made.find(({ action }) => action === 1)?.margin).toBeCloseTo(0.25, 10);
  });

  it("thins out the frequent label until the rare one is a fifth", () => {
    const many = [
      ...Array.from({ length: 100 }, () => tried(-0.4, -1.2)),
      ...Array.from({ length: 5 }, () => tried(-0.8, -0.35)),
    ];
    const made = demonstrationsFrom(many, new Random(SEED));
    // 5 of the rare label allow 4 * 5 = 20 of the other: 5 / 25 = 20 %.
    expect(made.filter(({ action }) => action === 0)).toHaveLength(20);
    expect(made.filter(({ action }) => action === 1)).toHaveLength(5);
  });

  it("demonstrates nothing when one handling is always better", () => {
    expect(demonstrationsFrom([tried(-0.4, -1.2)], new Random(SEED))).toEqual([]);
  });
});

describe("use of demonstrations", () => {
  it("decays as l_g / u and stops below l_min_g", () => {
    const config = { demonstrations: 900, minDemonstrations: 32 };
    const counts = [0, 1, 2, 9, 27, 28, 29].map((u) => demonstrationCount(u, config));
    // 900/27 = 33.3, 900/28 = 32.1 -> 32 is not above 32.
    expect(counts).toEqual([900, 900, 450, 100, 33, 0, 0]);
  });

  it("draws without replacement, and all there are when that is fewer", () => {
    const all = demonstrationsFrom(
      Array.from({ length: 20 }, (_, i) => tried(-0.6, i % 2 === 0 ? -0.3 : -1.2)),
      new Random(SEED),
    );
    expect(new Set(drawDemonstrations(all, 7, new Random(SEED))).size).toBe(7);
    expect(drawDemonstrations(all, 50, new Random(SEED))).toHaveLength(20);
  });

  it("counts a demonstration fully from a margin of 0.2 on", () => {
    const [demonstration] = demonstrationsFrom(
      [tried(-0.6, -0.55), tried(-0.55, -0.6)],
      new Random(SEED),
    );
    // 0.05 / 0.2
    expect(marginWeight(demonstration!)).toBeCloseTo(0.25, 6);
    expect(marginWeight({ ...demonstration!, margin: 0.7 })).toBe(1);
  });
});

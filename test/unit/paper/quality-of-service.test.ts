// VELO's quality of service by hand: distance, satisfaction, delay, row selection, cache value, cost and reward. Which
// equation is checked where: docs/equations.md.
import { describe, expect, test } from "vitest";
import {
  baselineAfterCall,
  initialValue,
  paperValueAfterUse,
  valueAfterUse,
} from "../../../src/policy/cache/cache-value.ts";
import {
  type EvictionRow,
  paperRowsToEvict,
  rowsToEvict,
} from "../../../src/policy/cache/eviction.ts";
import { resolve, selectRow } from "../../../src/policy/cache/resolver.ts";
import { correlationMatrix, distanceFromCosine } from "../../../src/policy/observation.ts";
import { greedyPolicy } from "../../../src/policy/network/greedy.ts";
import { paperCost, paperReward, qualityFromReference } from "../../../src/policy/reward.ts";
import { shareReward } from "../../../src/trainer-node/reward.ts";
import { candidate } from "../../support/candidate.ts";
import { near } from "../../support/near.ts";

/** Unit vectors of the plane: 3-4-5 triangles, so that lengths are easy. */
const EAST = Float32Array.of(1, 0);
const UP = Float32Array.of(0.6, 0.8);
const inner = (a: Float32Array, b: Float32Array) => a[0]! * b[0]! + a[1]! * b[1]!;

describe("distance and satisfaction", () => {
  test("Eq. 1: the distance of (1, 0) and (0.6, 0.8) is 0.8944, from the vectors and from their cosine", () => {
    // ||(0.4, -0.8)|| = sqrt(0.16 + 0.64) = sqrt 0.8; the cosine is 0.6, and sqrt(2 - 1.2) is the same.
    expect(distanceFromCosine(inner(EAST, UP))).toBeCloseTo(Math.sqrt(0.8), 6);
    // Lower is closer: an exact repeat has 0, the opposite direction 2.
    expect(distanceFromCosine(1)).toBe(0);
    expect(distanceFromCosine(-1)).toBe(2);
  });

  test("Eq. 2: satisfaction is the negated distance to the reference, 0 at best and -2 at worst", () => {
    expect(qualityFromReference(UP, EAST)).toBeCloseTo(-Math.sqrt(0.8), 6);
    expect(qualityFromReference(UP, UP)).toBeCloseTo(0, 12);
    expect(qualityFromReference(EAST, Float32Array.of(-1, 0))).toBe(-2);
  });

  test("Eq. 1 and the greedy rule: the model is called beyond the threshold, because it is a distance", async () => {
    const infer = (distance: number, theta: number) =>
      greedyPolicy(theta).infer({
        f: new Float32Array(768),
        c: correlationMatrix([{ distance, role: 1, useCount: 1 }], "paper"),
        omega: -1,
      });
    const likelier = async (distance: number, theta: number) => {
      const { probs } = await infer(distance, theta);
      return probs[1]! > probs[0]! ? "cache" : "direct";
    };
    expect(await likelier(0.29, 0.3)).toBe("cache");
    expect(await likelier(0.31, 0.3)).toBe("direct");
    expect(await likelier(0.31, 0.5)).toBe("cache");
  });
});

describe("row selection (Eq. 4)", () => {
  const nearest = candidate({ id: "near", distance: 0.2, useCount: 1 });
  const popular = candidate({ id: "popular", distance: 0.4, useCount: 7 });

  test("Eq. 4 literally, without a window: a popular row farther away beats the nearest one", () => {
    // w_s (1 - d^2 / 2) + w_f ln(1 + n) / ln(1 + n_max), ln 8 = 3 ln 2:
    // near    0.9 * 0.98 + 0.1 * 1 / 3 = 0.9153
    // popular 0.9 * 0.92 + 0.1 * 1     = 0.9280
    expect(selectRow([nearest, popular], Infinity)?.id).toBe("popular");
    const { servable } = resolve(
      { text: "?", lang: "en", fp: "other", now: 0 },
      [popular, nearest],
      { coldStartDistance: 0.35, noteDistance: 0.95, deltaHit: 0.02, deltaRequest: 0.01 },
      "paper",
    );
    expect(servable?.id).toBe("popular");
  });

  test("Eq. 4 in the product: only rows within 0.05 of the nearest one compete", () => {
    expect(selectRow([nearest, popular], 0.05)?.id).toBe("near");
    // 0.9 (1 - 0.03125) + 0.1 = 0.971875 at 0.25 against 0.9153
    expect(selectRow([nearest, { ...popular, distance: 0.25 }], 0.05)?.id).toBe("popular");
  });

  test("Eq. 4: with equal counts the nearer row wins, with equal distances the more used one", () => {
    expect(selectRow([nearest, { ...nearest, id: "far", distance: 0.24 }], 0.05)?.id).toBe("near");
    expect(selectRow([nearest, { ...nearest, id: "used", useCount: 2 }], 0.05)?.id).toBe("used");
  });
});

describe("cache value (Eq. 5)", () => {
  test("Eq. 5 literally: A keeps a row near 0, one C drives it below -5", () => {
    // A: (-0.1 - 0.5 - 0.06) / 2 = -0.33;  C: (-0.33 - 0.25 - 11.5) / 2 = -6.04;  A: (-6.04 - 0.5 - 0.06) / 2 = -3.3
    const served = paperValueAfterUse(-0.1, -0.5, 0.06);
    const noted = paperValueAfterUse(served, -0.25, 11.5);
    expect(served).toBeCloseTo(-0.33, 12);
    expect(noted).toBeCloseTo(-6.04, 12);
    expect(paperValueAfterUse(noted, -0.5, 0.06)).toBeCloseTo(-3.3, 12);
  });

  test("Eq. 5 in the product: v moves towards what a use beats the mean call by, by 1 / (n + 1) and at least a fifth", () => {
    // b_B = mean(-0.735, -0.635) = -0.685; a right answer at once has U = -0.35, a wrong one -1.2.
    const calls = [-0.735, -0.635].reduce(baselineAfterCall, initialValue(0));
    expect(calls.value).toBeCloseTo(-0.685, 12);
    // 1: delta 0.335, eta 1     -> 0.335        3: delta -0.515, eta 1/3 -> 0.335 - 0.85 / 3 = 0.051667
    // 2: delta 0.335, eta 1/2   -> 0.335        4: delta 0.335, eta 1/4 -> 0.051667 + 0.283333 / 4 = 0.1225
    const values: number[] = [];
    let row = initialValue(9);
    for (const used of [-0.35, -0.35, -1.2, -0.35]) {
      row = valueAfterUse(row, used, calls.value);
      values.push(row.value);
    }
    expect(values).toEqual(near([0.335, 0.335, 0.335 - 0.85 / 3, 0.1225], 12));
    // From the fifth use on eta stays 0.2.
    expect(valueAfterUse({ value: 0, valueN: 99 }, -0.35, -0.685).value).toBeCloseTo(0.067, 12);
  });
});

describe("eviction", () => {
  const row = (id: string, value: number, change: Partial<EvictionRow> = {}): EvictionRow => ({
    id,
    value,
    valueN: 2,
    createdAt: 0,
    expiresAt: 1e9,
    ...change,
  });
  // mean(-1, -2, -3, -6) = -3
  const rows = [row("a", -1), row("b", -2), row("c", -3), row("d", -6)];

  test("literally every row below the mean goes, one at the mean stays", () => {
    expect(paperRowsToEvict(rows)).toEqual(["d"]);
    // A new row that starts at the mean does not move it and survives the strict comparison.
    expect(paperRowsToEvict([...rows, row("new", -3)])).toEqual(["d"]);
    // mean(-1, -2, -3) = -2
    expect(paperRowsToEvict(rows.slice(0, 3))).toEqual(["c"]);
    // Ten times -0.1 add up to a little less than 1: no row lies below that.
    const alike = Array.from({ length: 10 }, (_, i) => row(`${i}`, -0.1));
    expect(paperRowsToEvict(alike)).toEqual([]);
  });

  test("in the product nothing goes below the mark, and beyond it the lowest values down to the lower mark", () => {
    const limits = { now: 1000, graceMs: 0 };
    // 4 rows of 5: 80 % is below 95 %.
    expect(rowsToEvict(rows, { ...limits, capacity: 5 })).toEqual([]);
    // 4 of 4: down to floor(0.85 * 4) = 3.
    expect(rowsToEvict(rows, { ...limits, capacity: 4 })).toEqual(["d"]);
    // The worst row was used once only, or is too young: the next one goes.
    const untried = rows.with(3, row("d", -6, { valueN: 1 }));
    expect(rowsToEvict(untried, { ...limits, capacity: 4 })).toEqual(["c"]);
    const young = rows.with(3, row("d", -6, { createdAt: 950 }));
    expect(rowsToEvict(young, { ...limits, graceMs: 100, capacity: 4 })).toEqual(["c"]);
  });
});

describe("cost and reward", () => {
  const phi = { phi1: 2, phi2: 0.5, phi3: 0.25, scale: 4 };

  test("Eq. 6: W = sum of -phi1 q + phi2 d over the requests of two servers", () => {
    // 2 * 0.5 + 0.5 * 8 = 5;  2 * 1.2 + 0.5 * 0.1 = 2.45
    const costs = [paperCost(-0.5, 8, phi), paperCost(-1.2, 0.1, phi)];
    expect(costs).toEqual(near([5, 2.45], 12));
    // With the weights that the published tables imply (1, 0.1, 0.6): 0.54 + 0.77, 0.25 + 1.15, 0.54 + 0.006.
    expect(paperCost(-0.54, 7.7)).toBeCloseTo(1.31, 12);
    expect(paperCost(-0.25, 11.5)).toBeCloseTo(1.4, 12);
    expect(paperCost(-0.54, 0.06)).toBeCloseTo(0.546, 12);
  });

  test("Eq. 12: r = -scale (W + phi3) for a direct call, -scale W for the cache", () => {
    // -4 (5 + 0.25) = -21;  -4 * 2.45 = -9.8
    expect(paperReward(-0.5, 8, 0, phi)).toBeCloseTo(-21, 12);
    expect(paperReward(-1.2, 0.1, 1, phi)).toBeCloseTo(-9.8, 12);
  });

  test("Eq. 12 gives the published reward of Greedy-0.3 within its rounding", () => {
    // Printed: q -0.84, d 4.92, direct share 0.65, reward -17.30.
    // -0.65 (8.4 + 4.92 + 6) - 0.35 (8.4 + 4.92) = -17.22; the last digits allow 0.05 + 0.005 + 0.03 and 0.005.
    const direct = paperReward(-0.84, 4.92, 0);
    const cache = paperReward(-0.84, 4.92, 1);
    const mean = 0.65 * direct + 0.35 * cache;
    expect(mean).toBeCloseTo(-17.22, 10);
    expect(Math.abs(mean - -17.3)).toBeLessThan(0.09);
  });

  test("Eq. 12 of a team: with a share of 1 each of three agents gets the mean, with 0 its own", () => {
    expect(shareReward([-3, -6, -18], 1)).toEqual([-9, -9, -9]);
    expect(shareReward([-3, -6, -18], 0)).toEqual([-3, -6, -18]);
    // 0.75 * -3 + 0.25 * -9, ...
    expect(shareReward([-3, -6, -18], 0.25)).toEqual([-4.5, -6.75, -15.75]);
  });
});

describe("the local state", () => {
  test("Eq. 7: c is three rows of ten, distances, types and counts, nearest first, raw in the paper", () => {
    const c = correlationMatrix(
      [
        { distance: 0.5, role: 2, useCount: 4 },
        { distance: 0.25, role: 1, useCount: 9 },
      ],
      "paper",
    );
    expect([c[0], c[1], c[10], c[11], c[20], c[21]]).toEqual([0.25, 0.5, 1, 2, 9, 4]);
    // A missing row is as far as rows can be, of no type and never used.
    expect([c[2], c[12], c[22]]).toEqual([2, 0, 0]);
  });
});

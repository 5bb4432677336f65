import { describe, expect, test } from "vitest";
import { Random } from "../../../../src/policy/random.ts";
import {
  ComponentBootstrap,
  curveOf,
  percentileInterval,
  sortScores,
  thresholdFor,
  wilsonInterval,
} from "../../../../src/trainer-node/evaluation/operating-curve.ts";

const curve = (hits: readonly number[], traps: readonly number[], levels: readonly number[]) =>
  curveOf(
    sortScores(
      Float64Array.of(...hits, ...traps),
      Uint8Array.from([...hits.map(() => 1), ...traps.map(() => 0)]),
    ),
    levels,
  );

describe("threshold", () => {
  test("lets at most the accepted share of traps through, ties included", () => {
    // 10 traps: 10 % is one of them. 0.8 would let both 0.9 through at once, so nothing below 0.9 may pass.
    const traps = Float64Array.of(0.9, 0.9, 0.5, 0.4, 0.3, 0.2, 0.1, 0.1, 0, 0);
    expect(thresholdFor(traps, 0.1)).toBe(0.9);
    expect(thresholdFor(traps, 0.2)).toBe(0.5);
    expect(thresholdFor(traps, 0.05)).toBe(0.9);
  });

  test("is -Infinity when all traps may be served or none has a score: what is refused stays refused", () => {
    expect(thresholdFor(Float64Array.of(1, 2), 1)).toBe(-Infinity);
    expect(thresholdFor(Float64Array.of(-Infinity, -Infinity), 0.01)).toBe(-Infinity);
  });
});

describe("curve", () => {
  test("counts pairs of should-hit and trap in the right order, half for ties", () => {
    // Pairs: (3 > 2) (3 > 1) (2 = 2) (2 > 1) -> 1 + 1 + 1/2 + 1 of 4.
    expect(curve([3, 2], [2, 1], []).auc).toBe(3.5 / 4);
  });

  test("gives the should-hits above the lowest threshold that keeps each level of traps", () => {
    // Above 5: nothing. 5: hit. 4: trap 1 of 4. 3: hit. 2: traps 3 of 4.
    const { served } = curve([5, 3, 0], [4, 2, 2, 1], [0.1, 0.25, 0.5, 0.75]);
    expect(served).toEqual([1 / 3, 2 / 3, 2 / 3, 2 / 3]);
  });

  test("never counts a refused should-hit as served, even where no trap is left above it", () => {
    expect(curve([1, -Infinity], [-Infinity, 0.5], [0.5]).served).toEqual([0.5]);
    // All traps have scores, so the refused should-hit is the last of the order.
    expect(curve([1, -Infinity], [0.5, 0.2], [0.99]).served).toEqual([0.5]);
  });

  test("weights are the same as copies of the pairs", () => {
    const seed = 7;
    const random = new Random(seed);
    const scores = Float64Array.from({ length: 60 }, () => Math.round(10 * random.uniform()));
    const isHit = Uint8Array.from(scores, () => Number(random.uniform() < 0.4));
    const weights = Float64Array.from(scores, () => Math.floor(3 * random.uniform()));
    const copies = [...scores.keys()].flatMap((i) => Array<number>(weights[i]!).fill(i));
    const levels = [0.05, 0.2, 0.6];
    const weighted = curveOf(sortScores(scores, isHit), levels, weights);
    const copied = curveOf(
      sortScores(
        Float64Array.from(copies, (i) => scores[i]!),
        Uint8Array.from(copies, (i) => isHit[i]!),
      ),
      levels,
    );
    expect(weighted.auc, `seed ${seed}`).toBeCloseTo(copied.auc, 12);
    expect(weighted.served, `seed ${seed}`).toEqual(copied.served);
  });
});

describe("intervals", () => {
  test("Wilson's for 8 of 10 is that of the books", () => {
    const { low, high } = wilsonInterval(8, 10);
    expect(low).toBeCloseTo(0.4902, 4);
    expect(high).toBeCloseTo(0.9433, 4);
  });

  test("a bootstrap draws whole components", () => {
    const bootstrap = new ComponentBootstrap(["x", "x", "y", "x", "z"]);
    expect(bootstrap.components).toBe(3);
    for (const weights of bootstrap.weights(50)) {
      expect(weights[0]).toBe(weights[1]);
      expect(weights[0]).toBe(weights[3]);
      expect(weights[0]! + weights[2]! + weights[4]!).toBe(3);
    }
  });

  test("values that are not finite are no part of a percentile interval", () => {
    expect(percentileInterval([1, 2, Number.NaN, 3])).toEqual({ low: 1, high: 3 });
  });
});

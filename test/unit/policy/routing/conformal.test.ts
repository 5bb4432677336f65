import { describe, expect, test } from "vitest";
import { Random } from "../../../../src/policy/random.ts";
import {
  conformalLower,
  conformalRange,
  conformalUpper,
} from "../../../../src/policy/routing/conformal.ts";

describe("conformal bounds", () => {
  test("are the ceil((n + 1) level)-th smallest value, and none where there are too few", () => {
    const nine = [1, 2, 3, 4, 5, 6, 7, 8, 9];
    expect([0.05, 0.5, 0.75, 0.9, 0.91].map((level) => conformalUpper(nine, level))).toEqual([
      1,
      5,
      8,
      9,
      Infinity,
    ]);
    expect([0.5, 0.75, 0.9, 0.91].map((level) => conformalLower(nine, level))).toEqual([
      5,
      2,
      1,
      -Infinity,
    ]);
    expect(conformalRange(nine, 0.8)).toEqual({ low: 1, high: 9 });
    expect(conformalRange([], 0.5)).toEqual({ low: -Infinity, high: Infinity });
  });

  const seed = 3;
  test(`hold a new value as often as they say, whatever the distribution (seed ${seed})`, () => {
    const random = new Random(seed);
    const draws = [() => random.normal(), () => Math.exp(2 * random.normal())];
    for (const draw of draws) {
      let held = 0;
      for (let i = 0; i < 4_000; i++) {
        const known = Float64Array.from({ length: 19 }, draw).toSorted();
        const { low, high } = conformalRange(known, 0.8);
        const value = draw();
        if (value >= low && value <= high) held++;
      }
      // 20 x 0.1 and 0.9 are whole: exactly 80 %, give or take 4 standard errors of 0.63 %.
      expect(Math.abs(held / 4_000 - 0.8)).toBeLessThan(0.026);
    }
  });
});

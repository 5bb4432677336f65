import { expect, test } from "vitest";
import { deviationOf, meanOf, quantile, wilsonUpper } from "../../../src/trainer-node/intervals.ts";

test("Wilson's one-sided bound: 0 of n is z^2 / (n + z^2), and 10 of 100 is 16.0 %", () => {
  // z = 1.644854: z^2 = 2.705543; 0 of 268: 2.705543 / 270.705543 = 0.99944 %.
  expect(wilsonUpper(0, 268)).toBeCloseTo(0.0099944, 6);
  // (0.1 + 0.0135277 + 1.644854 * sqrt(0.0009 + 0.0000676386)) / 1.02705543 = 0.160355
  expect(wilsonUpper(10, 100)).toBeCloseTo(0.160355, 5);
  expect(wilsonUpper(5, 5)).toBeCloseTo(1, 12);
});

test("quantiles are values that occurred", () => {
  expect([quantile([3, 1, 2, 4], 0.5), quantile([3, 1, 2, 4], 0.95)]).toEqual([2, 4]);
  expect(() => quantile([], 0.5)).toThrow("no values");
});

test("the deviation of 1, 2, 3, 4 is sqrt(5 / 3)", () => {
  expect(meanOf([1, 2, 3, 4])).toBe(2.5);
  expect(deviationOf([1, 2, 3, 4])).toBeCloseTo(Math.sqrt(5 / 3), 12);
});

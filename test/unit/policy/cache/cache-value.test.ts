import { expect, test } from "vitest";
import {
  baselineAfterCall,
  initialValue,
  paperValueAfterUse,
  valueAfterUse,
} from "../../../../src/policy/cache/cache-value.ts";

test("the first use replaces the initial guess", () => {
  expect(valueAfterUse(initialValue(0.4), -0.35, -0.75)).toEqual({ value: 0.4, valueN: 1 });
  expect(valueAfterUse(initialValue(9), -0.35, -0.75).value).toBeCloseTo(0.4, 12);
});

test("a row that helps as much as a call costs has value 0", () => {
  expect(valueAfterUse(initialValue(0), -0.75, -0.75).value).toBe(0);
});

test("later uses move the value by a fifth of the difference", () => {
  // 0.4 + 0.2 (-0.45 - 0.4) = 0.23, where -1.2 - -0.75 = -0.45.
  expect(valueAfterUse({ value: 0.4, valueN: 10 }, -1.2, -0.75).value).toBeCloseTo(0.23, 12);
});

test("the baseline is the mean of the calls and keeps following them", () => {
  let baseline = initialValue(0);
  for (const utility of [-0.6, -0.8, -1]) baseline = baselineAfterCall(baseline, utility);
  expect(baseline.value).toBeCloseTo(-0.8, 12);
  expect(baselineAfterCall({ value: -0.8, valueN: 1e6 }, -0.7).value).toBeCloseTo(-0.799, 12);
});

test("the paper's value averages with satisfaction minus seconds", () => {
  // One use for notes with a call of 10 s: (0 - 0.25 - 10) / 2.
  expect(paperValueAfterUse(0, -0.25, 10)).toBe(-5.125);
});

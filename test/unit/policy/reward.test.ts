import { expect, test } from "vitest";
import {
  PRODUCT_WEIGHTS,
  acceptanceFromQuality,
  assertSafeWeights,
  paperCost,
  paperReward,
  qualityFromAcceptance,
  qualityFromReference,
  utility,
  weightsFor,
} from "../../../src/policy/reward.ts";

test("acceptance maps to the paper's scale and back", () => {
  expect(qualityFromAcceptance(1)).toBeCloseTo(-0.35, 12);
  expect(qualityFromAcceptance(0)).toBeCloseTo(-1.2, 12);
  expect(acceptanceFromQuality(qualityFromAcceptance(0.3))).toBeCloseTo(0.3, 12);
});

test("quality against a reference is the negated distance", () => {
  expect(qualityFromReference(Float32Array.of(1, 0), Float32Array.of(0, 1))).toBeCloseTo(
    -Math.SQRT2,
  );
});

test("the utility stops falling at the delay cap", () => {
  expect(utility(-0.35, 5)).toBeCloseTo(-0.35 - 0.25, 12);
  expect(utility(-0.35, 10)).toBe(utility(-0.35, 1000));
});

test("a wrong answer at once is worth less than a right one after the slowest call", () => {
  expect(utility(-1.2, 0)).toBeLessThan(utility(-0.35, 1e9));
  expect(() => assertSafeWeights(PRODUCT_WEIGHTS)).not.toThrow();
});

test("weights under which a wrong answer beats a slow one are refused", () => {
  // The span of quality is 0.85: from there on a slow call costs as much as a wrong answer.
  expect(() => assertSafeWeights({ ...PRODUCT_WEIGHTS, delayWeight: 0.86 })).toThrow(RangeError);
  expect(() => assertSafeWeights({ ...PRODUCT_WEIGHTS, delayWeight: NaN })).toThrow(RangeError);
  expect(() => assertSafeWeights({ ...PRODUCT_WEIGHTS, delayCapSeconds: 0 })).toThrow(RangeError);
});

test("the price of time sets the weight of the slowest call", () => {
  expect(weightsFor(0.1)).toEqual(PRODUCT_WEIGHTS);
  // 0.05 / 2 a second for 10 s
  expect(weightsFor(0.05).delayWeight).toBeCloseTo(0.25, 12);
  expect(() => assertSafeWeights(weightsFor(0.169))).not.toThrow();
  expect(() => assertSafeWeights(weightsFor(0.171))).toThrow(RangeError);
});

test("the paper's reward scales its cost and punishes direct calls", () => {
  // W = 0.54 + 0.1 * 7.7 = 1.31; a direct call adds phi3 = 0.6; times 10.
  expect(paperCost(-0.54, 7.7)).toBeCloseTo(1.31, 12);
  expect(paperReward(-0.54, 7.7, 0)).toBeCloseTo(-19.1, 12);
  expect(paperReward(-0.54, 7.7, 1)).toBeCloseTo(-13.1, 12);
});

test("the paper's weights prefer an unrelated answer at once to a slow call", () => {
  expect(paperCost(-1.2, 0.06)).toBeLessThan(paperCost(-0.54, 7.7));
});

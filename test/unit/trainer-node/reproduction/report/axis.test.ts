import { describe, expect, test } from "vitest";
import {
  axisAt,
  axisOf,
  scaleOf,
} from "../../../../../src/trainer-node/reproduction/report/axis.ts";

const labels = (axis: ReturnType<typeof axisOf>) => axis.ticks.map(({ label }) => label);

describe("an axis", () => {
  test.each([
    // 14 / 6 = 2.33: steps of 5.
    [
      [0, 14],
      ["0", "5", "10", "15"],
      [0, 15],
    ],
    [
      [0, 12],
      ["0", "2", "4", "6", "8", "10", "12"],
      [0, 12],
    ],
    // Ends half a step before the next tick where that suffices.
    [
      [-16.8, -8],
      ["-16", "-14", "-12", "-10", "-8"],
      [-17, -8],
    ],
    [
      [0, 0.5, 1],
      ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"],
      [0, 1],
    ],
    [
      [0, 13_500],
      ["0", "5,000", "10,000", "15,000"],
      [0, 15_000],
    ],
    [
      [0, 2.5e8],
      ["0", "5e7", "1e8", "1.5e8", "2e8", "2.5e8"],
      [0, 2.5e8],
    ],
    [
      [0, 0.00002],
      ["0", "5e-6", "1e-5", "1.5e-5", "2e-5"],
      [0, 0.00002],
    ],
    // One value alone lies within an axis around it.
    [[5], ["4.6", "4.8", "5.0", "5.2", "5.4"], [4.5, 5.5]],
    [[0], ["-1.0", "-0.5", "0.0", "0.5", "1.0"], [-1, 1]],
  ])("over %j has ticks at 1, 2 or 5 times a power of ten", (values, ticks, ends) => {
    const axis = axisOf(values);
    expect([axis.low, axis.high]).toEqual(ends);
    expect(labels(axis)).toEqual(ticks);
  });

  test.each([
    [
      [0.02, 9],
      ["0.01", "0.1", "1", "10"],
    ],
    [
      [0.06, 0.4],
      ["0.05", "0.1", "0.2", "0.5"],
    ],
    // Within a decade that gives too few: equal steps.
    [
      [3, 4],
      ["2", "2.5", "3", "3.5", "4", "4.5", "5"],
    ],
    [[1], ["1", "1.2", "1.4", "1.6", "1.8", "2"]],
    [
      [1e-6, 1e8],
      ["1e-6", "0.0001", "0.01", "1", "100", "10,000", "1,000,000", "1e8"],
    ],
  ])("over the logarithm of %j", (values, ticks) => {
    expect(labels(axisOf(values, { isLog: true, most: 6 })).slice(0, 8)).toEqual(ticks);
  });

  test("with ticks at its values writes all with the decimals of the finest, on a log axis each with its own", () => {
    expect(labels(axisAt([0.5, 1, 0.25]))).toEqual(["0.25", "0.50", "1.00"]);
    expect(labels(axisAt([0.5, 0.01], true))).toEqual(["0.01", "0.5"]);
  });

  test("puts values where they belong, on a log axis by ratio", () => {
    expect([-10, 0, 5].map(scaleOf(axisAt([-10, 10]), 0, 100))).toEqual([0, 50, 75]);
    expect(scaleOf(axisAt([1, 100], true), 200, 100)(10)).toBe(150);
    expect(scaleOf(axisAt([3]), 0, 100)(3)).toBe(50);
  });
});

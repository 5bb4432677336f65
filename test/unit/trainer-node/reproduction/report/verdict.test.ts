import { describe, expect, test } from "vitest";
import {
  checkOf,
  type Expectation,
  verdictOf,
} from "../../../../../src/trainer-node/reproduction/report/verdict.ts";

const greater: Expectation = { direction: "greater", bound: 0 };
const less: Expectation = { direction: "less", bound: 0 };
const between: Expectation = { direction: "between", bounds: [5, 15] };

describe("a claim", () => {
  test.each([
    [greater, [0.1, 2], "agrees"],
    [greater, [-2, -0.1], "differs"],
    [greater, [-1, 1], "undecided"],
    // A bound on the edge is contained.
    [greater, [0, 1], "undecided"],
    [greater, [-1, 0], "undecided"],
    [less, [-2, -0.1], "agrees"],
    [less, [0.1, 2], "differs"],
    [less, [-1, 1], "undecided"],
    [less, [-1, 0], "undecided"],
    [between, [6, 14], "agrees"],
    // Inside includes the ends; outside does not.
    [between, [5, 15], "agrees"],
    [between, [1, 4.9], "differs"],
    [between, [15.1, 20], "differs"],
    [between, [15, 20], "undecided"],
    [between, [4, 14], "undecided"],
    [between, [0, 100], "undecided"],
  ] as const)("%j with the interval %j: %s", (expectation, interval, verdict) => {
    expect(verdictOf(expectation, { interval })).toBe(verdict);
  });

  test.each([greater, less, between])("%j without an interval is undecided", (expectation) => {
    expect(verdictOf(expectation, { interval: null })).toBe("undecided");
    expect(verdictOf(expectation, null)).toBe("undecided");
  });

  test("is refused with bounds or ends that are in no order", () => {
    expect(() => verdictOf({ direction: "between", bounds: [2, 1] }, null)).toThrow(
      "bounds [2, 1]",
    );
    expect(() => verdictOf({ direction: "less", bound: Number.NaN }, null)).toThrow("bounds [NaN]");
    expect(() => verdictOf(greater, { interval: [1, Number.NaN] })).toThrow("interval [1, NaN]");
  });
});

test("what must hold by construction passes or fails", () => {
  expect([checkOf(true), checkOf(false)]).toEqual(["pass", "fail"]);
});

import { expect, test } from "vitest";
import {
  matchingOf,
  orderedShare,
  orderedShareInterval,
} from "../../../../src/trainer-node/embedder/measure.ts";

test("of 2 x 2 comparisons 2 are won and 1 is a tie: 2.5 of 4", () => {
  const pairs = [
    { same: true, score: 0.9 },
    { same: true, score: 0.4 },
    { same: false, score: 0.4 },
    { same: false, score: 0.6 },
  ];
  expect(orderedShare(pairs)).toBe(2.5 / 4);
  // The tied pair without an answer counts twice: 0.9 wins 3, 0.4 ties 2.
  expect(orderedShare(pairs, (i) => (i === 2 ? 2 : 1))).toBe(4 / 6);
});

test("an interval of resampled components holds the value", () => {
  const pairs = Array.from({ length: 200 }, (_, i) => ({
    same: i % 2 === 0,
    score: ((i * 37) % 100) / 100 + (i % 2 === 0 ? 0.2 : 0),
    component: String(i),
  }));
  const alone = orderedShareInterval(pairs, { rounds: 200, seed: 1 });
  expect(alone.low).toBeLessThan(alone.value);
  expect(alone.high).toBeGreaterThan(alone.value);
});

test("translations at a right angle to all others are found", () => {
  const [x, y] = [Float32Array.of(1, 0), Float32Array.of(0, 1)];
  expect(
    matchingOf([
      [x, x],
      [y, y],
    ]),
  ).toEqual({ questions: 2, translation: 1, unrelated: 0, found: 1 });
  expect(
    matchingOf([
      [x, y],
      [y, x],
    ]),
  ).toEqual({ questions: 2, translation: 0, unrelated: 1, found: 0 });
});

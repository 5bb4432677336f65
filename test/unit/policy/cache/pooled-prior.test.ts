import { expect, test } from "vitest";
import {
  type LabelledReuse,
  alphaAt,
  budgetVerdict,
  coldStartPrior,
  evidenceOf,
} from "../../../../src/policy/cache/error-budget.ts";
import {
  CALIBRATION_ROWS,
  pooledPrior,
  reachOf,
} from "../../../../src/policy/cache/pooled-prior.ts";

const coldStart = { distance: 0.4, deltaHit: 0.02 };
const told = (n: number, correct: 0 | 1, distance: number): readonly LabelledReuse[] =>
  Array.from({ length: n }, () => ({ distance, correct }));

test("without labels rows are served as far as the cold start goes", () => {
  expect(reachOf([], coldStart, true)).toBe(0.4);
  const prior = pooledPrior([], coldStart, CALIBRATION_ROWS, 0.4);
  // 0.9 x cold start + 0.1 x uniform would not allow what the cold start does: it is tilted until it does.
  expect(alphaAt(prior, 0.4)).toBeGreaterThanOrEqual(0.98 - 1e-6);
  expect(pooledPrior([], coldStart, 0, 0.4)).toEqual(coldStartPrior(0.4, 0.02));
});

test("wrong answers take the reach back to where they begin", () => {
  expect(reachOf(told(3, 0, 0.3), coldStart, true)).toBe(0.299);
  // Right ones farther out cannot be: the share rises with the distance, so that they speak for the nearer ones.
  expect(reachOf([...told(3, 0, 0.3), ...told(200, 1, 0.35)], coldStart, true)).toBe(0.4);
  expect(reachOf([...told(3, 0, 0.3), ...told(200, 1, 0.25)], coldStart, true)).toBe(0.299);
  expect(reachOf(told(9, 0, 0.001), coldStart, true)).toBe(-1);
  // Nobody is served out there.
  expect(reachOf(told(50, 0, 0.41), coldStart, true)).toBe(0.4);
});

test("a cold start that has proved wrong reaches a quarter as far, until right answers say more", () => {
  expect(reachOf([], coldStart, false)).toBeCloseTo(0.1, 2);
  expect(reachOf(told(300, 1, 0.3), coldStart, false)).toBeGreaterThan(0.3);
});

test("a row's first right answer takes nothing away that it was served on without any", () => {
  const labels = [...told(40, 1, 0.2), ...told(2, 0, 0.39)];
  const reach = reachOf(labels, coldStart, true);
  expect(reach).toBeGreaterThan(0.2);
  const prior = pooledPrior(
    labels.map((label) => [label]),
    coldStart,
    CALIBRATION_ROWS,
    reach,
  );
  const limits = { coldStartDistance: reach, deltaHit: 0.02, deltaRequest: 0.01 };
  for (let distance = 0; distance <= reach; distance += 0.04)
    for (const at of [0.05, distance, 0.6, 0.9]) {
      const evidence = evidenceOf([{ distance: at, correct: 1 }], prior);
      expect(
        budgetVerdict({ distance, evidence }, limits),
        `at ${distance}, label ${at}`,
      ).toMatchObject({ pass: true, explore: 0 });
    }
});

test("what is believed of a new row lies between the rows that are known", () => {
  const rows = [...told(50, 1, 0.3), ...told(50, 0, 0.3)].map((label) => [label]);
  // Half of them are right at 0.3 and half are wrong; the cold start, if it counts, is sure that all are right.
  expect(alphaAt(pooledPrior(rows, coldStart, 0, -1), 0.3)).toBeCloseTo(0.5, 1);
  expect(alphaAt(pooledPrior(rows, coldStart, 50, -1), 0.3)).toBeGreaterThan(0.55);
});

import { expect, test } from "vitest";
import { alphaOf, evidenceTextOf, reuseOf } from "../../../src/durable/evidence.ts";
import { type Observation } from "../../../src/durable/entry.ts";
import { UNIFORM_PRIOR } from "../../../src/policy/cache/error-budget.ts";

const raw = { prior: UNIFORM_PRIOR, scorer: null, validFrom: 0 };
const scored = { ...raw, scorer: { id: "s2", coldStart: 0.25 } };
const told = { distance: 0.6, weight: 1 };

test("without a scorer every label counts at its distance", () => {
  expect(reuseOf({ ...told, correct: 1, match: 0.1, scorer: "s1" }, raw)).toEqual({
    distance: 0.6,
    correct: 1,
    weight: 1,
  });
});

test.each([
  { of: "this scorer's", correct: 1, match: 0.1, scorer: "s2", distance: 0.1 },
  { of: "this scorer's", correct: 0, match: 0.5, scorer: "s2", distance: 0.5 },
  // Wrong is wrong: at most as far out as where rows without labels are served.
  { of: "another scorer's", correct: 0, match: 0.5, scorer: "s1", distance: 0.25 },
  { of: "another scorer's", correct: 0, match: 0.1, scorer: "s1", distance: 0.1 },
  { of: "no scorer's", correct: 0, distance: 0.25 },
] as const)("$of word ($correct) counts at $distance", ({ distance, ...label }) => {
  expect(reuseOf({ ...told, ...label }, scored)).toMatchObject({ distance });
});

test("right answers that another scorer measured, or none, are not trusted", () => {
  expect(reuseOf({ ...told, correct: 1 }, scored)).toBeNull();
  expect(reuseOf({ ...told, correct: 1, match: 0, scorer: "s1" }, scored)).toBeNull();
});

test("after a drift right answers from before count a quarter and wrong ones as ever", () => {
  const after = { ...raw, validFrom: 3 };
  expect(reuseOf({ ...told, correct: 1, stamp: 2 }, after)?.weight).toBe(0.25);
  expect(reuseOf({ ...told, correct: 1, stamp: 3 }, after)?.weight).toBe(1);
  expect(reuseOf({ ...told, correct: 0 }, after)?.weight).toBe(1);
});

test("a wrong label always lowers what is believed of the row, whoever measured it", () => {
  const right = Array.from({ length: 5 }, (_, i): Observation => [
    0.5,
    1,
    1,
    `d${i}`,
    "judge",
    { match: 0.1, scorer: "s2" },
  ]);
  for (const detail of [undefined, { match: 0.9, scorer: "s1" }, { match: 0.2, scorer: "s2" }]) {
    const word = [0.9, 0, 1, "w", "judge"] as const;
    const wrong: Observation = detail ? [...word, detail] : word;
    expect(alphaOf([...right, wrong], scored, 0.1)).toBeLessThan(alphaOf(right, scored, 0.1));
  }
});

test("a row travels without a record when no label says anything of the scorer that serves", () => {
  expect(evidenceTextOf([[0.5, 1, 1, "d1", "judge"]], scored)).toBeNull();
  expect(JSON.parse(evidenceTextOf([[0.5, 0, 1, "d1", "judge"]], scored)!)).toMatchObject({
    labels: 1,
    wrong: 1,
    scorer: "s2",
  });
  expect(JSON.parse(evidenceTextOf([[0.5, 1, 1, "d1", "judge"]], raw)!)).not.toHaveProperty(
    "scorer",
  );
});

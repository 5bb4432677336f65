// Satisfaction from few labels: in a world whose truth is known, with an estimate y-hat that is wrong, the doubly robust
// outcome finds the true mean as long as labels say with which probability they were drawn.
import { describe, expect, test } from "vitest";
import { type TrainerPack } from "../../../src/durable/leases.ts";
import { type Experience, type Outcome } from "../../../src/policy/experience.ts";
import { encodeHalf } from "../../../src/policy/half.ts";
import { Random } from "../../../src/policy/random.ts";
import { doublyRobustMean } from "../../../src/trainer-node/judge-bias.ts";
import { NO_LESSONS, lessonsFrom } from "../../../src/trainer-node/lessons.ts";

const SEED = Number(process.env["VELO_SEED"] ?? 20261121);
const AT = 1_795_132_800_000;
const F = encodeHalf(new Float32Array(768).fill(0.125));
type Label = TrainerPack["labels"][number];

/** A hit whose nearest row lies at 0.5: all of them look alike to the estimate. */
const hit = (expId: string): Experience => ({
  expId,
  tenant: "acme",
  region: "eu",
  at: AT,
  f: F,
  c: [0.5, ...Array.from({ length: 29 }, () => 0)],
  omega: -1,
  noise: "zero",
  action: 1,
  mu: 0.98,
  probs: [0, 1],
  sub: "A",
  policyVersion: 1,
  resolverVersion: 6,
  embedder: "e",
  share: true,
  usedRows: [],
});
const outcome = (expId: string): Outcome => ({
  expId,
  tenant: "acme",
  result: "final",
  kind: "HIT-SEMANTIC",
  delaySeconds: 0.1,
  parts: {},
  tokensIn: 0,
  tokensOut: 0,
  costUsd: 0,
  savedUsd: 0,
  overheadUsd: 0,
});
const label = (expId: string, change: Partial<Label>): Label => ({
  labelId: `${expId}:judge`,
  expId,
  tenant: "acme",
  source: "judge",
  correct: 1,
  weight: 1,
  ...change,
});

const learn = (ids: readonly string[], labels: readonly Label[]) =>
  lessonsFrom(
    [{ packId: "1-1", experiences: ids.map(hit), outcomes: ids.map(outcome), labels }],
    NO_LESSONS,
    { now: AT + 900_000, tenant: null, embedder: "e", resolverVersion: 6, version: null },
  );

/**
 * Half of the hits are right 99 times in 100 and one in twenty of them is examined; the others are right 6 times in 10
 * and every fourth is. So 5 of 6 labels come from the worse half: y-hat is near 0.67, where the truth is 0.795.
 */
function world(random: Random, { isLogged }: { readonly isLogged: boolean }) {
  const ids = Array.from({ length: 1_500 }, (_, i) => `d${i}`);
  let right = 0;
  const labels = ids.flatMap((id, i) => {
    const [truth, p] = i % 2 === 0 ? [0.99, 0.05] : [0.6, 0.25];
    const correct = random.uniform() < truth ? 1 : 0;
    right += correct;
    if (random.uniform() >= p) return [];
    return [label(id, { correct, ...(isLogged && { samplingProbability: p }) })];
  });
  const { lessons } = learn(ids, labels);
  const estimate = doublyRobustMean(lessons.map(({ acceptance }) => acceptance));
  return { truth: right / ids.length, estimate };
}

describe("the mean of y~", () => {
  test("is unbiased although y-hat is off by a tenth, and its interval holds the truth", () => {
    console.log(`doubly robust: seed ${SEED}`);
    const random = new Random(SEED);
    const runs = Array.from({ length: 12 }, () => world(random, { isLogged: true }));
    const errors = runs.map(({ truth, estimate }) => estimate.value - truth);
    const mean = errors.reduce((a, b) => a + b, 0) / errors.length;
    const deviation = Math.sqrt(errors.reduce((sum, e) => sum + (e - mean) ** 2, 0) / 11);
    expect(Math.abs(mean)).toBeLessThan((3 * deviation) / Math.sqrt(12));
    const holds = runs.filter(
      ({ truth, estimate }) => estimate.lower <= truth && truth <= estimate.upper,
    );
    // 95 % of 12 are 11; fewer than 9 come once in 400 times.
    expect(holds.length).toBeGreaterThanOrEqual(9);
  });

  test("is off by a tenth when labels do not say how they were drawn", () => {
    const { truth, estimate } = world(new Random(SEED), { isLogged: false });
    expect(estimate.value).toBeLessThan(truth - 0.08);
    expect(estimate.upper).toBeLessThan(truth);
  });
});

describe("labels that say nothing of what the user got", () => {
  test("teach the decision nothing: of a row that was not served, and bills without a finding", () => {
    for (const [change, why] of [
      [{ reuse: "refused", correct: 0 }, "label-of-another-answer"],
      [{ reuse: "withheld", correct: 0 }, "label-of-another-answer"],
      [{ weight: 0, costUsd: 0.01 }, "undecided-label"],
    ] as const) {
      const { lessons, omitted } = learn(["d1"], [label("d1", change)]);
      expect(omitted).toEqual({ [why]: 1 });
      expect(lessons).toMatchObject([{ label: null }]);
      expect(lessons[0]!.acceptance).toBeCloseTo(0.9, 12);
    }
    const { lessons } = learn(["d1"], [label("d1", { reuse: "served", correct: 0 })]);
    expect(lessons[0]!.label).toMatchObject({ correct: 0 });
  });
});

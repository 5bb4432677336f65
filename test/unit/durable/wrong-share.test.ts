import { expect, test } from "vitest";
import {
  type Judged,
  judgedCount,
  MIN_PROBABILITY,
  NONE_JUDGED,
  withJudgement,
  wrongShare,
} from "../../../src/durable/wrong-share.ts";
import { Random } from "../../../src/policy/random.ts";

const judged = (right: number, wrong: number, p: number): Judged =>
  withJudgement(withJudgement(NONE_JUDGED, 1, p, right), 0, p, wrong);

test("without labels nothing is known", () => {
  expect(wrongShare(NONE_JUDGED)).toEqual({ mean: null, low: 0, high: 1 });
});

test("labels of one probability count alike, and more of them say more", () => {
  const few = wrongShare(judged(36, 4, 0.05));
  const many = wrongShare(judged(360, 40, 0.05));
  expect(few.mean).toBeCloseTo(0.1, 9);
  expect(many.mean).toBeCloseTo(0.1, 9);
  expect(few.low).toBeLessThan(many.low);
  expect(many.low).toBeLessThan(0.1);
  expect(many.high).toBeGreaterThan(0.1);
  expect(many.high).toBeLessThan(few.high);
});

test("a hit that was examined rarely stands for many", () => {
  // 10 right at p = 0.5 stand for 20 hits, 1 wrong at p = 0.05 for 20: half of them. Weights are kept to an eighth of a
  // doubling.
  const { mean } = wrongShare(withJudgement(judged(10, 0, 0.5), 0, 0.05));
  expect(mean).toBeCloseTo(0.5, 1);
});

test("a probability below what is believed weighs like the least one", () => {
  expect(withJudgement(NONE_JUDGED, 0, 1e-9)).toEqual(
    withJudgement(NONE_JUDGED, 0, MIN_PROBABILITY),
  );
});

test("a word that is taken back leaves nothing behind", () => {
  const once = judged(3, 1, 0.2);
  const back = withJudgement(withJudgement(once, 0, 0.1), 0, 0.1, -1);
  expect(judgedCount(back)).toBe(judgedCount(once));
  expect(wrongShare(back)).toEqual(wrongShare(once));
});

/** Hits of which doubtful ones are wrong and examined more often; looked at after every fifth label. */
function everMissed(random: Random, hits: number): { share: number; missed: boolean } {
  let state = NONE_JUDGED;
  let missed = false;
  // 80 % are wrong once in 100 and examined at 0.05, 20 % once in ten and at 0.3: 0.028 in all.
  for (let hit = 0; hit < hits; hit++) {
    const isDoubtful = random.uniform() < 0.2;
    const wrong = random.uniform() < (isDoubtful ? 0.1 : 0.01);
    const p = isDoubtful ? 0.3 : 0.05;
    if (random.uniform() >= p) continue;
    state = withJudgement(state, wrong ? 0 : 1, p);
    if (judgedCount(state) % 5 > 0) continue;
    const { low, high } = wrongShare(state);
    missed ||= low > 0.028 || high < 0.028;
  }
  return { share: wrongShare(state).mean ?? 0, missed };
}

test("the share is unbiased though doubtful hits are examined more often, and bounds hold whenever one looks", () => {
  const seed = 20261121;
  const random = new Random(seed);
  const runs = Array.from({ length: 60 }, () => everMissed(random, 1_500));
  const mean = runs.reduce((sum, { share }) => sum + share, 0) / runs.length;
  const missed = runs.filter((run) => run.missed).length;
  console.log(`seed ${seed}: mean ${mean.toFixed(4)}, bounds missed the truth in ${missed} of 60`);
  // The labels alone would say (0.8 x 0.05 x 0.01 + 0.2 x 0.3 x 0.1) / 0.1 = 0.064. Standard error about 0.002.
  expect(Math.abs(mean - 0.028)).toBeLessThan(0.008);
  // 5 % of 60, and three standard errors.
  expect(missed).toBeLessThanOrEqual(8);
});

import { describe, expect, test } from "vitest";
import {
  type AnswerVerdict,
  estimateWrong,
  judgeHits,
} from "../../../../src/trainer-node/evaluation/judged-hits.ts";
import { type LogHit } from "../../../../src/trainer-node/evaluation/log-replay.ts";
import { wilsonInterval } from "../../../../src/trainer-node/evaluation/operating-curve.ts";

const hit = (id: string, logged: AnswerVerdict): LogHit => ({
  id,
  kind: "semantic",
  question: "q",
  storedQuestion: "s",
  distance: 0.1,
  probability: null,
  served: "answer",
  logged,
});
/** The logged answer says what the comparison finds. */
const compare = (_: string, logged: string) => ({ verdict: logged as AnswerVerdict, why: "test" });
const hits = (right: number, wrong: number, unsure: number): LogHit[] =>
  Object.entries({ right, wrong, unsure }).flatMap(([verdict, count]) =>
    Array.from({ length: count }, (_, i) => hit(`${verdict}-${i}`, verdict as AnswerVerdict)),
  );
const estimate = (all: readonly LogHit[], persons: ReadonlyMap<string, boolean> = new Map()) =>
  estimateWrong(
    judgeHits(all, compare, persons),
    new Set(all.flatMap(({ id, logged }) => (logged === "unsure" ? id : []))),
  );

describe("share of wrong answers", () => {
  test("is exact where the comparison was always sure", () => {
    const { share, interval } = estimate(hits(90, 10, 0));
    expect(share).toBe(0.1);
    expect(interval).toEqual(wilsonInterval(10, 100));
  });

  test("is not told while nobody judged the unsure ones: the interval reaches from none to all of them", () => {
    const { share, interval } = estimate(hits(70, 10, 20));
    expect(share).toBeNull();
    expect(interval.low).toBe(wilsonInterval(10, 100).low);
    expect(interval.high).toBe(wilsonInterval(30, 100).high);
  });

  test("follows from a judged part of the unsure ones", () => {
    // 8 of 20 judged, 2 of them wrong: 12 others count as 3 wrong ones. (10 + 2 + 3) / 100.
    const persons = new Map(Array.from({ length: 8 }, (_, i) => [`unsure-${i}`, i >= 2] as const));
    const { share, interval, byPerson, unsure } = estimate(hits(70, 10, 20), persons);
    expect(share).toBeCloseTo(0.15, 12);
    expect({ byPerson, unsure }).toEqual({ byPerson: 8, unsure: 12 });
    expect(interval.low).toBeLessThan(0.15);
    expect(interval.high).toBeGreaterThan(0.15);
    expect(interval.high).toBeLessThan(wilsonInterval(30, 100).high);
  });

  test("a person's word overrules the comparison, and says nothing of the unsure ones then", () => {
    const persons = new Map([["wrong-0", true]]);
    expect(estimate(hits(1, 1, 1), persons)).toMatchObject({
      right: 2,
      wrong: 0,
      byPerson: 1,
      share: null,
    });
  });

  test("of no hits is unknown", () => {
    expect(estimate([])).toMatchObject({ share: null, interval: { low: 0, high: 1 } });
  });
});

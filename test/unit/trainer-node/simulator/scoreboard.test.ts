import { describe, expect, test } from "vitest";
import { type RequestKind } from "../../../../src/trainer-node/simulator/request.ts";
import {
  pairedDifference,
  type Scored,
  scoreOf,
} from "../../../../src/trainer-node/simulator/scoreboard.ts";

function scored(
  index: number,
  fields: Partial<Pick<Scored, "kind" | "correct" | "utility" | "delaySeconds">> & {
    readonly of?: RequestKind;
    readonly family?: string;
  },
): Scored {
  const { of = "new", family = `family-${index}`, kind = "MISS", delaySeconds = 1 } = fields;
  return {
    request: { index, kind: of, family },
    kind,
    correct: fields.correct ?? true,
    utility: fields.utility ?? -0.4,
    delaySeconds,
    outcome:
      kind === "MISS"
        ? { tokensIn: 10, tokensOut: 90, costUsd: 0.25 }
        : { tokensIn: 0, tokensOut: 0, costUsd: 0 },
    shadow: null,
  };
}

describe("a score", () => {
  test("counts hits by kind, wrong answers, delays, calls and money", () => {
    const score = scoreOf("some", [
      scored(0, { of: "new", delaySeconds: 4, utility: -0.6 }),
      scored(1, { of: "repeat", kind: "HIT-EXACT", delaySeconds: 0, utility: -0.35 }),
      scored(2, { of: "rephrase", kind: "HIT-SEMANTIC", delaySeconds: 0, utility: -0.35 }),
      scored(3, {
        of: "rephrase",
        kind: "HIT-SEMANTIC",
        correct: false,
        delaySeconds: 0,
        utility: -1.2,
      }),
      scored(4, { of: "rephrase", delaySeconds: 1 }),
    ]);
    expect(score).toMatchObject({
      requests: 5,
      exactHits: 1,
      semanticHits: 2,
      modelCalls: 2,
      // One of three rephrasings; the exact repeat is no should-hit.
      shouldHits: { count: 1, of: 3, share: 1 / 3 },
      wrongPerRequest: { count: 1, of: 5, share: 0.2 },
      wrongPerSemanticHit: { count: 1, of: 2, share: 0.5 },
      delaySeconds: { mean: 1, p95: 4 },
      tokensIn: 20,
      tokensOut: 180,
      costUsd: 0.5,
    });
    // -(0.6 + 0.35 + 0.35 + 1.2 + 0.4) / 5
    expect(score.meanUtility).toBeCloseTo(-2.9 / 5, 12);
    expect(score.kinds.find(({ kind }) => kind === "rephrase")).toEqual({
      kind: "rephrase",
      requests: 3,
      exactHits: 0,
      semanticHits: 2,
      wrong: 1,
      modelCalls: 1,
    });
    // z = 1.645, k = 1, n = 5: (0.2 + 0.2706 + 1.645 sqrt(0.032 + 0.02706)) / 1.5411
    expect(score.wrongPerRequest.upper95).toBeCloseTo(0.5648, 3);
  });

  test("is independent of the order in which requests were handled", () => {
    const [a, b] = [scored(0, { utility: -1 }), scored(1, { utility: -2 })];
    expect(scoreOf("x", [b, a]).utilities).toEqual(scoreOf("x", [a, b]).utilities);
  });

  test("has an interval of no width when every family does equally well", () => {
    const all = Array.from({ length: 40 }, (_, i) => scored(i, { family: `f${i % 10}` }));
    const { low, high } = scoreOf("x", all).utilityInterval;
    expect([low, high].map((end) => end.toFixed(9))).toEqual(["-0.400000000", "-0.400000000"]);
  });

  test("is surer when requests are many families than when they are few", () => {
    const width = (families: number) => {
      const all = Array.from({ length: 200 }, (_, i) => {
        const family = i % families;
        return scored(i, { family: `f${family}`, utility: family % 2 === 0 ? -1 : 0 });
      });
      const { low, high } = scoreOf("x", all).utilityInterval;
      return high - low;
    };
    expect(width(100)).toBeLessThan(width(4) / 2);
  });
});

describe("a paired difference", () => {
  test("is the mean of a - b and is sure of what is always so", () => {
    const make = (shift: number) =>
      scoreOf(
        "x",
        Array.from({ length: 30 }, (_, i) => scored(i, { utility: -i + shift })),
      );
    const { mean, interval } = pairedDifference(make(0.5), make(0));
    expect([mean, interval.low, interval.high].map((v) => v.toFixed(9))).toEqual(
      Array.from({ length: 3 }, () => "0.500000000"),
    );
  });

  test("needs streams of one length", () => {
    expect(() =>
      pairedDifference(scoreOf("a", [scored(0, {})]), scoreOf("b", [scored(0, {}), scored(1, {})])),
    ).toThrow("1 and 2 requests");
  });
});

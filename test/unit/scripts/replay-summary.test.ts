import { describe, expect, test } from "vitest";
import { type CacheResult, type Outcome, parseCacheHeader } from "../../../scripts/replay/run.ts";
import { summarise } from "../../../scripts/replay/summary.ts";
import { type RequestKind } from "../../../src/trainer-node/simulator/request.ts";

function outcome(
  kind: RequestKind,
  cache: CacheResult,
  servedGroup: string | undefined,
  more: Partial<Outcome> = {},
): Outcome {
  return {
    request: { t: 0, id: "r", group: "a", question: "q", lang: "en", kind, region: "eu" },
    cache,
    reason: "",
    similarity: undefined,
    overheadMs: undefined,
    policy: undefined,
    decision: undefined,
    delaySeconds: 1,
    servedGroup,
    servedLang: "en",
    answeredBefore: false,
    exactPossible: false,
    failure: undefined,
    ...more,
  };
}

describe("a replay's summary", () => {
  test("judges by group, keeps semantic and exact hits apart, and counts only possible repeats", () => {
    const summary = summarise([
      outcome("new", "MISS", "a", { reason: "no-match", delaySeconds: 4 }),
      outcome("repeat", "HIT-EXACT", "a", { answeredBefore: true, exactPossible: true }),
      outcome("repeat", "MISS", "a", {
        answeredBefore: true,
        exactPossible: true,
        reason: "no-match",
      }),
      // First served from another wording's answer, so its own text was never stored.
      outcome("repeat", "HIT-SEMANTIC", "a", { answeredBefore: true }),
      outcome("repeat", "MISS", "a", { reason: "region-unknown" }),
      outcome("rephrase", "HIT-SEMANTIC", "a", { servedLang: "de" }),
      outcome("changed", "HIT-SEMANTIC", "b"),
      outcome("changed", "HIT-SEMANTIC", undefined),
      outcome("translation", "NONE", undefined, { failure: "status 502", delaySeconds: 9 }),
    ]);
    expect(summary.repeatsServed).toMatchObject({ count: 2, of: 3 });
    expect(summary.repeatsServedExactly).toMatchObject({ count: 1, of: 2, share: 0.5 });
    expect(summary.rephrasingsServed).toMatchObject({ count: 1, of: 1 });
    expect(summary.translationsServed).toMatchObject({ count: 0, of: 1 });
    expect(summary.changedServedWrongly).toMatchObject({ count: 1, of: 2 });
    expect(summary.wrongPerRequest).toMatchObject({ count: 1, of: 9 });
    expect(summary.wrongPerSemanticHit).toMatchObject({ count: 1, of: 4 });
    expect(summary.all).toMatchObject({
      requests: 9,
      exactHits: 1,
      semanticHits: 4,
      modelAnswers: 3,
      failures: 1,
      wrong: 1,
      otherLanguage: 1,
      unjudged: 1,
    });
    // Failures have no delay: (4 + 7 * 1) / 8.
    expect(summary.all.delaySeconds?.mean).toBeCloseTo(11 / 8, 12);
    expect(summary.reasons).toEqual([
      { reason: "MISS no-match", count: 2 },
      { reason: "MISS region-unknown", count: 1 },
    ]);
    expect(summary.wrongHits).toMatchObject([
      { kind: "changed", question: "q", group: "a", servedGroup: "b", cache: "HIT-SEMANTIC" },
    ]);
    expect(summary.failures).toEqual([{ reason: "status 502", count: 1 }]);
  });

  test("has no share where nothing happened, so that an empty cache cannot pass for a good one", () => {
    const { wrongPerSemanticHit } = summarise([outcome("new", "MISS", "a")]);
    expect(wrongPerSemanticHit).toEqual({ count: 0, of: 0, share: null, upper95: null });
  });

  test("reads the decision header and refuses a word it does not know", () => {
    expect(parseCacheHeader("MISS; reason=no-match")).toEqual({
      cache: "MISS",
      reason: "no-match",
    });
    expect(parseCacheHeader("HIT-EXACT")).toEqual({ cache: "HIT-EXACT", reason: "" });
    expect(parseCacheHeader(undefined)).toEqual({ cache: "NONE", reason: "" });
    expect(() => parseCacheHeader("HIT")).toThrow("unknown x-velo-cache: HIT");
  });
});

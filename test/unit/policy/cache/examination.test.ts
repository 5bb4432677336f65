import { describe, expect, test } from "vitest";
import { type RowVerdict } from "../../../../src/policy/cache/resolver.ts";
import { refusedShare, servedShare } from "../../../../src/policy/cache/examination.ts";

/** What the budget knows from labels (`alpha`) and the scorer from the texts (`match`). */
function verdict({ alpha, match }: { readonly alpha?: number; readonly match?: number }) {
  return {
    id: "row",
    distance: 0.3,
    guards: [],
    verifier: match === undefined ? null : { matchDistance: match, scorer: "pairs" },
    budget: { pass: true, alpha: alpha ?? null, labels: 3, threshold: 0, explore: 0, detail: "" },
  } as unknown as RowVerdict;
}
const row = (useCount: number) => ({ useCount });

describe("the share of answers that are examined", () => {
  test("is half the standard deviation of the answer's chance to be right", () => {
    // 0.5 sqrt(0.9 * 0.1) = 0.15; at 0.5 it is largest: 0.25.
    expect(servedShare(row(8), verdict({ alpha: 0.9 }), 0)).toBeCloseTo(0.15, 12);
    expect(servedShare(row(8), verdict({ alpha: 0.5 }), 0)).toBeCloseTo(0.25, 12);
    // matchDistance 0.2: p = 1 - 0.02 = 0.98; 0.5 * 0.14 = 0.07.
    expect(servedShare(row(8), verdict({ match: 0.2 }), 0)).toBeCloseTo(0.07, 12);
    // Labels of this very row count before the scorer.
    expect(servedShare(row(8), verdict({ match: 0.2, alpha: 0.9 }), 0)).toBeCloseTo(0.15, 12);
  });

  test("never falls below 0.02, nor below what the slice asks for, nor rises above 0.5", () => {
    expect(servedShare(row(8), verdict({ alpha: 1 }), 0)).toBe(0.02);
    expect(servedShare(row(8), verdict({ alpha: 1 }), 0.05)).toBe(0.05);
    expect(servedShare(row(1), verdict({ alpha: 0.5 }), 0)).toBe(0.5);
    expect(servedShare(row(8), verdict({ alpha: 1 }), 0.9)).toBe(0.5);
    expect(servedShare(row(8), verdict({ alpha: Number.NaN }), 0)).toBeCloseTo(0.15, 12);
  });

  test("is four times as large on a row's first reuse, twice on its second, once from the fourth on", () => {
    const share = (uses: number) => servedShare(row(uses), verdict({ match: 0.2 }), 0);
    expect([1, 2, 4, 9].map(share)).toEqual(
      [0.28, 0.14, 0.07, 0.07].map((x) => expect.closeTo(x, 12)),
    );
  });

  test("of rows that were refused grows with how often they are asked for", () => {
    expect(refusedShare(row(1), verdict({ alpha: 0.9 }))).toBeCloseTo(0.15, 12);
    expect(refusedShare(row(3), verdict({ alpha: 0.9 }))).toBeCloseTo(0.3, 12);
    expect(refusedShare(row(1000), verdict({ alpha: 0.9 }))).toBeCloseTo(0.3, 12);
    expect(refusedShare(row(1), verdict({ alpha: 0 }))).toBe(0.02);
  });
});

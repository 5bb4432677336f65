import { describe, expect, test } from "vitest";
import {
  meanEstimate,
  pairedDifference,
  relativeGain,
  shareEstimate,
} from "../../../../../src/trainer-node/reproduction/report/statistics.ts";
import {
  centralShare,
  studentT,
} from "../../../../../src/trainer-node/reproduction/report/student-t.ts";

const bySeed = (...values: readonly number[]) =>
  new Map(values.map((value, i) => [i + 1, value] as const));

describe("Student's t", () => {
  // scipy 1.17.1: [t.ppf(0.975, v) for v in (1, 2, 3, 4, 9, 29, 299)]
  test.each([
    [1, 12.706204736174694],
    [2, 4.302652729749462],
    [3, 3.1824463052837078],
    [4, 2.7764451051977934],
    [9, 2.262157162798205],
    [29, 2.045229642132703],
    [299, 1.9679296690656698],
  ])("for %i degrees of freedom, 95 %% lie within %d", (freedom, t) => {
    expect(studentT(freedom)).toBeCloseTo(t, 11);
  });

  test("its share between -t and t is elementary for one and two degrees", () => {
    // 1: 2 atan(1) / pi = 1/2. 2: t / sqrt(t^2 + 2) = 1 / sqrt(3).
    expect(centralShare(1, 1)).toBeCloseTo(0.5, 15);
    expect(centralShare(1, 2)).toBeCloseTo(1 / Math.sqrt(3), 15);
    // scipy 1.17.1: 1 - 2 t.sf(2, 3), 1 - 2 t.sf(1.5, 4)
    expect(centralShare(2, 3)).toBeCloseTo(0.860674031441157, 14);
    expect(centralShare(1.5, 4)).toBeCloseTo(0.792, 14);
    expect(studentT(5, 0.9)).toBeCloseTo(2.0150483733330233, 12);
  });

  test.each([[0], [1.5], [Number.NaN]])("there is none for %d degrees of freedom", (freedom) => {
    expect(() => studentT(freedom)).toThrow(RangeError);
  });
});

describe("the mean over seeds", () => {
  test("of 1, 3, 5 is 3 -+ 4.302653 * 2 / sqrt(3) = 3 -+ 4.968275", () => {
    const { mean, interval, n } = meanEstimate([1, 3, 5]);
    expect([mean, n]).toEqual([3, 3]);
    expect(interval![0]).toBeCloseTo(-1.968275, 6);
    expect(interval![1]).toBeCloseTo(7.968275, 6);
  });

  test("has no interval after one seed", () => {
    expect(meanEstimate([-12.5])).toEqual({ mean: -12.5, interval: null, n: 1 });
  });

  test("is refused for no values and for one that is not finite", () => {
    expect(() => meanEstimate([])).toThrow("no mean of 0 values");
    expect(() => meanEstimate([1, Number.NaN])).toThrow("no mean of 2 values: NaN");
  });
});

describe("paired over seeds", () => {
  test("the difference is narrow where the seeds move together", () => {
    // Differences 1, 2, 3: 2 -+ 4.302653 * 1 / sqrt(3) = 2 -+ 2.484138; the means differ by 2 as well.
    const { mean, interval } = pairedDifference(bySeed(11, 102, 1003), bySeed(10, 100, 1000));
    expect(mean).toBe(2);
    expect(interval![0]).toBeCloseTo(-0.484138, 6);
    expect(interval![1]).toBeCloseTo(4.484138, 6);
  });

  test("values are matched by their seed, not by their place", () => {
    const turned = new Map([
      [2, 100],
      [1, 10],
    ]);
    expect(pairedDifference(bySeed(11, 101), turned)).toEqual({
      mean: 1,
      interval: [1, 1],
      n: 2,
    });
  });

  test("other seeds are no pairs", () => {
    expect(() => pairedDifference(bySeed(1, 2), bySeed(1))).toThrow(
      "seeds 1, 2 and 1 are no pairs",
    );
    expect(() => pairedDifference(bySeed(1), new Map([[7, 1]]))).toThrow("no pairs");
  });

  test("a gain over a negative base is relative to its size: -9 over -12 is +25 %", () => {
    const { mean, interval, n } = relativeGain(bySeed(-9, -6), bySeed(-12, -8));
    expect([mean, interval, n]).toEqual([0.25, [0.25, 0.25], 2]);
    expect(relativeGain(bySeed(-15), bySeed(-12))).toEqual({ mean: -0.25, interval: null, n: 1 });
  });

  test("there is no gain relative to 0", () => {
    expect(() => relativeGain(bySeed(1), bySeed(0))).toThrow("seed 1: no gain relative to 0");
  });
});

describe("a share", () => {
  test("of 10 in 100 has Wilson's interval 5.52 % to 17.44 %", () => {
    // z = 1.959964: (0.1 + 0.0192073 -+ 1.959964 sqrt(0.0009 + 0.0000960365)) / 1.0384146
    const { mean, interval, n } = shareEstimate(10, 100)!;
    expect([mean, n]).toEqual([0.1, 100]);
    expect(interval![0]).toBeCloseTo(0.055229, 6);
    expect(interval![1]).toBeCloseTo(0.174366, 6);
  });

  test("of nothing is none, and more than all is refused", () => {
    expect(shareEstimate(0, 0)).toBeNull();
    expect(() => shareEstimate(2, 1)).toThrow("2 of 1 is no share");
  });
});

import { describe, expect, test } from "vitest";
import {
  NEW_PAYING,
  type Paying,
  paysAt,
  type Spending,
  withLabelCost,
  withRequest,
} from "../../../src/durable/paying.ts";
import { newRig } from "../../support/node-rig.ts";
import { outcomeOf, reportOf } from "../../support/region-rig.ts";
import { Random } from "../../../src/policy/random.ts";

const HOUR = 3_600_000;
const T0 = 1_795_132_800_000;
const miss = (costUsd: number, lookUpUsd: number | undefined): Spending => ({
  kind: "MISS",
  costUsd,
  savedUsd: 0,
  lookUpUsd,
});
const hit = (savedUsd: number, lookUpUsd: number): Spending => ({
  kind: "HIT-SEMANTIC",
  costUsd: 0,
  savedUsd,
  lookUpUsd,
});
const repeated = (from: Paying, outcome: Spending, count: number, at = T0): Paying => {
  let paying = from;
  for (let i = 0; i < count; i++) paying = withRequest(paying, outcome, at);
  return paying;
};

describe("look-ups that do not pay", () => {
  test("end after the first 5,000 without a hit, and come back after six hours", () => {
    // Bound of no hits: 0 + 1.645 x 1 + 1.569 = 3.213 calls of 100 millionths; spent: 5,000 millionths.
    const before = repeated(NEW_PAYING, miss(100e-6, 1e-6), 4_999);
    expect(paysAt(before, T0)).toBe(true);
    const after = repeated(before, miss(100e-6, 1e-6), 1);
    expect(paysAt(after, T0)).toBe(false);
    expect(paysAt(after, T0 + 6 * HOUR - 1)).toBe(false);
    expect(paysAt(after, T0 + 6 * HOUR)).toBe(true);
  });

  test("pause twice as long after every further window of 2,000, a week at most; a window that pays forgives", () => {
    let paying = NEW_PAYING;
    let at = T0;
    const pauses: number[] = [];
    for (let i = 0; i < 7; i++) {
      paying = repeated(paying, miss(100e-6, 1e-6), i === 0 ? 5_000 : 2_000, at);
      pauses.push((paying.offUntil - at) / HOUR);
      at = paying.offUntil;
    }
    expect(pauses).toEqual([6, 12, 24, 48, 96, 168, 168]);
    const good = repeated(paying, hit(100e-6, 1e-6), 2_000, at);
    expect(good.failures).toBe(0);
    expect(paysAt(good, at)).toBe(true);
    const bad = repeated(good, miss(100e-6, 1e-6), 2_000, at);
    expect((bad.offUntil - at) / HOUR).toBe(6);
  });

  test("requests without a look-up and late reports from before the pause change nothing", () => {
    const off = repeated(NEW_PAYING, miss(100e-6, 1e-6), 5_000);
    expect(withRequest(off, miss(100e-6, 1e-6), T0 + HOUR)).toBe(off);
    expect(withLabelCost(off, 1, T0 + HOUR)).toBe(off);
    expect(withRequest(NEW_PAYING, miss(100e-6, undefined), T0)).toBe(NEW_PAYING);
  });
});

describe("look-ups that pay", () => {
  test("stay on where one request in 40 is served and a call costs 100 look-ups", () => {
    const seed = 11;
    const random = new Random(seed);
    let paying = NEW_PAYING;
    for (let i = 0; i < 40_000; i++)
      paying = withRequest(
        paying,
        random.uniform() < 1 / 40 ? hit(100e-6, 1e-6) : miss(100e-6, 1e-6),
        T0 + i,
      );
    expect(paysAt(paying, T0 + 40_000), `seed ${seed}`).toBe(true);
  });

  test("are hardly ever stopped by bad luck where they pay just so", () => {
    // One hit in 100 at 100 look-ups a call: what comes in is what goes out.
    const seeds = Array.from({ length: 40 }, (_, i) => i + 1);
    const stopped = seeds.filter((seed) => {
      const random = new Random(seed);
      let paying = NEW_PAYING;
      for (let i = 0; i < 5_000; i++)
        paying = withRequest(
          paying,
          random.uniform() < 1 / 100 ? hit(100e-6, 1e-6) : miss(100e-6, 1e-6),
          T0,
        );
      return !paysAt(paying, T0);
    });
    expect(stopped.length, `seeds ${stopped.join(", ")}`).toBeLessThanOrEqual(4);
  });

  test("labels count: what hits save must pay for them too", () => {
    const served = (labelUsd: number) => {
      const half = repeated(NEW_PAYING, hit(100e-6, 1e-6), 100);
      return repeated(withLabelCost(half, labelUsd, T0), miss(100e-6, 1e-6), 4_900);
    };
    // 100 hits: at most 118.1 calls of 100 millionths are 0.01175; the look-ups cost 0.005.
    expect(paysAt(served(0.006), T0)).toBe(true);
    expect(paysAt(served(0.007), T0)).toBe(false);
  });

  test.each([
    // Exact one-sided 95 % bounds of a Poisson variable: half the 0.95 quantile of chi-squared with 2 (k + 1) degrees.
    [0, 2.9957],
    [1, 4.7439],
    [5, 10.513],
    [20, 29.062],
    [100, 118.079],
  ])("%d hits stop nothing that up to %f hits would have paid for", (hits, bound) => {
    const spent = (calls: number) => {
      const served = repeated(NEW_PAYING, hit(100e-6, 0), hits);
      const paying = withLabelCost(served, calls * 100e-6, T0);
      return repeated(paying, miss(100e-6, 0), 5_000 - hits);
    };
    expect(paysAt(spent(bound), T0)).toBe(true);
    expect(paysAt(spent(1.1 * bound), T0)).toBe(false);
  });

  test("are never judged by money where calls have no price", () => {
    expect(paysAt(repeated(NEW_PAYING, miss(0, 1e-6), 10_000), T0)).toBe(true);
  });
});

describe("the region", () => {
  test("tells isolates which tenants get no look-ups, also after a restart, and counts a batch once", async () => {
    const rig = newRig();
    const outcomes = (tenant: string, kind: string, costUsd: number) =>
      Array.from({ length: 250 }, (_, i) =>
        outcomeOf(`${tenant}-${rig.now}-${i}`, {
          tenant,
          kind,
          costUsd,
          savedUsd: 0,
          lookUpUsd: 1e-6,
        }),
      );
    const offNow = () => rig.core.sync(0).lookUpsOff;
    for (let i = 0; i < 20; i++) {
      expect(offNow()).toBeUndefined();
      const batch = reportOf({
        outcomes: [
          ...outcomes("rare", "MISS", 100e-6),
          ...outcomes("often", i % 2 === 0 ? "MISS" : "HIT-SEMANTIC", 100e-6),
        ],
      });
      rig.core.report(batch);
      rig.core.report(batch);
      rig.now += 1_000;
      await rig.core.work();
    }
    expect(offNow()).toEqual(["rare"]);
    rig.restart();
    expect(offNow()).toEqual(["rare"]);
    rig.now += 6 * HOUR;
    expect(offNow()).toBeUndefined();
  });
});

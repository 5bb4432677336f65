import { describe, expect, it } from "vitest";
import { PRODUCT_WEIGHTS, utility } from "../../../src/policy/reward.ts";
import { Random } from "../../../src/policy/random.ts";
import {
  ReuseLedger,
  drawOmega,
  insertionBonus,
  shareReward,
  utilityAt,
} from "../../../src/trainer-node/reward.ts";

describe("price of time", () => {
  it("is the product's utility at omega 0.1", () => {
    // -0.35 - 0.5 * 7.7 / 10
    expect(utilityAt(0.1, -0.35, 7.7)).toBeCloseTo(-0.735, 10);
    expect(utilityAt(0.1, -1.2, 12)).toBe(utility(-1.2, 12, PRODUCT_WEIGHTS));
  });

  it("costs a tenth of that at omega 0.01", () => {
    // -0.35 - 0.05 * 7.7 / 10
    expect(utilityAt(0.01, -0.35, 7.7)).toBeCloseTo(-0.3885, 10);
  });

  it("is drawn over the whole range, as many below its geometric mean as above", () => {
    const seed = 21;
    console.log(`seed ${seed}`);
    const random = new Random(seed);
    const draws = Array.from({ length: 2000 }, () => drawOmega(random, 0.01, 0.16));
    expect(Math.min(...draws)).toBeGreaterThanOrEqual(0.01);
    expect(Math.max(...draws)).toBeLessThan(0.16);
    const below = draws.filter((omega) => omega < 0.04).length;
    // 1000 expected, standard deviation sqrt(2000 / 4) = 22.
    expect(Math.abs(below - 1000)).toBeLessThan(100);
  });

  it("is refused where a wrong answer at once would beat a slow one", () => {
    // -1.2 against -0.35 - 5 * 0.17
    expect(() => drawOmega(new Random(1), 0.01, 0.17)).toThrow("unsafe reward weights");
  });
});

describe("insertionBonus", () => {
  it("is weight times chance of reuse times what a reuse saves", () => {
    // (39 + 1) / (90 + 10) = 0.4; 0.5 * 0.4 * (-0.36 + 0.86) = 0.1
    const counts = { inserted: 90, reused: 39, meanServed: -0.36, meanDirect: -0.86 };
    expect(insertionBonus(counts, 0.5)).toBeCloseTo(0.1, 10);
  });

  it("starts from one reuse in ten rows", () => {
    const counts = { inserted: 0, reused: 0, meanServed: -0.4, meanDirect: -0.9 };
    expect(insertionBonus(counts, 1)).toBeCloseTo(0.05, 10);
  });

  it("never punishes an insertion", () => {
    const counts = { inserted: 10, reused: 10, meanServed: -1.2, meanDirect: -0.5 };
    expect(insertionBonus(counts, 1)).toBe(0);
  });
});

describe("ReuseLedger", () => {
  it("counts rows and those of them that were used, each once, and means at the price of time asked for", () => {
    const ledger = new ReuseLedger();
    const call = { used: [], served: false, quality: -0.35, delaySeconds: 4 };
    const hit = { inserted: null, served: true, quality: -0.35, delaySeconds: 0 };
    for (const inserted of ["a", "b", "c", null]) ledger.record({ ...call, inserted });
    ledger.record({ ...hit, used: ["a"] });
    ledger.record({ ...hit, used: ["a"] });
    ledger.record({ ...hit, used: ["from before"], quality: -1.2 });
    const counts = ledger.counts(0.1);
    expect([counts.inserted, counts.reused]).toEqual([3, 1]);
    // (-0.35 - 0.35 - 1.2) / 3, and -0.35 - 0.5 * 4 / 10
    expect(counts.meanServed).toBeCloseTo(-1.9 / 3, 10);
    expect(counts.meanDirect).toBeCloseTo(-0.55, 10);
    expect(ledger.counts(0.01).meanDirect).toBeCloseTo(-0.37, 10);
  });

  it("takes a row that comes again under its old id, as in the next simulated world, for a new one", () => {
    const ledger = new ReuseLedger();
    const call = { used: [], served: false, quality: -0.35, delaySeconds: 4 };
    const hit = { inserted: null, served: true, quality: -0.35, delaySeconds: 0 };
    // One of two rows is used in each world, another one each time: 2 of 4, and not both of "the two".
    for (const used of ["a", "b"]) {
      for (const inserted of ["a", "b"]) ledger.record({ ...call, inserted });
      ledger.record({ ...hit, used: [used] });
    }
    const { inserted, reused } = ledger.counts(0.1);
    expect([inserted, reused]).toEqual([4, 2]);
  });

  it("knows of no difference before it has seen both kinds", () => {
    const ledger = new ReuseLedger();
    ledger.record({ inserted: "a", used: [], served: false, quality: -0.35, delaySeconds: 4 });
    expect(insertionBonus(ledger.counts(0.1), 1)).toBe(0);
  });
});

describe("shareReward", () => {
  it("is each agent's own with 0, the mean with 1, and between them in between", () => {
    expect(shareReward([-1, -3], 0)).toEqual([-1, -3]);
    expect(shareReward([-1, -3], 1)).toEqual([-2, -2]);
    expect(shareReward([-1, -3], 0.5)).toEqual([-1.5, -2.5]);
  });
});

import { describe, expect, it } from "vitest";
import {
  evidenceAbove,
  evidenceBelow,
  meanRadius,
  quantileBin,
} from "../../../src/durable/sequential-test.ts";
import { Random } from "../../../src/policy/random.ts";

const SEED = Number(process.env["SEED"] ?? 20_261_121);
const BINARY = [0, 1];
console.log(`sequential tests: seed ${SEED}`);

describe("evidence", () => {
  it("is the logarithm of what four bets are worth on average", () => {
    // One failure where a tenth may fail: 1 + k (1 - 0.1) / 0.1 = 1 + 9 k for k = 0.1, 0.3, 0.6, 0.9: 1.9, 3.7, 6.4, 9.1.
    expect(evidenceAbove([0, 1], BINARY, 0.1)).toBeCloseTo(Math.log((1.9 + 3.7 + 6.4 + 9.1) / 4));
    // One success: 1 - k each: 0.9, 0.7, 0.4, 0.1.
    expect(evidenceAbove([1, 0], BINARY, 0.1)).toBeCloseTo(Math.log((0.9 + 0.7 + 0.4 + 0.1) / 4));
    // Two values of 0.25 where the mean should be a half: (1 + k (0.5 - 0.25) / 0.5)^2 = (1 + k / 2)^2.
    const bets = [1.05, 1.15, 1.3, 1.45].map((bet) => bet ** 2);
    expect(evidenceBelow([2], [0.25], 0.5)).toBeCloseTo(Math.log(bets.reduce((a, b) => a + b) / 4));
  });

  it("of nothing is nothing, and of the impossible too", () => {
    expect(evidenceAbove([], BINARY, 0.1)).toBe(0);
    for (const limit of [0, 1, -0.2, 1.5]) {
      expect(evidenceAbove([0, 9], BINARY, limit)).toBe(Number.NEGATIVE_INFINITY);
      expect(evidenceBelow([9, 0], BINARY, limit)).toBe(Number.NEGATIVE_INFINITY);
    }
  });

  it("reaches 1 / alpha at some of 500 looks in at most a share alpha of runs at the limit, and soon beyond it", () => {
    const random = new Random(SEED);
    const alpha = 0.05;
    const firstAlarm = (mean: number, limit: number, evidence: typeof evidenceAbove) => {
      const counts = [0, 0];
      for (let n = 1; n <= 500; n++) {
        counts[random.uniform() < mean ? 1 : 0]!++;
        if (evidence(counts, BINARY, limit) > -Math.log(alpha)) return n;
      }
      return null;
    };
    for (const limit of [0.02, 0.5, 0.8])
      for (const evidence of [evidenceAbove, evidenceBelow]) {
        const runs = Array.from({ length: 400 }, () => firstAlarm(limit, limit, evidence));
        // 20 of 400 are allowed; with three standard deviations of 4.4 on top.
        expect(runs.filter((n) => n !== null).length).toBeLessThanOrEqual(33);
      }
    const wrong = Array.from({ length: 100 }, () => firstAlarm(0.2, 0.02, evidenceAbove));
    expect(wrong.every((n) => n !== null && n < 200)).toBe(true);
  });
});

describe("bounds", () => {
  it("on a mean hold at all of 2000 looks in all but a share alpha of runs", () => {
    const random = new Random(SEED);
    const alpha = 0.05;
    let outside = 0;
    for (let run = 0; run < 200; run++) {
      let sum = 0;
      let left = false;
      for (let n = 1; n <= 2_000; n++) {
        sum += random.uniform() < 0.5 ? 1 : 0;
        left ||= Math.abs(sum / n - 0.5) > meanRadius(n, alpha);
      }
      if (left) outside++;
    }
    // 10 are allowed; three standard deviations are 9.
    expect(outside).toBeLessThanOrEqual(19);
    expect(meanRadius(0, alpha)).toBe(1);
    expect(meanRadius(1e6, alpha)).toBeLessThan(0.005);
  });

  it("on a quantile name a bin only when enough was seen", () => {
    expect(quantileBin([5, 5], 0.5, 0.01)).toBeNull();
    // 1e6 observations: the median lies in bin 1 for sure, since 0.4 and 0.7 are far from a half.
    expect(quantileBin([400_000, 300_000, 300_000], 0.5, 0.01)).toBe(1);
    expect(quantileBin([], 0.5, 0.01)).toBeNull();
  });
});

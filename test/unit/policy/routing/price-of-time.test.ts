import { describe, expect, it } from "vitest";
import { TRAINED_CALL_SECONDS, priceOfTime } from "../../../../src/policy/routing/price-of-time.ts";
import { utility, weightsFor } from "../../../../src/policy/reward.ts";
import { DEFAULT_DELAYS, delaySampler } from "../../../../src/trainer-node/simulator/delays.ts";
import { PRODUCT_TRAINING } from "../../../../src/trainer-node/config.ts";

describe("the price of time by which the cache decides", () => {
  it("makes a call of another length worth what a trained one is", () => {
    const worthOf = (omega: number, seconds: number) => utility(-0.35, seconds, weightsFor(omega));
    for (const seconds of [0.5, 2, 5]) {
      const price = priceOfTime(0.1, seconds);
      expect(worthOf(price, TRAINED_CALL_SECONDS)).toBeCloseTo(worthOf(0.1, seconds), 12);
    }
    expect(priceOfTime(0.1, TRAINED_CALL_SECONDS)).toBeCloseTo(0.1, 12);
  });

  it("stays where policies were trained, or at the one that is set", () => {
    const { omegaMin, omegaMax } = PRODUCT_TRAINING;
    expect(priceOfTime(0.1, 0)).toBe(omegaMin);
    // 0.1 x 10 / 3.7 = 0.27
    expect(priceOfTime(0.1, 60)).toBe(omegaMax);
    expect(priceOfTime(0.165, 60)).toBe(0.165);
    expect(priceOfTime(0.002, 0)).toBe(0.002);
  });

  it("is the one that is set where nobody knows how long a call takes", () => {
    for (const seconds of [null, NaN, -1]) expect(priceOfTime(0.1, seconds)).toBe(0.1);
    expect(priceOfTime(0.1, Infinity)).toBe(0.16);
  });

  const seed = 1;
  it(`measures by the calls of training (seed ${seed})`, () => {
    const sample = delaySampler(DEFAULT_DELAYS, seed);
    let sum = 0;
    for (let i = 0; i < 20_000; i++) sum += Math.min(10, sample(200).total);
    expect(sum / 20_000).toBeCloseTo(TRAINED_CALL_SECONDS, 1);
  });
});

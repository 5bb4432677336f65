import { describe, expect, it } from "vitest";
import { Random } from "../../../../src/policy/random.ts";
import {
  queueAfter,
  queueScore,
  virtualQueue,
} from "../../../../src/policy/routing/virtual-queue.ts";
import { backend, estimates, outcome, request } from "./made.ts";

describe("the virtual queue", () => {
  it("grows by alpha less what was satisfied, and never falls below 0", () => {
    expect(queueAfter(0, 0.9, 0)).toBeCloseTo(0.9, 12);
    expect(queueAfter(0.9, 0.9, 1)).toBeCloseTo(0.8, 12);
    expect(queueAfter(0.05, 0.9, 1)).toBe(0);
    expect(queueAfter(1, 0.9, 0.5)).toBeCloseTo(1.4, 12);
  });

  it("weighs cost against what is owed", () => {
    // 10 x 0.3 + 2 x (1 - 0.75)
    expect(queueScore(2, 10, { cost: 0.3, satisfied: 0.75 })).toBeCloseTo(3.5, 12);
  });
});

describe("the selector", () => {
  // Both take 100 tokens for prompt and answer: 0.0003 USD at a, 0.0012 USD at b
  const servers = [backend("a"), backend("b", { inputPrice: 4, outputPrice: 8 })];
  const asked = request({
    estimates: estimates({ a: { quality: 0.5 }, b: { quality: 0.95 } }),
  });

  it("is cheap while nothing is owed, and good once enough is", () => {
    const selector = virtualQueue({ target: 0.8, costWeight: 1_000 });
    expect(selector.choose(asked, servers).backend).toBe("a");
    // b costs 0.9 more and misses 0.45 less of Q: from Q = 2 on it is the better one
    for (let missed = 0; missed < 2; missed++) selector.observe(outcome({ quality: 0 }));
    expect(selector.owed()).toBeCloseTo(1.6, 12);
    expect(selector.choose(asked, servers).backend).toBe("a");
    selector.observe(outcome({ succeeded: false, quality: 1 }));
    expect(selector.owed()).toBeCloseTo(2.4, 12);
    expect(selector.choose(asked, servers).backend).toBe("b");
  });

  it("leaves what is owed alone where nobody judged", () => {
    const selector = virtualQueue({ target: 0.8, costWeight: 1 });
    for (const quality of [null, NaN, 2, -1]) selector.observe(outcome({ quality }));
    expect(selector.owed()).toBe(0);
  });

  it("reaches its share of satisfied requests at less than the price of the good server alone", () => {
    const seed = 7;
    const generator = new Random(seed);
    const target = 0.8;
    const selector = virtualQueue({ target, costWeight: 1_000 });
    const rounds = 4_000;
    let satisfied = 0;
    let usd = 0;
    for (let round = 0; round < rounds; round++) {
      const choice = selector.choose(asked, servers);
      const quality = Number(generator.uniform() < (choice.backend === "a" ? 0.5 : 0.95));
      satisfied += quality;
      usd += choice.predictedUsd;
      selector.observe(outcome({ backend: choice.backend!, quality }));
    }
    expect(satisfied / rounds, `seed ${seed}`).toBeGreaterThan(target - 0.01);
    // A share x of b with 0.5 + 0.45 x = 0.8: x = 2/3, 0.0009 USD each, against 0.0012
    expect(usd / rounds, `seed ${seed}`).toBeLessThan(0.001);
  });

  it("may count another cost than money", () => {
    const energy = [
      backend("a", { energy: 400 }),
      backend("b", { energy: 20, inputPrice: 4, outputPrice: 8 }),
    ];
    const selector = virtualQueue({
      target: 0.8,
      costWeight: 1,
      costOf: ({ backend: server }) => server.energy ?? NaN,
    });
    expect(selector.choose(asked, energy).backend).toBe("b");
  });

  it("refuses a target that is no share", () => {
    for (const target of [-0.1, 1.1, NaN])
      expect(() => virtualQueue({ target, costWeight: 1 })).toThrow(RangeError);
  });
});

import { describe, expect, it } from "vitest";
import { Measurements } from "../../../../src/policy/routing/measurements.ts";
import { outcome, stored } from "./made.ts";

const call = (seconds: number, firstTokenSeconds = 0.5) =>
  outcome({ seconds, firstTokenSeconds, outputTokens: 100 });

describe("measurements", () => {
  it("are running means with their deviation", () => {
    const measured = new Measurements();
    measured.observe(call(1.5, 0.5));
    measured.observe(call(3.7, 0.7));
    // First token 0.5 and 0.7; 1 s and 3 s for 100 tokens each, which 1 s for 100 missed by 2 s: sqrt(2^2 / 4) / 100
    expect(measured.of("a")).toEqual({
      firstTokenSeconds: { mean: expect.closeTo(0.6, 12), deviation: expect.closeTo(0.1, 12) },
      secondsPerToken: { mean: expect.closeTo(0.02, 12), deviation: expect.closeTo(0.01, 12) },
      failureShare: 0,
    });
  });

  it("know nothing of a server nobody called but the guess, which counts less and less", () => {
    const prior = { firstTokenSeconds: 0.8, secondsPerToken: 0.02 };
    const measured = new Measurements();
    expect(measured.of("a")).toMatchObject({ firstTokenSeconds: null, secondsPerToken: null });
    expect(measured.beside("a", prior).firstTokenSeconds).toEqual({ mean: 0.8, deviation: 0 });
    // Like two calls less a tenth: (1.9 x 0.8 + 0.5) / 2.9; per token (1.9 x 0.02 + 0.01) / 2.9
    measured.observe(call(1.5));
    const { firstTokenSeconds, secondsPerToken } = measured.beside("a", prior);
    expect(firstTokenSeconds!.mean).toBeCloseTo(2.02 / 2.9, 12);
    expect(secondsPerToken!.mean).toBeCloseTo(0.048 / 2.9, 12);
    for (let i = 0; i < 19; i++) measured.observe(call(1.5));
    expect(measured.beside("a", prior).firstTokenSeconds!.mean).toBeCloseTo(0.5, 12);
  });

  it("weigh answers by their length: those of a word do not hide how long the others take", () => {
    const measured = new Measurements();
    // What is deducted for the first token is 0.3 s too little: 1 token of 0.012 s seems to take 0.312 s.
    for (let i = 0; i < 20; i++) {
      const tokens = i % 2 === 0 ? 1 : 400;
      const seconds = 0.3 + 0.012 * tokens;
      measured.observe(outcome({ seconds, firstTokenSeconds: null, outputTokens: tokens }));
    }
    // Mean (0.312 + 5.1) / (1 + 400) of a token, and both 0.3 s off at most where answers have 200 tokens
    const { mean, deviation } = measured.of("a").secondsPerToken!;
    expect(mean).toBeCloseTo(5.412 / 401, 4);
    expect(deviation).toBeLessThan(0.3 / 150);
  });

  it("follow a server that changes its speed", () => {
    const measured = new Measurements();
    for (let i = 0; i < 200; i++) measured.observe(call(1.5));
    for (let i = 0; i < 60; i++) measured.observe(call(4.5));
    // From 0.01 to 0.04, all but 0.95^60 = 0.046 of the way
    expect(measured.of("a").secondsPerToken!.mean).toBeCloseTo(0.04 - 0.03 * 0.95 ** 60, 12);
  });

  it("do not hold quick failures for speed", () => {
    const measured = new Measurements();
    measured.observe(call(1.5));
    for (let i = 0; i < 2; i++)
      measured.observe(outcome({ succeeded: false, seconds: 0.01, firstTokenSeconds: 0.01 }));
    expect(measured.of("a").firstTokenSeconds!.mean).toBe(0.5);
    expect(measured.of("a").secondsPerToken!.mean).toBeCloseTo(0.01, 12);
    // 1 - 0.95^2
    expect(measured.of("a").failureShare).toBeCloseTo(0.0975, 12);
  });

  it("take no number that no call can have", () => {
    const measured = new Measurements();
    for (const seconds of [NaN, Infinity, -1, 0.1, 1e300]) measured.observe(call(seconds));
    measured.observe(outcome({ outputTokens: 0 }));
    measured.observe(outcome({ seconds: NaN, firstTokenSeconds: null }));
    expect(measured.of("a").secondsPerToken).toBe(null);
    expect(measured.of("a").firstTokenSeconds).toEqual({ mean: 0.5, deviation: 0 });
  });

  it("forget the server unheard of for longest", () => {
    const measured = new Measurements({ maxServers: 2 });
    for (const backend of ["a", "b", "a", "c"]) measured.observe({ ...call(1.5), backend });
    expect(measured.of("b").secondsPerToken).toBe(null);
    expect(measured.of("a").secondsPerToken).not.toBe(null);
  });

  it("are the same from storage, and keep what they have when it is not theirs", () => {
    const measured = new Measurements();
    for (let i = 0; i < 5; i++) measured.observe(call(1.5 + i));
    const restored = new Measurements();
    expect(restored.restore(stored(measured.snapshot()))).toBe(true);
    for (const one of [measured, restored]) one.observe(call(2));
    expect(restored.of("a")).toEqual(measured.of("a"));
    for (const state of [null, 3, [["a", {}]], [["a", null]], [["a"]]])
      expect(restored.restore(state)).toBe(false);
    expect(restored.of("a")).toEqual(measured.of("a"));
  });
});

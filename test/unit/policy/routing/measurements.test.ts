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
    // First token 0.5 and 0.7; per token (1.5 - 0.5) / 100 and (3.7 - 0.7) / 100
    expect(measured.of("a")).toEqual({
      firstTokenSeconds: { mean: expect.closeTo(0.6, 12), deviation: expect.closeTo(0.1, 12) },
      secondsPerToken: { mean: expect.closeTo(0.02, 12), deviation: expect.closeTo(0.01, 12) },
      failureShare: 0,
    });
  });

  it("know nothing of a server nobody called, or what they were told", () => {
    const priors = { a: { firstTokenSeconds: 0.8, secondsPerToken: 0.02 } };
    const measured = new Measurements({ priors });
    expect(measured.of("b")).toMatchObject({ firstTokenSeconds: null, secondsPerToken: null });
    expect(measured.of("a").firstTokenSeconds).toEqual({ mean: 0.8, deviation: 0 });
    // The guess counts like two calls: (2 x 0.8 + 0.5) / 3
    measured.observe(call(1.5));
    expect(measured.of("a").firstTokenSeconds!.mean).toBeCloseTo(0.7, 12);
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

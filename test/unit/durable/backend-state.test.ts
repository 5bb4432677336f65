import { describe, expect, test } from "vitest";
import {
  type BackendCall,
  NO_BACKENDS,
  afterCalls,
  afterRunning,
  believed,
  isBackendsState,
  loadElsewhere,
  stateOf,
  viewFor,
} from "../../../src/durable/backend-state.ts";

const PRIOR = { firstTokenSeconds: 1, secondsPerToken: 0.1 };
const good: BackendCall = {
  backend: "a/m",
  tenant: "acme",
  succeeded: true,
  seconds: 3,
  firstTokenSeconds: 0.5,
  outputTokens: 50,
};
const failed = (tenant: string): BackendCall => ({ ...good, tenant, succeeded: false });
const T = 1_000_000;

describe("what a region knows of a backend", () => {
  test("begins with the guess and becomes what was measured", () => {
    const after = (count: number) =>
      believed(
        afterCalls(
          NO_BACKENDS,
          Array.from({ length: count }, () => good),
          T,
        ),
        "a/m",
        PRIOR,
        T,
      );
    expect(believed(NO_BACKENDS, "a/m", PRIOR, T)).toEqual({
      firstTokenSeconds: { mean: 1, deviation: 0 },
      secondsPerToken: { mean: 0.1, deviation: 0 },
      failureShare: 0,
      breaker: "closed",
    });
    // 0.5 s to the first token and (3 s - 0.5 s) / 50 tokens; the guess counts like 2 x (1 - 1 / 20) outcomes
    const { firstTokenSeconds, secondsPerToken } = after(1);
    expect(firstTokenSeconds!.mean).toBeCloseTo((0.5 + 1.9 * 1) / 2.9, 12);
    expect(secondsPerToken!.mean).toBeCloseTo((0.05 + 1.9 * 0.1) / 2.9, 12);
    // What is known by one outcome is not known well.
    expect(firstTokenSeconds!.deviation).toBeGreaterThan(0.2);
    expect(after(20)).toMatchObject({
      firstTokenSeconds: { mean: 0.5, deviation: 0 },
      secondsPerToken: { mean: 0.05, deviation: 0 },
    });
  });

  test("a failure does not take the guess away", () => {
    const state = afterCalls(NO_BACKENDS, [failed("acme")], T);
    expect(believed(state, "a/m", PRIOR, T, "acme")).toMatchObject({
      firstTokenSeconds: { mean: 1 },
      failureShare: 0.05,
    });
  });

  test("fades while nothing more is heard: times to the guess, blame to none", () => {
    const calls = Array.from({ length: 20 }, () => ({ ...good, firstTokenSeconds: 2.5 }));
    const slow = afterCalls(NO_BACKENDS, [...calls, failed("acme")], T);
    // Half of what 2.5 s differ from 1 s is left after ten minutes; half of the blame after one.
    expect(believed(slow, "a/m", PRIOR, T + 600_000).firstTokenSeconds?.mean).toBe(1.75);
    expect(believed(slow, "a/m", PRIOR, T + 60_000, "acme").failureShare).toBe(0.025);
  });

  test("other isolates' calls are its load, for half a minute, and an isolate's own are not", () => {
    let state = afterRunning(NO_BACKENDS, { isolate: "one", counts: { "a/m": 2 } }, T);
    state = afterRunning(state, { isolate: "two", counts: { "a/m": 3, "b/m": 1 } }, T + 4_000);
    expect(loadElsewhere(state, "a/m", "me", T + 5_000)).toEqual({
      running: 5,
      waiting: 0,
      ageMs: 5_000,
    });
    expect(loadElsewhere(state, "a/m", "two", T + 5_000)?.running).toBe(2);
    expect(loadElsewhere(state, "a/m", "me", T + 30_001)?.running).toBe(3);
    expect(loadElsewhere(state, "a/m", "me", T + 34_001)).toBeNull();
    const ended = afterRunning(state, { isolate: "two", counts: {} }, T + 5_000);
    expect(loadElsewhere(ended, "b/m", "me", T + 5_000)).toBeNull();
  });

  test("keeps its ages on another clock, and after JSON", () => {
    const state = afterRunning(
      afterCalls(NO_BACKENDS, ["a", "b", "a", "b", "a"].map(failed), T),
      { isolate: "one", counts: { "a/m": 2 } },
      T,
    );
    const view = JSON.parse(JSON.stringify({ state, at: T + 1_000 })) as {
      state: typeof state;
      at: number;
    };
    const copy = stateOf(view, 501_000);
    expect(believed(copy, "a/m", PRIOR, 501_000).breaker).toBe("open");
    expect(believed(copy, "a/m", PRIOR, 500_000 + 30_000).breaker).toBe("half-open");
    expect(loadElsewhere(copy, "a/m", "me", 501_000)).toEqual({
      running: 2,
      waiting: 0,
      ageMs: 1_000,
    });
  });

  test("takes nothing from calls that are none, and is bounded", () => {
    for (const bad of [{ backend: "" }, { tenant: "" }, { seconds: Number.NaN }, { seconds: -1 }])
      expect(afterCalls(NO_BACKENDS, [{ ...good, ...bad }], T)).toBe(NO_BACKENDS);
    const many = Array.from({ length: 100 }, (_, i) => ({ ...good, backend: `a/${i}` }));
    const state = afterCalls(NO_BACKENDS, many, T);
    expect(Object.keys(state.health)).toHaveLength(64);
    expect(believed(state, "a/99", PRIOR, T).firstTokenSeconds?.mean).toBeLessThan(1);
    expect(believed(state, "a/0", PRIOR, T).firstTokenSeconds?.mean).toBe(1);
    let crowd = NO_BACKENDS;
    for (let i = 0; i < 300; i++)
      crowd = afterRunning(crowd, { isolate: `i${i}`, counts: { "a/m": 1 } }, T);
    expect(loadElsewhere(crowd, "a/m", "me", T)?.running).toBe(256);
  });

  test("another release's list, or health by other fields, is no state, and what a region says of it is left out", () => {
    expect(isBackendsState([])).toBe(false);
    expect(isBackendsState(NO_BACKENDS)).toBe(true);
    const state = afterCalls(NO_BACKENDS, [good], T);
    expect(isBackendsState(JSON.parse(JSON.stringify(state)))).toBe(true);
    const other = { ...state, health: { ...state.health, "b/m": { failures: 1, tenants: ["t"] } } };
    expect(isBackendsState(other)).toBe(false);
    const copy = stateOf({ state: other as unknown as typeof state, at: T }, T);
    expect(Object.keys(copy.health)).toEqual(["a/m"]);
  });

  test.each(["", "{", "null", "3"])("begins anew where its text is broken: %j", (text) => {
    const broken = { ...NO_BACKENDS, measured: text, forecasts: text };
    expect(believed(broken, "a/m", PRIOR, T).firstTokenSeconds!.mean).toBe(1);
    const calls = Array.from({ length: 20 }, () => good);
    const state = afterCalls(broken, calls, T);
    expect(believed(state, "a/m", PRIOR, T).firstTokenSeconds!.mean).toBe(0.5);
  });

  test("is told to an isolate with the calls of all others as one sum, however many they are", () => {
    let state = NO_BACKENDS;
    for (let i = 0; i < 200; i++) {
      const counts = { "a/m": 1, ...(i < 3 && { "b/m": 2 }) };
      state = afterRunning(state, { isolate: `i${i}`, counts }, T + i);
    }
    const { state: told } = viewFor("i0", state, T + 1_000);
    for (const backend of ["a/m", "b/m"])
      expect(loadElsewhere(told, backend, "i0", T + 1_000)).toEqual(
        loadElsewhere(state, backend, "i0", T + 1_000),
      );
    // 199 others, the oldest word 999 ms old
    expect(loadElsewhere(told, "a/m", "i0", T + 1_000)).toEqual({
      running: 199,
      waiting: 0,
      ageMs: 999,
    });
    expect(JSON.stringify(told.running).length).toBeLessThan(200);
    // Whoever does not say who it is hears of all.
    const { state: all } = viewFor(undefined, state, T + 1_000);
    expect(loadElsewhere(all, "a/m", "new", T + 1_000)?.running).toBe(200);
  });
});

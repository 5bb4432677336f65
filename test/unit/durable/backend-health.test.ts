// Who may close a backend to whom, and for how long.
import { describe, expect, test } from "vitest";
import {
  type BackendCall,
  type BackendsState,
  NO_BACKENDS,
  afterCalls,
  believed,
  stateOf,
} from "../../../src/durable/backend-state.ts";

const PRIOR = { firstTokenSeconds: 1, secondsPerToken: 0.1 };
const T = 1_000_000;
const call = (tenant: string, succeeded: boolean, seconds = 0): BackendCall => ({
  backend: "a/m",
  tenant,
  succeeded,
  seconds,
  firstTokenSeconds: null,
  outputTokens: 0,
});
/** One failed call for each letter: the tenant whose it was. */
const failed = (tenants: string): readonly BackendCall[] =>
  tenants.split("").map((tenant) => call(tenant, false));
const after = (state: BackendsState, calls: readonly BackendCall[], now = T) =>
  afterCalls(state, calls, now);
const breaker = (state: BackendsState, now: number) => believed(state, "a/m", PRIOR, now).breaker;
/** Seconds from `now` until the backend may be asked again. */
const pause = (state: BackendsState, now: number) =>
  (state.health["a/m"]!.openUntil! - now) / 1_000;
/** A backend that was opened at T. */
const OPEN = after(NO_BACKENDS, failed("aabab"));
/** The same, and again as often at the first moment that it could be. */
function openedAgain(times: number): { readonly state: BackendsState; readonly at: number } {
  let state = OPEN;
  let at = T;
  for (let i = 0; i < times; i++) {
    at = state.health["a/m"]!.openUntil!;
    state = after(state, failed("ab"), at);
  }
  return { state, at };
}

describe("the breaker of a backend", () => {
  test("opens for 30 s after five failures in a row, two of them of others than the tenant with most", () => {
    expect(breaker(after(NO_BACKENDS, failed("abab")), T)).toBe("closed");
    for (const tenants of ["aabab", "abcde", "aaabc"])
      expect(breaker(after(NO_BACKENDS, failed(tenants)), T)).toBe("open");
    expect(breaker(OPEN, T + 29_999)).toBe("open");
    expect(breaker(OPEN, T + 30_000)).toBe("half-open");
  });

  test("is opened neither by one tenant nor by one tenant and another's stray failure", () => {
    expect(breaker(after(NO_BACKENDS, failed("a".repeat(50))), T)).toBe("closed");
    expect(breaker(after(NO_BACKENDS, failed(`${"a".repeat(50)}b`)), T)).toBe("closed");
  });

  test("counts anew after a success", () => {
    const calls = [...failed("abab"), call("a", true), ...failed("b")];
    expect(breaker(after(NO_BACKENDS, calls), T)).toBe("closed");
  });

  test("half-open closes with a success, and opens again when two tenants have failed, for 30 s more each time", () => {
    const half = T + 30_000;
    expect(breaker(after(OPEN, [call("a", true)], half), half)).toBe("closed");
    const again = after(OPEN, failed("ab"), half);
    expect(pause(again, half)).toBe(60);
    expect(breaker(again, half + 59_999)).toBe("open");
  });

  test("half-open is not held shut by one tenant, however often it fails", () => {
    let state = OPEN;
    for (let s = 30; s < 330; s++) {
      state = after(state, failed("a"), T + 1_000 * s);
      expect(breaker(state, T + 1_000 * s)).toBe("half-open");
    }
    expect(breaker(after(state, [call("b", true)], T + 330_000), T + 330_000)).toBe("closed");
  });

  test("learns nothing from calls that began before it could be asked again, failed or not", () => {
    const half = T + 30_000;
    // They took 31 s: from before the opening.
    const late = [call("a", false, 31), call("b", false, 31), call("a", true, 31)];
    expect(after(OPEN, late, half).health).toEqual(OPEN.health);
    expect(after(OPEN, [call("a", true)], T + 10_000).health).toEqual(OPEN.health);
  });

  test("is open for 300 s at most", () => {
    for (const [times, seconds] of [
      [8, 270],
      [9, 300],
      [10, 300],
      [20, 300],
    ] as const) {
      const { state, at } = openedAgain(times);
      expect(pause(state, at)).toBe(seconds);
    }
  });

  test("forgives one opening for every 30 s that it was closed", () => {
    // The fourth opening, for 120 s.
    const { state, at } = openedAgain(3);
    expect(pause(state, at)).toBe(120);
    const closedAt = at + 120_000;
    const closed = after(state, [call("a", true)], closedAt);
    for (const [closedSeconds, seconds] of [
      [29, 150],
      [30, 120],
      [89, 90],
      [120, 30],
      [10_000, 30],
    ] as const) {
      const now = closedAt + 1_000 * closedSeconds;
      expect(pause(after(closed, failed("aabab"), now), now)).toBe(seconds);
    }
  });

  test("goes on with all its times on another clock", () => {
    // That clock shows 500,000 when this one shows T.
    const shifted = (state: BackendsState, at: number) => stateOf({ state, at }, at - T + 500_000);
    expect(breaker(shifted(OPEN, T + 1_000), 529_999)).toBe("open");
    expect(breaker(shifted(OPEN, T + 1_000), 530_000)).toBe("half-open");
    // Closed for 60 s after the fourth opening: the pause is of the third.
    const { state, at } = openedAgain(3);
    const closed = after(state, [call("a", true)], at + 120_000);
    const now = at + 180_000 - T + 500_000;
    expect(pause(after(shifted(closed, at + 130_000), failed("aabab"), now), now)).toBe(90);
    // Blame fades by half in a minute from when it was heard of, not from another clock's nought.
    const blamed = shifted(after(NO_BACKENDS, failed("ab")), T + 30_000);
    // Of 0.05 x 0.95 and 0.05 the greater counts as the other.
    expect(believed(blamed, "a/m", PRIOR, 560_000).failureShare).toBeCloseTo(0.0475, 9);
  });
});

describe("the share of calls that failed", () => {
  const share = (state: BackendsState, tenant: string) =>
    believed(state, "a/m", PRIOR, T, tenant).failureShare;

  test("of one tenant is its own alone", () => {
    const state = after(NO_BACKENDS, failed("a".repeat(40)));
    expect(share(state, "a")).toBeCloseTo(1 - 0.95 ** 40, 9);
    expect(share(state, "b")).toBe(0);
    // Also among others' good calls.
    const mixed = Array.from({ length: 40 }, () => [...failed("a"), call("b", true)]).flat();
    expect(share(after(NO_BACKENDS, mixed), "b")).toBe(0);
  });

  test("of one tenant counts no higher for others than what all others met", () => {
    const state = after(NO_BACKENDS, [...failed("a".repeat(39)), ...failed("b")]);
    expect(share(state, "a")).toBeGreaterThan(0.8);
    expect(share(state, "c")).toBeCloseTo(2 * 0.05, 9);
    // Both fail each time and a third never: the one whose call is older is at 0.05 (0.95^2 + 0.95^5 + ...).
    const round = [...failed("ab"), call("c", true)];
    const both = after(NO_BACKENDS, Array.from({ length: 20 }, () => round).flat());
    const older = (0.05 * 0.95 ** 2 * (1 - 0.95 ** 60)) / (1 - 0.95 ** 3);
    expect(share(both, "c")).toBeCloseTo(2 * older, 9);
    expect(share(both, "c")).toBeGreaterThan(0.6);
  });

  test("takes any name for a tenant's, and remembers eight of them", () => {
    const odd = ["constructor", "toString", "hasOwnProperty"].flatMap((name) => [
      call(name, false),
      call(name, false),
    ]);
    const state = after(NO_BACKENDS, odd);
    expect(breaker(state, T)).toBe("open");
    expect(share(state, "constructor")).toBeGreaterThan(0.05);
    const crowd = Array.from({ length: 50 }, (_, i) => [call(`t${i}`, false), call("a", true)]);
    const { blame } = after(NO_BACKENDS, crowd.flat()).health["a/m"]!;
    expect(Object.keys(blame)).toHaveLength(8);
    // The newest: no entry of an old one stands in its way.
    expect(Object.hasOwn(blame, "t49")).toBe(true);
  });
});

import { describe, expect, test } from "vitest";
import {
  type BackendCall,
  NO_BACKENDS,
  afterCalls,
  backendViews,
  forecastsOf,
  stateOf,
} from "../../../src/durable/backend-state.ts";
import { newRig } from "../../support/node-rig.ts";
import { reportOf } from "../../support/region-rig.ts";

const T = 1_000_000;
const call: BackendCall = {
  backend: "a/m",
  tenant: "acme",
  succeeded: true,
  seconds: 3,
  firstTokenSeconds: 0.5,
  outputTokens: 50,
  arrival: {
    expected: { class: 0, tokens: 100, seconds: 2, upperSeconds: 4 },
    isCut: false,
    seconds: 3,
  },
};

describe("what a region knows of answers to come", () => {
  test("is how long they were and how far off their times, in a copy as well", () => {
    const calls = Array.from({ length: 20 }, () => call);
    const state = afterCalls(NO_BACKENDS, calls, T);
    const copy = stateOf({ state: JSON.parse(JSON.stringify(state)) as typeof state, at: T }, 5);
    for (const each of [state, copy]) {
      // ln(3 / 2) in hundredths: 41; twenty tell no more than 20/21, which the level of 0.97 - 20 x 0.0006 is above.
      expect(forecastsOf(each).upperFactor("a/m")).toBeCloseTo(Math.exp(0.41 + 0.958 - 20 / 21), 3);
      // Server (20 x 50 + 2 x 300) / 22, class (20 x 50 + 5 x 72.7) / 25
      expect(forecastsOf(each).tokens("a/m", 0, 300)).toBeCloseTo(54.5, 1);
    }
    expect(backendViews(state, T)).toEqual([
      {
        backend: "a/m",
        breaker: "closed",
        failureShare: 0,
        forecast: expect.objectContaining({ calls: 20, meanTokens: 50, seconds: 3, inTime: 1 }),
      },
    ]);
  });

  test("comes neither from failures nor from a release that expected nothing", () => {
    const { arrival: _, ...silent } = call;
    const state = afterCalls(NO_BACKENDS, [silent, { ...call, succeeded: false }], T);
    expect(forecastsOf(state).upperFactor("a/m")).toBeNull();
    expect(backendViews(state, T)[0]!.forecast).toBeNull();
    // What is no snapshot is nothing known.
    expect(forecastsOf({ ...state, forecasts: "[[3]]" }).tokens("a/m", 0, 300)).toBe(300);
  });

  test("is shown with the share of all calls that failed, also where they were one tenant's", () => {
    const state = afterCalls(NO_BACKENDS, [call, { ...call, succeeded: false }], T);
    expect(backendViews(state, T)[0]!.failureShare).toBe(0.05);
    expect(backendViews(state, T + 60_000)[0]!.failureShare).toBe(0.025);
  });

  test("is shown by the region's object", () => {
    const rig = newRig();
    rig.core.report(reportOf({ calls: [call] }));
    expect(rig.core.live().backends.map(({ backend }) => backend)).toEqual(["a/m"]);
  });
});

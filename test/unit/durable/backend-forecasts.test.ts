import { describe, expect, test } from "vitest";
import {
  type BackendCall,
  NO_BACKENDS,
  afterCalls,
  backendViews,
  believed,
  forecastsOf,
  stateOf,
  upperFactorOf,
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
    for (const [each, now] of [
      [state, T],
      [copy, 5],
    ] as const) {
      // ln(3 / 2) in hundredths: 41; the second worst of twenty is 19/21, which the level of 0.97 - 20 x 0.0006 is above.
      expect(upperFactorOf(each, "a/m", now)).toBeCloseTo(Math.exp(0.41 + 0.958 - 19 / 21), 3);
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

  test("fades while nothing more is heard, and is none after twenty minutes", () => {
    const late = { ...call, arrival: { ...call.arrival!, seconds: 8 } };
    const state = afterCalls(
      NO_BACKENDS,
      Array.from({ length: 20 }, () => late),
      T,
    );
    const factor = upperFactorOf(state, "a/m", T)!;
    // Four times what was expected, and more for every broken promise
    expect(factor).toBeGreaterThan(4);
    expect(upperFactorOf(state, "a/m", T + 600_000)).toBeCloseTo(Math.sqrt(factor), 9);
    expect(upperFactorOf(state, "a/m", T + 1_200_001)).toBeNull();
    // Its spread goes the same way.
    const { firstTokenSeconds: spread } = believed(
      afterCalls(NO_BACKENDS, [call, { ...call, firstTokenSeconds: 2.5 }], T),
      "a/m",
      { firstTokenSeconds: 0.5, secondsPerToken: 0.05 },
      T + 600_000,
    );
    expect(spread!.deviation).toBeLessThan(0.6);
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

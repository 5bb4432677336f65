import { describe, expect, test } from "vitest";
import {
  type Prospect,
  nextPlace,
  patienceMs,
  prospectOf,
} from "../../../../src/worker/upstream/prospects.ts";
import { leastCompletion } from "../../../../src/policy/routing/least-completion.ts";
import { backend, request } from "../../policy/routing/made.ts";

const prospect = (seconds: number, changes: Partial<Prospect> = {}): Prospect => ({
  dueSeconds: 2 * seconds,
  seconds,
  upperSeconds: 1.5 * seconds,
  isWell: true,
  ...changes,
});
const none: ReadonlySet<number> = new Set();
const tried = (...places: readonly number[]): ReadonlySet<number> => new Set(places);

describe("the first byte is due", () => {
  const server = backend("a", { firstTokenSeconds: { mean: 0.5, deviation: 0.25 } });
  const choice = leastCompletion().choose(request(), [server]);

  test("for a stream after twice the usual time or three deviations more than it", () => {
    expect(prospectOf(server, choice, true).dueSeconds).toBe(1.25);
    const steady = backend("a", { firstTokenSeconds: { mean: 0.5, deviation: 0.1 } });
    expect(prospectOf(steady, choice, true).dueSeconds).toBe(1);
  });

  test("for an answer in one piece after twice its whole time", () => {
    // 2 x (0.5 + 100 x 0.01)
    expect(prospectOf(server, choice, false).dueSeconds).toBe(3);
  });
});

describe("the next place", () => {
  const places = [prospect(1), prospect(2), prospect(4), prospect(0.2)];

  test("is the first one, then the best that meets the deadline, then the soonest", () => {
    expect(nextPlace(places, none, 10)).toBe(0);
    // Place 1 takes 3 s at the most.
    expect(nextPlace(places, tried(0), 3_000)).toBe(1);
    expect(nextPlace(places, tried(0), 2_999)).toBe(3);
    expect(nextPlace(places, tried(0, 3), 10)).toBe(1);
    expect(nextPlace(places, tried(0, 1, 2, 3), 10)).toBe(null);
  });

  test("is not one that is unwell while another is not", () => {
    const unwell = [prospect(1), prospect(2, { isWell: false }), prospect(4)];
    expect(nextPlace(unwell, tried(0), 60_000)).toBe(2);
    expect(nextPlace(unwell, tried(0, 2), 60_000)).toBe(1);
  });
});

describe("a call without a first byte is left", () => {
  test("as late as the soonest other one can still meet the deadline", () => {
    // 4 s less 1.5 x 0.2 s
    expect(patienceMs([prospect(1), prospect(2), prospect(0.2)], 0, tried(0), 4_000)).toBe(3_700);
  });

  test("not before it is due, and then only if the other has a chance", () => {
    const places = [prospect(1), prospect(0.8)];
    // 3 s less 1.2 s is before the 2 s when it is due; 2 s and 0.8 s are within 3 s.
    expect(patienceMs(places, 0, tried(0), 3_000)).toBe(2_000);
    expect(patienceMs(places, 0, tried(0), 2_700)).toBe(null);
  });

  test("not for one that is unwell, nor for none", () => {
    const unwell = prospect(0.2, { isWell: false });
    expect(patienceMs([prospect(1), unwell], 0, tried(0), 4_000)).toBe(null);
    expect(patienceMs([prospect(1)], 0, tried(0), 4_000)).toBe(null);
  });
});

import { describe, expect, it } from "vitest";
import { Lateness } from "../../../../src/policy/routing/lateness.ts";

describe("a server that answers late", () => {
  it("is known by two calls without a first byte when they were due", () => {
    const calls = new Lateness();
    calls.begin("r1", "a", 500, 0);
    calls.begin("r2", "a", 600, 100);
    expect(calls.isLate("a", 599)).toBe(false);
    expect(calls.isLate("a", 600)).toBe(true);
    expect(calls.isLate("b", 600)).toBe(false);
  });

  it("is not known by one straggler among others in time", () => {
    const calls = new Lateness();
    calls.begin("r1", "a", 500, 0);
    calls.begin("r2", "a", 600, 100);
    calls.begin("r3", "a", 800, 300);
    calls.spoke("r2", 550);
    expect(calls.isLate("a", 799)).toBe(false);
    // The one in time began between the two late ones.
    expect(calls.isLate("a", 800)).toBe(false);
  });

  it("is late all the same when a call of better times ends well", () => {
    const calls = new Lateness();
    calls.begin("long", "a", 5_000, 0);
    calls.begin("r1", "a", 600, 100);
    calls.begin("r2", "a", 700, 200);
    expect(calls.isLate("a", 700)).toBe(true);
    calls.spoke("long", 800);
    expect(calls.isLate("a", 800)).toBe(true);
  });

  it("is in time again with the first call that began later and is", () => {
    const calls = new Lateness();
    for (const id of ["r1", "r2"]) calls.begin(id, "a", 500, 0);
    expect(calls.isLate("a", 500)).toBe(true);
    // Late first bytes change nothing.
    calls.spoke("r1", 900);
    expect(calls.isLate("a", 900)).toBe(true);
    calls.begin("probe", "a", 2_000, 1_500);
    calls.spoke("probe", 1_600);
    expect(calls.isLate("a", 1_600)).toBe(false);
  });

  it("is probed after 1, 2, 4, 8 and then every 16 s", () => {
    const calls = new Lateness();
    for (const id of ["r1", "r2"]) calls.begin(id, "a", 0, 0);
    const probes: number[] = [];
    for (let now = 0; now < 60_000; now += 100)
      if (calls.isLate("a", now) && calls.mayProbe("a", now)) {
        calls.probed("a", now);
        probes.push(now);
      }
    expect(probes).toEqual([1_000, 3_000, 7_000, 15_000, 31_000, 47_000]);
  });

  it("is not blamed for calls that were over before they were due", () => {
    const calls = new Lateness();
    for (const id of ["r1", "r2", "r3"]) calls.begin(id, "a", 500, 0);
    for (const id of ["r1", "r2"]) calls.end(id, 400);
    expect(calls.isLate("a", 500)).toBe(false);
    calls.end("unknown", 500);
  });

  it("is forgotten with the oldest calls where nobody ends them", () => {
    const calls = new Lateness({ maxCalls: 1 });
    for (const id of ["r1", "r2"]) calls.begin(id, "a", 500, 0);
    expect(calls.isLate("a", 500)).toBe(false);
  });
});

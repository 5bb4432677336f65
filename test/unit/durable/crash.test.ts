// A region object crashed at every statement, every call to the index and every call to R2, one run each. Whoever was
// calling tries again, as an isolate, the alarm and cron do; the end must be that of a run without a crash.
import { describe, expect, it } from "vitest";
import { newRig } from "../../support/node-rig.ts";
import { endOf, EXPECTED_END, live } from "../../support/region-life.ts";
import { experienceOf, Fault, outcomeOf, reportOf } from "../../support/region-rig.ts";

describe("a region object that crashes", () => {
  it("ends where it would have ended, whatever the statement or call it crashed at", async () => {
    const whole = newRig();
    const counter = new Fault();
    await live(whole, counter);
    const expected = endOf(whole);
    expect(expected).toMatchObject(EXPECTED_END);
    expect(counter.steps).toBeGreaterThan(50);
    for (let at = 1; at <= counter.steps; at++) {
      const rig = newRig();
      await live(rig, new Fault(at));
      expect(endOf(rig), `crash at step ${at} of ${counter.steps}`).toEqual(expected);
    }
  });

  it("stores a report once although its caller never got the reply and sends it again", async () => {
    const rig = newRig();
    const report = reportOf({ experiences: [experienceOf("d1")], outcomes: [outcomeOf("d1")] });
    expect(rig.core.report(report).duplicate).toBe(false);
    expect(rig.restart().report(report).duplicate).toBe(true);
    await rig.core.work(true);
    expect(rig.rows("SELECT seq FROM batch")).toEqual([]);
    // Packed and gone, the batch is still known, also to an object that has just started.
    expect(rig.core.report(report).duplicate).toBe(true);
    expect(rig.restart().report(report).duplicate).toBe(true);
    expect(rig.core.live().totals.requests).toBe(1);
  });
});

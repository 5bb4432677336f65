import { describe, expect, it } from "vitest";
import { LABEL_CREDIT_USD } from "../../../src/durable/accounts.ts";
import { type Label } from "../../../src/durable/report.ts";
import { newRig } from "../../support/node-rig.ts";
import { outcomeOf, reportOf, type Rig } from "../../support/region-rig.ts";

const HOUR = 3_600_000;
let made = 0;
const label = (costUsd: number, tenant = "t1"): Label => ({
  labelId: `l${++made}`,
  expId: `e${made}`,
  tenant,
  source: "judge",
  correct: 1,
  weight: 1,
  costUsd,
});
async function spend(rig: Rig, usd: number, tenant = "t1"): Promise<void> {
  rig.core.report(reportOf({ labels: [label(usd, tenant)] }));
  await rig.core.work();
}
async function save(rig: Rig, usd: number, tenant = "t1"): Promise<void> {
  rig.core.report(reportOf({ outcomes: [outcomeOf(`o${++made}`, { savedUsd: usd, tenant })] }));
  await rig.core.work();
}
const pausedIn = (rig: Rig): readonly string[] => rig.core.sync(0).labelsPaused ?? [];

describe("the label budget", () => {
  it("begins with a credit, so that a tenant without savings gets its first labels", async () => {
    const rig = newRig();
    await spend(rig, LABEL_CREDIT_USD - 0.01);
    expect(pausedIn(rig)).toEqual([]);
    await spend(rig, 0.02);
    expect(pausedIn(rig)).toEqual(["t1"]);
    // One cent beyond the credit; a ninth of a dollar and a cent more than that are worth more than it.
    await save(rig, 0.12);
    expect(pausedIn(rig)).toEqual([]);
  });

  it("is shown of the hundred tenants with most money in it, and holds for all", async () => {
    const rig = newRig();
    for (let i = 0; i < 120; i++) await spend(rig, (1 + i) / 2, `t${i}`);
    expect(pausedIn(rig)).toHaveLength(120);
    const shown = rig.core.live().labelBudgets.map(({ tenant }) => tenant);
    expect([shown.length, shown[0], shown.at(-1)]).toEqual([100, "t119", "t20"]);
  });

  it("is each tenant's own", async () => {
    const rig = newRig();
    await spend(rig, 1, "t1");
    await spend(rig, 0.01, "t2");
    expect(pausedIn(rig)).toEqual(["t1"]);
  });

  it("pauses at nine cents for a dollar saved, so that what is on its way stays within ten", async () => {
    const rig = newRig();
    await spend(rig, LABEL_CREDIT_USD);
    await save(rig, 1);
    await spend(rig, 0.089);
    expect(pausedIn(rig)).toEqual([]);
    await spend(rig, 0.002);
    expect(pausedIn(rig)).toEqual(["t1"]);
    expect(rig.core.live().labelBudgets).toEqual([
      { tenant: "t1", savedUsd: 1, spentUsd: expect.closeTo(0.091, 9), creditUsd: 0, paused: true },
    ]);
  });

  it("looks back a day", async () => {
    const rig = newRig();
    await spend(rig, LABEL_CREDIT_USD);
    await save(rig, 10);
    rig.now += 12 * HOUR;
    await spend(rig, 0.5);
    expect(pausedIn(rig)).toEqual([]);
    // The savings are a day old, what was spent since is not.
    rig.now += 12 * HOUR;
    expect(pausedIn(rig)).toEqual(["t1"]);
    rig.now += 12 * HOUR;
    // Nothing spent and nothing saved: nothing to spend.
    expect(pausedIn(rig)).toEqual(["t1"]);
    await save(rig, 0.01);
    expect(pausedIn(rig)).toEqual([]);
  });

  it("survives a restart, and a batch that comes twice is paid for once", async () => {
    const rig = newRig();
    await spend(rig, LABEL_CREDIT_USD);
    await save(rig, 1);
    const batch = reportOf({ labels: [label(0.05)] });
    rig.core.report(batch);
    await rig.core.work();
    rig.restart();
    expect(rig.core.report(batch).duplicate).toBe(true);
    await rig.core.work();
    expect(rig.core.live().labelBudgets[0]?.spentUsd).toBeCloseTo(0.05, 9);
    expect(pausedIn(rig)).toEqual([]);
  });
});

import { array, asyncProperty, boolean, nat, shuffledSubarray } from "fast-check";
import { describe, expect, it } from "vitest";
import { type Label } from "../../../src/durable/report.ts";
import { newRig } from "../../support/node-rig.ts";
import { insertOf, outcomeOf, reportOf, useOf, type Rig } from "../../support/region-rig.ts";
import { property } from "../worker/property.ts";

interface EntryRow {
  readonly id: string;
  readonly uses: number;
  readonly value: number;
  readonly value_n: number;
  readonly quarantined: number;
  readonly observations: string;
}
const rowOf = (rig: Rig, id: string): EntryRow =>
  rig.rows<EntryRow>("SELECT * FROM entry WHERE id = ?", id)[0]!;

const labelOf = (expId: string, more: Partial<Label> = {}): Label => ({
  labelId: `l${expId}`,
  expId,
  tenant: "t1",
  source: "feedback",
  correct: 1,
  weight: 1,
  rowId: "a",
  distance: 0.2,
  ...more,
});

async function rigWithRow(): Promise<Rig> {
  const rig = newRig();
  rig.core.report(reportOf({ inserts: [insertOf("a")] }));
  await rig.core.work();
  return rig;
}

describe("uses", () => {
  it("counts a use once per decision, whichever batch brings it", async () => {
    const rig = await rigWithRow();
    rig.core.report(reportOf({ uses: [useOf("a", "d1"), useOf("a", "d1"), useOf("a", "d2")] }));
    rig.core.report(reportOf({ uses: [useOf("a", "d2")] }));
    await rig.core.work();
    expect(rowOf(rig, "a").uses).toBe(3);
  });

  it("moves the value towards what a use beat the direct call by", async () => {
    const rig = await rigWithRow();
    // Direct call of 10 s: U = -0.35 - 0.5 = -0.85 = b_B. A hit at once: U = -0.35. Delta 0.5, first use: v = 0.5.
    const outcome = (expId: string, delaySeconds: number, kind = "MISS") =>
      outcomeOf(expId, { delaySeconds, kind });
    rig.core.report(reportOf({ outcomes: [outcome("d1", 10)] }));
    rig.core.report(
      reportOf({ uses: [useOf("a", "d2")], outcomes: [outcome("d2", 0, "HIT-SEMANTIC")] }),
    );
    await rig.core.work();
    expect(rowOf(rig, "a")).toMatchObject({ value_n: 1 });
    expect(rowOf(rig, "a").value).toBeCloseTo(0.5, 12);
    // A wrong one: U = -1.2, delta -0.35, eta = 1/2: v = 0.5 + (-0.35 - 0.5) / 2 = 0.075.
    rig.core.report(reportOf({ labels: [labelOf("d2", { correct: 0 })] }));
    await rig.core.work();
    expect(rowOf(rig, "a").value).toBeCloseTo(0.075, 12);
  });

  it("gives the same counts and labels in any order and with any repetition of batches", async () => {
    const batches = [
      reportOf({ uses: [useOf("a", "d1")] }),
      reportOf({ uses: [useOf("a", "d2")], labels: [labelOf("d1")] }),
      reportOf({ uses: [useOf("a", "d1")] }),
      reportOf({ labels: [labelOf("d2", { correct: 0, source: "judge" }), labelOf("d2")] }),
    ];
    await property(
      "batches in any order",
      60,
      asyncProperty(
        shuffledSubarray([0, 1, 2, 3], { minLength: 4 }),
        array(nat(3), { maxLength: 6 }),
        array(boolean(), { minLength: 10, maxLength: 10 }),
        async (order, repeated, pauses) => {
          const rig = await rigWithRow();
          for (const [i, at] of [...order, ...repeated].entries()) {
            rig.core.report(batches[at]!);
            if (pauses[i]) await rig.core.work();
          }
          await rig.core.work();
          const row = rowOf(rig, "a");
          expect(row.uses).toBe(3);
          expect(new Set(JSON.parse(row.observations) as unknown[])).toEqual(
            new Set([
              [0.2, 0, 1, "d2", "judge"],
              [0.2, 1, 1, "d1", "feedback"],
            ]),
          );
        },
      ),
    );
  });
});

describe("labels", () => {
  it("keep a stronger word on a decision against a weaker one, and the newest 64", async () => {
    const rig = await rigWithRow();
    rig.core.report(reportOf({ labels: [labelOf("d1", { source: "judge", correct: 0 })] }));
    rig.core.report(reportOf({ labels: [labelOf("d1", { source: "feedback", correct: 1 })] }));
    await rig.core.work();
    expect(JSON.parse(rowOf(rig, "a").observations)).toEqual([[0.2, 0, 1, "d1", "judge"]]);
    rig.core.report(reportOf({ labels: Array.from({ length: 64 }, (_, i) => labelOf(`e${i}`)) }));
    await rig.core.work();
    const kept = JSON.parse(rowOf(rig, "a").observations) as unknown[][];
    expect(kept.length).toBe(64);
    expect(kept[0]?.[3]).toBe("e0");
  });

  it("quarantine a row after two independent regenerates, and a person lifts it", async () => {
    const rig = await rigWithRow();
    const again = (expId: string) =>
      reportOf({ labels: [labelOf(expId, { source: "regenerate", correct: 0 })] });
    rig.core.report(again("d1"));
    rig.core.report(again("d1"));
    await rig.core.work();
    expect(rowOf(rig, "a").quarantined).toBe(0);
    rig.core.report(again("d2"));
    await rig.core.work();
    expect(rowOf(rig, "a").quarantined).toBe(1);
    // At once by tombstone; in the index when its copy is rewritten.
    expect(rig.core.sync(0).tombstones).toEqual(["a"]);
    await rig.settle();
    expect(rig.index.vectors.get("a")?.metadata?.["qr"]).toBe(true);
    rig.core.report(reportOf({ labels: [labelOf("d3", { source: "human", correct: 1 })] }));
    await rig.settle();
    expect(rig.core.sync(0).tombstones).toEqual([]);
    expect(rig.index.vectors.get("a")?.metadata?.["qr"]).toBe(false);
  });
});

describe("generations", () => {
  it("a newer answer under the same id starts without the old one's labels", async () => {
    const rig = await rigWithRow();
    rig.core.report(
      reportOf({ uses: [useOf("a", "d1")], labels: [labelOf("d1", { correct: 0 })] }),
    );
    await rig.settle();
    const { createdAt } = insertOf("a");
    rig.core.report(reportOf({ inserts: [insertOf("a", { createdAt: createdAt + 5_000 })] }));
    rig.core.report(reportOf({ inserts: [insertOf("a")] }));
    await rig.settle();
    expect(rowOf(rig, "a")).toMatchObject({ uses: 1, observations: "[]" });
    expect(rig.core.live().entries).toBe(1);
    expect(rig.index.vectors.get("a")?.metadata).toMatchObject({ at: createdAt + 5_000, n: 1 });
    expect(rig.index.vectors.get("a")?.metadata).not.toHaveProperty("ev");
  });
});

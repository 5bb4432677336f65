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

  it.each([
    { weight: Number.NaN },
    { weight: 2 },
    { distance: -0.1 },
    { distance: 2.1 },
    // What is left of a NaN on its way.
    { match: null as unknown as number, scorer: "s1" },
    { samplingProbability: 0 },
    { samplingProbability: 1.5 },
    { costUsd: -1 },
    { correct: 2 as 1 },
  ])("that are no labels are left out and counted: %o", async (bad) => {
    const rig = await rigWithRow();
    expect(rig.core.report(reportOf({ labels: [labelOf("d1", bad), labelOf("d2")] })).dropped).toBe(
      1,
    );
    await rig.core.work();
    expect(JSON.parse(rowOf(rig, "a").observations)).toEqual([[0.2, 1, 1, "d2", "feedback"]]);
    expect(rig.core.state.value.dropped).toEqual({ "invalid label": 1 });
  });

  it("of one person who asks again count once for a row, whichever isolates hear of it", async () => {
    const rig = await rigWithRow();
    const again = (expId: string, by: number) =>
      reportOf({ labels: [labelOf(expId, { source: "regenerate", correct: 0, by })] });
    rig.core.report(again("d1", 7));
    rig.core.report(again("d2", 7));
    await rig.core.work();
    expect(JSON.parse(rowOf(rig, "a").observations)).toHaveLength(1);
    expect(rowOf(rig, "a").quarantined).toBe(0);
    rig.core.report(again("d3", 8));
    await rig.core.work();
    expect(rowOf(rig, "a").quarantined).toBe(1);
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

describe("a hit that an examiner called wrong", () => {
  it.each([
    { source: "judge", reuse: "served", out: ["a"] },
    { source: "shadow", out: ["a"] },
    { source: "judge", reuse: "withheld", out: ["a"] },
    { source: "judge", reuse: "refused", out: [] },
    { source: "feedback", out: [] },
  ] as const)(
    "by $source ($reuse) takes $out out of service at once",
    async ({ out, ...label }) => {
      const rig = await rigWithRow();
      rig.core.change(() => ({ coldStart: { distance: 0.35, deltaHit: 0.02 } }));
      rig.core.report(reportOf({ labels: [labelOf("d1", { ...label, correct: 0 })] }));
      await rig.core.work();
      expect(rig.core.sync(0).tombstones).toEqual(out);
      expect(rowOf(rig, "a").quarantined).toBe(0);
      // Ten minutes later the index knows the row's record, and the row serves where that allows it.
      rig.now += 601_000;
      expect(rig.core.sync(0).tombstones).toEqual([]);
    },
  );

  it("stays in service where its record says that this was an exception, and a person brings it back", async () => {
    const rig = await rigWithRow();
    rig.core.change(() => ({ coldStart: { distance: 0.35, deltaHit: 0.02 } }));
    const right = Array.from({ length: 60 }, (_, i) => labelOf(`r${i}`, { distance: 0.3 }));
    rig.core.report(reportOf({ labels: right }));
    const wrong = labelOf("d1", { source: "judge", correct: 0, distance: 0.01, weight: 0.1 });
    rig.core.report(reportOf({ labels: [wrong] }));
    await rig.core.work();
    expect(rig.core.sync(0).tombstones).toEqual([]);
    rig.core.report(
      reportOf({ labels: [labelOf("d2", { source: "judge", correct: 0, distance: 0.9 })] }),
    );
    await rig.core.work();
    expect(rig.core.sync(0).tombstones).toEqual(["a"]);
    rig.core.report(reportOf({ labels: [labelOf("d2", { source: "human" })] }));
    await rig.core.work();
    expect(rig.core.sync(0).tombstones).toEqual([]);
  });

  it("stays out until the index knows its record, however many other rows change", async () => {
    const rig = newRig();
    rig.core.change(() => ({ coldStart: { distance: 0.35, deltaHit: 0.02 } }));
    const others = Array.from({ length: 2_050 }, (_, i) => `r${i}`);
    for (let i = 0; i < others.length; i += 300)
      rig.core.report(reportOf({ inserts: others.slice(i, i + 300).map((id) => insertOf(id)) }));
    rig.core.report(reportOf({ inserts: [insertOf("a")] }));
    await rig.settle();
    // A refresh has just been: the next one may come in a minute.
    rig.core.report(reportOf({ uses: [useOf("r0", "d")] }));
    await rig.core.work();
    rig.core.report(reportOf({ labels: [labelOf("d1", { correct: 0, source: "judge" })] }));
    await rig.core.work();
    expect(rig.core.sync(0).tombstones).toEqual(["a"]);
    rig.core.report(reportOf({ uses: others.slice(1).map((id) => useOf(id, `of ${id}`)) }));
    await rig.core.work();
    // The index is down for longer than a tombstone lasts otherwise.
    rig.index.isDown = true;
    for (let minute = 0; minute < 12; minute++) {
      rig.now += 60_000;
      rig.core.report(reportOf({ uses: [useOf("r0", `d${minute}`)] }));
      await rig.core.work();
    }
    expect(rig.core.sync(0).tombstones).toEqual(["a"]);
    rig.index.isDown = false;
    rig.now += 60_000;
    await rig.core.work();
    expect(rig.index.vectors.get("a")?.metadata?.["ev"]).toMatch(/"wrong":1/);
  });
});

describe("several questions with one answer", () => {
  const more = (id: string) => insertOf(id, { ansId: "ans-a" });

  it("the answer outlives a question that is evicted, and goes with the last one", async () => {
    const rig = await rigWithRow();
    rig.objects.objects.set("a/t1/ans-a", "answer");
    const { createdAt } = insertOf("a");
    rig.core.report(
      reportOf({ inserts: [more("b"), insertOf("c", { ...more("c"), expiresAt: createdAt + 1 })] }),
    );
    await rig.settle();
    rig.now += 7_200_000;
    await rig.core.evict();
    expect(rig.rows<{ id: string }>("SELECT id FROM entry ORDER BY id")).toEqual([
      { id: "a" },
      { id: "b" },
    ]);
    expect(rig.objects.objects.has("a/t1/ans-a")).toBe(true);
    rig.now += 8 * 86_400_000;
    await rig.core.evict();
    expect(rig.rows("SELECT id FROM entry")).toEqual([]);
    expect(rig.objects.objects.has("a/t1/ans-a")).toBe(false);
    expect(rig.index.vectors.size).toBe(0);
  });

  it("purging one purges the answer with all its questions, here and no other tenant's", async () => {
    const rig = await rigWithRow();
    rig.objects.objects.set("a/t1/ans-a", "answer");
    rig.objects.objects.set("a/t2/ans-a", "another tenant's");
    rig.core.report(
      reportOf({ inserts: [more("b"), insertOf("c"), { ...more("d"), tenant: "t2" }] }),
    );
    await rig.settle();
    expect(await rig.core.invalidate("t1", ["b"])).toBe(1);
    expect([...rig.core.sync(0).tombstones].toSorted()).toEqual(["a", "b"]);
    expect([...rig.objects.objects.keys()].filter((key) => key.startsWith("a/"))).toEqual([
      "a/t2/ans-a",
    ]);
    expect(rig.rows<{ id: string }>("SELECT id FROM entry ORDER BY id")).toEqual([
      { id: "c" },
      { id: "d" },
    ]);
    expect([...rig.index.vectors.keys()].toSorted()).toEqual(["c", "d"]);
    // Nor does a question come back that was on its way meanwhile.
    rig.core.report(reportOf({ inserts: [more("b")] }));
    await rig.core.work();
    expect(rig.rows("SELECT id FROM entry WHERE id = 'b'")).toEqual([]);
  });

  it("a question whose answer is gone leaves with the next sweep", async () => {
    const rig = await rigWithRow();
    rig.core.report(reportOf({ inserts: [more("b")] }));
    await rig.settle();
    rig.now += 700_000;
    await rig.core.evict();
    expect(rig.rows("SELECT id FROM entry")).toEqual([]);
    expect(rig.index.vectors.size).toBe(0);
  });

  it("a wrong reuse of one question says nothing of the other", async () => {
    const rig = await rigWithRow();
    rig.core.report(reportOf({ inserts: [more("b")] }));
    rig.core.report(reportOf({ labels: [labelOf("d1", { source: "human", correct: 0 })] }));
    await rig.core.work();
    expect(rowOf(rig, "a").quarantined).toBe(1);
    expect(rowOf(rig, "b").quarantined).toBe(0);
  });
});

describe("another scorer", () => {
  function evidenceIn(rig: Rig): unknown {
    const text = rig.index.vectors.get("a")?.metadata?.["ev"];
    return typeof text === "string" ? JSON.parse(text) : null;
  }

  it("restates what the index knows of labelled rows: right answers of the old one are forgotten, wrong ones are not", async () => {
    const rig = await rigWithRow();
    const scored = { match: 0.1, scorer: "s1" };
    rig.core.report(
      reportOf({
        scorer: { id: "s1", coldStart: 0.3 },
        labels: [labelOf("d1", scored), labelOf("d2", { ...scored, correct: 0 })],
      }),
    );
    await rig.settle();
    expect(evidenceIn(rig)).toMatchObject({ labels: 2, wrong: 1, scorer: "s1" });
    rig.now += 600_000;
    rig.core.report(reportOf({ scorer: { id: "s2", coldStart: 0.2 } }));
    rig.restart();
    await rig.settle();
    expect(evidenceIn(rig)).toMatchObject({ labels: 1, wrong: 1, scorer: "s2" });
    // Without a word of the scorer nothing changes.
    rig.core.report(reportOf({ labels: [labelOf("d3", { match: 0.1, scorer: "s2" })] }));
    await rig.settle();
    expect(evidenceIn(rig)).toMatchObject({ labels: 2, scorer: "s2" });
  });

  it("waits until nobody has served by the old one for ten minutes: two releases side by side forget nothing", async () => {
    const rig = await rigWithRow();
    const [old, next] = ["s1", "s2"].map((id) => ({ id, coldStart: 0.3 }));
    rig.core.report(
      reportOf({ scorer: old!, labels: [labelOf("d1", { match: 0.1, scorer: "s1" })] }),
    );
    for (let minute = 0; minute < 20; minute++) {
      rig.core.report(reportOf({ scorer: next! }));
      rig.core.report(reportOf({ scorer: old! }));
      rig.now += 60_000;
      await rig.core.work();
    }
    expect(evidenceIn(rig)).toMatchObject({ labels: 1, scorer: "s1" });
    const { upserts } = rig.index;
    await rig.settle();
    expect(rig.index.upserts).toBe(upserts);
    rig.now += 600_000;
    rig.core.report(reportOf({ scorer: next! }));
    await rig.settle();
    expect(rig.core.state.value.scorer).toEqual(next);
    expect(evidenceIn(rig)).toBeNull();
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

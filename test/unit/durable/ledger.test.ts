import { array, asyncProperty, constant, constantFrom, nat, oneof, record } from "fast-check";
import { describe, expect, it } from "vitest";
import { type TrainerPack } from "../../../src/durable/leases.ts";
import { type Receipt, type Report } from "../../../src/durable/report.ts";
import { newRig } from "../../support/node-rig.ts";
import {
  Crash,
  experienceOf,
  Fault,
  outcomeOf,
  reportOf,
  type Rig,
} from "../../support/region-rig.ts";
import { property } from "../worker/property.ts";

const DAY = 86_400_000;

const receiptOf = (id: string, at: number, text = ""): Receipt => ({
  id,
  tenant: "t1",
  at,
  body: { kind: "MISS", text },
});
const packsOf = (rig: Rig): readonly TrainerPack[] =>
  [...rig.objects.objects]
    .filter(([key]) => key.startsWith("e/"))
    .map(([, body]) => JSON.parse(body) as TrainerPack);
const learntOf = (rig: Rig): string[] =>
  packsOf(rig).flatMap(({ experiences }) => experiences.map(({ expId }) => expId));

describe("batches", () => {
  it("count once under any order of deliveries, repetitions, work and restarts", async () => {
    const step = oneof(
      record({ kind: constant("report" as const), batch: nat(7) }),
      record({ kind: constantFrom("work" as const, "pack" as const, "restart" as const) }),
    );
    await property(
      "deliveries",
      150,
      asyncProperty(array(step, { maxLength: 40 }), async (steps) => {
        const rig = newRig({ pack: { experiences: 2, ageMs: 60_000 } });
        const batches = Array.from({ length: 8 }, (_, i) =>
          reportOf({ experiences: [experienceOf(`d${i}`)], outcomes: [outcomeOf(`d${i}`)] }),
        );
        const delivered = new Set<number>();
        let wrong = 0;
        for (const each of steps) {
          rig.now += 1_000;
          if (each.kind === "restart") rig.restart();
          else if (each.kind !== "report") await rig.core.work(each.kind === "pack");
          else {
            const { duplicate } = rig.core.report(batches[each.batch]!);
            wrong += duplicate === delivered.has(each.batch) ? 0 : 1;
            delivered.add(each.batch);
          }
          expect(rig.core.live().totals.requests).toBe(delivered.size);
        }
        expect(wrong).toBe(0);
        await rig.core.work(true);
        expect(learntOf(rig).toSorted()).toEqual([...delivered].map((i) => `d${i}`).toSorted());
        expect(rig.rows("SELECT seq FROM batch")).toEqual([]);
      }),
    );
  });

  it("are remembered for a day after they were packed", async () => {
    const rig = newRig();
    const report = reportOf({ experiences: [experienceOf("d1")] });
    rig.core.report(report);
    await rig.core.work(true);
    rig.now += DAY - 1;
    expect(rig.restart().report(report).duplicate).toBe(true);
    rig.now += 2;
    expect(rig.restart().report(report).duplicate).toBe(false);
  });

  it("are forgotten after a day by an object that never restarts, too", async () => {
    const rig = newRig();
    const report = reportOf({ experiences: [experienceOf("d1")] });
    rig.core.report(report);
    await rig.core.work(true);
    rig.now += DAY + 1;
    // Ids are let go when the next pack is written.
    rig.core.report(reportOf({ experiences: [experienceOf("d2")] }));
    await rig.core.work(true);
    expect(rig.core.report(report).duplicate).toBe(false);
  });

  it("too large for one row are parted, and a record too large for any is left out and counted", async () => {
    const rig = newRig();
    const long = (units: number) => "x".repeat(units);
    const receipts = [
      ...Array.from({ length: 5 }, (_, i) => receiptOf(`d${i}`, 1, long(250_000))),
      receiptOf("huge", 1, long(700_000)),
    ];
    const report = reportOf({ receipts, experiences: [experienceOf("d0")] });
    expect(rig.core.report(report).dropped).toBe(1);
    // Two of 250,000 fit a row of 600,000.
    const bodies = rig.rows<{ body: string }>("SELECT body FROM batch");
    expect(bodies.map(({ body }) => (JSON.parse(body) as Report).receipts.length)).toEqual([
      2, 2, 1,
    ]);
    expect(rig.core.report(report).duplicate).toBe(true);
    await rig.core.work(true);
    expect(rig.core.live().recent.length).toBe(5);
    expect(rig.core.state.value.dropped).toEqual({ "too large": 1 });
  });
});

describe("packs", () => {
  it("are written at 300 experiences or after a minute", async () => {
    const rig = newRig();
    const many = (from: number, count: number) =>
      reportOf({
        experiences: Array.from({ length: count }, (_, i) => experienceOf(`d${from + i}`)),
      });
    rig.core.report(many(0, 299));
    await rig.core.work();
    expect(packsOf(rig)).toEqual([]);
    rig.core.report(many(299, 1));
    await rig.core.work();
    expect(packsOf(rig).map(({ experiences }) => experiences.length)).toEqual([300]);
    rig.core.report(many(300, 1));
    await rig.core.work();
    expect(packsOf(rig).length).toBe(1);
    rig.now += 60_000;
    await rig.core.work();
    expect([...rig.objects.objects.keys()]).toEqual(["e/eu/0/1-2.json", "e/eu/0/3-3.json"]);
  });

  it("leave no second object behind when a crash comes between R2 and the database", async () => {
    const rig = newRig();
    rig.core.report(reportOf({ experiences: [experienceOf("d1")] }));
    await rig.core.work();
    // The object is there; the statement that would record it is the next to fail.
    const put = rig.objects.put.bind(rig.objects);
    rig.objects.put = async (key, body) => {
      await put(key, body);
      rig.store.fault = new Fault(1);
    };
    await expect(rig.core.work(true)).rejects.toThrow(Crash);
    rig.objects.put = put;
    rig.store.fault = new Fault();
    rig.restart().report(reportOf({ experiences: [experienceOf("d2")] }));
    await rig.core.work(true);
    expect([...rig.objects.objects.keys()]).toEqual(["e/eu/0/1-1.json", "e/eu/0/2-2.json"]);
    expect(learntOf(rig)).toEqual(["d1", "d2"]);
  });

  it("hold no texts where the trainer reads, and receipts beside them", async () => {
    const rig = newRig();
    rig.core.report(
      reportOf({
        experiences: [experienceOf("d1")],
        receipts: [receiptOf("d1", rig.now, "my secret question")],
        labels: [
          {
            labelId: "l1",
            expId: "d1",
            tenant: "t1",
            source: "feedback",
            correct: 0,
            weight: 1,
            comment: "my secret comment",
          },
        ],
      }),
    );
    await rig.core.work(true);
    expect(rig.objects.objects.get("e/eu/0/1-1.json")).not.toContain("secret");
    expect(rig.objects.objects.get("r/eu/0/1-1.json")).toContain("secret question");
  });

  it("tell the last word on a decision that was written down twice, and show it once", async () => {
    const rig = newRig();
    const id = `d${rig.now.toString(36)}-0-eu`;
    for (const [i, text] of ["a miss", "coalesced", "coalesced, served"].entries()) {
      rig.core.report(reportOf({ receipts: [receiptOf(id, rig.now, text)] }));
      expect((await rig.core.receipt(id))?.body["text"]).toBe(text);
      expect(rig.core.live().recent.map(({ body }) => body["text"])).toEqual([text]);
      if (i !== 0) await rig.core.work(true);
      expect((await rig.core.receipt(id))?.body["text"]).toBe(text);
    }
  });

  it("let a decision be found before and after it is packed", async () => {
    const rig = newRig();
    const idAt = (at: number, name: string) => `d${at.toString(36)}-${name}-eu`;
    const ids = ["one", "two", "three"].map((name, i) => idAt(rig.now + i * 100_000, name));
    for (const [i, id] of ids.entries()) {
      rig.core.report(reportOf({ receipts: [receiptOf(id, rig.now + i * 100_000, id)] }));
      if (i < 2) await rig.core.work(true);
    }
    for (const id of ids) expect((await rig.core.receipt(id))?.body["text"]).toBe(id);
    expect(await rig.core.receipt(idAt(rig.now, "other"))).toBeNull();
    expect(await rig.core.receipt("nonsense")).toBeNull();
  });

  it("are deleted with their objects after thirty days", async () => {
    const rig = newRig();
    rig.core.report(reportOf({ experiences: [experienceOf("d1")] }));
    await rig.core.work(true);
    rig.now += 30 * DAY;
    await rig.core.evict();
    expect(packsOf(rig).length).toBe(1);
    rig.now += 1;
    await rig.core.evict();
    expect([packsOf(rig).length, rig.rows("SELECT first FROM pack").length]).toEqual([0, 0]);
  });
});

describe("a region whose storage fills", () => {
  const filled = (share: number): Rig => {
    const rig = newRig({ capBytes: 1_000 });
    rig.store.pretendBytes = share * 1_000;
    return rig;
  };
  const report = () =>
    reportOf({
      experiences: Array.from({ length: 400 }, (_, i) => experienceOf(`d${i}`)),
      outcomes: [outcomeOf("d0")],
      receipts: [receiptOf("d0", 1, "secret")],
    });

  it.each([
    [0.69, "secret", 400],
    [0.71, "left_out", 400],
  ])("at %f keeps %s and %i experiences", (share, text, experiences) => {
    const rig = filled(share);
    rig.core.report(report());
    const [row] = rig.rows<{ body: string }>("SELECT body FROM batch");
    expect(row?.body).toContain(text);
    expect((JSON.parse(row?.body ?? "") as Report).experiences.length).toBe(experiences);
    // The dashboard's counts go on.
    expect(rig.core.live().totals.byKind).toEqual({ MISS: 1 });
  });

  it("at 86 % keeps about every fourth experience, the same ones each time, and says how many went", async () => {
    const rig = filled(0.86);
    const { dropped = 0 } = rig.core.report(report());
    const again = filled(0.86);
    expect(again.core.report(report()).dropped).toBe(dropped);
    // 400 draws at 1/4: 100, standard deviation 8.7.
    expect(Math.abs(400 - dropped - 100)).toBeLessThan(35);
    await rig.core.work();
    expect(rig.core.state.value.dropped).toEqual({ sampled: dropped });
  });

  it("at 96 % refuses new batches without an error, and still acknowledges, evicts and purges", async () => {
    const rig = filled(0.5);
    rig.core.report(report());
    await rig.core.work(true);
    const { leaseToken, packs } = await rig.core.lease(1_000);
    rig.store.pretendBytes = 960;
    await rig.core.work();
    expect(rig.core.report(report())).toMatchObject({ duplicate: false, dropped: 402 });
    expect(rig.rows("SELECT seq FROM batch")).toEqual([]);
    expect(
      rig.core.ack(
        leaseToken,
        packs.map(({ packId }) => packId),
      ),
    ).toEqual({ ok: true, acked: 1 });
    expect(await rig.core.evict()).toEqual({ evicted: 0, kept: 0 });
    expect(await rig.core.invalidate("t1", ["a"])).toBe(0);
  });

  it("answers and counts when SQLite itself is full", () => {
    const rig = newRig();
    const insert = rig.store.exec.bind(rig.store);
    rig.store.exec = (query, ...values) => {
      if (query.startsWith("INSERT INTO batch"))
        throw new Error("database or disk is full: SQLITE_FULL");
      return insert(query, ...values);
    };
    expect(rig.core.report(report()).dropped).toBe(402);
  });
});

describe("records that would spoil what is made of them", () => {
  it.each([
    ["a NaN", { c: [Number.NaN] }],
    ["a propensity of 0", { mu: 0 }],
    ["an action that does not exist", { action: 2 }],
    ["no tenant", { tenant: "" }],
  ])("are left out: %s", async (_, fault) => {
    const rig = newRig();
    const { dropped } = rig.core.report(
      reportOf({ experiences: [experienceOf("good"), experienceOf("bad", fault)] }),
    );
    expect(dropped).toBe(1);
    await rig.core.work(true);
    expect(learntOf(rig)).toEqual(["good"]);
  });
});

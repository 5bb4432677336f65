import { describe, expect, it } from "vitest";
import { newRig } from "../../support/node-rig.ts";
import { insertOf, reportOf, useOf } from "../../support/region-rig.ts";

const MINUTE = 60_000;

describe("new rows", () => {
  it("are offered to isolates until the index shows them", async () => {
    const rig = newRig();
    rig.index.lagMs = 8_000;
    rig.core.report(reportOf({ inserts: [insertOf("a")] }));
    const { fresh, freshCursor } = rig.core.sync(0);
    expect(fresh.map(({ id }) => id)).toEqual(["a"]);
    expect(rig.core.sync(freshCursor).fresh).toEqual([]);
    await rig.core.work();
    rig.now += 5_000;
    await rig.core.work();
    expect(rig.core.sync(0).fresh.length).toBe(1);
    rig.now += 5_000;
    await rig.core.work();
    expect(rig.core.sync(0).fresh).toEqual([]);
    expect(rig.index.vectors.get("a")?.metadata).toMatchObject({
      t: "t1",
      ansId: "ans-a",
      role: 1,
      q: "question a",
      n: 1,
      at: insertOf("a").createdAt,
    });
  });

  it("count as visible after a minute when the index never says so", async () => {
    const rig = newRig();
    rig.core.report(reportOf({ inserts: [insertOf("a")] }));
    rig.index.lagMs = Number.POSITIVE_INFINITY;
    await rig.core.work();
    rig.now += MINUTE - 1;
    await rig.core.work();
    expect(rig.core.sync(0).fresh.length).toBe(1);
    rig.now += 1;
    await rig.core.work();
    expect(rig.core.sync(0).fresh).toEqual([]);
  });

  it("are still offered by an object that restarted", async () => {
    const rig = newRig();
    rig.index.lagMs = 8_000;
    rig.core.report(reportOf({ inserts: [insertOf("a")] }));
    await rig.core.work();
    // Any commit writes how far the index was told; what it was waiting for is forgotten.
    rig.core.change(({ epoch }) => ({ epoch }));
    rig.restart();
    expect(rig.core.sync(0).fresh.map(({ id }) => id)).toEqual(["a"]);
    await rig.settle();
    expect(rig.core.sync(0).fresh).toEqual([]);
    expect(rig.rows("SELECT seq FROM batch")).toEqual([]);
  });

  it("come 64 at a time, oldest first", () => {
    const rig = newRig();
    for (let i = 0; i < 100; i++) rig.core.report(reportOf({ inserts: [insertOf(`r${i}`)] }));
    const first = rig.core.sync(0);
    const second = rig.core.sync(first.freshCursor);
    expect([first.fresh.length, second.fresh.length]).toEqual([64, 36]);
    expect(second.fresh[0]?.id).toBe("r64");
    // A cursor that this storage cannot have given out starts over.
    expect(rig.core.sync(1e15).fresh.length).toBe(64);
  });

  it("reach the index although one of them is refused, which is set aside after three attempts", async () => {
    const rig = newRig();
    rig.index.poison.add("bad");
    const ids = ["a", "b", "bad", "c", "d"];
    rig.core.report(reportOf({ inserts: ids.map((id) => insertOf(id)) }));
    await rig.core.work();
    expect([...rig.index.vectors.keys()].toSorted()).toEqual(["a", "b", "c", "d"]);
    await rig.settle(5);
    expect(rig.rows("SELECT id, attempts FROM refused")).toEqual([{ id: "bad", attempts: 3 }]);
    expect(rig.core.state.value.dropped).toEqual({ "index refused": 1 });
    // Nothing waits for it any more.
    expect(rig.core.nextWorkAt()).toBeNull();
    expect(rig.rows("SELECT seq FROM batch")).toEqual([]);
  });

  it("are not blamed when the index is down: they wait, and packing goes on", async () => {
    const rig = newRig();
    rig.index.isDown = true;
    rig.core.report(reportOf({ inserts: [insertOf("a"), insertOf("b")] }));
    await rig.settle(10);
    expect(rig.rows("SELECT id FROM refused")).toEqual([]);
    expect(rig.core.state.value).toMatchObject({ applied: 1, packed: 1, indexed: 0 });
    expect(rig.core.sync(0).fresh.length).toBe(2);
    rig.index.isDown = false;
    await rig.settle(3);
    expect([...rig.index.vectors.keys()]).toEqual(["a", "b"]);
    expect(rig.rows("SELECT seq FROM batch")).toEqual([]);
  });

  it("pause longer after each failure", async () => {
    const rig = newRig();
    rig.index.isDown = true;
    rig.core.report(reportOf({ inserts: [insertOf("a")] }));
    const pauses: number[] = [];
    for (let i = 0; i < 4; i++) {
      await rig.core.work();
      const next = rig.core.nextWorkAt() ?? 0;
      pauses.push(next - rig.now);
      rig.now = next;
    }
    expect(pauses).toEqual([2_000, 4_000, 8_000, 16_000]);
  });

  it("are not set aside when the index answers but takes no write at all", async () => {
    const rig = newRig();
    rig.index.poison.add("a").add("b");
    rig.core.report(reportOf({ inserts: [insertOf("a"), insertOf("b")] }));
    await rig.settle(5);
    expect(rig.rows("SELECT id FROM refused")).toEqual([]);
    rig.index.poison.clear();
    await rig.settle();
    expect([...rig.index.vectors.keys()]).toEqual(["a", "b"]);
  });

  it("that were purged while they were being written do not stay in the index", async () => {
    const rig = newRig();
    rig.core.report(reportOf({ inserts: [insertOf("a")] }));
    const upsert = rig.index.upsert.bind(rig.index);
    rig.index.upsert = async (vectors) => {
      // The purge's delete reaches the index first.
      await rig.core.invalidate("t1", ["a"]);
      return upsert(vectors);
    };
    await rig.core.work();
    rig.index.settleAll();
    expect([...rig.index.vectors.keys()]).toEqual([]);
  });

  it("that were purged while they waited never reach the index", async () => {
    const rig = newRig();
    rig.core.report(reportOf({ inserts: [insertOf("a", { createdAt: rig.now })] }));
    expect(await rig.core.invalidate("t1", ["a"])).toBe(1);
    await rig.settle();
    expect([...rig.index.vectors.keys()]).toEqual([]);
    expect(rig.core.live().entries).toBe(0);
  });
});

describe("what was learnt about a row", () => {
  it("is rewritten at most once a minute, and counts only when they double", async () => {
    const rig = newRig();
    rig.core.report(reportOf({ inserts: [insertOf("a")] }));
    await rig.settle(2);
    const before = rig.index.upserts;
    // Uses 2 to 9, one every ten seconds: 2, 4 and 8 double, at 0, 20 and 60 s. Written at 0 and 60 s.
    for (let i = 2; i <= 9; i++) {
      rig.core.report(reportOf({ uses: [useOf("a", `d${i}`)] }));
      await rig.core.work();
      rig.now += 10_000;
    }
    await rig.settle(3);
    expect(rig.index.upserts - before).toBe(2);
    expect(rig.index.vectors.get("a")?.metadata?.["n"]).toBe(8);
  });

  it("travels as evidence: right labels raise alpha, wrong ones lower it", async () => {
    const rig = newRig();
    rig.core.report(reportOf({ inserts: [insertOf("good"), insertOf("bad")] }));
    const labels = ["good", "bad"].flatMap((rowId) =>
      Array.from({ length: 8 }, (_, i) => ({
        labelId: `${rowId}${i}`,
        expId: `${rowId}${i}`,
        tenant: "t1",
        source: "judge" as const,
        weight: 1,
        rowId,
        distance: 0.3,
        correct: rowId === "good" ? (1 as const) : (0 as const),
      })),
    );
    rig.core.report(reportOf({ labels }));
    await rig.settle();
    const evidence = (id: string) =>
      JSON.parse(rig.index.vectors.get(id)?.metadata?.["ev"] as string) as {
        labels: number;
        alpha: number[];
      };
    // Distance 0.3 lies in bin 6 of width 0.05.
    expect(evidence("good").labels).toBe(8);
    expect(evidence("good").alpha[6]).toBeGreaterThan(0.9);
    expect(evidence("bad").alpha[6]).toBeLessThan(0.1);
  });

  it("does not overwrite a newer generation with the old one's vector when the index is slow", async () => {
    const rig = newRig();
    rig.core.report(reportOf({ inserts: [insertOf("a")] }));
    await rig.settle();
    rig.index.lagMs = 10 * MINUTE;
    const createdAt = rig.now;
    rig.core.report(reportOf({ inserts: [insertOf("a", { createdAt })] }));
    await rig.settle();
    rig.core.report(reportOf({ uses: [useOf("a", "d1")] }));
    await rig.settle();
    rig.index.settleAll();
    expect(rig.index.vectors.get("a")?.metadata?.["at"]).toBe(createdAt);
  });

  it("does not bring back a row that was purged while it was rewritten", async () => {
    const rig = newRig();
    rig.core.report(reportOf({ inserts: [insertOf("a")] }));
    await rig.settle();
    rig.core.report(reportOf({ uses: [useOf("a", "d1")] }));
    rig.now += 2 * MINUTE;
    // The purge comes between the read of the vector and its write.
    const read = rig.index.getByIds.bind(rig.index);
    rig.index.getByIds = async (ids) => {
      const rows = await read(ids);
      await rig.core.invalidate("t1", ["a"]);
      return rows;
    };
    await rig.core.work();
    rig.index.settleAll();
    expect([...rig.index.vectors.keys()]).toEqual([]);
  });
});

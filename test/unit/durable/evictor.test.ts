import { describe, expect, it } from "vitest";
import { newRig } from "../../support/node-rig.ts";
import { insertOf, reportOf, useOf, type Rig } from "../../support/region-rig.ts";

const DAY = 86_400_000;

/** A region with rows r0..r(n-1), each used twice with utility i / 100: r0 is worth least. */
async function crowdedRig(rows: number, capacity: number): Promise<Rig> {
  const rig = newRig({ capacity });
  const ids = Array.from({ length: rows }, (_, i) => `r${i}`);
  rig.core.report(reportOf({ inserts: ids.map((id) => insertOf(id)) }));
  const uses = (turn: string) => ids.map((id, i) => useOf(id, `${turn}${i}`, { utility: i / 100 }));
  rig.core.report(reportOf({ uses: [...uses("x"), ...uses("y")] }));
  for (const id of ids) rig.objects.objects.set(`a/t1/ans-${id}`, "{}");
  await rig.settle();
  rig.now += DAY;
  return rig;
}
const left = (rig: Rig): string[] =>
  rig
    .rows<{ id: string }>("SELECT id FROM entry")
    .map(({ id }) => id)
    .toSorted((a, b) => Number(a.slice(1)) - Number(b.slice(1)));

describe("eviction", () => {
  it("leaves a cache below the high-water mark alone", async () => {
    const rig = await crowdedRig(19, 20);
    expect(await rig.core.evict()).toEqual({ evicted: 0, kept: 19 });
  });

  it("drops the least valuable rows down to the low-water mark, with answers and vectors", async () => {
    const rig = await crowdedRig(20, 20);
    // 20 > 0.95 * 20: down to floor(0.85 * 20) = 17.
    expect(await rig.core.evict()).toEqual({ evicted: 3, kept: 17 });
    expect(left(rig)[0]).toBe("r3");
    expect(rig.index.vectors.size).toBe(17);
    expect(rig.objects.objects.has("a/t1/ans-r2")).toBe(false);
    expect(rig.objects.objects.has("a/t1/ans-r3")).toBe(true);
  });

  it("does once what three overlapping runs are asked to do", async () => {
    const rig = await crowdedRig(20, 20);
    const runs = await Promise.all([rig.core.evict(), rig.core.evict(), rig.core.evict()]);
    expect(runs.reduce((sum, { evicted }) => sum + evicted, 0)).toBe(3);
    expect(left(rig)).toEqual(Array.from({ length: 17 }, (_, i) => `r${i + 3}`));
    expect(rig.core.live().entries).toBe(17);
  });

  it("evicts no live row when its clock is ten minutes slow, and none just expired", async () => {
    const rig = newRig();
    rig.core.report(reportOf({ inserts: [insertOf("a", { expiresAt: rig.now + 3_600_000 })] }));
    rig.objects.objects.set("a/t1/ans-a", "{}");
    await rig.settle();
    for (const shift of [-600_000, 0, 3_600_000]) {
      const before = rig.now;
      rig.now += shift;
      expect(await rig.core.evict()).toEqual({ evicted: 0, kept: 1 });
      rig.now = before;
    }
    rig.now += 3_600_000 + 300_000;
    // All rows are read once an hour, and that was done a moment ago.
    expect(await rig.core.evict()).toEqual({ evicted: 0, kept: 1 });
    rig.now += 3_600_000;
    expect(await rig.core.evict()).toEqual({ evicted: 1, kept: 0 });
  });

  it("goes on after a lease that its holder never gave back, also when the clock was set back", async () => {
    const rig = await crowdedRig(20, 20);
    rig.core.state.commit((state) => ({
      ...state,
      evictLease: { owner: "gone", until: rig.now + 30_000 },
    }));
    expect((await rig.core.evict()).evicted).toBe(0);
    rig.now += 30_001;
    expect((await rig.core.evict()).evicted).toBe(3);
    rig.core.state.commit((state) => ({
      ...state,
      evictLease: { owner: "gone", until: rig.now + DAY },
    }));
    await rig.core.evict();
    expect(rig.core.state.value.evictLease).toBeNull();
  });

  it("keeps an answer that a remaining row points to", async () => {
    const rig = newRig();
    const shared = { ansId: "one", expiresAt: rig.now + 1_000 };
    rig.core.report(
      reportOf({ inserts: [insertOf("q", shared), insertOf("other", { ansId: "one" })] }),
    );
    rig.objects.objects.set("a/t1/one", "{}");
    await rig.settle();
    rig.now += 3_600_000;
    expect(await rig.core.evict()).toEqual({ evicted: 1, kept: 1 });
    expect(rig.objects.objects.has("a/t1/one")).toBe(true);
  });

  it("is finished later when R2 or the index is down, and nothing half gone is counted as kept", async () => {
    const rig = await crowdedRig(20, 20);
    rig.objects.isDown = true;
    await rig.core.evict();
    expect(rig.core.live().entries).toBe(20);
    rig.objects.isDown = false;
    rig.index.isDown = true;
    await rig.core.evict();
    expect(rig.objects.objects.has("a/t1/ans-r0")).toBe(false);
    expect(rig.core.live().entries).toBe(20);
    rig.index.isDown = false;
    await rig.settle();
    expect(rig.core.live().entries).toBe(17);
    expect(rig.index.vectors.size).toBe(17);
    expect(rig.errors.length).toBeGreaterThan(0);
  });

  it("lets a row go whose answer has disappeared, within two sweeps of 60 rows", async () => {
    const rig = await crowdedRig(60, 1_000);
    rig.objects.objects.delete("a/t1/ans-r59");
    await rig.core.evict();
    await rig.core.evict();
    expect(rig.core.live().entries).toBe(59);
    expect(rig.index.vectors.has("r59")).toBe(false);
  });

  it("spares a row that was stored anew while it was doomed", async () => {
    const rig = await crowdedRig(20, 20);
    rig.index.isDown = true;
    await rig.core.evict();
    rig.core.report(reportOf({ inserts: [insertOf("r0", { createdAt: rig.now })] }));
    rig.index.isDown = false;
    rig.objects.objects.set("a/t1/ans-r0", "{}");
    await rig.settle();
    expect(left(rig)[0]).toBe("r0");
    expect(rig.index.vectors.has("r0")).toBe(true);
    expect(rig.core.live().entries).toBe(18);
  });
});

describe("a purge", () => {
  it("is in every reply at once, and reaches answer and vector", async () => {
    const rig = await crowdedRig(3, 100);
    const { epoch } = rig.core.sync(0);
    expect(await rig.core.invalidate("t1", ["r1", "unknown"])).toBe(1);
    expect(rig.core.sync(0)).toMatchObject({ epoch: epoch + 1, tombstones: ["r1"] });
    expect(rig.index.vectors.has("r1")).toBe(false);
    expect(rig.objects.objects.has("a/t1/ans-r1")).toBe(false);
  });

  it("touches no row of another tenant", async () => {
    const rig = await crowdedRig(3, 100);
    expect(await rig.core.invalidate("t2", ["r1"])).toBe(0);
    expect(rig.core.sync(0).tombstones).toEqual([]);
    await rig.settle();
    expect(left(rig)).toEqual(["r0", "r1", "r2"]);
  });

  it("lets the same question be stored again, but not by a report made before it", async () => {
    const rig = await crowdedRig(1, 100);
    const purgedAt = rig.now;
    await rig.core.invalidate("t1", ["r0"]);
    rig.core.report(reportOf({ inserts: [insertOf("r0", { createdAt: purgedAt - 1 })] }));
    await rig.core.work();
    expect(rig.core.live().entries).toBe(0);
    rig.core.report(reportOf({ inserts: [insertOf("r0", { createdAt: purgedAt + 1 })] }));
    await rig.core.work();
    expect(rig.core.live().entries).toBe(1);
    expect(rig.core.sync(0).tombstones).toEqual([]);
  });
});

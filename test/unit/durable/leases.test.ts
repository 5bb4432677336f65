import { beforeEach, describe, expect, it } from "vitest";
import { newRig } from "../../support/node-rig.ts";
import { experienceOf, outcomeOf, reportOf, type Rig } from "../../support/region-rig.ts";

let rig: Rig;
/** Three packs of two experiences each: d1 d2, d3 d4, d5 d6. */
beforeEach(async () => {
  rig = newRig();
  for (const first of [1, 3, 5]) {
    rig.core.report(
      reportOf({ experiences: [experienceOf(`d${first}`), experienceOf(`d${first + 1}`)] }),
    );
    await rig.core.work(true);
  }
});
const idsOf = (lease: { packs: readonly { packId: string }[] }) =>
  lease.packs.map(({ packId }) => packId);

describe("a lease", () => {
  it("gives the oldest packs nobody holds, as many as fit", async () => {
    const first = await rig.core.lease(4);
    expect(idsOf(first)).toEqual(["1-1", "2-2"]);
    expect(first.packs[0]?.experiences.map(({ expId }) => expId)).toEqual(["d1", "d2"]);
    expect(idsOf(await rig.core.lease(4))).toEqual(["3-3"]);
    const none = await rig.core.lease(4);
    expect(none).toMatchObject({ leaseToken: "", packs: [] });
  });

  it("runs out after a minute unless its holder is heard of, and is given to another", async () => {
    const first = await rig.core.lease(100);
    rig.now += 59_999;
    expect(rig.core.heartbeat(first.leaseToken)).toBe(rig.now + 60_000);
    rig.now += 59_999;
    expect(idsOf(await rig.core.lease(100))).toEqual([]);
    rig.now += 1;
    expect(rig.core.heartbeat(first.leaseToken)).toBeNull();
    expect(idsOf(await rig.core.lease(100))).toEqual(["1-1"]);
  });

  it("survives a restart of the object", async () => {
    const { leaseToken } = await rig.core.lease(2);
    expect(idsOf(await rig.restart().lease(2))).toEqual(["2-2"]);
    expect(rig.core.ack(leaseToken, ["1-1"])).toEqual({ ok: true, acked: 1 });
  });

  it("is redelivered alone, and set aside after three without an ack; others go on", async () => {
    await rig.core.lease(2);
    rig.now += 60_000;
    expect(idsOf(await rig.core.lease(100))).toEqual(["1-1"]);
    expect(idsOf(await rig.core.lease(100))).toEqual(["2-2", "3-3"]);
    rig.now += 60_000;
    expect(idsOf(await rig.core.lease(100))).toEqual(["1-1"]);
    rig.now += 60_000;
    expect(idsOf(await rig.core.lease(100))).toEqual(["2-2"]);
    expect(rig.rows("SELECT first FROM pack WHERE status = 'quarantined'")).toEqual([{ first: 1 }]);
    expect(rig.core.reopenPacks()).toBe(1);
    expect(idsOf(await rig.core.lease(100))).toEqual(["1-1"]);
  });

  it("is bounded by decisions too, most of which may have left no experience", async () => {
    rig = newRig();
    // 6,000 exact hits or bypasses each: two such packs are more than the 10,000 decisions of a lease.
    for (const pack of [1, 2]) {
      const ids = Array.from({ length: 6_000 }, (_, i) => `p${pack}-${i}`);
      rig.core.report(
        reportOf({
          outcomes: ids.map((id) => outcomeOf(id)),
          receipts: ids.map((id) => ({ id, tenant: "t1", at: rig.now, body: {} })),
        }),
      );
      await rig.core.work(true);
    }
    const first = await rig.core.lease(2_000);
    expect(first.packs.map(({ outcomes }) => outcomes.length)).toEqual([6_000]);
    expect((await rig.core.lease(2_000)).packs.length).toBe(1);
  });

  it("costs packs no attempt when the bucket cannot be read", async () => {
    rig.objects.isDown = true;
    for (let i = 0; i < 5; i++) {
      await expect(rig.core.lease(100)).rejects.toThrow("R2 does not answer");
      rig.now += 60_000;
    }
    rig.objects.isDown = false;
    expect(idsOf(await rig.core.lease(100))).toEqual(["1-1", "2-2", "3-3"]);
  });

  it("sets a pack aside whose object is missing or damaged", async () => {
    rig.objects.objects.delete("e/eu/0/1-1.json");
    rig.objects.objects.set("e/eu/0/2-2.json", "{");
    expect(idsOf(await rig.core.lease(100))).toEqual(["3-3"]);
    expect(rig.rows("SELECT first FROM pack WHERE status = 'quarantined'").length).toBe(2);
  });
});

describe("an ack", () => {
  it("is fine twice, and for ids that nobody knows", async () => {
    const { leaseToken } = await rig.core.lease(2);
    expect(rig.core.ack(leaseToken, ["1-1", "77-78", "nonsense"])).toEqual({ ok: true, acked: 1 });
    rig.now += 3_600_000;
    expect(rig.core.ack(leaseToken, ["1-1"])).toEqual({ ok: true, acked: 0 });
  });

  it("with a stale token is refused and changes nothing, not even for ids it could have acknowledged", async () => {
    const { leaseToken } = await rig.core.lease(4);
    rig.now += 60_000;
    const other = await rig.core.lease(2);
    expect(idsOf(other)).toEqual(["1-1"]);
    expect(rig.core.ack(leaseToken, ["1-1", "2-2"])).toEqual({ ok: false, reason: "stale token" });
    // Run out and nobody else's yet; somebody else's; nobody's.
    for (const [token, id] of [
      [leaseToken, "2-2"],
      ["made up", "1-1"],
      ["made up", "3-3"],
    ] as const)
      expect(rig.core.ack(token, [id])).toEqual({ ok: false, reason: "stale token" });
    expect(rig.rows("SELECT first FROM pack WHERE status = 'acked'")).toEqual([]);
    expect(rig.core.ack(other.leaseToken, ["1-1"])).toEqual({ ok: true, acked: 1 });
  });
});

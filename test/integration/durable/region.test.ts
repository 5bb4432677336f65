// The region object where it will run: RPC, a Durable Object's own SQLite, alarms, evictions, the local index and R2.
import {
  abortAllDurableObjects,
  evictDurableObject,
  reset,
  runDurableObjectAlarm,
  runInDurableObject,
} from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, describe, expect, it } from "vitest";
import { type LiveView, type RegionRpc } from "../../../src/durable/report.ts";
import { sqlStoreOf } from "../../../src/durable/sql-storage.ts";
import { type SqlRow, type SqlValue } from "../../../src/durable/rows.ts";
import { endOf, EXPECTED_END, live as liveOnce } from "../../support/region-life.ts";
import {
  experienceOf,
  Fault,
  insertOf,
  outcomeOf,
  reportOf,
  Rig,
  type TestStore,
  useOf,
} from "../../support/region-rig.ts";

afterEach(reset);

const regionObject = (shard = 0) => env.REGION.getByName(`region/eu/${shard}`);
/** The type of a stub cannot express receipts, whose bodies are any JSON. */
const liveOf = async (region: unknown): Promise<LiveView> => await (region as RegionRpc).live();

/** A Durable Object's storage that faults can strike and whose written rows are counted. */
function countedStore(storage: DurableObjectStorage): TestStore & { written: number } {
  const plain = sqlStoreOf(storage);
  return {
    ...plain,
    written: 0,
    fault: new Fault(),
    pretendBytes: null,
    exec<T extends SqlRow>(query: string, ...values: SqlValue[]): T[] {
      const cursor = storage.sql.exec<T>(query, ...values);
      const rows = cursor.toArray();
      this.written += cursor.rowsWritten;
      this.fault.step();
      return rows;
    },
    bytes() {
      return this.pretendBytes ?? plain.bytes();
    },
  };
}

describe("a region object", () => {
  it("takes a report, and its alarm puts the rows into the index and the experiences into R2", async () => {
    const region = regionObject();
    const reply = await region.report(
      reportOf({
        experiences: [experienceOf("d1")],
        outcomes: [outcomeOf("d1")],
        inserts: [insertOf("a")],
      }),
    );
    expect(reply).toMatchObject({ duplicate: false, epoch: 1, policy: { stable: 0 } });
    expect(reply.fresh.map(({ id }) => id)).toEqual(["a"]);
    expect(await runDurableObjectAlarm(region)).toBe(true);
    await region.flush();
    const packs = await env.STORE.list({ prefix: "e/" });
    // The name of the object is the place of its packs.
    expect(packs.objects.map(({ key }) => key)).toEqual(["e/eu/0/1-1.json"]);
    const live = await liveOf(region);
    expect(live).toMatchObject({ region: "eu", entries: 1, totals: { requests: 1 } });
  });

  it("counts a report once although the object dies before and after it is asked again", async () => {
    const report = reportOf({ outcomes: [outcomeOf("d1")], experiences: [experienceOf("d1")] });
    expect((await regionObject().report(report)).duplicate).toBe(false);
    await evictDurableObject(regionObject());
    expect((await regionObject().report(report)).duplicate).toBe(true);
    await abortAllDurableObjects();
    expect((await regionObject().report(report)).duplicate).toBe(true);
    await regionObject().flush();
    await evictDurableObject(regionObject());
    expect((await regionObject().report(report)).duplicate).toBe(true);
    expect((await liveOf(regionObject())).totals.requests).toBe(1);
  });

  it("keeps a report whose caller saw an error, and knows it when it comes again", async () => {
    const report = reportOf({ experiences: [experienceOf("d1")] });
    // Durable, and then the object dies before it could answer.
    const dies = async () =>
      await runInDurableObject(regionObject(), async (instance, state) => {
        await instance.report(report);
        await state.storage.sync();
        state.abort("killed by the test");
      });
    await expect(dies()).rejects.toThrow(/killed by the test/);
    expect((await regionObject().report(report)).duplicate).toBe(true);
  });

  it("has its alarm again after it was lost, by the next cron", async () => {
    const region = regionObject();
    await region.report(reportOf({ experiences: [experienceOf("d1")] }));
    await runInDurableObject(region, (_, state) => state.storage.deleteAlarm());
    expect(await runDurableObjectAlarm(region)).toBe(false);
    await region.evict();
    expect(await runDurableObjectAlarm(region)).toBe(true);
  });

  it("goes quiet: no alarm is left when nothing is left to do", async () => {
    const region = regionObject();
    await region.report(reportOf({ experiences: [experienceOf("d1")] }));
    await region.flush();
    await runDurableObjectAlarm(region);
    expect(await runInDurableObject(region, (_, state) => state.storage.getAlarm())).toBeNull();
  });

  it("evicts once when cron calls three times at once", async () => {
    const region = regionObject();
    const old = { createdAt: Date.now() - 9e8, expiresAt: Date.now() - 8e8 };
    await region.report(
      reportOf({
        inserts: [
          insertOf("a", old),
          insertOf("b", old),
          insertOf("c", { createdAt: Date.now(), expiresAt: Date.now() + 9e8 }),
        ],
      }),
    );
    await env.STORE.put("a/t1/ans-a", "{}");
    await env.STORE.put("a/t1/ans-c", "{}");
    await region.flush();
    const runs = await Promise.all([region.evict(), region.evict(), region.evict()]);
    expect(runs.reduce((sum, { evicted }) => sum + evicted, 0)).toBe(2);
    expect((await liveOf(region)).entries).toBe(1);
    const answers = await env.STORE.list({ prefix: "a/" });
    expect(answers.objects.map(({ key }) => key)).toEqual(["a/t1/ans-c"]);
  });

  it("carries switches, policy version and epoch in every reply, also after a restart", async () => {
    await regionObject().setKillSwitches({ cacheOff: true });
    await regionObject().setPolicyVersion(7);
    await regionObject().bumpEpoch();
    await evictDurableObject(regionObject());
    expect(await regionObject().sync(0)).toMatchObject({
      epoch: 2,
      policy: { stable: 7, candidate: null, share: 0 },
      killSwitches: { cacheOff: true, augmentOff: false, learnOff: false, pinnedPolicy: null },
    });
  });

  it("leases packs over RPC and takes the ack", async () => {
    const region = regionObject();
    await region.report(reportOf({ experiences: [experienceOf("d1")] }));
    await region.flush();
    const { leaseToken, packs } = await region.lease({ trainer: "one", max: 100 });
    expect(leaseToken).toMatch(/^[0-9a-f]{32}$/);
    expect(packs.map(({ experiences }) => experiences.map(({ expId }) => expId))).toEqual([["d1"]]);
    expect((await region.lease({ trainer: "two", max: 100 })).packs.length).toBe(0);
    expect(await region.heartbeat(leaseToken)).toBeGreaterThan(Date.now());
    expect(await region.ack("stale", ["1-1"])).toEqual({ ok: false, reason: "stale token" });
    expect(await region.ack(leaseToken, ["1-1"])).toEqual({ ok: true, acked: 1 });
  });

  it("is one per shard", async () => {
    await regionObject(1).report(reportOf({ outcomes: [outcomeOf("d1")] }));
    expect((await liveOf(regionObject(0))).totals.requests).toBe(0);
    expect((await liveOf(regionObject(1))).totals.requests).toBe(1);
  });
});

describe("on a Durable Object's own storage", () => {
  const TABLES = ["batch", "pack", "entry", "refused", "nonce", "slice", "account", "_meta"];
  const emptied = (storage: DurableObjectStorage) => {
    for (const table of TABLES) storage.sql.exec(`DROP TABLE IF EXISTS ${table}`);
    return countedStore(storage);
  };

  it("a crash at any statement or call ends where no crash would have ended", async () => {
    const steps = await runInDurableObject(regionObject(), async (_, { storage }) => {
      const counter = new Fault();
      const whole = new Rig(emptied(storage));
      await liveOnce(whole, counter);
      const expected = endOf(whole);
      expect(expected).toMatchObject(EXPECTED_END);
      for (let at = 1; at <= counter.steps; at++) {
        const rig = new Rig(emptied(storage));
        await liveOnce(rig, new Fault(at));
        expect(endOf(rig), `crash at step ${at} of ${counter.steps}`).toEqual(expected);
      }
      return counter.steps;
    });
    expect(steps).toBeGreaterThan(50);
  });

  it("writes at most 2 rows a request at batches of 8, from report to eviction, alarms included", async () => {
    const perRequest = await runInDurableObject(regionObject(), async (_, { storage }) => {
      const store = emptied(storage);
      const rig = new Rig(store);
      rig.index.lagMs = 4_000;
      store.written = 0;
      // Setting an alarm writes a row. This is the object's own rule for it (region.ts).
      let alarmAt: number | null = null;
      const arm = () => {
        const at = rig.core.nextWorkAt();
        if (at === null || (alarmAt !== null && alarmAt <= at + 1_000)) return;
        alarmAt = at;
        store.written++;
      };
      const pass = async (ms: number) => {
        for (const end = rig.now + ms; rig.now < end; rig.now += 250) {
          if (alarmAt === null || alarmAt > rig.now) continue;
          alarmAt = null;
          await rig.core.work();
          arm();
        }
      };
      // 1,600 requests, a batch of 8 a second. Half of them are misses that store a row, half hits on older rows.
      const requests = 1_600;
      for (let first = 0; first < requests; first += 8) {
        const ids = Array.from({ length: 8 }, (_unused, i) => first + i);
        const hits = ids.filter((i) => i % 2 === 1);
        const misses = ids.filter((i) => i % 2 === 0);
        for (const i of misses) rig.objects.objects.set(`a/t1/ans-r${i}`, "{}");
        rig.core.report(
          reportOf({
            experiences: ids.map((i) => experienceOf(`d${i}`)),
            outcomes: ids.map((i) => outcomeOf(`d${i}`)),
            receipts: ids.map((i) => ({ id: `d${i}`, tenant: "t1", at: rig.now, body: {} })),
            inserts: misses.map((i) => insertOf(`r${i}`, { createdAt: rig.now })),
            uses: hits.map((i) => useOf(`r${Math.max(0, i - 41)}`, `d${i}`, { utility: -0.4 })),
          }),
        );
        arm();
        await pass(1_000);
      }
      await pass(600_000);
      const stored = rig.core.live().entries;
      expect(rig.rows("SELECT seq FROM batch")).toEqual([]);
      // Every row leaves again: what was written once is deleted once.
      rig.now += 8 * 86_400_000;
      await rig.core.evict();
      expect({ stored, left: rig.core.live().entries }).toEqual({ stored: 800, left: 0 });
      return store.written / requests;
    });
    console.log(`rows written per request: ${perRequest.toFixed(3)}`);
    expect(perRequest).toBeLessThanOrEqual(2);
  });
});

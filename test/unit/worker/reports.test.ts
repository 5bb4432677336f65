// What an isolate tells its region object, and what it learns from the replies.
import { describe, expect, test } from "vitest";
import {
  type EntryInsert,
  type Receipt,
  type Report,
  type ReportReply,
} from "../../../src/durable/report.ts";
import { encodeFloats } from "../../../src/policy/half.ts";
import { MAX_EPOCH_AGE_MS, RegionDesk } from "../../../src/worker/reports.ts";
import { ALL_ON } from "../../support/memory-region.ts";
import { VirtualClock } from "../../support/virtual-clock.ts";

const receipt = (id: string): Receipt => ({ id, tenant: "acme", at: 0, body: {} });
const row = (id: string): EntryInsert => ({
  id,
  tenant: "acme",
  namespace: "n",
  ansId: `answer of ${id}`,
  role: 1,
  fp: "fp",
  lang: "en",
  question: "?",
  createdAt: 0,
  expiresAt: 1,
  vector: encodeFloats(Float32Array.of(1, 0)),
});
const REPLY: ReportReply = {
  duplicate: false,
  epoch: 1,
  killSwitches: ALL_ON,
  policy: { stable: 0, candidate: null, share: 0 },
  fresh: [],
  freshCursor: 0,
  tombstones: [],
};

/** A desk, the reports that reached its object, and a way to make the object misbehave. */
function office() {
  const clock = new VirtualClock(0);
  const received: Report[] = [];
  const epochs: number[] = [];
  const state = { reply: REPLY, answer: (): Promise<void> => Promise.resolve() };
  const desk = new RegionDesk(() => void epochs.push(clock.now()));
  const link = {
    report: async (report: Report) => {
      await state.answer();
      received.push(report);
      return state.reply;
    },
    sync: async () => {
      await state.answer();
      return state.reply;
    },
  };
  const ids = () => received.map(({ receipts }) => receipts.map(({ id }) => id).join());
  return {
    clock,
    desk,
    received,
    epochs,
    state,
    ids,
    sync: () => desk.sync(link, clock.now),
    flush: () => desk.flush(link, clock.now),
    flushSoon: () => desk.flushSoon(link, clock.now, clock.wait),
  };
}
const down = () => Promise.reject(new Error("network"));
const overloaded = () =>
  Promise.reject(Object.assign(new Error("overloaded"), { overloaded: true }));

describe("reports", () => {
  test("records of the same quarter second make one batch", async () => {
    const { clock, desk, ids, flushSoon } = office();
    const first = flushSoon();
    desk.add({ receipt: receipt("a") });
    await clock.advance(200);
    desk.add({ receipt: receipt("b") });
    const second = flushSoon();
    await clock.run(Promise.all([first, second]));
    expect(ids()).toEqual(["a,b"]);
  });

  test("a batch has at most 64 records, and a full one does not wait", async () => {
    const { clock, desk, received, flushSoon } = office();
    for (let i = 0; i < 100; i++) desk.add({ receipt: receipt(String(i)) });
    await clock.run(flushSoon());
    expect(clock.now()).toBe(0);
    expect(received.map(({ receipts }) => receipts.length)).toEqual([64, 36]);
  });

  test("a batch that did not get through goes out again under the same id, before newer ones", async () => {
    const { desk, received, state, ids, flush } = office();
    desk.add({ receipt: receipt("a") });
    const sent: string[] = [];
    state.answer = down;
    await flush();
    state.answer = () => Promise.resolve();
    desk.add({ receipt: receipt("b") });
    await flush();
    expect(ids().toSorted()).toEqual(["a", "b"]);
    sent.push(...received.map(({ batchId }) => batchId));
    expect(new Set(sent).size).toBe(2);
  });

  test("a batch whose reply was lost keeps its id, so that the object can tell", async () => {
    const { desk, received, state, flush } = office();
    desk.add({ receipt: receipt("a") });
    // The object has it, the isolate does not know.
    const { reply } = state;
    Object.defineProperty(state, "reply", {
      configurable: true,
      get: () => {
        throw new Error("connection lost");
      },
    });
    await flush();
    Object.defineProperty(state, "reply", { value: reply });
    await flush();
    expect(received).toHaveLength(2);
    expect(received[0]!.batchId).toBe(received[1]!.batchId);
  });

  test("overload is not answered with more: those records are dropped and counted", async () => {
    const { desk, received, state, flush } = office();
    for (let i = 0; i < 3; i++) desk.add({ receipt: receipt(String(i)) });
    state.answer = overloaded;
    await flush();
    state.answer = () => Promise.resolve();
    await flush();
    expect(received).toEqual([]);
    expect(desk.dropped).toEqual({ overload: 3, unreachable: 0 });
  });

  test("an object that is away for long costs the oldest records, counted: sent + kept + dropped = added", async () => {
    const { desk, received, state, flush } = office();
    state.answer = down;
    for (let i = 0; i < 2_000; i++) {
      desk.add({ receipt: receipt(String(i)) });
      if (i % 10 === 9) await flush();
    }
    state.answer = () => Promise.resolve();
    await flush();
    const sent = received.flatMap(({ receipts }) => receipts.map(({ id }) => Number(id)));
    expect(sent.length + desk.dropped.unreachable).toBe(2_000);
    expect(sent.length).toBeGreaterThan(900);
    expect(sent.length).toBeLessThanOrEqual(1_000);
    // The newest were kept.
    expect(Math.min(...sent)).toBe(2_000 - sent.length);
  });

  test("an object that never answers holds no more than one that refuses", async () => {
    const { clock, desk, received, state, flush } = office();
    state.answer = () => new Promise(() => {});
    for (let i = 0; i < 5_000; i++) {
      desk.add({ receipt: receipt(String(i)) });
      if (i % 10 === 9) void flush();
    }
    await clock.advance(36_000);
    state.answer = () => Promise.resolve();
    await flush();
    const sent = received.flatMap(({ receipts }) => receipts.map(({ id }) => Number(id)));
    expect(sent.length).toBeLessThanOrEqual(1_000);
    expect(sent.length).toBeGreaterThan(900);
    expect(sent.length + desk.dropped.unreachable).toBe(5_000);
  });

  test("what a cancelled request had taken to send is sent by another after 35 s", async () => {
    const { clock, desk, ids, state, flush } = office();
    desk.add({ receipt: receipt("a") });
    state.answer = () => new Promise(() => {});
    void flush();
    await clock.advance(30_000);
    state.answer = () => Promise.resolve();
    await flush();
    expect(ids()).toEqual([]);
    await clock.advance(6_000);
    await flush();
    expect(ids()).toEqual(["a"]);
  });
});

describe("replies", () => {
  test("tell switches, policy and tombstones, and hold for a minute", async () => {
    const { clock, desk, state, sync } = office();
    expect([desk.isCurrent(clock.now()), desk.policy]).toEqual([false, null]);
    const policy = { stable: 7, candidate: 8, share: 0.01 };
    state.reply = { ...REPLY, policy, tombstones: ["x"] };
    await sync();
    expect([desk.policy, [...desk.tombstones]]).toEqual([policy, ["x"]]);
    state.reply = {
      ...REPLY,
      policy,
      killSwitches: { ...ALL_ON, cacheOff: true, pinnedPolicy: 5 },
    };
    await sync();
    // A pinned version is everybody's.
    expect([desk.policy, desk.switches.cacheOff, [...desk.tombstones]]).toEqual([
      { stable: 5, candidate: null, share: 0 },
      true,
      [],
    ]);
    await clock.advance(MAX_EPOCH_AGE_MS);
    expect(desk.isCurrent(clock.now())).toBe(true);
    await clock.advance(1);
    expect(desk.isCurrent(clock.now())).toBe(false);
  });

  test("that a later call's reply overtook bring nothing back", async () => {
    const { desk } = office();
    const slow = Promise.withResolvers<ReportReply>();
    const link = { report: () => slow.promise, sync: () => slow.promise };
    const overtaken = desk.sync(link, () => 0);
    const purged = { ...REPLY, epoch: 2, tombstones: ["gone"] };
    await desk.sync({ ...link, sync: () => Promise.resolve(purged) }, () => 0);
    slow.resolve({ ...REPLY, fresh: [row("gone")] });
    await overtaken;
    expect([...desk.tombstones]).toEqual(["gone"]);
    expect([...desk.fresh]).toEqual([]);
  });

  test("a raised epoch empties what is remembered, the first one seen does not", async () => {
    const { desk, epochs, state, sync } = office();
    desk.add({ insert: row("own") });
    await sync();
    expect([epochs.length, [...desk.fresh].length]).toEqual([0, 1]);
    state.reply = { ...REPLY, epoch: 2, fresh: [row("new")], freshCursor: 9 };
    await sync();
    expect(epochs).toHaveLength(1);
    expect([...desk.fresh].map(({ entry }) => entry.id)).toEqual(["new"]);
    // An older reply that comes late changes nothing.
    state.reply = { ...REPLY, epoch: 1 };
    await sync();
    expect(epochs).toHaveLength(1);
  });

  test("fresh rows are kept with their vectors, the isolate's own at once, 512 at most", async () => {
    const { desk, state, sync } = office();
    desk.add({ insert: row("own") });
    expect([...desk.fresh]).toEqual([{ entry: row("own"), vector: Float32Array.of(1, 0) }]);
    state.reply = { ...REPLY, fresh: Array.from({ length: 600 }, (_, i) => row(`row ${i}`)) };
    await sync();
    const kept = [...desk.fresh].map(({ entry }) => entry.id);
    expect([kept.length, kept[0], kept.at(-1)]).toEqual([512, "row 88", "row 599"]);
  });

  test("a fresh row that was stopped does not come back without its record when the index serves it again", async () => {
    const { clock, desk, state, sync } = office();
    const fresh = () => [...desk.fresh].map(({ entry }) => entry.id);
    state.reply = { ...REPLY, fresh: [row("a"), row("b")], freshCursor: 9 };
    await sync();
    state.reply = { ...REPLY, tombstones: ["a"] };
    await sync();
    state.reply = REPLY;
    await sync();
    expect([[...desk.tombstones], fresh()]).toEqual([[], ["b"]]);
    // Stopped and served again while this isolate heard nothing.
    await clock.advance(MAX_EPOCH_AGE_MS + 1);
    expect(fresh()).toEqual(["b"]);
    await sync();
    expect(fresh()).toEqual([]);
  });

  test("the cursor goes back with the next report, so that no row is told twice", async () => {
    const { desk, received, state, flush, sync } = office();
    state.reply = { ...REPLY, freshCursor: 42 };
    await sync();
    desk.add({ receipt: receipt("a") });
    await flush();
    expect(received[0]!.freshCursor).toBe(42);
  });
});

// Who asks the same thing again was not content: what counts as that, and what it changes.
import { describe, expect, test } from "vitest";
import {
  type Ask as RecentAsk,
  RecentAsks,
  askerOf,
} from "../../../../src/worker/satisfaction/asked-again.ts";
import { CAPITAL, REPHRASED, examinedWorld } from "../../../support/examined-world.ts";
import { type Ask, keyOf } from "../../../support/world.ts";

const NO_CACHE = { "cache-control": "no-cache" };
const THIRD = "Please tell me the capital of France";

/** The capital is stored; everybody asks with the key of one tenant, nothing is examined. */
async function world(options: Ask = {}) {
  const rig = await examinedWorld();
  rig.world.alike(THIRD, CAPITAL, 0.97);
  const ask = (prompt: string, more: Ask = {}) =>
    rig.world.ask(prompt, { key: keyOf("acme"), ...options, ...more });
  const labels = async () => {
    await rig.world.settleAll();
    return rig.world.reported.labels;
  };
  return { world: rig.world, ask, labels };
}
const ann = { body: { user: "ann" } };
const bob = { body: { user: "bob" } };

describe("the same question again", () => {
  test("within two minutes of a semantic hit counts against the row, and the model answers", async () => {
    const { ask, labels, world: rig } = await world();
    const hit = await ask(REPHRASED, ann);
    await rig.clock.advance(30_000);
    const again = await ask(REPHRASED, ann);
    expect(again.headers.get("x-velo-cache")).toBe("MISS; reason=regenerate");
    const decision = hit.headers.get("x-velo-decision");
    expect(await labels()).toEqual([
      {
        labelId: `${decision}:again`,
        expId: decision,
        tenant: "acme",
        source: "regenerate",
        correct: 0,
        weight: 0.7,
        rowId: rig.reported.inserts[0]!.id,
        by: expect.any(Number),
        distance: expect.closeTo(Math.sqrt(0.06), 3),
      },
    ]);
  });

  test("after two minutes is a question like any other", async () => {
    const { ask, labels, world: rig } = await world();
    await ask(REPHRASED, ann);
    await rig.clock.advance(121_000);
    const again = await ask(REPHRASED, ann);
    expect(again.headers.get("x-velo-cache")).toBe("HIT-SEMANTIC");
    expect(await labels()).toEqual([]);
  });

  test("of somebody else is popularity", async () => {
    const { ask, labels } = await world();
    await ask(REPHRASED, ann);
    const other = await ask(REPHRASED, bob);
    expect(other.headers.get("x-velo-cache")).toBe("HIT-SEMANTIC");
    expect(await labels()).toEqual([]);
  });

  test("where nobody is named counts only with no-cache: one key may stand for many", async () => {
    const { ask, labels } = await world();
    await ask(REPHRASED);
    const second = await ask(REPHRASED);
    expect(second.headers.get("x-velo-cache")).toBe("HIT-SEMANTIC");
    expect(await labels()).toEqual([]);
    await ask(REPHRASED, { headers: NO_CACHE });
    expect(await labels()).toMatchObject([{ source: "regenerate", correct: 0 }]);
  });

  test("of another tenant's user of the same name is nothing to do with it", async () => {
    const { ask, labels } = await world();
    await ask(REPHRASED, ann);
    await ask(REPHRASED, { ...ann, key: keyOf("other") });
    expect(await labels()).toEqual([]);
  });

  test("after the model's own answer is a complaint only with no-cache, and then about no row", async () => {
    const { ask, labels } = await world();
    await ask("Why is the sky blue?", ann);
    await ask("Why is the sky blue?", ann);
    expect(await labels()).toEqual([]);
    await ask("Why is the sky blue?", { ...ann, headers: NO_CACHE });
    const [label, ...others] = await labels();
    expect(others).toEqual([]);
    expect(label).toMatchObject({ source: "regenerate", correct: 0 });
    expect(label).not.toHaveProperty("rowId");
  });

  test("of who always asks with no-cache says nothing", async () => {
    const { ask, labels } = await world();
    for (let i = 0; i < 3; i++) await ask("Why is the sky blue?", { ...ann, headers: NO_CACHE });
    expect(await labels()).toEqual([]);
  });

  test("counts once for each person and row, so that one person alone takes no row out of service", async () => {
    const { ask, labels, world: rig } = await world();
    for (const prompt of [REPHRASED, REPHRASED, THIRD, THIRD]) await ask(prompt, ann);
    expect(await labels()).toHaveLength(1);
    // Bob's own wording, which the cache answers, twice.
    rig.alike("Name the capital of France", CAPITAL, 0.97);
    await ask("Name the capital of France", bob);
    await ask("Name the capital of France", bob);
    const [first, second, ...others] = await labels();
    expect([second!.rowId, others]).toEqual([first!.rowId, []]);
    // Another isolate knows nothing of all this: the region tells people apart.
    const { ask: elsewhere, labels: heardThere } = await world();
    await elsewhere(REPHRASED, ann);
    await elsewhere(REPHRASED, ann);
    const [again] = await heardThere();
    expect([first!.by, first!.by === second!.by]).toEqual([again!.by, false]);
  });

  test("of a client that repeats what it lost on the way is no complaint", async () => {
    const { ask, labels } = await world();
    await ask(REPHRASED, ann);
    const retry = await ask(REPHRASED, { ...ann, headers: { "x-stainless-retry-count": "1" } });
    expect(retry.headers.get("x-velo-cache")).toBe("HIT-SEMANTIC");
    expect(await labels()).toEqual([]);
  });

  test("gets no 504 where the caller wants the cache only", async () => {
    const { ask } = await world();
    await ask(REPHRASED, ann);
    const again = await ask(REPHRASED, { ...ann, headers: { "cache-control": "only-if-cached" } });
    expect([again.status, again.headers.get("x-velo-cache")]).toEqual([200, "HIT-SEMANTIC"]);
  });

  test("teaches nothing while learning is off, but still gets the model's answer", async () => {
    const { ask, labels, world: rig } = await world();
    rig.region().switches = { ...rig.region().switches, learnOff: true };
    await rig.clock.advance(61_000);
    await ask(REPHRASED, ann);
    const again = await ask(REPHRASED, ann);
    expect(again.headers.get("x-velo-cache")).toBe("MISS; reason=regenerate");
    expect(await labels()).toEqual([]);
  });
});

describe("other words for it within ten minutes", () => {
  test("count against the row, whose answer is not served again", async () => {
    const { ask, labels, world: rig } = await world();
    const hit = await ask(REPHRASED, ann);
    await rig.clock.advance(9 * 60_000);
    const again = await ask(THIRD, ann);
    expect(again.headers.get("x-velo-cache")).toMatch(/^MISS; reason=asked-again/);
    expect(await labels()).toMatchObject([
      { expId: hit.headers.get("x-velo-decision"), source: "regenerate", correct: 0, weight: 0.7 },
    ]);
  });

  test("are no complaint later, from somebody else, or when they ask for something else", async () => {
    const late = await world();
    await late.ask(REPHRASED, ann);
    await late.world.clock.advance(11 * 60_000);
    await late.ask(THIRD, ann);
    expect(await late.labels()).toEqual([]);
    const other = await world();
    await other.ask(REPHRASED, ann);
    await other.ask(THIRD, bob);
    expect(await other.labels()).toEqual([]);
    const next = await world();
    next.world.alike("Tell me the capital of Spain", REPHRASED, 0.99);
    await next.ask(REPHRASED, ann);
    await next.ask("Tell me the capital of Spain", ann);
    expect(await next.labels()).toEqual([]);
  });

  test("after the model's own answer are no complaint about the cache", async () => {
    const { ask, labels, world: rig } = await world();
    rig.alike("Why does the sky look blue?", "Why is the sky blue?", 0.92);
    await ask("Why is the sky blue?", ann);
    await ask("Why does the sky look blue?", ann);
    expect(await labels()).toEqual([]);
  });
});

describe("what is remembered", () => {
  const ask = (ansId: string, at: number): RecentAsk => ({
    at,
    decision: `d-${ansId}`,
    ansId,
    scope: "s",
    question: "What?",
    handling: "A",
    embedding: null,
    row: null,
    rowAnsId: null,
  });

  test("is bounded: four asks each, a thousand in all, the longest silent asker first out", () => {
    const asks = new RecentAsks();
    for (let i = 0; i < 10; i++) asks.note(askerOf("t", "k", "ann"), ask(`a${i}`, i));
    expect(asks.size).toBe(4);
    expect(asks.same(askerOf("t", "k", "ann"), "a5", 10)).toBeNull();
    expect(asks.same(askerOf("t", "k", "ann"), "a6", 10)).not.toBeNull();
    for (let i = 0; i < 5_000; i++) asks.note(askerOf("t", "k", `user${i}`), ask("a", i));
    expect(asks.size).toBe(1_000);
    expect(asks.same(askerOf("t", "k", "ann"), "a9", 10)).toBeNull();
    expect(asks.same(askerOf("t", "k", "user4999"), "a", 5_000)).not.toBeNull();
  });

  test("is forgotten after ten minutes, by the next one who asks, and when the region purges", async () => {
    const asks = new RecentAsks();
    asks.note(askerOf("t", "k", "ann"), ask("a", 0));
    asks.note(askerOf("t", "k", "bob"), ask("a", 600_000));
    expect(asks.size).toBe(2);
    asks.note(askerOf("t", "k", "bob"), ask("a", 600_001));
    expect(asks.size).toBe(2);
    const { ask: asked, world: rig } = await world();
    await asked(REPHRASED, ann);
    expect(rig.isolate.asks.size).toBe(1);
    rig.region().epoch++;
    await rig.clock.advance(61_000);
    await asked(CAPITAL);
    expect(rig.isolate.asks.size).toBe(0);
  });

  test("belongs to a tenant, and a user is no key of the same name", () => {
    expect(askerOf("t", "ann", undefined).id).not.toBe(askerOf("t", "k", "ann").id);
    expect(askerOf("t", "k", "ann").id).not.toBe(askerOf("u", "k", "ann").id);
    expect(askerOf("t", "k", "")).toEqual({ id: "t|key|k", isPerson: false });
    // A thousand askers with names of a megabyte would fill an isolate.
    expect(askerOf("t", "k", "ann".repeat(100_000)).id.length).toBeLessThan(40);
  });
});

// Answers compared with a second one: what becomes a label, what it costs, and that no user ever notices.
import { describe, expect, test, vi } from "vitest";
import { type KillSwitches } from "../../../../src/durable/report.ts";
import { type TenantSettings } from "../../../../src/durable/tenant.ts";
import { YOUNG_SLICE } from "../../../../src/policy/cache/slice.ts";
import { CAPITAL, FARTHER, REPHRASED, examinedWorld } from "../../../support/examined-world.ts";
import { Examinations } from "../../../../src/worker/isolate.ts";
import { type MemoryRegion } from "../../../support/memory-region.ts";
import { keyOf } from "../../../support/world.ts";

/** 7 tokens at 0.15 and 5 at 0.60 dollars a million. */
const CALL_USD = (7 * 0.15 + 5 * 0.6) / 1e6;

describe("a semantic hit", () => {
  test("is now and then sent to the model too, and the comparison becomes a label that carries its probability", async () => {
    const { world, key, callsOf } = await examinedWorld();
    const hit = await world.ask(REPHRASED, { key: key() });
    expect(hit.headers.get("x-velo-cache")).toBe("HIT-SEMANTIC");
    await world.settleAll();
    expect(callsOf("demo")).toHaveLength(2);
    const { labels, receipts, inserts } = world.reported;
    const decision = hit.headers.get("x-velo-decision")!;
    expect(labels).toEqual([
      {
        labelId: `${decision}:shadow`,
        expId: decision,
        tenant: "acme",
        source: "shadow",
        correct: 1,
        weight: 1,
        rowId: inserts[0]!.id,
        // Cosine 0.97.
        distance: expect.closeTo(Math.sqrt(2 - 2 * 0.97), 3),
        reuse: "served",
        samplingProbability: 0.5,
        costUsd: expect.closeTo(CALL_USD, 12),
      },
    ]);
    expect(receipts.at(-1)!.body["examined"]).toEqual({
      kind: "shadow",
      row: inserts[0]!.id,
      probability: 0.5,
      drawn: true,
    });
  });

  test("gets its answer before the model is asked, and the same one whatever the model says", async () => {
    const plain = await examinedWorld();
    const before = await plain.world.ask(REPHRASED, { key: keyOf("acme") });
    const rig = await examinedWorld();
    const { world, key, callsOf } = rig;
    rig.model = () => ({ text: "Lyon" });
    const since = world.clock.now();
    const hit = await world.ask(REPHRASED, { key: key() });
    // Embedding, index, region and store; no model.
    expect(world.clock.now() - since).toBeLessThan(100);
    expect(callsOf("demo")).toHaveLength(1);
    expect([before.text, hit.text]).toEqual(["Paris", "Paris"]);
    await world.settleAll();
    expect(callsOf("demo")).toHaveLength(2);
  });

  test("is sent as the caller wrote it, with nothing of its own: no stream, no cache field, none of the caller's headers", async () => {
    const { world, key, callsOf } = await examinedWorld();
    const body = {
      stream: true,
      stream_options: { include_usage: true },
      temperature: 0.3,
      cache: { ttl: 60 },
    };
    await world.ask(CAPITAL, { key: key(), body: { temperature: 0.3 } });
    await world.settleAll();
    await world.clock.advance(6_000);
    await world.ask(REPHRASED, { key: key(), body, headers: { "idempotency-key": "once" } });
    await world.settleAll();
    const shadow = callsOf("demo").at(-1)!;
    expect(shadow.json).toEqual({
      model: "velo-demo",
      messages: [{ role: "user", content: REPHRASED }],
      temperature: 0.3,
    });
    expect(JSON.parse(new TextDecoder().decode(shadow.raw))).toEqual(shadow.json);
    expect([...shadow.headers]).toEqual([]);
  });

  test("that was wrong is a negative label, and the next one who asks in these words gets the model's answer", async () => {
    const rig = await examinedWorld();
    const { world, key } = rig;
    // One number in the same few words: rules can tell.
    rig.model = () => ({ text: "12" });
    await world.ask("How many months has a year?", { key: key() });
    await world.settleAll();
    world.alike("Months in a year, how many?", "How many months has a year?", 0.97);
    await world.clock.advance(6_000);
    rig.model = () => ({ text: "13" });
    const hit = await world.ask("Months in a year, how many?", { key: key() });
    expect(hit.text).toContain("12");
    await world.settleAll();
    expect(world.reported.labels).toMatchObject([{ source: "shadow", correct: 0 }]);
    const again = await world.ask("Months in a year, how many?", { key: key() });
    expect(again.headers.get("x-velo-cache")).toBe("HIT-EXACT");
    expect(again.text).toContain("13");
  });

  test("that was right makes a row of its wording that leads to the same answer", async () => {
    const { world, key } = await examinedWorld();
    await world.ask(REPHRASED, { key: key() });
    await world.settleAll();
    const [first, second, ...others] = world.reported.inserts;
    expect(others).toEqual([]);
    expect(second).toMatchObject({
      question: REPHRASED,
      ansId: first!.ansId,
      namespace: first!.namespace,
      fp: first!.fp,
      createdAt: first!.createdAt,
      expiresAt: first!.expiresAt,
    });
    expect(second!.id).not.toBe(first!.id);
    await world.clock.advance(61_000);
    const hit = await world.ask(REPHRASED, { key: key() });
    expect(hit.headers.get("x-velo-cache")).toBe("HIT-SEMANTIC");
    expect(hit.headers.get("x-velo-similarity")).toBe("1.0000");
  });

  test("makes no such row when the answer has gone or changed meanwhile", async () => {
    for (const change of ["gone", "changed"]) {
      const rig = await examinedWorld();
      const { world, key } = rig;
      rig.model = () => {
        const [[name, body]] = [...world.store] as [[string, string]];
        if (change === "gone") world.store.delete(name);
        else world.store.set(name, body.replaceAll("Paris", "Lyons"));
        return { text: "Paris" };
      };
      await world.ask(REPHRASED, { key: key() });
      await world.settleAll();
      expect(world.reported.labels).toMatchObject([{ correct: 1 }]);
      expect(world.reported.inserts).toHaveLength(1);
    }
  });

  interface Change {
    readonly settings?: Partial<TenantSettings>;
    readonly orders?: MemoryRegion["orders"];
    readonly switches?: Partial<KillSwitches>;
    readonly headers?: Readonly<Record<string, string>>;
    readonly body?: Readonly<Record<string, unknown>>;
    readonly draw?: number;
  }
  test.each<[string, Change]>([
    ["the tenant has not allowed it", { settings: { examine: false } }],
    ["the tenant's label budget is used up", { orders: { labelsPaused: ["acme"] } }],
    ["learning is off", { switches: { learnOff: true } }],
    ["the caller wants nothing kept", { headers: { "cache-control": "no-store" } }],
    ["the caller tells the provider to keep nothing", { body: { store: false } }],
    ["the draw is above its probability", { draw: 0.6 }],
  ])("is left alone when %s", async (_why, change) => {
    const {
      settings = {},
      orders = {},
      switches = {},
      headers = {},
      body = {},
      draw = 0.1,
    } = change;
    const { world, key, callsOf } = await examinedWorld();
    world.region().orders = orders;
    world.region().switches = { ...world.region().switches, ...switches };
    await world.clock.advance(61_000);
    world.draws = () => draw;
    const hit = await world.ask(REPHRASED, { key: key(settings), headers, body });
    expect(hit.headers.get("x-velo-cache")).toBe("HIT-SEMANTIC");
    await world.settleAll();
    expect(callsOf("demo")).toHaveLength(1);
    expect(world.reported.labels).toEqual([]);
  });

  test("with personal data in it stays where it is, though the user's own scope may cache it", async () => {
    const { world, key, callsOf } = await examinedWorld({ withJudge: true });
    const [first, second] = [
      "Which plan does ann@example.org have?",
      "Tell me which plan ann@example.org has",
    ];
    world.alike(second, first, 0.97);
    const ask = { key: key({ userScope: true }), body: { user: "ann" } };
    await world.ask(first, ask);
    await world.settleAll();
    await world.clock.advance(6_000);
    await world.ask(second, ask);
    await world.settleAll();
    expect(callsOf("second")).toEqual([]);
    expect(
      callsOf("demo")
        .map(({ json }) => JSON.stringify(json))
        .filter((text) => text.includes("ann@")).length,
    ).toBeLessThanOrEqual(2);
    expect(world.reported.labels).toEqual([]);
  });

  test("counts no more examinations at once than sixteen, and begins again when they are over", async () => {
    const rig = await examinedWorld();
    const { world, key } = rig;
    rig.model = () => ({ text: "Paris", firstByteMs: 5_000 });
    for (let i = 0; i < 20; i++) {
      world.alike(`${REPHRASED} (${"a".repeat(i + 1)})`, CAPITAL, 0.97);
      await world.ask(`${REPHRASED} (${"a".repeat(i + 1)})`, { key: key() });
    }
    expect(world.isolate.examinations.running(world.clock.now())).toBe(16);
    await world.settleAll();
    expect(world.isolate.examinations.running(world.clock.now())).toBe(0);
  });
});

test("examinations that were cancelled with their requests do not count for ever", () => {
  const examinations = new Examinations();
  const ended = examinations.begin(0);
  for (let i = 0; i < 15; i++) examinations.begin(1_000);
  expect(examinations.running(35_000)).toBe(16);
  ended();
  expect(examinations.running(36_000)).toBe(15);
  expect(examinations.running(36_001)).toBe(0);
});

describe("what fails costs a label and nothing else", () => {
  test("a memory of asks and a plan that throw are none of the caller's business", async () => {
    const { world, key } = await examinedWorld();
    const broken = (): never => {
      throw new Error("broken");
    };
    world.isolate.asks.same = broken;
    world.isolate.asks.near = broken;
    world.isolate.asks.note = broken;
    world.isolate.examinations.running = broken;
    const ask = { key: key(), body: { user: "ann" } };
    const hit = await world.ask(REPHRASED, ask);
    expect([hit.status, hit.headers.get("x-velo-cache"), hit.text]).toEqual([
      200,
      "HIT-SEMANTIC",
      "Paris",
    ]);
    const miss = await world.ask("Why is the sky blue?", ask);
    expect([miss.status, miss.text]).toEqual([200, "Paris"]);
    await world.settleAll();
    expect(world.reported.labels).toEqual([]);
    expect(world.isolate.counters.cacheErrors).toBeGreaterThan(0);
  });

  test.each([
    ["the model is down", { error: new Error("connection refused") }, "model-error"],
    ["the model takes 20 s", { text: "Paris", firstByteMs: 20_000 }, "model-timeout"],
    ["the model refuses", { status: 429, body: "{}" }, "model-incomplete"],
    ["the model's answer is cut", { text: "Par", finishReason: "length" }, "model-incomplete"],
    ["the model talks nonsense", { body: "<html>" }, "model-incomplete"],
  ])("%s", async (_what, script, why) => {
    const rig = await examinedWorld();
    const { world, key } = rig;
    rig.model = () => script;
    const hit = await world.ask(REPHRASED, { key: key() });
    expect([hit.status, hit.headers.get("x-velo-cache")]).toEqual([200, "HIT-SEMANTIC"]);
    await world.settleAll();
    expect(world.reported.labels.filter(({ weight }) => weight > 0)).toEqual([]);
    expect(world.isolate.examinations.counts).toMatchObject({ unsure: 1, reasons: { [why]: 1 } });
    expect(world.isolate.examinations.running(world.clock.now())).toBe(0);
  });

  test("money that bought no label is reported as a bill of no weight", async () => {
    const rig = await examinedWorld();
    const { world, key } = rig;
    // Other words for the same: rules cannot tell.
    rig.model = () => ({ text: "The capital is Paris, on the Seine." });
    const hit = await world.ask(REPHRASED, { key: key() });
    await world.settleAll();
    const { labels } = world.reported;
    expect(labels).toEqual([
      {
        labelId: `${hit.headers.get("x-velo-decision")}:shadow`,
        expId: hit.headers.get("x-velo-decision"),
        tenant: "acme",
        source: "shadow",
        correct: 1,
        weight: 0,
        costUsd: expect.closeTo(CALL_USD, 12),
      },
    ]);
  });
});

describe("a row that was nearly served", () => {
  test("is compared with what the model said, without a call of its own", async () => {
    const { world, key, callsOf } = await examinedWorld();
    const miss = await world.ask(FARTHER, { key: key() });
    expect(miss.headers.get("x-velo-cache")).toBe("MISS; reason=distance");
    await world.settleAll();
    expect(callsOf("demo")).toHaveLength(2);
    const [row] = world.reported.inserts;
    expect(world.reported.labels).toMatchObject([
      { correct: 1, source: "shadow", rowId: row!.id, reuse: "refused", samplingProbability: 0.25 },
    ]);
    expect(world.reported.labels[0]).not.toHaveProperty("costUsd");
    // It has a row of its own, with an answer of its own.
    expect(world.reported.inserts.map(({ question }) => question)).toEqual([CAPITAL, FARTHER]);
  });

  test("is left alone when a guard refused it: that is no matter of estimates", async () => {
    const { world, key } = await examinedWorld();
    world.alike("What is the capital of Spain?", CAPITAL, 0.97);
    await world.ask("What is the capital of Spain?", { key: key() });
    await world.settleAll();
    expect(world.reported.labels).toEqual([]);
    expect(world.reported.receipts.at(-1)!.body["examined"]).toBeNull();
  });

  test("is left alone where it lies far away", async () => {
    const { world, key } = await examinedWorld();
    world.alike("Which city is the seat of the French government?", CAPITAL, 0.7);
    await world.ask("Which city is the seat of the French government?", { key: key() });
    await world.settleAll();
    expect(world.reported.labels).toEqual([]);
  });

  test("in a closed slice is withheld and compared; the user gets the model's answer", async () => {
    const rig = await examinedWorld();
    const { world, key } = rig;
    world.region().orders = { slicesOff: ["acme/en"], slices: { "acme/en": YOUNG_SLICE } };
    await world.clock.advance(61_000);
    rig.model = () => ({ text: "paris." });
    const miss = await world.ask(REPHRASED, { key: key() });
    expect(miss.headers.get("x-velo-cache")).toBe("MISS; reason=slice-closed");
    expect(miss.text).toContain("paris.");
    await world.settleAll();
    expect(world.reported.labels).toMatchObject([{ correct: 1, reuse: "withheld" }]);
    // Repeats are no estimate: they go on.
    await world.clock.advance(6_000);
    const exact = await world.ask(CAPITAL, { key: key() });
    expect(exact.headers.get("x-velo-cache")).toBe("HIT-EXACT");
  });

  test("in observe mode shows what serving would have been like", async () => {
    const { world, key } = await examinedWorld();
    await world.ask(REPHRASED, { key: key({ serve: "observe" }) });
    await world.settleAll();
    expect(world.reported.labels).toMatchObject([{ correct: 1, reuse: "withheld" }]);
  });

  test("is compared by rules alone when the label budget is used up: that costs nothing, and a closed slice can open again", async () => {
    for (const [fresh, labels] of [
      ["paris.", [{ source: "shadow", correct: 1 }]],
      ["The capital is Paris, on the Seine.", []],
    ] as const) {
      const rig = await examinedWorld({ withJudge: true });
      const { world, key, callsOf } = rig;
      world.region().orders = { labelsPaused: ["acme"], slicesOff: ["acme/en"] };
      await world.clock.advance(61_000);
      rig.model = () => ({ text: fresh });
      await world.ask(REPHRASED, { key: key() });
      await world.settleAll();
      expect(callsOf("second")).toEqual([]);
      expect(world.reported.labels).toMatchObject(labels);
      expect(world.reported.labels).toHaveLength(labels.length);
    }
  });

  test("whose answer is gone gives no label", async () => {
    const { world, key } = await examinedWorld();
    world.store.clear();
    await world.clock.advance(61_000);
    await world.ask(FARTHER, { key: key() });
    await world.settleAll();
    expect(world.reported.labels).toEqual([]);
  });
});

test("an answer with notes is compared with the model's plain one, which is kept as a miss's would be", async () => {
  const rig = await examinedWorld();
  const { world, key, callsOf } = rig;
  world.region().orders = { notesShare: { "acme/en": 1 } };
  await world.clock.advance(61_000);
  const ask = { key: key({ augment: true }) };
  const reply = await world.ask(FARTHER, ask);
  expect(reply.headers.get("x-velo-cache")).toBe("AUGMENTED");
  await world.settleAll();
  const [, withNotes, plain] = callsOf("demo");
  expect(JSON.stringify(withNotes!.json)).toContain("Reference notes");
  expect(plain!.json["messages"]).toEqual([{ role: "user", content: FARTHER }]);
  expect(world.reported.labels).toMatchObject([
    { correct: 1, plain: 1, reuse: "served", notes: { arm: "C", probability: 1, lang: "en" } },
  ]);
  expect(world.reported.labels[0]!.noteRows).toEqual(
    world.reported.inserts.map(({ id }) => id).slice(0, 1),
  );
  expect(world.reported.labels[0]).not.toHaveProperty("rowId");
  expect(world.reported.uses).toMatchObject([
    { handling: "C", expId: reply.headers.get("x-velo-decision") },
  ]);
  const again = await world.ask(FARTHER, ask);
  expect(again.headers.get("x-velo-cache")).toBe("HIT-EXACT");
});

describe("an answer with notes and the plain one", () => {
  const told = async (
    withJudge: boolean,
    answers: readonly [noted: string, plain: string],
    judge = "",
  ) => {
    const rig = await examinedWorld({ withJudge });
    const { world, key } = rig;
    world.region().orders = { notesShare: { "acme/en": 1 } };
    await world.clock.advance(61_000);
    rig.model = ({ json }) => ({
      text: JSON.stringify(json).includes("Reference notes") ? answers[0] : answers[1],
    });
    // It knows which one is right, wherever it stands.
    rig.judge = ({ json }) => {
      const [system, user] = (json["messages"] as readonly { readonly content: string }[]).map(
        ({ content }) => content,
      );
      const place = /CANDIDATE: ANSWER (\d)/.exec(system!)![1];
      const candidate = user!.split(` ANSWER ${place}\n> `)[1]!;
      return { text: `{"verdict":"${candidate.startsWith(judge) ? "accept" : "reject"}"}` };
    };
    await world.ask(FARTHER, { key: key({ augment: true }) });
    await world.settleAll();
    return world.reported.labels.map(({ correct, plain, weight }) => [correct, plain, weight]);
  };

  test("are both judged, each beside the other: notes may have made it better, or worse", async () => {
    expect(await told(true, ["Paris, on the Seine", "I do not know"], "Paris")).toEqual([
      [1, 0, 1],
    ]);
    expect(await told(true, ["I do not know", "Paris, on the Seine"], "Paris")).toEqual([
      [0, 1, 1],
    ]);
    expect(await told(true, ["In 1789", "In 1790"], "In 1789")).toEqual([[1, 0, 1]]);
  });

  test("are judged within the 30 s that waitUntil has, though model and judge are slow", async () => {
    const rig = await examinedWorld({ withJudge: true });
    const { world, key } = rig;
    world.region().orders = { notesShare: { "acme/en": 1 } };
    await world.clock.advance(61_000);
    rig.model = ({ json }) =>
      JSON.stringify(json).includes("Reference notes")
        ? { text: "In 1789" }
        : { text: "In 1790", firstByteMs: 17_000 };
    rig.judge = () => ({ text: '{"verdict":"reject"}', firstByteMs: 8_000 });
    await world.ask(FARTHER, { key: key({ augment: true }) });
    await world.clock.advance(29_000);
    expect(world.reported.labels).toMatchObject([{ source: "judge", correct: 0, plain: 0 }]);
  });

  test("that rules find different count as nothing gained", async () => {
    expect(await told(false, ["In 1789", "In 1790"])).toEqual([[0, 0, 1]]);
  });

  test("that contradict each other and are both accepted tell nothing", async () => {
    expect(await told(true, ["In 1789", "In 1790"], "In")).toEqual([[1, undefined, 0]]);
  });
});

test("no word of a question or an answer is logged, nor stands in a label", async () => {
  const lines: unknown[] = [];
  const methods = ["log", "info", "warn", "error", "debug"] as const;
  const spies = methods.map((name) =>
    vi.spyOn(console, name).mockImplementation((...args) => void lines.push(...args)),
  );
  const rig = await examinedWorld({ withJudge: true });
  const { world, key } = rig;
  const [first, second] = [
    "Where does the kanarienvogel live?",
    "In which place does the kanarienvogel live?",
  ];
  world.alike(second, first, 0.97);
  for (const judge of ['{"verdict":"accept"}', '{"verdict":"reject"}', "kanarienvogel"]) {
    rig.model = (call) => ({ text: `A kanarienvogel lives there. ${call.signal.aborted}` });
    rig.judge = () => ({ text: judge });
    await world.ask(first, { key: key(), headers: { "cache-control": "no-cache" } });
    await world.settleAll();
    rig.model = () => ({ text: "It is a cage that the kanarienvogel calls its home." });
    await world.clock.advance(61_000);
    await world.ask(second, { key: key() });
    await world.settleAll();
  }
  for (const spy of spies) spy.mockRestore();
  expect(world.reported.labels.length).toBeGreaterThan(0);
  expect(JSON.stringify(world.reported.labels)).not.toContain("kanarienvogel");
  expect(JSON.stringify(world.isolate.examinations)).not.toContain("kanarienvogel");
  expect(lines).toEqual([]);
});

// A change of the embedder: the gateway over a real region object's core, both with the same store. Another embedder is
// another space (here: the same numbers in reverse order, so that distances inside each are alike and between them mean
// nothing), and the job moves what was cached.
import { describe, expect, test, vi } from "vitest";
import { REGION_SETTINGS } from "../../../src/durable/region-core.ts";
import { encodeFloats } from "../../../src/policy/half.ts";
import { type StoredAnswer, answerIdOf, vectorIdOf } from "../../../src/worker/lookup/entries.ts";
import { type MovingPorts, moveRows } from "../../../src/worker/re-embedding.ts";
import { MemoryIndex } from "../../support/memory-index.ts";
import { newRig } from "../../support/node-rig.ts";
import { Crash, Fault, insertOf, reportOf, useOf } from "../../support/region-rig.ts";
import { World, keyOf } from "../../support/world.ts";

/** Every crash point takes seconds: each is tried when CRASH_STRIDE is 1. */
const STRIDE = Number(process.env["CRASH_STRIDE"] ?? 4);
const CAPITAL = "What is the capital of France?";
const REPHRASED = "Which city is the capital of France?";
const BOIL = "At what temperature does water boil?";

function setUp({ reembedding = REGION_SETTINGS.reembedding } = {}) {
  const rig = newRig({ reembedding });
  const world = new World({ dimensions: 768 });
  world.alike(REPHRASED, CAPITAL, 0.97);
  const start = world.clock.now();
  rig.now = start;
  let space = "embedder/a";
  const refused = new Set<string>();
  let interruption: (() => Promise<void>) | null = null;
  const isDown = { embedder: false };
  const embed: MovingPorts["embed"] = async (texts) => {
    const work = interruption;
    interruption = null;
    await work?.();
    if (isDown.embedder || texts.some((text) => refused.has(text))) throw new Error("refused");
    return texts.map((text) => {
      const vector = world.vectorOf(text);
      return space === "embedder/a" ? vector : vector.toReversed();
    });
  };
  /** Namespaces of rows that came back to the gateway. */
  const candidates: string[] = [];
  const namespaces = new Map<string, string>();
  const made = world.ports.bind(world);
  world.ports = (...args) => {
    const ports = made(...args);
    return {
      ...ports,
      embedder: { ...ports.embedder, id: space, space },
      embed,
      index: {
        async query(vector, options) {
          const index = new MemoryIndex(768);
          for (const { id, namespace, values, metadata } of rig.index.vectors.values()) {
            const meta = metadata as Record<string, string | number>;
            index.upsert(
              insertOf(id, {
                tenant: String(meta["t"]),
                namespace: namespace!,
                ansId: String(meta["ansId"]),
                fp: String(meta["fp"]),
                lang: String(meta["lang"]),
                question: String(meta["q"]),
                createdAt: Number(meta["at"]),
                expiresAt: Number(meta["exp"]),
                vector: Buffer.from(Float32Array.from(values).buffer).toString("base64"),
              }),
            );
          }
          const found = await index.query(vector, options);
          for (const match of found.matches) candidates.push(match.namespace!);
          return found;
        },
      },
      answers: {
        get: async (key) => rig.objects.objects.get(key) ?? null,
        put: async (key, body) => void rig.objects.objects.set(key, body),
      },
      link: () => ({
        report: async (report) => {
          for (const { embedder, namespace } of report.inserts)
            namespaces.set(namespace, embedder!);
          return rig.core.report(report);
        },
        sync: async (cursor) => rig.core.sync(cursor),
      }),
    };
  };
  const settle = async () => {
    await world.settleAll();
    await rig.settle(1);
    await world.clock.advance(rig.now - world.clock.now());
  };
  const ask = async (question: string, how: Parameters<World["ask"]>[1] = {}) => {
    await world.clock.advance(61_000);
    rig.now = world.clock.now();
    const { result, text } = await world.ask(question, how);
    await settle();
    return `${result} ${text}`;
  };
  const ports = (): MovingPorts => ({
    embedder: { ...world.ports(world.isolate, world.clock.wait).embedder },
    embed,
    hmac: world.hmac,
    answers: { get: async (key) => rig.objects.objects.get(key) ?? null },
    now: () => rig.now,
  });
  return {
    rig,
    world,
    ask,
    refused,
    isDown,
    ports,
    settle,
    /** Runs something once while questions are being embedded. */
    meanwhile: (work: () => Promise<void>) => {
      interruption = work;
    },
    switchTo: (to: string) => {
      space = to;
      world.isolate = new world.source.Isolate();
      candidates.length = 0;
    },
    /** Whose rows the index gave since the last switch. */
    seen: () => new Set(candidates.map((namespace) => namespaces.get(namespace))),
    pass: async () => {
      const region = {
        takeMoves: (to: string) => rig.core.takeMoves(to),
        settleMoves: (result: Parameters<typeof rig.core.settleMoves>[0]) => {
          for (const { insert } of result.moves) namespaces.set(insert.namespace, insert.embedder!);
          return rig.core.settleMoves(result);
        },
      };
      await world.clock.advance(Math.max(0, rig.now - world.clock.now()));
      const moved = await moveRows(region, ports());
      await settle();
      return moved;
    },
    /** Wordings in the book, with their spaces. */
    rows: () =>
      rig
        .rows<{ embedder: string; uses: number; id: string }>(
          "SELECT embedder, uses, id FROM entry ORDER BY uses DESC",
        )
        .map(({ embedder, uses }) => `${embedder} ${uses}`),
    answers: () =>
      [...rig.objects.objects.entries()]
        .filter(([key]) => key.startsWith("a/"))
        .map(([, body]) => JSON.parse(body) as StoredAnswer),
  };
}

type Scene = ReturnType<typeof setUp>;

/** Two questions answered and cached under the first embedder, one of them asked in other words too. */
async function cached(options: Parameters<typeof setUp>[0] = {}): Promise<Scene> {
  const scene = setUp(options);
  expect(await scene.ask(CAPITAL)).toBe(`MISS Answer to: ${CAPITAL}`);
  expect(await scene.ask(BOIL)).toBe(`MISS Answer to: ${BOIL}`);
  expect(await scene.ask(REPHRASED)).toBe(`HIT-SEMANTIC Answer to: ${CAPITAL}`);
  return scene;
}

describe("after a change of the embedder", () => {
  test("nothing is found until the job has moved it, then everything; never a row of the other space", async () => {
    const scene = await cached();
    scene.switchTo("embedder/b");
    expect(await scene.pass()).toBe(2);
    expect(scene.rows()).toEqual(["embedder/b 2", "embedder/b 1"]);
    expect(scene.answers().map(({ embedder }) => embedder)).toEqual(["embedder/b", "embedder/b"]);
    expect(await scene.ask(REPHRASED)).toBe(`HIT-SEMANTIC Answer to: ${CAPITAL}`);
    expect(await scene.ask(BOIL)).toBe(`HIT-EXACT Answer to: ${BOIL}`);
    expect(scene.world.model.calls).toHaveLength(2);
    expect(scene.seen()).toEqual(new Set(["embedder/b"]));
    expect(await scene.pass()).toBe(0);
    expect(scene.rig.core.live().reembedding).toMatchObject({
      to: "embedder/b",
      moved: 2,
      evicted: 0,
      finishedAt: expect.any(Number),
    });
    expect(scene.rig.errors).toEqual([]);
  });

  test("what was one tenant's, user's, namespace's or conversation's own is so afterwards too", async () => {
    const scene = setUp();
    const system = (content: string) => [
      { role: "system", content },
      { role: "user", content: CAPITAL },
    ];
    const scoped = keyOf("scoped", { userScope: true });
    const owners: readonly Parameters<typeof scene.ask>[1][] = [
      { key: keyOf("acme") },
      { key: keyOf("other") },
      { key: scoped, body: { user: "ann" } },
      { key: scoped, body: { user: "bob" } },
      { key: keyOf("acme"), headers: { "x-velo-cache": "namespace=n" } },
      { key: keyOf("acme"), body: { messages: system("Be brief.") } },
      { key: keyOf("acme"), region: "eu" },
    ];
    let answers = 0;
    scene.world.model.script = () => ({ text: `answer ${answers++}` });
    for (const [i, owner] of owners.entries())
      expect(await scene.ask(CAPITAL, owner)).toBe(`MISS answer ${i}`);
    scene.switchTo("embedder/b");
    expect(await scene.pass()).toBe(owners.length);
    for (const [i, owner] of owners.entries())
      expect(await scene.ask(CAPITAL, owner)).toBe(`HIT-EXACT answer ${i}`);
    for (const [i, owner] of owners.entries()) {
      const messages = [
        ...((owner?.body?.["messages"] as readonly unknown[] | undefined)?.slice(0, -1) ?? []),
        { role: "user", content: REPHRASED },
      ];
      const rephrased = { ...owner, body: { ...owner?.body, messages } };
      expect(await scene.ask(REPHRASED, rephrased)).toBe(`HIT-SEMANTIC answer ${i}`);
    }
    const strangers: typeof owners = [
      { key: keyOf("third") },
      { key: scoped, body: { user: "eve" } },
      { key: keyOf("acme"), headers: { "x-velo-cache": "namespace=m" } },
      { key: keyOf("acme"), body: { messages: system("Be long.") } },
      { key: keyOf("acme"), region: "asia" },
    ];
    for (const stranger of strangers) expect(await scene.ask(CAPITAL, stranger)).toMatch(/^MISS/);
  });

  test("a question asked before the job is a miss, and its new answer is not replaced by the old one", async () => {
    const scene = await cached();
    scene.switchTo("embedder/b");
    scene.world.model.script = () => ({ text: "a newer answer" });
    expect(await scene.ask(CAPITAL)).toBe("MISS a newer answer");
    await scene.pass();
    scene.switchTo("embedder/b");
    expect(await scene.ask(CAPITAL)).toBe("HIT-EXACT a newer answer");
    expect(scene.rows()).toHaveLength(2);
    expect(scene.seen()).toEqual(new Set(["embedder/b"]));
  });

  test("it goes back the same way, under the ids of before", async () => {
    const scene = await cached();
    const before = scene.rig.rows("SELECT id, ans_id FROM entry ORDER BY id");
    scene.switchTo("embedder/b");
    await scene.pass();
    scene.switchTo("embedder/a");
    expect(await scene.pass()).toBe(2);
    expect(scene.rig.rows("SELECT id, ans_id FROM entry ORDER BY id")).toEqual(before);
    expect(await scene.ask(REPHRASED)).toBe(`HIT-SEMANTIC Answer to: ${CAPITAL}`);
    expect(scene.seen()).toEqual(new Set(["embedder/a"]));
  });
});

describe("the job", () => {
  test("moves another wording of an answer with it, and keeps how often each was used", async () => {
    const scene = await cached();
    const wording = "France's capital?";
    const scope = scene.answers().find(({ question }) => question === CAPITAL)!;
    const asked = await answerIdOf(scene.world.hmac, scope, wording);
    const insert = insertOf(await vectorIdOf(scene.world.hmac, scope.tenant, asked), {
      ...scope,
      fp: scope.fingerprint.slice(0, 26),
      question: wording,
      vector: encodeFloats(scene.world.vectorOf(wording)),
      embedder: "embedder/a",
    });
    scene.rig.core.report(reportOf({ inserts: [insert] }));
    await scene.settle();
    scene.switchTo("embedder/b");
    expect(await scene.pass()).toBe(3);
    expect(scene.rows()).toEqual(["embedder/b 2", "embedder/b 1", "embedder/b 1"]);
    expect(scene.answers()).toHaveLength(2);
    expect(await scene.ask(wording)).toBe(`HIT-SEMANTIC Answer to: ${CAPITAL}`);
  });

  test("interrupted at any step, moves everything once when it goes on, and loses nothing", async () => {
    const steps = new Fault();
    const first = await cached();
    first.switchTo("embedder/b");
    first.rig.setFault(steps);
    await first.pass();
    first.rig.setFault(new Fault());
    expect(steps.steps).toBeGreaterThan(20);
    const runs = Array.from({ length: steps.steps }, (_, i) => i + 1).filter(
      (at) => at % STRIDE === 0,
    );
    for (const at of runs) {
      const scene = await cached();
      scene.switchTo("embedder/b");
      scene.rig.setFault(new Fault(at));
      try {
        await scene.pass();
      } catch (error) {
        if (!(error instanceof Crash)) throw error;
      }
      scene.rig.setFault(new Fault());
      scene.rig.restart();
      await scene.settle();
      await scene.pass();
      expect([at, scene.rows()]).toEqual([at, ["embedder/b 2", "embedder/b 1"]]);
      expect(scene.answers().map(({ embedder }) => embedder)).toEqual(["embedder/b", "embedder/b"]);
      expect(await scene.ask(REPHRASED)).toBe(`HIT-SEMANTIC Answer to: ${CAPITAL}`);
      expect(scene.rig.core.state.value.reembedding?.pending).toEqual([]);
    }
  });

  test.each([
    "while it is embedded",
    "before its answer is written",
    "while its answer is written",
    "after a crash in between",
  ])("a purge of the old row %s leaves nothing of it", async (when) => {
    const scene = await cached();
    const [{ id } = { id: "" }] = scene.rig.rows<{ id: string }>(
      "SELECT id FROM entry WHERE uses = 2",
    );
    scene.switchTo("embedder/b");
    const purge = () => scene.rig.core.invalidate("acme", [id]);
    let written = 0;
    const put = scene.rig.objects.put.bind(scene.rig.objects);
    if (when === "while it is embedded") scene.meanwhile(async () => void (await purge()));
    else
      scene.rig.objects.put = async (key, body) => {
        const isFirst = key.startsWith("a/") && body.includes(CAPITAL);
        if (isFirst && when === "before its answer is written") await purge();
        await put(key, body);
        if (isFirst && when === "while its answer is written") await purge();
        if (isFirst && when === "after a crash in between") scene.rig.setFault(new Fault(1));
      };
    let crashed = false;
    try {
      await scene.pass();
    } catch (error) {
      crashed = error instanceof Crash;
      scene.rig.setFault(new Fault());
      scene.rig.restart();
      // Under its old key and under the new one.
      written = scene.answers().filter(({ question }) => question === CAPITAL).length;
      await purge();
    }
    expect([crashed, written]).toEqual(
      when === "after a crash in between" ? [true, 2] : [false, 0],
    );
    expect(scene.answers().filter(({ question }) => question === CAPITAL)).toEqual([]);
    scene.rig.objects.put = put;
    await scene.settle();
    await scene.pass();
    expect(scene.answers().map(({ question }) => question)).toEqual([BOIL]);
    expect(scene.rows()).toEqual(["embedder/b 1"]);
    expect(await scene.ask(CAPITAL)).toMatch(/^MISS/);
  });

  test.each(["while it is embedded", "while its answer is written", "after a crash in between"])(
    "a row that is called wrong %s is not moved",
    async (when) => {
      const scene = await cached();
      const [{ id } = { id: "" }] = scene.rig.rows<{ id: string }>(
        "SELECT id FROM entry WHERE uses = 2",
      );
      scene.switchTo("embedder/b");
      const label = {
        labelId: "l",
        expId: "e",
        tenant: "acme",
        source: "shadow",
        weight: 1,
        correct: 0,
        rowId: id,
        distance: 0.2,
      } as const;
      const blame = () => void scene.rig.core.report(reportOf({ labels: [label] }));
      const put = scene.rig.objects.put.bind(scene.rig.objects);
      if (when === "while it is embedded") scene.meanwhile(async () => blame());
      else
        scene.rig.objects.put = async (key, body) => {
          await put(key, body);
          if (!key.startsWith("a/") || !body.includes(CAPITAL)) return;
          if (when === "after a crash in between") scene.rig.setFault(new Fault(1));
          else blame();
        };
      let [crashed, written, moved] = [false, 0, 0];
      try {
        moved = await scene.pass();
      } catch (error) {
        crashed = error instanceof Crash;
        scene.rig.setFault(new Fault());
        scene.rig.restart();
        // Under its old key and under the new one.
        written = scene.answers().filter(({ question }) => question === CAPITAL).length;
        blame();
        await scene.settle();
        moved = await scene.pass();
      }
      expect([crashed, written, moved]).toEqual(
        when === "after a crash in between" ? [true, 2, 1] : [false, 0, 1],
      );
      scene.rig.objects.put = put;
      await scene.settle();
      await scene.pass();
      expect(scene.rows()).toEqual(["embedder/b 1"]);
      expect(scene.answers().map(({ question }) => question)).toEqual([BOIL]);
      expect(await scene.ask(REPHRASED)).toMatch(/^MISS/);
    },
  );

  test("a purge by the row's former id reaches the row that it became", async () => {
    const scene = await cached();
    const [{ id } = { id: "" }] = scene.rig.rows<{ id: string }>(
      "SELECT id FROM entry WHERE uses = 2",
    );
    for (const space of ["embedder/b", "embedder/c"]) {
      scene.switchTo(space);
      await scene.pass();
    }
    expect(await scene.rig.core.invalidate("other tenant", [id])).toBe(0);
    expect(await scene.rig.core.invalidate("acme", [id])).toBe(1);
    await scene.settle();
    expect(scene.answers().map(({ question }) => question)).toEqual([BOIL]);
  });

  test("waits for an embedder that is down; a text that it alone refuses is given up", async () => {
    const scene = await cached();
    scene.switchTo("embedder/b");
    scene.isDown.embedder = true;
    await expect(scene.pass()).rejects.toThrow("refused");
    expect(scene.rows()).toEqual(["embedder/a 2", "embedder/a 1"]);
    scene.isDown.embedder = false;
    scene.refused.add(BOIL);
    scene.rig.now += 180_000;
    expect(await scene.pass()).toBe(1);
    expect(scene.rows()).toEqual(["embedder/b 2"]);
    expect(scene.rig.core.live().reembedding).toMatchObject({ moved: 1, evicted: 1 });
  });

  test("comes to an end where the embedder refuses every question that is left", async () => {
    const scene = await cached();
    scene.switchTo("embedder/b");
    for (const question of [CAPITAL, BOIL]) scene.refused.add(question);
    await scene.pass();
    await scene.pass();
    expect(scene.rows()).toEqual([]);
    expect(scene.rig.core.live().reembedding?.finishedAt).not.toBeNull();
  });

  test("takes long answers a few at a time", async () => {
    const scene = setUp();
    const questions = Array.from({ length: 11 }, (_, i) => `What is the meaning of word ${i}?`);
    scene.world.model.script = () => ({ text: "long ".repeat(100_000) });
    for (const question of questions) await scene.ask(question);
    scene.switchTo("embedder/b");
    const settled = vi.spyOn(scene.rig.core, "settleMoves");
    expect(await scene.pass()).toBe(11);
    expect(settled.mock.calls.map(([{ moves }]) => moves.length)).toEqual([10, 1]);
    expect(scene.rig.core.live().reembedding).toMatchObject({ moved: 11, evicted: 0 });
  });

  test("moves no row that anybody called wrong, that is about to expire, or whose answer is not its own", async () => {
    const scene = await cached();
    const [{ id } = { id: "" }] = scene.rig.rows<{ id: string }>(
      "SELECT id FROM entry WHERE uses = 2",
    );
    const label = {
      labelId: "l",
      expId: "e",
      tenant: "acme",
      source: "shadow",
      weight: 1,
    } as const;
    scene.rig.core.report(
      reportOf({
        labels: [{ ...label, correct: 0, rowId: id, distance: 0.2 }],
        inserts: [
          insertOf("short", { embedder: "embedder/a", expiresAt: scene.rig.now + 60_000 }),
          insertOf("unknown"),
          insertOf("planted", { tenant: "acme", embedder: "embedder/a" }),
        ],
      }),
    );
    const [[key, body] = ["", ""]] = scene.rig.objects.objects;
    scene.rig.objects.objects.set("a/acme/ans-planted", body);
    expect(key).not.toBe("a/acme/ans-planted");
    await scene.settle();
    scene.switchTo("embedder/b");
    expect(await scene.pass()).toBe(1);
    await scene.pass();
    expect(scene.rows()).toEqual(["embedder/b 1"]);
    expect(scene.answers().map(({ question }) => question)).toEqual([BOIL]);
  });

  test("stops at its limits: the most used rows first, and the rest are evicted", async () => {
    const scene = await cached({ reembedding: { maxRows: 1, maxUsd: 1 } });
    scene.switchTo("embedder/b");
    await scene.pass();
    await scene.pass();
    expect(scene.rows()).toEqual(["embedder/b 2"]);
    expect(scene.rig.core.live().reembedding).toMatchObject({ moved: 1, evicted: 1 });
  });

  test("rows that cannot move take no other's place among those that may", async () => {
    const scene = await cached({ reembedding: { maxRows: 1, maxUsd: 1 } });
    const inserts = [
      insertOf("short", { embedder: "embedder/a", expiresAt: scene.rig.now + 60_000 }),
    ];
    const uses = ["one", "two", "three"].map((expId) => useOf("short", expId));
    scene.rig.core.report(reportOf({ inserts, uses }));
    await scene.settle();
    scene.switchTo("embedder/b");
    await scene.pass();
    expect(scene.rows()).toEqual(["embedder/b 2"]);
  });

  test("spends no more than a day's money in a day", async () => {
    const scene = await cached({ reembedding: { maxRows: 9, maxUsd: 1e-9 } });
    scene.switchTo("embedder/b");
    await scene.pass();
    const { costUsd } = scene.rig.core.live().reembedding!;
    // For each of two rows two reads, one write, 2.1 rows written, and some 10 tokens.
    expect(costUsd).toBeGreaterThan(2 * (4.5e-6 + 2 * 0.36e-6 + 2.1e-6));
    expect(costUsd).toBeLessThan(20e-6);
    scene.switchTo("embedder/a");
    expect(await scene.pass()).toBe(0);
    scene.rig.now += 86_400_000;
    expect(await scene.pass()).toBe(2);
  });

  test("looks again when an isolate of the previous release still stores rows", async () => {
    const scene = await cached();
    scene.switchTo("embedder/b");
    await scene.pass();
    await scene.pass();
    scene.switchTo("embedder/a");
    await scene.ask("How long is a marathon?");
    scene.switchTo("embedder/b");
    expect(await scene.pass()).toBe(1);
  });

  test("of two crons at once one does nothing", async () => {
    const scene = await cached();
    const first = await scene.rig.core.takeMoves("embedder/b");
    expect(first.rows).toHaveLength(2);
    expect((await scene.rig.core.takeMoves("embedder/b")).rows).toEqual([]);
    const stranger = { token: "another", moves: [], gone: first.rows, costUsd: 0 };
    expect(await scene.rig.core.settleMoves(stranger)).toBe(0);
    expect(scene.rows()).toHaveLength(2);
  });
});

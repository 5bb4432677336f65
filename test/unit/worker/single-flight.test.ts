// Identical requests at once share one model call, and nobody is worse off for it.
import { describe, expect, test } from "vitest";
import { type FlightEvent, Flights, beat, follow } from "../../../src/worker/single-flight.ts";
import { type StoredAnswer } from "../../../src/worker/lookup/entries.ts";
import { type BodyReader } from "../../support/reply.ts";
import { VirtualClock } from "../../support/virtual-clock.ts";
import { type Ask, World, keyOf } from "../../support/world.ts";

const QUESTION = "What is the capital of France?";
const answer = (text: string) => ({ text }) as StoredAnswer;

describe("a flight", () => {
  const start = () => {
    const clock = new VirtualClock(0);
    const flights = new Flights();
    const leader = flights.lead("key", 0);
    const collect = async (timeoutMs: number) => {
      const events: FlightEvent[] = [];
      for await (const event of follow(leader.flight, clock.now, clock.wait, timeoutMs))
        events.push(event);
      return events;
    };
    const events = (timeoutMs = 1_000) => clock.run(collect(timeoutMs));
    return { clock, flights, leader, events };
  };

  test("gives followers the pieces in order, also those from before they came, then the answer", async () => {
    const { clock, leader, events } = start();
    leader.piece("Pa");
    void clock.wait(50).then(() => leader.piece("ris"));
    void clock.wait(100).then(() => leader.done(answer("Paris")));
    expect(await events()).toEqual([
      { type: "piece", text: "Pa" },
      { type: "piece", text: "ris" },
      { type: "done", answer: answer("Paris") },
    ]);
  });

  test("gives the whole text as a piece when the leader's answer came in one", async () => {
    const { leader, events } = start();
    leader.done(answer("Paris"));
    expect(await events()).toEqual([
      { type: "piece", text: "Paris" },
      { type: "done", answer: answer("Paris") },
    ]);
  });

  test("releases its followers within 100 ms of the leader's failure", async () => {
    const { clock, leader, events } = start();
    void beat(leader.flight, clock.now, clock.wait);
    void clock.wait(200).then(() => leader.failed());
    expect(await events()).toEqual([{ type: "failed" }]);
    expect(clock.now()).toBeLessThanOrEqual(300);
  });

  test("notices a leader that is gone without a word", async () => {
    const { clock, flights, events } = start();
    expect(await events()).toEqual([{ type: "failed" }]);
    expect(clock.now()).toBeLessThanOrEqual(500);
    expect(flights.running("key", clock.now())).toBeNull();
  });

  test("keeps followers no longer than their patience while nothing comes, and while pieces come as long as it takes", async () => {
    const silent = start();
    void beat(silent.leader.flight, silent.clock.now, silent.clock.wait);
    expect(await silent.events(500)).toEqual([{ type: "timeout" }]);
    expect(silent.clock.now()).toBeLessThanOrEqual(530);

    const slow = start();
    void beat(slow.leader.flight, slow.clock.now, slow.clock.wait);
    for (let i = 1; i <= 5; i++) void slow.clock.wait(i * 400).then(() => slow.leader.piece("x"));
    void slow.clock.wait(2_100).then(() => slow.leader.done(answer("xxxxx")));
    expect((await slow.events(500)).at(-1)).toEqual({ type: "done", answer: answer("xxxxx") });
  });

  test("of a leader that vanished is forgotten, though nobody asks the same again", () => {
    const flights = new Flights();
    for (let i = 0; i < 1_000; i++) flights.lead(`key ${i}`, 10_000 * i);
    expect(flights.size).toBeLessThanOrEqual(65);
  });

  test("belongs to one key, and ends once", () => {
    const { flights, leader } = start();
    expect(flights.running("other", 0)).toBeNull();
    leader.failed();
    leader.done(answer("late"));
    expect(leader.flight.state).toBe("failed");
    expect(flights.size).toBe(0);
  });
});

describe("at the gateway", () => {
  const together = (world: World, asks: readonly Ask[]) =>
    world.clock.run(Promise.all(asks.map((ask) => world.begin(QUESTION, ask))));

  test("500 identical requests are one model call and 500 answers in either shape", async () => {
    const world = new World();
    const asks = Array.from({ length: 500 }, (_, i) => ({ body: { stream: i % 2 === 0 } }));
    for (const order of [asks, asks.toReversed()]) {
      world.isolate = new world.source.Isolate();
      world.store.clear();
      world.index.rows.clear();
      world.model.calls.length = 0;
      const replies = await together(world, order);
      expect(world.model.calls).toHaveLength(1);
      expect(new Set(replies.map(({ text }) => text))).toEqual(new Set([`Answer to: ${QUESTION}`]));
      expect(new Set(replies.map(({ finishReason }) => finishReason))).toEqual(new Set(["stop"]));
      expect(replies.filter(({ reason }) => reason === "coalesced")).toHaveLength(499);
      await world.settleAll();
      expect(world.isolate.flights.size).toBe(0);
    }
  });

  test("followers stream while the leader streams", async () => {
    const world = new World();
    world.model.script = () => ({ text: "one two three four five", pieceMs: 200 });
    const [leader, follower] = await together(world, [
      { body: { stream: true } },
      { body: { stream: true } },
    ]);
    expect(follower!.text).toBe(leader!.text);
    expect(follower!.firstMs).toBeLessThan(leader!.firstMs + 300);
    expect(follower!.totalMs).toBeGreaterThan(1_000);
  });

  test("requests that differ in anything that shapes the answer do not meet", async () => {
    const world = new World();
    const asks: Ask[] = [
      {},
      { body: { max_tokens: 5 } },
      { body: { temperature: 0.5 } },
      {
        body: {
          messages: [
            { role: "system", content: "Be brief." },
            { role: "user", content: QUESTION },
          ],
        },
      },
      { key: keyOf("rival") },
      { key: keyOf("scoped", { userScope: true }), body: { user: "ann" } },
      { key: keyOf("scoped", { userScope: true }), body: { user: "bob" } },
      { region: "eu" },
      { headers: { "x-velo-cache": "namespace=other" } },
      { headers: { "cache-control": "no-cache" } },
    ];
    const replies = await together(world, asks);
    expect(world.model.calls).toHaveLength(asks.length);
    expect(replies.map(({ reason }) => reason)).not.toContain("coalesced");
  });

  test("an answer that is not to be stored is shared with nobody", async () => {
    for (const own of [{ headers: { "x-velo-cache": "no-store" } }, { body: { store: false } }]) {
      const world = new World();
      const replies = await together(world, [own, own, {}]);
      expect(replies.map(({ result }) => result)).toEqual(["MISS", "MISS", "MISS"]);
      expect((await together(world, [{}, own]))[1]!.result).toBe("HIT-EXACT");
      await world.settleAll();
    }
  });

  test("a tenant that only observes gets an answer of its own for every request", async () => {
    const world = new World();
    const key = keyOf("acme", { serve: "observe" });
    const replies = await together(world, [{ key }, { key }]);
    expect(world.model.calls).toHaveLength(2);
    expect(replies.map(({ result }) => result)).toEqual(["MISS", "MISS"]);
  });

  test("an error of the leader's is not the followers': one of them asks again", async () => {
    const world = new World();
    let calls = 0;
    world.model.script = () => (calls++ === 0 ? { status: 500, body: "{}" } : { text: "Paris" });
    const replies = await together(world, [{}, {}, {}]);
    expect(replies.map(({ status }) => status)).toEqual([500, 200, 200]);
    expect(replies.map(({ text }) => text)).toEqual(["", "Paris", "Paris"]);
    expect(calls).toBe(2);
  });

  test("an answer that was cut by its length ends for everybody as it did for the leader", async () => {
    const world = new World();
    world.model.script = () => ({ text: "one two three", finishReason: "length" });
    const body = { max_tokens: 5 };
    const replies = await together(world, [
      { body: { ...body, stream: true } },
      { body: { ...body, stream: true } },
      { body },
    ]);
    for (const reply of replies)
      expect(reply).toMatchObject({ text: "one two three", finishReason: "length", error: null });
    expect(world.model.calls).toHaveLength(1);
    await world.settleAll();
    expect(world.store.size).toBe(0);
  });

  test("a follower who asks the model after all is a miss in its headers, receipt and outcome", async () => {
    const world = new World();
    let calls = 0;
    world.model.script = () =>
      calls++ === 0 ? { text: "one two three", breaksAfter: 3 } : { text: "Paris" };
    const [, follower] = await together(world, [{ body: { stream: true } }, {}]);
    expect(follower).toMatchObject({ text: "Paris", result: "MISS", reason: "no-match" });
    await world.settleAll();
    const id = follower!.headers.get("x-velo-decision");
    expect(world.reported.outcomes.find(({ expId }) => expId === id)).toMatchObject({
      kind: "MISS",
      tokensOut: 5,
    });
    expect(world.reported.receipts.findLast((receipt) => receipt.id === id)!.body["kind"]).toBe(
      "MISS",
    );
  });

  test("a leader whose connection is lost at the platform is replaced after half a second", async () => {
    const world = new World();
    let isDead = false;
    const never = new Promise<never>(() => {});
    const dying = async (ms: number, signal?: AbortSignal) => {
      await world.clock.wait(ms, signal);
      if (isDead) await never;
    };
    void world.open(QUESTION, {}, dying);
    await world.clock.advance(50);
    const follower = world.begin(QUESTION);
    await world.clock.advance(100);
    isDead = true;
    const reply = await world.clock.run(follower);
    expect(reply).toMatchObject({ status: 200, text: `Answer to: ${QUESTION}` });
    expect(world.model.calls).toHaveLength(2);
    expect(reply.firstMs).toBeLessThan(1_000);
  });

  test("a leader who leaves does not break the stream of those who follow", async () => {
    const world = new World();
    world.model.script = () => ({ text: "one two three four five", pieceMs: 100 });
    const connection = new AbortController();
    let reader: BodyReader | undefined;
    const leader = world.begin(QUESTION, {
      body: { stream: true },
      signal: connection.signal,
      onReader: (opened) => {
        reader = opened;
      },
    });
    const follower = world.begin(QUESTION, { body: { stream: true } });
    await world.clock.advance(650);
    connection.abort(new Error("the client left"));
    void reader?.cancel();
    await leader;
    const reply = await world.clock.run(follower);
    expect(reply).toMatchObject({
      text: "one two three four five",
      finishReason: "stop",
      error: null,
    });
    expect(world.model.calls).toHaveLength(1);
    await world.settleAll();
  });

  test("a leader who leaves when the platform drops the response unread keeps nobody waiting", async () => {
    for (const leftMs of [310, 330]) {
      const world = new World();
      const connection = new AbortController();
      const follower = world.clock
        .wait(20)
        .then(() => world.begin(QUESTION, { body: { stream: leftMs > 320 } }));
      // Its response is never read, and never cancelled.
      const response = world.open(QUESTION, { signal: connection.signal });
      await world.clock.advance(leftMs);
      connection.abort(new Error("the client left"));
      const reply = await world.clock.run(follower);
      expect(reply).toMatchObject({ text: `Answer to: ${QUESTION}`, error: null });
      expect(reply.totalMs).toBeLessThan(1_500);
      await response;
      await world.settleAll();
    }
  });

  test("a client who leaves is not waited for, but where the tenant asks, its answer is read on and stored", async () => {
    const world = new World();
    world.model.script = () => ({ text: "one two three four five", pieceMs: 100 });
    const key = keyOf("acme", { finishForCache: true });
    const connection = new AbortController();
    const reply = world.begin(QUESTION, {
      key,
      signal: connection.signal,
      body: { stream: true },
      onReader: (reader) => {
        connection.abort(new Error("the client left"));
        void reader.cancel();
      },
    });
    await world.clock.run(reply);
    await world.settleAll();
    expect(world.model.stopped).toBe(0);
    expect(world.reported.outcomes.map(({ result }) => result)).toEqual(["client_abort"]);
    await world.clock.advance(6_000);
    expect(await world.ask(QUESTION, { key })).toMatchObject({
      result: "HIT-EXACT",
      text: "one two three four five",
    });
  });

  test("a leader who leaves alone stops the model", async () => {
    const world = new World();
    world.model.script = () => ({ text: "one two three four five", pieceMs: 100 });
    const connection = new AbortController();
    const reply = world.begin(QUESTION, {
      body: { stream: true },
      signal: connection.signal,
      onReader: (reader) => {
        connection.abort(new Error("the client left"));
        void reader.cancel();
      },
    });
    expect((await world.clock.run(reply)).text).toBe("");
    await world.settleAll();
    expect(world.model.stopped).toBe(1);
    expect(world.store.size).toBe(0);
  });
});

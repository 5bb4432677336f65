// What becomes of the calls that `velo/auto` makes: who is asked next, what each is told, and what is learned from them.
import { describe, expect, test, vi } from "vitest";
import { believed, forecastsOf } from "../../../src/durable/backend-state.ts";
import { type ModelCall } from "../../../src/worker/ports.ts";
import { type Script } from "../../support/scripted-model.ts";
import { World, keyOf } from "../../support/world.ts";

type Fields = Readonly<Record<string, unknown>>;
const backend = (name: string, price: number, auto: Fields, more: Fields = {}) => ({
  name,
  kind: "openai",
  baseUrl: "http://127.0.0.1:9/v1",
  models: [
    { id: `${name}-model`, inputUsdPerMillionTokens: 0, outputUsdPerMillionTokens: price, auto },
  ],
  ...more,
});
/** 5 s and 0.003 USD for 300 tokens; the cheap one 1.7 s and 0.0003 USD. */
const GOOD = { quality: 0.9, firstTokenSeconds: 2, secondsPerToken: 0.01 };
const CHEAP = { quality: 0.5, firstTokenSeconds: 0.2, secondsPerToken: 0.005 };
const UPSTREAMS = [backend("good", 10, GOOD), backend("cheap", 1, CHEAP)];
const stream = { body: { model: "velo/auto", stream: true, temperature: 1 } };
const whole = { body: { model: "velo/auto", temperature: 1 } };
/** The cache may take part. */
const CACHED = { body: { model: "velo/auto" } };

function newWorld(upstreams: readonly unknown[] = UPSTREAMS, routing: Fields = {}) {
  const world = new World({ config: { upstreams, routing } });
  const scriptOf: Record<string, Script> = {};
  world.model.script = ({ upstream: { name } }: ModelCall) => ({
    text: `by ${name}`,
    ...scriptOf[name],
  });
  const asked = () => world.model.calls.map(({ upstream }) => upstream.name);
  const health = (name: string) => {
    const { state } = world.isolate.desk("region/us/0").backendsAt(world.clock.now());
    return state.health[`${name}/${name}-model`] ?? null;
  };
  const failures = async (name: string) => {
    await world.settleAll();
    return health(name)?.failures ?? 0;
  };
  return { world, scriptOf, asked, failures };
}
const backendOf = ({ headers }: { readonly headers: Headers }) => headers.get("x-velo-backend");

const BROKEN: Script = { status: 500, body: '{"error":{"message":"broken"}}' };
const TOOL_CALL = [
  { tool_calls: [{ index: 0, id: "c", type: "function", function: { name: "f", arguments: "" } }] },
  { tool_calls: [{ index: 0, function: { arguments: "{}" } }] },
  {},
].map(
  (delta, i) =>
    `data: ${JSON.stringify({ choices: [{ index: 0, delta, finish_reason: i === 2 ? "tool_calls" : null }] })}\n\n`,
);
const EVENTS = { headers: { "content-type": "text/event-stream" } };

describe("the calls of a request for velo/auto", () => {
  test("each go out under a key of their own, and the same ones when the request comes again", async () => {
    const { world, scriptOf } = newWorld();
    scriptOf["good"] = BROKEN;
    const headers = { "idempotency-key": "k1" };
    const keys = () => world.model.calls.map((call) => call.headers.get("idempotency-key"));
    await world.ask("once", { ...stream, headers });
    expect(keys()).toEqual(["k1-good-model", "k1-cheap-model"]);
    await world.ask("once", { ...stream, headers });
    expect(keys().slice(2)).toEqual(["k1-good-model", "k1-cheap-model"]);
    await world.ask("named", { body: { model: "cheap-model" }, headers });
    expect(keys().at(-1)).toBe("k1");
    expect(world.model.calls.slice(0, 2).map(({ json }) => json["model"])).toEqual([
      "good-model",
      "cheap-model",
    ]);
  });

  test("go on to the next where one fails, which is told, blamed and learned from", async () => {
    const { world, scriptOf, asked, failures } = newWorld();
    const observe = vi.spyOn(world.isolate.selection(world.config), "observe");
    scriptOf["good"] = BROKEN;
    const reply = await world.ask("failing", stream);
    expect([asked(), reply.text, backendOf(reply)]).toEqual([
      ["good", "cheap"],
      "by cheap",
      "cheap/cheap-model",
    ]);
    expect(reply.headers.get("x-velo-routing")).toContain("tried=good/good-model");
    expect([await failures("good"), await failures("cheap")]).toEqual([1, 0]);
    expect(observe.mock.calls.map(([outcome]) => outcome)).toMatchObject([
      { backend: "good/good-model", succeeded: false, cost: 0 },
      // 5 tokens at 1 USD per million
      { backend: "cheap/cheap-model", succeeded: true, cost: 5e-6, outputTokens: 5 },
    ]);
  });

  test("end with the error of the one that gave an answer, under its name", async () => {
    const { world, scriptOf } = newWorld();
    scriptOf["good"] = BROKEN;
    scriptOf["cheap"] = { error: new Error("no connection") };
    const reply = await world.ask("failing", stream);
    expect([reply.status, backendOf(reply)]).toEqual([500, "good/good-model"]);
    expect(reply.headers.get("x-velo-routing")).toContain(
      "tried=good/good-model,cheap/cheap-model",
    );
  });

  test("say where they went when none came to anything", async () => {
    const { world, scriptOf } = newWorld();
    scriptOf["good"] = scriptOf["cheap"] = { error: new Error("no connection") };
    const reply = await world.ask("failing", stream);
    expect([reply.status, backendOf(reply)]).toEqual([502, "cheap/cheap-model"]);
    expect(reply.headers.get("x-velo-routing")).toContain(
      "tried=good/good-model,cheap/cheap-model",
    );
    const poor = await world.ask("x", { ...stream, headers: { "x-velo-max-cost-usd": "1e-9" } });
    expect([poor.status, backendOf(poor)]).toEqual([402, "none"]);
    const silent = keyOf("silent", { decisionHeaders: false });
    expect(backendOf(await world.ask("failing", { ...stream, key: silent }))).toBeNull();
  });

  test("are named in full, however long their names are", async () => {
    const long = ["good", "cheap"].map((name) => `${name}${"-".repeat(80)}`);
    const { world, scriptOf } = newWorld([
      backend(long[0]!, 10, GOOD),
      backend(long[1]!, 1, CHEAP),
    ]);
    for (const name of long) scriptOf[name] = BROKEN;
    const tried = (await world.ask("failing", stream)).headers.get("x-velo-routing");
    expect(tried).toMatch(new RegExp(`tried=${long.map((n) => `${n}/${n}-model`).join(",")}$`));
  });

  test("take a place until they end", async () => {
    const { world, asked } = newWorld([
      backend("good", 10, { ...GOOD, maxConcurrent: 1 }),
      backend("cheap", 1, CHEAP),
    ]);
    await world.clock.run(
      Promise.all([world.begin("first", stream), world.begin("second", stream)]),
    );
    expect(asked()).toEqual(["good", "cheap"]);
    await world.ask("third", stream);
    expect(asked()).toEqual(["good", "cheap", "good"]);
  });

  test("cost what was read for them also where they were given up", async () => {
    const slow = backend("good", 10, GOOD, { firstByteTimeoutMs: 1_000 });
    const priced = { ...slow, models: [{ ...slow.models[0]!, inputUsdPerMillionTokens: 100 }] };
    const { world, scriptOf, asked } = newWorld([priced, UPSTREAMS[1]!]);
    scriptOf["good"] = { firstByteMs: 60_000 };
    await world.ask("12345678", stream);
    await world.settleAll();
    expect(asked()).toEqual(["good", "cheap"]);
    const { costUsd } = world.reported.outcomes[0]!;
    // 2 tokens or so of the prompt at 100 USD, and 5 of the answer at 1 USD per million.
    expect(costUsd).toBeGreaterThan(100e-6);
    expect(costUsd).toBeLessThan(1_000e-6);
  });
});

describe("an answer", () => {
  test("in one piece is no failure, and shows how long its tokens took", async () => {
    const { world, scriptOf, failures } = newWorld();
    // The first token is taken to come after 2 s, as usual: the other second is for 100 tokens.
    scriptOf["good"] = { firstByteMs: 3_000, usage: { prompt_tokens: 7, completion_tokens: 100 } };
    for (let i = 0; i < 3; i++) await world.ask(`question ${i}`, whole);
    expect(await failures("good")).toBe(0);
    const now = world.clock.now();
    const { state } = world.isolate.desk("region/us/0").backendsAt(now);
    const known = believed(state, "good/good-model", GOOD, now);
    expect(known.failureShare).toBe(0);
    expect(known.secondsPerToken?.mean).toBeCloseTo(0.01, 3);
  });

  test.each([
    [
      "a tool call as a stream",
      { body: `${TOOL_CALL.join("")}data: [DONE]\n\n`, ...EVENTS },
      stream,
    ],
    ["a refusal as a stream", { message: { refusal: "I cannot" } }, stream],
    ["a tool call in one piece", { message: { tool_calls: [{ id: "c" }] } }, whole],
    ["a text without a finish reason, but with [DONE]", { finishReason: null }, stream],
    [
      "a page that is no answer",
      { body: "<html>", headers: { "content-type": "text/html" } },
      whole,
    ],
  ] as const)("that is %s closes no backend", async (_, script, ask) => {
    const { world, scriptOf, failures } = newWorld();
    scriptOf["good"] = script;
    for (let i = 0; i < 12; i++) {
      const key = keyOf(i % 2 === 0 ? "a" : "b");
      const reply = await world.ask(`question ${i}`, { ...ask, key });
      expect([reply.status, backendOf(reply)]).toEqual([200, "good/good-model"]);
    }
    expect(await failures("good")).toBe(0);
  });

  test("of several choices says how long one of them is, and one of unknown length nothing", async () => {
    const { world, scriptOf } = newWorld();
    const lengthOf = async () => {
      await world.settleAll();
      const { state } = world.isolate.desk("region/us/0").backendsAt(world.clock.now());
      return forecastsOf(state).view("good/good-model");
    };
    scriptOf["good"] = { body: `${TOOL_CALL.join("")}data: [DONE]\n\n`, ...EVENTS };
    await world.ask("a tool", stream);
    expect(await lengthOf()).toBeNull();
    scriptOf["good"] = { usage: { prompt_tokens: 7, completion_tokens: 1_000 } };
    for (let i = 0; i < 30; i++)
      await world.ask(`question ${i}`, { body: { ...whole.body, n: 10 } });
    const { meanTokens: tokens } = (await lengthOf())!;
    expect(tokens).toBeGreaterThan(90);
    expect(tokens).toBeLessThan(150);
    const usd = () => {
      const routing = world.reported.receipts.at(-1)!.body["routing"] as Record<string, number>;
      return routing["predictedUsd"]!;
    };
    const ofTen = usd();
    await world.ask("a single one", whole);
    await world.settleAll();
    expect(ofTen / usd()).toBeCloseTo(10, 0);
  });

  test.each([
    ["stops in the middle", { finishReason: null, done: false }],
    ["breaks off", { breaksAfter: 2 }],
    [
      "tells of an error",
      { body: 'data: {"error":{"message":"no"}}\n\ndata: [DONE]\n\n', ...EVENTS },
    ],
  ] as const)("that %s is a failure", async (_, script) => {
    const { world, scriptOf, failures } = newWorld();
    scriptOf["good"] = script;
    await world.ask("question", stream);
    expect(await failures("good")).toBe(1);
  });

  test("bears one model's name, whether it is made, shared or stored", async () => {
    const { world } = newWorld();
    const modelOf = ({ body }: { readonly body: string }) => /"model":"([^"]*)"/.exec(body)?.[1];
    for (const isStream of [false, true]) {
      const ask = { body: { model: "velo/auto", stream: isStream } };
      const question = `what is a cache ${isStream}`;
      const [made, shared] = await world.clock.run(
        Promise.all([world.begin(question, ask), world.begin(question, ask)]),
      );
      await world.settleAll();
      const stored = await world.ask(question, ask);
      expect([made.result, shared.reason, stored.result]).toEqual([
        "MISS",
        "coalesced",
        "HIT-EXACT",
      ]);
      expect([made, shared, stored].map(modelOf)).toEqual(Array(3).fill("upstream-model"));
    }
  });
});

describe("a limit", () => {
  const orderOf = (world: World) =>
    world.model.calls.at(-1)!.plan!.order.map(({ upstream }) => upstream.name);

  test("of the caller's cannot raise the tenant's price", async () => {
    const { world } = newWorld();
    const key = keyOf("thrifty", { maxCostUsd: 0.001 });
    await world.ask("x", { ...stream, key, headers: { "x-velo-max-cost-usd": "1" } });
    expect(orderOf(world)).toEqual(["cheap"]);
  });

  test("of the configuration's holds for price and deadline where nobody says another", async () => {
    const cheap = newWorld(UPSTREAMS, { maxCostUsd: 0.001 });
    await cheap.world.ask("x", stream);
    expect(orderOf(cheap.world)).toEqual(["cheap"]);
    const hurried = newWorld(UPSTREAMS, { deadlineMs: 5_000 });
    await hurried.world.ask("x", stream);
    expect(orderOf(hurried.world)).toEqual(["cheap", "good"]);
    const { deadlineMs } = hurried.world.model.calls[0]!.plan!;
    expect(deadlineMs! > 4_000 && deadlineMs! <= 5_000).toBe(true);
    await hurried.world.ask("y", { ...stream, headers: { "x-velo-deadline-ms": "60000" } });
    expect(orderOf(hurried.world)).toEqual(["good", "cheap"]);
  });

  test("of time counts from the request's arrival", async () => {
    const { world } = newWorld();
    const headers = { "x-velo-deadline-ms": "20000" };
    await world.ask("at once", { ...stream, headers });
    expect(orderOf(world)).toEqual(["good", "cheap"]);
    await world.ask("later", { ...stream, headers, receivedAt: world.clock.now() - 15_000 });
    expect(orderOf(world)).toEqual(["cheap", "good"]);
    expect(world.model.calls.at(-1)!.plan!.deadlineMs).toBeLessThanOrEqual(5_000);
  });

  test.each(["velo/auto", "cheap-model"])(
    "of time that is over when %s would be called calls nobody",
    async (model) => {
      const { world, asked } = newWorld();
      const headers = { "x-velo-deadline-ms": "4000" };
      const late = { headers, receivedAt: world.clock.now() - 5_000 };
      const reply = await world.ask("late", { body: { model, temperature: 1 }, ...late });
      expect([reply.status, reply.error, asked()]).toEqual([504, "upstream_timeout", []]);
      await world.settleAll();
      expect(world.reported.receipts.at(-1)!.body["upstream"]).toBeNull();
      expect(world.reported.outcomes.map(({ result }) => result)).toEqual(["upstream_error"]);
    },
  );

  test("of price counts every answer that is asked for", async () => {
    const { world } = newWorld();
    const headers = { "x-velo-max-cost-usd": "0.004" };
    await world.ask("one", { ...stream, headers });
    expect(orderOf(world)).toEqual(["good", "cheap"]);
    await world.ask("ten", { body: { ...stream.body, n: 10 }, headers });
    // 10 x 0.003 USD, and 10 x 0.0003
    expect(orderOf(world)).toEqual(["cheap"]);
  });

  test.each([-1, -1e12, 0])("of %d tokens is none, and harms nobody else", async (maxTokens) => {
    const limited = { ...GOOD, tokensPerMinute: 10_000, contextWindow: 1_000 };
    const { world } = newWorld([backend("good", 10, limited), UPSTREAMS[1]!]);
    const ask = { body: { ...stream.body, max_tokens: maxTokens }, key: keyOf("odd") };
    expect(backendOf(await world.ask("odd", ask))).toBe("good/good-model");
    const other = await world.ask("even", { ...stream, key: keyOf("other") });
    expect(backendOf(other)).toBe("good/good-model");
    expect(other.headers.get("x-velo-routing")).not.toContain("infeasible");
  });
});

describe("requests that ask the same at the same time", () => {
  test("wait for each other no longer than their deadline", async () => {
    const { world, scriptOf, asked } = newWorld();
    scriptOf["good"] = { firstByteMs: 20_000 };
    for (const isStream of [false, true]) {
      const ask = { body: { model: "velo/auto", stream: isStream } };
      const question = `the same ${isStream}`;
      const before = asked().length;
      const leader = world.begin(question, ask);
      const hurried = world.begin(question, { ...ask, headers: { "x-velo-deadline-ms": "1000" } });
      const [first, second] = await world.clock.run(Promise.all([leader, hurried]));
      expect([first.status, second.status, second.error]).toEqual([200, 504, "upstream_timeout"]);
      expect(second.totalMs).toBeGreaterThanOrEqual(1_000);
      expect(second.totalMs).toBeLessThan(1_020);
      expect(asked().length).toBe(before + 1);
      await world.settleAll();
    }
  });

  test("are told to the end what has begun before the deadline", async () => {
    const { world, scriptOf } = newWorld();
    scriptOf["good"] = { firstByteMs: 500, pieceMs: 400, text: "a long answer of many pieces" };
    const ask = { body: { model: "velo/auto", stream: true } };
    const leader = world.begin("the same", ask);
    const hurried = world.begin("the same", { ...ask, headers: { "x-velo-deadline-ms": "1500" } });
    const [first, second] = await world.clock.run(Promise.all([leader, hurried]));
    expect([second.reason, second.text]).toEqual(["coalesced", first.text]);
  });

  test("do not get what one of them got at its own price", async () => {
    const { world } = newWorld();
    const headers = { "x-velo-max-cost-usd": "0.001" };
    const thrifty = world.begin("the same", { ...CACHED, headers });
    const usual = world.begin("the same", CACHED);
    const replies = await world.clock.run(Promise.all([thrifty, usual]));
    expect(replies.map(({ text }) => text)).toEqual(["by cheap", "by good"]);
  });

  test("are written down as answered by no upstream but the first one's", async () => {
    const { world } = newWorld();
    await world.clock.run(
      Promise.all([world.begin("the same", CACHED), world.begin("the same", CACHED)]),
    );
    await world.settleAll();
    const { receipts } = world.reported;
    const coalesced = receipts.filter(({ body }) => body["reason"] === "coalesced");
    expect(coalesced.map(({ body }) => [body["upstream"], body["routing"]])).toEqual([
      [null, undefined],
    ]);
  });
});

describe("the cache of velo/auto", () => {
  test("writes down no upstream where none was to be called", async () => {
    const { world, asked } = newWorld();
    const headers = { "cache-control": "only-if-cached" };
    expect((await world.ask("x", { ...CACHED, headers })).status).toBe(504);
    await world.settleAll();
    expect(asked()).toEqual([]);
    expect(world.reported.receipts.map(({ body }) => body["upstream"])).toEqual([null]);
  });

  test("keeps the answer of the best that could have answered", async () => {
    const small = newWorld([backend("good", 10, { ...GOOD, contextWindow: 400 }), UPSTREAMS[1]!]);
    const long = `${"why is the sky blue ".repeat(40)}?`;
    const results = [];
    for (let i = 0; i < 2; i++) {
      results.push((await small.world.ask(long, CACHED)).result);
      await small.world.settleAll();
    }
    expect([results, small.asked()]).toEqual([["MISS", "HIT-EXACT"], ["cheap"]]);
    // All of a tenant have its price.
    const { world, asked } = newWorld();
    const key = keyOf("thrifty", { maxCostUsd: 0.001 });
    await world.ask("why is the sky blue?", { ...CACHED, key });
    await world.settleAll();
    expect((await world.ask("why is the sky blue?", { ...CACHED, key })).result).toBe("HIT-EXACT");
    expect(asked()).toEqual(["cheap"]);
  });

  test("saves nothing for who would not have paid for a call", async () => {
    const { world } = newWorld();
    await world.ask("why is the sky blue?", CACHED);
    await world.settleAll();
    const headers = { "x-velo-max-cost-usd": "1e-9" };
    const hit = await world.ask("why is the sky blue?", { ...CACHED, headers });
    await world.settleAll();
    expect([hit.result, world.reported.outcomes.at(-1)!.savedUsd]).toEqual(["HIT-EXACT", 0]);
  });

  test("is judged by nobody while its best backend is away", async () => {
    const { world, scriptOf, asked } = newWorld([UPSTREAMS[1]!, UPSTREAMS[0]!]);
    const [asks, again] = ["How many months has a year?", "Months in a year, how many?"];
    world.alike(again, asks, 0.97);
    // The policy's own choice, and whatever may be examined is.
    world.draws = () => 0.1;
    const key = keyOf("acme", { examine: true });
    await world.ask(asks, { ...CACHED, key });
    await world.settleAll();
    await world.clock.advance(6_000);
    scriptOf["good"] = BROKEN;
    for (let i = 0; i < 6; i++) await world.ask(`other ${i}`, { ...stream, key });
    await world.settleAll();
    const before = asked().length;
    expect((await world.ask(again, { ...CACHED, key })).result).toBe("HIT-SEMANTIC");
    await world.settleAll();
    expect([asked().length - before, world.reported.labels]).toEqual([0, []]);
    expect(world.isolate.examinations.counts.reasons).toEqual({ "model-other": 1 });
  });
});

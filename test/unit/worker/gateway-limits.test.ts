// What a caller's own words and the request's limits do to the cache, and what must never enter it.
import { describe, expect, test } from "vitest";
import { type Script } from "../../support/scripted-model.ts";
import { type Ask, World, keyOf } from "../../support/world.ts";

const CAPITAL = "What is the capital of France?";
const REPHRASED = "Tell me the capital of France";

async function answered(ask: Ask = {}): Promise<World> {
  const world = new World();
  world.alike(REPHRASED, CAPITAL, 0.97);
  await world.ask(CAPITAL, ask);
  await world.settleAll();
  await world.clock.advance(6_000);
  return world;
}

describe("cache controls", () => {
  test("no-cache reads nothing, yet its answer replaces the old one", async () => {
    const world = await answered();
    world.model.script = () => ({ text: "a newer answer" });
    const headers = { "cache-control": "no-cache" };
    for (const prompt of [CAPITAL, REPHRASED])
      expect(await world.ask(prompt, { headers })).toMatchObject({
        result: "MISS",
        reason: "no-cache",
        text: "a newer answer",
      });
    await world.settleAll();
    expect(await world.ask(CAPITAL)).toMatchObject({ result: "HIT-EXACT", text: "a newer answer" });
  });

  test("no-store serves from the cache and leaves nothing in it", async () => {
    const world = await answered();
    const headers = { "cache-control": "no-store" };
    expect((await world.ask(CAPITAL, { headers })).result).toBe("HIT-EXACT");
    await world.ask("Who wrote Faust?", { headers });
    await world.settleAll();
    expect((await world.ask("Who wrote Faust?")).result).toBe("MISS");
    expect(world.store.size).toBe(1);
  });

  test("store: false is as good as no-store", async () => {
    const world = new World();
    await world.ask(CAPITAL, { body: { store: false } });
    await world.settleAll();
    expect([world.store.size, world.index.rows.size]).toEqual([0, 0]);
  });

  test("max-age refuses what is older, exact or not", async () => {
    const world = await answered();
    await world.clock.advance(4_000);
    const within = (seconds: number) => ({ headers: { "cache-control": `max-age=${seconds}` } });
    expect((await world.ask(CAPITAL, within(60))).result).toBe("HIT-EXACT");
    await world.clock.advance(60_000);
    const none = { "cache-control": "max-age=60, no-store" };
    expect(await world.ask(CAPITAL, { headers: none })).toMatchObject({
      result: "MISS",
      reason: "max-age",
    });
    expect(await world.ask(REPHRASED, { headers: none })).toMatchObject({
      result: "MISS",
      reason: "guard:expiry",
    });
  });

  test("ttl shortens the life of an answer, and ttl=0 stores nothing", async () => {
    const world = await answered({ headers: { "x-velo-cache": "ttl=10" } });
    await world.clock.advance(3_000);
    const headers = { "x-velo-cache": "no-store" };
    expect((await world.ask(CAPITAL, { headers })).result).toBe("HIT-EXACT");
    await world.clock.advance(2_000);
    expect((await world.ask(CAPITAL, { headers })).result).toBe("MISS");
    const none = await answered({ headers: { "x-velo-cache": "ttl=0" } });
    expect(none.store.size).toBe(0);
  });

  test("only-if-cached gets 504 instead of a model call", async () => {
    const world = await answered();
    const headers = { "cache-control": "only-if-cached" };
    expect((await world.ask(CAPITAL, { headers })).status).toBe(200);
    expect(await world.ask("Who wrote Faust?", { headers })).toMatchObject({
      status: 504,
      error: "not_cached",
    });
    expect(world.model.calls).toHaveLength(1);
  });

  test("the cache object works and never reaches the model; the rest arrives as it was sent", async () => {
    const world = new World();
    const body = { top_p: 0.3, cache: { "no-store": true, namespace: "n" } };
    await world.ask(CAPITAL, { body });
    await world.settleAll();
    expect(world.store.size).toBe(0);
    const sent = JSON.parse(new TextDecoder().decode(world.model.calls[0]!.raw)) as unknown;
    expect(sent).toEqual({
      model: "velo-demo",
      messages: [{ role: "user", content: CAPITAL }],
      top_p: 0.3,
    });
  });
});

describe("a stored answer that does not fit the request", () => {
  test("is not served when it has more tokens than asked for", async () => {
    const world = await answered();
    for (const field of ["max_tokens", "max_completion_tokens"])
      for (const prompt of [CAPITAL, REPHRASED])
        for (const [limit, expected] of [
          [4, "MISS max-tokens"],
          [5, prompt === CAPITAL ? "HIT-EXACT " : "HIT-SEMANTIC "],
        ] as const) {
          const { result, reason } = await world.ask(prompt, {
            body: { [field]: limit },
            headers: { "x-velo-cache": "no-store" },
          });
          expect(`${result} ${reason}`).toBe(expected);
        }
  });

  test("is not served as JSON when it is none", async () => {
    for (const [text, result] of [
      ["no JSON", "MISS"],
      ['{"capital":"Paris"}', "HIT-EXACT"],
    ] as const) {
      const world = new World();
      world.model.script = () => ({ text });
      const body = { response_format: { type: "json_object" } };
      await world.ask(CAPITAL, { body });
      await world.settleAll();
      expect((await world.ask(CAPITAL, { body })).result).toBe(result);
    }
  });
});

describe("what the cache leaves alone", () => {
  test.each([
    ["an unknown field", { surprise: 1 }, "field:surprise"],
    ["tools", { tools: [{ type: "function", function: { name: "f" } }] }, "tools"],
    ["several choices", { n: 2 }, "field:n"],
  ])("%s: forwarded byte for byte, looked up nowhere", async (_what, fields, reason) => {
    const world = new World();
    // Spaces and an order of fields that no JSON.stringify would give.
    const raw = `{ "messages":[{"content":"${CAPITAL}", "role":"user"}],\n "model":"velo-demo", ${JSON.stringify(fields).slice(1)}`;
    const reply = await world.ask(CAPITAL, { raw });
    expect(reply).toMatchObject({ result: "BYPASS", reason });
    expect(new TextDecoder().decode(world.model.calls[0]!.raw)).toBe(raw);
    await world.settleAll();
    expect([world.store.size, world.embedded.length, world.index.queries]).toEqual([0, 0, 0]);
  });

  test("history is matched exactly, never by meaning", async () => {
    const world = new World();
    const history = (last: string, earlier = "hello") => ({
      body: {
        messages: [
          { role: "user", content: "hi" },
          { role: "assistant", content: earlier },
          { role: "user", content: last },
        ],
      },
    });
    world.alike(REPHRASED, CAPITAL, 0.99);
    await world.ask("", history(CAPITAL));
    await world.settleAll();
    expect(await world.ask("", history(CAPITAL))).toMatchObject({ result: "HIT-EXACT" });
    expect(await world.ask("", history(REPHRASED))).toMatchObject({
      result: "MISS",
      reason: "history",
    });
    expect(await world.ask("", history(CAPITAL, "good day"))).toMatchObject({ result: "MISS" });
    expect(world.embedded).toHaveLength(0);
  });

  test.each<[string, Script]>([
    ["cut by length", { text: "Par", finishReason: "length" }],
    ["filtered", { text: "Par", finishReason: "content_filter" }],
    ["without a finish reason", { text: "Par", finishReason: null }],
    ["a refusal", { text: "", message: { refusal: "I cannot." } }],
    [
      "a tool call",
      { text: "", message: { tool_calls: [{ id: "1" }] }, finishReason: "tool_calls" },
    ],
    ["empty", { text: "" }],
    ["an error", { status: 500, body: '{"error":{"message":"no","code":"oops"}}' }],
    ["an error with status 200", { body: '{"error":{"message":"no","code":"oops"}}' }],
  ])("an answer that is %s is passed on and not stored", async (_what, script) => {
    for (const stream of [true, false]) {
      const world = new World();
      world.model.script = () => script;
      const reply = await world.ask(CAPITAL, { body: { stream } });
      expect(reply.status).toBe(script.status ?? 200);
      expect(script.body === undefined ? reply.text : reply.body).toBe(script.body ?? script.text);
      await world.settleAll();
      expect([world.store.size, world.index.rows.size]).toEqual([0, 0]);
    }
  });

  test("a stream that breaks or has no [DONE] is passed on as far as it came and not stored", async () => {
    for (const script of [
      { text: "Paris", breaksAfter: 2 },
      { text: "Paris", done: false },
    ]) {
      const world = new World();
      world.model.script = () => script;
      const reply = await world.ask(CAPITAL, { body: { stream: true } });
      expect(reply.text).toMatch(/^Pari/);
      expect(reply.body).not.toContain("[DONE]");
      expect(reply.error).toBe(script.done === false ? null : "internal_error");
      await world.settleAll();
      expect([world.store.size, world.index.rows.size]).toEqual([0, 0]);
    }
  });

  test("personal data is cached for nobody but the user it belongs to", async () => {
    const prompt = "Is ann@example.com a valid address?";
    const world = new World();
    expect(await world.ask(prompt)).toMatchObject({
      result: "BYPASS",
      reason: "personal-data:email",
    });
    const key = keyOf("acme", { userScope: true });
    expect((await world.ask(prompt, { key })).result).toBe("BYPASS");
    const own = { key, body: { user: "ann" } };
    expect((await world.ask(prompt, own)).result).toBe("MISS");
    await world.settleAll();
    expect((await world.ask(prompt, own)).result).toBe("HIT-EXACT");
  });
});

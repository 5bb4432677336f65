// `velo/auto` through the gateway: what is chosen, told, measured and refused.
import { describe, expect, test } from "vitest";
import { believed, forecastsOf } from "../../../src/durable/backend-state.ts";
import { Isolate } from "../../../src/worker/isolate.ts";
import { World, keyOf } from "../../support/world.ts";

const backend = (name: string, price: number, auto: Readonly<Record<string, unknown>>) => ({
  name,
  kind: "openai",
  baseUrl: "http://127.0.0.1:9/v1",
  models: [
    { id: `${name}-model`, inputUsdPerMillionTokens: 0, outputUsdPerMillionTokens: price, auto },
  ],
});
const UPSTREAMS = [
  backend("good", 10, { quality: 0.9, firstTokenSeconds: 2, secondsPerToken: 0.01 }),
  backend("cheap", 1, { quality: 0.5, firstTokenSeconds: 0.2, secondsPerToken: 0.005 }),
];
const newWorld = () => new World({ config: { upstreams: UPSTREAMS } });
const auto = { body: { model: "velo/auto", stream: true, temperature: 1 } };
const orderOf = (world: World) =>
  world.model.calls.at(-1)!.plan?.order.map(({ upstream }) => upstream.name);

describe("a request for velo/auto", () => {
  test("goes to the best backend, with the others to fall back on, and says so", async () => {
    const world = newWorld();
    const reply = await world.ask("what is a cache", auto);
    expect(orderOf(world)).toEqual(["good", "cheap"]);
    expect(reply.headers.get("x-velo-backend")).toBe("good/good-model");
    // 2 s + 300 tokens x 0.01 s
    expect(reply.headers.get("x-velo-routing")).toBe("quality-first; predicted=5.00s");
    expect(reply.headers.get("x-velo-model")).toBe("good-model");
    await world.settleAll();
    const { receipts, outcomes } = world.reported;
    expect(receipts.at(-1)!.body["routing"]).toMatchObject({
      rule: "quality-first",
      backend: "good/good-model",
      feasible: true,
      reasons: [],
      tried: [],
    });
    // 5 tokens at 10 USD per million
    expect(outcomes[0]!.costUsd).toBeCloseTo(50e-6, 12);
  });

  test("that names a model is left alone", async () => {
    const world = newWorld();
    const reply = await world.ask("what is a cache", { body: { model: "cheap-model" } });
    const call = world.model.calls[0]!;
    expect([call.plan, call.deadlineMs]).toEqual([undefined, undefined]);
    expect(call.model.id).toBe("cheap-model");
    expect(reply.headers.get("x-velo-backend")).toBeNull();
  });

  // 300 tokens cost 0.003 USD at the good one and 0.0003 USD at the cheap one; it takes 5 s and 1.7 s.
  test.each([
    ["deadline", { headers: { "x-velo-deadline-ms": "4000" } }, ["cheap", "good"]],
    ["price", { headers: { "x-velo-max-cost-usd": "0.001" } }, ["cheap"]],
    ["tenant's price", { key: keyOf("thrifty", { maxCostUsd: 0.001 }) }, ["cheap"]],
    ["tenant's deadline", { key: keyOf("hurried", { deadlineMs: 4_000 }) }, ["cheap", "good"]],
  ])("a %s that the best cannot keep goes to another", async (_, limited, order) => {
    const world = newWorld();
    await world.ask("limited", { ...auto, ...limited });
    expect(orderOf(world)).toEqual(order);
    const { deadlineMs } = world.model.calls.at(-1)!.plan!;
    expect(deadlineMs === null || (deadlineMs > 3_000 && deadlineMs <= 4_000)).toBe(true);
  });

  test("that nobody answers at its price is refused, and nothing is called", async () => {
    const world = newWorld();
    const poor = await world.ask("x", { ...auto, headers: { "x-velo-max-cost-usd": "0.0001" } });
    expect(poor.status).toBe(402);
    expect(world.model.calls).toEqual([]);
    await world.settleAll();
    expect(world.reported.outcomes.at(-1)!.result).toBe("upstream_error");
    expect(world.reported.receipts.at(-1)!.body).toMatchObject({
      upstream: null,
      routing: { backend: null, feasible: false, reasons: ["budget"] },
    });
  });

  test("keeps for others what the best answered, and not what a worse one did at a lower price", async () => {
    const world = newWorld();
    const plain = { body: { model: "velo/auto" } };
    const cheaply = { ...plain, headers: { "x-velo-max-cost-usd": "0.001" } };
    expect((await world.ask("what is a cache", cheaply)).result).toBe("MISS");
    await world.settleAll();
    expect((await world.ask("what is a cache", plain)).result).toBe("MISS");
    await world.settleAll();
    expect((await world.ask("what is a cache", cheaply)).result).toBe("HIT-EXACT");
  });

  test.each(["x-velo-deadline-ms", "x-velo-max-cost-usd"])(
    "a %s that is no number above 0 is refused by name",
    async (name) => {
      const world = newWorld();
      for (const value of ["soon", "0", "-1", "", "Infinity"]) {
        const reply = await world.ask("x", { ...auto, headers: { [name]: value } });
        expect([reply.status, reply.body.includes(name)]).toEqual([400, true]);
      }
      expect(world.model.calls).toEqual([]);
    },
  );

  test("an explicit model's call waits no longer for its first byte than the deadline", async () => {
    const world = newWorld();
    const headers = { "x-velo-deadline-ms": "4000" };
    await world.ask("named", { body: { model: "cheap-model" }, headers });
    const { deadlineMs } = world.model.calls[0]!;
    expect(deadlineMs).toBeGreaterThan(3_000);
    expect(deadlineMs).toBeLessThanOrEqual(4_000);
  });

  test("what one isolate measured is known to another with the region's next word", async () => {
    const world = newWorld();
    world.model.script = () => ({ text: "12345678", pieceMs: 100, firstByteMs: 700 });
    await world.ask("measured", auto);
    await world.settleAll();
    const other = new Isolate();
    await world.ask("elsewhere", { ...auto, isolate: other });
    await world.settleAll();
    const desk = other.desk("region/us/0");
    const { state, ageMs } = desk.backendsAt(world.clock.now());
    const prior = { firstTokenSeconds: 2, secondsPerToken: 0.01 };
    const known = believed(state, "good/good-model", prior, world.clock.now());
    // Two outcomes of 0.7 s, and the guess of 2 s like 2 x (1 - 2 / 20) more
    expect(known.firstTokenSeconds?.mean).toBeCloseTo((2 * 0.7 + 1.8 * 2) / 3.8, 2);
    // Of both requests: pieces of the text, role, finish and [DONE] at 100 ms each, over 5 tokens.
    expect(known.secondsPerToken?.mean).toBeCloseTo((2 * 0.1 + 1.8 * 0.01) / 3.8, 2);
    expect(ageMs).toBeGreaterThanOrEqual(0);
    expect(state.running).toEqual({});
  });

  test("tells how long its answers were and when they came: lengths and times go by that, and prices do not", async () => {
    const world = newWorld();
    // 8 tokens in place of 300; 0.7 s and then 20 pieces or so of 200 ms, in place of 5 s.
    world.model.script = () => ({ text: "12345678", pieceMs: 200, firstByteMs: 700 });
    for (let i = 0; i < 40; i++) await world.ask(`question ${i}`, auto);
    await world.settleAll();
    const { state } = world.isolate.desk("region/us/0").backendsAt(world.clock.now());
    const forecast = forecastsOf(state).view("good/good-model")!;
    expect(forecast.calls).toBe(40);
    const routing = world.reported.receipts.at(-1)!.body["routing"] as Record<string, number>;
    expect(routing["predictedTokens"]).toBeLessThan(30);
    expect(routing["predictedSeconds"]).toBeCloseTo(forecast.seconds, 0);
    expect(routing["upperSeconds"]).toBeGreaterThan(0);
    // The 300 tokens of the configuration cost 0.003 USD.
    const headers = { "x-velo-max-cost-usd": "0.001" };
    const reply = await world.ask("a price", { ...auto, headers });
    expect(reply.headers.get("x-velo-backend")).toBe("cheap/cheap-model");
  });

  test.each([true, false])("a whole answer is no failure, streamed or not (%s)", async (stream) => {
    const world = newWorld();
    world.model.script = () => ({ text: "12345678", firstByteMs: 700 });
    for (let i = 0; i < 3; i++) {
      await world.ask(`whole ${i}`, { body: { ...auto.body, stream } });
      await world.settleAll();
    }
    const { state } = world.isolate.desk("region/us/0").backendsAt(world.clock.now());
    const prior = { firstTokenSeconds: 2, secondsPerToken: 0.01 };
    expect(state.health["good/good-model"]?.failures).toBe(0);
    const known = believed(state, "good/good-model", prior, world.clock.now());
    expect(known.failureShare).toBe(0);
    expect(JSON.parse(state.measured)[0][1].perToken).not.toBe(null);
  });

  test("a stream that breaks is a failure of its backend; a client that leaves is none", async () => {
    const world = newWorld();
    world.model.script = () => ({ text: "12345678", breaksAfter: 2 });
    await world.ask("breaks", auto);
    await world.settleAll();
    const failures = () => {
      const { state } = world.isolate.desk("region/us/0").backendsAt(world.clock.now());
      return state.health["good/good-model"]?.failures ?? null;
    };
    expect(failures()).toBe(1);
    const leaving = new AbortController();
    world.model.script = () => ({ text: "12345678", pieceMs: 1_000 });
    const left = world.begin("leaves", { ...auto, signal: leaving.signal });
    setTimeout(() => leaving.abort(), 0);
    await world.clock.run(left).catch(() => {});
    await world.settleAll();
    expect(failures()).toBe(1);
  });
});

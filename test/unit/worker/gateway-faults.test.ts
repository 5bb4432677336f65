// Whatever the cache depends on may be slow or down: the caller still gets the model's answer, and hardly later.
import { describe, expect, test } from "vitest";
import { type Dependency } from "../../../src/worker/ports.ts";
import { GatewayError } from "../../../src/worker/openai/errors.ts";
import { World, keyOf } from "../../support/world.ts";

const CAPITAL = "What is the capital of France?";
const REPHRASED = "Tell me the capital of France";
/** The model's own first byte, see scripted-model.ts. */
const MODEL_MS = 300;
/** The look-up's deadline, and what is left to round up in its hops. */
const LOOK_UP_MS = 150 + 10;

async function answered(): Promise<World> {
  const world = new World();
  world.alike(REPHRASED, CAPITAL, 0.97);
  await world.ask(CAPITAL);
  await world.settleAll();
  await world.clock.advance(6_000);
  return world;
}

const DEPENDENCIES: readonly Dependency[] = ["embed", "vectors", "store", "region"];

describe.each(DEPENDENCIES)("%s", (dependency) => {
  test.each(["down", "slow"] as const)(
    "%s: the model answers, at most the look-up's deadline later",
    async (kind) => {
      const world = await answered();
      world.faults[dependency] = kind === "down" ? "down" : { slowMs: 30_000 };
      // Past a minute the region's word is needed too.
      await world.clock.advance(61_000);
      for (const prompt of ["Who wrote Faust?", REPHRASED]) {
        const reply = await world.ask(prompt, { body: { stream: true } });
        expect(reply).toMatchObject({ status: 200, finishReason: "stop", error: null });
        expect(reply.firstMs).toBeLessThanOrEqual(MODEL_MS + LOOK_UP_MS);
      }
    },
  );

  test("down for long: its breaker opens and it costs no time at all", async () => {
    const world = await answered();
    world.faults[dependency] = { slowMs: 30_000 };
    await world.clock.advance(61_000);
    for (let i = 0; i < 5; i++) await world.ask(`Question number ${i}?`);
    const reply = await world.ask("Who wrote Faust?");
    const healthy = { embed: 10, vectors: 20, store: 5, region: 15 };
    const others = Object.entries(healthy).filter(([name]) => name !== dependency);
    expect(reply.firstMs - MODEL_MS).toBeLessThanOrEqual(
      others.reduce((sum, [, ms]) => sum + ms, 0),
    );
  });
});

test("everything down at once adds no more than the look-up's time", async () => {
  const world = new World();
  for (const dependency of DEPENDENCIES) world.faults[dependency] = { slowMs: 30_000 };
  const reply = await world.ask(CAPITAL);
  expect(reply).toMatchObject({ status: 200, text: `Answer to: ${CAPITAL}` });
  expect(reply.firstMs).toBeLessThanOrEqual(MODEL_MS + LOOK_UP_MS);
  await world.settleAll();
});

test("an embedder that is late costs 100 ms, and its reason is told", async () => {
  const world = new World();
  world.faults.embed = { slowMs: 30_000 };
  expect(await world.ask(CAPITAL)).toMatchObject({
    result: "MISS",
    reason: "embed-timeout",
    firstMs: MODEL_MS + 100,
  });
  world.faults.embed = "down";
  expect((await world.ask("Who wrote Faust?")).reason).toBe("embed-error");
});

test("without the embedder a repeat is still served", async () => {
  const world = await answered();
  world.faults.embed = "down";
  expect(await world.ask(CAPITAL)).toMatchObject({ result: "HIT-EXACT", firstMs: 5 });
});

test("without the index a rephrasing is still served from the rows the isolate knows", async () => {
  const world = await answered();
  world.faults.vectors = "down";
  expect((await world.ask(REPHRASED)).result).toBe("HIT-SEMANTIC");
  const isolate = new world.source.Isolate();
  expect(await world.ask(REPHRASED, { isolate })).toMatchObject({
    result: "MISS",
    reason: "vectors-error",
  });
});

describe("the region's state", () => {
  test("is asked for before a cached answer is served when the last word is older than 60 s", async () => {
    const world = await answered();
    const { syncs } = world.region();
    await world.clock.advance(50_000);
    expect((await world.ask(CAPITAL)).result).toBe("HIT-EXACT");
    expect(world.region().syncs).toBe(syncs);
    await world.settleAll();
    await world.clock.advance(61_000);
    expect((await world.ask(CAPITAL)).result).toBe("HIT-EXACT");
    expect(world.region().syncs).toBe(syncs + 1);
  });

  test("unknown: nothing is served from the cache, not even from memory", async () => {
    const world = await answered();
    world.faults.region = "down";
    await world.clock.advance(61_000);
    for (const prompt of [CAPITAL, REPHRASED]) {
      expect(await world.ask(prompt)).toMatchObject({ result: "MISS", reason: "region-unknown" });
      expect(await world.ask(prompt)).toMatchObject({ result: "MISS", reason: "region-unknown" });
    }
  });

  test("a raised epoch empties the isolate's memory", async () => {
    const world = await answered();
    await world.ask(CAPITAL);
    // The answer is in memory; the purge deletes it and raises the epoch.
    world.store.clear();
    world.region().epoch++;
    await world.settleAll();
    expect((await world.ask(CAPITAL)).result).toBe("MISS");
  });
});

test("an answer that could not be written is not put into the index", async () => {
  const world = new World();
  world.faults.store = "down";
  await world.ask(CAPITAL);
  await world.settleAll();
  expect(world.index.rows.size).toBe(0);
  expect(world.isolate.counters.storeFailures).toBe(1);
});

test("a model that cannot be reached gives its error, and the outcome says so", async () => {
  const world = new World();
  const error = new GatewayError("upstream_timeout", "The upstream 'demo' sent nothing.");
  world.model.script = () => ({ error });
  expect(await world.ask(CAPITAL)).toMatchObject({ status: 504, error: "upstream_timeout" });
  await world.settleAll();
  expect(world.reported.outcomes).toMatchObject([{ result: "upstream_error", costUsd: 0 }]);
  expect(world.isolate.flights.size).toBe(0);
});

test("the upstream's own error arrives unchanged, with its retry-after", async () => {
  const world = new World();
  const body = '{"error":{"message":"slow down","type":"x","param":null,"code":"rate_limit"}}';
  world.model.script = () => ({ status: 429, body, headers: { "retry-after": "7" } });
  const reply = await world.ask(CAPITAL);
  expect(reply).toMatchObject({ status: 429, body });
  expect(reply.headers.get("retry-after")).toBe("7");
});

describe("a policy that", () => {
  test.each([
    ["throws", () => Promise.reject(new Error("bad weights")), "policy-error"],
    ["never answers", () => new Promise<never>(() => {}), "policy-timeout"],
  ] as const)("%s: the model answers, and the reason is told", async (_, infer, reason) => {
    const world = await answered();
    world.policy = { ...world.policy, infer };
    const reply = await world.ask(REPHRASED);
    expect(reply).toMatchObject({ status: 200, result: "MISS", reason });
    expect(reply.firstMs).toBeLessThanOrEqual(MODEL_MS + LOOK_UP_MS);
  });
});

test("a key that cannot be computed costs the cache, not the answer", async () => {
  const world = new World();
  world.hmac = () => Promise.reject(new Error("no secret"));
  expect(await world.ask(CAPITAL)).toMatchObject({
    status: 200,
    result: "BYPASS",
    reason: "cache-error",
    text: `Answer to: ${CAPITAL}`,
  });
});

test("a slow upload or key check does not take the look-up's time, and is part of the overhead", async () => {
  const world = await answered();
  const receivedAt = world.clock.now() - 2_000;
  const reply = await world.ask(REPHRASED, { receivedAt });
  expect(reply.result).toBe("HIT-SEMANTIC");
  expect(Number(reply.headers.get("x-velo-overhead-ms"))).toBeGreaterThanOrEqual(2_000);
});

describe("the exact answer's read is slow and the index is not", () => {
  test("a new question does not wait for it: its own row would be among the neighbours", async () => {
    const world = await answered();
    world.faults.store = { slowMs: 100 };
    const reply = await world.ask("Who wrote Faust?", { body: { stream: true } });
    expect(reply.result).toBe("MISS");
    // Embedding 10 ms and vectors 20 ms; the read would have taken 100.
    expect(reply.firstMs - MODEL_MS).toBeLessThan(60);
  });

  test("a repeat waits for it, because its own row says that it was asked before", async () => {
    const world = await answered();
    world.faults.store = { slowMs: 60 };
    expect((await world.ask(CAPITAL)).result).toBe("HIT-EXACT");
  });

  test("a tenant without rows waits for it", async () => {
    const world = new World();
    const key = keyOf("exact-only", { serve: "exact" });
    await world.ask(CAPITAL, { key });
    await world.settleAll();
    await world.clock.advance(6_000);
    world.faults.store = { slowMs: 60 };
    expect((await world.ask(CAPITAL, { key })).result).toBe("HIT-EXACT");
  });
});

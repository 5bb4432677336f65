// One decision over cache and model: for `velo/auto` the cache is weighed against the backend that would answer.
import { describe, expect, test } from "vitest";
import { type Observation, type Policy } from "../../../src/policy/network/policy.ts";
import { greedyPolicy } from "../../../src/policy/network/greedy.ts";
import { TRAINED_CALL_SECONDS } from "../../../src/policy/routing/price-of-time.ts";
import { World, keyOf } from "../../support/world.ts";

const CAPITAL = "What is the capital of France?";
const REPHRASED = "Tell me the capital of France";

/** The good one takes 5 s and a little at 10 USD a million tokens, the quick one 0.2 s + 300 x 0.005 s at 1. */
const UPSTREAMS = [
  {
    name: "quick",
    price: 1,
    auto: { quality: 0.5, firstTokenSeconds: 0.2, secondsPerToken: 0.005 },
  },
  { name: "good", price: 10, auto: { quality: 0.9, firstTokenSeconds: 5, secondsPerToken: 0.001 } },
].map(({ name, price, auto }) => ({
  name,
  kind: "openai",
  baseUrl: "http://127.0.0.1:9/v1",
  models: [
    {
      id: `${name}-model`,
      inputUsdPerMillionTokens: 0,
      outputUsdPerMillionTokens: price,
      auto,
    },
  ],
}));
const body = { model: "velo/auto" };
const HURRY = { body, headers: { "x-velo-deadline-ms": "4000" } };
const CALM = { body };

/** What the policy was shown, and a rule that uses the cache where time is worth more than `least`. */
function watched(world: World, least = 0): Observation[] {
  const seen: Observation[] = [];
  const greedy = greedyPolicy(0.95);
  const policy: Policy = {
    ...greedy,
    infer: (observation) => {
      seen.push(observation);
      return 10 ** observation.omega >= least
        ? greedy.infer(observation)
        : greedy.infer({ ...observation, c: new Float32Array(30).fill(2) });
    },
  };
  world.policy = policy;
  return seen;
}

async function answered(routing: Readonly<Record<string, unknown>> = {}): Promise<World> {
  const world = new World({ config: { upstreams: UPSTREAMS, routing } });
  world.alike(REPHRASED, CAPITAL, 0.97);
  await world.ask(CAPITAL, CALM);
  await world.settleAll();
  await world.clock.advance(6_000);
  return world;
}

describe("what the cache's decision is shown", () => {
  test("is the price of the time that the chosen backend would take, and of a named model the one that is set", async () => {
    const world = await answered();
    const seen = watched(world);
    const asks = [CALM, HURRY, { body: { model: "good-model" } }];
    for (const [i, ask] of asks.entries()) await world.ask(`Another question ${i}`, ask);
    await world.settleAll();
    const outlooks = world.reported.receipts
      .filter(({ body: { question } }) => String(question).startsWith("Another"))
      .map((receipt) => receipt.body["outlook"] as Record<string, number> | undefined);
    const [calm, hurried, named] = [outlooks[0], outlooks.at(-2), outlooks.at(-1)];
    expect(calm!["backend"]).toBe("good/good-model");
    expect(hurried!["backend"]).toBe("quick/quick-model");
    // At least 5 s, and 1.7 s; at a tenth of the price, for an answer that may be longer.
    expect([calm!["seconds"]! > 4, hurried!["seconds"]! < 2]).toEqual([true, true]);
    expect(calm!["usd"]! / hurried!["usd"]!).toBeGreaterThan(5);
    expect(seen).toHaveLength(3);
    for (const [i, outlook] of [calm, hurried].entries())
      expect(10 ** seen[i]!.omega).toBeCloseTo(
        (0.1 * outlook!["seconds"]!) / TRAINED_CALL_SECONDS,
        9,
      );
    expect(seen[2]!.omega).toBe(-1);
    expect(named).toBeUndefined();
  });

  test("turns the decision where another backend would answer", async () => {
    const world = await answered();
    watched(world, 0.1);
    // 0.14 with the good one and 0.046 with the quick one, which a deadline of 4 s leaves.
    expect((await world.ask(REPHRASED, CALM)).result).toBe("HIT-SEMANTIC");
    const hurried = await world.ask(REPHRASED, HURRY);
    expect(hurried.result).toBe("MISS");
    expect(hurried.headers.get("x-velo-backend")).toBe("quick/quick-model");
  });

  test("is what training hears was fed, with the price that the reward counts by beside it", async () => {
    const world = await answered();
    const seen = watched(world);
    await world.ask("How high is Mont Blanc?", CALM);
    await world.ask("How deep is Lake Baikal?", { body: { model: "good-model" } });
    await world.settleAll();
    const [auto, named] = world.reported.experiences.slice(-2);
    expect(auto).toMatchObject({ omega: seen[0]!.omega, price: -1 });
    expect(named!.omega).toBe(-1);
    expect(named!.price).toBeUndefined();
  });
});

describe("what a hit saves", () => {
  test.each([
    ["good", CALM, 10],
    ["quick", HURRY, 1],
  ])("is the price of the %s backend, which would have answered", async (_, ask, price) => {
    const world = await answered();
    expect((await world.ask(CAPITAL, ask)).result).toBe("HIT-EXACT");
    await world.settleAll();
    const { savedUsd } = world.reported.outcomes.at(-1)!;
    // 5 tokens of the answer
    expect(savedUsd).toBeCloseTo((5 * price) / 1e6, 12);
  });
});

test("a hit takes nobody's turn: the next call goes where it would have gone without it", async () => {
  const world = await answered({ rule: "round-robin" });
  const next = async (prompt: string) =>
    (await world.ask(prompt, CALM)).headers.get("x-velo-backend");
  // The first went to the first by name.
  expect((await world.ask(CAPITAL, CALM)).result).toBe("HIT-EXACT");
  expect(await next("second question")).toBe("quick/quick-model");
  for (let i = 0; i < 3; i++) await world.ask(CAPITAL, CALM);
  expect(await next("third question")).toBe("good/good-model");
});

test("a stored answer is judged by the backend of those who are in no hurry", async () => {
  const world = await answered();
  // The policy's own choice, and whatever may be examined is.
  world.draws = () => 0.1;
  const key = keyOf("tenant-a", { examine: true });
  await world.ask(CAPITAL, { ...CALM, key });
  await world.settleAll();
  await world.clock.advance(6_000);
  const before = world.model.calls.length;
  const hit = await world.ask(REPHRASED, { ...HURRY, key });
  expect(hit.result).toBe("HIT-SEMANTIC");
  await world.settleAll();
  expect(world.model.calls.slice(before).map(({ upstream }) => upstream.name)).toEqual(["good"]);
});

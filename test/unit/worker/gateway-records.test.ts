// What is written down about a request, and what its caller is told.
import { describe, expect, test } from "vitest";
import { decodeHalf } from "../../../src/policy/half.ts";
import { World, keyOf } from "../../support/world.ts";

const CAPITAL = "What is the capital of France?";
const REPHRASED = "Tell me the capital of France";

async function answered(): Promise<World> {
  const world = new World();
  world.alike(REPHRASED, CAPITAL, 0.97);
  await world.ask(CAPITAL);
  await world.settleAll();
  await world.clock.advance(6_000);
  return world;
}

describe("headers", () => {
  test("name the decision, its result, policy, region, model and the gateway's own time", async () => {
    const world = new World();
    const { headers } = await world.ask(CAPITAL, { region: "eu" });
    expect(Object.fromEntries(headers)).toMatchObject({
      "x-velo-cache": "MISS; reason=no-match",
      "x-velo-region": "eu",
      "x-velo-model": "velo-demo",
      "x-velo-policy": "greedy-0.95@0",
      // Embedding 10 ms and index 20 ms beside the region's 15 ms.
      "x-velo-overhead-ms": "30",
      "cache-control": "private, no-store",
      "x-request-id": "req_test",
      "x-content-type-options": "nosniff",
    });
    expect(headers.get("x-velo-decision")).toMatch(/^d[0-9a-z]+-[0-9a-f]{16}-eu$/);
  });

  test("of a hit tell similarity, age and the model that once answered", async () => {
    const world = await answered();
    const { headers } = await world.ask(REPHRASED);
    expect(Object.fromEntries(headers)).toMatchObject({
      "x-velo-cache": "HIT-SEMANTIC",
      "x-velo-similarity": "0.9700",
      "x-velo-age": "6",
      "x-velo-model": "upstream-model",
    });
  });

  test("say nothing of the cache where the tenant does not want them to", async () => {
    const world = new World();
    const key = keyOf("acme", { decisionHeaders: false });
    await world.ask(CAPITAL, { key });
    const { headers } = await world.ask(CAPITAL, { key });
    expect([...headers.keys()].filter((name) => name.startsWith("x-velo"))).toEqual([]);
  });
});

describe("records", () => {
  test("what is asked for a second time because it is late is paid for twice", async () => {
    const costOf = async (late: Partial<World["delays"]>) => {
      const world = new World();
      Object.assign(world.delays, { embed: 0, store: 0, ...late });
      await world.ask(CAPITAL);
      await world.settleAll();
      const [{ overheadUsd, lookUpUsd } = { overheadUsd: 0, lookUpUsd: 0 }] =
        world.reported.outcomes;
      return { overheadUsd, lookUpUsd: lookUpUsd!, embedded: world.embedded.length };
    };
    const prompt = await costOf({});
    // 30 characters are 8 tokens of 0.067 dollars a million; a read of the store costs 0.36 dollars a million.
    const late = await costOf({ embed: 10 });
    expect([prompt.embedded, late.embedded]).toEqual([1, 2]);
    expect((late.overheadUsd - prompt.overheadUsd) * 1e6).toBeCloseTo(8 * 0.067, 9);
    expect((late.lookUpUsd - prompt.lookUpUsd) * 1e6).toBeCloseTo(8 * 0.067, 9);
    const slow = await costOf({ store: 30 });
    expect((slow.overheadUsd - prompt.overheadUsd) * 1e6).toBeCloseTo(0.36, 9);
  });

  test("of a miss: receipt and experience before the answer, outcome and row after it", async () => {
    const world = new World();
    const response = await world.clock.run(world.open(CAPITAL, { body: { stream: true } }));
    // The body has not been read: the decision is already on its way.
    await world.clock.advance(1_000);
    expect(world.reported.receipts).toHaveLength(1);
    expect(world.reported.outcomes).toHaveLength(0);
    await world.clock.run(response.text());
    await world.settleAll();

    const { receipts, experiences, outcomes, inserts, uses } = world.reported;
    const id = receipts[0]!.id;
    expect(receipts[0]!.body).toMatchObject({
      kind: "MISS",
      reason: "no-match",
      question: CAPITAL,
    });
    expect(experiences).toMatchObject([
      { expId: id, tenant: "acme", region: "us", sub: "B", noise: "zero", share: false, omega: -1 },
    ]);
    // What is stored is what was fed: the embedding, rounded to fp16.
    const fed = decodeHalf(experiences[0]!.f);
    for (const [i, value] of world.vectorOf(CAPITAL).entries())
      expect(fed[i]).toBeCloseTo(value, 3);
    expect(outcomes).toMatchObject([
      { expId: id, result: "final", tokensIn: 7, tokensOut: 5, savedUsd: 0 },
    ]);
    // 7 tokens at 0.15 and 5 at 0.60 dollars a million.
    expect(outcomes[0]!.costUsd).toBeCloseTo((7 * 0.15 + 5 * 0.6) / 1e6, 12);
    expect(inserts).toMatchObject([{ tenant: "acme", question: CAPITAL, role: 1, lang: "en" }]);
    expect(uses).toEqual([]);
  });

  test("of a semantic hit: the row's use and what it saved", async () => {
    const world = await answered();
    await world.ask(REPHRASED);
    await world.settleAll();
    const { receipts, experiences, outcomes, uses, inserts } = world.reported;
    const id = receipts.at(-1)!.id;
    expect(receipts.at(-1)!.body).toMatchObject({
      kind: "HIT-SEMANTIC",
      served: { question: CAPITAL },
    });
    expect(uses).toMatchObject([{ id: inserts[0]!.id, tenant: "acme", expId: id, handling: "A" }]);
    expect(experiences.at(-1)).toMatchObject({ expId: id, sub: "A", usedRows: [inserts[0]!.id] });
    expect(outcomes.at(-1)).toMatchObject({ expId: id, result: "final", costUsd: 0, tokensOut: 0 });
    expect(outcomes.at(-1)!.savedUsd).toBeCloseTo((7 * 0.15 + 5 * 0.6) / 1e6, 12);
    expect(inserts).toHaveLength(1);
  });

  test("of an exact hit: an outcome, and no experience, for nothing was decided", async () => {
    const world = await answered();
    await world.ask(CAPITAL);
    await world.settleAll();
    expect(world.reported.experiences).toHaveLength(1);
    expect(world.reported.outcomes).toHaveLength(2);
  });

  test("explain a near miss by the guard that stopped it", async () => {
    const world = new World();
    world.alike("What is 5 percent of 80?", "What is 6 percent of 80?", 0.999);
    await world.ask("What is 6 percent of 80?");
    await world.settleAll();
    await world.ask("What is 5 percent of 80?");
    await world.settleAll();
    expect(world.reported.receipts.at(-1)!.body["nearestMiss"]).toMatchObject({
      question: "What is 6 percent of 80?",
      why: expect.stringContaining("number") as string,
    });
    expect(world.reported.experiences.at(-1)).toMatchObject({ sub: "B_FALLBACK", usedRows: [] });
  });

  test("of a stream that breaks or is cancelled: how far it came", async () => {
    for (const [expected, script] of [
      ["incomplete", { text: "Paris is it", breaksAfter: 3 }],
      ["incomplete", { text: "Paris is it", finishReason: null }],
      ["final", { text: "Paris is it", finishReason: "length" }],
      ["upstream_error", { status: 500, body: "{}" }],
    ] as const) {
      const world = new World();
      world.model.script = () => script;
      await world.ask(CAPITAL, { body: { stream: true } });
      await world.settleAll();
      expect(world.reported.outcomes.map(({ result }) => result)).toEqual([expected]);
    }
    const world = new World();
    const reply = world.ask(CAPITAL, {
      body: { stream: true },
      onReader: (reader) => void world.clock.wait(50).then(() => reader.cancel()),
    });
    await reply;
    await world.settleAll();
    expect(world.reported.outcomes.map(({ result }) => result)).toEqual(["client_abort"]);
    expect(world.store.size).toBe(0);
  });

  test("of a call that the upstream refused cost nothing", async () => {
    const world = new World();
    world.model.script = () => ({ status: 429, body: "{}" });
    await world.ask(CAPITAL);
    await world.settleAll();
    expect(world.reported.outcomes).toMatchObject([{ tokensIn: 0, tokensOut: 0, costUsd: 0 }]);
  });

  test("count an image's bytes as no words, and quickly", async () => {
    const world = new World();
    world.model.script = () => ({ text: "A cat.", usage: null });
    const url = `data:image/png;base64,${"Ab9+".repeat(1 << 20)}`;
    await world.ask("", {
      body: {
        messages: [
          {
            role: "user",
            content: [
              { type: "text", text: "What is this?" },
              { type: "image_url", image_url: { url } },
            ],
          },
        ],
      },
    });
    await world.settleAll();
    expect(world.reported.outcomes[0]!.tokensIn).toBeLessThan(20);
  });

  test("of a request that only would have been served say that the model was called", async () => {
    const world = await answered();
    const key = keyOf("acme", { serve: "observe" });
    await world.ask(REPHRASED, { key });
    await world.settleAll();
    expect(world.reported.experiences.at(-1)).toMatchObject({ sub: "B_FALLBACK", usedRows: [] });
  });

  test("go to the region that decided", async () => {
    const world = new World();
    await world.ask(CAPITAL, { region: "eu" });
    await world.settleAll();
    expect(world.region("eu").received.length).toBeGreaterThan(0);
    expect(world.region("us").received).toHaveLength(0);
    expect(world.reported.experiences[0]!.region).toBe("eu");
  });

  test("tell the trainer whether the tenant shares", async () => {
    const world = new World();
    await world.ask(CAPITAL, { key: keyOf("acme", { shareExperiences: true }) });
    await world.settleAll();
    expect(world.reported.experiences[0]!.share).toBe(true);
  });

  test("an exploring request goes to the model though the cache could serve, with its probability", async () => {
    const world = await answered();
    // Two actions at epsilon 0.02: the one the policy does not want has 0.02.
    world.draws = () => 0.001;
    expect((await world.ask(REPHRASED)).result).toBe("MISS");
    await world.settleAll();
    expect(world.reported.experiences.at(-1)).toMatchObject({ action: 0, sub: "B" });
    expect(world.reported.experiences.at(-1)!.mu).toBeCloseTo(0.02, 6);
  });
});

// What a caller gets: from the cache when it is safe and allowed, else from the model.
import { describe, expect, test } from "vitest";
import { type TenantSettings } from "../../../src/durable/tenant.ts";
import { type Ask, World, keyOf } from "../../support/world.ts";

const CAPITAL = "What is the capital of France?";
const REPHRASED = "Tell me the capital of France";

/** A world in which CAPITAL has been answered, and REPHRASED means the same (cosine 0.97, distance 0.245). */
async function answered(ask: Ask = {}): Promise<World> {
  const world = new World();
  world.alike(REPHRASED, CAPITAL, 0.97);
  await world.ask(CAPITAL, ask);
  await world.settleAll();
  // An isolate's memory of exact repeats is 5 s: what follows reads the store.
  await world.clock.advance(6_000);
  return world;
}

const shown = async (reply: Promise<{ result: string; reason: string }>) => {
  const { result, reason } = await reply;
  return reason === "" ? result : `${result} ${reason}`;
};

describe("a repeat", () => {
  test("is answered from the store, in both shapes, whichever shape was stored", async () => {
    for (const first of [true, false]) {
      const world = await answered({ body: { stream: first } });
      for (const stream of [true, false]) {
        await world.clock.advance(6_000);
        const reply = await world.ask(CAPITAL, { body: { stream } });
        expect(reply).toMatchObject({
          result: "HIT-EXACT",
          reason: "",
          text: `Answer to: ${CAPITAL}`,
          finishReason: "stop",
          firstMs: 5,
        });
        expect(reply.body.endsWith("data: [DONE]\n\n")).toBe(stream);
      }
      expect(world.model.calls).toHaveLength(1);
    }
  });

  test("costs its client no tokens and says what it avoided", async () => {
    const world = await answered();
    const reply = await world.ask(CAPITAL);
    expect(reply.usage).toEqual({ prompt_tokens: 0, completion_tokens: 0, total_tokens: 0 });
    expect(JSON.parse(reply.body)).toMatchObject({
      velo: { avoided: { prompt_tokens: 7, completion_tokens: 5, total_tokens: 12 } },
    });
  });

  test("needs neither the store nor the embedder within 5 s of the answer", async () => {
    const world = new World();
    await world.ask(CAPITAL);
    const before = world.embedded.length;
    const reply = await world.ask(CAPITAL);
    expect(reply).toMatchObject({ result: "HIT-EXACT", firstMs: 0 });
    expect(world.embedded).toHaveLength(before);
  });

  test("of a deleted answer is none any more after 5 s, nor a hit after 60 s, however often it is asked", async () => {
    const world = await answered();
    await world.ask(CAPITAL);
    world.store.clear();
    const results: string[] = [];
    for (let s = 2; s <= 62; s += 2) {
      await world.clock.advance(2_000);
      results.push((await world.ask(CAPITAL, { headers: { "x-velo-cache": "no-store" } })).result);
    }
    expect(results.lastIndexOf("HIT-EXACT")).toBe(1);
    expect(results.at(-1)).toBe("MISS");
  });

  test("is one whatever white space surrounds it, and none when white space inside differs", async () => {
    const world = await answered();
    expect(await shown(world.ask(`  ${CAPITAL}\n`))).toBe("HIT-EXACT");
    const code = "What does this print?\nif x:\n  a()\n  b()";
    await world.ask(code);
    await world.settleAll();
    const other = code.replace("\n  b()", "\nb()");
    world.alike(other, "something else", 0);
    expect((await world.ask(other)).result).toBe("MISS");
  });
});

describe("a rephrasing", () => {
  test("is answered by the nearest row's answer, in another isolate too", async () => {
    const world = await answered();
    const reply = await world.ask(REPHRASED);
    expect(reply).toMatchObject({ result: "HIT-SEMANTIC", text: `Answer to: ${CAPITAL}` });
    // Embedding 10 ms, index 20 ms; the answer is still in memory.
    expect(reply.firstMs).toBe(30);
    const isolate = new world.source.Isolate();
    const elsewhere = await world.ask(REPHRASED, { isolate, body: { stream: true } });
    expect(elsewhere).toMatchObject({ result: "HIT-SEMANTIC", text: `Answer to: ${CAPITAL}` });
    expect(world.model.calls).toHaveLength(1);
  });

  test("is not looked up while that does not pay for the tenant: no embedding, no row, and repeats go on", async () => {
    const world = await answered();
    world.region().orders = { lookUpsOff: ["acme"] };
    await world.clock.advance(61_000);
    await world.ask(CAPITAL);
    const before = world.embedded.length;
    expect(await shown(world.ask(REPHRASED))).toBe("MISS does-not-pay");
    await world.settleAll();
    expect(world.embedded).toHaveLength(before);
    expect(await shown(world.ask(REPHRASED))).toBe("HIT-EXACT");
    expect(await shown(world.ask(CAPITAL))).toBe("HIT-EXACT");
    world.region().orders = {};
    await world.clock.advance(61_000);
    expect(await shown(world.ask(`${CAPITAL} Please.`))).not.toMatch(/does-not-pay/);
  });

  test("finds rows that the index does not show yet: its own isolate's, and by sync another's", async () => {
    const world = new World();
    world.alike(REPHRASED, CAPITAL, 0.97);
    world.indexLagMs = 60_000;
    await world.ask(CAPITAL);
    expect((await world.ask(REPHRASED)).result).toBe("HIT-SEMANTIC");
    await world.settleAll();
    expect(world.index.rows.size).toBe(0);
    const isolate = new world.source.Isolate();
    expect((await world.ask(REPHRASED, { isolate })).result).toBe("HIT-SEMANTIC");
  });

  test("is not served with a changed number, however near its vector", async () => {
    const world = new World();
    world.alike("What is 5 percent of 80?", "What is 6 percent of 80?", 0.999);
    await world.ask("What is 6 percent of 80?");
    await world.settleAll();
    const reply = await world.ask("What is 5 percent of 80?");
    expect(reply).toMatchObject({
      result: "MISS",
      reason: "guard:number",
      text: "Answer to: What is 5 percent of 80?",
    });
  });

  test("is not served under another system prompt, model parameter, caller namespace or locale", async () => {
    const world = await answered();
    const system = [
      { role: "system", content: "Answer in French." },
      { role: "user", content: REPHRASED },
    ];
    const asks: Ask[] = [
      { body: { messages: system } },
      { body: { top_p: 0.5 } },
      { headers: { "x-velo-cache": "namespace=other" } },
      { headers: { "accept-language": "fr-FR,fr" } },
    ];
    for (const ask of asks) expect(await shown(world.ask(REPHRASED, ask))).toBe("MISS no-match");
  });

  test("is put to the model when its nearest row is too far, with the distance in the receipt", async () => {
    const world = await answered();
    // Cosine 0.9 is distance 0.447, over the cold start's 0.35.
    world.alike(REPHRASED, CAPITAL, 0.9);
    expect(await shown(world.ask(REPHRASED))).toBe("MISS distance");
    await world.settleAll();
    expect(world.reported.receipts.at(-1)!.body["nearestMiss"]).toMatchObject({
      question: CAPITAL,
    });
  });

  test("is not served when its row was removed, though the index still returns it", async () => {
    const world = await answered();
    const [id] = [...world.index.rows.keys()];
    world.region().remove(id!);
    const isolate = new world.source.Isolate();
    expect(await shown(world.ask(REPHRASED, { isolate }))).toBe("MISS no-match");
  });

  test("is put to the model when the answer behind its row is gone or another's", async () => {
    const world = await answered();
    const [[key, body]] = [...world.store] as [[string, string]];
    const found = (stored: string) => {
      world.store.set(key, stored);
      const isolate = new world.source.Isolate();
      return shown(world.ask(REPHRASED, { isolate, headers: { "x-velo-cache": "no-store" } }));
    };
    expect(await found(body)).toBe("HIT-SEMANTIC");
    expect(await found(body.replace('"tenant":"acme"', '"tenant":"rival"'))).toBe(
      "MISS answer-gone",
    );
    expect(await found(body.replace("Answer to", "Forged answer to"))).toBe("MISS answer-gone");
    expect(await found(body.replace(/"expiresAt":\d+/, '"expiresAt":1'))).toBe("MISS answer-gone");
    expect(await found("no JSON")).toBe("MISS answer-gone");
    world.find = () => null;
    expect(await found(body)).toBe("MISS answer-gone");
  });
});

describe("a tenant's setting", () => {
  const result = async (settings: Partial<TenantSettings>, prompt: string) => {
    const world = await answered();
    // The row exists; only what may be done with it differs.
    const key = keyOf("acme", settings);
    const reply = await shown(world.ask(prompt, { key }));
    await world.settleAll();
    return [reply, world.reported.receipts.at(-1)!.body["would"]];
  };

  test("observe serves nothing and notes what it would have served", async () => {
    expect(await result({ serve: "observe" }, CAPITAL)).toEqual(["MISS observe", "HIT-EXACT"]);
    expect(await result({ serve: "observe" }, REPHRASED)).toEqual(["MISS observe", "HIT-SEMANTIC"]);
  });

  test("exact serves repeats only", async () => {
    expect(await result({ serve: "exact" }, CAPITAL)).toEqual(["HIT-EXACT", null]);
    expect((await result({ serve: "exact" }, REPHRASED))[0]).toMatch(/^MISS/);
  });

  test("cacheSampled off leaves requests with a temperature alone, and serves temperature 0", async () => {
    const world = new World();
    const key = keyOf("acme", { cacheSampled: false });
    expect(await shown(world.ask(CAPITAL, { key }))).toBe("BYPASS sampled");
    expect(await shown(world.ask(CAPITAL, { key, body: { temperature: 1 } }))).toBe(
      "BYPASS sampled",
    );
    await world.ask(CAPITAL, { key, body: { temperature: 0 } });
    expect(await shown(world.ask(CAPITAL, { key, body: { temperature: 0 } }))).toBe("HIT-EXACT");
  });

  test("userScope keeps each user's answers apart", async () => {
    const world = new World();
    const key = keyOf("acme", { userScope: true });
    world.alike(REPHRASED, CAPITAL, 0.97);
    await world.ask(CAPITAL, { key, body: { user: "ann" } });
    await world.settleAll();
    for (const prompt of [CAPITAL, REPHRASED]) {
      expect((await world.ask(prompt, { key, body: { user: "ann" } })).result).toMatch(/^HIT/);
      const bob = { key, body: { user: "bob" }, headers: { "x-velo-cache": "no-store" } };
      expect((await world.ask(prompt, bob)).result).toBe("MISS");
    }
  });

  test("domain decides whether two regions share answers", async () => {
    for (const domain of ["region", "shared"] as const) {
      const world = new World();
      const key = keyOf("acme", { domain });
      world.alike(REPHRASED, CAPITAL, 0.97);
      await world.ask(CAPITAL, { key, region: "us" });
      await world.settleAll();
      const isolate = new world.source.Isolate();
      const kind = domain === "region" ? "MISS" : "HIT-SEMANTIC";
      expect((await world.ask(REPHRASED, { key, region: "eu", isolate })).result).toBe(kind);
    }
  });

  test("maxTtlSeconds bounds the life of an answer, whatever the caller asks", async () => {
    const key = keyOf("acme", { maxTtlSeconds: 60 });
    const world = await answered({ key, headers: { "x-velo-cache": "ttl=3600" } });
    expect((await world.ask(CAPITAL, { key })).result).toBe("HIT-EXACT");
    await world.clock.advance(55_000);
    expect((await world.ask(CAPITAL, { key })).result).toBe("MISS");
  });

  test("a lower maxTtlSeconds holds for answers that were stored before it", async () => {
    const world = await answered();
    await world.clock.advance(60_000);
    const key = keyOf("acme", { maxTtlSeconds: 30 });
    const headers = { "x-velo-cache": "no-store" };
    expect(await shown(world.ask(CAPITAL, { key, headers }))).toBe("MISS expired");
    expect(await shown(world.ask(REPHRASED, { key, headers }))).toBe("MISS guard:expiry");
    expect((await world.ask(CAPITAL)).result).toBe("HIT-EXACT");
  });

  test("augment puts near rows into the prompt as notes, and the answer is not stored", async () => {
    const world = await answered();
    world.region().orders = { notesShare: { "acme/en": 1 } };
    await world.clock.advance(61_000);
    const key = keyOf("acme", { augment: true });
    const prompt = "Tell me the capital of France in 1850";
    world.alike(prompt, CAPITAL, 0.9);
    const reply = await world.ask(prompt, { key });
    expect(reply.result).toBe("AUGMENTED");
    const messages = world.model.calls.at(-1)!.json["messages"] as {
      role: string;
      content: string;
    }[];
    expect(messages).toHaveLength(1);
    expect(messages[0]!.content).toContain(`> Answer: Answer to: ${CAPITAL}`);
    const stored = world.store.size;
    await world.settleAll();
    expect(world.store.size).toBe(stored);
  });
});

test("a kill switch of the region stops serving at once and leaves the model", async () => {
  const world = await answered();
  world.region().switches = { ...world.region().switches, cacheOff: true };
  await world.clock.advance(61_000);
  expect(await shown(world.ask(CAPITAL))).toBe("MISS kill-switch");
  expect(await shown(world.ask(REPHRASED))).toBe("MISS kill-switch");
});

test("learnOff stops experiences and keeps receipts", async () => {
  const world = new World();
  world.region().switches = { ...world.region().switches, learnOff: true };
  await world.ask(CAPITAL);
  await world.settleAll();
  expect(world.reported.receipts).toHaveLength(1);
  expect(world.reported.experiences).toHaveLength(0);
});

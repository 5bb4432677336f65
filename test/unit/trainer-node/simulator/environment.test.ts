import { createHash } from "node:crypto";
import { describe, expect, test } from "vitest";
import { hashEmbed } from "../../../../src/dev/embedding.ts";
import { embedderProfile } from "../../../../src/policy/embedders.ts";
import { greedyPolicy } from "../../../../src/policy/network/greedy.ts";
import {
  alwaysCache,
  alwaysModel,
  bestFeasibleThreshold,
  feasibleOracle,
  greedy,
  unconstrainedOracle,
} from "../../../../src/trainer-node/simulator/baselines.ts";
import {
  Environment,
  type EnvironmentOptions,
} from "../../../../src/trainer-node/simulator/environment.ts";
import { type Executed } from "../../../../src/trainer-node/simulator/executed.ts";
import { geometrySource } from "../../../../src/trainer-node/simulator/geometry.ts";
import { type Group, loadBundled } from "../../../../src/trainer-node/simulator/groups.ts";
import { regretOf } from "../../../../src/trainer-node/simulator/regret.ts";
import { type WorkloadRequest } from "../../../../src/trainer-node/simulator/request.ts";
import { play, type Player } from "../../../../src/trainer-node/simulator/scoreboard.ts";
import { workloadSource } from "../../../../src/trainer-node/simulator/source.ts";
import { generateWorkload } from "../../../../src/trainer-node/simulator/workload.ts";

const seed = Number(process.env["SEED"] ?? 20_261_121);
console.log(`environment seed ${seed}`);

const groups = loadBundled();
const HASH = embedderProfile("velo/hash-ngram-768");

/** Bundled questions with answers as long as a chat model gives them. */
function bundled(requests: number, streamSeed = seed) {
  return workloadSource({
    requests: generateWorkload({ groups, requests, seed: streamSeed }).requests,
    groups,
    embedder: HASH,
    embed: hashEmbed,
    answerTokens: () => 200,
  });
}

/** Everything that happens to a stream under a player, the likeliest action taken each time. */
async function all(environment: Environment, player: Player): Promise<readonly Executed[]> {
  const executed: Executed[] = [];
  environment.subscribe((one) => executed.push(one));
  await play(environment, player);
  return executed;
}

const world = (options: Omit<EnvironmentOptions, "seed"> & { readonly seed?: number }) =>
  new Environment({ seed, scorer: null, ...options });

/** Two groups whose questions lie in one place, asked in turn: what is served for the second is wrong. */
function twins(): ReturnType<typeof workloadSource> {
  const group = (id: string, text: string): Group => ({
    id,
    family: "eggs",
    relation: "base",
    questions: new Map([["en", [text]]]),
    answers: new Map(),
  });
  const asked = (t: number, id: string, question: string): WorkloadRequest => ({
    t,
    id: `${id}-${t}`,
    group: id,
    question,
    lang: "en",
    kind: "new",
    region: "us",
  });
  return workloadSource({
    requests: [
      asked(0, "boil", "How do I boil an egg?"),
      asked(100, "cook", "How do I boil the egg?"),
      asked(200, "boil", "How do I boil an egg?"),
    ],
    groups: [group("boil", "How do I boil an egg?"), group("cook", "How do I boil the egg?")],
    embedder: HASH,
    embed: () => new Float32Array(768).fill(1 / Math.sqrt(768)),
  });
}

describe("a run", () => {
  test("is the same to the last bit with the same seed, and another one with another", async () => {
    const hash = async (runSeed: number) => {
      const environment = world({ source: bundled(120), seed: runSeed, epsilon: 0.2 });
      const policy = greedyPolicy(0.95);
      const digest = createHash("sha256");
      environment.subscribe(({ experience, outcome, utility, shadow }) =>
        digest.update(JSON.stringify({ experience, outcome, utility, shadow })),
      );
      for (let slot = await environment.next(); slot !== null; slot = await environment.next())
        for (const pending of slot)
          environment.act(pending, await policy.infer(pending.observation), policy.actions);
      return digest.digest("hex");
    };
    const first = await hash(seed);
    expect(await hash(seed)).toBe(first);
    expect(await hash(seed + 1)).not.toBe(first);
  });

  test("hears of every request once, in slots of at most one request an agent", async () => {
    const environment = world({ source: bundled(200) });
    const heard: number[] = [];
    environment.subscribe(({ request }) => heard.push(request.index));
    for (let slot = await environment.next(); slot !== null; slot = await environment.next()) {
      expect(new Set(slot.map(({ agent }) => agent)).size).toBe(slot.length);
      for (const pending of slot)
        environment.act(pending, await alwaysModel.choose(pending), alwaysModel.actions);
    }
    expect(heard.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 200 }, (_, i) => i));
  });

  test("refuses to go on while a request waits for an act", async () => {
    const environment = world({ source: bundled(20) });
    await environment.next();
    await expect(environment.next()).rejects.toThrow("wait for an act");
  });

  test("gives a request the same model delay whatever was done before it", async () => {
    const source = bundled(150);
    const [served, called] = [
      await all(world({ source }), greedy(0.95)),
      await all(world({ source }), alwaysModel),
    ];
    const misses = new Map(
      called.filter(({ kind }) => kind === "MISS").map((one) => [one.request.id, one.delaySeconds]),
    );
    const both = served.filter(({ kind, request }) => kind === "MISS" && misses.has(request.id));
    expect(both.length).toBeGreaterThan(50);
    for (const { request, delaySeconds } of both) expect(delaySeconds).toBe(misses.get(request.id));
  });
});

describe("an answer", () => {
  test("of another group is wrong: U = -1.2 - 0.5 d / 10", async () => {
    const [first, second, third] = await all(world({ source: twins() }), alwaysCache);
    expect(first).toMatchObject({ kind: "MISS", correct: true, quality: -0.35 });
    expect(second).toMatchObject({ kind: "HIT-SEMANTIC", correct: false, quality: -1.2 });
    expect(second!.utility).toBeCloseTo(-1.2 - (0.5 * second!.delaySeconds) / 10, 12);
    expect(second!.experience).toMatchObject({ action: 1, sub: "A", usedRows: [first!.insertion] });
    expect(third).toMatchObject({ kind: "HIT-EXACT", correct: true, experience: null });
  });

  test("of another group is never chosen by the feasible oracle", async () => {
    const [, second] = await all(world({ source: twins() }), feasibleOracle);
    expect(second).toMatchObject({ kind: "MISS", correct: true });
  });

  test("is what its counterfactual said it would be, and asking for it changes nothing", async () => {
    const environment = world({ source: twins() });
    const [pending] = (await environment.next())!;
    const { output, actions } = {
      output: await alwaysModel.choose(pending!),
      actions: alwaysModel.actions,
    };
    environment.act(pending!, output, actions);
    const [second] = (await environment.next())!;
    const would = second!.counterfactual();
    expect(second!.counterfactual()).toEqual(would);
    expect(would.ideal).toBeNull();
    expect(would.direct).toMatchObject({ handling: "B", correct: true });
    const done = environment.act(second!, await alwaysCache.choose(second!), actions, {
      greedy: true,
    });
    expect(done).toMatchObject({ ...would.cache });
  });
});

describe("the oracle", () => {
  test("is at least as good as every baseline on the same stream, for several seeds", async () => {
    for (const streamSeed of [seed, seed + 1, seed + 2]) {
      const sources = [bundled(150, streamSeed), geometrySource({ seed: streamSeed, slots: 40 })];
      for (const source of sources) {
        const environment = () => world({ source, seed: streamSeed });
        const oracle = await play(environment(), feasibleOracle);
        expect(oracle.wrongPerRequest.count).toBe(0);
        for (const player of [alwaysModel, greedy(0.5), greedy(0.95)]) {
          const { meanUtility } = await play(environment(), player);
          expect(
            oracle.meanUtility,
            `${source.name}, ${player.name}, seed ${streamSeed}`,
          ).toBeGreaterThanOrEqual(meanUtility);
        }
      }
    }
  }, 60_000);

  test("leaves nothing to learn: no wrong hit and nothing kept back by it", async () => {
    const source = bundled(250);
    const oracle = await regretOf(world({ source }), feasibleOracle);
    expect([oracle.wrongHits.count, oracle.keptBackByPolicy.count]).toEqual([0, 0]);
    const model = await regretOf(world({ source }), alwaysModel);
    expect(model.keptBackByPolicy.count).toBeGreaterThan(0);
    const cache = await regretOf(world({ source }), alwaysCache);
    expect(cache.keptBackByPolicy.count).toBe(0);
  });
});

describe("the cache", () => {
  test("of a region never serves a row of another one, and a shared cache does", async () => {
    const foreign = async (domain: "region" | "shared") => {
      const source = geometrySource({ seed, slots: 60, topics: 50 });
      // Without labels, so that every row was left by a call.
      const executed = await all(world({ source, domain, shadowRate: 0 }), alwaysCache);
      const home = new Map(
        executed.flatMap(({ insertion, request }) =>
          insertion === null ? [] : [[insertion, request.region] as const],
        ),
      );
      const rows = executed.filter(({ kind }) => kind === "HIT-SEMANTIC");
      expect(rows.length).toBeGreaterThan(20);
      return rows.filter((one) => home.get(one.decision!.selected!.id) !== one.request.region);
    };
    expect(await foreign("region")).toEqual([]);
    expect((await foreign("shared")).length).toBeGreaterThan(0);
  });

  test("evicts above its capacity, and serves nothing that is gone", async () => {
    const source = geometrySource({ seed, slots: 300, regions: ["us"] });
    const options = { source, regions: ["us"], graceMs: 300_000, evictEveryRequests: 50 };
    const [small, large] = [world({ ...options, capacity: 100 }), world(options)];
    const executed = await all(small, alwaysModel);
    await all(large, alwaysModel);
    expect(executed).toHaveLength(300);
    expect(large.entries("us")).toBe(300);
    // Down to the capacity at every 50th request; young rows of the last 5 minutes and later ones stay above it.
    expect(small.entries("us")).toBeLessThanOrEqual(100 + 50 + 30);
  });

  test("learns from labels that a coin revealed, at the price of a call each", async () => {
    const source = geometrySource({ seed, slots: 150 });
    const none = await all(world({ source, shadowRate: 0 }), alwaysCache);
    expect(none.filter(({ shadow }) => shadow !== null && shadow.probability < 1)).toEqual([]);
    const some = await all(world({ source, shadowRate: 0.5 }), alwaysCache);
    const labelled = some.filter(({ shadow }) => shadow !== null);
    expect(labelled.length).toBeGreaterThan(5);
    for (const { shadow } of labelled) expect([0.5, 1]).toContain(shadow!.probability);
    for (const { shadow, kind } of labelled)
      expect(shadow!.costUsd > 0).toBe(kind === "HIT-SEMANTIC");
    // What was learnt travels with a row from then on.
    const known = (executed: readonly Executed[]) =>
      executed.filter(({ decision }) =>
        decision?.verdicts.some(({ budget }) => budget?.alpha != null),
      );
    expect(known(some).length).toBeGreaterThan(0);
    expect(known(none)).toEqual([]);
  });
});

describe("thresholds", () => {
  test("are chosen among those with at most 1 % wrong; the best of all may have more", async () => {
    const source = geometrySource({ seed, slots: 60 });
    const { feasible, unconstrained } = await bestFeasibleThreshold(
      () => world({ source }),
      [0, 0.2, 0.3, 0.5],
    );
    expect(feasible!.score.wrongPerRequest.share).toBeLessThanOrEqual(0.01);
    expect(unconstrained.score.meanUtility).toBeGreaterThanOrEqual(feasible!.score.meanUtility);
    expect(unconstrained.theta).toBe(0.5);
  });
});

describe("the paper's reward at omega 0.1 with a slow model", () => {
  test("prefers always the cache to always the model, wrong answers and all", async () => {
    const source = geometrySource({ seed, slots: 40, prefillTopics: 100 });
    const environment = () => world({ source, mode: "paper" });
    const [cache, model, oracle] = [
      await play(environment(), alwaysCache),
      await play(environment(), alwaysModel),
      await play(environment(), unconstrainedOracle),
    ];
    expect(cache.meanUtility).toBeGreaterThan(model.meanUtility);
    expect(oracle.meanUtility).toBeGreaterThanOrEqual(cache.meanUtility);
    expect(model.wrongPerRequest.count).toBe(0);
    expect(cache.wrongPerRequest.share).toBeGreaterThan(0.01);
  });

  test("feeds raw distances, types and counts, and rows of answers among them", async () => {
    const source = geometrySource({ seed, slots: 30, prefillTopics: 20 });
    const environment = world({ source, mode: "paper" });
    const [pending] = (await environment.next())!;
    const { c } = pending!.observation;
    expect(new Set(c.subarray(10, 20))).toEqual(new Set([1, 2]));
    expect(Array.from(c.subarray(20))).toEqual(Array.from({ length: 10 }, () => 1));
  });
});

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { TWO_WAY } from "../../../src/policy/action.ts";
import { type TrainingConfig } from "../../../src/trainer-node/config.ts";
import { MetricsFile, type RoundFigures } from "../../../src/trainer-node/metrics.ts";
import { roundToHalf } from "../../../src/policy/half.ts";
import { Random } from "../../../src/policy/random.ts";
import { type RolloutBuffer, type Sample } from "../../../src/trainer-node/rollout-buffer.ts";
import { type ServedActor } from "../../../src/trainer-node/served-actor.ts";
import {
  SimulatedRounds,
  gatherDemonstrations,
} from "../../../src/trainer-node/simulated-rounds.ts";
import { Environment } from "../../../src/trainer-node/simulator/environment.ts";
import { geometrySource } from "../../../src/trainer-node/simulator/geometry.ts";
import { type ExperienceSource, train } from "../../../src/trainer-node/train.ts";
import { QUICK, play, quickMappo } from "../../support/bandit.ts";

const SEED = 4;
console.log(`seed ${SEED}`);

const CONFIG: TrainingConfig = {
  ...QUICK,
  samplesPerAgent: 40,
  episodeSlots: 10,
  demonstrations: 30,
  minDemonstrations: 5,
};
const FIGURES: RoundFigures = {
  requests: 100,
  utility: -0.5,
  served: 0.2,
  wrong: 0.01,
  cacheAction: 0.4,
  delay: 3,
};

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "velo-train-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** A small world whose stream ends after 60 slots, so that a run needs several. */
const world = (pass: number, mode: "product" | "paper" = "product") =>
  new Environment({
    source: geometrySource({ seed: SEED + pass, slots: 60, topics: 30 }),
    seed: SEED + pass,
    mode,
    epsilon: mode === "paper" ? 0 : 0.02,
  });

const sourceOf = (config: TrainingConfig) =>
  new SimulatedRounds({ config, environment: (pass) => world(pass, config.reward), seed: SEED });

/** What a source puts into the buffer. */
function listener(): { readonly samples: Sample[]; readonly buffer: RolloutBuffer } {
  const samples: Sample[] = [];
  const buffer = {
    get size() {
      return samples.length;
    },
    add: (sample: Sample) => void samples.push(sample),
  };
  return { samples, buffer: buffer as unknown as RolloutBuffer };
}

describe("the loop", () => {
  it("writes a checkpoint of every update before its experiences are acknowledged", async () => {
    const mappo = await quickMappo(CONFIG, { seed: SEED });
    const random = new Random(SEED);
    const events: string[] = [];
    const source: ExperienceSource = {
      demonstrations: [],
      async collect(policy, buffer) {
        if (mappo.updates === 2) return null;
        events.push("collect");
        for (const sample of await play(policy, CONFIG, 50, random)) buffer.add(sample);
        return FIGURES;
      },
      async save(write) {
        await write(new Set([`ids of ${mappo.updates}`]));
        events.push("acknowledge");
      },
    };
    await train({
      mappo,
      source,
      updates: 5,
      checkpoint: (trainer, seen) => {
        events.push(`checkpoint ${trainer.updates} with ${[...seen].join()}`);
        return Promise.resolve();
      },
      onUpdate: ({ update, status }) => void events.push(`${status} ${update}`),
    });
    await mappo.close();
    expect(events).toEqual([
      "collect",
      "checkpoint 1 with ids of 1",
      "acknowledge",
      "updated 1",
      "collect",
      "checkpoint 2 with ids of 2",
      "acknowledge",
      "updated 2",
    ]);
  });

  it("acknowledges nothing when a checkpoint cannot be written", async () => {
    const mappo = await quickMappo(CONFIG, { seed: SEED });
    const random = new Random(SEED);
    let acknowledged = 0;
    const source: ExperienceSource = {
      demonstrations: [],
      async collect(policy, buffer) {
        for (const sample of await play(policy, CONFIG, 50, random)) buffer.add(sample);
        return FIGURES;
      },
      async save(write) {
        await write(new Set());
        acknowledged++;
      },
    };
    const run = train({
      mappo,
      source,
      updates: 1,
      checkpoint: () => Promise.reject(new Error("disk full")),
    });
    await expect(run).rejects.toThrow("disk full");
    await mappo.close();
    expect(acknowledged).toBe(0);
  });

  it("trains in the simulator, leaves a line per update, and does it again from the same seed", async () => {
    const run = async (file: string) => {
      const mappo = await quickMappo(CONFIG, { seed: SEED, anew: true });
      const metrics = new MetricsFile(join(folder, file));
      await train({ mappo, source: sourceOf(CONFIG), updates: 2, metrics });
      const weights = await mappo.actorWeights();
      await mappo.close();
      const lines = metrics.read();
      return { lines, head: Array.from(weights.get("eps.out.w")!) };
    };
    const first = await run("a/metrics.jsonl");
    expect(first.lines.map(({ update, requests }) => [update, requests])).toEqual([
      // 40 slots of three agents.
      [1, 120],
      [2, 120],
    ]);
    expect(first.lines[1]!.totalRequests).toBe(240);
    const second = await run("b/metrics.jsonl");
    expect(second.head).toEqual(first.head);
    expect(second.lines.map(({ utility }) => utility)).toEqual(
      first.lines.map(({ utility }) => utility),
    );
  });
});

describe("rounds in the simulator", () => {
  it("keep one price of time for an episode and draw another for the next, within its range", async () => {
    const mappo = await quickMappo(CONFIG, { seed: SEED });
    const { samples, buffer } = listener();
    await sourceOf(CONFIG).collect(mappo.policy, buffer);
    await mappo.close();
    const episodes = Array.from(
      { length: 4 },
      (_, e) => new Set(samples.slice(30 * e, 30 * (e + 1)).map(({ omega }) => omega)),
    );
    expect(episodes.map(({ size }) => size)).toEqual([1, 1, 1, 1]);
    const drawn = episodes.map(([omega]) => 10 ** omega!);
    expect(new Set(drawn).size).toBe(4);
    expect(Math.min(...drawn)).toBeGreaterThanOrEqual(CONFIG.omegaMin * 0.999);
    expect(Math.max(...drawn)).toBeLessThanOrEqual(CONFIG.omegaMax * 1.001);
  });

  it("log the floor in mu, and try both actions", async () => {
    const mappo = await quickMappo(CONFIG, { seed: SEED });
    const { samples, buffer } = listener();
    await sourceOf(CONFIG).collect(mappo.policy, buffer);
    await mappo.close();
    for (const { probs, action, mu } of samples)
      expect(mu).toBeCloseTo(0.96 * probs[action]! + 0.02, 6);
    const direct = samples.filter(({ action }) => action === 0).length;
    expect(direct).toBeGreaterThan(20);
    expect(direct).toBeLessThan(100);
  });

  it("store the noise of every decision and share one reward among agents in paper mode", async () => {
    const config: TrainingConfig = {
      ...CONFIG,
      reward: "paper",
      chainNoise: "stored",
      teamShare: 1,
      directPenalty: 0.6,
      epsilon: 0,
      omegaMin: 0.1,
    };
    const mappo = await quickMappo(config, { seed: SEED });
    const { samples, buffer } = listener();
    const figures = await sourceOf({ ...config, omegaMax: 0.1 }).collect(mappo.policy, buffer);
    await mappo.close();
    const noises = samples.map(({ noise }) => noise!.join());
    expect(new Set(noises).size).toBe(samples.length);
    for (let slot = 0; slot < samples.length; slot += 3)
      expect(new Set(samples.slice(slot, slot + 3).map(({ reward }) => reward)).size).toBe(1);
    // Ten times q - 0.1 d - 0.6 [direct] with q around -0.5 and 7.7 s: about -19 for a call, -5 for a hit.
    const mean = samples.reduce((sum, { reward }) => sum + reward, 0) / samples.length;
    expect(mean).toBeLessThan(-5);
    expect(mean).toBeGreaterThan(-25);
    // Sharing moves rewards between agents, never their mean.
    expect(figures.reward).toBeCloseTo(mean, 9);
    expect(figures.quality).toBeGreaterThan(-1.2);
    expect(figures.quality).toBeLessThan(-0.4);
  });

  it("draw any price of time in paper mode, where no product would be safe", async () => {
    const config: TrainingConfig = { ...CONFIG, reward: "paper", omegaMin: 0.01, omegaMax: 0.5 };
    const coin = { logits: new Float32Array(2), probs: Float32Array.of(0.5, 0.5) };
    const policy = {
      version: 0,
      actions: TWO_WAY,
      inferAll: (requests: readonly unknown[]) => Promise.resolve(requests.map(() => coin)),
    } as unknown as ServedActor;
    const { samples, buffer } = listener();
    await sourceOf(config).collect(policy, buffer);
    const drawn = [...new Set(samples.map(({ omega }) => 10 ** omega))];
    expect(drawn).toHaveLength(4);
    expect(Math.min(...drawn)).toBeGreaterThan(0.0099);
    expect(Math.max(...drawn)).toBeLessThan(0.501);
  });

  it("give demonstrations of both handlings, none of them a toss-up", async () => {
    const shown = await gatherDemonstrations(world(0), CONFIG, SEED);
    expect(shown.length).toBeGreaterThan(10);
    expect(shown.length).toBeLessThanOrEqual(CONFIG.demonstrations);
    expect(new Set(shown.map(({ action }) => action))).toEqual(new Set([0, 1]));
    expect(Math.min(...shown.map(({ margin }) => margin))).toBeGreaterThan(0.02);
  });

  it("give demonstrations of the paper from all of the stream, with the penalty in their labels", async () => {
    const paper: TrainingConfig = { ...CONFIG, reward: "paper", omegaMin: 0.1, omegaMax: 0.1 };
    const embeddings = world(0, "paper").source;
    const places = new Map(
      embeddings.requests.map((request) => [
        roundToHalf(embeddings.embeddingOf(request)).join(),
        request.index,
      ]),
    );
    const shown = (directPenalty: number) =>
      gatherDemonstrations(world(0, "paper"), { ...paper, directPenalty, embeddingNoise: 0 }, SEED);
    const free = await shown(0);
    expect(new Set(free.map(({ action }) => action))).toEqual(new Set([0, 1]));
    const thirds = free.map(({ f }) => Math.floor(places.get(f.join())! / 60));
    expect(new Set(thirds)).toEqual(new Set([0, 1, 2]));
    // U = q - 0.1 d - phi3 [direct]: at 0.6 the same requests speak more for the cache, at 100 all of them do.
    const charged = await shown(0.6);
    const share = (all: typeof free) =>
      all.filter(({ action }) => action === 1).length / all.length;
    expect(share(charged)).toBeGreaterThan(share(free));
    expect(await shown(100)).toEqual([]);
  });
});

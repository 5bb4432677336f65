import { describe, expect, it } from "vitest";
import { Random } from "../../../../../src/policy/random.ts";
import { GraphForward } from "../../../../../src/policy/routing/graph-router/graph-forward.ts";
import { openBackend } from "../../../../../src/trainer-node/graph/backend.ts";
import { flatForward } from "../../../../../src/trainer-node/reproduction/qos-router/flat-router.ts";
import {
  type FleetRequest,
  simulate,
} from "../../../../../src/trainer-node/reproduction/qos-router/fleet.ts";
import { networkRouter } from "../../../../../src/trainer-node/reproduction/qos-router/router-player.ts";
import {
  type SacOptions,
  trainSac,
} from "../../../../../src/trainer-node/reproduction/qos-router/sac.ts";
import { EXPERTS } from "../../../../../src/trainer-node/reproduction/qos-router/settings.ts";

const SEED = Number(process.env["SAC_SEED"] ?? 3);
const SIZE = { experts: 2, running: 3, waiting: 2 };
const FLEET = { experts: [EXPERTS[0]!, EXPERTS[3]!] };
const VIEW = { mayDrop: true, mostRequests: 1 };

/** Each request is worth 0.9 at one expert, drawn anew each time, and 0.1 at the other; all finish in time. */
function toy(count: number, seed: number): readonly FleetRequest[] {
  const random = new Random(seed);
  return Array.from({ length: count }, (_, id) => {
    const better = random.uniform() < 0.5 ? 0 : 1;
    return {
      id,
      at: 2 * id,
      textFeatures: [],
      answers: [0, 1].map((expert) => {
        const score = expert === better ? 0.9 : 0.1;
        return {
          promptTokens: 20,
          outputTokens: 30,
          predictedOutputTokens: 30,
          score,
          predictedScore: score,
        };
      }),
    };
  });
}

const optionsOf = async (
  encoder: "graph" | "flat",
  changes: Partial<SacOptions> = {},
): Promise<SacOptions> => ({
  networks: { encoder, size: SIZE },
  view: VIEW,
  backend: await openBackend("cpu", { threads: 1 }),
  seed: SEED,
  episode: (index) => ({ fleet: FLEET, requests: toy(100, 1000 * SEED + index) }),
  decisions: 250,
  randomDecisions: 100,
  batch: 16,
  learningRate: 3e-3,
  temperatureRate: 1e-2,
  gamma: 0.5,
  usualGapSeconds: 2,
  ...changes,
});

describe(`soft actor-critic on a fleet (seed ${SEED})`, () => {
  const held = toy(200, 99);

  it.each(["graph", "flat"] as const)("learns who is good at what: %s", async (encoder) => {
    const qos: number[] = [];
    const options = await optionsOf(encoder);
    const trained = await trainSac({ ...options, onEpisode: ({ meanQos }) => qos.push(meanQos) });
    expect(trained.updates).toBe(150);
    expect(trained.refused).toBe(0);
    // At random a third is dropped and half of the rest goes wrong: 2/3 x 0.5.
    expect(qos[0]).toBeGreaterThan(0.2);
    expect(qos[0]).toBeLessThan(0.47);
    const network =
      encoder === "graph" ? new GraphForward(trained.weights) : flatForward(trained.weights, SIZE);
    const { figures } = simulate(FLEET, held, networkRouter(encoder, network, VIEW));
    expect(figures.meanQos).toBeGreaterThan(0.8);
  });
});

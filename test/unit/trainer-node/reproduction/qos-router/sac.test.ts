import { describe, expect, it } from "vitest";
import { Random } from "../../../../../src/policy/random.ts";
import { GraphForward } from "../../../../../src/policy/routing/graph-router/graph-forward.ts";
import { openBackend } from "../../../../../src/trainer-node/graph/backend.ts";
import { flatForward } from "../../../../../src/trainer-node/reproduction/qos-router/flat-router.ts";
import {
  type FleetOptions,
  type FleetRequest,
  simulate,
} from "../../../../../src/trainer-node/reproduction/qos-router/fleet.ts";
import { trueImpact } from "../../../../../src/trainer-node/reproduction/qos-router/impact.ts";
import { networkRouter } from "../../../../../src/trainer-node/reproduction/qos-router/router-player.ts";
import {
  type EpisodeReport,
  type SacOptions,
  trainSac,
} from "../../../../../src/trainer-node/reproduction/qos-router/sac.ts";
import { EXPERTS } from "../../../../../src/trainer-node/reproduction/qos-router/settings.ts";

const SEED = Number(process.env["SAC_SEED"] ?? 3);
/** One place more than there are experts. */
const SIZE = { experts: 3, running: 3, waiting: 2 };
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
  decisions: 200,
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
    expect(trained.updates).toBe(100);
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

describe("rewards", () => {
  /** Three at a time at one expert, which must take them: they get in each other's way. */
  const crowd = (): readonly FleetRequest[] =>
    Array.from({ length: 6 }, (_, id) => ({
      id,
      at: 0.2 * id,
      textFeatures: [],
      answers: [
        {
          promptTokens: 100,
          outputTokens: 20,
          predictedOutputTokens: 20,
          score: 0.5,
          predictedScore: 0.7,
        },
      ],
    }));
  const alone = { experts: [EXPERTS[0]!], latencyLimit: 0.018 };

  /** Mean reward and QoS of an episode at random, before anything is learnt. */
  async function played(
    changes: Partial<SacOptions>,
    fleet: FleetOptions = alone,
  ): Promise<EpisodeReport> {
    const reports: EpisodeReport[] = [];
    const requests = crowd();
    const options = await optionsOf("flat", {
      networks: { encoder: "flat", size: { ...SIZE, experts: 1 } },
      view: { mayDrop: false, mostRequests: 1 },
      episode: () => ({ fleet, requests }),
      decisions: requests.length,
      randomDecisions: requests.length,
      ...changes,
    });
    await trainSac({ ...options, onEpisode: (report) => reports.push(report) });
    return reports[0]!;
  }

  it("are the QoS of what finished, less the impact of every decision", async () => {
    let impact = 0;
    const { figures } = simulate(alone, crowd(), {
      name: "always",
      choose: (arrival) => {
        impact += trueImpact(arrival, 0);
        return 0;
      },
    });
    expect(figures.meanQos).toBeGreaterThan(0);
    expect(impact).toBeGreaterThan(0);
    const { meanReward, meanQos } = await played({});
    expect(meanQos).toBeCloseTo(figures.meanQos, 10);
    expect(meanReward).toBeCloseTo(figures.meanQos - impact / 6, 10);
    const halved = await played({ reward: { kappa: 0.5 } });
    expect(halved.meanReward).toBeCloseTo(figures.meanQos - impact / 12, 10);
  });

  it("are the QoS alone without an impact", async () => {
    const { meanReward, meanQos } = await played({ reward: { impact: "none" } });
    expect(meanReward).toBeCloseTo(meanQos, 10);
  });

  it("sum up to the QoS where impact is a difference of potentials: the best policy stays the best", async () => {
    const withGamma = (gamma: number) => played({ reward: { impact: "potential" }, gamma });
    const whole = await withGamma(1);
    expect(whole.meanReward).toBeCloseTo(whole.meanQos, 10);
    // With a discount the rewards themselves differ: there was something in the potential.
    expect((await withGamma(0.5)).meanReward).not.toBeCloseTo(whole.meanQos, 3);
  });

  it("are discounted by the time between two decisions: half in 2 s is a quarter in 4 s", async () => {
    const over = async (gamma: number, usualGapSeconds: number) => {
      const changes = { reward: { impact: "potential" as const }, gamma, usualGapSeconds };
      return (await played(changes)).meanReward;
    };
    expect(await over(0.25, 4)).toBeCloseTo(await over(0.5, 2), 10);
    expect(await over(0.5, 4)).not.toBeCloseTo(await over(0.5, 2), 3);
  });

  it("take eta of the best predicted score for a request that is dropped", async () => {
    const small = { ...alone, experts: [{ ...EXPERTS[0]!, kvTokens: 30 }] };
    const dropping = { view: { mayDrop: true, mostRequests: 1 } };
    const free = await played({ ...dropping }, small);
    expect(Math.abs(free.meanReward) + free.meanQos).toBe(0);
    const paid = await played({ ...dropping, reward: { eta: 0.2 } }, small);
    expect(paid.meanReward).toBeCloseTo(-0.2 * 0.7, 10);
  });

  it("are refused an episode in which nothing can be decided", async () => {
    const small = { ...alone, experts: [{ ...EXPERTS[0]!, kvTokens: 30 }] };
    await expect(played({}, small)).rejects.toThrow("nothing to decide");
  });
});

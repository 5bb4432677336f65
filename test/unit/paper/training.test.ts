// One round of DLRS Algorithm 1 by hand: joint state, advantages, importance weights, the losses, their gradients and the
// first step of both optimisers. All weights are zero but the last biases, so that a policy is what its noise says.
import { beforeAll, describe, expect, it } from "vitest";
import { flooredProbabilities } from "../../../src/policy/decide.ts";
import { DEFAULT_NETWORK, elements, parameterShapes } from "../../../src/policy/network/layout.ts";
import { Random } from "../../../src/policy/random.ts";
import {
  PAPER_TRAINING,
  PRODUCT_TRAINING,
  type TrainingConfig,
  annealed,
} from "../../../src/trainer-node/config.ts";
import { type Demonstration } from "../../../src/trainer-node/demonstrations.ts";
import { gae, vtrace } from "../../../src/trainer-node/gae.ts";
import { momentsOf } from "../../../src/trainer-node/graph/adam.ts";
import { openBackend } from "../../../src/trainer-node/graph/backend.ts";
import { JOINT_SIZE, SLOT_SIZE, criticShapes } from "../../../src/trainer-node/networks.ts";
import { type Sample, minibatches, roundOf } from "../../../src/trainer-node/rollout-buffer.ts";
import { roundBatch, targetsOf } from "../../../src/trainer-node/round-batch.ts";
import { StepRunner } from "../../../src/trainer-node/step-runner.ts";
import { trainingStep } from "../../../src/trainer-node/training-step.ts";
import { near } from "../../support/near.ts";

/** alphaBar = 0.25 after its only step: logits = 2 kappa_1 - sqrt 3 eps, and eps is the last bias, here 0. */
const CONFIG: TrainingConfig = {
  ...PRODUCT_TRAINING,
  network: {
    ...DEFAULT_NETWORK,
    steps: 1,
    schedule: { kind: "linear", start: 0.75, end: 0.75 },
    clipX0: null,
  },
  minibatchSize: 4,
  demonstrationBatch: 2,
};
/** Logits (0, ln 3): p = (1/4, 3/4); with the floor 0.02 the cache is executed with 0.96 * 0.75 + 0.02 = 0.74. */
const NOISE = [0, Math.log(3) / 2, 0, 0];

/** Everything zero but V, which is 1 whatever the state. */
const tensors = () =>
  new Map([
    ...[...parameterShapes(CONFIG.network), ...criticShapes()].map(
      ([name, dims]) => [name, new Float32Array(elements(dims))] as const,
    ),
    ["critic.2.b", Float32Array.of(1)] as const,
  ]);

function sample(changes: Partial<Sample>): Sample {
  return {
    f: new Float32Array(768),
    c: new Float32Array(30),
    omega: -1,
    noise: null,
    action: 0,
    mu: 0.5,
    probs: [0.5, 0.5],
    reward: 0,
    region: "a",
    at: 0,
    policyVersion: 1,
    ...changes,
  };
}

const answer = (probs: readonly number[], feat = 0) => ({
  logits: new Float32Array(probs.length),
  probs: Float32Array.from(probs),
  feat: new Float32Array(30).fill(feat),
});

describe("the joint state", () => {
  it("of two agents: own [c 30 | f' 30 | 1], the other's, six empty slots, log10 omega", () => {
    const round = roundOf([
      sample({ region: "a", at: 0, c: new Float32Array(30).fill(0.1) }),
      sample({ region: "b", at: 0, c: new Float32Array(30).fill(0.2), omega: -2 }),
    ]);
    const { joint } = roundBatch(round, [answer([0.5, 0.5], 3), answer([0.5, 0.5], 4)], CONFIG);
    const slot = (c: number, feat: number) => [
      ...Array.from({ length: 30 }, () => c),
      ...Array.from({ length: 30 }, () => feat),
      1,
    ];
    const empty = Array.from({ length: 6 * SLOT_SIZE }, () => 0);
    expect([SLOT_SIZE, JOINT_SIZE]).toEqual([61, 8 * 61 + 1]);
    expect(Array.from(joint.subarray(0, JOINT_SIZE))).toEqual(
      near([...slot(0.1, 3), ...slot(0.2, 4), ...empty, -1]),
    );
    expect(Array.from(joint.subarray(JOINT_SIZE))).toEqual(
      near([...slot(0.2, 4), ...slot(0.1, 3), ...empty, -2]),
    );
  });
});

describe("advantages (Eq. 22)", () => {
  it("Eq. 22: A_t = sum (gamma lambda)^l delta_(t+l), the last exponent being T - 1 - t", () => {
    // gamma 1, lambda 0.5, V = 0 and nothing behind the end: delta_t = r_t = 1, 2, 4, 8, 16.
    // 16, 8 + 8 = 16, 4 + 8 = 12, 2 + 6 = 8, 1 + 4 = 5; the first is 1 + 2/2 + 4/4 + 8/8 + 16/16.
    const { advantages } = gae(
      { rewards: Float32Array.of(1, 2, 4, 8, 16), values: new Float32Array(5), bootstrap: 0 },
      { gamma: 1, lambda: 0.5 },
    );
    expect(Array.from(advantages)).toEqual(near([5, 8, 12, 16, 16]));
  });

  it("Eq. 22: the paper's gamma 0.99 and lambda 0.95 weigh the second of two steps with 0.9405", () => {
    const { gamma, gaeLambda: lambda } = PAPER_TRAINING;
    // delta_1 = -12 + 0.99 * -10 + 11 = -10.9;  delta_0 = -9 + 0.99 * -11 + 10 = -9.89
    // A_0 = -9.89 + 0.9405 * -10.9 = -20.14145
    const { advantages, returns } = gae(
      { rewards: Float32Array.of(-9, -12), values: Float32Array.of(-10, -11), bootstrap: -10 },
      { gamma, lambda },
    );
    expect(Array.from(advantages)).toEqual(near([-20.14145, -10.9], 4));
    expect(Array.from(returns)).toEqual(near([-30.14145, -21.9], 4));
  });

  it("of an older policy's experiences (V-trace): ratios 0.5 and 4, capped at 1, weigh what follows", () => {
    // t = 1: v = 2 + 1 (2 + 0.5 * 3 - 2) = 3.5;  A = 2 + 0.5 (0.5 * 3 + 0.5 * 3) - 2 = 1.5
    // t = 0: v = 1 + 0.5 (1 + 0.5 * 2 - 1) + 0.5 * 0.5 * 0.5 (3.5 - 2) = 1.6875
    //        A = 1 + 0.5 (0.5 * 2 + 0.5 * 3.5) - 1 = 1.375
    const { advantages, returns } = vtrace(
      { rewards: Float32Array.of(1, 2), values: Float32Array.of(1, 2), bootstrap: 3 },
      Float32Array.of(0.5, 4),
      { gamma: 0.5, lambda: 0.5, rhoBar: 1, cBar: 1 },
    );
    expect(Array.from(advantages)).toEqual(near([1.375, 1.5]));
    expect(Array.from(returns)).toEqual(near([1.6875, 3.5]));
  });

  it("are made along each agent's own time and standardised over all agents together", () => {
    const round = roundOf([
      sample({ region: "a", at: 0, reward: 1 }),
      sample({ region: "b", at: 0, reward: 3 }),
      sample({ region: "a", at: 1, reward: 2 }),
      sample({ region: "b", at: 1, reward: 6 }),
    ]);
    const ratios = new Float32Array(4).fill(1);
    const both = { ...CONFIG, gamma: 0.5, gaeLambda: 1 };
    // V = 0: a: A = 1 + 0.5 * 2 = 2, 2;  b: A = 3 + 0.5 * 6 = 6, 6. Mean 4, deviation 2.
    const { advantage, returns } = targetsOf(round, new Float32Array(4), ratios, both);
    expect(Array.from(returns)).toEqual(near([2, 6, 2, 6]));
    expect(Array.from(advantage)).toEqual(near([-1, 1, -1, 1]));
    // gamma 0, the product's: a bandit. Rewards 1, 3, 2, 6: mean 3, variance (4 + 0 + 1 + 9) / 4 = 3.5.
    const bandit = targetsOf(round, new Float32Array(4), ratios, CONFIG);
    expect(Array.from(bandit.returns)).toEqual(near([1, 3, 2, 6]));
    expect(Array.from(bandit.advantage)).toEqual(near([-1.069045, 0, -0.534522, 1.603567], 5));
  });
});

describe("importance weights", () => {
  it("are executed over logged probability, floor in both, capped at rhoBar", () => {
    const round = roundOf([
      sample({ action: 1, mu: 0.37 }),
      sample({ action: 1, mu: 0.185, at: 1 }),
      sample({ action: 0, mu: 0.52, at: 2 }),
    ]);
    const answers = [answer([0.25, 0.75]), answer([0.25, 0.75]), answer([0.25, 0.75])];
    const batch = roundBatch(round, answers, CONFIG);
    // 0.74 / 0.37 = 2; 0.74 / 0.185 = 4, capped at 2; 0.26 / 0.52 = 0.5
    expect(Array.from(batch.prox.subarray(0, 2))).toEqual(near([0.26, 0.74]));
    expect(Array.from(batch.ratios)).toEqual(near([2, 4, 0.5], 5));
    expect(Array.from(batch.weight)).toEqual(near([2, 2, 0.5], 5));
    // (2 + 4 + 0.5)^2 / (3 (4 + 16 + 0.25)) = 42.25 / 60.75
    expect(batch.effectiveShare).toBeCloseTo(42.25 / 60.75, 5);
  });

  it("the floor leaves every one of two actions epsilon: (1 - 2 * 0.02) p + 0.02", () => {
    expect(Array.from(flooredProbabilities([0.25, 0.75], [true, true], 0.02))).toEqual(
      near([0.26, 0.74], 12),
    );
    expect(Array.from(flooredProbabilities([0, 1], [true, true], 0.02))).toEqual(
      near([0.02, 0.98], 12),
    );
  });
});

/** Runs one step of the graph over samples, then demonstrations; NOISE and nothing to learn unless `feeds` says otherwise. */
async function step(samples: number, demonstrations: number, feeds: Record<string, number[]>) {
  const built = trainingStep(CONFIG, { samples, demonstrations });
  const backend = await openBackend("cpu", { threads: 1 });
  const computation = await backend.compile(built.onnx, built);
  const weights = tensors();
  const moments = [...weights].flatMap(([name, { length }]) =>
    momentsOf(name).map((moment) => [moment, new Float32Array(length)] as const),
  );
  computation.writeState(new Map([...weights, ...moments]));
  const rows = samples + demonstrations;
  const zeros = (size: number) => Array.from({ length: size }, () => 0);
  const all: Record<string, number[]> = {
    f: zeros(rows * 768),
    c: zeros(rows * 30),
    omega: zeros(rows),
    noise: Array.from({ length: rows }, () => NOISE).flat(),
    prox: Array.from({ length: 2 * samples }, () => 0.5),
    weight: Array.from({ length: samples }, () => 1),
    advantage: zeros(samples),
    joint: zeros(samples * JOINT_SIZE),
    value: Array.from({ length: samples }, () => 1),
    target: Array.from({ length: samples }, () => 1),
    entropyCoef: [0],
    step: [1],
    "learningRate.actor": [3e-4],
    "learningRate.critic": [1e-3],
    ...feeds,
  };
  const results = await computation.run(
    Object.fromEntries(Object.entries(all).map(([name, x]) => [name, Float32Array.from(x)])),
  );
  const state = await computation.readState();
  await computation.dispose();
  const scalar = (name: string) => results[name]![0]!;
  return { results, scalar, state };
}

describe("the objective (Eq. 24 and 26)", () => {
  // Four samples at p = (0.25, 0.75), executed (0.26, 0.74), made where both were executed with 0.5.
  const samples = {
    action: [0, 1, 1, 0, 1, 0, 0, 1],
    advantage: [1, 1, -1, -1],
    weight: [1, 1, 1, 0.5],
    entropyCoef: [0.01],
    value: [1, 0.5, 2, 1],
    target: [3, 1, 0, 21],
  };
  let done: Awaited<ReturnType<typeof step>>;
  beforeAll(async () => {
    done = await step(4, 0, samples);
  });

  it("the ratio is that of what is executed, and outside 1 +- 0.2 the worse surrogate counts", () => {
    const { results, scalar } = done;
    // 0.74 / 0.5 and 0.26 / 0.5
    expect(Array.from(results["ratio"]!)).toEqual(near([1.48, 0.52, 0.52, 1.48], 5));
    // min(1.48, 1.2) = 1.2;  min(0.52, 0.8) = 0.52;  min(-0.52, -0.8) = -0.8;  0.5 min(-1.48, -1.2) = -0.74
    // L_pi = -(1.2 + 0.52 - 0.8 - 0.74) / 4 = -0.045
    expect(scalar("policyLoss")).toBeCloseTo(-0.045, 5);
    expect(scalar("clipFraction")).toBe(1);
    // KL((0.5, 0.5) || (0.26, 0.74)) = 0.5 ln(0.5 / 0.26) + 0.5 ln(0.5 / 0.74) = 0.326963 - 0.196021
    expect(scalar("kl")).toBeCloseTo(0.130942, 5);
  });

  it("Eq. 24: entropy of the policy, -0.25 ln 0.25 - 0.75 ln 0.75 = 0.562335, before the floor", () => {
    const { scalar } = done;
    expect(scalar("entropy")).toBeCloseTo(0.562335, 5);
  });

  it("Eq. 24: the value's error is Huber's beyond 10, and moving away by over 0.2 earns nothing", () => {
    const { scalar } = done;
    // V = 1 everywhere.
    // from 1, target 3: 2^2 / 2 = 2
    // from 0.5, target 1: V has no error, but held at 0.7 it has 0.3^2 / 2 = 0.045
    // from 2, target 0: 1 / 2, held at 1.8 it is 1.62
    // from 1, target 21: 10 (20 - 5) = 150
    expect(scalar("valueLoss")).toBeCloseTo((2 + 0.045 + 1.62 + 150) / 4, 3);
  });

  it("Eq. 24 and 26: gradients of the whole objective, 0.335727 for the policy and 1.5 for the value", () => {
    const { scalar } = done;
    // z = logit 1 - logit 0. dp_1/dz = 0.25 * 0.75 = 0.1875, so d ratio / dz = +-0.96 * 0.1875 / 0.5 = +-0.36.
    // Only the second and the fourth sample are inside their clip: (-0.36 * 1 + 0.36 * -1 * 0.5) / 4 = -0.135.
    // dH/dz = -p_1 (ln p_1 + H) = -0.75 (-0.287682 + 0.562335) = -0.205990.
    // d(-L - 0.01 H)/dz = 0.135 + 0.0020599 = 0.1370599; the two biases move both logits by -sqrt 3: times sqrt 6.
    expect(scalar("gradientNorm.actor")).toBeCloseTo(Math.sqrt(6) * 0.1370599, 5);
    // dL_V/dV: -2, 0, 0 (held), -10 (Huber's slope): 0.5 * -12 / 4 = -1.5
    expect(scalar("gradientNorm.critic")).toBeCloseTo(1.5, 5);
  });

  it("Eq. 26: each network goes its own first step of Adam down the slope, 3e-4 and 1e-3 long", () => {
    const { state } = done;
    // The first step is rate g / (|g| + 1e-5): g = +-sqrt 3 * 0.1370599 = +-0.237395 and -1.5.
    const move = (3e-4 * 0.237395) / (0.237395 + 1e-5);
    expect(Array.from(state.get("eps.out.b")!)).toEqual(near([-move, move], 9));
    expect(state.get("critic.2.b")![0]).toBeCloseTo(1 + (1e-3 * 1.5) / (1.5 + 1e-5), 6);
    // logit = -sqrt 3 eps: a larger bias of action 1 makes it rarer, as its lower advantages ask for.
    const [m] = momentsOf("eps.out.b");
    expect(Array.from(state.get(m)!)).toEqual(near([0.0237395, -0.0237395], 6));
  });

  it("demonstrations pull by their weight times (1 - p): -0.1 * 0.25 + 0.05 * 0.75 = 0.0125", async () => {
    const { scalar } = await step(1, 2, {
      // The sample has no advantage; one demonstration of the cache, one of the call.
      action: [1, 0, 0, 1, 1, 0],
      demonstrationWeight: [0.1, 0.05],
    });
    expect(scalar("policyLoss")).toBeCloseTo(0, 6);
    expect(scalar("gradientNorm.actor")).toBeCloseTo(Math.sqrt(6) * 0.0125, 6);
  });
});

describe("use of a round's data", () => {
  it("900 samples in minibatches of 180 for 10 epochs are the 50 accesses, each sample once an epoch", () => {
    const seed = 7;
    console.log(`seed ${seed}`);
    for (const config of [PRODUCT_TRAINING, PAPER_TRAINING]) {
      const { samplesPerAgent, minibatchSize, epochs, maxAccesses } = config;
      const epoch = minibatches(3 * samplesPerAgent, minibatchSize, new Random(seed));
      expect(epoch.map(({ length }) => length)).toEqual([180, 180, 180, 180, 180]);
      expect(new Set(epoch.flat()).size).toBe(900);
      expect(epoch.length * epochs).toBe(50);
      expect(maxAccesses).toBe(50);
    }
  });

  it("a demonstration's weight is lambda_0 |G| / (|G| + |B|) min(1, margin / 0.2) / |G|", async () => {
    const samples = Array.from({ length: 3 }, (_, i) => sample({ at: i }));
    const round = roundOf(samples);
    const demonstration: Demonstration = {
      f: new Float32Array(768),
      c: new Float32Array(30),
      omega: -1,
      action: 1,
      margin: 0.1,
    };
    const config = { ...CONFIG, minibatchSize: 3, demonstrationBatch: 1, demonstrationWeight: 1 };
    const backend = await openBackend("cpu", { threads: 1 });
    const runner = await StepRunner.open(config, backend, { tensors: tensors(), steps: 0 });
    const half = [0.5, 0.5];
    await runner.run(
      {
        round,
        batch: roundBatch(round, [answer(half), answer(half), answer(half)], config),
        advantage: new Float32Array(3),
        value: new Float32Array(3).fill(1),
        target: new Float32Array(3).fill(1),
      },
      [demonstration],
      { batches: [[0, 1, 2]], entropyCoef: 0, rateShare: 1, random: new Random(1) },
    );
    const { tensors: after } = await runner.state();
    await runner.close();
    // 1 / (1 + 3) * 0.1 / 0.2 = 0.125. At p = 1/2: dL/dz = -0.125 * 0.5, times -sqrt 3 for the bias, 0.1 of it in Adam's
    // first moment: 0.1 * 0.108253 for the demonstrated action.
    const [m] = momentsOf("eps.out.b");
    expect(Array.from(after.get(m)!)).toEqual(near([-0.0108253, 0.0108253], 6));
  });

  it("entropy and rates go straight from the first update to the last one", () => {
    // 5 updates: 0, 1/4, ... of the way from 0.01 to 0.003 and from 1 to 0.2.
    const seen = [1, 2, 5, 9].map((u) => annealed(PRODUCT_TRAINING, u, 5));
    expect(Array.from(seen.map(({ entropyCoef }) => entropyCoef))).toEqual(
      near([0.01, 0.00825, 0.003, 0.003], 9),
    );
    expect(Array.from(seen.map(({ rateShare }) => rateShare))).toEqual(near([1, 0.8, 0.2, 0.2], 9));
    expect(annealed(PAPER_TRAINING, 40, 45)).toEqual({ entropyCoef: 0.01, rateShare: 1 });
  });
});

import { describe, expect, it } from "vitest";
import { DEFAULT_NETWORK } from "../../../src/policy/network/layout.ts";
import { Random } from "../../../src/policy/random.ts";
import { type TrainingConfig } from "../../../src/trainer-node/config.ts";
import { momentsOf } from "../../../src/trainer-node/graph/adam.ts";
import { openBackend } from "../../../src/trainer-node/graph/backend.ts";
import { JOINT_SIZE, initialActor, initialCritic } from "../../../src/trainer-node/networks.ts";
import { ServedActor } from "../../../src/trainer-node/served-actor.ts";
import { executedProbabilities } from "../../../src/trainer-node/round-batch.ts";
import { trainingStep } from "../../../src/trainer-node/training-step.ts";
import { QUICK, question } from "../../support/bandit.ts";

const SEED = 7;
console.log(`seed ${SEED}`);
const ROWS = 20;

/** Runs one step over random questions; what the edge did is computed with the served file. */
async function step(
  config: TrainingConfig,
  change: (feeds: Record<string, Float32Array>, random: Random) => void = () => {},
) {
  const { actions, steps } = config.network;
  const random = new Random(SEED);
  const noiseOf = () => Float32Array.from({ length: (steps + 1) * actions }, () => random.normal());
  // Far from uniform, so that a ratio has something to show.
  const weights = new Map(initialActor(config.network, random));
  const last = weights.has("head.out.w") ? "head.out.w" : "eps.out.w";
  weights.set(
    last,
    weights.get(last)!.map((w) => 100 * w),
  );
  const asked = Array.from({ length: ROWS }, () => ({ ...question(random), noise: noiseOf() }));
  const served = await ServedActor.open(config.network, weights);
  const answers = await served.inferAll(asked);
  await served.close();

  const built = trainingStep(config, { samples: ROWS, demonstrations: 0 });
  const backend = await openBackend("cpu", { threads: 1 });
  const computation = await backend.compile(built.onnx, built);
  const both = new Map([...weights, ...initialCritic(random)]);
  const moments = [...both].flatMap(([name, { length }]) =>
    momentsOf(name).map((moment) => [moment, new Float32Array(length)] as const),
  );
  computation.writeState(new Map([...both, ...moments]));

  const flat = (rows: readonly ArrayLike<number>[]) =>
    Float32Array.from(rows.flatMap((row) => Array.from(row)));
  const open = asked.map((_, i) =>
    Array.from({ length: actions }, (__, a) => a < 2 || i % 2 === 0),
  );
  const feeds: Record<string, Float32Array> = {
    f: flat(asked.map(({ f }) => f)),
    c: flat(asked.map(({ c }) => c)),
    omega: new Float32Array(ROWS).fill(-1),
    noise: flat(asked.map(({ noise }) => noise)),
    action: flat(asked.map((_, i) => Array.from({ length: actions }, (__, a) => +(a === i % 2)))),
    ...(actions === 3 && { open: flat(open.map((row) => row.map(Number))) }),
    prox: flat(
      answers.map(({ probs }, i) => executedProbabilities(probs, open[i]!, config.epsilon)),
    ),
    weight: new Float32Array(ROWS).fill(1),
    advantage: Float32Array.from({ length: ROWS }, (_, i) => (i % 3) - 1),
    joint: Float32Array.from({ length: ROWS * JOINT_SIZE }, () => random.normal()),
    value: new Float32Array(ROWS),
    target: new Float32Array(ROWS).fill(1),
    entropyCoef: Float32Array.of(0.01),
    step: Float32Array.of(1),
    "learningRate.actor": Float32Array.of(3e-4),
    "learningRate.critic": Float32Array.of(1e-3),
  };
  change(feeds, random);
  const results = await computation.run(feeds);
  await computation.dispose();
  return { results, feeds, answers };
}

const THREE_WAY = { ...QUICK, network: { ...QUICK.network, actions: 3 } } as const;
const LITERAL: TrainingConfig = {
  ...QUICK,
  epsilon: 0,
  network: {
    ...DEFAULT_NETWORK,
    steps: 3,
    schedule: { kind: "vp", min: 0.1, max: 10 },
    tanhEps: true,
    clipX0: null,
  },
};

const MLP: TrainingConfig = { ...QUICK, network: { ...QUICK.network, head: "mlp", steps: 0 } };
const RAW: TrainingConfig = {
  ...QUICK,
  network: { ...MLP.network, actions: 3, extractor: "raw", hidden: 384 },
};

describe("a training step before anything has moved", () => {
  it.each([
    ["the product's chain", QUICK],
    ["the three-way head with masked actions", THREE_WAY],
    ["the literal chain of the paper", LITERAL],
    ["the MLP head", MLP],
    ["the MLP head of three actions over f itself", RAW],
    [
      "the literal chain over f itself",
      { ...LITERAL, network: { ...LITERAL.network, extractor: "raw" } },
    ],
  ] satisfies [string, TrainingConfig][])(
    "has ratio 1 with the noise that was stored: %s",
    async (_, config) => {
      const { results } = await step(config);
      // The served file and this graph add up in different orders: 1e-5 is float32's rounding, not a tolerance for errors.
      for (const ratio of results["ratio"]!) expect(Math.abs(ratio - 1)).toBeLessThan(1e-5);
      expect(Math.abs(results["kl"]![0]!)).toBeLessThan(1e-5);
      expect(results["clipFraction"]![0]).toBe(0);
      expect(results["finite"]![0]).toBe(1);
    },
  );

  it("has other ratios with fresh noise, which is why noise is stored", async () => {
    const { results } = await step(LITERAL, (feeds, random) => {
      feeds["noise"] = feeds["noise"]!.map(() => random.normal());
    });
    const far = results["ratio"]!.filter((ratio) => Math.abs(ratio - 1) > LITERAL.clipCoef);
    console.log(`${far.length} of ${ROWS} ratios outside the clip with fresh noise`);
    expect(far.length).toBeGreaterThan(ROWS / 10);
    expect(results["kl"]![0]).toBeGreaterThan(1e-3);
  });

  it("has ratio 1 with fresh noise too where there is no chain", async () => {
    const { results } = await step(MLP, (feeds, random) => {
      feeds["noise"] = feeds["noise"]!.map(() => random.normal());
    });
    for (const ratio of results["ratio"]!) expect(Math.abs(ratio - 1)).toBeLessThan(1e-5);
  });

  it("has the losses that a hand computes: -mean(w A), the entropy of p, and the clipped value error", async () => {
    const { results, feeds, answers } = await step(QUICK, (all) => {
      all["weight"] = Float32Array.from({ length: ROWS }, (_, i) => 1 + (i % 2));
      // V stays within 0.2 of where it was only if that is where it is: 100 away, the clip decides.
      all["value"] = new Float32Array(ROWS).fill(100);
    });
    const weighted = feeds["advantage"]!.map((a, i) => a * feeds["weight"]![i]!);
    expect(results["policyLoss"]![0]).toBeCloseTo(-mean(weighted), 4);
    const entropies = answers.map(({ probs }) => -mean(probs.map((p) => 2 * p * Math.log(p))));
    expect(results["entropy"]![0]).toBeCloseTo(mean(entropies), 4);
    // clip(V - 100) = -0.2, so 99.8 against a target of 1: Huber with delta 10 is 10 * (98.8 - 5) = 938.
    expect(results["valueLoss"]![0]).toBeCloseTo(938, 2);
  });
});

const mean = (values: Iterable<number>): number => {
  const all = [...values];
  return all.reduce((sum, value) => sum + value, 0) / all.length;
};

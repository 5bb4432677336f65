import { describe, expect, it } from "vitest";
import { actor } from "../../../../src/policy/network/actor.ts";
import { Forward } from "../../../../src/policy/network/forward.ts";
import { initialWeights } from "../../../../src/policy/network/initial-weights.ts";
import {
  DEFAULT_NETWORK,
  type NetworkConfig,
  parameterShapes,
} from "../../../../src/policy/network/layout.ts";
import { type Precision } from "../../../../src/policy/network/onnx-writer.ts";
import { Random } from "../../../../src/policy/random.ts";
import { openBackend } from "../../../../src/trainer-node/graph/backend.ts";
import { operatorsOf } from "../../../../src/trainer-node/graph/operators.ts";
import { type Tensor, TensorGraph } from "../../../../src/trainer-node/graph/tensor-graph.ts";
import { EVERY_HEAD, plainWeights } from "../../../support/networks.ts";
import { centralDifference, randomNumbers, runnerOf } from "../../../support/run-graph.ts";

const SEED = 77;
const BATCH = 3;
/** More with VELO_GRADIENT_ENTRIES: entries of each weight tensor that are checked. */
const ENTRIES = Number(process.env["VELO_GRADIENT_ENTRIES"] ?? 2);
/** Central difference's step: its own error is of the order of STEP^2. */
const STEP = 1e-5;

const CONFIGS: readonly (readonly [string, NetworkConfig])[] = [
  ["default network", DEFAULT_NETWORK],
  [
    "VP schedule, eps bounded by tanh, x0 not clipped",
    {
      ...DEFAULT_NETWORK,
      schedule: { kind: "vp", min: 0.1, max: 10 },
      tanhEps: true,
      clipX0: null,
    },
  ],
  ["three actions", { ...DEFAULT_NETWORK, actions: 3 }],
  ["MLP head", { ...DEFAULT_NETWORK, head: "mlp", steps: 0 }],
  [
    "MLP head over f itself, 384 wide",
    { ...DEFAULT_NETWORK, head: "mlp", extractor: "raw", hidden: 384, steps: 0 },
  ],
  ["chain over f itself", { ...DEFAULT_NETWORK, extractor: "raw", steps: 2 }],
];

/** The actor over its own parameters, for a batch of BATCH. */
function actorGraph(config: NetworkConfig, precision: Precision) {
  const graph = new TensorGraph({ precision });
  const shapes = parameterShapes(config);
  const parameters = new Map(
    [...shapes].map(([name, dims]) => [name, graph.parameter(name, dims)]),
  );
  const ops = operatorsOf(graph, (name) => parameters.get(name)!);
  const inputs = {
    f: graph.input("f", [BATCH, 768]),
    c: graph.input("c", [BATCH, 30]),
    omega: graph.input("omega", [BATCH, 1]),
    noise: graph.input("noise", [BATCH, config.steps + 1, config.actions]),
  };
  return { graph, ops, parameters, inputs, outputs: actor(ops, inputs, config) };
}

/** L = -mean(min(r A, clip(r, 0.8, 1.2) A)) - 0.01 mean(entropy), r = pi(a) / pi_old(a): PPO's loss. */
function ppoLoss({ graph, ops, outputs }: ReturnType<typeof actorGraph>, actions: number): Tensor {
  const logProbs = ops.logSoftmax(outputs.logits);
  const chosen = ops.multiply(logProbs, graph.input("action", [BATCH, actions]));
  const ratio = ops.exp(ops.subtract(ops.sum(chosen, [1]), graph.input("oldLogProb", [BATCH])));
  const advantage = graph.input("advantage", [BATCH]);
  const surrogate = ops.minimum(
    ops.multiply(ratio, advantage),
    ops.multiply(ops.clip(ratio, 0.8, 1.2), advantage),
  );
  const entropy = ops.negate(ops.sum(ops.multiply(ops.exp(logProbs), logProbs), [1]));
  return ops.negate(ops.add(ops.mean(surrogate), ops.scale(ops.mean(entropy), 0.01)));
}

function drawInputs(config: NetworkConfig, random: Random): Record<string, number[]> {
  const normal = () => random.normal();
  return {
    f: randomNumbers([BATCH, 768], () => random.normal() / Math.sqrt(768)),
    c: randomNumbers([BATCH, 30], normal),
    omega: randomNumbers([BATCH, 1], normal),
    noise: randomNumbers([BATCH, config.steps + 1, config.actions], normal),
  };
}

/** Random biases too: zeros would hide a gradient that forgets them. */
const drawWeights = (config: NetworkConfig, random: Random) =>
  new Map(
    [...initialWeights(config, { normal: () => random.normal(), headGain: 0.5 })].map(
      ([name, values]) => [name, values.map((value) => value + 0.05 * random.normal())],
    ),
  );

describe(`the actor as a training graph (seed ${SEED}, ${ENTRIES} entries of each tensor)`, () => {
  it.each(CONFIGS)("has the right gradient in every weight tensor: %s", async (_, config) => {
    const random = new Random(SEED);
    const built = actorGraph(config, "float64");
    const { graph, parameters } = built;
    const loss = ppoLoss(built, config.actions);
    graph.output("loss", loss);
    const runLoss = await runnerOf(graph);
    const names = [...parameters.keys()];
    const gradients = graph.gradients(loss, [...parameters.values()]);
    for (const [i, name] of names.entries()) graph.output(`d ${name}`, gradients[i]!);
    const runBoth = await runnerOf(graph);
    const feeds: Record<string, Float64Array> = {};
    const feed = (name: string, values: ArrayLike<number>) => {
      feeds[name] = Float64Array.from(values);
    };
    for (const [name, values] of drawWeights(config, random)) feed(name, values);
    for (const [name, values] of Object.entries(drawInputs(config, random))) feed(name, values);
    feed("action", [1, 0, 0, 1, 1, 0, 1, 0, 0].slice(0, BATCH * config.actions));
    feed("oldLogProb", [-0.7, -0.8, -0.75]);
    feed("advantage", [1, -2, 0.5]);
    const results = await runBoth(feeds);
    const largestOf = (values: Float64Array) =>
      values.reduce((max, value) => Math.max(max, Math.abs(value)), 0);
    const largest = Math.max(...names.map((name) => largestOf(results[`d ${name}`]!)));
    // softmax(q (k + b)') does not depend on the bias b of the keys; everything else counts.
    expect(names.filter((name) => largestOf(results[`d ${name}`]!) < 1e-12 * largest)).toEqual(
      names.filter((name) => /block.\.k\.b/.test(name)),
    );

    const wrong: string[] = [];
    for (const name of names) {
      const gradient = results[`d ${name}`]!;
      for (let n = 0; n < ENTRIES; n++) {
        const entry = Math.floor(random.uniform() * gradient.length);
        const expected = await centralDifference(runLoss, feeds, name, entry, STEP);
        const got = gradient[entry]!;
        const scale = Math.max(Math.abs(got), Math.abs(expected), 1e-4 * largest);
        if (Math.abs(got - expected) > 1e-5 * scale)
          wrong.push(`${name}[${entry}]: ${got} for ${expected}`);
      }
    }
    expect(wrong).toEqual([]);
  });

  it.each([...CONFIGS.slice(0, 3), ...EVERY_HEAD])(
    "computes what the TypeScript pass computes: %s",
    async (_, config) => {
      const random = new Random(SEED + 1);
      const weights = plainWeights(config, random);
      const inputs = drawInputs(config, random);
      const { graph, outputs } = actorGraph(config, "float32");
      for (const [name, tensor] of Object.entries(outputs)) graph.output(name, tensor);
      const backend = await openBackend("cpu", { threads: 1 });
      const computation = await backend.compile(graph.toOnnx(), {
        stateful: Object.fromEntries([...weights.keys()].map((name) => [name, null])),
      });
      computation.writeState(weights);
      const floats = Object.fromEntries(
        Object.entries(inputs).map(([name, values]) => [name, Float32Array.from(values)]),
      ) as Record<keyof typeof inputs, Float32Array>;
      const results = await computation.run(floats);

      const forward = new Forward(config, weights);
      const row = (name: string, b: number, size: number) =>
        floats[name]!.subarray(b * size, (b + 1) * size);
      for (let b = 0; b < BATCH; b++) {
        const expected = forward.run(
          row("f", b, 768),
          row("c", b, 30),
          floats["omega"]![b]!,
          row("noise", b, (config.steps + 1) * config.actions),
        );
        for (const name of ["logits", "probs", "feat"] as const)
          for (const [i, value] of expected[name].entries()) {
            const got = results[name]![b * expected[name].length + i]!;
            const error = Math.abs(got - value) / Math.max(1, Math.abs(value));
            expect(error, `${name}[${b}, ${i}]`).toBeLessThan(1e-5);
          }
      }
    },
  );
});

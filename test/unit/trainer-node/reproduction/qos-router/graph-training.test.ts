import { describe, expect, it } from "vitest";
import { elements } from "../../../../../src/policy/network/layout.ts";
import { Random } from "../../../../../src/policy/random.ts";
import { GraphForward } from "../../../../../src/policy/routing/graph-router/graph-forward.ts";
import {
  PaddedGraphs,
  graphStateOf,
} from "../../../../../src/policy/routing/graph-router/graph-state.ts";
import { freshWeights } from "../../../../../src/policy/routing/graph-router/graph-weights.ts";
import { momentsOf } from "../../../../../src/trainer-node/graph/adam.ts";
import { openBackend } from "../../../../../src/trainer-node/graph/backend.ts";
import { type Tensor, TensorGraph } from "../../../../../src/trainer-node/graph/tensor-graph.ts";
import { flatForward } from "../../../../../src/trainer-node/reproduction/qos-router/flat-router.ts";
import {
  CRITIC,
  LOG_TEMPERATURE,
  TARGET,
  actingGraph,
  actorShapes,
  criticShapes,
  sacLosses,
  sacStep,
} from "../../../../../src/trainer-node/reproduction/qos-router/graph-training.ts";
import { centralDifference, runnerOf } from "../../../../support/run-graph.ts";
import { drawnView } from "../../../policy/routing/graph-router/made.ts";

const SEED = Number(process.env["GRAPH_SEED"] ?? 4);
/** More with VELO_GRADIENT_ENTRIES: entries of each weight tensor that are checked. */
const ENTRIES = Number(process.env["VELO_GRADIENT_ENTRIES"] ?? 1);
const SIZE = { experts: 3, running: 3, waiting: 2 };
const STEP = 1e-6;

/** One full graph with a node for the rest, and one with an expert less, a closed expert and nothing that waits. */
function batchOf(random: Random): Record<string, Float64Array> {
  const crowded = drawnView(random, "4+1 1+0 0+3", { mostRequests: 2 });
  const few = drawnView(random, "1+0 2+0");
  const closed = { ...few, experts: few.experts.with(0, { ...few.experts[0]!, isOpen: false }) };
  const views = [
    { ...crowded, experts: crowded.experts.with(2, { ...crowded.experts[2]!, waiting: [] }) },
    closed,
  ];
  const padded = new PaddedGraphs(SIZE, views.length);
  for (const [row, view] of views.entries()) padded.set(row, graphStateOf(view)!);
  return Object.fromEntries(
    Object.entries(padded.arrays).map(([name, values]) => [name, Float64Array.from(values)]),
  );
}

describe(`the step of soft actor-critic (seed ${SEED}, ${ENTRIES} entries of each tensor)`, () => {
  it.each(["graph", "flat"] as const)(
    "has the right gradient in every weight: %s",
    async (encoder) => {
      const random = new Random(SEED);
      const networks = { encoder, size: SIZE };
      const graph = new TensorGraph({ precision: "float64" });
      const { parameters, losses, ops } = sacLosses(graph, { ...networks, batch: 2 });
      const total = ops.add(ops.add(losses.actor, losses.critic), losses.temperature);
      const groups = {
        actor: parameters.actor,
        critic: parameters.critic,
        temperature: [parameters.temperature],
      };
      const all: readonly Tensor[] = Object.values(groups).flat();
      for (const [i, gradient] of graph.gradients(total, all).entries())
        graph.output(`d ${all[i]!.name}`, gradient);
      for (const group of ["actor", "critic", "temperature"] as const)
        graph.output(`${group} loss`, losses[group]);
      const run = await runnerOf(graph);

      const feeds: Record<string, Float64Array> = { ...batchOf(random) };
      for (const [name, values] of Object.entries(batchOf(random))) feeds[`next.${name}`] = values;
      const normal = () => random.normal();
      for (const shapes of [
        actorShapes(networks),
        criticShapes(networks, CRITIC),
        criticShapes(networks, TARGET),
      ])
        for (const [name, values] of freshWeights(shapes, normal))
          feeds[name] = Float64Array.from(
            values,
            (value) => value * (name.endsWith("out.w") ? 30 : 1) + 0.1 * normal(),
          );
      feeds[LOG_TEMPERATURE] = Float64Array.of(-0.5);
      // The first row takes expert 1; the second drops.
      feeds["action"] = Float64Array.of(0, 1, 0, 0, 0, 0, 0, 1);
      feeds["reward"] = Float64Array.of(0.7, -0.3);
      feeds["discount"] = Float64Array.of(0.95, 0.9);
      feeds["targetEntropy"] = Float64Array.of(0.5 * Math.log(4), 0.5 * Math.log(2));

      const results = await run(feeds);
      let checked = 0;
      let alive = 0;
      for (const [group, tensors] of Object.entries(groups)) {
        // What the other losses do with these weights must have been held back: the gradient of all is that of its own loss.
        const runLoss: typeof run = async (inputs) => {
          const values = await run(inputs, [`${group} loss`]);
          return { loss: values[`${group} loss`]! };
        };
        for (const { name, dims } of tensors)
          for (let entry = 0; entry < Math.min(ENTRIES, elements(dims)); entry++) {
            const index = Math.floor(random.uniform() * elements(dims));
            const wanted = await centralDifference(runLoss, feeds, name, index, STEP);
            const gradient = results[`d ${name}`]![index]!;
            expect(
              Math.abs(gradient - wanted),
              `${name}[${index}]: ${gradient} for ${wanted}`,
            ).toBeLessThan(1e-6 * Math.max(1, Math.abs(wanted)));
            checked++;
            if (Math.abs(wanted) > 1e-7) alive++;
          }
      }
      // Entries behind a ReLU that is off have none; most do.
      expect(alive).toBeGreaterThan(0.3 * checked);
    },
  );

  it.each(["graph", "flat"] as const)(
    "acts in training as its TypeScript pass does: %s",
    async (encoder) => {
      const random = new Random(SEED);
      const networks = { encoder, size: SIZE };
      const weights = new Map(
        [...freshWeights(actorShapes(networks), () => random.normal())].map(([name, values]) => [
          name,
          values.map((value) => 2 * value + 0.1 * random.normal()),
        ]),
      );
      const { onnx, stateful } = actingGraph(networks);
      const backend = await openBackend("cpu", { threads: 1 });
      const acting = await backend.compile(onnx, { stateful });
      acting.writeState(weights);
      const state = graphStateOf(drawnView(random, "2+0 0+1"))!;
      const padded = new PaddedGraphs(SIZE, 1);
      padded.set(0, state);
      const { values } = await acting.run({ ...padded.arrays });
      await acting.dispose();
      const forward = encoder === "graph" ? new GraphForward(weights) : flatForward(weights, SIZE);
      const wanted = forward.values(state);
      expect(wanted.length).toBe(3);
      // Experts 0 and 1; the third place is empty; the fourth is for dropping.
      for (const [place, from] of [0, 1, 3].entries())
        expect(values![from]).toBeCloseTo(wanted[place]!, 5);
    },
  );

  it("moves the slow copy a tenth of the way, and nothing at all by a reward that is no number", async () => {
    const random = new Random(SEED);
    const networks = { encoder: "flat", size: SIZE } as const;
    const { onnx, ...state } = sacStep({ ...networks, batch: 2, polyak: 0.9, maxNorm: 10 });
    const backend = await openBackend("cpu", { threads: 1 });
    const step = await backend.compile(onnx, state);
    const critic = criticShapes(networks, CRITIC);
    const trained = new Map([...actorShapes(networks), ...critic, [LOG_TEMPERATURE, [1]] as const]);
    const values = new Map<string, Float32Array>();
    for (const [name, dims] of [...trained, ...criticShapes(networks, TARGET)])
      values.set(
        name,
        Float32Array.from({ length: elements(dims) }, () => 0.1 * random.normal()),
      );
    for (const [name, dims] of trained)
      for (const moment of momentsOf(name)) values.set(moment, new Float32Array(elements(dims)));
    step.writeState(values);
    const feeds: Record<string, Float32Array> = {
      action: Float32Array.of(0, 1, 0, 0, 0, 0, 0, 1),
      discount: Float32Array.of(0.95, 0.9),
      targetEntropy: Float32Array.of(0.5, 0.3),
      step: Float32Array.of(1),
    };
    for (const group of ["actor", "critic", "temperature"])
      feeds[`learningRate.${group}`] = Float32Array.of(0.01);
    for (const prefix of ["", "next."])
      for (const [name, array] of Object.entries(batchOf(random)))
        feeds[prefix + name] = Float32Array.from(array);

    const bad = await step.run({ ...feeds, reward: Float32Array.of(NaN, 1) });
    expect(bad["finite"]![0]).toBe(0);
    expect(await step.readState()).toEqual(values);

    const good = await step.run({ ...feeds, reward: Float32Array.of(0.7, -0.3) });
    expect(good["finite"]![0]).toBe(1);
    const after = await step.readState();
    let furthest = 0;
    for (const name of critic.keys()) {
      const target = TARGET + name.slice(CRITIC.length);
      for (const [i, weight] of values.get(name)!.entries())
        furthest = Math.max(
          furthest,
          Math.abs(after.get(target)![i]! - 0.9 * values.get(target)![i]! - 0.1 * weight),
        );
    }
    expect(furthest).toBeLessThan(1e-7);
    for (const name of ["flat.policy.out.b", "critic.flat.q1.out.b", LOG_TEMPERATURE])
      expect(after.get(name)).not.toEqual(values.get(name));
    await step.dispose();
  });
});

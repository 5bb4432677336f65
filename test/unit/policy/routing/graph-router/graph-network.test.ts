import { InferenceSession, Tensor as Values } from "onnxruntime-node";
import { describe, expect, it } from "vitest";
import { elements } from "../../../../../src/policy/network/layout.ts";
import { Random } from "../../../../../src/policy/random.ts";
import { GraphForward } from "../../../../../src/policy/routing/graph-router/graph-forward.ts";
import { graphModel } from "../../../../../src/policy/routing/graph-router/graph-model.ts";
import {
  type GraphInputs,
  type GraphSize,
  graphNetwork,
  graphParameters,
  inputShapes,
} from "../../../../../src/policy/routing/graph-router/graph-network.ts";
import {
  type GraphState,
  PaddedGraphs,
  graphStateOf,
} from "../../../../../src/policy/routing/graph-router/graph-state.ts";
import { openBackend } from "../../../../../src/trainer-node/graph/backend.ts";
import { operatorsOf } from "../../../../../src/trainer-node/graph/operators.ts";
import { type Tensor, TensorGraph } from "../../../../../src/trainer-node/graph/tensor-graph.ts";
import { drawnView, drawnWeights } from "./made.ts";

const SEED = Number(process.env["GRAPH_SEED"] ?? 20_261_121);
const SIZE: GraphSize = { experts: 5, running: 17, waiting: 17 };

/** Nothing anywhere, one alone, some, more than have nodes of their own, every place taken. */
const LOADS = ["0+0", "0+0 1+0", "3+1 0+0 2+5", "40+60 1+0 16+16 0+2 17+18"];

const statesOf = (random: Random): readonly GraphState[] =>
  LOADS.map((loads) => graphStateOf(drawnView(random, loads))!);

const paddedOf = (states: readonly GraphState[], size: GraphSize) => {
  const padded = new PaddedGraphs(size, states.length);
  for (const [row, state] of states.entries()) padded.set(row, state);
  return padded.arrays;
};

/** The training graph over the policy's weights. */
async function trained(weights: ReadonlyMap<string, Float32Array>, states: readonly GraphState[]) {
  const graph = new TensorGraph({ precision: "float32" });
  const shapes = graphParameters(["policy"]);
  const parameters = new Map([...shapes].map(([name, dims]) => [name, graph.input(name, dims)]));
  const ops = operatorsOf(graph, (name) => parameters.get(name)!);
  const inputs = Object.fromEntries(
    Object.entries(inputShapes(SIZE)).map(([name, dims]) => [
      name,
      graph.input(name, [states.length, ...dims]),
    ]),
  ) as unknown as GraphInputs<Tensor>;
  const [values] = graphNetwork(ops, inputs, SIZE, ["policy"]);
  graph.output("values", values!);
  const backend = await openBackend("cpu", { threads: 1 });
  const computation = await backend.compile(graph.toOnnx());
  const { closed: _, ...arrays } = paddedOf(states, SIZE);
  const results = await computation.run({ ...arrays, ...Object.fromEntries(weights) });
  await computation.dispose();
  return results["values"]!;
}

async function served(
  weights: ReadonlyMap<string, Float32Array>,
  states: readonly GraphState[],
  size: GraphSize = SIZE,
) {
  const session = await InferenceSession.create(graphModel(size, weights), {
    intraOpNumThreads: 1,
    logSeverityLevel: 3,
  });
  const shapes = { ...inputShapes(size), closed: [size.experts + 1] };
  const feeds = Object.fromEntries(
    Object.entries(paddedOf(states, size)).map(([name, values]) => {
      const dims = shapes[name as keyof typeof shapes];
      expect(values.length).toBe(states.length * elements(dims));
      return [name, new Values("float32", values, [states.length, ...dims])];
    }),
  );
  const results = await session.run(feeds);
  await session.release();
  return {
    logits: results["logits"]!.data as Float32Array,
    probs: results["probs"]!.data as Float32Array,
  };
}

/** Greatest |a - b| / max(1, |b|). */
function distance(actual: ArrayLike<number>, wanted: ArrayLike<number>): number {
  if (actual.length !== wanted.length) return Infinity;
  return Math.max(
    ...Array.from(
      actual,
      (value, i) => Math.abs(value - wanted[i]!) / Math.max(1, Math.abs(wanted[i]!)),
    ),
  );
}

/** Values of the experts that are there and of dropping, out of row `row`. */
const openPart = (values: Float32Array, row: number, experts: number, size = SIZE): number[] => {
  const from = row * (size.experts + 1);
  return [...values.subarray(from, from + experts), values[from + size.experts]!];
};

describe(`the graph network (seed ${SEED})`, () => {
  it("is the same in TypeScript, in the served file and in the training graph, at any load and fleet", async () => {
    const random = new Random(SEED);
    const weights = drawnWeights(random);
    const states = statesOf(random);
    const forward = new GraphForward(weights);
    const wanted = states.map((state) => forward.values(state));
    const inFile = await served(weights, states);
    const inTraining = await trained(weights, states);
    for (const [row, state] of states.entries()) {
      const experts = state.open.length - 1;
      expect(wanted[row]!.some((value) => Math.abs(value) > 0.01)).toBe(true);
      expect(distance(openPart(inFile.logits, row, experts), wanted[row]!)).toBeLessThan(1e-5);
      expect(distance(openPart(inTraining, row, experts), wanted[row]!)).toBeLessThan(1e-5);
    }
  });

  it("gives the same values whatever the number of places", async () => {
    const random = new Random(SEED + 1);
    const weights = drawnWeights(random);
    const state = graphStateOf(drawnView(random, "3+1 0+0 2+5"))!;
    const wide = { experts: 16, running: 17, waiting: 17 };
    const narrow = { experts: 3, running: 3, waiting: 5 };
    const inWide = await served(weights, [state], wide);
    const inNarrow = await served(weights, [state], narrow);
    expect(
      distance(openPart(inWide.logits, 0, 3, wide), openPart(inNarrow.logits, 0, 3, narrow)),
    ).toBeLessThan(1e-5);
  });

  it("swaps the values of two experts that change places", () => {
    const random = new Random(SEED + 2);
    const forward = new GraphForward(drawnWeights(random));
    const view = drawnView(random, "3+1 0+0 20+5 1+1");
    const order = [2, 0, 3, 1];
    const moved = { ...view, experts: order.map((i) => view.experts[i]!) };
    const values = forward.values(graphStateOf(view)!);
    const permuted = forward.values(graphStateOf(moved)!);
    expect(new Set(values).size).toBe(5);
    expect(distance(permuted, [...order.map((i) => values[i]!), values[4]!])).toBeLessThan(1e-5);
  });

  it("does not ask in which order requests run", () => {
    const random = new Random(SEED + 3);
    const forward = new GraphForward(drawnWeights(random));
    const view = drawnView(random, "5+20 2+0");
    const turned = {
      ...view,
      experts: view.experts.map((each) => ({
        ...each,
        running: each.running.toReversed(),
        waiting: each.waiting.toReversed(),
      })),
    };
    expect(
      distance(forward.values(graphStateOf(turned)!), forward.values(graphStateOf(view)!)),
    ).toBeLessThan(1e-5);
  });

  it("sees one node for the rest as it would see as many equal ones", () => {
    const random = new Random(SEED + 4);
    const forward = new GraphForward(drawnWeights(random));
    const view = drawnView(random, "1+0 2+1");
    const [first] = view.experts;
    const crowded = {
      ...view,
      experts: [
        { ...first!, running: Array.from({ length: 7 }, () => first!.running[0]!) },
        view.experts[1]!,
      ],
    };
    const singly = graphStateOf(crowded)!;
    const together = graphStateOf({ ...crowded, mostRequests: 3 })!;
    expect([...singly.running.counts]).toEqual([7, 2]);
    expect([...together.running.counts]).toEqual([4, 2]);
    expect(distance(forward.values(together), forward.values(singly))).toBeLessThan(1e-5);
  });

  it("looks at every feature of every kind of node", () => {
    const random = new Random(SEED + 5);
    const forward = new GraphForward(drawnWeights(random));
    const state = graphStateOf(drawnView(random, "2+1 1+2"))!;
    const before = forward.values(state);
    for (const values of [
      state.arrived,
      state.experts,
      state.running.features,
      state.waiting.features,
    ])
      for (let i = 0; i < values.length; i++) {
        const old = values[i]!;
        values[i] = old + 0.3;
        const after = forward.values(state);
        expect(after.some((value, j) => Math.abs(value - before[j]!) > 1e-6)).toBe(true);
        values[i] = old;
      }
  });

  it("gives what is closed no probability, not even in the file", async () => {
    const random = new Random(SEED + 6);
    const weights = drawnWeights(random);
    const view = drawnView(random, "3+1 0+0 2+5", { mayDrop: false });
    const experts = view.experts.map((each, i) => ({ ...each, isOpen: i === 1 }));
    const { probs } = await served(weights, [graphStateOf({ ...view, experts })!]);
    expect([...probs]).toEqual([0, 1, 0, 0, 0, 0]);
  });
});

import { describe, expect, it } from "vitest";
import { Random } from "../../../../src/policy/random.ts";
import {
  type TrainingOperators,
  operatorsOf,
} from "../../../../src/trainer-node/graph/operators.ts";
import { type Tensor, TensorGraph } from "../../../../src/trainer-node/graph/tensor-graph.ts";
import {
  centralDifference,
  evaluate,
  randomNumbers,
  runnerOf,
} from "../../../support/run-graph.ts";

const SEED = 20_261_121;

type Build = (ops: TrainingOperators, ...inputs: readonly Tensor[]) => Tensor;

interface Case {
  readonly name: string;
  readonly inputs: readonly (readonly number[])[];
  readonly build: Build;
  /** Where the inputs lie; [-2, 2] unless the operator is defined elsewhere. */
  readonly from?: number;
  readonly to?: number;
}

const CASES: readonly Case[] = [
  {
    name: "add",
    inputs: [
      [2, 3],
      [2, 3],
    ],
    build: (o, a, b) => o.add(a, b),
  },
  {
    name: "add, broadcast both ways",
    inputs: [
      [2, 1, 3],
      [4, 1],
    ],
    build: (o, a, b) => o.add(a, b),
  },
  { name: "subtract", inputs: [[2, 3], [3]], build: (o, a, b) => o.subtract(a, b) },
  {
    name: "multiply",
    inputs: [
      [2, 3],
      [2, 1],
    ],
    build: (o, a, b) => o.multiply(a, b),
  },
  { name: "multiply by itself", inputs: [[4]], build: (o, a) => o.multiply(a, a) },
  { name: "divide", inputs: [[2, 3], [3]], from: 0.5, build: (o, a, b) => o.divide(a, b) },
  { name: "negate", inputs: [[3]], build: (o, x) => o.negate(x) },
  { name: "scale", inputs: [[3]], build: (o, x) => o.scale(x, -1.7) },
  { name: "exp", inputs: [[5]], build: (o, x) => o.exp(x) },
  { name: "log", inputs: [[5]], from: 0.3, build: (o, x) => o.log(x) },
  { name: "sqrt", inputs: [[5]], from: 0.3, build: (o, x) => o.sqrt(x) },
  { name: "square", inputs: [[5]], build: (o, x) => o.square(x) },
  { name: "abs", inputs: [[7]], build: (o, x) => o.abs(x) },
  { name: "minimum", inputs: [[9], [9]], build: (o, a, b) => o.minimum(a, b) },
  { name: "minimum with a scalar", inputs: [[9], []], build: (o, a, b) => o.minimum(a, b) },
  { name: "clip", inputs: [[9]], build: (o, x) => o.clip(x, -0.8, 1.1) },
  { name: "huber", inputs: [[9]], build: (o, x) => o.huber(x, 1) },
  { name: "tanh", inputs: [[5]], build: (o, x) => o.tanh(x) },
  { name: "mish", inputs: [[9]], from: -6, to: 6, build: (o, x) => o.mish(x) },
  { name: "mish far out", inputs: [[9]], from: 15, to: 30, build: (o, x) => o.mish(x) },
  { name: "gelu", inputs: [[9]], from: -4, to: 4, build: (o, x) => o.gelu(x) },
  { name: "softmax", inputs: [[2, 2, 3]], build: (o, x) => o.softmax(x) },
  { name: "logSoftmax", inputs: [[3, 4]], build: (o, x) => o.logSoftmax(x) },
  {
    name: "layerNorm",
    inputs: [[3, 5], [5], [5]],
    build: (o, x, gain, bias) => o.layerNorm(x, gain, bias),
  },
  { name: "linear", inputs: [[3, 4], [4, 2], [2]], build: (o, x, w, b) => o.linear(x, w, b) },
  {
    name: "linear with a bias per row",
    inputs: [
      [3, 4],
      [4, 2],
      [3, 2],
    ],
    build: (o, x, w, b) => o.linear(x, w, b),
  },
  {
    name: "linear twice with the same weights",
    inputs: [[3, 4], [4, 4], [4]],
    build: (o, x, w, b) => o.linear(o.tanh(o.linear(x, w, b)), w, b),
  },
  {
    name: "matmul",
    inputs: [
      [3, 4],
      [4, 2],
    ],
    build: (o, a, b) => o.matmul(a, b),
  },
  {
    name: "matmul of batches",
    inputs: [
      [2, 2, 3, 4],
      [2, 2, 4, 2],
    ],
    build: (o, a, b) => o.matmul(a, b),
  },
  { name: "reshape", inputs: [[2, 6]], build: (o, x) => o.reshape(x, [-1, 3]) },
  { name: "transpose", inputs: [[2, 3, 4]], build: (o, x) => o.transpose(x, [2, 0, 1]) },
  {
    name: "concat",
    inputs: [
      [2, 3],
      [2, 1],
    ],
    build: (o, a, b) => o.concat([a, b], 1),
  },
  { name: "rows", inputs: [[5, 2]], build: (o, x) => o.rows(x, 1, 3) },
  {
    name: "rows that overlap, touch and leave a gap",
    inputs: [[6, 2]],
    build: (o, x) => o.concat([o.rows(x, 0, 2), o.rows(x, 1, 3), o.rows(x, 2, 4)], 0),
  },
  { name: "column", inputs: [[3, 4, 2]], build: (o, x) => o.column(x, 2) },
  { name: "sum over an axis", inputs: [[2, 3, 4]], build: (o, x) => o.sum(x, [1]) },
  {
    name: "sum that keeps its axes",
    inputs: [[2, 3, 4]],
    build: (o, x) => o.sum(x, [0, 2], true),
  },
  { name: "mean", inputs: [[2, 3]], build: (o, x) => o.mean(x) },
];

const noParameters = (name: string): never => {
  throw new Error(`no parameter ${name}`);
};

describe(`derivatives against central differences (seed ${SEED})`, () => {
  it.each(CASES)("$name", async ({ inputs, build, from = -2, to = 2 }) => {
    const random = new Random(SEED);
    const graph = new TensorGraph({ precision: "float64" });
    const ops = operatorsOf(graph, noParameters);
    const tensors = inputs.map((dims, i) => graph.input(`x${i}`, dims));
    const y = build(ops, ...tensors);
    // Unequal factors, so that a gradient in the wrong place shows.
    const factors = graph.constant(
      y.dims,
      randomNumbers(y.dims, () => random.normal()),
    );
    const loss = ops.sum(ops.multiply(y, factors), [...y.dims.keys()]);
    graph.output("loss", loss);
    for (const [i, gradient] of graph.gradients(loss, tensors).entries())
      graph.output(`g${i}`, gradient);
    const run = await runnerOf(graph);
    const feeds = Object.fromEntries(
      inputs.map((dims, i) => [
        `x${i}`,
        randomNumbers(dims, () => from + (to - from) * random.uniform()),
      ]),
    );
    const results = await run(feeds);
    for (const [i, values] of Object.values(feeds).entries())
      for (const entry of values.keys()) {
        const expected = await centralDifference(run, feeds, `x${i}`, entry, 1e-6);
        const got = results[`g${i}`]![entry]!;
        expect(Math.abs(got - expected), `x${i}[${entry}]: ${got} for ${expected}`).toBeLessThan(
          1e-6 * Math.max(1, Math.abs(expected)),
        );
      }
  });
});

describe("values", () => {
  const withOps = (
    x: readonly number[],
    build: (ops: TrainingOperators, x: Tensor, graph: TensorGraph) => void,
  ) =>
    evaluate({ x: [[x.length], x] }, (graph, { x: tensor }) =>
      build(operatorsOf(graph, noParameters), tensor!, graph),
    );

  it("huber is x^2 / 2 up to delta and delta (|x| - delta / 2) beyond", async () => {
    // delta 2: 1.5^2 / 2 = 1.125; 2 (5 - 1) = 8
    const { y } = await withOps([1.5, -1.5, 5, -5], (ops, x, graph) =>
      graph.output("y", ops.huber(x, 2)),
    );
    expect(y).toEqual([1.125, 1.125, 8, 8]);
  });

  it("mish is x tanh(ln(1 + e^x)) from one end to the other", async () => {
    const x = [-100, -20, -3, 0, 0.5, 4, 25, 200];
    const { y } = await withOps(x, (ops, tensor, graph) => graph.output("y", ops.mish(tensor)));
    for (const [i, value] of x.entries())
      expect(y![i]).toBeCloseTo(value * Math.tanh(Math.log1p(Math.exp(value))), 12);
  });

  it("clip and minimum pass no gradient to what they cut off, and stopGradient none at all", async () => {
    const results = await withOps([-2, 0.5, 3], (ops, x, graph) => {
      const gradientOf = (y: Tensor) => graph.gradients(ops.sum(y, [0]), [x])[0]!;
      graph.output("clip", gradientOf(ops.clip(x, -1, 1)));
      graph.output("minimum", gradientOf(ops.minimum(x, graph.scalar(1))));
      // x * constant: the gradient is the constant, which is x itself.
      graph.output("stop", gradientOf(ops.multiply(x, ops.stopGradient(x))));
    });
    expect(results).toEqual({ clip: [0, 1, 0], minimum: [1, 1, 0], stop: [-2, 0.5, 3] });
  });

  it("names the shapes that do not fit", () => {
    const graph = new TensorGraph({ precision: "float32" });
    const ops = operatorsOf(graph, noParameters);
    const x = graph.input("x", [2, 3]);
    expect(() => ops.add(x, graph.input("y", [2]))).toThrow("[2, 3] and [2] do not broadcast");
    expect(() => ops.reshape(x, [-1, 4])).toThrow("[2, 3] cannot become [-1, 4]");
  });
});

import { InferenceSession, Tensor as Values } from "onnxruntime-node";
import { elements } from "../../src/policy/network/layout.ts";
import { type Tensor, TensorGraph } from "../../src/trainer-node/graph/tensor-graph.ts";

export type Numbers = Readonly<Record<string, readonly number[] | Float64Array>>;

/** Runs a double-precision graph: finite differences need more digits than training does. */
export async function runnerOf(
  graph: TensorGraph,
): Promise<(feeds: Numbers, outputs?: readonly string[]) => Promise<Record<string, Float64Array>>> {
  const session = await InferenceSession.create(graph.toOnnx(), {
    intraOpNumThreads: 1,
    logSeverityLevel: 3,
  });
  const dims = new Map(
    session.inputMetadata.map((input) => [
      input.name,
      input.isTensor ? input.shape.map(Number) : [],
    ]),
  );
  return async (feeds, outputs = session.outputNames) => {
    const tensors = Object.entries(feeds).map(([name, values]) => [
      name,
      new Values(
        "float64",
        values instanceof Float64Array ? values : Float64Array.from(values),
        dims.get(name),
      ),
    ]);
    const results = await session.run(
      Object.fromEntries(tensors) as Record<string, Values>,
      outputs,
    );
    return Object.fromEntries(outputs.map((name) => [name, results[name]!.data as Float64Array]));
  };
}

/** The outputs of a graph that `build` writes over double-precision inputs of these dims. */
export async function evaluate(
  inputs: Readonly<Record<string, readonly [dims: readonly number[], values: readonly number[]]>>,
  build: (graph: TensorGraph, tensors: Readonly<Record<string, Tensor>>) => void,
): Promise<Record<string, readonly number[]>> {
  const graph = new TensorGraph({ precision: "float64" });
  const entries = Object.entries(inputs);
  build(
    graph,
    Object.fromEntries(entries.map(([name, [dims]]) => [name, graph.input(name, dims)])),
  );
  const run = await runnerOf(graph);
  const results = await run(
    Object.fromEntries(entries.map(([name, [, values]]) => [name, values])),
  );
  return Object.fromEntries(Object.entries(results).map(([name, values]) => [name, [...values]]));
}

/** (L(x + h) - L(x - h)) / 2h in entry `index` of input `name`; L is the output `loss`. */
export async function centralDifference(
  run: Awaited<ReturnType<typeof runnerOf>>,
  feeds: Numbers,
  name: string,
  index: number,
  h: number,
): Promise<number> {
  const at = async (shift: number) => {
    const values = Float64Array.from(feeds[name]!);
    values[index]! += shift;
    return (await run({ ...feeds, [name]: values }, ["loss"]))["loss"]![0]!;
  };
  return ((await at(h)) - (await at(-h))) / (2 * h);
}

export const randomNumbers = (dims: readonly number[], draw: () => number): number[] =>
  Array.from({ length: elements(dims) }, draw);

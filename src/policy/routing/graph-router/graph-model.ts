// The graph router's policy as an ONNX file: standard operators, opset 20, any batch, a fixed number of places.
import { type Bytes } from "../../network/bytes.ts";
import { type Weights, elements } from "../../network/layout.ts";
import { onnxOperators } from "../../network/onnx-graph.ts";
import { OnnxGraph } from "../../network/onnx-writer.ts";
import {
  type GraphInputs,
  type GraphSize,
  graphNetwork,
  graphParameters,
  inputShapes,
} from "./graph-network.ts";

/** Inputs: the arrays of `PaddedGraphs`. Outputs: logits and probs [B, N + 1]; what is closed has probability 0. */
export function graphModel(size: GraphSize, weights: Weights): Bytes {
  const graph = new OnnxGraph();
  for (const [name, dims] of graphParameters(["policy"])) {
    const values = weights.get(name);
    if (values?.length !== elements(dims))
      throw new Error(`${name} has ${values?.length} values instead of ${dims.join(" x ")}`);
    graph.float(name, dims, values);
  }
  const shapes = inputShapes(size);
  for (const [name, dims] of Object.entries(shapes)) graph.input(name, `B,${dims.join(",")}`);
  graph.input("closed", `B,${size.experts + 1}`);
  const inputs = Object.fromEntries(
    Object.keys(shapes).map((name) => [name, name]),
  ) as unknown as GraphInputs<string>;
  const ops = {
    ...onnxOperators(graph, (name) => name),
    multiply: (a: string, b: string) => graph.node("Mul", [a, b]),
  };
  const [values] = graphNetwork(ops, inputs, size, ["policy"]);
  graph.node("Add", [values!, "closed"], {}, "logits");
  graph.node("Softmax", ["logits"], { axis: -1 }, "probs");
  for (const name of ["logits", "probs"]) graph.output(name, `B,${size.experts + 1}`);
  return graph.finish();
}

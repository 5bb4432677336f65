// Writes the actor as an ONNX file: standard operators, opset 20, float32, the chain unrolled, a dynamic batch axis.
import { type Operators, actor } from "./actor.ts";
import { type Bytes } from "./bytes.ts";
import {
  LAYER_NORM_EPSILON,
  type NetworkConfig,
  type Weights,
  elements,
  graphShapes,
  parameterShapes,
} from "./layout.ts";
import { OnnxGraph } from "./onnx-writer.ts";

/** The operators of actor.ts as ONNX nodes. */
export function onnxOperators(
  graph: OnnxGraph,
  parameter: (name: string) => string,
): Operators<string> {
  const node = (operator: string, ...inputs: string[]) => graph.node(operator, inputs);
  let constants = 0;
  return {
    parameter,
    constant: (dims, values) => graph.float(`constant${constants++}`, dims, values),
    linear: (x, w, b) => node("Gemm", x, w, b),
    matmul: (a, b) => node("MatMul", a, b),
    add: (a, b) => node("Add", a, b),
    subtract: (a, b) => node("Sub", a, b),
    scale: (x, factor) => node("Mul", x, graph.scalar(factor)),
    clip: (x, low, high) => node("Clip", x, graph.scalar(low), graph.scalar(high)),
    tanh: (x) => node("Tanh", x),
    mish: (x) => node("Mul", x, node("Tanh", node("Softplus", x))),
    gelu: (x) => {
      const cube = node("Mul", node("Mul", x, x), node("Mul", x, graph.scalar(0.044_715)));
      const inner = node("Mul", node("Add", x, cube), graph.scalar(Math.sqrt(2 / Math.PI)));
      const gate = node("Add", node("Tanh", inner), graph.scalar(1));
      return node("Mul", node("Mul", x, graph.scalar(0.5)), gate);
    },
    softmax: (x) => graph.node("Softmax", [x], { axis: -1 }),
    layerNorm: (x, gain, bias) =>
      graph.node("LayerNormalization", [x, gain, bias], {
        axis: -1,
        epsilon: { float: LAYER_NORM_EPSILON },
      }),
    reshape: (x, dims) => node("Reshape", x, graph.integers(dims)),
    transpose: (x, permutation) => graph.node("Transpose", [x], { perm: permutation }),
    concat: (xs, axis) => graph.node("Concat", xs, { axis }),
    rows: (x, from, to) =>
      node("Slice", x, graph.integers([from]), graph.integers([to]), graph.integers([0])),
    column: (x, index) => graph.node("Gather", [x, graph.index(index)], { axis: 1 }),
  };
}

/**
 * The served graph: inputs f [B,768], c [B,30], omega [B,1], noise [N,T+1,A]; outputs logits, probs [N,A], feat [B,30].
 * @param weights null writes zeros: such a file has the right skeleton and no meaning
 */
export function actorModel(config: NetworkConfig, weights: Weights | null): Bytes {
  const graph = new OnnxGraph();
  const shapes = graphShapes(config);
  for (const [name, dims] of parameterShapes(config)) {
    const values = weights === null ? null : weights.get(name);
    if (values !== null && values?.length !== elements(dims))
      throw new Error(`${name} has ${values?.length} values instead of ${dims.join(" x ")}`);
    graph.float(name, dims, values);
  }
  for (const name of ["f", "c", "omega", "noise"]) graph.input(name, shapes[name]!);
  const inputs = { f: "f", c: "c", omega: "omega", noise: "noise" };
  const outputs = actor(
    onnxOperators(graph, (name) => name),
    inputs,
    config,
  );
  for (const name of ["logits", "probs", "feat"] as const) {
    graph.node("Identity", [outputs[name]], {}, name);
    graph.output(name, shapes[name]!);
  }
  return graph.finish();
}

/** y = Identity(x): the smallest file with which a runtime can boot. */
export function bootModel(): Bytes {
  const graph = new OnnxGraph();
  graph.input("x", "1");
  graph.node("Identity", ["x"], {}, "y");
  graph.output("y", "1");
  return graph.finish();
}

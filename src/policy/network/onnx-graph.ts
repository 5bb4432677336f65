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
import { Message } from "./protobuf.ts";

const IR_VERSION = 9;
const OPSET = 20;
const FLOAT = 1;
const INT64 = 7;

type Attribute = number | readonly number[] | { readonly float: number };

/** A graph under construction; tensors are known by name. Field numbers are those of onnx.proto. */
class OnnxGraph {
  readonly #nodes: Message[] = [];
  readonly #initializers: Message[] = [];
  readonly #inputs: Message[] = [];
  readonly #outputs: Message[] = [];
  /** Small constants by content, so that each is stored once. */
  readonly #constants = new Map<string, string>();
  #count = 0;

  node(
    operator: string,
    inputs: readonly string[],
    attributes: Readonly<Record<string, Attribute>> = {},
    output = `t${this.#count++}`,
  ): string {
    const node = new Message();
    for (const input of inputs) node.text(1, input);
    node.text(2, output).text(4, operator);
    for (const [name, value] of Object.entries(attributes)) node.message(5, attribute(name, value));
    this.#nodes.push(node);
    return output;
  }

  input(name: string, shape: string): void {
    this.#inputs.push(valueInfo(name, shape));
  }
  output(name: string, shape: string): void {
    this.#outputs.push(valueInfo(name, shape));
  }

  /** @param values null leaves the values out: the file is then only good for its skeleton */
  float(name: string, dims: readonly number[], values: Float32Array | null): string {
    const raw = values === null ? new Uint8Array(4 * elements(dims)) : bytesOf(values);
    this.#initializers.push(tensor(name, FLOAT, dims, raw));
    return name;
  }
  scalar(value: number): string {
    return this.#once(`f${value}`, (name) =>
      tensor(name, FLOAT, [], bytesOf(Float32Array.of(value))),
    );
  }
  integers(values: readonly number[]): string {
    return this.#once(`i${values.join("_")}`, (name) =>
      tensor(name, INT64, [values.length], bytesOf(BigInt64Array.from(values, BigInt))),
    );
  }
  /** An int64 of rank 0: an index that removes its axis. */
  index(value: number): string {
    return this.#once(`x${value}`, (name) =>
      tensor(name, INT64, [], bytesOf(BigInt64Array.of(BigInt(value)))),
    );
  }

  finish(): Bytes {
    const graph = new Message();
    for (const node of this.#nodes) graph.message(1, node);
    graph.text(2, "velo");
    for (const initializer of this.#initializers) graph.message(5, initializer);
    for (const input of this.#inputs) graph.message(11, input);
    for (const output of this.#outputs) graph.message(12, output);
    return new Message()
      .varint(1, IR_VERSION)
      .text(2, "velo")
      .message(7, graph)
      .message(8, new Message().text(1, "").varint(2, OPSET))
      .finish();
  }

  #once(content: string, make: (name: string) => Message): string {
    let name = this.#constants.get(content);
    if (name === undefined) {
      // Named by position: the value of a float constant must not show in the skeleton.
      name = `k${this.#constants.size}`;
      this.#constants.set(content, name);
      this.#initializers.push(make(name));
    }
    return name;
  }
}

const bytesOf = (values: Float32Array | BigInt64Array): Uint8Array =>
  new Uint8Array(values.buffer, values.byteOffset, values.byteLength);

function tensor(name: string, type: number, dims: readonly number[], raw: Uint8Array): Message {
  const message = new Message();
  for (const size of dims) message.varint(1, size);
  return message.varint(2, type).text(8, name).bytes(9, raw);
}

/** @param shape e.g. "B,768": a name is an axis of any size */
function valueInfo(name: string, shape: string): Message {
  const dims = new Message();
  for (const size of shape.split(","))
    dims.message(
      1,
      Number.isNaN(Number(size))
        ? new Message().text(2, size)
        : new Message().varint(1, Number(size)),
    );
  const type = new Message().varint(1, FLOAT).message(2, dims);
  return new Message().text(1, name).message(2, new Message().message(1, type));
}

function attribute(name: string, value: Attribute): Message {
  const message = new Message().text(1, name);
  if (typeof value === "number") return message.varint(3, value).varint(20, 2);
  if ("float" in value) return message.float(2, value.float).varint(20, 1);
  for (const item of value) message.varint(8, item);
  return message.varint(20, 7);
}

/** The operators of actor.ts as ONNX nodes. */
function onnxOperators(graph: OnnxGraph, parameter: (name: string) => string): Operators<string> {
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

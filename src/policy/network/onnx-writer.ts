// Writes ONNX files: standard operators, opset 20. The served policy and the training steps are both written here.
import { type Bytes } from "./bytes.ts";
import { elements } from "./layout.ts";
import { Message } from "./protobuf.ts";

const IR_VERSION = 9;
const OPSET = 20;
const INT64 = 7;

/** The type of every number in a graph, apart from indices and sizes. */
export type Precision = "float32" | "float64";
/** Its TensorProto.DataType. */
export const ONNX_TYPE: Readonly<Record<Precision, number>> = { float32: 1, float64: 11 };
type Attribute = number | readonly number[] | { readonly float: number };
export type Attributes = Readonly<Record<string, Attribute>>;

/** A graph under construction; tensors are known by name. Field numbers are those of onnx.proto. */
export class OnnxGraph {
  readonly #precision: Precision;
  readonly #nodes: Message[] = [];
  readonly #initializers: Message[] = [];
  readonly #inputs: Message[] = [];
  readonly #outputs: Message[] = [];
  /** Small constants by content, so that each is stored once. */
  readonly #constants = new Map<string, string>();
  #count = 0;

  constructor(precision: Precision = "float32") {
    this.#precision = precision;
  }

  node(
    operator: string,
    inputs: readonly string[],
    attributes: Attributes = {},
    output = `t${this.#count++}`,
  ): string {
    this.nodeOf(operator, inputs, attributes, [output]);
    return output;
  }
  /** A node that has several outputs. */
  nodeOf(
    operator: string,
    inputs: readonly string[],
    attributes: Attributes,
    outputs: readonly string[],
  ): void {
    const node = new Message();
    for (const input of inputs) node.text(1, input);
    for (const output of outputs) node.text(2, output);
    node.text(4, operator);
    for (const [name, value] of Object.entries(attributes)) node.message(5, attribute(name, value));
    this.#nodes.push(node);
  }

  /** @param shape e.g. "B,768": a name is an axis of any size; "": a scalar */
  input(name: string, shape: string): void {
    this.#inputs.push(valueInfo(name, this.#type, shape));
  }
  output(name: string, shape: string): void {
    this.#outputs.push(valueInfo(name, this.#type, shape));
  }

  /** @param values null leaves the values out: the file is then only good for its skeleton */
  float(name: string, dims: readonly number[], values: ArrayLike<number> | null): string {
    this.#initializers.push(
      tensor(name, this.#type, dims, this.#bytesOf(values ?? zeros(elements(dims)))),
    );
    return name;
  }
  scalar(value: number): string {
    return this.#once(`f${value}`, (name) => tensor(name, this.#type, [], this.#bytesOf([value])));
  }
  integers(values: readonly number[]): string {
    return this.#once(`i${values.join("_")}`, (name) =>
      tensor(name, INT64, [values.length], rawBytes(BigInt64Array.from(values, BigInt))),
    );
  }
  /** An int64 of rank 0: an index that removes its axis. */
  index(value: number): string {
    return this.#once(`x${value}`, (name) =>
      tensor(name, INT64, [], rawBytes(BigInt64Array.of(BigInt(value)))),
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

  get #type(): number {
    return ONNX_TYPE[this.#precision];
  }

  #bytesOf(values: ArrayLike<number>): Uint8Array {
    if (this.#precision === "float64") return rawBytes(Float64Array.from(values));
    return rawBytes(values instanceof Float32Array ? values : Float32Array.from(values));
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

const zeros = (length: number): Float32Array => new Float32Array(length);
const rawBytes = (values: Float32Array | Float64Array | BigInt64Array): Uint8Array =>
  new Uint8Array(values.buffer, values.byteOffset, values.byteLength);

function tensor(name: string, type: number, dims: readonly number[], raw: Uint8Array): Message {
  const message = new Message();
  for (const size of dims) message.varint(1, size);
  return message.varint(2, type).text(8, name).bytes(9, raw);
}

function valueInfo(name: string, element: number, shape: string): Message {
  const dims = new Message();
  for (const size of shape === "" ? [] : shape.split(","))
    dims.message(
      1,
      Number.isNaN(Number(size))
        ? new Message().text(2, size)
        : new Message().varint(1, Number(size)),
    );
  const type = new Message().varint(1, element).message(2, dims);
  return new Message().text(1, name).message(2, new Message().message(1, type));
}

function attribute(name: string, value: Attribute): Message {
  const message = new Message().text(1, name);
  if (typeof value === "number") return message.varint(3, value).varint(20, 2);
  if ("float" in value) return message.float(2, value.float).varint(20, 1);
  for (const item of value) message.varint(8, item);
  return message.varint(20, 7);
}

// A graph of tensors with static shapes. What is written to it becomes ONNX nodes, and so does every derivative: forward
// pass, loss, backward pass and optimiser are one graph, run by the runtime that serves the policy.
import { type Bytes } from "../../policy/network/bytes.ts";
import { elements } from "../../policy/network/layout.ts";
import { type Attributes, OnnxGraph, type Precision } from "../../policy/network/onnx-writer.ts";
import { type Contribution, total } from "./contributions.ts";

export interface Tensor {
  /** Unique in its graph. */
  readonly name: string;
  readonly dims: readonly number[];
}

/**
 * Vector-Jacobian product of y = f(x1, x2, ...): from dL/dy to one contribution to dL/dx per input, in the order of the
 * inputs. What nothing asks for costs nothing: nodes that no output needs are not written.
 */
export type Derivative = (dy: Tensor) => readonly Contribution[];

interface Node {
  readonly operator: string;
  readonly inputs: readonly Tensor[];
  readonly outputs: readonly Tensor[];
  readonly attributes: Attributes;
}

interface Step {
  readonly output: Tensor;
  readonly inputs: readonly Tensor[];
  readonly derivative: Derivative;
}

interface Constant {
  readonly tensor: Tensor;
  readonly write: (onnx: OnnxGraph) => string;
}

export class TensorGraph {
  readonly precision: Precision;
  readonly #inputs = new Map<string, Tensor>();
  readonly #outputs = new Map<string, Tensor>();
  readonly #constants = new Map<string, Constant>();
  readonly #nodes: Node[] = [];
  /** Operations with a derivative, in the order in which they were computed. */
  readonly #tape: Step[] = [];
  #count = 0;

  constructor({ precision }: { readonly precision: Precision }) {
    this.precision = precision;
  }

  /** Fed in every run. */
  input(name: string, dims: readonly number[]): Tensor {
    if (this.#inputs.has(name) || this.#outputs.has(name))
      throw new Error(`two inputs or outputs are called ${name}`);
    const tensor = { name, dims };
    this.#inputs.set(name, tensor);
    return tensor;
  }
  /** A weight: fed in every run like an input, since a step of training replaces it. */
  parameter(name: string, dims: readonly number[]): Tensor {
    return this.input(name, dims);
  }
  constant(dims: readonly number[], values: ArrayLike<number>): Tensor {
    if (values.length !== elements(dims))
      throw new Error(`${values.length} values for [${dims.join(", ")}]`);
    const name = this.#newName();
    return this.#constant(`constant ${name}`, dims, (onnx) => onnx.float(name, dims, values));
  }
  scalar(value: number): Tensor {
    return this.#constant(`scalar ${value}`, [], (onnx) => onnx.scalar(value));
  }
  /** A constant of one value, stored once for all its uses. */
  filled(dims: readonly number[], value: number): Tensor {
    const name = this.#newName();
    return this.#constant(`${value} in ${dims.join(",")}`, dims, (onnx) =>
      onnx.float(name, dims, new Float32Array(elements(dims)).fill(value)),
    );
  }
  /** Sizes, axes and positions that an operator takes as a tensor. */
  integers(values: readonly number[]): Tensor {
    return this.#constant(`integers ${values.join(",")}`, [values.length], (onnx) =>
      onnx.integers(values),
    );
  }
  /** A position that removes its axis. */
  index(value: number): Tensor {
    return this.#constant(`index ${value}`, [], (onnx) => onnx.index(value));
  }

  /** One ONNX node. It has no derivative until `differentiable` gives it one. */
  node(
    operator: string,
    inputs: readonly Tensor[],
    dims: readonly number[],
    attributes: Attributes = {},
  ): Tensor {
    return this.nodeOf(operator, inputs, [dims], attributes)[0]!;
  }
  /** An ONNX node with several outputs. */
  nodeOf(
    operator: string,
    inputs: readonly Tensor[],
    dims: readonly (readonly number[])[],
    attributes: Attributes = {},
  ): readonly Tensor[] {
    const outputs = dims.map((shape) => ({ name: this.#newName(), dims: shape }));
    this.#nodes.push({ operator, inputs, outputs, attributes });
    return outputs;
  }
  /** Declares how `output`, computed from `inputs` by any number of nodes, passes a gradient on to them. */
  differentiable(output: Tensor, inputs: readonly Tensor[], derivative: Derivative): Tensor {
    this.#tape.push({ output, inputs, derivative });
    return output;
  }

  output(name: string, tensor: Tensor): void {
    if (this.#outputs.has(name) || this.#inputs.has(name))
      throw new Error(`two inputs or outputs are called ${name}`);
    this.#outputs.set(name, tensor);
  }

  /**
   * d loss / d x for each x, as tensors of this graph: reverse-mode differentiation.
   * The result has no derivative of its own: second derivatives are not computed.
   */
  gradients(loss: Tensor, of: readonly Tensor[]): readonly Tensor[] {
    if (loss.dims.length > 0) throw new Error(`a loss is a scalar, not [${loss.dims.join(", ")}]`);
    const steps = this.#tape.slice();
    const wanted = new Set(of);
    for (const step of steps)
      if (step.inputs.some((input) => wanted.has(input))) wanted.add(step.output);

    const received = new Map<Tensor, Contribution[]>([[loss, [this.scalar(1)]]]);
    for (const { output, inputs, derivative } of steps.toReversed()) {
      const contributions = received.get(output);
      if (contributions === undefined || !wanted.has(output)) continue;
      const dy = total(this, output.dims, contributions);
      for (const [i, contribution] of derivative(dy).entries()) {
        const input = inputs[i]!;
        if (!wanted.has(input)) continue;
        const before = received.get(input);
        if (before === undefined) received.set(input, [contribution]);
        else before.push(contribution);
      }
    }
    return of.map((x) => total(this, x.dims, received.get(x) ?? []));
  }

  /** The nodes that the outputs need, as an ONNX file. */
  toOnnx(): Bytes {
    const onnx = new OnnxGraph(this.precision);
    const needed = new Set(this.#outputs.values());
    const nodes: Node[] = [];
    for (const node of this.#nodes.toReversed()) {
      if (!node.outputs.some((output) => needed.has(output))) continue;
      nodes.push(node);
      for (const input of node.inputs) needed.add(input);
    }
    const names = new Map<Tensor, string>();
    for (const { tensor, write } of this.#constants.values())
      if (needed.has(tensor)) names.set(tensor, write(onnx));

    // An output takes its name where it is computed; only what has a name already is copied.
    const copied: (readonly [string, Tensor])[] = [];
    const computed = new Set(nodes.flatMap((node) => node.outputs));
    for (const [name, tensor] of this.#outputs)
      if (computed.has(tensor) && !names.has(tensor)) names.set(tensor, name);
      else copied.push([name, tensor]);

    const nameOf = (tensor: Tensor) => names.get(tensor) ?? tensor.name;
    for (const { name, dims } of this.#inputs.values()) onnx.input(name, dims.join(","));
    for (const { operator, inputs, outputs, attributes } of nodes.toReversed())
      onnx.nodeOf(operator, inputs.map(nameOf), attributes, outputs.map(nameOf));
    for (const [name, tensor] of copied) onnx.node("Identity", [nameOf(tensor)], {}, name);
    for (const [name, { dims }] of this.#outputs) onnx.output(name, dims.join(","));
    return onnx.finish();
  }

  #newName(): string {
    // "~" keeps these names apart from those of inputs, outputs and the writer's own.
    return `~${this.#count++}`;
  }

  #constant(key: string, dims: readonly number[], write: (onnx: OnnxGraph) => string): Tensor {
    const known = this.#constants.get(key);
    if (known !== undefined) return known.tensor;
    const tensor = { name: key, dims };
    this.#constants.set(key, { tensor, write });
    return tensor;
  }
}

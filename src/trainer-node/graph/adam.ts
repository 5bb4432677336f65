// Adam (Kingma & Ba 2015) behind a limit on the gradient's length, as part of the graph: one run is one step of training.
import { type Shapes, elements } from "../../policy/network/layout.ts";
import { nodesOn } from "./nodes.ts";
import { type TrainingOperators } from "./operators.ts";
import { type Tensor, type TensorGraph } from "./tensor-graph.ts";

/** Parameters that share a learning rate and a limit on the length of their gradient, all of them taken together. */
export interface AdamGroup {
  /** Its learning rate is the scalar input `learningRate.<name>`, the gradient's length the output `gradientNorm.<name>`. */
  readonly name: string;
  readonly parameters: readonly Tensor[];
  readonly maxNorm: number;
}

export interface AdamOptions {
  readonly beta1?: number;
  readonly beta2?: number;
  readonly epsilon?: number;
  /**
   * How state lies in memory. "flat": the weights of a group side by side, and so their moments: sixty tensors become one,
   * which saves a CPU a quarter of Adam's time. "separate" (default): each for itself, as a GPU needs it.
   */
  readonly layout?: StateLayout;
}

export type StateLayout = "separate" | "flat";

export interface AdamStep {
  /** Every parameter and its moments, or what they are packed in -> the output that replaces it. */
  readonly stateful: Readonly<Record<string, string | null>>;
  /** With the flat layout: what consists of which parameters or moments. */
  readonly packed: Readonly<Record<string, Shapes>>;
  /** Output `finite`: 1 when loss and gradients are finite. Otherwise the step is to be thrown away. */
  readonly acceptWhen: string;
}

/** Names of the two moments of a parameter; both start at zero. */
export const momentsOf = (parameter: string): readonly [string, string] => [
  `${parameter}.moment1`,
  `${parameter}.moment2`,
];

/**
 * Adds the step that lowers `loss`. The scalar input `step` counts from 1.
 *
 *     g  <- g min(1, maxNorm / (|g| + 1e-6))           Pascanu et al. 2013, |g| over the whole group
 *     m  <- b1 m + (1 - b1) g
 *     v  <- b2 v + (1 - b2) g^2
 *     w  <- w - rate (m / (1 - b1^t)) / (sqrt(v / (1 - b2^t)) + epsilon)
 */
export function adamStep(
  graph: TensorGraph,
  ops: TrainingOperators,
  loss: Tensor,
  groups: readonly AdamGroup[],
  { beta1 = 0.9, beta2 = 0.999, epsilon = 1e-5, layout = "separate" }: AdamOptions = {},
): AdamStep {
  const one = graph.scalar(1);
  const step = graph.input("step", []);
  const correction1 = oneMinusPower(graph, ops, beta1, step);
  const root2 = ops.sqrt(oneMinusPower(graph, ops, beta2, step));
  // With c = sqrt(1 - b2^t): m / (1 - b1^t) / (sqrt(v) / c + epsilon) = m c / (1 - b1^t) / (sqrt(v) + epsilon c)
  const epsilonNow = ops.scale(root2, epsilon);

  const gradients = graph.gradients(
    loss,
    groups.flatMap((group) => group.parameters),
  );
  const stateful: Record<string, string | null> = {};
  const packed: Record<string, Shapes> = {};
  const replace = (name: string, next: Tensor) => {
    const output = `${name}.next`;
    stateful[name] = output;
    graph.output(output, next);
  };
  // A sum times zero is zero unless something in it is infinite or not a number.
  let suspect = loss;
  let used = 0;
  for (const { name, parameters, maxNorm } of groups) {
    const own = gradients.slice(used, (used += parameters.length));
    const moved = layout === "flat" ? [sideBySide(graph, name, parameters)] : parameters;
    const ofGroup = layout === "flat" ? [flattened(graph, own)] : own;
    if (layout === "flat") {
      for (const parameter of parameters) stateful[parameter.name] = null;
      Object.assign(packed, packsOf(moved[0]!.name, parameters));
    }
    const squares = ofGroup.map((g) => graph.node("ReduceSumSquare", [g], [], { keepdims: 0 }));
    const norm = ops.sqrt(squares.reduce((sum, square) => ops.add(sum, square)));
    graph.output(`gradientNorm.${name}`, norm);
    suspect = ops.add(suspect, norm);

    const limit = ops.divide(graph.scalar(maxNorm), ops.add(norm, graph.scalar(1e-6)));
    const shrink = ops.minimum(limit, one);
    const rate = graph.input(`learningRate.${name}`, []);
    const rateNow = ops.divide(ops.multiply(rate, root2), correction1);
    const share1 = ops.scale(shrink, 1 - beta1);
    const share2 = ops.scale(shrink, Math.sqrt(1 - beta2));
    for (const [i, parameter] of moved.entries()) {
      const g = ofGroup[i]!;
      const [name1, name2] = momentsOf(parameter.name);
      const m = ops.add(
        ops.scale(graph.input(name1, parameter.dims), beta1),
        ops.multiply(g, share1),
      );
      const v = ops.add(
        ops.scale(graph.input(name2, parameter.dims), beta2),
        ops.square(ops.multiply(g, share2)),
      );
      const move = ops.divide(ops.multiply(m, rateNow), ops.add(ops.sqrt(v), epsilonNow));
      replace(parameter.name, ops.subtract(parameter, move));
      replace(name1, m);
      replace(name2, v);
    }
  }
  const zero = graph.scalar(0);
  const finite = graph.node("Equal", [ops.multiply(suspect, zero), zero], []);
  graph.output("finite", graph.node("Where", [finite, one, zero], []));
  return { stateful, packed, acceptWhen: "finite" };
}

const sizeOf = (tensors: readonly Tensor[]): number =>
  tensors.reduce((sum, { dims }) => sum + elements(dims), 0);

/** The weights of a group as one input; the network reads the same memory through the inputs of its parameters. */
const sideBySide = (graph: TensorGraph, group: string, parameters: readonly Tensor[]): Tensor =>
  graph.input(`all of ${group}`, [sizeOf(parameters)]);

function flattened(graph: TensorGraph, tensors: readonly Tensor[]): Tensor {
  const { reshaped } = nodesOn(graph);
  const rows = tensors.map((tensor) => reshaped(tensor, [elements(tensor.dims)]));
  return graph.node("Concat", rows, [sizeOf(tensors)], { axis: 0 });
}

function packsOf(flat: string, parameters: readonly Tensor[]): Record<string, Shapes> {
  const shapesOf = (rename: (name: string) => string) =>
    new Map(parameters.map(({ name, dims }) => [rename(name), dims]));
  const [flat1, flat2] = momentsOf(flat);
  return {
    [flat]: shapesOf((name) => name),
    [flat1]: shapesOf((name) => momentsOf(name)[0]),
    [flat2]: shapesOf((name) => momentsOf(name)[1]),
  };
}

/** 1 - b^t = 2 h / (1 + h) with h = tanh(-t ln(b) / 2): keeps its digits where b^t is close to 1. */
function oneMinusPower(graph: TensorGraph, ops: TrainingOperators, b: number, t: Tensor): Tensor {
  const h = ops.tanh(ops.scale(t, -Math.log(b) / 2));
  return ops.divide(ops.scale(h, 2), ops.add(h, graph.scalar(1)));
}

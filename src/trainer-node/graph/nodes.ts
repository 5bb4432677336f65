// Single ONNX nodes with the shape of their result worked out, and no derivative: what operators and derivatives are made of.
import { type Tensor, type TensorGraph } from "./tensor-graph.ts";

export function nodesOn(graph: TensorGraph) {
  const scalar = (value: number) => graph.scalar(value);
  const unary = (operator: string, x: Tensor) => graph.node(operator, [x], x.dims);
  const binary = (operator: string, a: Tensor, b: Tensor) =>
    graph.node(operator, [a, b], broadcast(a.dims, b.dims));
  const add = (a: Tensor, b: Tensor) => binary("Add", a, b);
  const sub = (a: Tensor, b: Tensor) => binary("Sub", a, b);
  const mul = (a: Tensor, b: Tensor) => binary("Mul", a, b);
  const div = (a: Tensor, b: Tensor) => binary("Div", a, b);
  const times = (x: Tensor, factor: number) => mul(x, scalar(factor));
  const plus = (x: Tensor, term: number) => add(x, scalar(term));
  const reduce = (
    operator: "ReduceSum" | "ReduceMean" | "ReduceMax",
    x: Tensor,
    axes: readonly number[],
  ) =>
    graph.node(
      operator,
      [x, graph.integers(axes)],
      x.dims.map((size, i) => (axes.includes(i) ? 1 : size)),
    );
  const reshaped = (x: Tensor, dims: readonly number[]) =>
    graph.node("Reshape", [x, graph.integers(dims)], dims);
  const transposed = (x: Tensor, perm: readonly number[]) =>
    graph.node(
      "Transpose",
      [x],
      perm.map((axis) => x.dims[axis]!),
      { perm },
    );
  /** A matrix, or each matrix of a batch, transposed. */
  const flipped = (x: Tensor) => {
    const axes = x.dims.map((_, i) => i);
    return transposed(x, [...axes.slice(0, -2), ...axes.slice(-2).toReversed()]);
  };
  /** As a product with a row of ones: the runtime multiplies matrices several times faster than it sums columns. */
  const columnSums = (g: Tensor): Tensor => {
    const [rows, columns] = g.dims as [number, number];
    const ones = graph.filled([1, rows], 1);
    return graph.node("Gemm", [ones, g], [1, columns]);
  };
  /** Where y was broadcast from dims, g is summed over what it was spread to. */
  const summedTo = (g: Tensor, dims: readonly number[]): Tensor => {
    const more = g.dims.length - dims.length;
    const axes = [...g.dims.keys()].filter((i) => i < more || g.dims[i] !== dims[i - more]);
    const sum =
      axes.length === 0
        ? g
        : g.dims.length === 2 && axes.length === 1 && axes[0] === 0
          ? columnSums(g)
          : reduce("ReduceSum", g, axes);
    return more === 0 ? sum : reshaped(sum, dims);
  };

  const slice = (
    x: Tensor,
    axis: number,
    from: number,
    to: number,
    dims: readonly number[],
  ): Tensor =>
    graph.node(
      "Slice",
      [x, graph.integers([from]), graph.integers([to]), graph.integers([axis])],
      dims,
    );

  return {
    scalar,
    unary,
    binary,
    add,
    sub,
    mul,
    div,
    times,
    plus,
    reduce,
    reshaped,
    transposed,
    flipped,
    slice,
    summedTo,
  };
}

function broadcast(a: readonly number[], b: readonly number[]): readonly number[] {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, i) => {
    const x = a[a.length - rank + i] ?? 1;
    const y = b[b.length - rank + i] ?? 1;
    if (x !== y && x !== 1 && y !== 1)
      throw new Error(`[${a.join(", ")}] and [${b.join(", ")}] do not broadcast`);
    return Math.max(x, y);
  });
}

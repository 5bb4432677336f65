// What one use of a tensor adds to its gradient, and how such contributions are summed. Products and slices stay apart
// until then: a sum of products accumulates inside the matrix product, disjoint slices are laid side by side, and a weight
// that ten denoising steps share costs neither ten additions nor ten padded copies.
import { type Tensor, type TensorGraph } from "./tensor-graph.ts";

export type Contribution = Tensor | Product | Slice;

/** a b of two matrices, either of them transposed first. */
interface Product {
  readonly a: Tensor;
  readonly b: Tensor;
  readonly transA?: true;
  readonly transB?: true;
}

/** Zero except at from.. of one axis, where it is `part`. */
interface Slice {
  readonly part: Tensor;
  readonly axis: number;
  readonly from: number;
}

/** The sum of the contributions; zeros when there are none. */
export function total(
  graph: TensorGraph,
  dims: readonly number[],
  contributions: readonly Contribution[],
): Tensor {
  const slices = contributions.filter((x) => "part" in x);
  const dense = [
    ...contributions.filter((x) => "name" in x),
    ...layersOf(slices).map((layer) => sideBySide(graph, dims, layer)),
  ];
  for (const tensor of dense)
    if (tensor.dims.join(",") !== dims.join(","))
      throw new Error(`a gradient of [${tensor.dims.join(", ")}] for [${dims.join(", ")}]`);
  // Add by Add: WebGPU has no Sum and would send all of them to the CPU.
  let sum: Tensor | undefined;
  for (const tensor of dense)
    sum = sum === undefined ? tensor : graph.node("Add", [sum, tensor], dims);
  for (const product of contributions.filter((x) => "a" in x)) sum = multiply(graph, product, sum);
  return sum ?? graph.filled(dims, 0);
}

/** a b + c */
function multiply(graph: TensorGraph, { a, b, transA, transB }: Product, c?: Tensor): Tensor {
  const dims = [a.dims[transA ? 1 : 0]!, b.dims[transB ? 0 : 1]!];
  return graph.node("Gemm", c === undefined ? [a, b] : [a, b, c], dims, {
    ...(transA && { transA: 1 }),
    ...(transB && { transB: 1 }),
  });
}

/** Slices grouped so that those of one layer lie along one axis, in order, without overlap. */
function layersOf(slices: readonly Slice[]): readonly (readonly Slice[])[] {
  const layers: Slice[][] = [];
  for (const slice of slices.toSorted((x, y) => x.from - y.from)) {
    const layer = layers.find(
      (other) => other[0]!.axis === slice.axis && endOf(other.at(-1)!) <= slice.from,
    );
    if (layer === undefined) layers.push([slice]);
    else layer.push(slice);
  }
  return layers;
}

const endOf = ({ part, axis, from }: Slice): number => from + part.dims[axis]!;

/** One layer as a whole tensor, gaps filled with zeros. */
function sideBySide(graph: TensorGraph, dims: readonly number[], layer: readonly Slice[]): Tensor {
  const { axis } = layer[0]!;
  const pieces: Tensor[] = [];
  let at = 0;
  const fillTo = (end: number) => {
    if (at < end) pieces.push(graph.filled(dims.with(axis, end - at), 0));
  };
  for (const slice of layer) {
    fillTo(slice.from);
    pieces.push(slice.part);
    at = endOf(slice);
  }
  fillTo(dims[axis]!);
  return pieces.length === 1 ? pieces[0]! : graph.node("Concat", pieces, dims, { axis });
}

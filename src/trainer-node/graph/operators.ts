// The operators of networks and losses on a TensorGraph, each beside its derivative. "y = f(x): ..." says after the colon
// what is passed on as dL/dx, from g = dL/dy; where it says dy/dx, that times g is passed on.
import { type Operators } from "../../policy/network/actor.ts";
import { LAYER_NORM_EPSILON, elements } from "../../policy/network/layout.ts";
import { ONNX_TYPE } from "../../policy/network/onnx-writer.ts";
import { nodesOn } from "./nodes.ts";
import { type Tensor, type TensorGraph } from "./tensor-graph.ts";

/** What networks (actor.ts) and losses are written with. Binary operators broadcast as ONNX does. */
export interface TrainingOperators extends Operators<Tensor> {
  multiply(a: Tensor, b: Tensor): Tensor;
  divide(a: Tensor, b: Tensor): Tensor;
  negate(x: Tensor): Tensor;
  exp(x: Tensor): Tensor;
  log(x: Tensor): Tensor;
  sqrt(x: Tensor): Tensor;
  square(x: Tensor): Tensor;
  abs(x: Tensor): Tensor;
  /** Elementwise; of equal values the first one gets the gradient. */
  minimum(a: Tensor, b: Tensor): Tensor;
  /** x^2 / 2 up to delta, linear beyond. */
  huber(x: Tensor, delta: number): Tensor;
  /** Over the last axis. */
  logSoftmax(x: Tensor): Tensor;
  sum(x: Tensor, axes: readonly number[], keepDims?: boolean): Tensor;
  /** Of all elements, as a scalar. */
  mean(x: Tensor): Tensor;
  /** x, which is a constant to `gradients`. */
  stopGradient(x: Tensor): Tensor;
}

export function operatorsOf(
  graph: TensorGraph,
  parameter: (name: string) => Tensor,
): TrainingOperators {
  const nodes = nodesOn(graph);
  const { scalar, unary, binary, add, sub, mul, div, times, plus, reduce } = nodes;
  const { reshaped, transposed, flipped, slice, summedTo } = nodes;

  const ops: TrainingOperators = {
    parameter,
    constant: (dims, values) => graph.constant(dims, values),

    // y = a + b: g, g
    add: (a, b) =>
      graph.differentiable(add(a, b), [a, b], (g) => [summedTo(g, a.dims), summedTo(g, b.dims)]),

    // y = a - b: g, -g
    subtract: (a, b) =>
      graph.differentiable(sub(a, b), [a, b], (g) => [
        summedTo(g, a.dims),
        unary("Neg", summedTo(g, b.dims)),
      ]),

    // y = a b: g b, g a
    multiply: (a, b) =>
      graph.differentiable(mul(a, b), [a, b], (g) => [
        summedTo(mul(g, b), a.dims),
        summedTo(mul(g, a), b.dims),
      ]),

    // y = a / b: g / b, -(g / b) y
    divide: (a, b) => {
      const y = div(a, b);
      return graph.differentiable(y, [a, b], (g) => {
        const da = div(g, b);
        return [summedTo(da, a.dims), unary("Neg", summedTo(mul(da, y), b.dims))];
      });
    },

    // y = -x: -g
    negate: (x) => graph.differentiable(unary("Neg", x), [x], (g) => [unary("Neg", g)]),

    // y = factor x: factor g
    scale: (x, factor) => graph.differentiable(times(x, factor), [x], (g) => [times(g, factor)]),

    // y = e^x: g y
    exp: (x) => {
      const y = unary("Exp", x);
      return graph.differentiable(y, [x], (g) => [mul(g, y)]);
    },

    // y = ln x: g / x
    log: (x) => graph.differentiable(unary("Log", x), [x], (g) => [div(g, x)]),

    // y = sqrt x: g / (2 y)
    sqrt: (x) => {
      const y = unary("Sqrt", x);
      return graph.differentiable(y, [x], (g) => [div(times(g, 0.5), y)]);
    },

    // y = x^2: 2 g x
    square: (x) => graph.differentiable(mul(x, x), [x], (g) => [mul(times(g, 2), x)]),

    // y = |x|: g sign x
    abs: (x) => graph.differentiable(unary("Abs", x), [x], (g) => [mul(g, unary("Sign", x))]),

    // y = a where a <= b, else b: g where a <= b, g elsewhere
    minimum: (a, b) =>
      graph.differentiable(binary("Min", a, b), [a, b], (g) => {
        const first = binary("LessOrEqual", a, b);
        const where = (x: Tensor, y: Tensor) => graph.node("Where", [first, x, y], g.dims);
        return [summedTo(where(g, scalar(0)), a.dims), summedTo(where(scalar(0), g), b.dims)];
      }),

    // y = min(max(x, low), high): g where y = x, 0 outside
    clip: (x, low, high) => {
      const y = graph.node("Clip", [x, scalar(low), scalar(high)], x.dims);
      return graph.differentiable(y, [x], (g) => [
        graph.node("Where", [binary("Equal", x, y), g, scalar(0)], x.dims),
      ]);
    },

    // c = clip(x, -delta, delta), y = c (x - c / 2): g c
    huber: (x, delta) => {
      const c = graph.node("Clip", [x, scalar(-delta), scalar(delta)], x.dims);
      return graph.differentiable(mul(c, sub(x, times(c, 0.5))), [x], (g) => [mul(g, c)]);
    },

    // y = tanh x: g (1 - y^2)
    tanh: (x) => {
      const y = unary("Tanh", x);
      return graph.differentiable(y, [x], (g) => [mul(g, sub(scalar(1), mul(y, y)))]);
    },

    // y = x tanh(ln(1 + e^x)) = x n / (n + 2), e = e^x, n = e (e + 2)
    // dy/dx = n / (n + 2) + 4 x (n - e) / (n + 2)^2
    // Beyond 20 the quotient is 1 in either precision, and e^4 still a float32.
    mish: (x) => {
      const e = unary("Exp", graph.node("Clip", [x, scalar(-80), scalar(20)], x.dims));
      const n = mul(e, plus(e, 2));
      const d = plus(n, 2);
      const gate = div(n, d);
      return graph.differentiable(mul(x, gate), [x], (g) => {
        const numerator = mul(times(x, 4), sub(n, e));
        return [mul(g, add(gate, div(numerator, mul(d, d))))];
      });
    },

    // y = x s, s = sigmoid(u) = (1 + tanh(u / 2)) / 2, u = 2 sqrt(2 / pi) (x + 0.044715 x^3)
    // dy/dx = s + y (1 - s) du/dx
    gelu: (x) => {
      const linear = 2 * Math.sqrt(2 / Math.PI);
      const cubic = linear * 0.044_715;
      const square = mul(x, x);
      const s = unary("Sigmoid", mul(x, plus(times(square, cubic), linear)));
      const y = mul(x, s);
      return graph.differentiable(y, [x], (g) => {
        const slope = plus(times(square, 3 * cubic), linear);
        return [mul(g, add(s, mul(mul(y, sub(scalar(1), s)), slope)))];
      });
    },

    // y_i = e^x_i / sum_j e^x_j: y (g - sum_j g_j y_j)
    softmax: (x) => {
      const y = graph.node("Softmax", [x], x.dims, { axis: -1 });
      return graph.differentiable(y, [x], (g) => {
        const inner = reduce("ReduceSum", mul(g, y), [x.dims.length - 1]);
        return [mul(y, sub(g, inner))];
      });
    },

    // z = x - max x, y_i = z_i - ln sum_j e^z_j: g - e^y sum_j g_j
    // WebGPU has no LogSoftmax.
    logSoftmax: (x) => {
      const last = [x.dims.length - 1];
      const z = sub(x, reduce("ReduceMax", x, last));
      const y = sub(z, unary("Log", reduce("ReduceSum", unary("Exp", z), last)));
      return graph.differentiable(y, [x], (g) => [
        sub(g, mul(unary("Exp", y), reduce("ReduceSum", g, last))),
      ]);
    },

    // h = (x - mean x) r, r = 1 / sqrt(var x + epsilon), y = h gain + bias; k = g gain
    // r (k - mean k - h mean(k h)), sum g h, sum g
    layerNorm: (x, gain, bias) => {
      const last = x.dims.length - 1;
      const perRow = x.dims.with(last, 1);
      // The runtime gives these two as float32 whatever x is.
      const cast = (value: Tensor) =>
        graph.node("Cast", [value], perRow, { to: ONNX_TYPE[graph.precision] });
      const [y, mean, r] = graph.nodeOf(
        "LayerNormalization",
        [x, gain, bias],
        [x.dims, perRow, perRow],
        { axis: -1, epsilon: { float: LAYER_NORM_EPSILON } },
      ) as [Tensor, Tensor, Tensor];
      return graph.differentiable(y, [x, gain, bias], (g) => {
        const spread = cast(r);
        const h = mul(sub(x, cast(mean)), spread);
        const k = mul(g, gain);
        const meanOf = (value: Tensor) => reduce("ReduceMean", value, [last]);
        const dx = mul(spread, sub(sub(k, meanOf(k)), mul(h, meanOf(mul(k, h)))));
        return [dx, summedTo(mul(g, h), gain.dims), summedTo(g, bias.dims)];
      });
    },

    // y = x w + b: g w', x' g, g
    linear: (x, w, b) =>
      graph.differentiable(
        graph.node("Gemm", [x, w, b], [x.dims[0]!, w.dims[1]!]),
        [x, w, b],
        (g) => [{ a: g, b: w, transB: true }, { a: x, b: g, transA: true }, summedTo(g, b.dims)],
      ),

    // y = a b, for each matrix of a batch: g b', a' g
    matmul: (a, b) => {
      if (a.dims.slice(0, -2).join(",") !== b.dims.slice(0, -2).join(","))
        throw new Error(`batches differ: [${a.dims.join(", ")}] and [${b.dims.join(", ")}]`);
      const product = (left: Tensor, right: Tensor) =>
        graph.node("MatMul", [left, right], [...left.dims.slice(0, -1), right.dims.at(-1)!]);
      return graph.differentiable(product(a, b), [a, b], (g) => [
        product(g, flipped(b)),
        product(flipped(a), g),
      ]);
    },

    // The same numbers under other dims: g under the old ones
    reshape: (x, dims) => {
      const known = dims.reduce((size, d) => (d === -1 ? size : size * d), 1);
      const resolved = dims.map((d) => (d === -1 ? elements(x.dims) / known : d));
      if (elements(resolved) !== elements(x.dims) || !resolved.every(Number.isInteger))
        throw new Error(`[${x.dims.join(", ")}] cannot become [${dims.join(", ")}]`);
      return graph.differentiable(reshaped(x, resolved), [x], (g) => [reshaped(g, x.dims)]);
    },

    // Axis i of y is axis permutation[i] of x: g with its axes put back
    transpose: (x, permutation) => {
      const back = permutation.map((_, i) => permutation.indexOf(i));
      return graph.differentiable(transposed(x, permutation), [x], (g) => [transposed(g, back)]);
    },

    // Each x gets its part of g
    concat: (xs, axis) => {
      const sizes = xs.map((x) => x.dims[axis]!);
      const dims = xs[0]!.dims.with(
        axis,
        sizes.reduce((sum, size) => sum + size, 0),
      );
      return graph.differentiable(graph.node("Concat", xs, dims, { axis }), xs, (g) => {
        let from = 0;
        return xs.map((x, i) => slice(g, axis, from, (from += sizes[i]!), x.dims));
      });
    },

    // Zero except in these rows, where it is g
    rows: (x, from, to) =>
      graph.differentiable(slice(x, 0, from, to, x.dims.with(0, to - from)), [x], (g) => [
        { part: g, axis: 0, from },
      ]),

    // Zero except in this column, where it is g
    column: (x, index) =>
      graph.differentiable(
        graph.node("Gather", [x, graph.index(index)], x.dims.toSpliced(1, 1), { axis: 1 }),
        [x],
        (g) => [{ part: reshaped(g, x.dims.with(1, 1)), axis: 1, from: index }],
      ),

    // g, spread over what was summed
    sum: (x, axes, keepDims = false) => {
      const kept = reduce("ReduceSum", x, axes);
      const y = keepDims
        ? kept
        : reshaped(
            kept,
            x.dims.filter((_, i) => !axes.includes(i)),
          );
      return graph.differentiable(y, [x], (g) => [
        graph.node("Expand", [reshaped(g, kept.dims), graph.integers(x.dims)], x.dims),
      ]);
    },

    mean: (x) => ops.scale(ops.sum(x, [...x.dims.keys()]), 1 / elements(x.dims)),

    stopGradient: (x) => unary("Identity", x),
  };

  return ops;
}

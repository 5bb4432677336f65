// The loss of a batch of questions as one ONNX graph, and what it passes back to their vectors.
import { type Bytes } from "../../policy/network/bytes.ts";
import { operatorsOf } from "../graph/operators.ts";
import { type Tensor, TensorGraph } from "../graph/tensor-graph.ts";

export interface ContrastiveSize {
  /** B: questions, each with one other wording and one near miss. */
  readonly rows: number;
  readonly dimensions: number;
  /** tau: the smaller, the more the nearest wrong question counts. */
  readonly temperature: number;
  /** Of the second loss beside the first. */
  readonly pairShare: number;
  /** Cosine at which a pair is as likely right as wrong, and how fast that changes. */
  readonly pairMiddle: number;
  readonly pairTemperature: number;
}

/** Keeps the length of a vector of zeros from dividing by zero. */
const TINY = 1e-12;

/**
 * Inputs: x [3B, D] sums before normalisation: questions a, other wordings p, near misses n; mask [B, 2B] 0 or a large
 * negative number where a column must not count as wrong for a row; hasMiss [B] 1 where n is given.
 * Outputs: loss, dx [3B, D] = dL/dx.
 *
 *     L_1 = mean_i -log softmax_j( cos(a_i, [p n]_j) / tau + mask_ij )_i       van den Oord et al. 2018, Eq. 4
 *     L_2 = mean_i softplus((m - cos(a_i, p_i)) / T) + hasMiss_i softplus((cos(a_i, n_i) - m) / T)
 *     L   = L_1 + share L_2
 *
 * The first orders what is near one question; the second makes cosines of different questions mean the same.
 */
export function contrastiveStep(size: ContrastiveSize): Bytes {
  const { rows, dimensions, temperature, pairShare, pairMiddle, pairTemperature } = size;
  const graph = new TensorGraph({ precision: "float32" });
  const x = graph.input("x", [3 * rows, dimensions]);
  const mask = graph.input("mask", [rows, 2 * rows]);
  const hasMiss = graph.input("hasMiss", [rows]);
  const ops = operatorsOf(graph, () => x);

  const squares = ops.sum(ops.square(x), [1], true);
  const v = ops.divide(x, ops.sqrt(ops.add(squares, graph.scalar(TINY))));
  const a = ops.rows(v, 0, rows);
  const candidates = ops.rows(v, rows, 3 * rows);
  const cosines = ops.matmul(a, ops.transpose(candidates, [1, 0]));
  const scores = ops.add(ops.scale(cosines, 1 / temperature), mask);
  const right = graph.constant(
    [rows, 2 * rows],
    Float32Array.from({ length: 2 * rows * rows }, (_, i) =>
      i % (2 * rows) === Math.floor(i / (2 * rows)) ? 1 : 0,
    ),
  );
  const nce = ops.scale(ops.sum(ops.multiply(ops.logSoftmax(scores), right), [0, 1]), -1 / rows);

  const cosineTo = (from: number): Tensor =>
    ops.sum(ops.multiply(a, ops.rows(v, from, from + rows)), [1]);
  const softplus = (t: Tensor): Tensor => ops.log(ops.add(ops.exp(t), graph.scalar(1)));
  const over = (c: Tensor): Tensor =>
    ops.scale(ops.subtract(c, graph.scalar(pairMiddle)), 1 / pairTemperature);
  const tooFar = softplus(ops.negate(over(cosineTo(rows))));
  const tooNear = ops.multiply(hasMiss, softplus(over(cosineTo(2 * rows))));
  const pairs = ops.mean(ops.add(tooFar, tooNear));

  const loss = ops.add(nce, ops.scale(pairs, pairShare));
  const [dx] = graph.gradients(loss, [x]);
  graph.output("loss", loss);
  graph.output("dx", dx!);
  return graph.toOnnx();
}

// The actor network on one page, over any tensor type: the served graph writes ONNX nodes with it, a trainer records
// derivatives with it, so both are the same network. DLRS Table II, Eq. 8, 15 and 16.
import { FEATURE_SIZE } from "./policy.ts";
import { diffusion, stepCoefficients } from "./diffusion.ts";
import {
  BLOCKS,
  FC_SIZES,
  HEADS,
  HEAD_SIZE,
  MODEL_SIZE,
  type NetworkConfig,
  TIME_SIZE,
  TOKENS,
  completeNetwork,
  stateSize,
  timeEmbedding,
} from "./layout.ts";

/** Operations on tensors whose first axis may be a batch of unknown size, written -1 in dims. */
export interface Operators<T> {
  /** A parameter of layout.ts. */
  parameter(name: string): T;
  constant(dims: readonly number[], values: Float32Array): T;
  /** x [n, in] * w [in, out] + b, where b broadcasts to [n, out]. */
  linear(x: T, w: T, b: T): T;
  matmul(a: T, b: T): T;
  add(a: T, b: T): T;
  subtract(a: T, b: T): T;
  scale(x: T, factor: number): T;
  clip(x: T, low: number, high: number): T;
  tanh(x: T): T;
  /** x tanh(softplus(x)). */
  mish(x: T): T;
  /** 0.5 x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))). */
  gelu(x: T): T;
  /** Over the last axis. */
  softmax(x: T): T;
  layerNorm(x: T, gain: T, bias: T): T;
  reshape(x: T, dims: readonly number[]): T;
  transpose(x: T, permutation: readonly number[]): T;
  concat(xs: readonly T[], axis: number): T;
  /** Rows from..to of the first axis. */
  rows(x: T, from: number, to: number): T;
  /** x[:, index] of a tensor with at least two axes. */
  column(x: T, index: number): T;
}

export interface ActorInputs<T> {
  /** [B, 768] */
  readonly f: T;
  /** [B, 30] */
  readonly c: T;
  /** [B, 1] */
  readonly omega: T;
  /** [N, T+1, A] */
  readonly noise: T;
}

export interface ActorOutputs<T> {
  /** [N, A] kappa_0 */
  readonly logits: T;
  /** [N, A] */
  readonly probs: T;
  /** [B, 30] f'; zeros where the head sees f itself */
  readonly feat: T;
}

/** What a head reads: its part of the embedding is f' [B, 30] or f [B, 768]. */
interface HeadInputs<T> extends Omit<ActorInputs<T>, "f"> {
  readonly seen: T;
}

export function actor<T>(
  ops: Operators<T>,
  inputs: ActorInputs<T>,
  config: NetworkConfig,
): ActorOutputs<T> {
  const { f, c, omega, noise } = inputs;
  const { head, extractor } = completeNetwork(config);
  const isRaw = extractor === "raw";
  const feat = isRaw ? noFeatures(ops, omega) : features(ops, f);
  const read = { c, omega, noise, seen: isRaw ? f : feat };
  const logits = head === "mlp" ? multilayer(ops, read) : reverseChain(ops, read, config);
  return { logits, probs: ops.softmax(logits), feat };
}

const dense = <T>(ops: Operators<T>, name: string, x: T): T =>
  ops.linear(x, ops.parameter(`${name}.w`), ops.parameter(`${name}.b`));
const norm = <T>(ops: Operators<T>, name: string, x: T): T =>
  ops.layerNorm(x, ops.parameter(`${name}.gain`), ops.parameter(`${name}.bias`));

/** T[f] (Eq. 8): [B, 768] -> [B, 30]. */
function features<T>(ops: Operators<T>, f: T): T {
  let x = ops.add(ops.reshape(f, [-1, TOKENS, MODEL_SIZE]), ops.parameter("position"));
  // Matrices act on [B * 8, 96]; only attention needs to know which tokens belong together.
  x = ops.reshape(x, [-1, MODEL_SIZE]);
  for (let i = 0; i < BLOCKS; i++) {
    x = ops.add(x, attention(ops, `block${i}`, norm(ops, `block${i}.norm1`, x)));
    const hidden = ops.gelu(dense(ops, `block${i}.ffn.in`, norm(ops, `block${i}.norm2`, x)));
    x = ops.add(x, dense(ops, `block${i}.ffn.out`, hidden));
  }
  x = norm(ops, "norm", ops.reshape(x, [-1, TOKENS * MODEL_SIZE]));
  for (let i = 0; i + 1 < FC_SIZES.length; i++) x = ops.tanh(dense(ops, `fc${i}`, x));
  return x;
}

/** [B, 30] zeros: omega lends the number of rows. */
function noFeatures<T>(ops: Operators<T>, omega: T): T {
  const zeros = new Float32Array(FEATURE_SIZE);
  return ops.linear(
    omega,
    ops.constant([1, FEATURE_SIZE], zeros),
    ops.constant([FEATURE_SIZE], zeros),
  );
}

function attention<T>(ops: Operators<T>, block: string, x: T): T {
  const heads = (part: string, permutation: readonly number[]) =>
    ops.transpose(
      ops.reshape(dense(ops, `${block}.${part}`, x), [-1, TOKENS, HEADS, HEAD_SIZE]),
      permutation,
    );
  const q = heads("q", [0, 2, 1, 3]);
  const kTransposed = heads("k", [0, 2, 3, 1]);
  const v = heads("v", [0, 2, 1, 3]);
  const weights = ops.softmax(ops.scale(ops.matmul(q, kTransposed), 1 / Math.sqrt(HEAD_SIZE)));
  const mixed = ops.transpose(ops.matmul(weights, v), [0, 2, 1, 3]);
  return dense(ops, `${block}.o`, ops.reshape(mixed, [-1, MODEL_SIZE]));
}

/** Two hidden layers. The noise is added zero times, which gives each of its rows the logits of its request. */
function multilayer<T>(ops: Operators<T>, { c, omega, noise, seen }: HeadInputs<T>): T {
  const first = ops.mish(dense(ops, "head.in", ops.concat([c, seen, omega], 1)));
  const logits = dense(ops, "head.out", ops.mish(dense(ops, "head.mid", first)));
  return ops.add(logits, ops.scale(ops.column(noise, 0), 0));
}

/**
 * kappa_T -> kappa_0 (Eq. 15 and 16), unrolled. eps.in acts on [kappa | time | c | f' or f | omega]; the parts that do not
 * change along the chain are multiplied once.
 */
function reverseChain<T>(
  ops: Operators<T>,
  { c, omega, noise, seen }: HeadInputs<T>,
  config: NetworkConfig,
): T {
  const { actions, steps, hidden } = completeNetwork(config);
  const tables = diffusion(config.schedule, steps);
  const times = ops.constant([steps, TIME_SIZE], timeEmbedding(steps));
  const time = dense(ops, "time.out", ops.mish(dense(ops, "time.in", times)));
  const wIn = ops.parameter("eps.in.w");
  const wKappa = ops.rows(wIn, 0, actions);
  const wTime = ops.rows(wIn, actions, actions + TIME_SIZE);
  const wState = ops.rows(wIn, actions + TIME_SIZE, actions + TIME_SIZE + stateSize(config));
  const state = ops.linear(ops.concat([c, seen, omega], 1), wState, ops.parameter("eps.in.b"));
  const timeRows = ops.linear(time, wTime, ops.constant([hidden], new Float32Array(hidden)));

  let kappa = ops.column(noise, 0);
  for (let tau = steps; tau >= 1; tau--) {
    const { keep, remove, toX0, toKappa, sigma } = stepCoefficients(tables, tau);
    const known = ops.add(state, ops.rows(timeRows, tau - 1, tau));
    const first = ops.mish(ops.linear(kappa, wKappa, known));
    const eps = dense(ops, "eps.out", ops.mish(dense(ops, "eps.mid", first)));
    const bounded = config.tanhEps ? ops.tanh(eps) : eps;
    let x0 = ops.subtract(ops.scale(kappa, keep), ops.scale(bounded, remove));
    if (config.clipX0 !== null) x0 = ops.clip(x0, -config.clipX0, config.clipX0);
    if (tau === 1) return x0;
    const mean = ops.add(ops.scale(x0, toX0), ops.scale(kappa, toKappa));
    kappa = ops.add(mean, ops.scale(ops.column(noise, tau - 1), sigma));
  }
  throw new Error(`a chain needs at least one step, not ${steps}`);
}

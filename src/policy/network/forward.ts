// The actor in plain TypeScript: what every runtime is checked against, and what serves until one is up. One request at a
// time; all buffers are allocated once, so an instance is not reentrant (it never awaits, so it need not be).
import { diffusion, stepCoefficients } from "./diffusion.ts";
import {
  BLOCKS,
  FC_SIZES,
  FFN_SIZE,
  HEADS,
  HEAD_SIZE,
  HIDDEN,
  MODEL_SIZE,
  type NetworkConfig,
  STATE_SIZE,
  TIME_HIDDEN,
  TIME_SIZE,
  TOKENS,
  type Weights,
  timeEmbedding,
} from "./layout.ts";
import { CORRELATION_SIZE, EMBEDDING_SIZE, FEATURE_SIZE } from "./policy.ts";
import {
  type Dense,
  type Norm,
  apply,
  geluInPlace,
  mishInPlace,
  normalise,
  softmax,
  softmaxInto,
  transposed,
} from "./kernels.ts";

interface Block {
  readonly norm1: Norm;
  readonly q: Dense;
  readonly k: Dense;
  readonly v: Dense;
  readonly o: Dense;
  readonly norm2: Norm;
  readonly ffnIn: Dense;
  readonly ffnOut: Dense;
}

export interface ForwardOutput {
  /** [A] kappa_0 */
  readonly logits: Float32Array;
  /** [A] */
  readonly probs: Float32Array;
  /** [30] f' */
  readonly feat: Float32Array;
}

export class Forward {
  readonly config: NetworkConfig;
  readonly #position: Float32Array;
  readonly #blocks: readonly Block[];
  readonly #norm: Norm;
  readonly #fc: readonly Dense[];
  /** eps.in split by what it multiplies: kappa (per step), state (per request), time (per step, with the weights). */
  readonly #inKappa: Dense;
  readonly #inState: Dense;
  /** [T, 256] */
  readonly #inTime: Float32Array;
  readonly #mid: Dense;
  readonly #out: Dense;
  readonly #steps: readonly ReturnType<typeof stepCoefficients>[];

  readonly #x = new Float32Array(EMBEDDING_SIZE);
  readonly #normed = new Float32Array(EMBEDDING_SIZE);
  readonly #q = new Float32Array(EMBEDDING_SIZE);
  readonly #k = new Float32Array(EMBEDDING_SIZE);
  readonly #v = new Float32Array(EMBEDDING_SIZE);
  readonly #scores = new Float32Array(TOKENS);
  readonly #ffn = new Float32Array(TOKENS * FFN_SIZE);
  readonly #state = new Float32Array(STATE_SIZE);
  readonly #known = new Float32Array(HIDDEN);
  readonly #first = new Float32Array(HIDDEN);
  readonly #second = new Float32Array(HIDDEN);
  readonly #eps: Float32Array;

  constructor(config: NetworkConfig, weights: Weights) {
    const { actions, steps, schedule } = config;
    const dense = (name: string, inputs: number, outputs: number, fromRow = 0): Dense => ({
      inputs,
      outputs,
      w: transposed(take(weights, `${name}.w`), inputs, outputs, fromRow),
      b: take(weights, `${name}.b`),
    });
    const norm = (name: string): Norm => ({
      gain: take(weights, `${name}.gain`),
      bias: take(weights, `${name}.bias`),
    });
    const square = (name: string) => dense(name, MODEL_SIZE, MODEL_SIZE);
    this.config = config;
    this.#position = take(weights, "position");
    this.#blocks = Array.from({ length: BLOCKS }, (_, i) => ({
      norm1: norm(`block${i}.norm1`),
      q: square(`block${i}.q`),
      k: square(`block${i}.k`),
      v: square(`block${i}.v`),
      o: square(`block${i}.o`),
      norm2: norm(`block${i}.norm2`),
      ffnIn: dense(`block${i}.ffn.in`, MODEL_SIZE, FFN_SIZE),
      ffnOut: dense(`block${i}.ffn.out`, FFN_SIZE, MODEL_SIZE),
    }));
    this.#norm = norm("norm");
    this.#fc = FC_SIZES.slice(1).map((outputs, i) => dense(`fc${i}`, FC_SIZES[i]!, outputs));
    this.#inKappa = dense("eps.in", actions, HIDDEN);
    const inTime = { ...dense("eps.in", TIME_SIZE, HIDDEN, actions), b: new Float32Array(HIDDEN) };
    this.#inState = dense("eps.in", STATE_SIZE, HIDDEN, actions + TIME_SIZE);
    this.#mid = dense("eps.mid", HIDDEN, HIDDEN);
    this.#out = dense("eps.out", HIDDEN, actions);
    this.#eps = new Float32Array(actions);

    const hidden = new Float32Array(steps * TIME_HIDDEN);
    const time = new Float32Array(steps * TIME_SIZE);
    this.#inTime = new Float32Array(steps * HIDDEN);
    apply(dense("time.in", TIME_SIZE, TIME_HIDDEN), timeEmbedding(steps), hidden, steps);
    mishInPlace(hidden);
    apply(dense("time.out", TIME_HIDDEN, TIME_SIZE), hidden, time, steps);
    apply(inTime, time, this.#inTime, steps);

    const tables = diffusion(schedule, steps);
    this.#steps = Array.from({ length: steps }, (_, i) => stepCoefficients(tables, i + 1));
  }

  /**
   * @param f [768]
   * @param c [30]
   * @param noise [T+1, A], see graphShapes; null = all zero
   */
  run(f: Float32Array, c: Float32Array, omega: number, noise: Float32Array | null): ForwardOutput {
    const feat = this.features(f);
    const state = this.#state;
    state.set(c.subarray(0, CORRELATION_SIZE));
    state.set(feat, CORRELATION_SIZE);
    state[CORRELATION_SIZE + FEATURE_SIZE] = omega;
    const logits = this.#chain(noise);
    return { logits, probs: softmax(logits), feat };
  }

  /** T[f] (Eq. 8): [768] -> [30]. */
  features(f: Float32Array): Float32Array {
    const x = this.#x;
    for (let i = 0; i < EMBEDDING_SIZE; i++) x[i] = f[i]! + this.#position[i]!;
    for (const block of this.#blocks) this.#transform(block);
    normalise(x, this.#norm, EMBEDDING_SIZE, this.#normed);
    let layer: Float32Array = this.#normed;
    for (const fc of this.#fc) {
      const next = new Float32Array(fc.outputs);
      apply(fc, layer, next, 1);
      for (let i = 0; i < next.length; i++) next[i] = Math.tanh(next[i]!);
      layer = next;
    }
    return layer;
  }

  /** One pre-LayerNorm encoder block over the 8 tokens in #x. */
  #transform(block: Block): void {
    const x = this.#x;
    const normed = this.#normed;
    normalise(x, block.norm1, MODEL_SIZE, normed);
    apply(block.q, normed, this.#q, TOKENS);
    apply(block.k, normed, this.#k, TOKENS);
    apply(block.v, normed, this.#v, TOKENS);
    this.#attend(normed);
    apply(block.o, normed, this.#q, TOKENS);
    for (let i = 0; i < EMBEDDING_SIZE; i++) x[i]! += this.#q[i]!;
    normalise(x, block.norm2, MODEL_SIZE, normed);
    apply(block.ffnIn, normed, this.#ffn, TOKENS);
    geluInPlace(this.#ffn);
    apply(block.ffnOut, this.#ffn, normed, TOKENS);
    for (let i = 0; i < EMBEDDING_SIZE; i++) x[i]! += normed[i]!;
  }

  /** softmax(q k' / sqrt(16)) v per head, written to `out` [8, 96]. */
  #attend(out: Float32Array): void {
    const q = this.#q;
    const k = this.#k;
    const v = this.#v;
    const scores = this.#scores;
    const scale = 1 / Math.sqrt(HEAD_SIZE);
    out.fill(0);
    for (let head = 0; head < HEADS; head++)
      for (let i = 0; i < TOKENS; i++) {
        const row = i * MODEL_SIZE + head * HEAD_SIZE;
        for (let j = 0; j < TOKENS; j++) {
          const other = j * MODEL_SIZE + head * HEAD_SIZE;
          let dot = 0;
          for (let d = 0; d < HEAD_SIZE; d++) dot += q[row + d]! * k[other + d]!;
          scores[j] = dot * scale;
        }
        softmaxInto(scores, scores);
        for (let j = 0; j < TOKENS; j++) {
          const other = j * MODEL_SIZE + head * HEAD_SIZE;
          const weight = scores[j]!;
          for (let d = 0; d < HEAD_SIZE; d++) out[row + d]! += weight * v[other + d]!;
        }
      }
  }

  /** kappa_T -> kappa_0 (Eq. 15 and 16). */
  #chain(noise: Float32Array | null): Float32Array {
    const { actions, steps, tanhEps, clipX0 } = this.config;
    const known = this.#known;
    const first = this.#first;
    const second = this.#second;
    const eps = this.#eps;
    apply(this.#inState, this.#state, known, 1);
    const kappa = new Float32Array(actions);
    if (noise !== null) kappa.set(noise.subarray(0, actions));
    const wKappa = this.#inKappa.w;
    for (let tau = steps; tau >= 1; tau--) {
      const { keep, remove, toX0, toKappa, sigma } = this.#steps[tau - 1]!;
      const time = (tau - 1) * HIDDEN;
      for (let h = 0; h < HIDDEN; h++) {
        let sum = known[h]! + this.#inTime[time + h]!;
        for (let a = 0; a < actions; a++) sum += wKappa[h * actions + a]! * kappa[a]!;
        first[h] = sum;
      }
      mishInPlace(first);
      apply(this.#mid, first, second, 1);
      mishInPlace(second);
      apply(this.#out, second, eps, 1);
      for (let a = 0; a < actions; a++) {
        const e = tanhEps ? Math.tanh(eps[a]!) : eps[a]!;
        let x0 = kappa[a]! * keep - e * remove;
        if (clipX0 !== null) x0 = Math.min(clipX0, Math.max(-clipX0, x0));
        const xi = noise === null || tau === 1 ? 0 : noise[(tau - 1) * actions + a]!;
        kappa[a] = x0 * toX0 + kappa[a]! * toKappa + xi * sigma;
      }
    }
    return kappa;
  }
}

function take(weights: Weights, name: string): Float32Array {
  const values = weights.get(name);
  if (values === undefined) throw new Error(`weights lack ${name}`);
  return values;
}

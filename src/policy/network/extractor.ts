// The feature extractor T[f] in plain TypeScript (DLRS Eq. 8): a transformer over 8 patches of the request's embedding and
// five fully connected layers. Buffers are allocated once: an instance is not reentrant.
import {
  type Dense,
  type Norm,
  apply,
  denseOf,
  geluInPlace,
  normOf,
  normalise,
  softmaxInto,
  valuesOf,
} from "./kernels.ts";
import {
  BLOCKS,
  FC_SIZES,
  FFN_SIZE,
  HEADS,
  HEAD_SIZE,
  MODEL_SIZE,
  TOKENS,
  type Weights,
} from "./layout.ts";
import { EMBEDDING_SIZE } from "./policy.ts";

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

export class Extractor {
  readonly #position: Float32Array;
  readonly #blocks: readonly Block[];
  readonly #norm: Norm;
  readonly #fc: readonly Dense[];

  readonly #x = new Float32Array(EMBEDDING_SIZE);
  readonly #normed = new Float32Array(EMBEDDING_SIZE);
  readonly #q = new Float32Array(EMBEDDING_SIZE);
  readonly #k = new Float32Array(EMBEDDING_SIZE);
  readonly #v = new Float32Array(EMBEDDING_SIZE);
  readonly #scores = new Float32Array(TOKENS);
  readonly #ffn = new Float32Array(TOKENS * FFN_SIZE);

  constructor(weights: Weights) {
    const dense = (name: string, inputs: number, outputs: number) =>
      denseOf(weights, name, [inputs, outputs]);
    const norm = (name: string) => normOf(weights, name);
    const square = (name: string) => dense(name, MODEL_SIZE, MODEL_SIZE);
    this.#position = valuesOf(weights, "position");
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
  }

  /** [768] -> [30] f' */
  run(f: Float32Array): Float32Array {
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
}

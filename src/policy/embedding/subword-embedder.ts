// The built-in embedder: 768 numbers for any text, computed in place without a call, the same on every machine. The first
// numbers are learnt meaning, the rest is spelling:
//
//     m = sum_u tf_u ( E_u + w_u sum_g E_g / sqrt(n_u) )                        u: words and characters, g: n-grams of u
//     s = sum_u tf_u w_u ( R_u + G sum_g w_g R_g / sqrt(n_u) ) + sum_(u,v) P min(w_u, w_v) R_uv     (u,v): neighbours
//     v = [m, s] / |[m, s]|
//
// E is a learnt row per feature, w a learnt weight per feature, R a fixed vector with two signed ones (Weinberger et al.
// 2009, two so that one collision of two heavy features costs half). Features that training never met have no row and the
// weight of their kind: a rare word counts by its spelling.
import { type Unit, mix, readText } from "./features.ts";

export interface BuiltInEmbedder {
  readonly id: string;
  readonly dimensions: number;
  /** Unit vector; all zeros for a text without letters or digits. */
  embed(text: string): Float32Array;
}

export const SUBWORD_MODEL = "velo/subword-768";
export const DIMENSIONS = 768;

/** Weights of features that training never met, and shares of the parts. */
export interface Gains {
  readonly word: number;
  readonly number: number;
  readonly character: number;
  readonly gram: number;
  /** Factor for a word with a capital: a question about another name is another question. */
  readonly capital: number;
  /** G: energy of a word's n-grams beside the word itself. */
  readonly grams: number;
  /** P of two words, and of two characters, which together are a word more often than not. */
  readonly wordPair: number;
  readonly characterPair: number;
}

export interface SubwordWeights {
  readonly gains: Gains;
  /** Numbers of a row of E: the first dimensions of the vector. */
  readonly width: number;
  /** Hashes of the known features, ascending. */
  readonly features: Uint32Array;
  /** w, one per feature. */
  readonly weights: Float32Array;
  /** E, `width` whole numbers of -127 to 127 per feature, times `rowScale`. */
  readonly rows: Int8Array;
  readonly rowScale: number;
}

/** 1 + ln n, written out: logarithms differ in their last bit between machines. */
const FREQUENCY = [0, 1, 1.69, 2.1, 2.39, 2.61, 2.79, 2.95, 3.08, 3.2];

/** Share of a unit that occurs so often: the tenth mention adds less than the second. */
export const frequencyShare = (count: number): number =>
  FREQUENCY[Math.min(count, FREQUENCY.length - 1)]!;

export class SubwordEmbedder implements BuiltInEmbedder {
  readonly id = SUBWORD_MODEL;
  readonly dimensions = DIMENSIONS;
  readonly #weights: SubwordWeights;
  readonly #index: FeatureIndex;

  constructor(weights: SubwordWeights) {
    this.#weights = weights;
    this.#index = new FeatureIndex(weights.features);
  }

  embed(text: string): Float32Array {
    const { gains, width } = this.#weights;
    const { units, pairs } = readText(text);
    const sum = new Float64Array(DIMENSIONS);
    for (const unit of units) this.#addUnit(sum, unit);
    for (const { hash, left, right } of pairs) {
      const areCharacters = left.kind === "character" && right.kind === "character";
      const lesser = Math.min(this.#weightOf(left), this.#weightOf(right));
      addSpelling(
        sum,
        hash,
        lesser * (areCharacters ? gains.characterPair : gains.wordPair),
        width,
      );
    }
    return normalised(sum);
  }

  #addUnit(sum: Float64Array, unit: Unit): void {
    const { hash, grams, kind, count, isCapital } = unit;
    const { gains, weights, width } = this.#weights;
    const often = frequencyShare(count);
    const known = this.#index.find(hash);
    const weight =
      often * (isCapital ? gains.capital : 1) * (known < 0 ? gains[kind] : weights[known]!);
    if (known >= 0) this.#addRow(sum, known, often);
    addSpelling(sum, hash, weight, width);
    const each = weight / Math.sqrt(grams.length);
    for (const gram of grams) {
      const at = this.#index.find(gram);
      if (at >= 0) this.#addRow(sum, at, each);
      addSpelling(sum, gram, gains.grams * each * (at < 0 ? gains.gram : weights[at]!), width);
    }
  }

  #addRow(sum: Float64Array, feature: number, factor: number): void {
    const { rows, rowScale, width } = this.#weights;
    const scaled = factor * rowScale;
    for (let i = 0, at = feature * width; i < width; i++, at++) sum[i]! += scaled * rows[at]!;
  }

  #weightOf({ hash, kind }: Unit): number {
    const known = this.#index.find(hash);
    return known < 0 ? this.#weights.gains[kind] : this.#weights.weights[known]!;
  }
}

/** The two dimensions of R for a feature, from `width` on, and whether it is negative there. */
export function spellingOf(hash: number, width: number): readonly [number, number, number, number] {
  const size = DIMENSIONS - width;
  const first = mix(hash ^ FIRST_SEED);
  const second = mix(hash ^ SECOND_SEED);
  return [
    width + ((first >>> 1) % size),
    first & 1 ? 1 : -1,
    width + ((second >>> 1) % size),
    second & 1 ? 1 : -1,
  ];
}

const FIRST_SEED = 0x3c6ef372;
const SECOND_SEED = 0x9e3779b9;

function addSpelling(sum: Float64Array, hash: number, weight: number, width: number): void {
  const size = DIMENSIONS - width;
  const first = mix(hash ^ FIRST_SEED);
  const second = mix(hash ^ SECOND_SEED);
  sum[width + ((first >>> 1) % size)]! += first & 1 ? weight : -weight;
  sum[width + ((second >>> 1) % size)]! += second & 1 ? weight : -weight;
}

function normalised(sum: Float64Array): Float32Array {
  let squares = 0;
  for (let i = 0; i < sum.length; i++) squares += sum[i]! * sum[i]!;
  const length = Math.sqrt(squares) || 1;
  const unit = new Float32Array(sum.length);
  for (let i = 0; i < sum.length; i++) unit[i] = sum[i]! / length;
  return unit;
}

/** Position of a hash in a list, by open addressing in a table at most half full. */
export class FeatureIndex {
  readonly #features: Uint32Array;
  readonly #slots: Int32Array;
  readonly #mask: number;

  constructor(features: Uint32Array) {
    let size = 16;
    while (size < 2 * features.length) size *= 2;
    this.#features = features;
    this.#slots = new Int32Array(size).fill(-1);
    this.#mask = size - 1;
    for (let position = 0; position < features.length; position++) {
      let at = features[position]! & this.#mask;
      while (this.#slots[at] !== -1) at = (at + 1) & this.#mask;
      this.#slots[at] = position;
    }
  }

  /** -1 when it is not in the list. */
  find(hash: number): number {
    for (let at = hash & this.#mask; ; at = (at + 1) & this.#mask) {
      const position = this.#slots[at]!;
      if (position === -1 || this.#features[position] === hash) return position;
    }
  }
}

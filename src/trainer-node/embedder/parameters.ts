// What is learnt of the embedder, and Adam for it. A text touches a few hundred of the tens of thousands of rows, so moments
// move only where a gradient arrived (Adam as for sparse gradients, Kingma and Ba 2015).
import {
  type FeatureIndex,
  type Gains,
  type SubwordWeights,
} from "../../policy/embedding/subword-embedder.ts";

export interface Parameters {
  readonly width: number;
  readonly features: Uint32Array;
  readonly index: FeatureIndex;
  /** ln w, one per feature: weights stay positive. */
  readonly logWeights: Float32Array;
  /** E, `width` per feature. */
  readonly rows: Float32Array;
  readonly gains: Gains;
}

/** Rows of E by feature and d loss / d ln w, of the features that a batch touched. */
export class Gradients {
  readonly logWeights: Float32Array;
  readonly rows: Float32Array;
  readonly #touched: Uint8Array;
  readonly features: number[] = [];

  constructor(features: number, width: number) {
    this.logWeights = new Float32Array(features);
    this.rows = new Float32Array(features * width);
    this.#touched = new Uint8Array(features);
  }

  touch(feature: number): void {
    if (this.#touched[feature] === 1) return;
    this.#touched[feature] = 1;
    this.features.push(feature);
  }

  clear(width: number): void {
    for (const feature of this.features) {
      this.#touched[feature] = 0;
      this.logWeights[feature] = 0;
      this.rows.fill(0, feature * width, (feature + 1) * width);
    }
    this.features.length = 0;
  }
}

export interface AdamRates {
  readonly rows: number;
  readonly logWeights: number;
  /** Share by which a touched row shrinks in a step, times its learning rate. */
  readonly decay: number;
}

const BETA1 = 0.9;
const BETA2 = 0.99;
const EPSILON = 1e-8;

export class SparseAdam {
  readonly #rows: Moments;
  readonly #weights: Moments;
  readonly #start: Float32Array;
  /** Steps in which a feature was touched: its moments start from zero when it is first met. */
  readonly #steps: Int32Array;

  constructor({ features, rows, logWeights }: Parameters) {
    this.#rows = momentsOf(rows.length);
    this.#weights = momentsOf(logWeights.length);
    this.#steps = new Int32Array(features.length);
    this.#start = logWeights.slice();
  }

  step(
    { width, rows, logWeights }: Parameters,
    gradients: Gradients,
    { rows: rate, logWeights: weightRate, decay }: AdamRates,
  ): void {
    for (const feature of gradients.features) {
      const t = ++this.#steps[feature]!;
      const correction = Math.sqrt(1 - BETA2 ** t) / (1 - BETA1 ** t);
      const keep = 1 - rate * decay;
      for (let i = feature * width; i < (feature + 1) * width; i++)
        rows[i] = keep * rows[i]! - rate * correction * move(this.#rows, i, gradients.rows[i]!);
      // A weight is drawn back to where it began: what words are worth in other text.
      const pull = weightRate * decay * (logWeights[feature]! - this.#start[feature]!);
      logWeights[feature]! -=
        pull +
        weightRate * correction * move(this.#weights, feature, gradients.logWeights[feature]!);
    }
  }
}

interface Moments {
  readonly first: Float32Array;
  readonly second: Float32Array;
}

const momentsOf = (size: number): Moments => ({
  first: new Float32Array(size),
  second: new Float32Array(size),
});

function move({ first, second }: Moments, at: number, gradient: number): number {
  const m = (first[at] = BETA1 * first[at]! + (1 - BETA1) * gradient);
  const v = (second[at] = BETA2 * second[at]! + (1 - BETA2) * gradient * gradient);
  return m / (Math.sqrt(v) + EPSILON);
}

/** Rounded to what is shipped: the largest number of E becomes 127. */
export function quantised({
  gains,
  width,
  features,
  logWeights,
  rows,
}: Parameters): SubwordWeights {
  let largest = 0;
  for (const value of rows) largest = Math.max(largest, Math.abs(value));
  // A power of two, so that factor times scale is exact.
  const rowScale = 2 ** Math.ceil(Math.log2((largest || 1) / 127));
  return {
    gains,
    width,
    features,
    weights: logWeights.map((value) => Math.exp(value)),
    rows: Int8Array.from(rows, (value) => Math.round(value / rowScale)),
    rowScale,
  };
}

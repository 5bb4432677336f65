// A network of a few thousand weights that learns one sample at a time, where a graph and a runtime would be more than the job.
import { type Random } from "../../../policy/random.ts";

/** Activations of every layer, the input first. */
export type Trace = readonly Float64Array[];

const BETA_1 = 0.9;
const BETA_2 = 0.999;
const EPSILON = 1e-8;

/** Dense layers with ReLU between them and a linear end. */
export class SmallNetwork {
  readonly weights: Float64Array;
  readonly #sizes: readonly number[];
  readonly #gradient: Float64Array;
  readonly #first: Float64Array;
  readonly #second: Float64Array;
  #updates = 0;

  /** @param sizes input, hidden layers, output; weights are drawn as He et al. 2015, a tenth of that in the last layer */
  constructor(sizes: readonly number[], random: Random) {
    this.#sizes = sizes;
    const count = sizes.slice(1).reduce((sum, out, i) => sum + out * (sizes[i]! + 1), 0);
    this.weights = new Float64Array(count);
    this.#gradient = new Float64Array(count);
    this.#first = new Float64Array(count);
    this.#second = new Float64Array(count);
    let at = 0;
    for (let layer = 0; layer + 1 < sizes.length; layer++) {
      const [from, to] = [sizes[layer]!, sizes[layer + 1]!];
      const scale = Math.sqrt(2 / from) * (layer + 2 === sizes.length ? 0.1 : 1);
      for (let i = 0; i < from * to; i++) this.weights[at + i] = scale * random.normal();
      at += to * (from + 1);
    }
  }

  forward(input: Float64Array): Trace {
    const trace = [input];
    let at = 0;
    for (let layer = 0; layer + 1 < this.#sizes.length; layer++) {
      const [from, to] = [this.#sizes[layer]!, this.#sizes[layer + 1]!];
      const x = trace[layer]!;
      const y = new Float64Array(to);
      const biases = at + from * to;
      for (let o = 0; o < to; o++) {
        let sum = this.weights[biases + o]!;
        const row = at + o * from;
        for (let i = 0; i < from; i++) sum += this.weights[row + i]! * x[i]!;
        y[o] = layer + 2 < this.#sizes.length ? Math.max(0, sum) : sum;
      }
      trace.push(y);
      at = biases + to;
    }
    return trace;
  }

  /** Adds to the gradient what the loss's derivative by the output makes of it; gives the one by the input. */
  backward(trace: Trace, byOutput: Float64Array): Float64Array {
    let by = byOutput;
    let at = this.weights.length;
    for (let layer = this.#sizes.length - 2; layer >= 0; layer--) {
      const [from, to] = [this.#sizes[layer]!, this.#sizes[layer + 1]!];
      at -= to * (from + 1);
      const x = trace[layer]!;
      const y = trace[layer + 1]!;
      const byInput = new Float64Array(from);
      const biases = at + from * to;
      for (let o = 0; o < to; o++) {
        // A hidden unit at 0 is off.
        const own = layer + 2 < this.#sizes.length && y[o]! <= 0 ? 0 : by[o]!;
        if (own === 0) continue;
        this.#gradient[biases + o]! += own;
        const row = at + o * from;
        for (let i = 0; i < from; i++) {
          this.#gradient[row + i]! += own * x[i]!;
          byInput[i]! += own * this.weights[row + i]!;
        }
      }
      by = byInput;
    }
    return by;
  }

  /** Adam (Kingma and Ba 2015) on the gradient of so many samples' mean, which it clears. */
  update(learningRate: number, samples: number): void {
    const t = ++this.#updates;
    const rate = (learningRate * Math.sqrt(1 - BETA_2 ** t)) / (1 - BETA_1 ** t);
    for (let i = 0; i < this.weights.length; i++) {
      const gradient = this.#gradient[i]! / samples;
      this.#first[i] = BETA_1 * this.#first[i]! + (1 - BETA_1) * gradient;
      this.#second[i] = BETA_2 * this.#second[i]! + (1 - BETA_2) * gradient * gradient;
      this.weights[i]! -= (rate * this.#first[i]!) / (Math.sqrt(this.#second[i]!) + EPSILON);
      this.#gradient[i] = 0;
    }
  }

  /** For tests. */
  gradient(): Float64Array {
    return this.#gradient.slice();
  }

  /** Moves a share of the way towards another network of the same sizes. */
  approach(other: SmallNetwork, share: number): void {
    for (let i = 0; i < this.weights.length; i++)
      this.weights[i]! += share * (other.weights[i]! - this.weights[i]!);
  }
}

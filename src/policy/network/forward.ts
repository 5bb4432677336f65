// The actor in plain TypeScript: what every runtime is checked against, and what serves until one is up. One request at a
// time; all buffers are allocated once, so an instance is not reentrant (it never awaits, so it need not be).
import { Extractor } from "./extractor.ts";
import { type Head, headOf } from "./heads.ts";
import { softmax } from "./kernels.ts";
import { type NetworkConfig, type Weights, completeNetwork, stateSize } from "./layout.ts";
import { CORRELATION_SIZE, FEATURE_SIZE } from "./policy.ts";

export interface ForwardOutput {
  /** [A] kappa_0 */
  readonly logits: Float32Array;
  /** [A] */
  readonly probs: Float32Array;
  /** [30] f'; zeros where the head sees f itself */
  readonly feat: Float32Array;
}

export class Forward {
  readonly config: NetworkConfig;
  /** null: the head sees f itself. */
  readonly #extractor: Extractor | null;
  readonly #head: Head;
  readonly #state: Float32Array;

  /** Throws when a weight of this network is missing. */
  constructor(config: NetworkConfig, weights: Weights) {
    this.config = config;
    this.#extractor = completeNetwork(config).extractor === "raw" ? null : new Extractor(weights);
    this.#head = headOf(config, weights);
    this.#state = new Float32Array(stateSize(config));
  }

  /**
   * @param f [768]
   * @param c [30]
   * @param noise [T+1, A], see graphShapes; null = all zero
   */
  run(f: Float32Array, c: Float32Array, omega: number, noise: Float32Array | null): ForwardOutput {
    const feat = this.#extractor?.run(f) ?? new Float32Array(FEATURE_SIZE);
    const state = this.#state;
    state.set(c.subarray(0, CORRELATION_SIZE));
    state.set(this.#extractor === null ? f : feat, CORRELATION_SIZE);
    state[state.length - 1] = omega;
    const logits = this.#head.run(state, noise);
    return { logits, probs: softmax(logits), feat };
  }
}

// The heads of the actor in plain TypeScript: what makes logits of the state [c 30 | f' 30 or f 768 | omega 1]. Buffers are
// allocated once: an instance is not reentrant.
import { diffusion, stepCoefficients } from "./diffusion.ts";
import { type Dense, apply, denseOf, mishInPlace } from "./kernels.ts";
import {
  type NetworkConfig,
  TIME_HIDDEN,
  TIME_SIZE,
  type Weights,
  completeNetwork,
  stateSize,
  timeEmbedding,
} from "./layout.ts";

export interface Head {
  /**
   * @param noise [T+1, A], see graphShapes; null = all zero
   * @returns [A], a new array
   */
  run(state: Float32Array, noise: Float32Array | null): Float32Array;
}

export const headOf = (config: NetworkConfig, weights: Weights): Head =>
  completeNetwork(config).head === "mlp"
    ? new Multilayer(config, weights)
    : new ReverseChain(config, weights);

/** Two hidden layers (LRS, MAPPO). The noise has no effect. */
class Multilayer implements Head {
  readonly #in: Dense;
  readonly #mid: Dense;
  readonly #out: Dense;
  readonly #first: Float32Array;
  readonly #second: Float32Array;

  constructor(config: NetworkConfig, weights: Weights) {
    const { actions, hidden } = completeNetwork(config);
    this.#in = denseOf(weights, "head.in", [stateSize(config), hidden]);
    this.#mid = denseOf(weights, "head.mid", [hidden, hidden]);
    this.#out = denseOf(weights, "head.out", [hidden, actions]);
    this.#first = new Float32Array(hidden);
    this.#second = new Float32Array(hidden);
  }

  run(state: Float32Array): Float32Array {
    const logits = new Float32Array(this.#out.outputs);
    apply(this.#in, state, this.#first, 1);
    mishInPlace(this.#first);
    apply(this.#mid, this.#first, this.#second, 1);
    mishInPlace(this.#second);
    apply(this.#out, this.#second, logits, 1);
    return logits;
  }
}

/** kappa_T -> kappa_0 (DLRS Eq. 15 and 16). */
class ReverseChain implements Head {
  readonly #config: NetworkConfig;
  /** eps.in split by what it multiplies: kappa (per step), state (per request), time (per step, with the weights). */
  readonly #inKappa: Dense;
  readonly #inState: Dense;
  /** [T, hidden] */
  readonly #inTime: Float32Array;
  readonly #mid: Dense;
  readonly #out: Dense;
  readonly #steps: readonly ReturnType<typeof stepCoefficients>[];

  readonly #known: Float32Array;
  readonly #first: Float32Array;
  readonly #second: Float32Array;
  readonly #eps: Float32Array;

  constructor(config: NetworkConfig, weights: Weights) {
    const { actions, steps, schedule, hidden } = completeNetwork(config);
    const eps = (inputs: number, fromRow: number) =>
      denseOf(weights, "eps.in", [inputs, hidden], fromRow);
    this.#config = config;
    this.#inKappa = eps(actions, 0);
    const inTime = { ...eps(TIME_SIZE, actions), b: new Float32Array(hidden) };
    this.#inState = eps(stateSize(config), actions + TIME_SIZE);
    this.#mid = denseOf(weights, "eps.mid", [hidden, hidden]);
    this.#out = denseOf(weights, "eps.out", [hidden, actions]);
    this.#known = new Float32Array(hidden);
    this.#first = new Float32Array(hidden);
    this.#second = new Float32Array(hidden);
    this.#eps = new Float32Array(actions);

    const embedded = new Float32Array(steps * TIME_HIDDEN);
    const time = new Float32Array(steps * TIME_SIZE);
    this.#inTime = new Float32Array(steps * hidden);
    apply(
      denseOf(weights, "time.in", [TIME_SIZE, TIME_HIDDEN]),
      timeEmbedding(steps),
      embedded,
      steps,
    );
    mishInPlace(embedded);
    apply(denseOf(weights, "time.out", [TIME_HIDDEN, TIME_SIZE]), embedded, time, steps);
    apply(inTime, time, this.#inTime, steps);

    const tables = diffusion(schedule, steps);
    this.#steps = Array.from({ length: steps }, (_, i) => stepCoefficients(tables, i + 1));
  }

  run(state: Float32Array, noise: Float32Array | null): Float32Array {
    const { actions, steps, tanhEps, clipX0 } = this.#config;
    const known = this.#known;
    const first = this.#first;
    const second = this.#second;
    const eps = this.#eps;
    const hidden = known.length;
    apply(this.#inState, state, known, 1);
    const kappa = new Float32Array(actions);
    if (noise !== null) kappa.set(noise.subarray(0, actions));
    const wKappa = this.#inKappa.w;
    for (let tau = steps; tau >= 1; tau--) {
      const { keep, remove, toX0, toKappa, sigma } = this.#steps[tau - 1]!;
      const time = (tau - 1) * hidden;
      for (let h = 0; h < hidden; h++) {
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

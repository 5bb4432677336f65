// Returns as the critic sees them: mean 0, standard deviation 1 (MAPPO's value normalisation).

/** Plain numbers, so that a checkpoint can hold them. */
export interface ValueStatistics {
  /** Exponential averages of the return and of its square, and of 1: dividing by the last removes their start at zero. */
  readonly mean: number;
  readonly meanSquare: number;
  readonly weight: number;
}

/** Below this all returns are the same: they are centred, and noise is not blown up. */
const MIN_DEVIATION = 1e-2;

/** De-biased exponential moving mean and standard deviation. Before the first update it changes nothing. */
export class ValueNormaliser {
  readonly #beta: number;
  #statistics: ValueStatistics = { mean: 0, meanSquare: 0, weight: 0 };

  /** @param beta what is kept of the past at each update, in [0, 1) */
  constructor(beta: number) {
    this.#beta = beta;
  }

  get statistics(): ValueStatistics {
    return this.#statistics;
  }
  set statistics(statistics: ValueStatistics) {
    this.#statistics = statistics;
  }

  get mean(): number {
    const { mean, weight } = this.#statistics;
    return weight === 0 ? 0 : mean / weight;
  }

  get deviation(): number {
    const { meanSquare, weight } = this.#statistics;
    if (weight === 0) return 1;
    return Math.sqrt(Math.max(MIN_DEVIATION ** 2, meanSquare / weight - this.mean ** 2));
  }

  update(returns: Float32Array): void {
    let sum = 0;
    let squares = 0;
    for (const value of returns) {
      sum += value;
      squares += value ** 2;
    }
    const { mean, meanSquare, weight } = this.#statistics;
    const old = this.#beta;
    const now = 1 - this.#beta;
    this.#statistics = {
      mean: old * mean + (now * sum) / returns.length,
      meanSquare: old * meanSquare + (now * squares) / returns.length,
      weight: old * weight + now,
    };
  }

  normalise(values: Float32Array): Float32Array {
    const { mean, deviation } = this;
    return values.map((value) => (value - mean) / deviation);
  }

  denormalise(values: Float32Array): Float32Array {
    const { mean, deviation } = this;
    return values.map((value) => value * deviation + mean);
  }
}

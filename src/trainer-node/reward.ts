// The reward of training beside the product's utility: the price of time is an input of the policy and varies, and a call
// that leaves a row behind is paid for what the row will save.
import { PRODUCT_WEIGHTS, assertSafeWeights, utility, weightsFor } from "../policy/reward.ts";
import { type Random } from "../policy/random.ts";

/** Product utility U_omega = q - 5 omega min(d, 10) / 10; omega 0.1 is the product's. */
export function utilityAt(omega: number, quality: number, delaySeconds: number): number {
  return utility(quality, delaySeconds, weightsFor(omega));
}

/**
 * Log-uniform in [min, max], so that one policy serves every price of time (BaRP, arXiv 2510.07429).
 * Throws RangeError when a wrong answer at once would beat a slow one anywhere in the range.
 */
export function drawOmega(random: Random, min: number, max: number): number {
  assertSafeWeights(weightsFor(max));
  return min * (max / min) ** random.uniform();
}

/** What is known about rows that direct calls left behind, and about both kinds of answers. */
export interface ReuseCounts {
  /** Rows that calls left behind, and how many of them were used at least once. */
  readonly inserted: number;
  readonly reused: number;
  /** Mean utility of answers served from the cache (U_A) and of direct calls (U_B). */
  readonly meanServed: number;
  readonly meanDirect: number;
}

/** Observations that the guess "one row in ten is used again" is worth. */
const PRIOR = { inserted: 10, reused: 1 };

/**
 * b_ins = phi_ins P(reuse within TTL) (mean U_A - mean U_B): added to the reward of a call that leaves a row behind.
 * Never negative: a row that nobody wants costs nothing that the policy decides about.
 */
export function insertionBonus(
  { inserted, reused, meanServed, meanDirect }: ReuseCounts,
  weight: number,
): number {
  const reuse = (reused + PRIOR.reused) / (inserted + PRIOR.inserted);
  return weight * reuse * Math.max(0, meanServed - meanDirect);
}

/** r_n = (1 - rho) r_n + rho mean_N r: what a slot's rewards become when agents share them. */
export function shareReward(rewards: readonly number[], teamShare: number): readonly number[] {
  const mean = rewards.reduce((sum, reward) => sum + reward, 0) / rewards.length;
  return rewards.map((reward) => (1 - teamShare) * reward + teamShare * mean);
}

export interface Handled {
  /** Id of the row that a call will leave behind; null when none. */
  readonly inserted: string | null;
  /** Ids of the rows that were served. */
  readonly used: readonly string[];
  readonly served: boolean;
  readonly quality: number;
  readonly delaySeconds: number;
}

/** Counts what `insertionBonus` asks for. Kept as quality and delay, so that it holds at every price of time. */
export class ReuseLedger {
  /**
   * Rows that were not used yet. Ids alone do not tell rows apart: every simulated world counts its rows from one, and an
   * answer that expired comes back under its old id. Each insertion is a new row.
   */
  readonly #unused = new Set<string>();
  #inserted = 0;
  #reused = 0;
  readonly #served = { count: 0, quality: 0, delay: 0 };
  readonly #direct = { count: 0, quality: 0, delay: 0 };

  record({ inserted, used, served, quality, delaySeconds }: Handled): void {
    for (const row of used) if (this.#unused.delete(row)) this.#reused++;
    if (inserted !== null) {
      this.#inserted++;
      this.#unused.add(inserted);
    }
    const kind = served ? this.#served : this.#direct;
    kind.count++;
    kind.quality += quality;
    kind.delay += Math.min(delaySeconds, PRODUCT_WEIGHTS.delayCapSeconds);
  }

  counts(omega: number): ReuseCounts {
    const utilityOf = (kind: { count: number; quality: number; delay: number }) =>
      utilityAt(omega, kind.quality / kind.count, kind.delay / kind.count);
    const isKnown = this.#served.count > 0 && this.#direct.count > 0;
    return {
      inserted: this.#inserted,
      reused: this.#reused,
      meanServed: isKnown ? utilityOf(this.#served) : 0,
      meanDirect: isKnown ? utilityOf(this.#direct) : 0,
    };
  }
}

// What a score is worth: how many should-hits it serves for how many traps, and how sure that is.
import { quantile, wilsonUpper } from "../intervals.ts";
import { Random } from "../../policy/random.ts";

export interface Interval {
  readonly low: number;
  readonly high: number;
}

/** z with P(-z <= Z <= z) = 0.95. */
const Z_95_TWO_SIDED = 1.959963984540054;

/** Two-sided 95 % score interval of a share (Wilson 1927). */
export function wilsonInterval(count: number, of: number): Interval {
  if (of === 0) return { low: 0, high: 1 };
  const p = count / of;
  const z2 = Z_95_TWO_SIDED ** 2;
  const middle = p + z2 / (2 * of);
  const spread = Z_95_TWO_SIDED * Math.sqrt((p * (1 - p)) / of + z2 / (4 * of * of));
  const scale = 1 + z2 / of;
  return {
    low: Math.max(0, (middle - spread) / scale),
    high: Math.min(1, (middle + spread) / scale),
  };
}

/**
 * The least threshold above which at most `share` of the traps lie: a pair is served when its score is greater. Pairs with a
 * score of -Infinity are never served.
 */
export function thresholdFor(trapScores: Float64Array, share: number): number {
  const sorted = trapScores.toSorted().toReversed();
  return sorted[Math.floor(share * sorted.length + 1e-9)] ?? -Infinity;
}

/** Scores of labelled pairs, sorted once, so that resamples need one pass each. */
export interface SortedScores {
  /** Places of the pairs, highest score first. */
  readonly order: Uint32Array;
  /** 1 where the next pair in order has a lower score: the end of a tie. */
  readonly endsTie: Uint8Array;
  readonly isHit: Uint8Array;
  /** How many of them have a score above -Infinity; the others are served at no threshold. */
  readonly servable: number;
}

export function sortScores(scores: Float64Array, isHit: Uint8Array): SortedScores {
  const order = Uint32Array.from(scores, (_, i) => i).toSorted((i, j) => {
    const [left, right] = [scores[i]!, scores[j]!];
    return left === right ? 0 : right > left ? 1 : -1;
  });
  const endsTie = new Uint8Array(order.length);
  for (let at = 0; at < order.length; at++)
    endsTie[at] = Number(at + 1 === order.length || scores[order[at]!] !== scores[order[at + 1]!]);
  const refused = scores.reduce((count, score) => count + Number(score === -Infinity), 0);
  return { order, endsTie, isHit, servable: order.length - refused };
}

export interface CurvePoints {
  /** P(score of a should-hit > score of a trap) + P(equal) / 2. */
  readonly auc: number;
  /** Share of should-hits served at the lowest threshold that serves at most each share of the traps. */
  readonly served: readonly number[];
}

/** `weights`: how often each pair counts, by its place; `levels`: shares of traps, ascending. */
export function curveOf(
  { order, endsTie, isHit, servable }: SortedScores,
  levels: readonly number[],
  weights: Float64Array | null = null,
): CurvePoints {
  let hits = 0;
  let traps = 0;
  for (let i = 0; i < isHit.length; i++) {
    const weight = weights === null ? 1 : weights[i]!;
    if (isHit[i] === 1) hits += weight;
    else traps += weight;
  }
  let [above, below, tiedHits, tiedTraps, area] = [0, 0, 0, 0, 0];
  const served = levels.map(() => 0);
  let level = 0;
  for (let at = 0; at < order.length; at++) {
    const i = order[at]!;
    const weight = weights === null ? 1 : weights[i]!;
    if (isHit[i] === 1) tiedHits += weight;
    else tiedTraps += weight;
    if (endsTie[at] === 0) continue;
    area += tiedTraps * (above + tiedHits / 2);
    above += tiedHits;
    below += tiedTraps;
    while (level < levels.length && below > levels[level]! * traps + 1e-9) level++;
    if (at < servable)
      for (let open = level; open < levels.length; open++) served[open] = above / hits;
    tiedHits = 0;
    tiedTraps = 0;
  }
  return { auc: area / (hits * traps), served };
}

/**
 * Draws of components with replacement, as each pair's weight. Pairs of one component are right or wrong together, so
 * components are what a sample has many of.
 */
export class ComponentBootstrap {
  readonly #component: Uint32Array;
  readonly #count: number;
  readonly #seed: number;

  constructor(components: readonly string[], seed = 1) {
    const places = new Map<string, number>();
    this.#component = Uint32Array.from(components, (name) => {
      const place = places.get(name) ?? places.size;
      places.set(name, place);
      return place;
    });
    this.#count = places.size;
    this.#seed = seed;
  }

  get components(): number {
    return this.#count;
  }

  /** Equal seeds give equal draws; the array is reused. */
  *weights(resamples: number): Generator<Float64Array> {
    const random = new Random(this.#seed);
    const drawn = new Float64Array(this.#count);
    const weights = new Float64Array(this.#component.length);
    for (let draw = 0; draw < resamples; draw++) {
      drawn.fill(0);
      for (let i = 0; i < this.#count; i++) drawn[Math.floor(random.uniform() * this.#count)]!++;
      for (let i = 0; i < weights.length; i++) weights[i] = drawn[this.#component[i]!]!;
      yield weights;
    }
  }
}

/** Middle 95 % of bootstrap values; those that are not finite (a resample without traps) are left out. */
export function percentileInterval(values: readonly number[]): Interval {
  const finite = values.filter(Number.isFinite);
  if (finite.length === 0) return { low: Number.NaN, high: Number.NaN };
  return { low: quantile(finite, 0.025), high: quantile(finite, 0.975) };
}

/**
 * Upper end of a share's one-sided 95 % interval: the larger one of Wilson's, which takes all for independent, and the bootstrap's,
 * because what hangs together is right or wrong together.
 */
export const upperBound = (count: number, of: number, draws: readonly number[]): number =>
  Math.max(wilsonUpper(count, of), quantile(draws.filter(Number.isFinite), 0.95));

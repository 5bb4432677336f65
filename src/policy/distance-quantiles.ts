// Distances of two embedders do not compare: 0.6 is near for one and far for another. A policy that serves with any embedder
// is fed quantiles instead: how many of the requests seen so far had a nearer nearest row. Each region learns the
// distribution from its own traffic.
//
//   quantile(d) = 2 F(d),  F = 0.95 x empirical distribution of nearest distances + 0.05 x uniform on [0, 2]
//
// The uniform part makes F strictly rising and continuous, so that two distances never become one and whatever lies beyond
// all that was seen keeps its order. 0 stays 0; 2, which stands for a missing row, stays 2.

/** Nearest distances seen with one embedder: counts in equal bins over [0, 2]. */
export interface DistanceHistogram {
  readonly embedder: string;
  readonly counts: readonly number[];
}

const FARTHEST = 2;
const BINS = 128;
const UNIFORM_SHARE = 0.05;
/** Knots at the quantiles 0, 1/32, ..., 1. */
const KNOTS = 33;
/** Fewer distances say too little. */
const MIN_SEEN = 500;
/** Beyond, all counts are halved: what was long ago fades. */
const MAX_SEEN = 20_000;

/** The histogram with more distances in it. It begins anew with another embedder; distances of others are left out. */
export function withDistances(
  before: DistanceHistogram | null,
  seen: readonly { readonly embedder: string; readonly nearest?: number }[],
): DistanceHistogram | null {
  const embedder = seen.findLast(({ nearest }) => isDistance(nearest))?.embedder;
  if (embedder === undefined) return before;
  const counts = before?.embedder === embedder ? [...before.counts] : [];
  while (counts.length < BINS) counts.push(0);
  for (const { embedder: other, nearest } of seen)
    if (other === embedder && isDistance(nearest)) counts[binOf(nearest)]! += 1;
  const total = counts.reduce((a, b) => a + b, 0);
  return { embedder, counts: total > MAX_SEEN ? counts.map((count) => count / 2) : counts };
}

/** [33] distances at which F is 0, 1/32, ..., 1, strictly rising; null before 500 distances were seen. */
export function distanceKnots({ counts }: DistanceHistogram): readonly number[] | null {
  const total = counts.reduce((a, b) => a + b, 0);
  if (total < MIN_SEEN) return null;
  const knots = [0];
  let below = 0;
  for (const [bin, count] of counts.entries()) {
    const mass = ((1 - UNIFORM_SHARE) * count) / total + UNIFORM_SHARE / counts.length;
    while (knots.length < KNOTS - 1 && knots.length / (KNOTS - 1) <= below + mass) {
      const inside = (knots.length / (KNOTS - 1) - below) / mass;
      knots.push(((bin + inside) * FARTHEST) / counts.length);
    }
    below += mass;
  }
  return [...knots, FARTHEST];
}

/** 2 F(d) in [0, 2], linear between the knots. Strictly rising; a distance that is not finite counts as the farthest. */
export function quantileOf(knots: readonly number[], distance: number): number {
  if (!(distance < FARTHEST)) return FARTHEST;
  if (!(distance > 0)) return 0;
  const above = knots.findIndex((knot) => knot > distance);
  const low = knots[above - 1]!;
  const inside = (distance - low) / (knots[above]! - low);
  return (FARTHEST * (above - 1 + inside)) / (knots.length - 1);
}

const isDistance = (value: number | undefined): value is number =>
  value !== undefined && value >= 0 && value <= FARTHEST;

const binOf = (distance: number): number =>
  Math.min(BINS - 1, Math.floor((distance * BINS) / FARTHEST));

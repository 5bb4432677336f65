// Intervals that keep what they promise whatever the distribution: how far recent predictions were off says how far the next
// one will be (split conformal prediction; Vovk, Gammerman and Shafer 2005, "Algorithmic Learning in a Random World").

export interface Range {
  readonly low: number;
  readonly high: number;
}

/**
 * With probability `level` at least, a new value exchangeable with these does not exceed it: the ceil((n + 1) level)-th
 * smallest. Infinity where there are too few to tell. `sorted` ascending.
 */
export function conformalUpper(sorted: ArrayLike<number>, level: number): number {
  // Without the slack (n + 1) 0.9 comes out a little above a whole number.
  const rank = Math.ceil((sorted.length + 1) * level - 1e-9);
  return rank > sorted.length ? Infinity : sorted[Math.max(1, rank) - 1]!;
}

/** The same from below. */
export function conformalLower(sorted: ArrayLike<number>, level: number): number {
  const rank = Math.floor((sorted.length + 1) * (1 - level) + 1e-9);
  return rank < 1 ? -Infinity : sorted[Math.min(sorted.length, rank) - 1]!;
}

/** Holds a new value with probability `level` at least, half of the rest on either side. Ends included. */
export function conformalRange(sorted: ArrayLike<number>, level: number): Range {
  const oneSided = (1 + level) / 2;
  return { low: conformalLower(sorted, oneSided), high: conformalUpper(sorted, oneSided) };
}

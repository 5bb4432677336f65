// Which rows leave a full cache. Pure: rows in, ids out.

export interface EvictionRow {
  readonly id: string;
  readonly value: number;
  /** Uses behind `value`. */
  readonly valueN: number;
  readonly createdAt: number;
  readonly expiresAt: number;
  readonly quarantined?: boolean;
}

export interface EvictionLimits {
  readonly now: number;
  /** Rows the cache may hold. */
  readonly capacity: number;
  /** Younger rows stay, unless they are dead. */
  readonly graceMs: number;
  /** Eviction starts above this share of the capacity and goes down to the next. */
  readonly highWater?: number;
  readonly lowWater?: number;
  /** Rows with fewer uses have not been tried yet and stay. */
  readonly minUses?: number;
}

/**
 * Ids to drop. Expired and quarantined rows always go. Above the high-water mark the lowest values follow, oldest first
 * among equals, until the low-water mark is reached or only young and untried rows are left. Untried rows give way, oldest
 * first, only where the cache would stay above its capacity: else questions asked once would fill it for ever.
 */
export function rowsToEvict(
  rows: readonly EvictionRow[],
  { now, capacity, graceMs, highWater = 0.95, lowWater = 0.85, minUses = 2 }: EvictionLimits,
): readonly string[] {
  const isDead = (row: EvictionRow) => row.quarantined === true || row.expiresAt <= now;
  const dropped = rows.filter(isDead);
  const left = rows.length - dropped.length;
  if (left > highWater * capacity) {
    const settled = rows.filter((row) => !isDead(row) && now - row.createdAt >= graceMs);
    const lowest = settled
      .filter((row) => row.valueN >= minUses)
      .toSorted((a, b) => a.value - b.value || a.createdAt - b.createdAt)
      .slice(0, left - Math.floor(lowWater * capacity));
    const untried = settled
      .filter((row) => row.valueN < minUses)
      .toSorted((a, b) => a.createdAt - b.createdAt)
      .slice(0, Math.max(0, left - lowest.length - capacity));
    dropped.push(...lowest, ...untried);
  }
  return dropped.map((row) => row.id);
}

/** Ten times -0.1 add up to -0.9999999999999999: a mean is only known to so many digits. */
const ROUNDING = 1e-9;

/** DLRS, literally: every row with v < mean(v) goes. About half of the cache each time; for its experiments only. */
export function paperRowsToEvict(rows: readonly EvictionRow[]): readonly string[] {
  const mean = rows.reduce((sum, row) => sum + row.value, 0) / rows.length;
  const limit = mean - ROUNDING * Math.abs(mean);
  return rows.filter((row) => row.value < limit).map((row) => row.id);
}

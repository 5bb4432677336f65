// What a cached row is worth to its region: how much its uses beat calling the model.

export interface RowValue {
  readonly value: number;
  /** Uses behind `value`. */
  readonly valueN: number;
}

/** A new row is neither better nor worse than the average row. */
export function initialValue(meanValue: number): RowValue {
  return { value: meanValue, valueN: 0 };
}

/**
 * delta = U_used - b_B; v <- v + eta (delta - v), eta = max(0.2, 1 / (n + 1)). `baseline` b_B is the running mean of the
 * utility of direct calls in the region. The first use replaces the initial guess, later ones fade by 0.8 a use.
 */
export function valueAfterUse(row: RowValue, used: number, baseline: number): RowValue {
  const delta = used - baseline;
  const eta = Math.max(0.2, 1 / (row.valueN + 1));
  return { value: row.value + eta * (delta - row.value), valueN: row.valueN + 1 };
}

/** Running mean with a floor on its step, so that b_B follows a model that becomes slower or better. */
export function baselineAfterCall(baseline: RowValue, utility: number): RowValue {
  const eta = Math.max(0.01, 1 / (baseline.valueN + 1));
  return {
    value: baseline.value + eta * (utility - baseline.value),
    valueN: baseline.valueN + 1,
  };
}

/** v <- (v + q - d) / 2, d in seconds and unweighted (DLRS Eq. 5, literally). Paper mode only: seconds dominate. */
export function paperValueAfterUse(value: number, quality: number, delaySeconds: number): number {
  return (value + quality - delaySeconds) / 2;
}

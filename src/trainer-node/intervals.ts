// What a sample says about the rest.

/** z with P(Z <= z) = 0.95. */
const Z_95 = 1.6448536269514722;

/**
 * Upper end of the one-sided 95 % score interval of a share k/n (Wilson 1927):
 * (p + z^2/2n + z sqrt(p(1-p)/n + z^2/4n^2)) / (1 + z^2/n).
 * For weighted observations n is their effective number (sum w)^2 / sum w^2 (Korn and Graubard 1998).
 */
export function wilsonUpper(count: number, of: number): number {
  const p = count / of;
  const z2 = Z_95 ** 2;
  const spread = Z_95 * Math.sqrt((p * (1 - p)) / of + z2 / (4 * of * of));
  return Math.min(1, (p + z2 / (2 * of) + spread) / (1 + z2 / of));
}

/** The smallest value that at least `p` of the values do not exceed. Throws when there is none. */
export function quantile(values: readonly number[] | Float64Array, p: number): number {
  const sorted = Float64Array.from(values).toSorted();
  const value = sorted[Math.max(0, Math.ceil(p * sorted.length) - 1)];
  if (value === undefined) throw new RangeError("no values");
  return value;
}

export const meanOf = (values: readonly number[] | Float64Array): number => {
  let sum = 0;
  for (const value of values) sum += value;
  return sum / values.length;
};

/** Standard deviation, n - 1 in the denominator. */
export function deviationOf(values: readonly number[] | Float64Array): number {
  const mean = meanOf(values);
  let squares = 0;
  for (const value of values) squares += (value - mean) ** 2;
  return Math.sqrt(squares / (values.length - 1));
}

// Means of weighted observations, kept as a few sums, and estimates made of them.

/** Weighted sums of x, from which mean, variance and effective number follow. */
export interface Sums {
  readonly w: number;
  readonly ww: number;
  readonly x: number;
  readonly xx: number;
}

export const NOTHING: Sums = { w: 0, ww: 0, x: 0, xx: 0 };
export const plus = ({ w, ww, x, xx }: Sums, value: number, weight: number): Sums => ({
  w: w + weight,
  ww: ww + weight ** 2,
  x: x + weight * value,
  xx: xx + weight * value ** 2,
});

export const halfOf = ({ w, ww, x, xx }: Sums): Sums => ({
  w: w / 2,
  ww: ww / 2,
  x: x / 2,
  xx: xx / 2,
});

/** A mean and the variance of its error; `n` is 0 where nothing was seen. */
export interface Estimate {
  readonly mean: number;
  readonly variance: number;
  readonly n: number;
}

export function estimateOf({ w, ww, x, xx }: Sums): Estimate {
  if (w === 0) return { mean: 0, variance: 1, n: 0 };
  const mean = x / w;
  const n = w ** 2 / ww;
  return { mean, variance: Math.max(0, xx / w - mean ** 2) / n, n };
}

export const minus = (a: Estimate, b: Estimate): Estimate => ({
  mean: a.mean - b.mean,
  variance: a.variance + b.variance,
  n: a.n + b.n === 0 ? 0 : (a.n * b.n) / (a.n + b.n),
});

/** Each counts by its number of observations. */
export function combined(a: Estimate, b: Estimate): Estimate {
  const n = a.n + b.n;
  const [p, q] = [a.n / n, b.n / n];
  return {
    mean: p * a.mean + q * b.mean,
    variance: p ** 2 * a.variance + q ** 2 * b.variance,
    n,
  };
}

// Tests that may be looked at after every report. A fixed-size test that is repeated until it fires always fires in the
// end; these bound the chance of ever firing by mistake (Ville's inequality). All work on counts in bins, so that a few
// numbers stand for any number of requests.

/** Weighting of bets: a strong effect is found by bold ones, a weak one by careful ones. */
const BETS = [0.1, 0.3, 0.6, 0.9];

/**
 * Natural logarithm of the evidence that the mean of values in [0, 1] lies below `limit`. It exceeds ln(1/alpha) with a
 * probability of at most alpha, at whatever moment one looks, if the mean is `limit` or more.
 * Betting (Waudby-Smith and Ramdas 2024, eq. 26): prod_i 1 + k (limit - x_i) / (1 - limit), averaged over bets k.
 * @param counts observations in each bin; `values`: the most that an observation in the bin can be
 */
export function evidenceBelow(
  counts: readonly number[],
  values: readonly number[],
  limit: number,
): number {
  if (limit <= 0 || limit >= 1) return Number.NEGATIVE_INFINITY;
  return evidence(counts, (bin, bet) => 1 + (bet * (limit - values[bin]!)) / (1 - limit));
}

/** The same for a mean above `limit`; `values`: the least that an observation in the bin can be. */
export function evidenceAbove(
  counts: readonly number[],
  values: readonly number[],
  limit: number,
): number {
  if (limit <= 0 || limit >= 1) return Number.NEGATIVE_INFINITY;
  return evidence(counts, (bin, bet) => 1 + (bet * (values[bin]! - limit)) / limit);
}

/** ln of the mean over bets of prod_bin factor^count. */
const evidence = (counts: readonly number[], factor: (bin: number, bet: number) => number) =>
  mixedBets((bet) =>
    counts.reduce((sum, n, bin) => (n > 0 ? sum + n * Math.log(factor(bin, bet)) : sum), 0),
  );

/** ln of the mean over bets of their wealth, of which `logWealth` gives the logarithm. */
export function mixedBets(
  logWealth: (bet: number) => number,
  bets: readonly number[] = BETS,
): number {
  const logs = bets.map(logWealth);
  const most = Math.max(...logs);
  return most + Math.log(logs.reduce((sum, log) => sum + Math.exp(log - most), 0) / bets.length);
}

/** Of the normal mixture: bounds are tightest at about 40 times as many observations. */
const RHO = 10;

/**
 * How far the mean of n values in [0, 1] is from the truth: further than this at any n with a probability of at most
 * alpha. Robbins' normal mixture with variance 1/4 (Howard et al. 2021, eq. 14).
 */
export function meanRadius(n: number, alpha: number): number {
  if (n === 0) return 1;
  const v = n / 4 + RHO;
  return Math.min(1, Math.sqrt(v * Math.log(v / (RHO * alpha ** 2))) / n);
}

/** Of `runningRadius`: tightest at about a hundred observations. */
const RHO_SQUARED = 0.08;

/**
 * How far an estimate is from the truth, at whatever moment one looks, with a probability of at most alpha once there are
 * enough observations for their variance to be known. Asymptotic confidence sequence (Waudby-Smith et al. 2024,
 * "Time-uniform central limit theory", Theorem 2.2), for an estimate of standard error `error` that rests on n observations.
 */
export function runningRadius(n: number, error: number, alpha: number): number {
  const v = n * RHO_SQUARED;
  return error * Math.sqrt(2 * (1 + 1 / v) * Math.log(Math.sqrt(v + 1) / alpha));
}

export const total = (counts: readonly number[]): number => counts.reduce((sum, n) => sum + n, 0);

/** Mean of binned values, every observation taken as `values` of its bin. */
export const binnedMean = (counts: readonly number[], values: readonly number[]): number =>
  counts.reduce((sum, n, bin) => sum + n * values[bin]!, 0) / Math.max(1, total(counts));

/** The first bin by which surely a share `q` of the distribution lies, or null while too little was seen to say. */
export function quantileBin(counts: readonly number[], q: number, alpha: number): number | null {
  const n = total(counts);
  const wanted = (q + meanRadius(n, alpha)) * n;
  let seen = 0;
  for (const [bin, count] of counts.entries()) {
    seen += count;
    if (n > 0 && seen >= wanted) return bin;
  }
  return null;
}

// How satisfied users are when only a judge looks at all answers, and a person at some. A judge errs, more on one side than
// on the other, so the share it accepts is no estimate of the share that is right, however many answers it sees.
//
// Judgements f are 1 (accepted), 0 (rejected) or 0.5 (its two orders disagree); Y is the person's word.

/** One judged answer. `weight` = 1 / p_s where answers were drawn with unequal probabilities; 1 when left out. */
export interface Judged {
  readonly judged: number;
  readonly weight?: number;
}

/** One that a person has looked at too. */
export interface Audited extends Judged {
  readonly human: 0 | 1;
}

/** With its 95 % interval, not cut to [0, 1]: what lies outside says that the sample is too small. */
export interface Estimate {
  readonly value: number;
  readonly lower: number;
  readonly upper: number;
}

const Z = 1.959963984540054;

const around = (value: number, variance: number): Estimate => {
  const half = Z * Math.sqrt(variance);
  return { value, lower: value - half, upper: value + half };
};

/** The share the judge accepts, as if it never erred. */
export function naiveShare(judged: readonly Judged[]): Estimate {
  const { mean, variance } = weightedMean(judged, ({ judged: f }) => f);
  return around(mean, variance);
}

/**
 * Prediction-powered (Angelopoulos et al. 2023, eq. 1): mean f + mean over the audited of (Y - f). Unbiased whatever the
 * judge is like, as long as the audited are a fair sample of the answers; a good judge makes it narrow.
 */
export function predictionPowered(
  judged: readonly Judged[],
  audited: readonly Audited[],
): Estimate {
  const all = weightedMean(judged, ({ judged: f }) => f);
  const error = weightedMean(audited, ({ judged: f, human }) => human - f);
  return around(all.mean + error.mean, all.variance + error.variance);
}

/**
 * Rogan and Gladen 1978: (q + sp - 1) / (se + sp - 1), q the share accepted, se = P(accepted | right), sp = P(not accepted
 * | wrong) from the audited; undecided counts as not accepted throughout. Interval by the delta method (Lang and Reiczigel
 * 2014). Holds also where right answers are rarer or more frequent among the audited than among all; an audit chosen by the
 * judge's word needs weights here too.
 * @returns null when the audit has none of one kind, or the judge's word says nothing (se + sp <= 1)
 */
export function roganGladen(
  judged: readonly Judged[],
  audited: readonly Audited[],
): Estimate | null {
  const accepts = ({ judged: f }: Judged): number => (f === 1 ? 1 : 0);
  const right = audited.filter(({ human }) => human === 1);
  const wrong = audited.filter(({ human }) => human === 0);
  if (right.length === 0 || wrong.length === 0 || judged.length === 0) return null;
  const q = weightedMean(judged, accepts);
  const se = smoothed(weightedMean(right, accepts), right.length);
  const sp = smoothed(
    weightedMean(wrong, (each) => 1 - accepts(each)),
    wrong.length,
  );
  const youden = se.mean + sp.mean - 1;
  if (!(youden > 0)) return null;
  const value = (q.mean + sp.mean - 1) / youden;
  const variance =
    (q.variance + (1 - value) ** 2 * sp.variance + value ** 2 * se.variance) / youden ** 2;
  return around(value, variance);
}

/**
 * Mean of y~ = y-hat + (Z / p_s)(Y - y-hat) over all decisions (doubly robust): `outcomes` are y~ before clipping, as
 * lessons carry them in `acceptance`.
 */
export function doublyRobustMean(outcomes: readonly number[]): Estimate {
  const { mean, variance } = weightedMean(
    outcomes.map((judged) => ({ judged })),
    ({ judged }) => judged,
  );
  return around(mean, variance);
}

/** A share of 0 or 1 in a small sample is no certainty: one more of each kind, for the variance alone. */
function smoothed(
  { mean, variance }: { readonly mean: number; readonly variance: number },
  n: number,
): { readonly mean: number; readonly variance: number } {
  const p = (mean * n + 1) / (n + 2);
  return { mean, variance: Math.max(variance, (p * (1 - p)) / (n + 2)) };
}

/** Hajek's ratio mean and its linearised variance: sum (w (x - mean))^2 / (sum w)^2, n - 1 in the denominator. */
function weightedMean<T extends Judged>(
  items: readonly T[],
  of: (item: T) => number,
): { readonly mean: number; readonly variance: number } {
  let total = 0;
  let sum = 0;
  for (const item of items) {
    const { weight = 1 } = item;
    total += weight;
    sum += weight * of(item);
  }
  const mean = sum / total;
  let squares = 0;
  for (const item of items) squares += ((item.weight ?? 1) * (of(item) - mean)) ** 2;
  const n = items.length;
  return { mean, variance: ((n / (n - 1)) * squares) / total ** 2 };
}

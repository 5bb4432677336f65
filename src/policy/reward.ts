// What a handled request is worth. The product's utility saturates the delay, so that a wrong answer always costs more
// than the slowest call; the paper's reward in seconds is kept for its experiments only.

/** Product utility U = quality - delayWeight * min(d, delayCapSeconds) / delayCapSeconds. */
export interface RewardWeights {
  readonly delayWeight: number;
  readonly delayCapSeconds: number;
  /** Satisfaction of an accepted and of a wrong answer, on the paper's scale of negated distances. */
  readonly acceptedQuality: number;
  readonly wrongQuality: number;
}

export const PRODUCT_WEIGHTS: RewardWeights = {
  delayWeight: 0.5,
  delayCapSeconds: 10,
  acceptedQuality: -0.35,
  wrongQuality: -1.2,
};

/**
 * Product weights at a price of time omega = phi2 / phi1: a second costs omega / 2, so that the default 0.1 gives
 * PRODUCT_WEIGHTS. From omega = 0.17 on a wrong answer at once would beat a slow one: see `assertSafeWeights`.
 */
export const weightsFor = (omega: number): RewardWeights => ({
  ...PRODUCT_WEIGHTS,
  delayWeight: (omega / 2) * PRODUCT_WEIGHTS.delayCapSeconds,
});

/** DLRS weights phi1, phi2, phi3 and the factor on rewards in training; seconds, not saturated. */
export interface PaperWeights {
  readonly phi1: number;
  readonly phi2: number;
  readonly phi3: number;
  readonly scale: number;
}

const PAPER_WEIGHTS: PaperWeights = { phi1: 1, phi2: 0.1, phi3: 0.6, scale: 10 };

/** q from P(acceptable): -(0.35 + 0.85 (1 - P)) with the default weights, so 1 -> -0.35 and 0 -> -1.2. */
export function qualityFromAcceptance(
  acceptance: number,
  weights: RewardWeights = PRODUCT_WEIGHTS,
): number {
  return (
    weights.acceptedQuality - (weights.acceptedQuality - weights.wrongQuality) * (1 - acceptance)
  );
}

/** The inverse map, for labels and judges that speak in acceptance. */
export function acceptanceFromQuality(
  quality: number,
  weights: RewardWeights = PRODUCT_WEIGHTS,
): number {
  return (quality - weights.wrongQuality) / (weights.acceptedQuality - weights.wrongQuality);
}

/** q = -||f_answer - f_reference|| for unit vectors (DLRS Eq. 2); 0 is perfect, -2 the worst. */
export function qualityFromReference(answer: Float32Array, reference: Float32Array): number {
  let squares = 0;
  for (let i = 0; i < answer.length; i++) squares += (answer[i]! - reference[i]!) ** 2;
  return -Math.sqrt(squares);
}

/** Product utility U, at most 0. */
export function utility(
  quality: number,
  delaySeconds: number,
  weights: RewardWeights = PRODUCT_WEIGHTS,
): number {
  return (
    quality -
    (weights.delayWeight * Math.min(delaySeconds, weights.delayCapSeconds)) /
      weights.delayCapSeconds
  );
}

/** One request's share of W = sum(-phi1 q + phi2 d) (DLRS Eq. 6); lower is better. */
export function paperCost(
  quality: number,
  delaySeconds: number,
  weights: PaperWeights = PAPER_WEIGHTS,
): number {
  return -weights.phi1 * quality + weights.phi2 * delaySeconds;
}

/** r = -scale (W + phi3 [action 0]) (DLRS Eq. 12, local form); the penalty falls on index 0, the direct call. */
export function paperReward(
  quality: number,
  delaySeconds: number,
  action: number,
  weights: PaperWeights = PAPER_WEIGHTS,
): number {
  const penalty = action === 0 ? weights.phi3 : 0;
  return -weights.scale * (paperCost(quality, delaySeconds, weights) + penalty);
}

/**
 * Throws RangeError for weights under which a wrong answer at once beats, or equals, a right answer after the slowest
 * call: then the policy would learn to serve anything. Called at start-up, before a request is taken.
 */
export function assertSafeWeights(weights: RewardWeights): void {
  const instantWrong = utility(weights.wrongQuality, 0, weights);
  const slowRight = utility(weights.acceptedQuality, weights.delayCapSeconds, weights);
  const isSane = weights.delayCapSeconds > 0 && weights.delayWeight >= 0;
  if (!isSane || !(instantWrong < slowRight))
    throw new RangeError(
      `unsafe reward weights: a wrong answer at once is worth ${instantWrong}, ` +
        `a right one after ${weights.delayCapSeconds} s ${slowRight}`,
    );
}

// What a new request does to those that its expert is computing already: how much slower they get, and whose limit that breaks
// (the "action impact estimator"; the formula is that of the authors' code).
import { type Arrival } from "./fleet.ts";
import { type Pace } from "./settings.ts";

export interface NewRequest {
  readonly promptTokens: number;
  readonly outputTokens: number;
}

/** A request that is running. With true lengths and scores the estimate is for training only. */
export interface RunningRequest {
  readonly outputTokens: number;
  readonly generated: number;
  /** Seconds since it arrived, divided by its tokens so far. */
  readonly secondsPerToken: number;
  readonly score: number;
}

/**
 * Seconds per token that a running request j loses to a new request i with p prompt and d_i output tokens:
 *
 *   delta_j = ( k1 p + k2 sum_{k=1..n} (p + k) ) / d_j,  n = min(d_j - g_j, d_i) - 1
 *           = ( k1 p + k2 (n p + n (n + 1) / 2) ) / d_j
 */
export function addedSecondsPerToken(
  { promptTokens: p, outputTokens }: NewRequest,
  running: Pick<RunningRequest, "outputTokens" | "generated">,
  { k1, k2 }: Pick<Pace, "k1" | "k2">,
): number {
  const left = running.outputTokens - running.generated;
  const n = Math.max(0, Math.min(left, outputTokens) - 1);
  return (k1 * p + k2 * (n * p + (n * (n + 1)) / 2)) / running.outputTokens;
}

/** Sum of the scores of running requests that are above the limit once they are slower; as the code has it, also of those above it before. */
export function impactPenalty(
  request: NewRequest,
  running: readonly RunningRequest[],
  pace: Pick<Pace, "k1" | "k2">,
  latencyLimit: number,
): number {
  let penalty = 0;
  for (const each of running)
    if (each.secondsPerToken + addedSecondsPerToken(request, each, pace) > latencyLimit)
      penalty += each.score;
  return penalty;
}

/** Impact of sending an arrival to an expert, from true lengths and scores: what training may know. */
export function trueImpact({ at, latencyLimit, experts, truth }: Arrival, expert: number): number {
  const running = truth.running[expert]!.map(({ request: { request, answer }, generated }) => ({
    outputTokens: answer.outputTokens,
    generated,
    secondsPerToken: (at - request.at) / (generated > 0 ? generated : answer.outputTokens),
    score: answer.score,
  }));
  const { pace } = experts[expert]!;
  return impactPenalty(truth.request.answers[expert]!, running, pace, latencyLimit);
}

/**
 * The same from predictions: what a router can know. A request that has more tokens than were predicted counts as at its last
 * one.
 */
export function predictedImpact(
  { latencyLimit, experts, predictions }: Arrival,
  expert: number,
): number {
  const { pace, running } = experts[expert]!;
  const { promptTokens, predictedOutputTokens } = predictions[expert]!;
  return impactPenalty(
    { promptTokens, outputTokens: predictedOutputTokens },
    running().map((each) => ({
      outputTokens: Math.max(each.predictedOutputTokens, each.tokensSoFar + 1),
      generated: each.tokensSoFar,
      secondsPerToken: each.secondsPerToken,
      score: each.predictedScore,
    })),
    pace,
    latencyLimit,
  );
}

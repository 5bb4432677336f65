// What a new request does to those that its expert is computing already: how much slower they get, and whose limit that breaks
// (the "action impact estimator"; the formula is that of the authors' code).
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

// The part of a decision's reward that is known when it is made, beside the QoS of what finishes afterwards.
import { type Arrival } from "./fleet.ts";
import { trueImpact } from "./impact.ts";
import { REWARD } from "./settings.ts";

export interface RewardOptions {
  readonly kappa?: number;
  readonly eta?: number;
  /**
   * "penalty" (default): scores of running requests that are late once the decision slows them, as the authors' code has it.
   * "potential": scores that are still to be expected, as a difference of potentials, which leaves the best policy as it is.
   * "none": QoS alone.
   */
  readonly impact?: "penalty" | "potential" | "none";
}

/** -kappa * impact - eta * [dropped] * best predicted score */
export function immediate(
  arrival: Arrival,
  expert: number | null,
  { kappa = REWARD.kappa, eta = REWARD.etaPaper, impact = "penalty" }: RewardOptions,
): number {
  if (expert === null)
    return -eta * Math.max(...arrival.predictions.map(({ predictedScore }) => predictedScore));
  return impact === "penalty" ? -kappa * trueImpact(arrival, expert) : 0;
}

/** Phi(s) = kappa * scores of running requests that will be in time if the next iterations last as long as this one. */
export function potentialOf(
  { at, latencyLimit, experts, truth }: Arrival,
  { kappa = REWARD.kappa, impact = "penalty" }: RewardOptions,
): number {
  if (impact !== "potential") return 0;
  let sum = 0;
  for (const [i, running] of truth.running.entries())
    for (const { request, generated } of running) {
      const { outputTokens, score } = request.answer;
      const left = (outputTokens - generated) * experts[i]!.decodeSeconds;
      if (at - request.request.at + left <= latencyLimit * outputTokens) sum += score;
    }
  return kappa * sum;
}

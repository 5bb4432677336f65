// What waiting for the model weighs in the cache's decision, when it is known which backend would answer. A policy sees no
// delay of the call that it may save: it was trained where a call takes TRAINED_CALL_SECONDS, at every price of time omega.
// With U = q - (omega / 2) min(d, 10 s), a call of d seconds at omega is worth what one of the trained length is at
// omega d / TRAINED_CALL_SECONDS. So the choice of the model reaches the choice of the cache through an input that is there.
import { PRODUCT_WEIGHTS } from "../reward.ts";

/**
 * Mean of the worlds of training (trainer-node/simulator/delays.ts): 0.5 s (p99 2 s) to the first token, 15 ms for each of 200,
 * both lognormal.
 */
export const TRAINED_CALL_SECONDS = 3.7;

/** Prices of time that policies are trained for: beyond them they were never asked. */
const TRAINED = { least: 0.01, most: 0.16 };

/**
 * The price of time to decide by. `seconds`: predicted of the backend that would answer; one that is not known is as in
 * training. Never further from the trained prices than `omega` itself.
 */
export function priceOfTime(omega: number, seconds: number | null): number {
  if (seconds === null || !(seconds >= 0)) return omega;
  const counted = Math.min(seconds, PRODUCT_WEIGHTS.delayCapSeconds);
  const price = (omega * counted) / TRAINED_CALL_SECONDS;
  return Math.max(Math.min(TRAINED.least, omega), Math.min(Math.max(TRAINED.most, omega), price));
}

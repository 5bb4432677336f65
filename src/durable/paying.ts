// Whether looking up other wordings pays for a tenant. A look-up costs an embedding, a vector query and now and then a label,
// whether it hits or not; where questions hardly ever come back in other words that is money for nothing. Repeats in the
// same words cost next to nothing and are not touched.
import { type Outcome } from "../policy/experience.ts";

export interface Paying {
  /** Of the window: requests with a look-up, semantic hits among them, and requests whose model call has a price. */
  readonly lookUps: number;
  readonly hits: number;
  readonly priced: number;
  /** US dollars of the window: what those calls cost or would have cost, and what look-ups and labels did. */
  readonly callsUsd: number;
  readonly spentUsd: number;
  /** Until when no look-up is made, milliseconds since the epoch, and how many windows in a row did not pay. */
  readonly offUntil: number;
  readonly failures: number;
}

export const NEW_PAYING: Paying = {
  lookUps: 0,
  hits: 0,
  priced: 0,
  callsUsd: 0,
  spentUsd: 0,
  offUntil: 0,
  failures: 0,
};

/** Look-ups after which a window is judged: the first one is longer, for a cache begins empty. */
const FIRST_WINDOW = 5_000;
const WINDOW = 2_000;
const HOUR_MS = 3_600_000;
const FIRST_PAUSE_MS = 6 * HOUR_MS;
const LONGEST_PAUSE_MS = 7 * 24 * HOUR_MS;
/** One-sided 95 %. */
const Z = 1.6448536269514722;
/** Keeps the bound of a count above the exact one of a Poisson variable, for every count. */
const POISSON_REST = (Z ** 2 + 2) / 3;

/** What counts of an outcome. `lookUpUsd`: left out where no look-up was made. */
export type Spending = Pick<Outcome, "kind" | "costUsd" | "savedUsd"> & {
  readonly lookUpUsd?: number | undefined;
};

/** One more request. `at`: milliseconds since the epoch. */
export function withRequest(paying: Paying, outcome: Spending, at: number): Paying {
  // What still comes in of requests from before the pause belongs to a window that was judged.
  if (outcome.lookUpUsd === undefined || at < paying.offUntil) return paying;
  const callUsd = outcome.costUsd + outcome.savedUsd;
  return judged(
    {
      ...paying,
      lookUps: paying.lookUps + 1,
      hits: paying.hits + Number(outcome.kind === "HIT-SEMANTIC"),
      priced: paying.priced + Number(callUsd > 0),
      callsUsd: paying.callsUsd + callUsd,
      spentUsd: paying.spentUsd + outcome.lookUpUsd,
    },
    at,
  );
}

/** A label that cost something. */
export function withLabelCost(paying: Paying, costUsd: number, at: number): Paying {
  return at < paying.offUntil ? paying : { ...paying, spentUsd: paying.spentUsd + costUsd };
}

/** Whether other wordings are to be looked up now. */
export const paysAt = ({ offUntil }: Paying, at: number): boolean => at >= offUntil;

/**
 * At the end of a window: even if hits came as often as their 95 % bound, k + z sqrt(k + 1) + (z^2 + 2) / 3 of them, each worth
 * an average call, they would not have paid for the look-ups. Then there are none for
 * six hours, twice as long after every further failure, a week at most; a window that pays forgives all. Where calls have no
 * price, as on one's own hardware, money says nothing, and look-ups stay on.
 */
function judged(paying: Paying, at: number): Paying {
  const isFirst = paying.offUntil === 0 && paying.failures === 0;
  if (paying.lookUps < (isFirst ? FIRST_WINDOW : WINDOW)) return paying;
  const { hits, priced, callsUsd, spentUsd, failures } = paying;
  const best = hits + Z * Math.sqrt(hits + 1) + POISSON_REST;
  const perCall = priced === 0 ? 0 : callsUsd / priced;
  const pays = priced === 0 || best * perCall >= spentUsd;
  if (pays) return { ...NEW_PAYING, offUntil: Math.max(1, paying.offUntil) };
  const pause = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** failures);
  return { ...NEW_PAYING, offUntil: at + pause, failures: failures + 1 };
}

// The share of wrong answers among hits of which only some were examined, each with a known probability p. A label counts
// for 1 / p hits. Bounds hold at whatever moment one looks (sequential-test.ts), since reports are looked at as they come.
//
//   H0: the share is s or less.  E[ w (x - s) | examined ] <= 0 with w = p_min / p, x = 1 for a wrong answer, so that
//   prod_i 1 + k w_i (x_i - s) / s  is a supermartingale for every bet k < 1 (Waudby-Smith and Ramdas 2024, eq. 26).
import { mixedBets } from "./sequential-test.ts";

/** Counts of labels by class of weight. */
export interface Judged {
  readonly right: readonly number[];
  readonly wrong: readonly number[];
}

export const NONE_JUDGED: Judged = { right: [], wrong: [] };

/** 95 % in all, half of the error on either side. */
export interface ShareInterval {
  /** Best estimate; null without labels. */
  readonly mean: number | null;
  readonly low: number;
  readonly high: number;
}

/** No sampling probability below this is believed: one label must not weigh like hundreds. */
export const MIN_PROBABILITY = 0.02;
/** Class i holds weights in (2^-(i+1)/8, 2^-i/8]; the last one reaches 0.02. */
const CLASSES = 46;
const ALPHA = 0.025;
/** The careful ones are for thousands of labels. */
const BETS = [0.01, 0.03, 0.1, 0.3, 0.9];

/** @param p probability with which the hit was chosen to be examined; `MIN_PROBABILITY` for all counts them alike */
export function withJudgement(judged: Judged, correct: 0 | 1, p: number, count = 1): Judged {
  const weight = MIN_PROBABILITY / Math.min(1, Math.max(MIN_PROBABILITY, p));
  const place = Math.min(CLASSES - 1, Math.floor(-8 * Math.log2(weight) + 1e-9));
  const list = correct === 1 ? judged.right : judged.wrong;
  const changed = Array.from({ length: Math.max(list.length, place + 1) }, (_, i) =>
    Math.max(0, (list[i] ?? 0) + (i === place ? count : 0)),
  );
  return correct === 1 ? { ...judged, right: changed } : { ...judged, wrong: changed };
}

export const judgedCount = ({ right, wrong }: Judged): number =>
  [...right, ...wrong].reduce((sum, n) => sum + n, 0);

/** ln of the evidence that the share lies above `limit`; wrong answers count with the least weight of their class. */
export function evidenceOfMore(judged: Judged, limit: number): number {
  return mixedBets(
    (bet) =>
      sumOver(judged, (isWrong, place) =>
        isWrong
          ? Math.log1p((bet * leastWeight(place) * (1 - limit)) / limit)
          : Math.log1p(-bet * mostWeight(place)),
      ),
    BETS,
  );
}

/** The same for a share below `limit`; right answers count with the least weight of their class. */
function evidenceOfLess(judged: Judged, limit: number): number {
  return mixedBets(
    (bet) =>
      sumOver(judged, (isWrong, place) =>
        isWrong
          ? Math.log1p(-bet * mostWeight(place))
          : Math.log1p((bet * leastWeight(place) * limit) / (1 - limit)),
      ),
    BETS,
  );
}

export function wrongShare(judged: Judged): ShareInterval {
  const wrong = sumOver(judged, (isWrong, place) => (isWrong ? middleWeight(place) : 0));
  const all = sumOver(judged, (_, place) => middleWeight(place));
  const surely = Math.log(1 / ALPHA);
  return {
    mean: all > 0 ? wrong / all : null,
    low: crossing((limit) => evidenceOfMore(judged, limit) >= surely),
    high: 1 - crossing((limit) => evidenceOfLess(judged, 1 - limit) >= surely),
  };
}

const mostWeight = (place: number): number => 2 ** (-place / 8);
const leastWeight = (place: number): number => 2 ** (-(place + 1) / 8);
const middleWeight = (place: number): number => 2 ** (-(place + 0.5) / 8);

function sumOver({ right, wrong }: Judged, term: (isWrong: boolean, place: number) => number) {
  let sum = 0;
  for (const [place, n] of right.entries()) if (n > 0) sum += n * term(false, place);
  for (const [place, n] of wrong.entries()) if (n > 0) sum += n * term(true, place);
  return sum;
}

/** The largest x in [0, 1] up to which `holds` does; it holds from 0 on or nowhere. */
function crossing(holds: (x: number) => boolean): number {
  let low = 0;
  let high = 1;
  for (let step = 0; step < 20; step++) {
    const middle = (low + high) / 2;
    if (holds(middle)) low = middle;
    else high = middle;
  }
  return low;
}

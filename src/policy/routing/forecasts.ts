// How long answers are and when they will be there, per server, from how the last forecasts turned out: usual lengths by
// class of request, and factors by which a forecast must be stretched to be kept with a given probability.
import { conformalRange, conformalUpper } from "./conformal.ts";
import { entriesOf, isFiniteNumber, isQuantity, isRecord, isShare } from "./state.ts";

/** Requests whose answers are of similar length, in [0, LENGTH_CLASSES). */
export function lengthClass(request: {
  readonly promptTokens: number;
  /** The caller's limit on the answer; null: none. */
  readonly maxTokens: number | null;
}): number {
  const { promptTokens, maxTokens } = request;
  const prompt = promptTokens < 128 ? 0 : promptTokens < 1_024 ? 1 : 2;
  // Whoever allows a few words asks for a label or a name.
  return 2 * prompt + Number(maxTokens !== null && maxTokens < 128);
}

const LENGTH_CLASSES = 6;

/** What was expected of a call when its server was chosen. */
export interface Expected {
  readonly class: number;
  readonly tokens: number;
  /** Until the last byte; and the seconds that were promised not to be exceeded. */
  readonly seconds: number;
  readonly upperSeconds: number;
}

export interface Arrival {
  readonly backend: string;
  readonly expected: Expected;
  readonly outputTokens: number;
  /** The caller's limit ended the answer: it would have been longer. */
  readonly isCut: boolean;
  readonly seconds: number;
}

/** Shares of the calls that an interval holds, and the one that comes within `Expected.upperSeconds`. */
export const FORECAST_LEVELS = [0.5, 0.8, 0.9] as const;
export const UPPER = 0.97;

/** Recent calls: a mean of 0/1 or of a quantity, in which the newest counts 1 / LONGEST at least. */
interface Mean {
  readonly mean: number;
  readonly weight: number;
}

interface Track {
  /** Tokens by class, and over all of them. */
  readonly lengths: readonly Mean[];
  readonly length: Mean;
  /** ln(actual / expected) of the last calls in hundredths, oldest first. */
  readonly tokensOff: readonly number[];
  readonly secondsOff: readonly number[];
  /** What is asked of `secondsOff` so that `UPPER` comes true. */
  readonly level: number;
  /** Share of the calls inside the intervals made before they ended: tokens and seconds by level, then within the promise. */
  readonly kept: readonly Mean[];
  readonly expectedSeconds: Mean;
  readonly seconds: Mean;
}

/** What is shown of a server. */
export interface ForecastView {
  readonly calls: number;
  readonly meanTokens: number;
  readonly expectedSeconds: number;
  readonly seconds: number;
  /** Shares of recent calls inside the intervals of `FORECAST_LEVELS`; null before there were any. */
  readonly tokensInside: readonly number[] | null;
  readonly secondsInside: readonly number[] | null;
  /** Share that was there by the upper bound of `UPPER`. */
  readonly inTime: number | null;
}

/** Forecasts that make the next interval: enough for 5 and 95 %, few enough to follow a server that changes. */
const WINDOW = 40;
/** Least forecasts for each level's interval to be counted: (n + 1) (1 - level) / 2 >= 1. */
const LEAST_FOR_UPPER = 9;
const LEAST_FOR_ALL = 19;
/** No promise is further from the usual than four times. */
const MOST_STRETCH = Math.log(4);
/** gamma, and where the level may go: above 1 every hundredth is one per cent more than the worst. */
const STEP = 0.02;
const LEAST_LEVEL = 0.5;
const MOST_LEVEL = 2;
/** Calls that the guess is worth, and that an average over all classes is worth in one of them. */
const PRIOR_WEIGHT = 2;
const POOL_WEIGHT = 5;
/** Calls that a mean remembers. */
const LENGTHS_KEPT = 40;
const SHARES_KEPT = 200;
/** A forecast that was off by more says the same: e^6 is 400. */
const MOST_OFF = 6;

const NOTHING: Mean = { mean: 0, weight: 0 };
const UNKNOWN: Track = {
  lengths: Array.from({ length: LENGTH_CLASSES }, () => NOTHING),
  length: NOTHING,
  tokensOff: [],
  secondsOff: [],
  level: UPPER,
  kept: Array.from({ length: 2 * FORECAST_LEVELS.length + 1 }, () => NOTHING),
  expectedSeconds: NOTHING,
  seconds: NOTHING,
};

/** Bounded: the server not heard of for longest is forgotten. */
export class Forecasts {
  readonly #maxServers: number;
  #tracks = new Map<string, Track>();

  constructor({ maxServers = 1_000 }: { readonly maxServers?: number } = {}) {
    this.#maxServers = maxServers;
  }

  /** Mean length of the class, drawn to the server's over all classes, and that to the `guess`, by how little is known. */
  tokens(backend: string, of: number, guess: number): number {
    const { lengths, length } = this.#tracks.get(backend) ?? UNKNOWN;
    const usual = drawn(length, guess, PRIOR_WEIGHT);
    return drawn(lengths[of] ?? NOTHING, usual, POOL_WEIGHT);
  }

  /**
   * By which expected seconds are multiplied to be kept by `UPPER` of the calls, as far as four times the usual does; below 1
   * where answers come sooner than expected. null: too few forecasts to tell.
   */
  upperFactor(backend: string): number | null {
    const { secondsOff, level } = this.#tracks.get(backend) ?? UNKNOWN;
    const count = secondsOff.length;
    if (count < LEAST_FOR_UPPER) return null;
    const sorted = secondsOff.toSorted(ascending);
    // One answer that was later than all others may have been somebody's slow reading, or one bad moment.
    const most = (count - 1) / (count + 1);
    const upper = conformalUpper(sorted, Math.min(level, most));
    const usual = sorted[Math.floor((count - 1) / 2)]!;
    // What lies beyond is not known; a little more for every promise that was broken.
    const stretched = upper / 100 + Math.max(0, level - most);
    return Math.exp(Math.min(stretched, usual / 100 + MOST_STRETCH));
  }

  /** Only of calls that succeeded: a failure's length and time are none. */
  observe({ backend, expected, outputTokens, isCut, seconds }: Arrival): void {
    const { upperSeconds } = expected;
    const numbers = [expected.tokens, expected.seconds, upperSeconds, outputTokens, seconds];
    if (!numbers.every(isQuantity) || !(expected.seconds > 0)) return;
    const before = this.#tracks.get(backend) ?? UNKNOWN;
    // Of a cut answer only the least length is known; a longer expectation is not refuted.
    const { length } = before;
    const usual = length.weight > 0 ? length.mean : expected.tokens;
    const least = isCut ? this.tokens(backend, expected.class, usual) : 0;
    const tokens = Math.max(outputTokens, least);
    const tokensOff = isCut ? null : off(outputTokens, expected.tokens);
    const secondsOff = off(seconds, expected.seconds);
    this.#tracks.delete(backend);
    this.#tracks.set(backend, {
      lengths: before.lengths.map((each, of) =>
        of === expected.class ? after(each, tokens, LENGTHS_KEPT) : each,
      ),
      length: after(before.length, tokens, LENGTHS_KEPT),
      tokensOff: tokensOff === null ? before.tokensOff : recent(before.tokensOff, tokensOff),
      secondsOff: recent(before.secondsOff, secondsOff),
      level: levelAfter(before.level, seconds > upperSeconds),
      kept: keptAfter(before, { tokensOff, secondsOff, inTime: seconds <= upperSeconds }),
      expectedSeconds: after(before.expectedSeconds, expected.seconds, SHARES_KEPT),
      seconds: after(before.seconds, seconds, SHARES_KEPT),
    });
    if (this.#tracks.size > this.#maxServers)
      this.#tracks.delete(this.#tracks.keys().next().value!);
  }

  /** null: no call of it has ended well. */
  view(backend: string): ForecastView | null {
    const track = this.#tracks.get(backend);
    if (track === undefined) return null;
    const count = FORECAST_LEVELS.length;
    const shares = (from: number, to: number): readonly number[] | null => {
      const some = track.kept.slice(from, to);
      return some.every(({ weight }) => weight > 0) ? some.map(({ mean }) => mean) : null;
    };
    return {
      calls: track.seconds.weight,
      meanTokens: track.length.mean,
      expectedSeconds: track.expectedSeconds.mean,
      seconds: track.seconds.mean,
      tokensInside: shares(0, count),
      secondsInside: shares(count, 2 * count),
      inTime: shares(2 * count, 2 * count + 1)?.[0] ?? null,
    };
  }

  /** Plain data, four digits to a number. */
  snapshot(): unknown {
    return [...this.#tracks].map(([backend, track]) => [
      backend,
      {
        ...track,
        level: Number(track.level.toFixed(4)),
        lengths: track.lengths.map(short),
        length: short(track.length),
        kept: track.kept.map(short),
        expectedSeconds: short(track.expectedSeconds),
        seconds: short(track.seconds),
      },
    ]);
  }

  /** False, and nothing has changed, when this is no snapshot. */
  restore(state: unknown): boolean {
    const tracks = entriesOf(state, isTrack);
    if (tracks === null) return false;
    this.#tracks = tracks;
    return true;
  }
}

/**
 * alpha <- alpha + gamma (1 - UPPER - missed) on the level 1 - alpha: whatever changes, and however slowly that is heard of, the
 * share of broken promises tends to 1 - UPPER (adaptive conformal inference, Gibbs and Candes 2021).
 */
const levelAfter = (level: number, missed: boolean): number =>
  Math.max(LEAST_LEVEL, Math.min(MOST_LEVEL, level + STEP * (Number(missed) - (1 - UPPER))));

interface Result {
  readonly tokensOff: number | null;
  readonly secondsOff: number;
  readonly inTime: boolean;
}

function keptAfter(before: Track, { tokensOff, secondsOff, inTime }: Result): readonly Mean[] {
  const inside = (off: number | null, others: readonly number[]): readonly (boolean | null)[] => {
    const sorted = others.toSorted(ascending);
    return FORECAST_LEVELS.map((level) => {
      if (off === null || others.length < LEAST_FOR_ALL) return null;
      const { low, high } = conformalRange(sorted, level);
      return off >= low && off <= high;
    });
  };
  const results = [
    ...inside(tokensOff, before.tokensOff),
    ...inside(secondsOff, before.secondsOff),
    inTime,
  ];
  return before.kept.map((mean, i) => {
    const result = results[i] ?? null;
    return result === null ? mean : after(mean, Number(result), SHARES_KEPT);
  });
}

/** (n mean + n' other) / (n + n'). */
const drawn = ({ mean, weight }: Mean, other: number, otherWeight: number): number =>
  (weight * mean + otherWeight * other) / (weight + otherWeight);

const after = ({ mean, weight }: Mean, value: number, most: number): Mean => ({
  mean: mean + (value - mean) / Math.min(most, weight + 1),
  weight: Math.min(most, weight + 1),
});

const recent = (values: readonly number[], value: number): readonly number[] =>
  [...values, value].slice(-WINDOW);

/** ln(actual / expected) in hundredths. */
const off = (actual: number, expected: number): number => {
  const ratio = Math.max(actual, 1e-3) / Math.max(expected, 1e-3);
  return Math.round(100 * Math.max(-MOST_OFF, Math.min(MOST_OFF, Math.log(ratio))));
};

const ascending = (a: number, b: number): number => a - b;

const short = ({ mean, weight }: Mean): Mean => ({ mean: Number(mean.toPrecision(4)), weight });

const isMean = (value: unknown): value is Mean =>
  isRecord(value) && isQuantity(value["mean"]) && isQuantity(value["weight"]);

const areAll = <T>(value: unknown, is: (each: unknown) => each is T): value is readonly T[] =>
  Array.isArray(value) && value.every((each) => is(each));

const isTrack = (value: unknown): value is Track =>
  isRecord(value) &&
  areAll(value["lengths"], isMean) &&
  value["lengths"].length === LENGTH_CLASSES &&
  isMean(value["length"]) &&
  areAll(value["tokensOff"], isFiniteNumber) &&
  areAll(value["secondsOff"], isFiniteNumber) &&
  isQuantity(value["level"]) &&
  areAll(value["kept"], isMean) &&
  value["kept"].length === UNKNOWN.kept.length &&
  value["kept"].every(({ mean }) => isShare(mean)) &&
  isMean(value["expectedSeconds"]) &&
  isMean(value["seconds"]);

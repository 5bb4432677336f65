// What recent calls say of each server's speed and failures, for the fields of `Backend` that are measured.
import { type Backend, type Outcome, type Spread } from "./selector.ts";
import { entriesOf, isRecord, isQuantity } from "./state.ts";

/** Running mean and variance of one quantity; `weight` outcomes count behind it. */
interface Moments {
  readonly mean: number;
  readonly variance: number;
  readonly weight: number;
}

/**
 * Seconds per token as the share of two running means, seconds over tokens, so that what disturbs an answer of a few words
 * weighs as little as it lasts.
 */
interface Pace {
  readonly seconds: number;
  readonly tokens: number;
  /** Mean square of what answers took beyond tokens times pace, seconds^2. */
  readonly variance: number;
  readonly weight: number;
}

interface Measured {
  readonly firstToken: Moments | null;
  readonly perToken: Pace | null;
  readonly failureShare: number;
}

/** A guess for a server that was never called, worth two outcomes. */
export interface Prior {
  readonly firstTokenSeconds: number;
  readonly secondsPerToken: number;
}

type MeasuredFields = Pick<Backend, "firstTokenSeconds" | "secondsPerToken" | "failureShare">;

const PRIOR_WEIGHT = 2;
/** Least weight of the newest outcome: a server that changes its speed is believed after some twenty calls. */
const LEAST_STEP = 0.05;

/** Longer than any call. */
const MOST_SECONDS = 1e6;

/** Bounded: the server not heard of for longest is forgotten. */
export class Measurements {
  readonly #maxServers: number;
  #servers = new Map<string, Measured>();

  constructor({ maxServers = 1_000 }: { readonly maxServers?: number } = {}) {
    this.#maxServers = maxServers;
  }

  /** Here `seconds` are those of service alone: deduct what transfer and waiting took. */
  observe({ backend, succeeded, seconds, firstTokenSeconds, outputTokens }: Outcome): void {
    const before = this.#measured(backend);
    // A failure is often quick; its times say nothing of how fast answers are.
    const decoding = succeeded ? seconds - (firstTokenSeconds ?? 0) : null;
    this.#servers.delete(backend);
    this.#servers.set(backend, {
      firstToken: after(before.firstToken, succeeded ? firstTokenSeconds : null),
      perToken: paceAfter(before.perToken, decoding, outputTokens),
      failureShare: before.failureShare + LEAST_STEP * (Number(!succeeded) - before.failureShare),
    });
    if (this.#servers.size > this.#maxServers)
      this.#servers.delete(this.#servers.keys().next().value!);
  }

  /** The measured fields of a server, null where no outcome tells. */
  of(backend: string): MeasuredFields {
    const { firstToken, perToken, failureShare } = this.#measured(backend);
    return {
      firstTokenSeconds: firstToken && spreadOf(firstToken),
      secondsPerToken: perToken && spreadOf(momentsOf(perToken)),
      failureShare,
    };
  }

  /**
   * The same beside a guess: it is believed before the first outcome, and until there are twenty it counts like up to two that
   * may well be wrong by half.
   */
  beside(backend: string, prior: Prior): MeasuredFields {
    const { firstToken, perToken, failureShare } = this.#measured(backend);
    return {
      firstTokenSeconds: mixed(firstToken, prior.firstTokenSeconds),
      secondsPerToken: mixed(perToken && momentsOf(perToken), prior.secondsPerToken),
      failureShare,
    };
  }

  /** Plain data. */
  snapshot(): unknown {
    return [...this.#servers];
  }

  /** False, and nothing has changed, when this is no snapshot. */
  restore(state: unknown): boolean {
    const servers = entriesOf(state, isMeasured);
    if (servers === null) return false;
    this.#servers = servers;
    return true;
  }

  #measured(backend: string): Measured {
    return this.#servers.get(backend) ?? { firstToken: null, perToken: null, failureShare: 0 };
  }
}

/** step = max(0.05, 1 / (n + 1)); mean += step d; variance = (1 - step)(variance + step d^2). Nonsense changes nothing. */
function after(before: Moments | null, value: number | null): Moments | null {
  if (!isQuantity(value) || value > MOST_SECONDS) return before;
  if (before === null) return { mean: value, variance: 0, weight: 1 };
  const step = Math.max(LEAST_STEP, 1 / (before.weight + 1));
  const difference = value - before.mean;
  return {
    mean: before.mean + step * difference,
    variance: (1 - step) * (before.variance + step * difference ** 2),
    weight: Math.min(1 / LEAST_STEP, before.weight + 1),
  };
}

/**
 * With the same step: seconds += step (s - seconds), tokens += step (t - tokens), pace = seconds / tokens,
 * variance = (1 - step) variance + step (s - t pace)^2 / (1 - step), which for answers of one length is the variance above.
 * Nonsense changes nothing.
 */
function paceAfter(before: Pace | null, value: number | null, length: number): Pace | null {
  if (!isQuantity(value) || value > MOST_SECONDS || !isQuantity(length) || length === 0)
    return before;
  if (before === null) return { seconds: value, tokens: length, variance: 0, weight: 1 };
  const step = Math.max(LEAST_STEP, 1 / (before.weight + 1));
  const seconds = before.seconds + step * (value - before.seconds);
  const tokens = before.tokens + step * (length - before.tokens);
  const beyond = value - (length * seconds) / tokens;
  return {
    seconds,
    tokens,
    variance: (1 - step) * before.variance + (step * beyond ** 2) / (1 - step),
    weight: Math.min(1 / LEAST_STEP, before.weight + 1),
  };
}

/** Of one token, in answers as long as they are. */
const momentsOf = ({ seconds, tokens, variance, weight }: Pace): Moments => ({
  mean: seconds / tokens,
  variance: variance / tokens ** 2,
  weight,
});

/** Of what an operator believes, in shares of it. */
export const GUESS_DEVIATION = 0.5;

/** Mean and variance of both together. */
function mixed(measured: Moments | null, guessed: number): Spread {
  if (measured === null) return { mean: guessed, deviation: 0 };
  const ofGuess = (GUESS_DEVIATION * guessed) ** 2;
  const weight = PRIOR_WEIGHT * Math.max(0, 1 - measured.weight * LEAST_STEP);
  const total = measured.weight + weight;
  const mean = (measured.weight * measured.mean + weight * guessed) / total;
  const variance =
    (measured.weight * (measured.variance + (measured.mean - mean) ** 2) +
      weight * (ofGuess + (guessed - mean) ** 2)) /
    total;
  return { mean, deviation: Math.sqrt(variance) };
}

const spreadOf = ({ mean, variance }: Moments): Spread => ({
  mean,
  deviation: Math.sqrt(variance),
});

const isMoments = (value: unknown): value is Moments | null =>
  value === null ||
  (isRecord(value) &&
    isQuantity(value["mean"]) &&
    isQuantity(value["variance"]) &&
    isQuantity(value["weight"]));

const isPace = (value: unknown): value is Pace | null =>
  value === null ||
  (isRecord(value) &&
    isQuantity(value["seconds"]) &&
    isQuantity(value["tokens"]) &&
    value["tokens"] > 0 &&
    isQuantity(value["variance"]) &&
    isQuantity(value["weight"]));

const isMeasured = (value: unknown): value is Measured =>
  isRecord(value) &&
  isMoments(value["firstToken"]) &&
  isPace(value["perToken"]) &&
  isQuantity(value["failureShare"]);

// How a request of a labelled stream was answered, whoever answered it, and what the sum of them says.
import { type RequestKind } from "../simulator/request.ts";
import {
  type Interval,
  percentileInterval,
  upperBound,
  wilsonInterval,
} from "./operating-curve.ts";
import { Random } from "../../policy/random.ts";

export interface Answered {
  /** Place in the stream. */
  readonly index: number;
  readonly kind: RequestKind;
  /** A question and its near misses. */
  readonly family: string;
  readonly by: "exact" | "semantic" | "model";
  /** Of a hit: the asked group's answer, the same in another language, or another group's. */
  readonly fit: "right" | "other-language" | "wrong";
  readonly tokensIn: number;
  readonly tokensOut: number;
  /** A comparison that gave the system a label: with the answer of a call that was needed anyway, or of one more. */
  readonly label: "free" | "second-call" | null;
  /** What the cache was asked for: repeats of the text alone, or the rows near it, for which it is embedded. */
  readonly asked: "nothing" | "repeats" | "rows";
  /** Other wordings were not looked up, because that does not pay for the tenant. */
  readonly stopped?: boolean;
}

/** A share with its 95 % interval by bootstrap over families, and the upper end of a one-sided one. */
export interface FamilyShare {
  readonly count: number;
  readonly of: number;
  readonly share: number | null;
  readonly interval: Interval;
  /** By `upperBound`. */
  readonly upper95: number | null;
}

export interface StreamFigures {
  readonly name: string;
  readonly requests: number;
  readonly exactHits: number;
  readonly semanticHits: number;
  readonly modelCalls: number;
  readonly labels: number;
  readonly wrongPerRequest: FamilyShare;
  readonly wrongPerSemanticHit: FamilyShare;
  /** Asked before in the same words; answered rightly from the cache. */
  readonly repeatsServed: FamilyShare;
  /** Asked before in other words. */
  readonly rephrasingsServed: FamilyShare;
  /** Both together: everything a cache should serve. */
  readonly shouldHits: FamilyShare;
  readonly changedServedWrongly: FamilyShare;
  /** Asked before in another language only; served an answer in that language. Counted as neither right nor wrong. */
  readonly translationsServed: FamilyShare;
}

export function figuresOf(name: string, answered: readonly Answered[]): StreamFigures {
  const isHit = ({ by }: Answered) => by !== "model";
  const isRightHit = (one: Answered) => isHit(one) && one.fit === "right";
  const share = (of: (one: Answered) => boolean, counts: (one: Answered) => boolean) =>
    familyShare(answered, of, counts);
  const count = (test: (one: Answered) => boolean) => answered.filter(test).length;
  return {
    name,
    requests: answered.length,
    exactHits: count(({ by }) => by === "exact"),
    semanticHits: count(({ by }) => by === "semantic"),
    modelCalls: count(({ by }) => by === "model"),
    labels: count(({ label }) => label !== null),
    wrongPerRequest: share(() => true, isWrong),
    wrongPerSemanticHit: share(({ by }) => by === "semantic", isWrong),
    repeatsServed: share(({ kind }) => kind === "repeat", isRightHit),
    rephrasingsServed: share(({ kind }) => kind === "rephrase", isRightHit),
    shouldHits: share(shouldHit, isRightHit),
    changedServedWrongly: share(({ kind }) => kind === "changed", isWrong),
    translationsServed: share(
      ({ kind }) => kind === "translation",
      ({ fit }) => fit === "other-language",
    ),
  };
}

export const isWrong = ({ fit }: Answered): boolean => fit === "wrong";
const shouldHit = ({ kind }: Answered): boolean => kind === "repeat" || kind === "rephrase";

export interface StreamDifference {
  readonly against: string;
  /** First minus other. */
  readonly shouldHits: { readonly value: number; readonly interval: Interval };
  readonly rephrasings: { readonly value: number; readonly interval: Interval };
  readonly wrongPerRequest: { readonly value: number; readonly interval: Interval };
}

/** Both answered the same stream. */
export function streamDifference(
  first: readonly Answered[],
  other: readonly Answered[],
  against: string,
): StreamDifference {
  if (first.length !== other.length)
    throw new RangeError(`${first.length} and ${other.length} requests are no pairs`);
  const byIndex = new Map(other.map((one) => [one.index, one]));
  const pairs = first.map((one) => [one, byIndex.get(one.index)!] as const);
  const served = (one: Answered) => Number(one.by !== "model" && one.fit === "right");
  return {
    against,
    shouldHits: meanDifference(
      pairs.filter(([one]) => shouldHit(one)),
      served,
    ),
    rephrasings: meanDifference(
      pairs.filter(([{ kind }]) => kind === "rephrase"),
      served,
    ),
    wrongPerRequest: meanDifference(pairs, (one) => Number(isWrong(one))),
  };
}

function meanDifference(
  pairs: readonly (readonly [Answered, Answered])[],
  of: (one: Answered) => number,
) {
  const sums = new FamilySums();
  for (const [one, other] of pairs) sums.add(one.family, of(one) - of(other));
  return { value: sums.mean, interval: percentileInterval(sums.resampled()) };
}

function familyShare(
  answered: readonly Answered[],
  of: (one: Answered) => boolean,
  counts: (one: Answered) => boolean,
): FamilyShare {
  const sums = new FamilySums();
  for (const one of answered) if (of(one)) sums.add(one.family, Number(counts(one)));
  const { total: count, of: all } = sums;
  if (all === 0)
    return { count: 0, of: 0, share: null, interval: { low: 0, high: 1 }, upper95: null };
  const draws = sums.resampled();
  return {
    count,
    of: all,
    share: count / all,
    interval: count === 0 || count === all ? wilsonInterval(count, all) : percentileInterval(draws),
    upper95: upperBound(count, all, draws),
  };
}

const RESAMPLES = 1000;

/** Sums by family, and means of draws of families with replacement. */
class FamilySums {
  readonly #families = new Map<string, { total: number; of: number }>();
  total = 0;
  of = 0;

  add(family: string, value: number): void {
    const sums = this.#families.get(family) ?? { total: 0, of: 0 };
    sums.total += value;
    sums.of++;
    this.#families.set(family, sums);
    this.total += value;
    this.of++;
  }

  get mean(): number {
    return this.of === 0 ? 0 : this.total / this.of;
  }

  resampled(seed = 1): number[] {
    const families = [...this.#families.values()];
    if (families.length === 0) return [];
    const random = new Random(seed);
    return Array.from({ length: RESAMPLES }, () => {
      let [total, of] = [0, 0];
      for (let i = 0; i < families.length; i++) {
        const family = families[Math.floor(random.uniform() * families.length)]!;
        total += family.total;
        of += family.of;
      }
      return total / of;
    });
  }
}

// From outcomes to figures. Correct means: the served answer belongs to the asked group.
import { quantile, wilsonUpper } from "../../src/trainer-node/intervals.ts";
import { type RequestKind, REQUEST_KINDS } from "../../src/trainer-node/simulator/request.ts";
import { type CacheResult, type Outcome } from "./run.ts";

/** A share with the upper end of its one-sided 95 % Wilson interval; both null when `of` is 0. */
export interface Share {
  readonly count: number;
  readonly of: number;
  readonly share: number | null;
  readonly upper95: number | null;
}

export interface KindSummary {
  readonly kind: RequestKind | "all";
  readonly requests: number;
  readonly exactHits: number;
  readonly semanticHits: number;
  readonly augmented: number;
  /** Answers that a model gave for the request; a failed request has none. */
  readonly modelAnswers: number;
  readonly failures: number;
  /** Served from the cache with an answer of another group. */
  readonly wrong: number;
  /** Served from the cache with a right answer in another language than asked. */
  readonly otherLanguage: number;
  /** Served from the cache with a text nobody knows. */
  readonly unjudged: number;
  readonly delaySeconds: Delay | null;
}

export interface WrongHit {
  readonly id: string;
  readonly kind: RequestKind;
  readonly cache: CacheResult;
  readonly lang: string;
  readonly question: string;
  readonly group: string;
  readonly servedGroup: string | undefined;
  readonly similarity: number | undefined;
}

interface Delay {
  readonly mean: number;
  readonly p50: number;
  readonly p95: number;
}

export interface Summary {
  readonly kinds: readonly KindSummary[];
  readonly all: KindSummary;
  /** Of repeats whose text was answered before in the domain: served rightly, by exact match or not. */
  readonly repeatsServed: Share;
  /** Of repeats whose text a model answered before in the domain: served by exact match. */
  readonly repeatsServedExactly: Share;
  /** Served from the cache with a right answer, of all requests of the kind. */
  readonly rephrasingsServed: Share;
  readonly translationsServed: Share;
  /** Served from the cache at all; whatever is served for a changed question before it was answered is wrong. */
  readonly changedServedWrongly: Share;
  readonly wrongPerRequest: Share;
  readonly wrongPerSemanticHit: Share;
  readonly wrongExactHits: number;
  /** Every wrong hit, in the order of the stream. */
  readonly wrongHits: readonly WrongHit[];
  /** Gateway's own part of a request, x-velo-overhead-ms. */
  readonly overheadMs: { readonly p50: number; readonly p95: number } | null;
  /** How often each reason was given for not serving from the cache, the most frequent first. */
  readonly reasons: readonly { readonly reason: string; readonly count: number }[];
  readonly failures: readonly { readonly reason: string; readonly count: number }[];
}

export function summarise(outcomes: readonly Outcome[]): Summary {
  const ofKind = (kind: RequestKind) => outcomes.filter((outcome) => outcome.request.kind === kind);
  const semantic = outcomes.filter((outcome) => outcome.cache === "HIT-SEMANTIC");
  const rightHit = (outcome: Outcome) => isHit(outcome) && isRight(outcome);
  const overheads = outcomes.flatMap(({ overheadMs }) => overheadMs ?? []);
  return {
    kinds: REQUEST_KINDS.flatMap((kind) => {
      const some = ofKind(kind);
      return some.length === 0 ? [] : [summariseKind(kind, some)];
    }),
    all: summariseKind("all", outcomes),
    repeatsServed: shareOf(
      ofKind("repeat").filter(({ answeredBefore }) => answeredBefore),
      rightHit,
    ),
    repeatsServedExactly: shareOf(
      ofKind("repeat").filter(({ exactPossible }) => exactPossible),
      ({ cache }) => cache === "HIT-EXACT",
    ),
    rephrasingsServed: shareOf(ofKind("rephrase"), rightHit),
    translationsServed: shareOf(ofKind("translation"), rightHit),
    changedServedWrongly: shareOf(ofKind("changed"), isWrongHit),
    wrongPerRequest: shareOf(outcomes, isWrongHit),
    wrongPerSemanticHit: shareOf(semantic, isWrongHit),
    wrongExactHits: outcomes.filter(
      (outcome) => outcome.cache === "HIT-EXACT" && isWrongHit(outcome),
    ).length,
    wrongHits: outcomes
      .filter(isWrongHit)
      .map(({ request: { id, kind, lang, question, group }, cache, servedGroup, similarity }) => ({
        id,
        kind,
        cache,
        lang,
        question,
        group,
        servedGroup,
        similarity,
      })),
    overheadMs:
      overheads.length === 0
        ? null
        : { p50: quantile(overheads, 0.5), p95: quantile(overheads, 0.95) },
    reasons: tally(
      outcomes.map(({ cache, reason }) => (reason === "" ? "" : `${cache} ${reason}`)),
    ),
    failures: tally(outcomes.map(({ failure }) => failure ?? "")),
  };
}

function summariseKind(kind: RequestKind | "all", outcomes: readonly Outcome[]): KindSummary {
  const count = (test: (outcome: Outcome) => boolean) => outcomes.filter(test).length;
  const delays = outcomes
    .filter((outcome) => outcome.failure === undefined)
    .map((outcome) => outcome.delaySeconds);
  return {
    kind,
    requests: outcomes.length,
    exactHits: count(({ cache }) => cache === "HIT-EXACT"),
    semanticHits: count(({ cache }) => cache === "HIT-SEMANTIC"),
    augmented: count(({ cache }) => cache === "AUGMENTED"),
    modelAnswers: count((outcome) => !isHit(outcome) && outcome.failure === undefined),
    failures: count(({ failure }) => failure !== undefined),
    wrong: count(isWrongHit),
    otherLanguage: count(
      (outcome) =>
        isHit(outcome) &&
        isRight(outcome) &&
        outcome.servedLang !== undefined &&
        outcome.servedLang !== outcome.request.lang,
    ),
    unjudged: count((outcome) => isHit(outcome) && outcome.servedGroup === undefined),
    delaySeconds:
      delays.length === 0
        ? null
        : {
            mean: delays.reduce((sum, delay) => sum + delay, 0) / delays.length,
            p50: quantile(delays, 0.5),
            p95: quantile(delays, 0.95),
          },
  };
}

function isHit({ cache }: Outcome): boolean {
  return cache === "HIT-EXACT" || cache === "HIT-SEMANTIC";
}

function isRight({ servedGroup, request }: Outcome): boolean {
  return servedGroup === request.group;
}

function isWrongHit(outcome: Outcome): boolean {
  return isHit(outcome) && outcome.servedGroup !== undefined && !isRight(outcome);
}

function shareOf<T>(outcomes: readonly T[], test: (outcome: T) => boolean): Share {
  const count = outcomes.filter(test).length;
  const of = outcomes.length;
  return of === 0
    ? { count, of, share: null, upper95: null }
    : { count, of, share: count / of, upper95: wilsonUpper(count, of) };
}

function tally(words: readonly string[]): { readonly reason: string; readonly count: number }[] {
  const counts = new Map<string, number>();
  for (const word of words) if (word !== "") counts.set(word, (counts.get(word) ?? 0) + 1);
  return [...counts]
    .map(([reason, count]) => ({ reason, count }))
    .toSorted((a, b) => b.count - a.count);
}

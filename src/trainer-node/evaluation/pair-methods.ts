// Ways to tell whether a stored answer fits a question, ours and others', all behind one interface, so that each gets its
// threshold in the same way.
import { type Candidate } from "../../policy/cache/candidate.ts";
import {
  type GridWeights,
  type LabelledReuse,
  UNIFORM_PRIOR,
  alphaAt,
  empiricalPrior,
  posterior,
} from "../../policy/cache/error-budget.ts";
import { languageOf } from "../../policy/cache/language.ts";
import { normaliseQuestion, personalDataIn, readQuestion } from "../../policy/cache/question.ts";
import { type ResolverLimits, resolve } from "../../policy/cache/resolver.ts";
import { type EmbedderProfile } from "../../policy/embedders.ts";
import {
  type PairScorer,
  type PairText,
  verifierLimits,
} from "../../policy/verifier/pair-scorer.ts";
import { inner } from "./neighbours.ts";
import { CharacterTfIdf } from "./tf-idf.ts";

export interface PairMethod {
  readonly name: string;
  /** Higher is likelier right; -Infinity where the method never serves. */
  readonly score: (a: string, b: string) => number;
  /** Told after every pair, for methods that learn on the way. */
  readonly learn?: (a: string, b: string, same: boolean) => void;
  /** Served without any calibration: a score above this. */
  readonly fixedThreshold?: number;
  /** Only the fixed threshold is of interest. */
  readonly isFixed?: boolean;
}

/** The last pair's value is remembered, because all methods are asked about one pair after the other. */
function lastRemembered<T>(of: (a: string, b: string) => T): (a: string, b: string) => T {
  let last: { readonly a: string; readonly b: string; readonly value: T } | null = null;
  return (a, b) => {
    if (last?.a !== a || last.b !== b) last = { a, b, value: of(a, b) };
    return last.value;
  };
}

export const cosineBy = (embed: (text: string) => Float32Array): Cosine =>
  lastRemembered((a, b) => inner(embed(a), embed(b)));

type Cosine = (a: string, b: string) => number;

export const cosineMethod = (cosine: Cosine): PairMethod => ({ name: "cosine", score: cosine });

/**
 * GPTCache as its similar-search start-up sets it up: a hit when max_distance - d^2 >= 0.8 max_distance with
 * max_distance = 4 and faiss' squared L2 distance, so d^2 <= 0.8 and cos >= 0.6.
 */
export const gptCacheDefaults = (cosine: Cosine): PairMethod => ({
  name: "GPTCache defaults (cos >= 0.6)",
  score: cosine,
  fixedThreshold: below(0.6),
  isFixed: true,
});

/** RedisVL's SemanticCache: distance_threshold 0.1 of Redis' cosine distance 1 - cos. */
export const redisVlDefaults = (cosine: Cosine): PairMethod => ({
  name: "RedisVL defaults (cos >= 0.9)",
  score: cosine,
  fixedThreshold: below(0.9),
  isFixed: true,
});

/** "At least" as "above". */
const below = (least: number): number => least - 1e-9;

export function tfIdfMethod(texts: Iterable<string>): PairMethod {
  const weights = new CharacterTfIdf(texts);
  return { name: "character TF-IDF", score: (a, b) => weights.cosine(a, b) };
}

const PRIOR_EVERY = 2_000;
const MAX_LABELS = 64;

/**
 * A threshold per entry, as vCache learns them (error-budget.ts tells where from and how ours differs). The score is the
 * entry's estimate of P(correct). It is told the label of every earlier pair of its entry, which is more than a cache
 * that serves gets to know. `distanceOf` is null where nothing is served.
 */
function perEntryMethod(
  name: string,
  distanceOf: (a: string, b: string) => number | null,
): PairMethod {
  const labels = new Map<string, LabelledReuse[]>();
  let prior: GridWeights = UNIFORM_PRIOR;
  let events = 0;
  return {
    name,
    score(a, b) {
      const distance = distanceOf(a, b);
      if (distance === null) return -Infinity;
      const known = labels.get(b);
      return alphaAt(known === undefined ? prior : posterior(known, prior), distance);
    },
    learn(a, b, same) {
      const distance = distanceOf(a, b);
      if (distance === null) return;
      const known = labels.get(b) ?? [];
      known.push({ distance, correct: same ? 1 : 0 });
      if (known.length > MAX_LABELS) known.shift();
      labels.set(b, known);
      if (++events % PRIOR_EVERY === 0)
        prior = empiricalPrior([...labels.values()].map((each) => posterior(each)));
    },
  };
}

/** On the cosine alone, without guards. */
export const perEntryCosine = (cosine: Cosine): PairMethod =>
  perEntryMethod("per-entry thresholds", (a, b) => distanceFrom(cosine(a, b)));

const distanceFrom = (cosine: number): number => Math.sqrt(Math.max(0, 2 - 2 * cosine));

export interface GatewayOptions {
  readonly cosine: Cosine;
  readonly embedder: EmbedderProfile;
  /** Null: no verifier, guards and distance alone. */
  readonly scorer: PairScorer | null;
}

/**
 * What the gateway does with `a` when `b` is the only row: the words' own reading, then the production resolver with guards
 * and budget. The distance that the budget works on (the verifier's, where there is one), or null where nothing is served at
 * any distance.
 */
export function gatewayDistance({
  cosine,
  embedder,
  scorer,
}: GatewayOptions): (a: string, b: string) => number | null {
  const limits: ResolverLimits = {
    coldStartDistance: Infinity,
    noteDistance: 0,
    deltaHit: 0.02,
    deltaRequest: 0.01,
    ...verifierLimits(scorer, embedder.id),
    coldStartMatch: Infinity,
  };
  return lastRemembered((a, b) => {
    const [asked, stored] = [normaliseQuestion(a), normaliseQuestion(b)];
    const levels = new Set([levelOf(asked), levelOf(stored)]);
    if (levels.has("bypass")) return null;
    if (asked === stored) return 0;
    if (levels.has("exact")) return null;
    const row = rowOf(stored, distanceFrom(cosine(a, b)));
    const request = { text: asked, lang: languageOf(asked), fp: FP, now: NOW };
    const { servable, verdicts } = resolve(request, [row], limits);
    return servable === null ? null : (verdicts[0]?.verifier?.matchDistance ?? row.distance);
  });
}

/** The budget's cold-start distance is the threshold; shipped, it is the embedder's or the verifier's. */
export function gatewayMethod(
  { embedder, scorer }: Pick<GatewayOptions, "embedder" | "scorer">,
  distanceOf: (a: string, b: string) => number | null,
): PairMethod {
  return {
    name: "velo",
    score(a, b) {
      const distance = distanceOf(a, b);
      return distance === null ? -Infinity : -distance;
    },
    fixedThreshold: below(-(scorer?.coldStartMatch(embedder.id) ?? embedder.coldStartDistance)),
  };
}

/** The verifier without guards or hard distance. */
export const verifierMethod = (
  scorer: PairScorer,
  { cosine, embedder }: GatewayOptions,
): PairMethod => ({
  name: "verifier alone",
  score(a, b) {
    const known = scorer.knowsCosine(embedder.id) ? cosine(a, b) : null;
    return -scorer.score(textOf(a), textOf(b), known).matchDistance;
  },
});

function textOf(question: string): PairText {
  const text = normaliseQuestion(question);
  return { text, lang: languageOf(text) };
}

/** The gateway with what each row has learnt from earlier pairs; told as much as the per-entry thresholds are. */
export const learningGatewayMethod = (
  distanceOf: (a: string, b: string) => number | null,
): PairMethod => perEntryMethod("velo, learning", distanceOf);

const FP = "f".repeat(26);
const NOW = 1_795_132_800_000;
const DAY = 86_400_000;

function rowOf(question: string, distance: number): Candidate {
  return {
    id: "row",
    ansId: "answer",
    role: 1,
    distance,
    useCount: 1,
    fp: FP,
    lang: languageOf(question),
    question,
    createdAt: NOW,
    expiresAt: NOW + DAY,
  };
}

function levelOf(question: string): "bypass" | "exact" | "semantic" {
  return personalDataIn(question) === null ? readQuestion(question).level : "bypass";
}

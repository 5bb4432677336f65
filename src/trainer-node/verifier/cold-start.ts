// tau_0: how close a row without labels must match. Set on traps that no tree has seen, behind the guards that the resolver
// has, so that at most one in a hundred of them passes.
import { type Candidate } from "../../policy/cache/candidate.ts";
import { checkGuards } from "../../policy/cache/guards.ts";
import { languageOf } from "../../policy/cache/language.ts";
import { distanceFromCosine } from "../../policy/observation.ts";
import { type PairScorer } from "../../policy/verifier/pair-scorer.ts";
import { type Embed } from "../../policy/verifier/pair-reading.ts";

export interface QuestionPair {
  readonly a: string;
  readonly b: string;
}

/** What stands between a request and the answer stored for another question. */
export interface PairOutcome {
  /** The guard that refuses, or null. */
  readonly guard: string | null;
  /** Of the embeddings; NaN where the embedder is none of ours. */
  readonly distance: number;
  readonly matchDistance: number;
}

const MAX_TRAPS = 0.01;
/**
 * Not even where no trap is known is a row without labels served below a probability of 0.98: one hit in fifty may be wrong.
 * Traps alone set it too loosely, because in a stream most near rows are other questions.
 */
const LOOSEST = 0.2;
const GRAIN = 1000;

/** @param embed of the embedder whose cosines the scorer knows; null for any other */
export function outcomeOf(
  { a, b }: QuestionPair,
  scorer: PairScorer,
  embed: Embed | null,
): PairOutcome {
  const cosine = embed === null ? null : dot(embed(a), embed(b));
  const request = { text: a, lang: languageOf(a), fp: "fp", now: 0 };
  const row: Candidate = {
    id: "row",
    ansId: "answer",
    role: 1,
    distance: cosine === null ? 0 : distanceFromCosine(cosine),
    useCount: 1,
    fp: "fp",
    lang: languageOf(b),
    question: b,
    createdAt: 0,
    expiresAt: Infinity,
  };
  const failed = checkGuards(request, row, { fuzzy: "signal" }).find(({ pass }) => !pass);
  const { matchDistance } = scorer.score(request, { text: b, lang: row.lang }, cosine);
  return {
    guard: failed?.guard ?? null,
    distance: cosine === null ? Number.NaN : row.distance,
    matchDistance,
  };
}

/** The largest matchDistance at which at most 1 % of each set of traps pass; rounded down. */
export function coldStartMatch(sets: readonly (readonly PairOutcome[])[]): number {
  const limits = sets.map((traps) => {
    const passing = traps
      .filter(({ guard }) => guard === null)
      .map(({ matchDistance }) => matchDistance)
      .toSorted((one, other) => one - other);
    const first = passing[Math.floor(MAX_TRAPS * traps.length)];
    // The trap that must not pass lies beyond the threshold.
    return first === undefined ? LOOSEST : first - 1 / GRAIN;
  });
  return Math.max(0, Math.floor(GRAIN * Math.min(LOOSEST, ...limits)) / GRAIN);
}

function dot(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}

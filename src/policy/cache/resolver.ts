// What "use the cache" comes to: serve a stored answer (A), put notes into the prompt (C), or call the model after all.
// Deterministic and outside the policy, which learns around it: the rule is part of the environment, so every
// experience carries its version.
import {
  type BudgetLimits,
  type BudgetVerdict,
  HARD_DISTANCE,
  budgetVerdict,
} from "./error-budget.ts";
import { type Candidate } from "./candidate.ts";
import { type GuardVerdict, type GuardedRequest, guardsFor } from "./guards.ts";
import { type PairVerdict, type Verifier } from "../verifier/pair-scorer.ts";
import { cosineFromDistance } from "../observation.ts";

/** Raise it with every change of a guard, the budget or the selection; estimates from logs never mix versions. */
export const RESOLVER_VERSION = 7;

/** Eq. 4 of DLRS picks among rows this close to the nearest one, so that popular rows never beat relevant ones. */
const WINDOW = 0.05;
const SIMILARITY_WEIGHT = 0.9;
const FREQUENCY_WEIGHT = 0.1;
/** Most rows given to the model as notes. */
const MAX_NOTES = 3;
/** The paper's A / C boundary tau_A, as its tables imply it. */
const PAPER_SERVE_DISTANCE = 0.6;

/** The scorer finds it likelier that the answer does not fit: no label of other reuses changes that. */
const LEAST_PROBABILITY = 0.5;

export interface RowVerdict {
  readonly id: string;
  readonly distance: number;
  readonly guards: readonly GuardVerdict[];
  /** The scorer's word; null where there is no scorer, or a guard or the distance had already refused. */
  readonly verifier: VerifierVerdict | null;
  readonly budget: BudgetVerdict | null;
}

interface VerifierVerdict extends PairVerdict {
  /** Id of the scorer. */
  readonly scorer: string;
  /** Probability that the row needed: without labels the cold start's, with labels the least at all. */
  readonly threshold: number;
  readonly pass: boolean;
}

export interface ResolverLimits extends BudgetLimits {
  /** Says how likely a stored answer fits, with `coldStartMatch` as its tau_0; without one the raw distance decides. */
  readonly verifier?: Verifier;
  /** Rows farther away are never notes. */
  readonly noteDistance: number;
  /** The least probability of fitting of a note's row, where there is a scorer; left out: rather yes than no. */
  readonly minNoteProbability?: number;
  /** Paper mode: a question row is served up to this distance; 0.6 when left out. */
  readonly paperServeDistance?: number;
}

export interface Resolution {
  /** The row whose answer may be served, or null. */
  readonly servable: Candidate | null;
  /** Rows for a prompt, best first; empty when nothing is near enough. */
  readonly notes: readonly Candidate[];
  /** One for each examined row, nearest first. */
  readonly verdicts: readonly RowVerdict[];
  /** Why nothing may be served: "no-candidate", "guard:number", "distance", "verifier", "budget", "answer-row"; or null. */
  readonly obstacle: string | null;
}

/**
 * Examines the rows nearest first: guards, scorer, budget. They come before Eq. 4: a changed number lies nearer than an
 * honest rephrasing, so the window is laid from the best row that may be served, not from the nearest row.
 * `mode: "paper"` has neither guards nor budget nor window and serves question rows up to `paperServeDistance`.
 */
export function resolve(
  request: GuardedRequest,
  candidates: readonly Candidate[],
  limits: ResolverLimits,
  mode: "product" | "paper" = "product",
): Resolution {
  const rows = candidates.toSorted((a, b) => a.distance - b.distance);
  if (rows.length === 0)
    return { servable: null, notes: [], verdicts: [], obstacle: "no-candidate" };
  if (mode === "paper") return resolveLiterally(rows, limits);
  // Rules that may be wrong about an honest paraphrase leave it to the scorer, where there is one.
  const check = guardsFor(request, { fuzzy: limits.verifier === undefined ? "veto" : "signal" });
  const verdicts = rows.map((row): RowVerdict => {
    // Reading a row costs more than comparing a distance, and most rows lie too far away for either use.
    const isNear = row.distance <= Math.max(HARD_DISTANCE, limits.noteDistance);
    const guards = isNear ? check(row) : [];
    const mayFit =
      row.role === 1 && row.distance <= HARD_DISTANCE && guards.every(({ pass }) => pass);
    const verifier = mayFit ? verifierVerdict(request, row, limits) : null;
    // On the scorer's axis where it has spoken, on that of raw distances where there is none.
    const budget = budgetVerdict({ ...row, matchDistance: verifier?.matchDistance }, limits);
    return { id: row.id, distance: row.distance, guards, verifier, budget };
  });
  const matches = new Map(
    rows.map((row, p) => [row, verdicts[p]!.verifier?.matchDistance ?? row.distance] as const),
  );
  const servable = selectRow(
    rows
      .filter((row, p) => obstacleOf(row, verdicts[p]!) === null)
      .toSorted((a, b) => matches.get(a)! - matches.get(b)!),
    WINDOW,
    (row) => matches.get(row)!,
  );
  const notes = rows
    .filter((row, p) => row.distance <= limits.noteDistance && isUsableNote(verdicts[p]!, limits))
    .toSorted((a, b) => matches.get(a)! - matches.get(b)!)
    .slice(0, MAX_NOTES);
  const obstacle = servable === null ? obstacleOf(rows[0]!, verdicts[0]!) : null;
  return { servable, notes, verdicts, obstacle };
}

function verifierVerdict(
  request: GuardedRequest,
  row: Candidate,
  { verifier, coldStartMatch = 0 }: ResolverLimits,
): VerifierVerdict | null {
  if (verifier === undefined) return null;
  const { scorer, knowsCosine } = verifier;
  const cosine = knowsCosine ? cosineFromDistance(row.distance) : null;
  const verdict = scorer.score(
    { text: request.text, lang: request.lang },
    { text: row.question, lang: row.lang },
    cosine,
  );
  const isLabelled = (row.evidence?.labels ?? 0) > 0;
  const threshold = isLabelled ? LEAST_PROBABILITY : 1 - coldStartMatch ** 2 / 2;
  // Compared as a distance, as the budget does it; written so that what is no number fails.
  const pass = isLabelled
    ? verdict.probability >= LEAST_PROBABILITY
    : verdict.matchDistance <= coldStartMatch;
  return { ...verdict, scorer: scorer.id, threshold, pass };
}

/**
 * p* = argmax w_s (1 - d^2 / 2) + w_f ln(1 + n) / ln(1 + n_max) over the rows within `window` of the nearest
 * (DLRS Eq. 4 with the distance turned into a similarity). The nearer row wins a tie. `rows` are sorted by `distanceOf`,
 * which is the scorer's where there is one: of two rows that may be served the one that fits better.
 */
export function selectRow(
  rows: readonly Candidate[],
  window: number,
  distanceOf: (row: Candidate) => number = ({ distance }) => distance,
): Candidate | null {
  const nearest = rows[0];
  if (nearest === undefined) return null;
  const near = rows.filter((row) => distanceOf(row) <= distanceOf(nearest) + window);
  const most = Math.log1p(Math.max(1, ...near.map((row) => row.useCount)));
  const score = (row: Candidate) =>
    SIMILARITY_WEIGHT * (1 - distanceOf(row) ** 2 / 2) +
    (FREQUENCY_WEIGHT * Math.log1p(row.useCount)) / most;
  return near.reduce((best, row) => (score(row) > score(best) ? row : best));
}

/** Why this row may not be served: the first thing in its way, or null. */
export function obstacleOf(
  row: Candidate,
  { guards, verifier, budget }: RowVerdict,
): string | null {
  if (row.role === 2) return "answer-row";
  const failed = guards.find((verdict) => !verdict.pass);
  if (failed !== undefined) return `guard:${failed.guard}`;
  if (verifier?.pass === false) return "verifier";
  if (budget?.pass === true) return null;
  if (verifier !== null) return "budget";
  return budget === null || budget.alpha === null ? "distance" : "budget";
}

/**
 * Where there is a scorer, only what it finds relevant. Without one notes may differ from the request in content, never in
 * whom they belong to or whether they are still valid.
 */
function isUsableNote(
  { guards, verifier }: RowVerdict,
  { verifier: scorer, minNoteProbability = LEAST_PROBABILITY }: ResolverLimits,
): boolean {
  if (scorer !== undefined) return verifier !== null && verifier.probability >= minNoteProbability;
  const hard = new Set(["scope", "expiry", "quarantine"]);
  return guards.every((verdict) => verdict.pass || !hard.has(verdict.guard));
}

function resolveLiterally(
  rows: readonly Candidate[],
  { paperServeDistance = PAPER_SERVE_DISTANCE }: ResolverLimits,
): Resolution {
  const chosen = selectRow(rows, Infinity)!;
  const isServed = chosen.role === 1 && chosen.distance <= paperServeDistance;
  return {
    servable: isServed ? chosen : null,
    // The row of Eq. 4 is the one whose value follows from the answer, so it is always among them.
    notes: [chosen, ...rows.filter((row) => row !== chosen)].slice(0, MAX_NOTES),
    verdicts: rows.map(({ id, distance }) => ({
      id,
      distance,
      guards: [],
      verifier: null,
      budget: null,
    })),
    obstacle: isServed ? null : chosen.role === 2 ? "answer-row" : "distance",
  };
}

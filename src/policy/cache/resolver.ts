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

/** Raise it with every change of a guard, the budget or the selection; estimates from logs never mix versions. */
export const RESOLVER_VERSION = 5;

/** Eq. 4 of DLRS picks among rows this close to the nearest one, so that popular rows never beat relevant ones. */
const WINDOW = 0.05;
const SIMILARITY_WEIGHT = 0.9;
const FREQUENCY_WEIGHT = 0.1;
/** Most rows given to the model as notes. */
const MAX_NOTES = 3;
/** The paper's A / C boundary, as its tables imply it. */
const PAPER_SERVE_DISTANCE = 0.6;

export interface RowVerdict {
  readonly id: string;
  readonly distance: number;
  readonly guards: readonly GuardVerdict[];
  readonly budget: BudgetVerdict | null;
}

export interface ResolverLimits extends BudgetLimits {
  /** Rows farther away are never notes. */
  readonly noteDistance: number;
}

export interface Resolution {
  /** The row whose answer may be served, or null. */
  readonly servable: Candidate | null;
  /** Rows for a prompt, best first; empty when nothing is near enough. */
  readonly notes: readonly Candidate[];
  /** One for each examined row, nearest first. */
  readonly verdicts: readonly RowVerdict[];
  /** Why nothing may be served ("no-candidate", "guard:number", "distance", "budget", "answer-row"), or null. */
  readonly obstacle: string | null;
}

/**
 * Examines the rows nearest first. Guards and budget come before Eq. 4: a changed number lies nearer than an honest
 * rephrasing, so the window is laid from the nearest row that may be served, not from the nearest row.
 * `mode: "paper"` has neither guards nor budget nor window and serves question rows up to a distance of 0.6.
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
  if (mode === "paper") return resolveLiterally(rows);
  const check = guardsFor(request);
  const verdicts = rows.map((row): RowVerdict => {
    const budget = budgetVerdict(row, limits);
    // Reading a row costs more than comparing a distance, and most rows lie too far away for either use.
    const isNear = row.distance <= Math.max(HARD_DISTANCE, limits.noteDistance);
    return { id: row.id, distance: row.distance, guards: isNear ? check(row) : [], budget };
  });
  const servable = selectRow(
    rows.filter((row, p) => obstacleOf(row, verdicts[p]!) === null),
    WINDOW,
  );
  const notes = rows
    .filter((row, p) => row.distance <= limits.noteDistance && isUsableNote(verdicts[p]!))
    .slice(0, MAX_NOTES);
  const obstacle = servable === null ? obstacleOf(rows[0]!, verdicts[0]!) : null;
  return { servable, notes, verdicts, obstacle };
}

/**
 * p* = argmax w_s (1 - d^2 / 2) + w_f ln(1 + n) / ln(1 + n_max) over the rows within `window` of the nearest
 * (DLRS Eq. 4 with the distance turned into a similarity). The nearer row wins a tie. `rows` are sorted by distance.
 */
export function selectRow(rows: readonly Candidate[], window: number): Candidate | null {
  const nearest = rows[0];
  if (nearest === undefined) return null;
  const near = rows.filter((row) => row.distance <= nearest.distance + window);
  const most = Math.log1p(Math.max(1, ...near.map((row) => row.useCount)));
  const score = (row: Candidate) =>
    SIMILARITY_WEIGHT * (1 - row.distance ** 2 / 2) +
    (FREQUENCY_WEIGHT * Math.log1p(row.useCount)) / most;
  return near.reduce((best, row) => (score(row) > score(best) ? row : best));
}

/** Why this row may not be served: the first thing in its way, or null. */
export function obstacleOf(row: Candidate, { guards, budget }: RowVerdict): string | null {
  if (row.role === 2) return "answer-row";
  const failed = guards.find((verdict) => !verdict.pass);
  if (failed !== undefined) return `guard:${failed.guard}`;
  if (budget?.pass === true) return null;
  return budget === null || budget.alpha === null ? "distance" : "budget";
}

/** Notes may differ from the request in content, never in whom they belong to or whether they are still valid. */
function isUsableNote({ guards }: RowVerdict): boolean {
  const hard = new Set(["scope", "expiry", "quarantine"]);
  return guards.every((verdict) => verdict.pass || !hard.has(verdict.guard));
}

function resolveLiterally(rows: readonly Candidate[]): Resolution {
  const chosen = selectRow(rows, Infinity)!;
  const isServed = chosen.role === 1 && chosen.distance <= PAPER_SERVE_DISTANCE;
  return {
    servable: isServed ? chosen : null,
    notes: rows.slice(0, MAX_NOTES),
    verdicts: rows.map(({ id, distance }) => ({ id, distance, guards: [], budget: null })),
    obstacle: isServed ? null : chosen.role === 2 ? "answer-row" : "distance",
  };
}

// The decision on one page: probabilities -> exploration floor -> drawn action -> resolver -> A, C or B.
// The policy proposes; the guards and the error budget dispose. Whatever is not a number ends in a direct call.
import { type ActionNames, type Handling } from "./action.ts";
import { type Candidate } from "./cache/candidate.ts";
import { type GuardedRequest } from "./cache/guards.ts";
import {
  type Resolution,
  type ResolverLimits,
  type RowVerdict,
  obstacleOf,
  resolve,
} from "./cache/resolver.ts";
import { type PolicyOutput } from "./network/policy.ts";

export interface DecideInput {
  readonly request: GuardedRequest;
  readonly candidates: readonly Candidate[];
  readonly output: PolicyOutput;
  readonly actions: ActionNames;
  /** Every action keeps at least probability `epsilon`; `draw`, uniform in [0, 1), picks one. */
  readonly explore: { readonly epsilon: number; readonly draw: number };
  readonly limits: ResolverLimits;
  readonly allow: { readonly serve: boolean; readonly augment: boolean };
  /** "paper": no guards, no budget, no window (resolver.ts). */
  readonly mode?: "product" | "paper";
}

export interface Decision {
  /** Index of the drawn action. */
  readonly action: number;
  /** Its probability, exploration floor and mask included. */
  readonly mu: number;
  /** [A] the policy's probabilities before the floor; a masked action has 0 and the others are renormalised. */
  readonly probs: readonly number[];
  readonly handling: Handling;
  /** B_FALLBACK: the policy wanted the cache and the resolver called the model. */
  readonly sub: Handling | "B_FALLBACK";
  /** The row whose answer is served; null unless `handling` is A. */
  readonly selected: Candidate | null;
  /** Rows for the prompt; empty unless `handling` is C. */
  readonly notes: readonly Candidate[];
  readonly verdicts: readonly RowVerdict[];
  /**
   * "served", "augmented", "policy" (it chose the model), "explore" (the budget wants a label), "not-allowed",
   * "not-finite", or what was in the nearest row's way: "no-candidate", "distance", "verifier", "budget", "guard:number", ...
   */
  readonly reason: string;
  /** The nearest row that was not served, and why. */
  readonly nearestMiss: {
    readonly id: string;
    readonly distance: number;
    readonly question: string;
    readonly why: string;
  } | null;
}

/** Pure and deterministic: the same input gives the same decision, here and in the simulator. */
export function decide(input: DecideInput): Decision {
  const { actions, candidates, explore, limits, output, request, allow } = input;
  const found = resolve(request, candidates, limits, input.mode);
  // In the three-way head A is masked when no row may be served; the two-way head leaves that to the resolver.
  const open = actions.map((name) => name !== "A" || found.servable !== null);
  const probs = maskedProbabilities(output, open);
  const drawn =
    probs === null
      ? { action: 0, mu: 1, rest: 0 }
      : drawAction(flooredProbabilities(probs, open, explore.epsilon), explore.draw);
  const outcome =
    probs === null
      ? { handling: "B" as const, sub: "B" as const, reason: "not-finite" }
      : execute(actions[drawn.action]!, drawn.rest, found, allow);
  const selected = outcome.handling === "A" ? found.servable : null;
  return {
    action: drawn.action,
    mu: drawn.mu,
    probs: probs ?? actions.map((_, index) => (index === 0 ? 1 : 0)),
    ...outcome,
    selected,
    notes: outcome.handling === "C" ? found.notes : [],
    verdicts: found.verdicts,
    nearestMiss: nearestMissOf(candidates, found, selected, outcome.reason),
  };
}

/** pi = (1 - n epsilon) p + epsilon over the n open actions, 0 for the masked ones; sums to 1 if p does. */
export function flooredProbabilities(
  probs: readonly number[],
  open: readonly boolean[],
  epsilon: number,
): readonly number[] {
  const n = open.filter(Boolean).length;
  return probs.map((p, action) => (open[action] === true ? (1 - n * epsilon) * p + epsilon : 0));
}

/** Renormalised over the open actions; null when anything is not finite or nothing is left. */
export function maskedProbabilities(
  { logits, probs }: PolicyOutput,
  open: readonly boolean[],
): readonly number[] | null {
  if (probs.length !== open.length || ![...logits, ...probs].every(Number.isFinite)) return null;
  const masked = open.map((isOpen, action) => (isOpen ? probs[action]! : 0));
  const total = masked.reduce((a, b) => a + b, 0);
  return total > 0 ? masked.map((p) => p / total) : null;
}

/** Inverse distribution function. `rest`, the draw's place inside the action's share, is again uniform in [0, 1). */
function drawAction(
  floored: readonly number[],
  draw: number,
): { action: number; mu: number; rest: number } {
  let below = 0;
  for (const [action, mu] of floored.entries()) {
    if (draw < below + mu) return { action, mu, rest: (draw - below) / mu };
    below += mu;
  }
  // Rounding left a draw above the sum: the last action that is possible at all.
  const action = floored.findLastIndex((mu) => mu > 0);
  return { action, mu: floored[action]!, rest: 0 };
}

type Execution = Pick<Decision, "handling" | "sub" | "reason">;

/** What the drawn action comes to, given what the resolver found. */
function execute(
  name: ActionNames[number],
  rest: number,
  { servable, notes, obstacle, verdicts }: Resolution,
  allow: DecideInput["allow"],
): Execution {
  const fallBack = (reason: string): Execution => ({ handling: "B", sub: "B_FALLBACK", reason });
  switch (name) {
    case "direct":
    case "B":
      return { handling: "B", sub: "B", reason: "policy" };
    case "cache":
    case "A": {
      if (servable !== null) {
        if (!allow.serve) return fallBack("not-allowed");
        const budget = verdicts.find((verdict) => verdict.id === servable.id)?.budget;
        if (rest < (budget?.explore ?? 0)) return fallBack("explore");
        return { handling: "A", sub: "A", reason: "served" };
      }
      return notes.length > 0 && allow.augment
        ? { handling: "C", sub: "C", reason: "augmented" }
        : fallBack(obstacle ?? "no-candidate");
    }
    case "C":
      if (notes.length === 0) return fallBack(verdicts.length === 0 ? "no-candidate" : "distance");
      return allow.augment
        ? { handling: "C", sub: "C", reason: "augmented" }
        : fallBack("not-allowed");
    default:
      name satisfies never;
      throw new Error(`unknown action ${String(name)}`);
  }
}

function nearestMissOf(
  candidates: readonly Candidate[],
  { verdicts }: Resolution,
  selected: Candidate | null,
  reason: string,
): Decision["nearestMiss"] {
  const verdict = verdicts.find(({ id }) => id !== selected?.id);
  const row = candidates.find(({ id }) => id === verdict?.id);
  if (verdict === undefined || row === undefined) return null;
  const isOutranked = selected !== null;
  const why = obstacleOf(row, verdict) ?? (isOutranked ? "outranked" : reason);
  return { id: row.id, distance: row.distance, question: row.question, why };
}

// Requests of the paper's world by hand: rows at given distances, and what each action would come to.
import { type Candidate } from "../../src/policy/cache/candidate.ts";
import { type PolicyOutput } from "../../src/policy/network/policy.ts";
import { buildObservation } from "../../src/policy/observation.ts";
import {
  type Branch,
  type Executed,
  type Pending,
} from "../../src/trainer-node/simulator/executed.ts";
import { candidate } from "./candidate.ts";

/** A direct call of the paper: q - 0.1 d = -0.5 - 0.8. */
export const branch = (fields: Partial<Branch> = {}): Branch => ({
  handling: "B",
  reason: "",
  correct: true,
  quality: -0.5,
  delaySeconds: 8,
  utility: -1.3,
  ...fields,
});

/** A request of the paper's world with these rows, nearest first. */
export function pendingWith(
  distances: readonly number[],
  rest: {
    readonly index?: number;
    readonly agent?: number;
    readonly direct?: Branch;
    readonly cache?: Branch;
    readonly rows?: readonly Partial<Candidate>[];
  } = {},
): Pending {
  const { index = 0, agent = 0, direct = branch(), cache = branch({ handling: "A" }) } = rest;
  const candidates = distances.map((distance, i) =>
    candidate({ id: `row-${i}`, distance, ...rest.rows?.[i] }),
  );
  return {
    request: { index } as Pending["request"],
    agent,
    at: 1000,
    observation: buildObservation(new Float32Array(768), candidates, -1, "paper"),
    candidates,
    counterfactual: () => ({ direct, cache, ideal: null }),
  };
}

/** What became of a request that was called for (action 0) or given to the cache (1). */
export const executedOf = (
  pending: Pending,
  action: 0 | 1,
  fields: Partial<Branch> = {},
): Executed =>
  ({
    ...branch(fields),
    request: pending.request,
    agent: pending.agent,
    decision: { action },
  }) as Executed;

export const actionOf = ({ probs }: PolicyOutput): number => probs.indexOf(Math.max(...probs));

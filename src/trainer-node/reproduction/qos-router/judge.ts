// Judges every claim: over all seeds of runs, and in each setting of the grid; and which rule is to be shipped.
import { formatEstimate } from "../report/figures.ts";
import { inGroups, judgeAll } from "../report/judge-claims.ts";
import { type Estimate } from "../report/statistics.ts";
import { type ClaimResult } from "../report/verdict.ts";
import { CLAIMS, type Claim } from "./claims.ts";
import { remarkOf } from "./remarks.ts";
import { gridView, type QosRouterResults } from "./results.ts";

const GROUPS = {
  T: "What the router should show (T)",
  O: "Our own questions (O)",
  C: "By construction (C)",
} as const;

export const groupOf = (id: string): string => GROUPS[id[0] as keyof typeof GROUPS];

/** Over the seeds that ran all that a claim needs; a claim without any is left out. */
export function judge(results: QosRouterResults): readonly ClaimResult[] {
  const judged = judgeAll({
    claims: CLAIMS,
    seeds: results.allSeeds(),
    viewOf: (seed, onJob) => results.view(seed, onJob),
    settings: results.grid().map(({ result }) => gridView(result)),
    written,
    noteOf: remarkOf,
  });
  return inGroups(judged, Object.values(GROUPS), groupOf);
}

function written(estimate: Estimate, { unit }: Claim): string {
  switch (unit) {
    case "points":
      return formatEstimate(estimate, { digits: 1, isPercent: true, unit: "points" });
    case "qos":
      return formatEstimate(estimate, { digits: 3 });
    case "ratio":
      return formatEstimate(estimate, { digits: 2 });
    default:
      return unit satisfies never;
  }
}

/**
 * Fixed before the first training: the network is worth its place when it beats every rule without fitted constants at medium
 * and high load, at both workloads. Null: not all of that was judged.
 */
export function isWorthShipping(claims: readonly ClaimResult[]): boolean | null {
  const decisive = claims.filter(({ id }) => id.startsWith("O1 "));
  const expected = CLAIMS.filter(({ id }) => id.startsWith("O1 ")).length;
  if (decisive.length < expected) return null;
  return decisive.every(({ verdict }) => verdict === "agrees");
}

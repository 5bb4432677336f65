// Judges every claim: at the paper's settings over all seeds, and in each setting of the grid.
import { formatEstimate } from "../report/figures.ts";
import { inGroups, judgeAll } from "../report/judge-claims.ts";
import { type Estimate } from "../report/statistics.ts";
import { type ClaimResult } from "../report/verdict.ts";
import { type Claim } from "./claim.ts";
import { CLAIMS } from "./claims.ts";
import { REMARKS } from "./remarks.ts";
import { gridView, type PerllmResults } from "./results.ts";

const GROUPS = {
  S: "Shapes: orders and directions (S)",
  N1: "Success rates, cell by cell (N1)",
  N: "Numbers (N)",
  O: "Our own questions (O)",
  C: "By construction (C)",
} as const;

export const groupOf = (id: string): string =>
  id.startsWith("N1 ") ? GROUPS.N1 : GROUPS[id[0] as "S" | "N" | "O" | "C"];

/** Over the seeds that ran all that a claim needs; a claim without any is left out. */
export function judge(results: PerllmResults): readonly ClaimResult[] {
  const judged = judgeAll({
    claims: CLAIMS,
    seeds: results.allSeeds(),
    viewOf: (seed, onJob) => results.view(seed, onJob),
    settings: results.grid().map(({ result }) => gridView(result)),
    written,
    noteOf: (id, verdict) => (verdict === "differs" ? (REMARKS[id] ?? "") : ""),
  });
  return inGroups(judged, Object.values(GROUPS), groupOf);
}

function written(estimate: Estimate, { unit }: Claim): string {
  switch (unit) {
    case "percent":
      return formatEstimate(estimate, { digits: 1, isPercent: true, unit: "%" });
    case "points":
      return formatEstimate(estimate, { digits: 1, isPercent: true, unit: "points" });
    case "seconds":
      return formatEstimate(estimate, { digits: 2, unit: "s" });
    case "joules":
      return formatEstimate(estimate, { digits: 1, unit: "J" });
    case "ratio":
      return formatEstimate(estimate, { digits: 2 });
    case "regret":
      return formatEstimate(estimate, { digits: 3 });
    default:
      return unit satisfies never;
  }
}

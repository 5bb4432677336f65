// Judges every claim: at the paper's settings over all seeds, and in each setting of the grid.
import { formatEstimate } from "../report/figures.ts";
import { type Estimate, meanEstimate } from "../report/statistics.ts";
import { type ClaimResult, verdictOf } from "../report/verdict.ts";
import { type Claim } from "./claim.ts";
import { CLAIMS } from "./claims.ts";
import { MissingResult, type SeedView } from "./figures.ts";
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
  const settings = results.grid().map(({ result }) => gridView(result));
  const judged = CLAIMS.flatMap((claim) => {
    const jobs = new Set<string>();
    const values = results.allSeeds().flatMap((seed) => valueAt(claim, results, seed, jobs));
    if (values.length === 0) return [];
    const estimate = meanEstimate(values);
    const verdict = verdictOf(claim.expectation, estimate);
    return {
      id: claim.id,
      group: groupOf(claim.id),
      claim: claim.claim,
      source: claim.source,
      published: claim.published,
      ours: written(estimate, claim),
      estimate: estimate.mean,
      interval: estimate.interval,
      verdict,
      gridShare:
        claim.inGrid && settings.length > 0
          ? { holds: settings.filter((view) => holdsIn(claim, view)).length, of: settings.length }
          : null,
      note: verdict === "differs" ? (REMARKS[claim.id] ?? "") : "",
      jobs: [...jobs],
    };
  });
  const groups = Object.values<string>(GROUPS);
  return judged.toSorted((a, b) => groups.indexOf(a.group) - groups.indexOf(b.group));
}

/** One value, or none where the seed did not run everything. */
function valueAt(
  claim: Claim,
  results: PerllmResults,
  seed: number,
  jobs: Set<string>,
): readonly number[] {
  const own = new Set<string>();
  try {
    const value = claim.value(results.view(seed, (id) => own.add(id)));
    for (const id of own) jobs.add(id);
    return [value];
  } catch (error) {
    if (error instanceof MissingResult) return [];
    throw error;
  }
}

/** Whether the number lies where the claim says; one seed, so no interval. */
export function holdsIn(claim: Claim, view: SeedView): boolean {
  const { expectation } = claim;
  const value = claim.value(view);
  if (expectation.direction === "between")
    return value >= expectation.bounds[0] && value <= expectation.bounds[1];
  return expectation.direction === "greater"
    ? value > expectation.bound
    : value < expectation.bound;
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

// Judges every claim: over all seeds of runs, and in each setting of the grid; and which rule is to be shipped.
import { formatEstimate } from "../report/figures.ts";
import { type Estimate, meanEstimate } from "../report/statistics.ts";
import { type ClaimResult, verdictOf } from "../report/verdict.ts";
import { CLAIMS, type Claim } from "./claims.ts";
import { MissingResult, type SeedView } from "./figures.ts";
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
      note: remarkOf(claim.id, verdict),
      jobs: [...jobs],
    };
  });
  const groups = Object.values<string>(GROUPS);
  return judged.toSorted((a, b) => groups.indexOf(a.group) - groups.indexOf(b.group));
}

/** One value, or none where the seed did not run everything. */
function valueAt(
  claim: Claim,
  results: QosRouterResults,
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
  const found = claim.value(view);
  if (expectation.direction === "between")
    return found >= expectation.bounds[0] && found <= expectation.bounds[1];
  return expectation.direction === "greater"
    ? found > expectation.bound
    : found < expectation.bound;
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

// Judges every claim: at the paper's settings over all seeds, and in each setting of the grid.
import { formatEstimate } from "../report/figures.ts";
import { type Estimate, meanEstimate } from "../report/statistics.ts";
import { type ClaimResult, verdictOf } from "../report/verdict.ts";
import { CLAIMS, type Claim } from "./claims.ts";
import { type GridResult } from "./grid.ts";
import { REMARKS } from "./remarks.ts";
import { figuresIn, MissingResult, type SeedView, type VeloResults } from "./results.ts";

/** Over the seeds that ran all that a claim needs; a claim without any is left out. */
export function judgeClaims(results: VeloResults): readonly ClaimResult[] {
  const settings = results
    .records()
    .filter(({ kind }) => kind === "grid")
    .map(({ result }) => gridView(result as GridResult));
  const seeds = results.allSeeds();
  return CLAIMS.flatMap((claim) => {
    const jobs = new Set<string>();
    const values = seeds.flatMap((seed) => valueAt(claim, results, seed, jobs));
    if (values.length === 0) return [];
    const estimate = meanEstimate(values);
    const { interval, mean } = estimate;
    return {
      id: claim.id,
      claim: claim.claim,
      source: claim.source,
      published: claim.published,
      ours: written(estimate, claim),
      estimate: mean,
      interval,
      verdict: verdictOf(claim.expectation, estimate),
      gridShare: claim.inGrid ? shareOf(settings, claim) : null,
      note: REMARKS[claim.id] ?? "",
      jobs: [...jobs],
    };
  });
}

/** One value, or none where the seed did not run everything. */
function valueAt(
  claim: Claim,
  results: VeloResults,
  seed: number,
  jobs: Set<string>,
): readonly number[] {
  const own = new Set<string>();
  try {
    const value = claim.value(recording(results, seed, own));
    for (const id of own) jobs.add(id);
    return [value];
  } catch (error) {
    if (error instanceof MissingResult) return [];
    throw error;
  }
}

/** Notes which jobs a claim looks at. */
function recording(results: VeloResults, seed: number, jobs: Set<string>): SeedView {
  const view = results.view(seed);
  return {
    figures: (algorithm, which = {}) => {
      jobs.add(results.idOf(which.experiment ?? "headline", algorithm, seed));
      return view.figures(algorithm, which);
    },
    curve: (algorithm, which = {}) => {
      jobs.add(results.idOf(which.experiment ?? "headline", algorithm, seed));
      return view.curve(algorithm, which);
    },
  };
}

/** A setting of the grid, as a claim looks at a seed. */
export function gridView({ algorithms }: GridResult): SeedView {
  return {
    figures: (algorithm, which = {}) => figuresIn(algorithms[algorithm]!, algorithm, which),
    curve: () => [],
  };
}

/** In how many settings the number lies where the claim says; there is one seed, so no interval. */
function shareOf(
  settings: readonly SeedView[],
  claim: Claim,
): { readonly holds: number; readonly of: number } | null {
  if (settings.length === 0) return null;
  return { holds: settings.filter((view) => holdsIn(claim, view)).length, of: settings.length };
}

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
  if (unit === "percent")
    return formatEstimate(estimate, { digits: 1, isPercent: true, unit: "%" });
  if (unit === "seconds") return formatEstimate(estimate, { digits: 2, unit: "s" });
  return formatEstimate(estimate, { digits: unit === "reward" ? 2 : 3 });
}

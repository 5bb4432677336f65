// Judges claims of any study: over the seeds that ran what a claim needs, and in each setting of a grid.
import { type Estimate, meanEstimate } from "./statistics.ts";
import { type ClaimResult, type Expectation, type Verdict, verdictOf } from "./verdict.ts";

/** A job that did not run, or not yet. */
export class MissingResult extends Error {}

/** One number of each seed, and where it must lie. `View` is what one seed, or one setting of a grid, measured. */
export interface JudgedClaim<View> {
  readonly id: string;
  readonly claim: string;
  readonly source: string;
  readonly published: string;
  readonly expectation: Expectation;
  /** Can be judged from what every setting of the grid runs. */
  readonly inGrid: boolean;
  value(view: View): number;
}

export interface JudgeOptions<View, Claim extends JudgedClaim<View>> {
  readonly claims: readonly Claim[];
  readonly seeds: readonly number[];
  /** What a seed measured; hears of every job that is looked at. */
  readonly viewOf: (seed: number, onJob: (id: string) => void) => View;
  /** Settings of the grid. */
  readonly settings: readonly View[];
  readonly written: (estimate: Estimate, claim: Claim) => string;
  readonly noteOf: (id: string, verdict: Verdict) => string;
}

/** A claim that no seed ran everything for is left out. */
export function judgeAll<View, Claim extends JudgedClaim<View>>(
  options: JudgeOptions<View, Claim>,
): readonly ClaimResult[] {
  const { claims, seeds, viewOf, settings, written, noteOf } = options;
  return claims.flatMap((claim) => {
    const jobs = new Set<string>();
    const values = seeds.flatMap((seed) => {
      const own = new Set<string>();
      try {
        const value = claim.value(viewOf(seed, (id) => own.add(id)));
        for (const id of own) jobs.add(id);
        return [value];
      } catch (error) {
        if (error instanceof MissingResult) return [];
        throw error;
      }
    });
    if (values.length === 0) return [];
    const estimate = meanEstimate(values);
    const verdict = verdictOf(claim.expectation, estimate);
    return {
      id: claim.id,
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
      note: noteOf(claim.id, verdict),
      jobs: [...jobs],
    };
  });
}

/** Whether the number lies where the claim says; one seed, so no interval. */
export function holdsIn<View>(
  { expectation, value }: Pick<JudgedClaim<View>, "expectation" | "value">,
  view: View,
): boolean {
  const found = value(view);
  if (expectation.direction === "between")
    return found >= expectation.bounds[0] && found <= expectation.bounds[1];
  return expectation.direction === "greater"
    ? found > expectation.bound
    : found < expectation.bound;
}

/** Those of a group together, groups in the order given. */
export function inGroups(
  claims: readonly ClaimResult[],
  groups: readonly string[],
  groupOf: (id: string) => string,
): readonly ClaimResult[] {
  return claims
    .map((claim) => ({ ...claim, group: groupOf(claim.id) }))
    .toSorted((a, b) => groups.indexOf(a.group) - groups.indexOf(b.group));
}

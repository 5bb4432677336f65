// Whether a measurement bears a published claim out. Only an interval can: a bare figure leaves it undecided.
import { type Estimate } from "./statistics.ts";

/** What a claim says of a figure. */
export type Expectation =
  | { readonly direction: "greater" | "less"; readonly bound: number }
  | { readonly direction: "between"; readonly bounds: readonly [low: number, high: number] };

export type Verdict = "agrees" | "differs" | "undecided";

/** `pass | fail` is kept for what must hold by construction. */
export type Check = "pass" | "fail";

export interface ClaimResult {
  readonly id: string;
  /** Title of the table that it stands in; one table for all without it. */
  readonly group?: string;
  readonly claim: string;
  /** Where it is published, e.g. "Table VI". */
  readonly source: string;
  readonly published: string;
  /** What was measured, as printed: figure, unit and interval; `formatEstimate` writes it. */
  readonly ours: string;
  readonly estimate: number | null;
  /** 95 %; null where there is none, as after a single seed. */
  readonly interval: readonly [low: number, high: number] | null;
  readonly verdict: Verdict | Check;
  /** In how many settings of the grid the claim's direction holds. */
  readonly gridShare?: { readonly holds: number; readonly of: number } | null;
  /** One sentence on the difference. */
  readonly note: string;
  /** Files in raw/ that it was computed from. */
  readonly jobs: readonly string[];
}

/**
 * greater: agrees when the whole interval lies above the bound, differs when below, else undecided. less: the mirror of
 * that. between: agrees when the interval lies inside the bounds (ends included), differs when outside, else undecided.
 * Throws RangeError for bounds or ends that are no ordered numbers.
 */
export function verdictOf(
  expectation: Expectation,
  estimate: Pick<Estimate, "interval"> | null,
): Verdict {
  const bounds =
    expectation.direction === "between" ? expectation.bounds : ([expectation.bound] as const);
  assertOrdered("bounds", bounds);
  if (estimate === null || estimate.interval === null) return "undecided";
  assertOrdered("interval", estimate.interval);
  const [low, high] = estimate.interval;
  switch (expectation.direction) {
    case "greater":
      return low > expectation.bound
        ? "agrees"
        : high < expectation.bound
          ? "differs"
          : "undecided";
    case "less":
      return high < expectation.bound
        ? "agrees"
        : low > expectation.bound
          ? "differs"
          : "undecided";
    case "between": {
      const [from, to] = expectation.bounds;
      if (low >= from && high <= to) return "agrees";
      return high < from || low > to ? "differs" : "undecided";
    }
    default:
      return expectation satisfies never;
  }
}

/** For what must hold by construction. */
export const checkOf = (holds: boolean): Check => (holds ? "pass" : "fail");

function assertOrdered(what: string, values: readonly number[]): void {
  if (values.some((value, i) => Number.isNaN(value) || value < values[i - 1]!))
    throw new RangeError(`${what} [${values.join(", ")}] are not in order`);
}

// A claim: one number of each seed, and where it must lie.
import { type Expectation } from "../report/verdict.ts";
import { type SeedView } from "./figures.ts";

export interface Claim {
  readonly id: string;
  readonly claim: string;
  readonly source: string;
  readonly published: string;
  readonly expectation: Expectation;
  /** `points` are differences of shares. */
  readonly unit: "percent" | "points" | "seconds" | "ratio" | "joules" | "regret";
  /** Can be judged from what every setting of the grid runs. */
  readonly inGrid: boolean;
  value(seed: SeedView): number;
}

/** A published success rate is met within so much. */
export const SUCCESS_BAND = 0.05;

export const greater = (bound = 0): Expectation => ({ direction: "greater", bound });
export const less = (bound = 0): Expectation => ({ direction: "less", bound });
export const around = (value: number, band: number): Expectation => ({
  direction: "between",
  bounds: [value - band, value + band],
});

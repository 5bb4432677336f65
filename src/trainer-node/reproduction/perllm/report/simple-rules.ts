// The form of least predicted completion that did best in a world: known only afterwards, so a yardstick and no rule to choose.
import { type Estimate } from "../../report/statistics.ts";
import { type Figures } from "../figures.ts";
import { type ReportParts } from "./parts.ts";

export const SIMPLE_RULES = ["LPC", "LPC-measured", "LPC-by-class", "LPC-corrected"] as const;

const success = ({ success: share }: Figures): number => share;

/** Share of deadlines met by each, in their order; null where one did not run. */
export const simpleSuccess = (parts: ReportParts, drift: string): readonly (Estimate | null)[] =>
  SIMPLE_RULES.map((name) => parts.estimate(name, success, { drift }));

/** That of the highest mean over the seeds; null where one did not run. */
export function bestSimple(parts: ReportParts, drift: string): string | null {
  const means = simpleSuccess(parts, drift).map((estimate) => estimate?.mean ?? Number.NaN);
  const best = means.indexOf(Math.max(...means));
  return SIMPLE_RULES[best] ?? null;
}

/** How many more deadlines `name` meets than that one, seed by seed. */
export function leadOverBest(parts: ReportParts, name: string, drift: string): Estimate | null {
  const best = bestSimple(parts, drift);
  return best === null ? null : parts.lead(name, best, success, { drift });
}

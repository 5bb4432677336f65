// Judges every claim: at the paper's settings over all seeds, and in each setting of the grid.
import { formatEstimate } from "../report/figures.ts";
import { judgeAll } from "../report/judge-claims.ts";
import { type Estimate } from "../report/statistics.ts";
import { type ClaimResult } from "../report/verdict.ts";
import { CLAIMS, type Claim } from "./claims.ts";
import { type GridResult } from "./grid.ts";
import { REMARKS } from "./remarks.ts";
import { figuresIn, type SeedView, type VeloResults } from "./results.ts";

/** Over the seeds that ran all that a claim needs; a claim without any is left out. */
export const judgeClaims = (results: VeloResults): readonly ClaimResult[] =>
  judgeAll({
    claims: CLAIMS,
    seeds: results.allSeeds(),
    viewOf: (seed, onJob) => recording(results, seed, onJob),
    settings: results
      .records()
      .filter(({ kind }) => kind === "grid")
      .map(({ result }) => gridView(result as GridResult)),
    written,
    noteOf: (id) => REMARKS[id] ?? "",
  });

/** Notes which jobs a claim looks at. */
function recording(results: VeloResults, seed: number, onJob: (id: string) => void): SeedView {
  const view = results.view(seed);
  return {
    figures: (algorithm, which = {}) => {
      onJob(results.idOf(which.experiment ?? "headline", algorithm, seed));
      return view.figures(algorithm, which);
    },
    curve: (algorithm, which = {}) => {
      onJob(results.idOf(which.experiment ?? "headline", algorithm, seed));
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

function written(estimate: Estimate, { unit }: Claim): string {
  if (unit === "percent")
    return formatEstimate(estimate, { digits: 1, isPercent: true, unit: "%" });
  if (unit === "seconds") return formatEstimate(estimate, { digits: 2, unit: "s" });
  return formatEstimate(estimate, { digits: unit === "reward" ? 2 : 3 });
}

// What the rows of a slice have in common: the distribution of their curves, estimated from the labels of all of them
// (empirical Bayes). Most rows are reused fewer than six times, so that this is most of what is known of a row.
//
//   prior_0 = cold start
//   prior_k+1 = 0.9 x (sum over rows of posterior(prior_k) + trust x cold start) / (rows + trust) + 0.1 x uniform
import {
  type GridWeights,
  type LabelledReuse,
  UNIFORM_PRIOR,
  alphaAt,
  coldStartPrior,
  fromLogs,
  logLikelihood,
  tiltedPrior,
} from "./error-budget.ts";

export interface PooledPrior {
  /** Prior of the slice's rows. */
  readonly prior: GridWeights;
  /** Rows without labels may be served up to this distance, at most the cold start's; -1: nowhere. */
  readonly reach: number;
}

/** The cold start was calibrated on labelled pairs: it counts like so many labelled rows. */
export const CALIBRATION_ROWS = 20;

const EM_STEPS = 8;

/**
 * @param rows the labels of each labelled row
 * @param trust `CALIBRATION_ROWS`, or 0 where the cold start has proved wrong
 */
export function pooledPrior(
  rows: readonly (readonly LabelledReuse[])[],
  coldStart: { readonly distance: number; readonly deltaHit: number },
  trust: number,
): PooledPrior {
  const { distance, deltaHit } = coldStart;
  const calibrated = coldStartPrior(distance, deltaHit);
  const known = rows.length + trust;
  if (known === 0) return { prior: calibrated, reach: distance };
  const likelihoods = rows.map(logLikelihood);
  let prior = calibrated;
  let mean = calibrated;
  for (let step = 0; step < EM_STEPS; step++) {
    const logPrior = prior.map(Math.log);
    const sum = calibrated.map((mass) => trust * mass);
    for (const logs of likelihoods) {
      const row = fromLogs(logs.map((log, cell) => log + logPrior[cell]!));
      for (let cell = 0; cell < sum.length; cell++) sum[cell]! += row[cell]!;
    }
    mean = sum.map((mass) => mass / known);
    prior = mean.map((mass, cell) => 0.9 * mass + 0.1 * UNIFORM_PRIOR[cell]!);
  }
  const reach = farthest(mean, distance, 1 - deltaHit);
  // The uniform part alone would take away what the labels have shown to be right.
  return { prior: reach < 0 ? prior : tiltedPrior(prior, reach, deltaHit), reach };
}

/** The farthest distance up to `most` where alpha reaches `wanted`; -1 where it does nowhere. */
function farthest(grid: GridWeights, most: number, wanted: number): number {
  // The cold start meets its own bound up to rounding.
  const isEnough = (distance: number): boolean => alphaAt(grid, distance) >= wanted - 1e-6;
  if (isEnough(most)) return most;
  if (!isEnough(0)) return -1;
  let near = 0;
  let far = most;
  for (let step = 0; step < 12; step++) {
    const middle = (near + far) / 2;
    if (isEnough(middle)) near = middle;
    else far = middle;
  }
  return Math.floor(near * 1000) / 1000;
}

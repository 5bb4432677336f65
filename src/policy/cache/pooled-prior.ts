// What the rows of a slice have in common: the distribution of their curves, estimated from the labels of all of them
// (empirical Bayes). Most rows are reused fewer than six times, so that this is most of what is known of a row.
//
//   mean_0 = half cold start, half uniform
//   mean_k+1 = (sum over rows of posterior(mean_k) + trust x cold start) / (rows + trust)     (EM of the mixture)
//   prior = 0.9 x mean + 0.1 x uniform
import {
  type GridWeights,
  type LabelledReuse,
  UNIFORM_PRIOR,
  coldStartPrior,
  fromLogs,
  logLikelihood,
  tiltedPrior,
} from "./error-budget.ts";

/** The cold start was calibrated on labelled pairs: it counts like so many labelled rows. */
export const CALIBRATION_ROWS = 20;

const EM_STEPS = 16;

/**
 * The prior of the slice's rows.
 * @param rows the labels of each labelled row
 * @param trust `CALIBRATION_ROWS`, or 0 where the cold start has proved wrong
 * @param reach as `reachOf` says; alpha there is at least 1 - deltaHit
 */
export function pooledPrior(
  rows: readonly (readonly LabelledReuse[])[],
  coldStart: { readonly distance: number; readonly deltaHit: number },
  trust: number,
  reach: number,
): GridWeights {
  const { distance, deltaHit } = coldStart;
  const calibrated = coldStartPrior(distance, deltaHit);
  const known = rows.length + trust;
  if (known === 0) return calibrated;
  const likelihoods = rows.map((labels) => fromLogs(logLikelihood(labels)));
  // From the cold start alone it would take long to get to curves that it holds for impossible.
  let mean = calibrated.map((mass, cell) => (mass + UNIFORM_PRIOR[cell]!) / 2);
  for (let step = 0; step < EM_STEPS; step++) {
    const sum = calibrated.map((mass) => trust * mass);
    for (const likelihood of likelihoods) {
      let total = 0;
      for (let cell = 0; cell < sum.length; cell++) total += likelihood[cell]! * mean[cell]!;
      // Nothing that is still held for possible explains this row.
      if (!(total > 0)) continue;
      for (let cell = 0; cell < sum.length; cell++)
        sum[cell]! += (likelihood[cell]! * mean[cell]!) / total;
    }
    const mass = sum.reduce((a, b) => a + b, 0);
    mean = sum.map((part) => part / mass);
  }
  const prior = mean.map((mass, cell) => 0.9 * mass + 0.1 * UNIFORM_PRIOR[cell]!);
  // What rows without labels are served on, rows with right ones are as well.
  return reach < 0 ? prior : tiltedPrior(prior, reach, deltaHit);
}

/** The calibration behind a cold start counts like as many labels, spread evenly over its reach. */
const CALIBRATION_LABELS = 40;

/**
 * How far rows that were never wrong may be served: up to where the share of wrong answers, which can only rise with the
 * distance (isotonic regression by pooling adjacent violators), exceeds deltaHit. `labels` are of such rows alone: those
 * that were wrong are judged by their own record. Before there are labels the share is believed to rise evenly to deltaHit
 * at the cold start's distance, or, where that has proved wrong (`isTrusted` false), four times as steeply.
 * @returns a distance, at most the cold start's; -1: nowhere
 */
export function reachOf(
  labels: readonly LabelledReuse[],
  coldStart: { readonly distance: number; readonly deltaHit: number },
  isTrusted: boolean,
): number {
  const { distance: most, deltaHit } = coldStart;
  const believed = (isTrusted ? 1 : 4) * deltaHit;
  const points = [
    ...labels
      .filter(({ distance }) => distance <= most)
      .map(({ distance, correct, weight = 1 }) => ({
        from: distance,
        weight,
        wrong: correct === 0 ? weight : 0,
      })),
    ...Array.from({ length: CALIBRATION_LABELS }, (_, i) => {
      const part = (i + 0.5) / CALIBRATION_LABELS;
      return { from: part * most, weight: 1, wrong: part * believed };
    }),
  ].toSorted((a, b) => a.from - b.from);
  const blocks: { from: number; weight: number; wrong: number }[] = [];
  for (const point of points) {
    let block = point;
    for (let last = blocks.at(-1); last && isWorse(last, block); last = blocks.at(-1)) {
      blocks.pop();
      block = {
        from: last.from,
        weight: last.weight + block.weight,
        wrong: last.wrong + block.wrong,
      };
    }
    blocks.push(block);
  }
  const bad = blocks.find(({ weight, wrong }) => wrong > deltaHit * weight);
  if (bad === undefined) return most;
  return bad === blocks[0] ? -1 : Math.floor(bad.from * 1000 - 1e-6) / 1000;
}

const isWorse = (
  a: { readonly weight: number; readonly wrong: number },
  b: { readonly weight: number; readonly wrong: number },
): boolean => a.wrong * b.weight > b.wrong * a.weight;

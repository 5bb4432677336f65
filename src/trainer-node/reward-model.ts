// What each action would be worth, as far as the observation tells: one ridge regression per action. It only lowers the
// variance of doubly robust estimates; where it is wrong, the importance weights correct it.
import { CORRELATION_SIZE, type Observation } from "../policy/network/policy.ts";

export interface ModelledDecision extends Observation {
  readonly action: number;
  readonly reward: number;
}

/** Features beside c and the distance bins, e.g. a few of the extractor's: [K] for each observation, K constant. */
export type ExtraFeatures = (observation: Observation) => ArrayLike<number>;

/** Indicators of the nearest row's distance: [0, 0.2), ..., the last one without end. */
const BIN_WIDTH = 0.2;
const BINS = 8;
/** In units of standardised features: a coefficient of 1 costs as much as one decision that is wrong by 1. */
const RIDGE = 1;

/**
 * r-hat(s_i, a), [n, A] row by row, by a model that has not seen the fold of decision i (two folds, 0 and 1), so that no
 * decision helps to explain itself.
 */
export function crossFitted(
  log: readonly ModelledDecision[],
  folds: Uint8Array,
  actions: number,
  extra: ExtraFeatures = () => [],
): Float64Array {
  const rows = standardised(log.map((decision) => featuresOf(decision, extra)));
  const predictions = new Float64Array(log.length * actions);
  for (const fold of [0, 1]) {
    for (let action = 0; action < actions; action++) {
      const coefficients = ridge(rows, log, (i) => folds[i] !== fold && log[i]!.action === action);
      for (const [i, row] of rows.entries())
        if (folds[i] === fold) predictions[i * actions + action] = dot(coefficients, row);
    }
  }
  return predictions;
}

function featuresOf(observation: Observation, extra: ExtraFeatures): Float64Array {
  const { c } = observation;
  const more = extra(observation);
  const row = new Float64Array(1 + CORRELATION_SIZE + BINS + 1 + more.length);
  row[0] = 1;
  row.set(c, 1);
  row[1 + CORRELATION_SIZE + Math.max(0, Math.min(BINS - 1, Math.floor(c[0]! / BIN_WIDTH)))] = 1;
  row[1 + CORRELATION_SIZE + BINS] = observation.omega;
  row.set(more, 1 + CORRELATION_SIZE + BINS + 1);
  return row;
}

/** Every column but the first to mean 0 and deviation 1; constant ones to 0. In place. */
function standardised(rows: readonly Float64Array[]): readonly Float64Array[] {
  const width = rows[0]?.length ?? 0;
  for (let column = 1; column < width; column++) {
    let sum = 0;
    let squares = 0;
    for (const row of rows) sum += row[column]!;
    const mean = sum / rows.length;
    for (const row of rows) squares += (row[column]! - mean) ** 2;
    const deviation = Math.sqrt(squares / rows.length);
    for (const row of rows) row[column] = deviation > 1e-9 ? (row[column]! - mean) / deviation : 0;
  }
  return rows;
}

/** argmin sum (reward - x w)^2 + RIDGE |w|^2, the constant free; 0 without any decision. */
function ridge(
  rows: readonly Float64Array[],
  log: readonly ModelledDecision[],
  isUsed: (index: number) => boolean,
): Float64Array {
  const width = rows[0]?.length ?? 0;
  const normal = Array.from({ length: width }, () => new Float64Array(width));
  const right = new Float64Array(width);
  for (const [i, row] of rows.entries()) {
    if (!isUsed(i)) continue;
    for (let a = 0; a < width; a++) {
      const x = row[a]!;
      if (x === 0) continue;
      right[a]! += x * log[i]!.reward;
      const target = normal[a]!;
      for (let b = 0; b <= a; b++) target[b]! += x * row[b]!;
    }
  }
  for (let a = 0; a < width; a++) normal[a]![a]! += a === 0 ? 1e-6 : RIDGE;
  return solved(normal, right);
}

/** Cholesky: normal = L L', lower triangle given and overwritten. */
function solved(normal: readonly Float64Array[], right: Float64Array): Float64Array {
  const width = right.length;
  for (let a = 0; a < width; a++) {
    const row = normal[a]!;
    for (let b = 0; b <= a; b++) {
      const other = normal[b]!;
      let rest = row[b]!;
      for (let k = 0; k < b; k++) rest -= row[k]! * other[k]!;
      row[b] = a === b ? Math.sqrt(rest) : rest / other[b]!;
    }
  }
  const solution = Float64Array.from(right);
  for (let a = 0; a < width; a++) {
    for (let k = 0; k < a; k++) solution[a]! -= normal[a]![k]! * solution[k]!;
    solution[a]! /= normal[a]![a]!;
  }
  for (let a = width - 1; a >= 0; a--) {
    for (let k = a + 1; k < width; k++) solution[a]! -= normal[k]![a]! * solution[k]!;
    solution[a]! /= normal[a]![a]!;
  }
  return solution;
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}

// How often a cached row may be wrong. Each row learns from its labelled reuses at which distance its answer is right;
// the idea is vCache's (arXiv 2502.03771), the posterior on a grid is ours and cannot fail on separable labels.
//
//   P(correct | s) = sigmoid(gamma (s - t)),  s = cos = 1 - d^2 / 2
//   posterior(t, gamma) ~ prior(t, gamma) x product over labels of P^w or (1 - P)^w
//   alpha(s) = posterior mean of P(correct | s)
import { cosineFromDistance } from "../observation.ts";
import { type Candidate, type Evidence } from "./candidate.ts";

/** One labelled reuse of a row. */
export interface LabelledReuse {
  readonly distance: number;
  readonly correct: 0 | 1;
  /** Trust in the label, (0, 1]; 1 when left out. */
  readonly weight?: number;
}

/** Probabilities of the grid's 111 x 5 cells, summing to 1. */
export type GridWeights = Float64Array;

const THRESHOLDS = Array.from({ length: 111 }, (_, i) => i / 100);
const SLOPES = [5, 10, 20, 40, 80];
const CELLS = THRESHOLDS.length * SLOPES.length;
const CELL_THRESHOLD = Float64Array.from(
  { length: CELLS },
  (_, cell) => THRESHOLDS[Math.floor(cell / SLOPES.length)]!,
);
const CELL_SLOPE = Float64Array.from({ length: CELLS }, (_, cell) => SLOPES[cell % SLOPES.length]!);

/** Newest labels a row's posterior is made of. */
const MAX_LABELS = 64;
const EVIDENCE_BINS = 32;
const EVIDENCE_RANGE = 1.6;
const BIN_WIDTH = EVIDENCE_RANGE / EVIDENCE_BINS;

/** Cosine 0.55. No label makes a row right for a question that far away. */
export const HARD_DISTANCE = 0.95;

export const UNIFORM_PRIOR: GridWeights = new Float64Array(CELLS).fill(1 / CELLS);

/** The posterior after the newest `MAX_LABELS` of `labels` (oldest first). */
export function posterior(
  labels: readonly LabelledReuse[],
  prior: GridWeights = UNIFORM_PRIOR,
): GridWeights {
  return fromLogs(logLikelihood(labels).map((log, cell) => log + Math.log(prior[cell]!)));
}

/** [555] ln of the product over the newest `MAX_LABELS` labels. */
export function logLikelihood(labels: readonly LabelledReuse[]): Float64Array {
  const logs = new Float64Array(CELLS);
  for (const { distance, correct, weight = 1 } of labels.slice(-MAX_LABELS)) {
    const s = cosineFromDistance(distance);
    for (let cell = 0; cell < CELLS; cell++)
      logs[cell]! += weight * logSigmoid((correct === 1 ? 1 : -1) * steepness(cell, s));
  }
  return logs;
}

/** The distribution whose logarithm this is, up to a constant. */
export function fromLogs(logs: Float64Array): GridWeights {
  const highest = logs.reduce((a, b) => Math.max(a, b), -Infinity);
  return normalised(logs.map((log) => Math.exp(log - highest)));
}

/** alpha: the posterior mean of P(correct) at a distance. Never rises with the distance. */
export function alphaAt(grid: GridWeights, distance: number): number {
  const s = cosineFromDistance(distance);
  let alpha = 0;
  for (let cell = 0; cell < CELLS; cell++) alpha += grid[cell]! * sigmoid(steepness(cell, s));
  return alpha;
}

/** What travels with a row: the number of labels and alpha at the centres of 32 bins over [0, 1.6]. */
export function evidenceOf(
  labels: readonly LabelledReuse[],
  prior: GridWeights = UNIFORM_PRIOR,
): Evidence {
  const grid = posterior(labels, prior);
  const alpha = Array.from({ length: EVIDENCE_BINS }, (_, bin) =>
    alphaAt(grid, (bin + 0.5) * BIN_WIDTH),
  );
  const kept = labels.slice(-MAX_LABELS);
  return { labels: kept.length, alpha, wrong: kept.filter((l) => l.correct === 0).length };
}

/**
 * The prior of a region without labels: as if so many pooled reuses at the cold-start distance had been right that alpha
 * there reaches 1 - deltaHit. A row's first good label then never takes away what it was served on without any.
 */
export function coldStartPrior(coldStartDistance: number, deltaHit: number): GridWeights {
  return tiltedPrior(UNIFORM_PRIOR, coldStartDistance, deltaHit);
}

/** `base` as if just so many pooled reuses at a distance had been right that alpha there reaches 1 - deltaHit. */
export function tiltedPrior(
  base: GridWeights,
  coldStartDistance: number,
  deltaHit: number,
): GridWeights {
  if (alphaAt(base, coldStartDistance) >= 1 - deltaHit) return base;
  const s = cosineFromDistance(coldStartDistance);
  let few = 0;
  let many = 1;
  const tilted = (labels: number) =>
    fromLogs(base.map((mass, cell) => Math.log(mass) + labels * logSigmoid(steepness(cell, s))));
  while (alphaAt(tilted(many), coldStartDistance) < 1 - deltaHit && many < 2 ** 16) many *= 2;
  for (let step = 0; step < 30; step++) {
    const middle = (few + many) / 2;
    if (alphaAt(tilted(middle), coldStartDistance) < 1 - deltaHit) few = middle;
    else many = middle;
  }
  return tilted(many);
}

/** Empirical Bayes: the mean of the labelled rows' posteriors (90 %) with the uniform grid (10 %). */
export function empiricalPrior(posteriors: readonly GridWeights[]): GridWeights {
  if (posteriors.length === 0) return UNIFORM_PRIOR;
  const pooled = new Float64Array(CELLS);
  for (const grid of posteriors)
    for (let cell = 0; cell < CELLS; cell++) pooled[cell]! += grid[cell]! / posteriors.length;
  return pooled.map((mass) => 0.9 * mass + 0.1 / CELLS);
}

export interface BudgetLimits {
  /** The farthest distance at which a row without labels may be served. */
  readonly coldStartDistance: number;
  /** The same for the scorer's matchDistance (tau_0). Left out: where the scorer itself claims 1 - deltaHit. */
  readonly coldStartMatch?: number | undefined;
  /** Id of the scorer that `matchDistance` comes from. */
  readonly scorer?: string | undefined;
  /** Accepted share of wrong answers among semantic hits. */
  readonly deltaHit: number;
  /** Accepted share of wrong answers among all requests. */
  readonly deltaRequest: number;
}

export interface BudgetVerdict {
  readonly pass: boolean;
  /** Estimated P(correct) at this distance; null for a row without labels. */
  readonly alpha: number | null;
  readonly labels: number;
  /** What was required: a minimum of alpha for labelled rows, a maximum of the distance for others. */
  readonly threshold: number;
  /**
   * Share of passing requests that should still go to the model and give a label: 1 - deltaRequest / (1 - alpha), so
   * that P(wrong answer served) = (1 - explore)(1 - alpha) <= deltaRequest. 0 for rows without labels.
   */
  readonly explore: number;
  readonly detail: string;
}

/** A row before the budget. Where there is a scorer, its `matchDistance` decides and `distance` keeps the hard floor. */
export interface BudgetedRow extends Pick<Candidate, "distance" | "evidence"> {
  /** sqrt(2 - 2 p), p = calibrated P(the stored answer fits the request). */
  readonly matchDistance?: number | undefined;
}

/** Whether the row's record allows its answer to be served at this distance. */
export function budgetVerdict(row: BudgetedRow, limits: BudgetLimits): BudgetVerdict {
  const { deltaHit, deltaRequest } = limits;
  const distance = row.matchDistance ?? row.distance;
  const coldStart = coldStartOf(row, limits);
  const evidence = usableEvidence(row, limits);
  const labels = row.evidence?.labels ?? 0;
  const shown = distance.toFixed(3);
  const found = { alpha: null, labels, explore: 0 };
  // Written so that a NaN distance fails.
  if (!(row.distance <= HARD_DISTANCE))
    return {
      ...found,
      pass: false,
      threshold: HARD_DISTANCE,
      detail: `distance ${row.distance.toFixed(3)} is beyond ${HARD_DISTANCE}, where no row is served`,
    };
  if (evidence === "against")
    return {
      ...found,
      pass: false,
      threshold: coldStart,
      detail: "its labels are not stated in distances of the scorer that serves now",
    };
  if (evidence === null || labels === 0)
    return {
      ...found,
      pass: distance <= coldStart,
      threshold: coldStart,
      detail: `no labels; distance ${shown}, cold start allows ${coldStart}`,
    };
  const alpha = evidenceAt(evidence, distance);
  const threshold = 1 - deltaHit;
  // A row that was only ever right is served wherever one is that nothing is known of.
  const isUnblemished = evidence.wrong === 0 && alpha > 0 && distance <= coldStart;
  return {
    pass: alpha >= threshold || isUnblemished,
    alpha,
    labels,
    threshold,
    explore: alpha < 1 && !isUnblemished ? Math.max(0, 1 - deltaRequest / (1 - alpha)) : 0,
    detail: `alpha ${alpha.toFixed(4)} from ${labels} labels at distance ${shown}, ${threshold} needed`,
  };
}

function coldStartOf({ matchDistance }: BudgetedRow, limits: BudgetLimits): number {
  if (matchDistance === undefined) return limits.coldStartDistance;
  return limits.coldStartMatch ?? Math.sqrt(2 * limits.deltaHit);
}

/**
 * A record in another scorer's distances says nothing of this one's: the row counts as unlabelled until the region has
 * restated it. But a row that was ever wrong, or that its record in raw distances would not let through, waits.
 */
function usableEvidence(
  { distance, evidence, matchDistance }: BudgetedRow,
  { deltaHit, scorer }: BudgetLimits,
): Evidence | "against" | null {
  if (evidence === undefined || evidence.labels === 0) return null;
  const isSameAxis =
    matchDistance === undefined
      ? evidence.scorer === undefined
      : evidence.scorer !== undefined && (scorer === undefined || evidence.scorer === scorer);
  if (isSameAxis) return evidence;
  if (evidence.wrong !== undefined) return evidence.wrong > 0 ? "against" : null;
  return evidence.scorer === undefined && evidenceAt(evidence, distance) >= 1 - deltaHit
    ? null
    : "against";
}

/** Linear between the bin centres, constant outside; 0 for a damaged record. */
function evidenceAt({ alpha }: Evidence, distance: number): number {
  const at = Math.min(Math.max(distance / BIN_WIDTH - 0.5, 0), EVIDENCE_BINS - 1);
  const left = Math.floor(at);
  const low = alpha[left] ?? 0;
  const high = alpha[Math.min(left + 1, EVIDENCE_BINS - 1)] ?? 0;
  const value = low + (at - left) * (high - low);
  return value >= 0 && value <= 1 ? value : 0;
}

/** gamma (s - t) of a cell. */
function steepness(cell: number, s: number): number {
  return CELL_SLOPE[cell]! * (s - CELL_THRESHOLD[cell]!);
}

function sigmoid(x: number): number {
  return 1 / (1 + Math.exp(-x));
}

/** ln sigmoid(x) without overflow: min(x, 0) - ln(1 + e^-|x|). */
function logSigmoid(x: number): number {
  return Math.min(x, 0) - Math.log1p(Math.exp(-Math.abs(x)));
}

function normalised(weights: Float64Array): Float64Array {
  const total = weights.reduce((a, b) => a + b, 0);
  return weights.map((weight) => weight / total);
}

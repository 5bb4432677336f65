// What a policy would have earned on requests that another one decided (Dudik, Langford and Li 2011):
//
//   w_i   = pi(a_i|s_i) / mu_i                                   exploration floor in both
//   IPS   = mean(w r)            SNIPS = sum(w r) / sum(w)
//   DR    = mean( sum_a pi(a|s) r-hat(s, a) + w (r - r-hat(s, a_i)) )      r-hat cross-fitted over two folds
//
// Holds for decisions on today's cache: what a policy changes in the cache itself only a canary shows.
import { flooredProbabilities, maskedProbabilities } from "../policy/decide.ts";
import { type Experience } from "../policy/experience.ts";
import { type Observation } from "../policy/network/policy.ts";
import { type Random } from "../policy/random.ts";
import { wilsonUpper } from "./intervals.ts";
import { type LessonLabel } from "./lessons.ts";
import { type ExtraFeatures, crossFitted } from "./reward-model.ts";
import { textHash } from "./text-hash.ts";

/** A policy as a function: [A] probabilities before the exploration floor. */
export type ActionProbabilities = (observation: Observation) => Float32Array;

export interface LoggedDecision extends Observation {
  readonly action: number;
  /** Probability of `action` under the policy that acted, floor included. */
  readonly mu: number;
  /** [A] its probabilities before the floor; a masked action has 0. */
  readonly probs: readonly number[];
  readonly reward: number;
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly region: string;
  readonly tenant: string;
  /** Decisions of one group are not independent: folds and bootstrap keep them together. */
  readonly group: string;
  readonly handling: Experience["sub"];
  readonly label: LessonLabel | null;
}

/** A log with everything about it that no policy changes. */
export interface EvaluationLog {
  readonly decisions: readonly LoggedDecision[];
  readonly actions: number;
  /** [n] number of the cluster of each decision, and how many there are. */
  readonly clusters: Int32Array;
  readonly clusterCount: number;
  /** [n, A] */
  readonly rewardModel: Float64Array;
}

export interface PolicyEstimate {
  readonly ips: number;
  readonly snips: number;
  readonly dr: number;
  /** (sum w)^2 / sum w^2: so many decisions of its own would tell as much. */
  readonly effectiveSize: number;
  /** Share of all weight that the heaviest 1 % of decisions carry. */
  readonly topShare: number;
  /** 1 but for chance, if `mu` is true. */
  readonly meanWeight: number;
  /** [n] w, and each decision's term of DR. */
  readonly weights: Float64Array;
  readonly drTerms: Float64Array;
}

/**
 * From so many tenants on they are the clusters, before that repeats of a question are. Not fewer than the groups that the
 * gate asks for (gate.ts): with a few tenants less it would refuse everything.
 */
export const MANY_TENANTS = 30;

export function evaluationLog(
  decisions: readonly LoggedDecision[],
  extra?: ExtraFeatures,
): EvaluationLog {
  const actions = decisions[0]?.probs.length ?? 0;
  const isMany = new Set(decisions.map(({ tenant }) => tenant)).size >= MANY_TENANTS;
  const names = decisions.map(({ tenant, group }) => (isMany ? tenant : group));
  const numbers = new Map([...new Set(names)].map((name, number) => [name, number]));
  const folds = Uint8Array.from(names, (name) => textHash(name, 1) & 1);
  return {
    decisions,
    actions,
    clusters: Int32Array.from(names, (name) => numbers.get(name)!),
    clusterCount: numbers.size,
    rewardModel: crossFitted(decisions, folds, actions, extra),
  };
}

/** pi~(.|s): what is executed when `policy` proposes, floor included. What is not finite becomes a certain direct call. */
export function executedProbabilities(
  policy: ActionProbabilities,
  decision: Observation & Pick<LoggedDecision, "probs">,
  epsilon: number,
): readonly number[] {
  const probs = policy(decision);
  // Two-way heads mask nothing; a three-way head was denied an answer where the log says 0.
  const open = decision.probs.map(
    (p, action) => decision.probs.length === 2 || action === 0 || p > 0,
  );
  const masked = maskedProbabilities({ logits: probs, probs }, open);
  return masked === null
    ? decision.probs.map((_, action) => (action === 0 ? 1 : 0))
    : flooredProbabilities(masked, open, epsilon);
}

export function estimate(
  log: EvaluationLog,
  policy: ActionProbabilities,
  epsilon: number,
): PolicyEstimate {
  const { decisions, actions, rewardModel } = log;
  const n = decisions.length;
  const weights = new Float64Array(n);
  const drTerms = new Float64Array(n);
  let sum = 0;
  let squares = 0;
  let weighted = 0;
  for (const [i, decision] of decisions.entries()) {
    const pi = executedProbabilities(policy, decision, epsilon);
    const weight = pi[decision.action]! / decision.mu;
    let expected = 0;
    for (let a = 0; a < actions; a++) expected += pi[a]! * rewardModel[i * actions + a]!;
    weights[i] = weight;
    const surprise = decision.reward - rewardModel[i * actions + decision.action]!;
    drTerms[i] = expected + weight * surprise;
    sum += weight;
    squares += weight ** 2;
    weighted += weight * decision.reward;
  }
  return {
    ips: weighted / n,
    snips: weighted / sum,
    dr: drTerms.reduce((a, b) => a + b, 0) / n,
    effectiveSize: squares > 0 ? sum ** 2 / squares : 0,
    topShare: topShare(weights, sum),
    meanWeight: sum / n,
    weights,
    drTerms,
  };
}

function topShare(weights: Float64Array, sum: number): number {
  const heaviest = weights.toSorted().subarray(weights.length - Math.ceil(weights.length / 100));
  return sum > 0 ? heaviest.reduce((a, b) => a + b, 0) / sum : 1;
}

/** Effective number of decisions in each region. */
export function effectiveSizes(
  log: EvaluationLog,
  { weights }: PolicyEstimate,
): ReadonlyMap<string, { readonly decisions: number; readonly effectiveSize: number }> {
  const sums = new Map<string, { n: number; sum: number; squares: number }>();
  for (const [i, { region }] of log.decisions.entries()) {
    const { n, sum, squares } = sums.get(region) ?? { n: 0, sum: 0, squares: 0 };
    const weight = weights[i]!;
    sums.set(region, { n: n + 1, sum: sum + weight, squares: squares + weight ** 2 });
  }
  return new Map(
    [...sums].map(([region, { n, sum, squares }]) => [
      region,
      { decisions: n, effectiveSize: squares > 0 ? sum ** 2 / squares : 0 },
    ]),
  );
}

/** A log of resampled clusters: its size, and the sum of each column over it. */
export interface Resample {
  readonly size: number;
  readonly sums: Float64Array;
}

/** Bootstrap over clusters, all columns [n] resampled alike. */
export function bootstrap(
  { clusters, clusterCount }: EvaluationLog,
  columns: readonly Float64Array[],
  { replicates, random }: { readonly replicates: number; readonly random: Random },
): readonly Resample[] {
  // Column 0 counts the decisions.
  const width = columns.length + 1;
  const totals = new Float64Array(clusterCount * width);
  for (const [i, cluster] of clusters.entries()) {
    totals[cluster * width]!++;
    for (const [k, column] of columns.entries()) totals[cluster * width + k + 1]! += column[i]!;
  }
  return Array.from({ length: replicates }, () => {
    const sums = new Float64Array(width);
    for (let draw = 0; draw < clusterCount; draw++) {
      const from = Math.floor((random.next() / 2 ** 32) * clusterCount) * width;
      for (let k = 0; k < width; k++) sums[k]! += totals[from + k]!;
    }
    return { size: sums[0]!, sums: sums.subarray(1) };
  });
}

export interface WrongHits {
  /** Share of requests that the policy answers from the cache, and [n] its terms. */
  readonly hitShare: number;
  readonly hitTerms: Float64Array;
  /** Labelled hits, and how many of the policy's own they are worth. */
  readonly labelled: number;
  readonly effectiveLabelled: number;
  /** Among hits; null without a label. */
  readonly wrongPerHit: number | null;
  /** One-sided 95 %; 1 without a label. */
  readonly wrongPerHitUpper: number;
}

/**
 * Wrong answers among those served from the cache under a policy with these weights, from labelled hits weighted by w / p_s.
 * Words that came by themselves count against the policy only: praise is cheap, and not a sample.
 */
export function wrongHits({ decisions }: EvaluationLog, { weights }: PolicyEstimate): WrongHits {
  const hitTerms = new Float64Array(decisions.length);
  let labelled = 0;
  let sum = 0;
  let squares = 0;
  let wrong = 0;
  for (const [i, { handling, label }] of decisions.entries()) {
    if (handling !== "A") continue;
    hitTerms[i] = weights[i]!;
    if (label === null || (label.samplingProbability === null && label.correct === 1)) continue;
    const weight = weights[i]! / (label.samplingProbability ?? 1);
    labelled++;
    sum += weight;
    squares += weight ** 2;
    if (label.correct === 0) wrong += weight;
  }
  const effectiveLabelled = squares > 0 ? sum ** 2 / squares : 0;
  const wrongPerHit = sum > 0 ? wrong / sum : null;
  return {
    hitShare: hitTerms.reduce((a, b) => a + b, 0) / decisions.length,
    hitTerms,
    labelled,
    effectiveLabelled,
    wrongPerHit,
    wrongPerHitUpper:
      wrongPerHit === null ? 1 : wilsonUpper(wrongPerHit * effectiveLabelled, effectiveLabelled),
  };
}

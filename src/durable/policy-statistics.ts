// What is counted about a policy while another one is tried beside it, and when the newer of the two counts as bad.
// Every alarm compares with the policy that served at the same time: a slow upstream or an odd hour strikes both.
import { type Outcome } from "../policy/experience.ts";
import {
  binnedMean,
  evidenceAbove,
  evidenceBelow,
  meanRadius,
  quantileBin,
  total,
} from "./sequential-test.ts";

/** One policy's requests. Delays are counted in buckets of which number i ends at 2^(i/8) milliseconds. */
export interface PolicyStatistics {
  readonly decisions: number;
  /** Answers that broke off or never came. */
  readonly errors: number;
  /** The policy hung, threw, or had no finite output. */
  readonly failures: number;
  /** Stored answers served to a question in other words. */
  readonly hits: number;
  /** Probability of using the cache, in bins of a hundredth. */
  readonly proposes: readonly number[];
  /** Probability of serving, over the requests for which guards and budget would let an answer be served. */
  readonly serves: readonly number[];
  readonly hitDelays: readonly number[];
  readonly modelDelays: readonly number[];
  readonly policyDelays: readonly number[];
}

/** Labels of the candidate's hits, over all stages. */
export interface HitLabels {
  readonly hits: number;
  /** Users who complained; those who were content mostly say nothing. */
  readonly complaints: number;
  /** Hits that a shadow call, a judge or a person looked at, whatever they found; and the wrong ones among them. */
  readonly examined: number;
  readonly wrong: number;
}

export interface AlarmLimits {
  /** Probability that one alarm ever goes off in one stage for a policy that is exactly at its limit. */
  readonly alpha: number;
  /** Wrong answers per hit. */
  readonly deltaHit: number;
  /** Error share above that of the stable policy. */
  readonly moreErrors: number;
  /** Share of decisions in which the policy itself fails, above that of the stable policy. */
  readonly failures: number;
  /** What must be left of the stable policy's hits. A policy that draws lots keeps a half. */
  readonly hitsKept: number;
  /** Hits may become this many times as frequent. */
  readonly hitsTimes: number;
  /** A mean probability of using the cache above this, and this far above the stable policy's, does not look at requests. */
  readonly cacheShare: number;
  readonly cacheShareAbove: number;
  /** Delays may grow by this factor, and by as many milliseconds without counting as slower. */
  readonly slower: number;
  readonly slowerMs: number;
}

export const ALARM_LIMITS: AlarmLimits = {
  alpha: 2.5e-4,
  deltaHit: 0.02,
  moreErrors: 0.005,
  failures: 0.01,
  hitsKept: 0.8,
  hitsTimes: 2,
  cacheShare: 0.85,
  cacheShareAbove: 0.15,
  slower: 1.2,
  slowerMs: 5,
};

export type AlarmReason =
  | "wrong-hits"
  | "complaints"
  | "policy-failures"
  | "errors"
  | "fewer-hits"
  | "more-hits"
  | "always-cache"
  | "slow-policy"
  | "slow-hits"
  | "slow-model";

export interface Alarm {
  readonly reason: AlarmReason;
  /** The figures behind it, for a person. */
  readonly detail: string;
}

export const NOTHING_COUNTED: PolicyStatistics = {
  decisions: 0,
  errors: 0,
  failures: 0,
  hits: 0,
  proposes: [],
  serves: [],
  hitDelays: [],
  modelDelays: [],
  policyDelays: [],
};

const BINS = 100;
const LOWEST = Array.from({ length: BINS }, (_, i) => i / BINS);
const HIGHEST = LOWEST.map((edge) => edge + 1 / BINS);
const BINARY = [0, 1];
const BUCKETS_PER_OCTAVE = 8;
const LAST_BUCKET = 20 * BUCKETS_PER_OCTAVE;

const binOf = (probability: number): number =>
  probability > 0 ? Math.min(BINS - 1, Math.floor(BINS * probability)) : 0;
const bucketOf = (ms: number): number =>
  ms > 1 ? Math.min(LAST_BUCKET, Math.ceil(BUCKETS_PER_OCTAVE * Math.log2(ms))) : 0;
const bucketEnd = (bucket: number): number => 2 ** (bucket / BUCKETS_PER_OCTAVE);

/** Copied once and then counted in place: a batch holds dozens of outcomes. */
export function countOutcomes(
  statistics: PolicyStatistics,
  outcomes: readonly Outcome[],
): PolicyStatistics {
  if (outcomes.length === 0) return statistics;
  let { decisions, errors, failures, hits } = statistics;
  const proposes = [...statistics.proposes];
  const serves = [...statistics.serves];
  const hitDelays = [...statistics.hitDelays];
  const modelDelays = [...statistics.modelDelays];
  const policyDelays = [...statistics.policyDelays];
  for (const { kind, result, delaySeconds, parts } of outcomes) {
    const { cacheProbability, serveProbability, policy, policyFailed } = parts;
    const delay = bucketOf(delaySeconds * 1000);
    decisions++;
    if (result === "upstream_error" || result === "incomplete") errors++;
    if (policyFailed) failures++;
    if (cacheProbability !== undefined) count(proposes, binOf(cacheProbability));
    if (serveProbability !== undefined) count(serves, binOf(serveProbability));
    if (policy !== undefined) count(policyDelays, bucketOf(policy));
    if (kind === "HIT-SEMANTIC") {
      hits++;
      count(hitDelays, delay);
    } else if ((kind === "MISS" || kind === "AUGMENTED") && result === "final")
      // A client that hangs up says nothing about how long the answer would have taken.
      count(modelDelays, delay);
  }
  return {
    decisions,
    errors,
    failures,
    hits,
    proposes,
    serves,
    hitDelays,
    modelDelays,
    policyDelays,
  };
}

function count(counts: number[], bin: number): void {
  while (counts.length <= bin) counts.push(0);
  counts[bin]!++;
}

/** The same for a person to read. */
export interface StatisticsView extends Pick<
  PolicyStatistics,
  "decisions" | "errors" | "failures" | "hits"
> {
  /** Mean probabilities, as in PolicyStatistics; null before the first decision. */
  readonly proposes: number | null;
  readonly serves: number | null;
}

export function statisticsView(statistics: PolicyStatistics): StatisticsView {
  const { decisions, errors, failures, hits, proposes, serves } = statistics;
  const mean = (counts: readonly number[]): number | null =>
    counts.length === 0 ? null : (binnedMean(counts, LOWEST) + binnedMean(counts, HIGHEST)) / 2;
  return { decisions, errors, failures, hits, proposes: mean(proposes), serves: mean(serves) };
}

const outOf = (n: number, all: number): readonly number[] => [all - n, n];
const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;

/**
 * The first alarm that the candidate has raised, or null. `sameTime` is false where the stable policy's figures are of an
 * earlier stage: then only what does not depend on the hour is compared.
 */
export function alarmOf(
  stable: PolicyStatistics,
  candidate: PolicyStatistics,
  labels: HitLabels,
  limits: AlarmLimits,
  sameTime: boolean,
): Alarm | null {
  const enough = -Math.log(0.8 * limits.alpha);
  // A fifth of the allowance is for the stable policy's figures being off.
  const alpha = 0.2 * limits.alpha;
  const above = (counts: readonly number[], limit: number): boolean =>
    evidenceAbove(counts, BINARY, limit) > enough;
  const upper = (n: number, all: number): number => n / Math.max(1, all) + meanRadius(all, alpha);

  const { hits, complaints, examined, wrong } = labels;
  if (above(outOf(wrong, examined), limits.deltaHit))
    return { reason: "wrong-hits", detail: `${wrong} of ${examined} examined hits were wrong` };
  if (above(outOf(Math.min(complaints, hits), hits), limits.deltaHit))
    return { reason: "complaints", detail: `users complained of ${complaints} of ${hits} hits` };

  const { decisions } = candidate;
  // The stable policy fails too when the machine pauses: its share as counted, a bound on it would hide a broken file.
  const failing = sameTime ? stable.failures / Math.max(1, stable.decisions) : 0;
  if (above(outOf(candidate.failures, decisions), limits.failures + failing))
    return {
      reason: "policy-failures",
      detail: `the policy failed in ${candidate.failures} of ${decisions} decisions`,
    };
  const errorLimit = upper(stable.errors, stable.decisions) + limits.moreErrors;
  if (sameTime && above(outOf(candidate.errors, decisions), errorLimit))
    return {
      reason: "errors",
      detail: `${candidate.errors} of ${decisions} answers failed, ${percent(errorLimit)} are allowed`,
    };

  const served = binnedMean(candidate.serves, HIGHEST);
  const could = total(stable.serves);
  const keeps = limits.hitsKept * (binnedMean(stable.serves, LOWEST) - meanRadius(could, alpha));
  if (evidenceBelow(candidate.serves, HIGHEST, keeps) > enough)
    return {
      reason: "fewer-hits",
      detail: `serves ${percent(served)} of what it may, less than ${percent(keeps)}`,
    };
  const often = limits.hitsTimes * Math.max(0.05, upper(stable.hits, stable.decisions));
  if (above(outOf(candidate.hits, decisions), often))
    return {
      reason: "more-hits",
      detail: `${candidate.hits} hits in ${decisions} decisions, more than ${percent(often)}`,
    };
  const proposed = binnedMean(stable.proposes, HIGHEST) + meanRadius(total(stable.proposes), alpha);
  const most = Math.max(limits.cacheShare, proposed + limits.cacheShareAbove);
  if (evidenceAbove(candidate.proposes, LOWEST, most) > enough)
    return {
      reason: "always-cache",
      detail: `proposes the cache with a mean probability above ${percent(most)}`,
    };

  return (
    slowAlarm("slow-policy", stable.policyDelays, candidate.policyDelays, limits) ??
    (sameTime
      ? (slowAlarm("slow-hits", stable.hitDelays, candidate.hitDelays, limits) ??
        slowAlarm("slow-model", stable.modelDelays, candidate.modelDelays, limits))
      : null)
  );
}

/** Whether the median or the 95th percentile has grown too much. */
function slowAlarm(
  reason: AlarmReason,
  stable: readonly number[],
  candidate: readonly number[],
  { alpha, slower, slowerMs }: AlarmLimits,
): Alarm | null {
  for (const q of [0.5, 0.95]) {
    const bin = quantileBin(stable, q, 0.1 * alpha);
    if (bin === null) continue;
    const limit = Math.max(
      bin + Math.round(BUCKETS_PER_OCTAVE * Math.log2(slower)),
      bucketOf(bucketEnd(bin) + slowerMs),
    );
    const late = total(candidate.slice(limit + 1));
    const all = total(candidate);
    if (evidenceAbove(outOf(late, all), BINARY, 1 - q) <= -Math.log(0.4 * alpha)) continue;
    return {
      reason,
      detail: `${late} of ${all} took more than ${Math.round(bucketEnd(limit))} ms, as at most ${percent(1 - q)} should`,
    };
  }
  return null;
}

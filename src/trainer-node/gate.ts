// Whether a trained policy may be published. It must be shown, on what the edges logged, that it earns no less than the one
// that serves and is not wrong more often than allowed; what the log cannot show is refused. The guards dispose in any
// case: this gate protects the answers' quality, not their safety.
import { type Observation } from "../policy/network/policy.ts";
import { Random } from "../policy/random.ts";
import { qualityFromAcceptance, utility, weightsFor } from "../policy/reward.ts";
import { deviationOf, quantile } from "./intervals.ts";
import { type Lesson } from "./lessons.ts";
import {
  type ActionProbabilities,
  type EvaluationLog,
  type LoggedDecision,
  MANY_TENANTS,
  type PolicyEstimate,
  bootstrap,
  effectiveSizes,
  estimate,
  evaluationLog,
  wrongHits,
} from "./off-policy.ts";
import { probe, probeObservations } from "./probes.ts";
import { type ExtraFeatures } from "./reward-model.ts";

export interface GateSettings {
  /** Exploration floor that the candidate will run with. */
  readonly epsilon: number;
  readonly seed: number;
  readonly replicates: number;
  /** Only decisions this much older than the newest count. */
  readonly windowMs: number;
  /** Effective number of decisions, overall and in each region with at least `minRegionShare` of the log. */
  readonly minEffective: number;
  readonly minRegionEffective: number;
  readonly minRegionShare: number;
  /** Independent groups (tenants, or questions where there are few tenants) that a bootstrap needs. */
  readonly minGroups: number;
  /** The heaviest 1 % of the weights carry less than this. */
  readonly maxTopShare: number;
  /** Accepted loss of reward, as a share of |DR(current)|, at the lower 95 % bound. */
  readonly maxLoss: number;
  /** Wrong answers from the cache per request, at the upper 95 % bound. */
  readonly maxWrongPerRequest: number;
  /** |DR - SNIPS| and |mean weight - 1| in standard errors: beyond, log or propensities are not what they seem. */
  readonly maxDisagreement: number;
  readonly maxWeightError: number;
  /** Share of requests that the model may be called for: the budget. */
  readonly maxModelShare: number;
  /** Bounds of the mean probability of a direct call on the probes, and by how much the cache must be used less far away. */
  readonly minProbeShare: number;
  readonly minProbeFall: number;
  readonly extraFeatures?: ExtraFeatures;
}

export const GATE_SETTINGS: GateSettings = {
  epsilon: 0.02,
  seed: 1,
  replicates: 500,
  windowMs: 7 * 86_400_000,
  minEffective: 500,
  minRegionEffective: 100,
  minRegionShare: 0.01,
  minGroups: MANY_TENANTS,
  maxTopShare: 0.2,
  maxLoss: 0.005,
  maxWrongPerRequest: 0.01,
  maxDisagreement: 2,
  maxWeightError: 4,
  maxModelShare: 1,
  minProbeShare: 0.005,
  minProbeFall: 0.05,
};

export interface GateVerdict {
  readonly accepted: boolean;
  /** One sentence for each condition that does not hold; empty when accepted. */
  readonly reasons: readonly string[];
  /** For the manifest's `gate`: finite numbers and words. */
  readonly report: Readonly<Record<string, number | string>>;
}

/** What the gate needs of a lesson; the reward is unclipped, because a clipped one would bias estimates. */
export function loggedDecision(lesson: Lesson): LoggedDecision {
  const { f, c, omega, action, mu, probs, at, region, tenant, group, handling, label } = lesson;
  const weights = weightsFor(10 ** (lesson.price ?? omega));
  const quality = qualityFromAcceptance(lesson.acceptance, weights);
  const reward = utility(quality, lesson.delaySeconds, weights);
  return { f, c, omega, action, mu, probs, reward, at, region, tenant, group, handling, label };
}

function recentOf(decisions: readonly LoggedDecision[], { windowMs }: GateSettings) {
  const newest = decisions.reduce((latest, { at }) => Math.max(latest, at), -Infinity);
  return decisions.filter(({ at }) => newest - at <= windowMs);
}

/** What the candidate is asked beside the log, about its embeddings. */
export const probesFor = (
  decisions: readonly LoggedDecision[],
  settings: GateSettings,
): readonly Observation[] =>
  probeObservations(
    settings.seed,
    recentOf(decisions, settings).map(({ f }) => f),
  );

/**
 * Deterministic. The golden vectors are tested elsewhere: when a release is made, and by whoever loads it.
 *
 * @param probes `probesFor` these decisions, for a caller who answers them all at once beforehand
 */
export function gate(
  candidate: ActionProbabilities,
  current: ActionProbabilities,
  decisions: readonly LoggedDecision[],
  settings: GateSettings = GATE_SETTINGS,
  probes = probesFor(decisions, settings),
): GateVerdict {
  const recent = recentOf(decisions, settings);
  const probed = probeCandidate(candidate, probes, settings);
  const judged =
    recent.length === 0
      ? { reasons: ["the log is empty"], report: { decisions: 0 } }
      : compare(candidate, current, evaluationLog(recent, settings.extraFeatures), settings);
  const reasons = [...probed.reasons, ...judged.reasons];
  return {
    accepted: reasons.length === 0,
    reasons,
    report: finite({
      verdict: reasons.length === 0 ? "accepted" : reasons.join("; "),
      ...judged.report,
      ...probed.report,
    }),
  };
}

type Findings = Omit<GateVerdict, "accepted">;

function probeCandidate(
  candidate: ActionProbabilities,
  probes: readonly Observation[],
  { minProbeShare, minProbeFall }: GateSettings,
): Findings {
  const { directShare, near, far } = probe(candidate, probes);
  return {
    reasons: failing([
      [directShare >= minProbeShare, `probes: calls the model for ${percent(directShare)}`],
      [directShare <= 1 - minProbeShare, `probes: calls the model for ${percent(directShare)}`],
      [
        near - far >= minProbeFall,
        `probes: uses the cache for ${percent(near)} near by and ${percent(far)} far away`,
      ],
    ]),
    report: { probeDirectShare: directShare, probeNear: near, probeFar: far },
  };
}

function compare(
  candidate: ActionProbabilities,
  current: ActionProbabilities,
  log: EvaluationLog,
  settings: GateSettings,
): Findings {
  const { epsilon, replicates, maxLoss } = settings;
  const ours = estimate(log, candidate, epsilon);
  const theirs = estimate(log, current, epsilon);
  const wrong = wrongHits(log, ours);

  const difference = ours.drTerms.map((term, i) => term - theirs.drTerms[i]!);
  const weighted = ours.weights.map((weight, i) => weight * log.decisions[i]!.reward);
  const resamples = bootstrap(log, [difference, weighted, ours.weights, wrong.hitTerms], {
    replicates,
    random: new Random(settings.seed),
  });
  const differences = resamples.map(({ sums, size }) => sums[0]! / size);
  const snipsError = deviationOf(resamples.map(({ sums }) => sums[1]! / sums[2]!));
  const weightError = deviationOf(resamples.map(({ sums, size }) => sums[2]! / size));
  const hitUpper = quantile(
    resamples.map(({ sums, size }) => sums[3]! / size),
    0.95,
  );
  const lower95 = quantile(differences, 0.05);
  const allowed = -maxLoss * Math.abs(theirs.dr);
  const wrongUpper = hitUpper * wrong.wrongPerHitUpper;
  const modelShare = 1 - wrong.hitShare;
  const regions = regionFindings(log, ours, settings);

  const offWeights = Math.abs(ours.meanWeight - 1);
  const offModels = Math.abs(ours.dr - ours.snips);
  return {
    reasons: failing([
      [
        ours.effectiveSize >= settings.minEffective,
        `effective size ${ours.effectiveSize.toFixed(0)} of ${log.decisions.length} decisions, ${settings.minEffective} needed`,
      ],
      ...regions.conditions,
      [
        log.clusterCount >= settings.minGroups,
        `${log.clusterCount} independent groups, ${settings.minGroups} needed`,
      ],
      [
        ours.topShare < settings.maxTopShare,
        `1 % of the decisions carry ${percent(ours.topShare)} of the weight`,
      ],
      [
        offWeights <= settings.maxWeightError * weightError + 1e-9,
        `mean weight ${ours.meanWeight.toFixed(3)}: the logged propensities do not fit`,
      ],
      [
        offModels <= settings.maxDisagreement * snipsError + 1e-9,
        `DR ${ours.dr.toFixed(4)} and SNIPS ${ours.snips.toFixed(4)} differ by over ${settings.maxDisagreement} standard errors`,
      ],
      [
        lower95 >= allowed,
        `reward changes by ${lower95.toFixed(4)} at the lower 95 % bound, ${allowed.toFixed(4)} allowed`,
      ],
      [
        wrongUpper <= settings.maxWrongPerRequest,
        `wrong per request up to ${percent(wrongUpper)} (${wrong.labelled} labelled hits), ${percent(settings.maxWrongPerRequest)} allowed`,
      ],
      [
        modelShare <= settings.maxModelShare,
        `calls the model for ${percent(modelShare)}, ${percent(settings.maxModelShare)} allowed`,
      ],
    ]),
    report: {
      decisions: log.decisions.length,
      groups: log.clusterCount,
      effectiveSize: ours.effectiveSize,
      ...regions.report,
      topShare: ours.topShare,
      meanWeight: ours.meanWeight,
      ips: ours.ips,
      snips: ours.snips,
      snipsError,
      dr: ours.dr,
      drCurrent: theirs.dr,
      drDifference: ours.dr - theirs.dr,
      drDifferenceError: deviationOf(differences),
      drDifferenceLower95: lower95,
      hitShare: wrong.hitShare,
      labelledHits: wrong.labelled,
      wrongPerHit: wrong.wrongPerHit ?? "unknown",
      wrongPerHitUpper95: wrong.wrongPerHitUpper,
      wrongPerRequestUpper95: wrongUpper,
      modelShare,
      seed: settings.seed,
      replicates,
    },
  };
}

function regionFindings(
  log: EvaluationLog,
  ours: PolicyEstimate,
  { minRegionEffective, minRegionShare }: GateSettings,
) {
  const sizes = [...effectiveSizes(log, ours)].filter(
    ([, { decisions }]) => decisions >= minRegionShare * log.decisions.length,
  );
  return {
    conditions: sizes.map(([region, { effectiveSize }]): Condition => [
      effectiveSize >= minRegionEffective,
      `effective size ${effectiveSize.toFixed(0)} in region ${region}, ${minRegionEffective} needed`,
    ]),
    report: Object.fromEntries(
      sizes.map(([region, { effectiveSize }]) => [`effectiveSize.${region}`, effectiveSize]),
    ),
  };
}

/** A manifest holds no other numbers. */
const finite = (report: GateVerdict["report"]): GateVerdict["report"] =>
  Object.fromEntries(
    Object.entries(report).map(([name, value]) => [
      name,
      typeof value === "string" || Number.isFinite(value) ? value : "unknown",
    ]),
  );

type Condition = readonly [holds: boolean, otherwise: string];

const failing = (conditions: readonly Condition[]): readonly string[] =>
  conditions.filter(([holds]) => !holds).map(([, otherwise]) => otherwise);

const percent = (share: number): string => `${(100 * share).toFixed(2)} %`;

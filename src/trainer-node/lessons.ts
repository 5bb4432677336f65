// From what the edges sent to what the trainer learns from. Experiences, outcomes and labels are joined by the decision's
// id; each of them may come in a later pack than the other. What cannot be learnt from is left out and counted.
//
//   y~ = clip(y-hat + (Z / p_s) (Y - y-hat), -1, 2)          doubly robust pseudo-outcome: Z labelled, p_s logged
//   U  = q(y~) - delayWeight min(d, 10 s) / 10 s             product utility (reward.ts)
//
// With rare samples the clip weakens what a label corrects (p_s = 0.05: a wrong answer asks for y~ = -17, and counts -1):
// then y-hat, to which every label adds, carries most of what is known. Estimates use y~ unclipped.
//
// A label that came by itself has Z = 1 and p_s = 1. Those who speak up are not a fair sample, the displeased among them
// are too many, so that such labels make the cache look worse than it is. Only sampled labels are unbiased.
import { type Handling } from "../policy/action.ts";
import { type Experience, type Outcome } from "../policy/experience.ts";
import { decodeFloats, decodeHalf } from "../policy/half.ts";
import { CORRELATION_SIZE, EMBEDDING_SIZE } from "../policy/network/policy.ts";
import { qualityFromAcceptance, utility, weightsFor } from "../policy/reward.ts";
import { type TrainerPack } from "../durable/leases.ts";
import { type Label } from "../durable/report.ts";
import { type AcceptanceTable, acceptanceRate, withLabel } from "./acceptance.ts";
import { type Sample } from "./rollout-buffer.ts";
import { textHash } from "./text-hash.ts";

/** A sample for training, and what the off-policy gate needs to know of it. */
export interface Lesson extends Sample {
  readonly expId: string;
  readonly tenant: string;
  /** The same question of the same tenant, whenever it was asked: such lessons are not independent. */
  readonly group: string;
  readonly share: boolean;
  readonly resolverVersion: number;
  readonly handling: Experience["sub"];
  readonly delaySeconds: number;
  /** log10 of the price of time that its reward counts by; `omega` when left out. */
  readonly price?: number;
  /** y~ before it is clipped: for estimates, which clipping would bias. */
  readonly acceptance: number;
  readonly label: LessonLabel | null;
}

export interface LessonLabel {
  readonly correct: 0 | 1;
  /** p_s, at least `MIN_SAMPLING`; null for a word that came by itself. */
  readonly samplingProbability: number | null;
}

export interface LessonSettings {
  /** Milliseconds since the epoch. */
  readonly now: number;
  /** null trains shared weights: only from tenants that allow it. Else this tenant's own policy, from it alone. */
  readonly tenant: string | null;
  /**
   * Experiences of another embedder have other distances and directions. "*" takes those of any, and of these the ones that
   * were fed quantiles, which are the same for all.
   */
  readonly embedder: string;
  readonly resolverVersion: number;
  /** Newest policy version; null: experiences of any age will do. */
  readonly version: number | null;
  readonly maxLag?: number;
  readonly actions?: 2 | 3;
  /** How long a decision waits for its outcome and its label. */
  readonly waitMs?: number;
  /** More than this are not kept waiting: the oldest go as they are. */
  readonly maxWaiting?: number;
}

/** What must survive until the next packs; JSON, at most `maxWaiting` experiences of about 2 KB. */
export interface LessonState {
  readonly waiting: readonly Joined[];
  readonly table: AcceptanceTable;
  /** The table speaks of this resolver; another one lets other rows through. */
  readonly resolverVersion: number;
}

interface Joined {
  readonly experience: Experience;
  readonly outcome: Outcome | null;
  readonly labels: readonly TrainerLabel[];
}

type TrainerLabel = TrainerPack["labels"][number];

type Omission =
  | "duplicate"
  | "malformed"
  | "not-finite"
  | "other-tenant"
  | "not-shared"
  | "other-embedder"
  | "other-input"
  | "other-resolver"
  | "lag"
  | "future"
  | "no-outcome"
  | "coalesced"
  | Exclude<Outcome["result"], "final">
  /** Records, not experiences: of exact hits, of decisions already learnt from, or of another tenant's decision. */
  | "outcome-without-decision"
  | "label-without-decision"
  | "malformed-label"
  /** Of an answer that nobody got: it says what the row was worth, not what the decision was. */
  | "label-of-another-answer"
  /** Money was spent, and nothing found out. */
  | "undecided-label";

export interface Lessons {
  readonly lessons: readonly Lesson[];
  readonly state: LessonState;
  readonly omitted: Readonly<Partial<Record<Omission, number>>>;
}

export const NO_LESSONS: LessonState = { waiting: [], table: {}, resolverVersion: 0 };

/** Users' labels come within 15 minutes or are not waited for. */
const WAIT_MS = 900_000;
const MAX_WAITING = 5_000;
const MAX_LAG = 8;
/** Between a trainer's clock and an edge's, or nothing of the edge would be accepted (signed-request.ts). */
const MAX_AHEAD_MS = 600_000;
/** No sampling rate below this is believed: one label must not weigh like hundreds. */
const MIN_SAMPLING = 0.02;
/** Whose word on a decision stands, as in the cache book; between equals the sampled one, then the later. */
const AUTHORITY: Record<Label["source"], number> = {
  regenerate: 0,
  feedback: 1,
  shadow: 2,
  judge: 2,
  human: 3,
};

/** Pure: `state` is that of the last call, or `NO_LESSONS`; the new one belongs into the checkpoint before the ack. */
export function lessonsFrom(
  packs: readonly TrainerPack[],
  state: LessonState,
  settings: LessonSettings,
): Lessons {
  const omitted: Partial<Record<Omission, number>> = {};
  const omit = (why: Omission) => void (omitted[why] = (omitted[why] ?? 0) + 1);
  const { done, waiting } = due(join(packs, state.waiting, settings, omit), settings);
  const ended = done.filter((decision) => {
    const why = wayOfEnding(decision);
    if (why !== null) omit(why);
    return why === null;
  });

  const isSameResolver = state.resolverVersion === settings.resolverVersion;
  let table: AcceptanceTable = isSameResolver ? state.table : {};
  const labels = ended.map(({ labels: words }) => standing(words));
  for (const [i, decision] of ended.entries())
    if (labels[i]) table = withLabel(table, caseOf(decision, labels[i]));
  return {
    lessons: ended.map((decision, i) => lessonOf(decision, labels[i] ?? null, table)),
    state: { waiting, table, resolverVersion: settings.resolverVersion },
    omitted,
  };
}

function join(
  packs: readonly TrainerPack[],
  earlier: readonly Joined[],
  settings: LessonSettings,
  omit: (why: Omission) => void,
): Joined[] {
  const known = new Map(earlier.map((decision) => [decision.experience.expId, decision]));
  const refused = new Set<string>();
  for (const experience of packs.flatMap((pack) => pack.experiences)) {
    const why = known.has(experience.expId) ? "duplicate" : refusalOf(experience, settings);
    if (why === null) known.set(experience.expId, { experience, outcome: null, labels: [] });
    else omit(why);
    if (why !== null && why !== "duplicate") refused.add(experience.expId);
  }
  const ownerOf = (record: { readonly expId: string; readonly tenant: string }) => {
    const decision = known.get(record.expId);
    // Ids of decisions are public to their callers only; a word from elsewhere is not about this decision.
    return decision?.experience.tenant === record.tenant ? decision : undefined;
  };
  for (const outcome of packs.flatMap((pack) => pack.outcomes)) {
    const decision = ownerOf(outcome);
    if (decision && decision.outcome === null) known.set(outcome.expId, { ...decision, outcome });
    else if (!decision && !refused.has(outcome.expId)) omit("outcome-without-decision");
  }
  for (const label of packs.flatMap((pack) => pack.labels)) {
    const decision = ownerOf(label);
    if (label.weight === 0) omit("undecided-label");
    else if (!isLabel(label)) omit("malformed-label");
    else if ((label.reuse ?? "served") !== "served") omit("label-of-another-answer");
    else if (decision) known.set(label.expId, { ...decision, labels: [...decision.labels, label] });
    else if (!refused.has(label.expId)) omit("label-without-decision");
  }
  return [...known.values()];
}

/** Who has waited long enough, and who waits on: oldest first, at most `maxWaiting`. */
function due(decisions: readonly Joined[], settings: LessonSettings) {
  const { now, waitMs = WAIT_MS, maxWaiting = MAX_WAITING } = settings;
  const byAge = decisions.toSorted((a, b) => a.experience.at - b.experience.at);
  const old = byAge.findIndex(({ experience }) => now - experience.at < waitMs);
  const cut = Math.max(old === -1 ? byAge.length : old, byAge.length - maxWaiting);
  return { done: byAge.slice(0, cut), waiting: byAge.slice(cut) };
}

/** Why an experience cannot be learnt from, whatever became of it. */
function refusalOf(experience: Experience, settings: LessonSettings): Omission | null {
  const { tenant, maxLag = MAX_LAG, actions = 2, version, now } = settings;
  const { c, omega, at, mu, probs, action } = experience;
  if (tenant !== null && experience.tenant !== tenant) return "other-tenant";
  if (tenant === null && !experience.share) return "not-shared";
  if (settings.embedder !== "*" && experience.embedder !== settings.embedder)
    return "other-embedder";
  if (experience.resolverVersion !== settings.resolverVersion) return "other-resolver";
  if (version !== null && version - experience.policyVersion > maxLag) return "lag";
  // It would wait for that time to come, and a log that held it would have no other decision of its last seven days.
  if (at - now > MAX_AHEAD_MS) return "future";
  if (c.length !== CORRELATION_SIZE || probs.length !== actions) return "malformed";
  if (!(mu > 0 && mu <= 1 && Number.isInteger(action) && action >= 0 && action < actions))
    return "malformed";
  const f = numbersIn(() => decodeHalf(experience.f));
  if (f?.length !== EMBEDDING_SIZE || noiseOf(experience) === undefined) return "malformed";
  if (![omega, at, ...c, ...probs, ...f].every(Number.isFinite)) return "not-finite";
  return isQuantiles(f) === (settings.embedder === "*") ? null : "other-input";
}

/** Only a request that was answered to its end tells what the decision was worth. */
function wayOfEnding({ outcome }: Joined): Omission | null {
  if (outcome === null) return "no-outcome";
  if (outcome.result !== "final") return outcome.result;
  if (!(Number.isFinite(outcome.delaySeconds) && outcome.delaySeconds >= 0)) return "not-finite";
  // It rode on another request's model call: its delay is not that of what was decided.
  return outcome.kind === "HIT-EXACT" ? "coalesced" : null;
}

function lessonOf(
  { experience, outcome, labels }: Joined,
  label: TrainerLabel | null,
  table: AcceptanceTable,
): Lesson {
  const { f, omega, price = omega, expId, tenant, sub } = experience;
  const delaySeconds = outcome!.delaySeconds;
  // y-hat must not know the label that corrects it, or the correction is too small.
  const known = label
    ? withLabel(table, caseOf({ experience, outcome, labels }, label), -1)
    : table;
  const estimate = acceptanceRate(known, executed(sub), experience.c[0]!);
  const sampling = label?.samplingProbability;
  const believed = sampling === undefined ? null : Math.min(1, Math.max(MIN_SAMPLING, sampling));
  const acceptance = label
    ? estimate + (label.weight / (believed ?? 1)) * (label.correct - estimate)
    : estimate;
  const fed = decodeHalf(f);
  const weights = weightsFor(10 ** price);
  const clipped = Math.min(2, Math.max(-1, acceptance));
  return {
    f: fed,
    c: Float32Array.from(experience.c),
    omega,
    price,
    noise: noiseOf(experience) ?? null,
    action: experience.action,
    mu: experience.mu,
    probs: experience.probs,
    reward: utility(qualityFromAcceptance(clipped, weights), delaySeconds, weights),
    region: experience.region,
    at: experience.at,
    policyVersion: experience.policyVersion,
    expId,
    tenant,
    group: `${tenant} ${textHash(isQuantiles(fed) ? experience.c.join() : f).toString(36)}`,
    share: experience.share,
    resolverVersion: experience.resolverVersion,
    handling: sub,
    delaySeconds,
    acceptance,
    label: label && { correct: label.correct, samplingProbability: believed },
  };
}

/** No embedding was fed (distance-quantiles.ts): one of unit length is never all zeros. */
const isQuantiles = (f: Float32Array): boolean => f.every((value) => value === 0);

const executed = (sub: Experience["sub"]): Handling => (sub === "B_FALLBACK" ? "B" : sub);

const caseOf = ({ experience }: Joined, { correct, weight }: TrainerLabel) => ({
  handling: executed(experience.sub),
  distance: experience.c[0]!,
  correct,
  weight,
});

/** It came through a region object, which does not look into labels. */
const isLabel = ({ correct, weight, source, samplingProbability: p = 1 }: TrainerLabel): boolean =>
  (correct === 0 || correct === 1) && weight > 0 && weight <= 1 && source in AUTHORITY && p > 0;

function standing(labels: readonly TrainerLabel[]): TrainerLabel | null {
  const rank = ({ source, samplingProbability }: TrainerLabel) =>
    AUTHORITY[source] + (samplingProbability === undefined ? 0 : 0.5);
  return labels.reduce<TrainerLabel | null>(
    (best, label) => (best === null || rank(label) >= rank(best) ? label : best),
    null,
  );
}

/** null: all zero. undefined: not readable. */
function noiseOf({ noise }: Experience): Float32Array | null | undefined {
  return noise === "zero" ? null : numbersIn(() => decodeFloats(noise));
}

function numbersIn(read: () => Float32Array): Float32Array | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}

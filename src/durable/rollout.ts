// A new policy's way into service: 1 % of the users, 10 %, all. A state machine over the reports that reach a region
// object; the same reports give the same state, so that a restart changes nothing. A policy that does harm is taken out
// with the next reply and never tried again; only a higher version is.
import { type Outcome } from "../policy/experience.ts";
import { followsVersion } from "../policy/network/manifest.ts";
import { fingerprintOf } from "./fingerprint.ts";
import {
  type AlarmReason,
  type HitLabels,
  NOTHING_COUNTED,
  type PolicyStatistics,
  type StatisticsView,
  alarmOf,
  countOutcomes,
  statisticsView,
} from "./policy-statistics.ts";
import { type Label } from "./report.ts";
import { type RolloutSettings } from "./rollout-settings.ts";

type Stage = 0 | 1 | 2;

/** What isolates are told: the candidate serves this share of the users, the stable policy the others. */
export interface ServingPolicies {
  readonly stable: number;
  readonly candidate: number | null;
  readonly share: number;
}

export interface RolloutEvent {
  readonly at: number;
  readonly version: number;
  readonly kind: "candidate" | "advanced" | "stable" | "rolled-back" | "replaced" | "set";
  /** Share of the users from now on. */
  readonly share: number;
  readonly reason?: AlarmReason;
  readonly detail?: string;
}

export interface RolloutState {
  /** The last good version; 0 is the greedy rule. */
  readonly stable: number;
  readonly candidate: number | null;
  readonly stage: Stage;
  /** Start of the stage, milliseconds since the epoch. */
  readonly since: number;
  /** The newest version published so far: no older one ever follows. */
  readonly newest: number;
  /** Published while another candidate was being tried. */
  readonly next: number | null;
  /** Highest batch of the ledger that is counted here. */
  readonly counted: number;
  /** Since the stage began; at 100 % the stable policy's are those of the stage before. */
  readonly statistics: {
    readonly stable: PolicyStatistics;
    readonly candidate: PolicyStatistics;
  };
  readonly labels: HitLabels;
  /**
   * Fingerprints of the candidate's newest hits that no examiner has judged yet: a label that names one of them is the
   * candidate's. And those of them that somebody complained of.
   */
  readonly hits: readonly string[];
  readonly complained: readonly string[];
  readonly rolledBack: readonly RolloutEvent[];
  readonly lastEvent: RolloutEvent | null;
}

/**
 * Some 30 kB of the state row. A word that comes after so many more hits is not heard: at 200 requests a second with 30 % of
 * hits that is after an hour at 1 % of the users, 5 minutes at 10 %, half a minute at 100 %.
 */
const KEPT_HITS = 2_048;
const KEPT_ROLLBACKS = 20;
const NO_LABELS: HitLabels = { hits: 0, complaints: 0, examined: 0, wrong: 0 };
const NO_STATISTICS = { stable: NOTHING_COUNTED, candidate: NOTHING_COUNTED };

export const NO_ROLLOUT: RolloutState = {
  stable: 0,
  candidate: null,
  stage: 0,
  since: 0,
  newest: 0,
  next: null,
  counted: 0,
  statistics: NO_STATISTICS,
  labels: NO_LABELS,
  hits: [],
  complained: [],
  rolledBack: [],
  lastEvent: null,
};

export function servingOf(state: RolloutState, { stages }: RolloutSettings): ServingPolicies {
  const { stable, candidate, stage } = state;
  return { stable, candidate, share: candidate === null ? 0 : stages[stage]!.share };
}

/**
 * A version has been published. It becomes the candidate, or waits for the one that is being tried; of several that wait
 * the newest is left. The state is unchanged for a version that does not follow the newest one known.
 */
export function nominate(
  state: RolloutState,
  version: number,
  now: number,
  settings: RolloutSettings,
): RolloutState {
  if (!followsVersion(version, state.newest)) return state;
  const known = { ...state, newest: version };
  if (state.candidate === null) return begin(known, version, now, settings);
  // Nobody could load it, or nobody asked: there is nothing to wait for.
  if (state.statistics.candidate.decisions === 0 && state.stage === 0)
    return begin(known, version, now, settings, "replaced");
  return { ...known, next: version };
}

/** Puts a version into service for everybody at once: for recovery by hand. */
export const setStable = (state: RolloutState, version: number, now: number): RolloutState => ({
  ...state,
  ...NO_TRIAL,
  stable: version,
  newest: Math.max(state.newest, version),
  since: now,
  lastEvent: { at: now, version, kind: "set", share: 1 },
});

/** Counts a batch, then takes the candidate out, moves it on, or leaves it where it is. */
export function countBatch(
  state: RolloutState,
  batch: {
    readonly seq: number;
    readonly receivedAt: number;
    readonly report: { readonly outcomes: readonly Outcome[]; readonly labels: readonly Label[] };
  },
  settings: RolloutSettings,
): RolloutState {
  if (batch.seq <= state.counted) return state;
  const seen = { ...state, counted: batch.seq };
  const { candidate, stage } = state;
  const { outcomes, labels } = batch.report;
  if (candidate === null || outcomes.length + labels.length === 0) return seen;
  const counted = withLabels(withOutcomes(seen, outcomes), labels);

  const { statistics } = counted;
  const alarm = alarmOf(
    statistics.stable,
    statistics.candidate,
    counted.labels,
    settings.limits,
    stage < 2,
  );
  if (alarm !== null) {
    const event: RolloutEvent = {
      at: batch.receivedAt,
      version: candidate,
      kind: "rolled-back",
      share: 0,
      ...alarm,
    };
    const rolledBack = [...counted.rolledBack, event].slice(-KEPT_ROLLBACKS);
    return follow({ ...counted, rolledBack, lastEvent: event }, batch.receivedAt, settings);
  }

  const { minDecisions, minMs } = settings.stages[stage]!;
  const isDone =
    statistics.candidate.decisions >= minDecisions && batch.receivedAt - state.since >= minMs;
  if (!isDone) return counted;
  if (stage === 2) {
    const lastEvent = {
      at: batch.receivedAt,
      version: candidate,
      kind: "stable",
      share: 1,
    } as const;
    return follow({ ...counted, stable: candidate, lastEvent }, batch.receivedAt, settings);
  }
  const next = (stage + 1) as Stage;
  return {
    ...counted,
    stage: next,
    since: batch.receivedAt,
    statistics: {
      stable: next === 2 ? statistics.stable : NOTHING_COUNTED,
      candidate: NOTHING_COUNTED,
    },
    lastEvent: {
      at: batch.receivedAt,
      version: candidate,
      kind: "advanced",
      share: settings.stages[next]!.share,
    },
  };
}

/**
 * Whether the policy `version` decides for `subject` while a share of the users is its. The same for a user every time,
 * and another draw with every version, so that nobody is always the first.
 */
export function isExposed(version: number, subject: string, share: number): boolean {
  if (share >= 1) return true;
  // FNV-1a over the UTF-16 units, then murmur3's finaliser, without which neighbouring versions draw alike.
  let hash = 0x811c9dc5;
  for (const text of [String(version), "|", subject])
    for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0 < share * 2 ** 32;
}

/** What `GET /admin/live` and the dashboard show of it. */
export interface RolloutView extends ServingPolicies {
  readonly since: number;
  readonly next: number | null;
  readonly labels: HitLabels;
  readonly statistics: Readonly<Record<"stable" | "candidate", StatisticsView>>;
  /** Newest last; these versions are never tried again. */
  readonly rolledBack: readonly RolloutEvent[];
  readonly lastEvent: RolloutEvent | null;
}

export function rolloutView(state: RolloutState, settings: RolloutSettings): RolloutView {
  const { since, next, labels, statistics, rolledBack, lastEvent } = state;
  return {
    ...servingOf(state, settings),
    since,
    next,
    labels,
    statistics: {
      stable: statisticsView(statistics.stable),
      candidate: statisticsView(statistics.candidate),
    },
    rolledBack,
    lastEvent,
  };
}

const NO_TRIAL = {
  candidate: null,
  next: null,
  stage: 0,
  statistics: NO_STATISTICS,
  labels: NO_LABELS,
  hits: [],
  complained: [],
} as const;

function begin(
  state: RolloutState,
  version: number,
  now: number,
  settings: RolloutSettings,
  kind: "candidate" | "replaced" = "candidate",
): RolloutState {
  const { share } = settings.stages[0]!;
  return {
    ...state,
    ...NO_TRIAL,
    candidate: version,
    since: now,
    lastEvent: { at: now, version, kind, share },
  };
}

/** Ends a trial, and begins that of the version that waited for it. */
function follow(state: RolloutState, now: number, settings: RolloutSettings): RolloutState {
  const ended: RolloutState = { ...state, ...NO_TRIAL, since: now };
  if (state.next === null) return ended;
  // What is to be told is the end of this trial; the beginning of the next one shows in the state.
  return { ...begin(ended, state.next, now, settings), lastEvent: state.lastEvent };
}

function withOutcomes(state: RolloutState, outcomes: readonly Outcome[]): RolloutState {
  const of = (version: number | null) =>
    outcomes.filter(({ parts }) => parts["policyVersion"] === version);
  const its = of(state.candidate);
  const { stable, candidate } = state.statistics;
  const hits = its.filter(({ kind }) => kind === "HIT-SEMANTIC").map(hitKey);
  return {
    ...state,
    statistics: {
      stable: state.stage < 2 ? countOutcomes(stable, of(state.stable)) : stable,
      candidate: countOutcomes(candidate, its),
    },
    labels: { ...state.labels, hits: state.labels.hits + hits.length },
    hits: hits.length > 0 ? [...state.hits, ...hits].slice(-KEPT_HITS) : state.hits,
  };
}

/** A decision belongs to a tenant: another tenant's word on it is none. */
const hitKey = ({ tenant, expId }: Pick<Label, "tenant" | "expId">): string =>
  fingerprintOf(`${tenant}|${expId}`).toString(36);

/**
 * Users complain of wrong answers and rarely praise right ones: their word counts per hit, that of an examiner per look.
 * On one decision one complaint counts and one look, whoever repeats them. What a user says takes no hit away from the
 * examiner: praise would silence him, and complaints would leave him the hits that nobody minded.
 */
function withLabels(state: RolloutState, labels: readonly Label[]): RolloutState {
  if (labels.length === 0) return state;
  let { complaints, examined, wrong } = state.labels;
  const hits = new Set(state.hits);
  const complained = new Set(state.complained);
  for (const label of labels) {
    const key = hitKey(label);
    // Without weight it is only a bill.
    if (!hits.has(key) || label.weight === 0) continue;
    const isWrong = label.correct === 0;
    if (label.source === "feedback" || label.source === "regenerate") {
      if (!isWrong || complained.has(key)) continue;
      complained.add(key);
      complaints++;
    } else {
      hits.delete(key);
      examined++;
      if (isWrong) wrong++;
    }
  }
  return {
    ...state,
    hits: [...hits],
    complained: [...complained].filter((key) => hits.has(key)),
    labels: { ...state.labels, complaints, examined, wrong },
  };
}

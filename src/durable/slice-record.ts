// What a region knows of one slice: how often its hits were wrong, what its rows have in common, and whether it serves.
// A fold over labels: pure, and the same for the same labels in the same order.
import { type GridWeights } from "../policy/cache/error-budget.ts";
import { type SliceOrders, YOUNG_SLICE } from "../policy/cache/slice.ts";
import { type Observation } from "./entry.ts";
import { type Reading } from "./evidence.ts";
import { evidenceAbove, total } from "./sequential-test.ts";
import { addToPool, estimateOf, type LabelEvent, type Pooled } from "./slice-pool.ts";
import {
  evidenceOfMore,
  type Judged,
  judgedCount,
  MIN_PROBABILITY,
  NONE_JUDGED,
  type ShareInterval,
  withJudgement,
  wrongShare,
} from "./wrong-share.ts";

export interface Traffic {
  readonly requests: number;
  readonly hits: number;
}

export interface SliceRecord {
  /** The slice's traffic when counting began; a drift and a reopening begin it anew. */
  readonly since: Traffic;
  /** Fairly chosen labels of hits that were served, and of those withheld while the slice is closed. */
  readonly served: Judged;
  readonly withheld: Judged;
  /** Users who said so themselves that their hit was wrong. */
  readonly complaints: number;
  /** Fairly chosen labels since counting began, and at how many the prior is estimated again. */
  readonly labels: number;
  readonly refreshAt: number;
  /** Change test: ln of its statistic, number of its runs, and the run in which the last drift began. */
  readonly surprise: number;
  readonly stamp: number;
  readonly validFrom: number;
  readonly drifts: number;
  readonly closed: { readonly why: string; readonly at: number } | null;
  /** Id of the scorer in whose distances prior and reach are, null: in raw ones. */
  readonly axis: string | null;
  /** [555] prior of the rows; null: the cold start's. */
  readonly prior: readonly number[] | null;
  /** How far rows without labels are served; null: as far as the cold start goes. */
  readonly reach: number | null;
}

export interface SliceLimits {
  /** On the axis that serves now; null while the region does not know it. */
  readonly coldStart: { readonly distance: number; readonly deltaHit: number } | null;
  readonly deltaHit: number;
  readonly deltaRequest: number;
}

export interface SliceView extends Traffic {
  readonly tenant: string;
  readonly lang: string;
  /** Fairly chosen labels of served hits behind the shares. */
  readonly labels: number;
  readonly complaints: number;
  readonly wrongPerHit: ShareInterval;
  readonly wrongPerRequest: ShareInterval;
  readonly state: "young" | "open" | "cautious" | "closed";
  readonly why: string | null;
  /** When it was closed, milliseconds since the epoch. */
  readonly closedAt: number | null;
  readonly reach: number | null;
  readonly examine: number;
}

/** A slice with fewer labels is young: nothing is known of it but the calibration of the cold start. */
const YOUNG_LABELS = 400;
const OWN_LABELS = 4;
/** Examined of a slice that is not young: enough to notice a drift. */
const SETTLED: SliceOrders = { examine: 0.02 };
/** The prior is estimated at so many labels, then at every doubling, from the last mark on every so many. */
const FIRST_REFRESH = 16;
const REFRESH_EVERY = 2_000;
/** A false alarm comes once in more than so many labels; the test looks for odds of a wrong answer thrice as high. */
const ALARM = Math.log(2_000);
const ODDS = 3;
/** ln(1 / alpha) to close, as in the lower bound of `wrongShare`. */
const CLOSE = Math.log(40);
/** One displeased user with one bad row is no slice: the row is quarantined for that. */
const MIN_COMPLAINTS = 5;
const RETRY_MS = 86_400_000;

export const NEW_SLICE: SliceRecord = {
  since: { requests: 0, hits: 0 },
  served: NONE_JUDGED,
  withheld: NONE_JUDGED,
  complaints: 0,
  labels: 0,
  refreshAt: FIRST_REFRESH,
  surprise: 0,
  stamp: 0,
  validFrom: 0,
  drifts: 0,
  closed: null,
  axis: null,
  prior: null,
  reach: null,
};

/** The record after one more label; `pool` is changed in place. */
export function withLabel(record: SliceRecord, pool: Pooled[], event: LabelEvent): SliceRecord {
  const { observation, earlier } = event;
  let next = earlier ? counted(record, earlier, -1) : record;
  next = counted(next, observation, 1);
  addToPool(pool, event);
  // Who speaks up, or changes a word, says nothing of how well the slice is known.
  const isNew = earlier === undefined && observation[5]?.samplingProbability !== undefined;
  return { ...surprised(next, event), labels: next.labels + (isNew ? 1 : 0) };
}

function counted(record: SliceRecord, observation: Observation, count: 1 | -1): SliceRecord {
  const [, correct, , , source, more] = observation;
  const { samplingProbability: p, reuse = "served", stamp = 0 } = more ?? {};
  if (stamp < record.validFrom) return record;
  if (p === undefined) {
    const isComplaint =
      correct === 0 && (source === "regenerate" || source === "feedback") && reuse === "served";
    return isComplaint ? { ...record, complaints: Math.max(0, record.complaints + count) } : record;
  }
  if (reuse === "served")
    return { ...record, served: withJudgement(record.served, correct, p, count) };
  if (reuse === "withheld" && record.closed !== null)
    // Doubtful ones are compared more often. Counted alike, they can only delay the reopening.
    return {
      ...record,
      withheld: withJudgement(record.withheld, correct, MIN_PROBABILITY, count),
    };
  return record;
}

/**
 * CUSUM of ln(P(label | odds of wrong x 3) / P(label | as believed)): Page 1954. A run ends when it falls to zero, so that
 * labels carry the number of the run they came in and a drift knows where it began.
 */
function surprised(record: SliceRecord, event: LabelEvent): SliceRecord {
  const { observation, earlier, believed } = event;
  const { samplingProbability, reuse } = observation[5] ?? {};
  if (believed === null || earlier !== undefined || samplingProbability === undefined)
    return record;
  // What is believed of a row that is not served comes from the prior, until it has labels of its own.
  if (reuse === "refused" && event.labels < OWN_LABELS) return record;
  const q = Math.min(0.9, Math.max(0.01, 1 - believed));
  const higher = (ODDS * q) / (1 + (ODDS - 1) * q);
  const ratio = observation[1] === 0 ? higher / q : (1 - higher) / (1 - q);
  const surprise = Math.max(0, record.surprise + Math.log(ratio));
  const hasEnded = record.surprise > 0 && surprise === 0;
  return { ...record, surprise, stamp: record.stamp + (hasEnded ? 1 : 0) };
}

/** Draws the consequences of the labels so far: drift, a new prior, closing, reopening. */
export function settled(
  record: SliceRecord,
  pool: readonly Pooled[],
  traffic: Traffic,
  world: { readonly limits: SliceLimits; readonly reading: Reading; readonly now: number },
): SliceRecord {
  let next = onAxis(record, world.reading.scorer);
  if (next.surprise > ALARM)
    next = {
      ...restarted(next, traffic),
      surprise: 0,
      validFrom: next.stamp,
      stamp: next.stamp + 1,
      drifts: next.drifts + 1,
      refreshAt: 0,
    };
  if (next.labels >= next.refreshAt) next = refreshed(next, pool, world);
  if (next.closed === null) {
    const why = reasonToClose(next, traffic, world.limits);
    return why === null ? next : { ...next, closed: { why, at: world.now }, withheld: NONE_JUDGED };
  }
  return !isClosed(next, world.now) || mayOpen(next.withheld, world.limits.deltaHit)
    ? { ...restarted(next, traffic), closed: null }
    : next;
}

/** A closed slice in which nothing was compared for a day, as its tenant may not allow it, gets another try from zero. */
export const isClosed = ({ closed, withheld }: SliceRecord, now: number): boolean =>
  closed !== null && (judgedCount(withheld) > 0 || now - closed.at < RETRY_MS);

/**
 * Whether what the slice would have served was right often enough: half of what is accepted, after a start with one wrong
 * answer more than there was in as many labels as are accepted to have one. Then counting begins anew, and closes it anew.
 */
function mayOpen({ right, wrong }: Judged, deltaHit: number): boolean {
  const [good, bad] = [total(right), total(wrong)];
  return bad + 1 <= (deltaHit / 2) * (good + bad + 1 / deltaHit);
}

/** What was estimated in other distances than those that serve now is forgotten. */
export const onAxis = (record: SliceRecord, scorer: Reading["scorer"]): SliceRecord =>
  record.axis === (scorer?.id ?? null)
    ? record
    : {
        ...record,
        axis: scorer?.id ?? null,
        prior: null,
        reach: null,
        drifts: 0,
        refreshAt: Math.max(0, record.labels - 1) + FIRST_REFRESH,
      };

const restarted = (record: SliceRecord, traffic: Traffic): SliceRecord => ({
  ...record,
  since: traffic,
  served: NONE_JUDGED,
  withheld: NONE_JUDGED,
  complaints: 0,
  labels: 0,
  refreshAt: FIRST_REFRESH,
});

function refreshed(
  record: SliceRecord,
  pool: readonly Pooled[],
  { limits, reading }: { readonly limits: SliceLimits; readonly reading: Reading },
): SliceRecord {
  const { labels, drifts, validFrom } = record;
  const refreshAt =
    labels < REFRESH_EVERY
      ? Math.min(REFRESH_EVERY, Math.max(FIRST_REFRESH, 2 * labels))
      : labels + REFRESH_EVERY;
  if (limits.coldStart === null) return { ...record, refreshAt };
  const { prior, reach } = estimateOf(
    pool,
    limits.coldStart,
    { ...reading, validFrom },
    drifts === 0,
  );
  return {
    ...record,
    refreshAt,
    prior: Array.from(prior, (mass) => Number(mass.toPrecision(4))),
    reach: reach < limits.coldStart.distance ? reach : null,
    // Rows of a wider reach are untried. Those of a narrower one can only be better than what was seen.
    withheld: reach > (record.reach ?? limits.coldStart.distance) ? NONE_JUDGED : record.withheld,
  };
}

function reasonToClose(record: SliceRecord, traffic: Traffic, limits: SliceLimits): string | null {
  const { requests, hits } = trafficSince(record, traffic);
  const isAbove = (share: number): boolean =>
    share < 1 && evidenceOfMore(record.served, share) >= CLOSE;
  const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;
  const least = (): number => wrongShare(record.served).low;
  if (isAbove(limits.deltaHit))
    return `at least ${percent(least())} of the hits are wrong, ${percent(limits.deltaHit)} are accepted`;
  if (isAbove((limits.deltaRequest * requests) / Math.max(1, hits)))
    return `at least ${percent((least() * hits) / requests)} of the requests get a wrong hit, ${percent(limits.deltaRequest)} are accepted`;
  const complaints = Math.min(record.complaints, hits);
  if (
    complaints >= MIN_COMPLAINTS &&
    evidenceAbove([hits - complaints, complaints], [0, 1], limits.deltaHit) >= CLOSE
  )
    return `users called ${complaints} of ${hits} hits wrong`;
  return null;
}

const trafficSince = ({ since }: SliceRecord, traffic: Traffic): Traffic => ({
  requests: Math.max(0, traffic.requests - since.requests),
  hits: Math.max(0, traffic.hits - since.hits),
});

export const priorOf = ({ prior }: SliceRecord): GridWeights | null =>
  prior && Float64Array.from(prior);

export function ordersOf(record: SliceRecord): SliceOrders {
  const { examine } = record.labels < YOUNG_LABELS ? YOUNG_SLICE : SETTLED;
  return { ...(record.reach !== null && { reach: record.reach }), examine };
}

export function viewOf(
  { tenant, lang }: { readonly tenant: string; readonly lang: string },
  record: SliceRecord,
  traffic: Traffic,
  now: number,
): SliceView {
  const { requests, hits } = trafficSince(record, traffic);
  const wrongPerHit = wrongShare(record.served);
  const rate = hits / Math.max(1, requests);
  const { mean, low, high } = wrongPerHit;
  const isYoung = record.labels < YOUNG_LABELS;
  const closed = isClosed(record, now) ? record.closed : null;
  const state = closed ? "closed" : !isYoung ? "open" : record.drifts ? "cautious" : "young";
  return {
    tenant,
    lang,
    ...traffic,
    labels: judgedCount(record.served),
    complaints: record.complaints,
    wrongPerHit,
    wrongPerRequest: { mean: mean && mean * rate, low: low * rate, high: high * rate },
    state,
    why: closed?.why ?? (state === "cautious" ? "labels disagreed with the record" : null),
    closedAt: closed?.at ?? null,
    reach: record.reach,
    examine: ordersOf(record).examine,
  };
}

// Whether notes from the cache (action C) pay in a slice. Requests for which they are possible are split by a hash of the
// decision id between C and the plain model (B), with a known probability. C stays only while it is surely better:
//
//   dU = 0.85 dQ - 0.5 dD - 0.85 dS      dQ share of acceptable answers, dD delay / 10 s (capped), dS spend / spend of B
//
// The first two are the product's utility (reward.ts). The last one puts dollars on the same scale: a wrong answer costs
// at least the call that asks again, so that one plain call is worth as much as one answer being right. A fold over the
// ledger's outcomes and labels: pure, and the same for the same records in the same order.
import { type NotesArm, type Outcome } from "../policy/experience.ts";
import { PRODUCT_WEIGHTS } from "../policy/reward.ts";
import { fingerprintOf } from "./fingerprint.ts";
import { type Label } from "./report.ts";
import { runningRadius } from "./sequential-test.ts";
import {
  combined,
  type Estimate,
  estimateOf,
  halfOf,
  minus,
  NOTHING,
  plus,
  type Sums,
} from "./weighted-sums.ts";

/** Requests after which a slice's first trial has ended, whatever came of it: notes that have not surely paid by then are off. */
export const TRIAL_REQUESTS = 1_000;
/** The same for every later try, and for each look at notes that are on. */
export const RETRY_REQUESTS = 2_000;
/** Share of those requests that get notes. */
export const TRIAL_SHARE = 0.5;
export const RETRY_SHARE = 0.1;
export const ON_SHARE = 0.9;
const HOUR_MS = 3_600_000;
/** Until the first retry; twice as long after every further failure, four weeks at most. */
export const FIRST_PAUSE_MS = 24 * HOUR_MS;
const LONGEST_PAUSE_MS = 28 * 24 * HOUR_MS;
/** Chance of a wrong word on either side, at whatever moment one looks. */
const ALPHA = 0.05;
/** Fewer compared answers than this prove nothing, and fewer requests on a side say nothing of delay and spend. */
const MIN_LABELS = 12;
const MIN_REQUESTS = 20;
/** One label or request never counts for more than this many. */
const MAX_WEIGHT = 50;
/** Decisions that have had their say; a second word on one of them changes nothing. */
const KEPT_TOLD = 256;
const { acceptedQuality, delayCapSeconds, delayWeight, wrongQuality } = PRODUCT_WEIGHTS;
const RIGHT_OVER_WRONG = acceptedQuality - wrongQuality;

/** Of one side: delay (as a loss in U) and spend (US dollars), with their product, tokens, and answers called right. */
interface Side {
  readonly requests: number;
  readonly delay: Sums;
  readonly spend: Sums;
  readonly both: number;
  readonly tokensIn: number;
  readonly tokensOut: number;
  readonly told: Sums;
}

export interface NotesTrial {
  readonly phase: "trial" | "on" | "off" | "retry";
  /** Requests counted since the phase began. */
  readonly requests: number;
  readonly C: Side;
  readonly B: Side;
  /** The same request answered both ways: 1 only C was right, -1 only B, 0 no difference. */
  readonly paired: Sums;
  readonly labels: number;
  /** Fingerprints of decisions that were labelled. */
  readonly told: readonly number[];
  /** When a trial that is off begins again, milliseconds since the epoch, and how many have failed in a row. */
  readonly until: number;
  readonly failures: number;
  readonly why: string | null;
}

const NOBODY: Side = {
  requests: 0,
  delay: NOTHING,
  spend: NOTHING,
  both: 0,
  tokensIn: 0,
  tokensOut: 0,
  told: NOTHING,
};

export const NEW_TRIAL: NotesTrial = {
  phase: "trial",
  requests: 0,
  C: NOBODY,
  B: NOBODY,
  paired: NOTHING,
  labels: 0,
  told: [],
  until: 0,
  failures: 0,
  why: null,
};

/** Which side a decision is on: the same on every isolate, and independent of everything else about the request. */
export function notesArmOf(
  decisionId: string,
  share: number,
): Pick<NotesArm, "arm" | "probability"> {
  const isNoted = fingerprintOf(`notes|${decisionId}`) < share * 2 ** 53;
  return isNoted ? { arm: "C", probability: share } : { arm: "B", probability: 1 - share };
}

/** Share of requests with notes now; 0: none are to be given. */
export function notesShareAt({ phase, until }: NotesTrial, now: number): number {
  if (phase === "off") return now >= until ? RETRY_SHARE : 0;
  return { trial: TRIAL_SHARE, retry: RETRY_SHARE, on: ON_SHARE }[phase];
}

/** One more request of the trial. `at`: when its report came, milliseconds since the epoch. */
export function withNotedRequest(before: NotesTrial, outcome: Outcome, at: number): NotesTrial {
  const { notes } = outcome;
  if (notes === undefined || !isProbability(notes.probability)) return before;
  const trial = resumed(before, at);
  // What still comes in of requests from before the pause belongs to a trial that has ended.
  if (trial.phase === "off") return trial;
  const w = Math.min(MAX_WEIGHT, 1 / notes.probability);
  const { result, delaySeconds, costUsd, tokensIn, tokensOut } = outcome;
  const hasFailed = result === "upstream_error" || result === "incomplete";
  const seconds = hasFailed ? delayCapSeconds : Math.min(delaySeconds, delayCapSeconds);
  const delay = (delayWeight * seconds) / delayCapSeconds;
  const side = trial[notes.arm];
  return settled(
    {
      ...trial,
      requests: trial.requests + 1,
      [notes.arm]: {
        ...side,
        requests: side.requests + 1,
        delay: plus(side.delay, delay, w),
        spend: plus(side.spend, costUsd, w),
        both: side.both + w * delay * costUsd,
        tokensIn: side.tokensIn + tokensIn,
        tokensOut: side.tokensOut + tokensOut,
      },
    },
    at,
  );
}

/**
 * One more word on an answer of the trial. Who asks again is not heard here: repeats are noticed after an answer of the
 * cache's that would not be noticed after the model's own.
 */
export function withNotedLabel(before: NotesTrial, label: Label, at: number): NotesTrial {
  const { notes, plain, correct, source, expId, samplingProbability = 1, weight } = label;
  if (notes === undefined || !isProbability(notes.probability) || !(weight > 0)) return before;
  if (before.phase === "off" || !isProbability(samplingProbability)) return before;
  const isPaired = plain !== undefined && notes.arm === "C";
  if (!isPaired && (source === "regenerate" || source === "shadow")) return before;
  const decision = fingerprintOf(expId);
  if (before.told.includes(decision)) return before;
  const w = weight * Math.min(MAX_WEIGHT, 1 / (notes.probability * samplingProbability));
  const side = before[notes.arm];
  const trial = {
    ...before,
    labels: before.labels + 1,
    told: [...before.told, decision].slice(-KEPT_TOLD),
  };
  return settled(
    isPaired
      ? { ...trial, paired: plus(trial.paired, correct - plain, w) }
      : { ...trial, [notes.arm]: { ...side, told: plus(side.told, correct, w) } },
    at,
  );
}

const isProbability = (p: number): boolean => p > 0 && p <= 1;

const resumed = (trial: NotesTrial, at: number): NotesTrial =>
  trial.phase === "off" && at >= trial.until
    ? { ...NEW_TRIAL, phase: "retry", failures: trial.failures, told: trial.told }
    : trial;

function settled(trial: NotesTrial, at: number): NotesTrial {
  const { phase, requests, labels } = trial;
  if (Math.min(trial.C.requests, trial.B.requests) < MIN_REQUESTS && requests < TRIAL_REQUESTS)
    return trial;
  const { mean, low, high } = gainOf(trial);
  const isOver = requests >= (phase === "trial" ? TRIAL_REQUESTS : RETRY_REQUESTS);
  if (high < 0) return stopped(trial, at, "notes make answers worse or dearer");
  if (phase === "on") {
    if (!isOver) return trial;
    return mean > 0 ? halved(trial) : stopped(trial, at, "notes no longer pay");
  }
  if (low > 0 && labels >= MIN_LABELS)
    return { ...halved(trial), phase: "on", failures: 0, why: null };
  return isOver ? stopped(trial, at, "notes have not been shown to pay") : trial;
}

function stopped({ failures, told }: NotesTrial, at: number, why: string): NotesTrial {
  const pause = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** failures);
  return { ...NEW_TRIAL, phase: "off", told, until: at + pause, failures: failures + 1, why };
}

/** What was learnt goes into the next window at half its weight: models and traffic change. */
function halved(trial: NotesTrial): NotesTrial {
  const side = (of: Side): Side => ({
    requests: of.requests / 2,
    delay: halfOf(of.delay),
    spend: halfOf(of.spend),
    both: of.both / 2,
    tokensIn: of.tokensIn / 2,
    tokensOut: of.tokensOut / 2,
    told: halfOf(of.told),
  });
  return {
    ...trial,
    requests: 0,
    C: side(trial.C),
    B: side(trial.B),
    paired: halfOf(trial.paired),
  };
}

interface Gain {
  /** dU, and between what it surely lies. */
  readonly mean: number;
  readonly low: number;
  readonly high: number;
  /** dQ. */
  readonly quality: number;
}

/** As if notes had made one more answer right and one more wrong: a few labels that agree are no certainty. */
const UNDECIDED: readonly number[] = [1, -1];

function gainOf({ C, B, paired, labels }: NotesTrial): Gain {
  const weight = paired.w > 0 ? paired.ww / paired.w : 1;
  const quality = combined(
    estimateOf(UNDECIDED.reduce((sums, x) => plus(sums, x, weight), paired)),
    minus(estimateOf(C.told), estimateOf(B.told)),
  );
  // Where calls have no price, as on one's own hardware, money says nothing.
  const perCall = B.spend.w > 0 ? B.spend.x / B.spend.w : 0;
  const perDollar = perCall > 0 ? RIGHT_OVER_WRONG / perCall : 0;
  const loss = minus(lossOf(C, perDollar), lossOf(B, perDollar));
  const mean = RIGHT_OVER_WRONG * quality.mean - loss.mean;
  const error = Math.sqrt(RIGHT_OVER_WRONG ** 2 * quality.variance + loss.variance);
  const radius = runningRadius(Math.max(1, labels), error, ALPHA);
  return { mean, low: mean - radius, high: mean + radius, quality: quality.mean };
}

function lossOf({ delay, spend, both }: Side, perDollar: number): Estimate {
  return estimateOf({
    w: delay.w,
    ww: delay.ww,
    x: delay.x + perDollar * spend.x,
    xx: delay.xx + 2 * perDollar * both + perDollar ** 2 * spend.xx,
  });
}

/** What the dashboard is told of one slice. */
export interface NotesView {
  readonly tenant: string;
  readonly lang: string;
  readonly phase: NotesTrial["phase"];
  readonly share: number;
  readonly requests: number;
  readonly labels: number;
  readonly gain: { readonly mean: number; readonly low: number; readonly high: number };
  /** Right answers more with notes than without, as a share of the requests. */
  readonly quality: number;
  /** Means of a request, with notes and without. */
  readonly tokensIn: readonly [noted: number, plain: number];
  readonly tokensOut: readonly [noted: number, plain: number];
  readonly costUsd: readonly [noted: number, plain: number];
  readonly until: number | null;
  readonly why: string | null;
}

export function notesView(
  slice: { readonly tenant: string; readonly lang: string },
  trial: NotesTrial,
  now: number,
): NotesView {
  const { C, B, phase, requests, labels, until, why } = trial;
  const { quality, ...gain } = gainOf(trial);
  const each = (of: (side: Side) => number): readonly [number, number] => [
    of(C) / Math.max(1, C.requests),
    of(B) / Math.max(1, B.requests),
  ];
  return {
    ...slice,
    phase,
    share: notesShareAt(trial, now),
    requests,
    labels,
    gain,
    quality,
    tokensIn: each(({ tokensIn }) => tokensIn),
    tokensOut: each(({ tokensOut }) => tokensOut),
    costUsd: [estimateOf(C.spend).mean, estimateOf(B.spend).mean],
    until: phase === "off" ? until : null,
    why,
  };
}

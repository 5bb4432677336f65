// What isolates and the region object say to each other. An isolate sends reports off the request's path; the reply
// carries everything it must know. The region object is never called before a response.
import { type Experience, type NotesArm, type Outcome } from "../policy/experience.ts";
import { type SliceOrders } from "../policy/cache/slice.ts";
import { type LabelBudgetView } from "./accounts.ts";
import {
  type BackendCall,
  type BackendsView,
  type BackendView,
  type RunningCalls,
} from "./backend-state.ts";
import { type ServingScorer } from "./evidence.ts";
import { type NotesView } from "./notes-trial.ts";
import { type MoveLease, type MoveResult, type ReembeddingView } from "./moves.ts";
import { type RolloutView, type ServingPolicies } from "./rollout.ts";
import { type SliceView } from "./slice-record.ts";

/**
 * A new question row: written to the index by the region's alarm, shown to other isolates as a fresh row at once.
 * Index metadata of a row: `t` tenant, `ansId`, `role`, `fp`, `lang`, `q` question, `at` createdAt, `exp` expiresAt,
 * `n` use count, and where known `ev` (JSON text of Evidence) and `qr: true` (quarantined).
 */
export interface EntryInsert {
  /** Vector id. */
  readonly id: string;
  readonly tenant: string;
  readonly namespace: string;
  readonly ansId: string;
  readonly role: 1 | 2;
  readonly fp: string;
  readonly lang: string;
  readonly question: string;
  readonly createdAt: number;
  readonly expiresAt: number;
  /** base64 of as many little-endian float32 values as the index has dimensions (768 where nothing else is set), unit norm. */
  readonly vector: string;
  /** The vector's space; left out by a release that did not say. */
  readonly embedder?: string;
  /** Ids that the row had in other spaces, latest first. */
  readonly movedFrom?: readonly string[];
}

/** A row was used by A or C; the reward relative to calling the model moves its cache value. */
export interface EntryUse {
  readonly id: string;
  readonly tenant: string;
  /** The decision it belongs to: one use is counted once per decision. */
  readonly expId: string;
  readonly handling: "A" | "C";
  /** Product utility U of this use (reward.ts), if known. */
  readonly utility?: number;
}

/** Feedback or a judge's word on a decision. */
export interface Label {
  readonly labelId: string;
  readonly expId: string;
  readonly tenant: string;
  readonly source: "feedback" | "regenerate" | "shadow" | "judge" | "human";
  /** 1 = acceptable, 0 = wrong. */
  readonly correct: 0 | 1;
  /** Trust in the word, (0, 1]. 0: money was spent and nothing found out, so that only `costUsd` counts. */
  readonly weight: number;
  /** The row the decision used and its distance, when it used one. */
  readonly rowId?: string;
  readonly distance?: number;
  /** The scorer's matchDistance for this row and request, and the scorer's id; left out where none scored. */
  readonly match?: number;
  readonly scorer?: string;
  /**
   * What became of the row: its answer was served (also when left out), or it would have been and the model answered
   * instead (to learn, or because its slice is closed), or it was refused. The first two count for the slice's share of
   * wrong answers; all three teach the row.
   */
  readonly reuse?: "served" | "withheld" | "refused";
  /** US dollars spent on getting this word: a second model call, a judge. Counts against the label budget. */
  readonly costUsd?: number;
  /**
   * Probability with which the decision was chosen to be judged, whatever its answer was like, in (0, 1]. Left out for
   * a word that came by itself: those who speak up are not a fair sample.
   */
  readonly samplingProbability?: number;
  readonly comment?: string;
  /** Who asked again, told apart for this row alone: one person is one complaint, whichever isolates hear it. */
  readonly by?: number;
  /** The decision's part in the trial of notes. */
  readonly notes?: NotesArm;
  /** Of an answer with notes: whether the model's answer to the same request without them is acceptable. */
  readonly plain?: 0 | 1;
  /** The rows that its notes came from. */
  readonly noteRows?: readonly string[];
}

/** What `GET /admin/decisions/{id}` shows; JSON, already free of secrets. */
export interface Receipt {
  readonly id: string;
  readonly tenant: string;
  readonly at: number;
  readonly body: Readonly<Record<string, unknown>>;
}

/** One batch from one isolate. */
export interface Report {
  /** Client-made; the ledger keeps one row per received batch and a second delivery changes nothing. */
  readonly batchId: string;
  readonly experiences: readonly Experience[];
  readonly outcomes: readonly Outcome[];
  readonly receipts: readonly Receipt[];
  readonly inserts: readonly EntryInsert[];
  readonly uses: readonly EntryUse[];
  readonly labels: readonly Label[];
  /** By whose matchDistance this isolate serves; left out: it does not say, and nothing changes. */
  readonly scorer?: ServingScorer;
  /** How calls of the backends of `velo/auto` ended, and which go on; not stored, and gone with a batch that is. */
  readonly calls?: readonly BackendCall[];
  readonly running?: RunningCalls;
  /** Last `freshCursor` this isolate has seen; 0 at start. */
  readonly freshCursor: number;
}

export interface KillSwitches {
  readonly cacheOff: boolean;
  readonly augmentOff: boolean;
  readonly learnOff: boolean;
  /** Policy version to stay on, or null. */
  readonly pinnedPolicy: number | null;
}

export interface ReportReply {
  readonly duplicate: boolean;
  /** Rises with every purge that must empty isolate memories. */
  readonly epoch: number;
  readonly killSwitches: KillSwitches;
  /** Which published policies decide. */
  readonly policy: ServingPolicies;
  /** What the region knows of the backends of `velo/auto`; absent where nobody has called one. */
  readonly backends?: BackendsView;
  /** Rows newer than `freshCursor` that the index may not show yet, oldest first, at most 64. */
  readonly fresh: readonly EntryInsert[];
  readonly freshCursor: number;
  /** Vector ids that must not be served though the index may still return them. */
  readonly tombstones: readonly string[];
  /** The embedder's own scale (distance-quantiles.ts), once the region knows it. */
  readonly distances?: { readonly embedder: string; readonly knots: readonly number[] };
  /** Slices (`sliceOf`) that get no semantic hits until their record is better. */
  readonly slicesOff?: readonly string[];
  /** Tenants whose label budget is used up: no shadow request, no judge. */
  readonly labelsPaused?: readonly string[];
  /** Tenants for whom looking up other wordings costs more than its hits save: repeats alone, for the time being. */
  readonly lookUpsOff?: readonly string[];
  /** Slices in which notes do not pay: action C is off there for the time being. */
  readonly notesOff?: readonly string[];
  /** Where something is known of notes, the share of requests that get them; elsewhere `TRIAL_SHARE` (notes-trial.ts). */
  readonly notesShare?: Readonly<Record<string, number>>;
  /** What is known of slices beyond that; a slice that is not listed is young: `YOUNG_SLICE`. */
  readonly slices?: Readonly<Record<string, SliceOrders>>;
  /** Records of this report that were not stored (storage is filling, invalid, too large); absent when none. */
  readonly dropped?: number;
}

/** The region object's RPC surface as isolates, cron and the trainer route use it. */
export interface RegionRpc {
  report(report: Report): Promise<ReportReply>;
  /** Reply without a batch: an isolate whose epoch is older than 60 s asks before it serves A. */
  sync(freshCursor: number): Promise<ReportReply>;
  receipt(id: string): Promise<Receipt | null>;
  /** Decisions of the last minutes and totals, for the dashboard. */
  live(): Promise<LiveView>;
  /** Product eviction; idempotent, overlapping runs act as one. Called by cron. */
  evict(): Promise<{ evicted: number; kept: number }>;
  /** Rows of other embedders to embed anew, for cron; empty when there is nothing to do. */
  takeMoves(to: string): Promise<MoveLease>;
  /** What became of them; returns how many have moved. */
  settleMoves(result: MoveResult): Promise<number>;
}

/** Totals since the object was created, and the newest decisions (newest first, at most 50). */
export interface LiveView {
  readonly region: string;
  readonly entries: number;
  readonly totals: {
    readonly requests: number;
    readonly byKind: Readonly<Record<string, number>>;
    readonly tokensIn: number;
    readonly tokensOut: number;
    readonly tokensAvoided: number;
    readonly costUsd: number;
    readonly savedUsd: number;
    readonly overheadUsd: number;
    /** Request to last byte, per kind: counts in buckets of which number i ends at 2^(i/2) milliseconds. */
    readonly delays: Readonly<Record<string, readonly number[]>>;
  };
  readonly recent: readonly Receipt[];
  /** How far the last change of the embedder has come. */
  readonly reembedding: ReembeddingView | null;
  readonly rollout: RolloutView;
  /** The busiest slices of tenant and language, and what is known of their wrong answers. */
  readonly slices: readonly SliceView[];
  readonly labelBudgets: readonly LabelBudgetView[];
  /** The trials of notes. */
  readonly notes: readonly NotesView[];
  /** The backends of `velo/auto` that were called: how long their answers are, and when they came. */
  readonly backends: readonly BackendView[];
}

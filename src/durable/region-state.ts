// Everything a region object knows besides its tables: one JSON row, so that however much an alarm changes costs one
// row written. Memory holds a copy that follows the row; only two watermarks, the rollout and the backends may run ahead of it.
import { type RowValue } from "../policy/cache/cache-value.ts";
import { type DistanceHistogram } from "../policy/distance-quantiles.ts";
import { type BackendsState, NO_BACKENDS, isBackendsState } from "./backend-state.ts";
import { type ServingScorer } from "./evidence.ts";
import { type ReembeddingState } from "./moves.ts";
import { type KillSwitches, type LiveView, type Report } from "./report.ts";
import { NO_ROLLOUT, type RolloutState } from "./rollout.ts";
import { readMeta, type SqlStore, writeMeta } from "./rows.ts";

export interface RowKey {
  readonly tenant: string;
  readonly id: string;
}

export interface Tombstone extends RowKey {
  /** Generations created up to then are dead; a newer answer under the same id is not. */
  readonly upTo: number;
  readonly until: number;
}

export interface RegionState {
  /** Highest batch whose entries, uses and labels are in the cache book. */
  readonly applied: number;
  /** Highest batch whose new rows were handed to the index, and highest whose rows it is known to show. */
  readonly indexed: number;
  readonly visible: number;
  /** Highest batch in a recorded pack; `packing` is the end of a pack that was begun (0: none). */
  readonly packed: number;
  readonly packing: number;
  /** Highest batch ever deleted: sequence numbers go on from here when the table is empty. */
  readonly trimmed: number;
  readonly epoch: number;
  readonly killSwitches: KillSwitches;
  /** Which published policies serve. */
  readonly rollout: RolloutState;
  readonly backends: BackendsState;
  readonly entries: number;
  readonly totals: LiveView["totals"];
  /** Records given up, by reason. */
  readonly dropped: Readonly<Record<string, number>>;
  /** Running mean of U of direct calls (b_B), and of the values of the rows. */
  readonly baseline: RowValue;
  readonly meanValue: number;
  /** What rows without labels are served on; the prior of every row's evidence. */
  readonly coldStart: { readonly distance: number; readonly deltaHit: number } | null;
  /** By whose matchDistance isolates serve; null: by the distance. */
  readonly scorer: ServingScorer | null;
  /** When an isolate last said that it serves by it. */
  readonly scorerHeardAt: number;
  /** How near the nearest rows of this region's requests lie. */
  readonly distances: DistanceHistogram | null;
  /** Rows whose copy in the index is stale, and when such rows were last written there. */
  readonly dirty: readonly RowKey[];
  readonly refreshedAt: number;
  /** Purged and quarantined rows that the index may still return, oldest first. */
  readonly tombstones: readonly Tombstone[];
  /** Rows being evicted: already as good as gone, but answer or vector may still exist. */
  readonly doomed: readonly (RowKey & { readonly ansId: string })[];
  readonly evictLease: { readonly owner: string; readonly until: number } | null;
  /** Where the next sweep for rows without an answer goes on. */
  readonly sweepCursor: RowKey | null;
  /** The last change of the embedder; null before the first. */
  readonly reembedding: ReembeddingState | null;
}

const NO_SWITCHES: KillSwitches = {
  cacheOff: false,
  augmentOff: false,
  learnOff: false,
  pinnedPolicy: null,
};

/** Made when it is asked for: whichever file of the circle of reports and rollouts is loaded first, the others are there then. */
const emptyState = (): RegionState => ({
  applied: 0,
  indexed: 0,
  visible: 0,
  packed: 0,
  packing: 0,
  trimmed: 0,
  epoch: 1,
  killSwitches: NO_SWITCHES,
  rollout: NO_ROLLOUT,
  backends: NO_BACKENDS,
  entries: 0,
  totals: {
    requests: 0,
    byKind: {},
    tokensIn: 0,
    tokensOut: 0,
    tokensAvoided: 0,
    costUsd: 0,
    savedUsd: 0,
    overheadUsd: 0,
    delays: {},
  },
  dropped: {},
  baseline: { value: 0, valueN: 0 },
  meanValue: 0,
  coldStart: null,
  scorer: null,
  scorerHeardAt: 0,
  distances: null,
  dirty: [],
  refreshedAt: 0,
  tombstones: [],
  doomed: [],
  evictLease: null,
  sweepCursor: null,
  reembedding: null,
});

/** The state row and its copy in memory. */
export class StateRow {
  readonly store: SqlStore;
  #value: RegionState;

  constructor(store: SqlStore) {
    this.store = store;
    // Fields that an older release did not write start from their defaults.
    const stored = JSON.parse(readMeta(store, "state") ?? "{}") as Partial<RegionState>;
    const empty = emptyState();
    this.#value = {
      ...empty,
      ...stored,
      totals: { ...empty.totals, ...stored.totals },
      rollout: { ...NO_ROLLOUT, ...stored.rollout },
      backends: isBackendsState(stored.backends) ? stored.backends : NO_BACKENDS,
    };
  }

  get value(): RegionState {
    return this.#value;
  }

  /**
   * Moves watermarks in memory alone; the next commit writes them. A crash before that only means that rows are told
   * to the index once more, offered to isolates a little longer, batches counted again for the rollout, and the last
   * calls of backends forgotten.
   */
  note(change: Partial<Pick<RegionState, "indexed" | "visible" | "rollout" | "backends">>): void {
    this.#value = { ...this.#value, ...change };
  }

  /** Runs `work` and writes the state it returns in one transaction; memory follows only when that went through. */
  commit(work: (state: RegionState) => RegionState): void {
    this.#value = this.store.transaction(() => {
      const next = work(this.#value);
      if (next !== this.#value) writeMeta(this.store, "state", JSON.stringify(next));
      return next;
    });
  }
}

/** What the dashboard counts, after one more batch. A request counts once it has ended. */
export function addToTotals(totals: LiveView["totals"], report: Report): LiveView["totals"] {
  const byKind: Record<string, number> = { ...totals.byKind };
  const delays: Record<string, readonly number[]> = { ...totals.delays };
  const sum = { ...totals, requests: totals.requests + report.outcomes.length, byKind, delays };
  for (const outcome of report.outcomes) {
    const { kind } = outcome;
    byKind[kind] = (byKind[kind] ?? 0) + 1;
    delays[kind] = countDelay(delays[kind] ?? [], outcome.delaySeconds * 1000);
    sum.tokensIn += outcome.tokensIn;
    sum.tokensOut += outcome.tokensOut;
    sum.tokensAvoided += outcome.parts["tokensAvoided"] ?? 0;
    sum.costUsd += outcome.costUsd;
    sum.savedUsd += outcome.savedUsd;
    sum.overheadUsd += outcome.overheadUsd;
  }
  return sum;
}

/** Bucket i holds delays up to 2^(i/2) ms; the last one everything above 17 minutes. */
const LAST_BUCKET = 40;

function countDelay(buckets: readonly number[], ms: number): readonly number[] {
  const bucket = Math.min(LAST_BUCKET, Math.ceil(2 * Math.log2(Math.max(1, ms))));
  return Array.from(
    { length: Math.max(buckets.length, bucket + 1) },
    (_, i) => (buckets[i] ?? 0) + (i === bucket ? 1 : 0),
  );
}

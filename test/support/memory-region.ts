// A region object in memory: takes reports once, shows new rows as fresh until the index has them, and says what the
// isolates must know. No storage, no alarms: time decides when the index shows a row.
import { afterCalls, afterRunning, NO_BACKENDS, viewFor } from "../../src/durable/backend-state.ts";
import {
  type EntryInsert,
  type KillSwitches,
  type Report,
  type ReportReply,
} from "../../src/durable/report.ts";
import { type ServingPolicies } from "../../src/durable/rollout.ts";
import { type RegionLink } from "../../src/worker/reports.ts";
import { type MemoryIndex } from "./memory-index.ts";

export const ALL_ON: KillSwitches = {
  cacheOff: false,
  augmentOff: false,
  learnOff: false,
  pinnedPolicy: null,
};

export interface RegionOptions {
  readonly now: () => number;
  readonly index: MemoryIndex;
  /** Milliseconds until the index shows a new row. */
  readonly indexLagMs: () => number;
  readonly onReport?: (report: Report) => void;
}

export class MemoryRegion implements RegionLink {
  epoch = 0;
  switches: KillSwitches = ALL_ON;
  policy: ServingPolicies = { stable: 0, candidate: null, share: 0 };
  /** What the region knows beyond this, said with every reply. */
  orders: Pick<
    ReportReply,
    "slicesOff" | "slices" | "labelsPaused" | "lookUpsOff" | "notesOff" | "notesShare"
  > = {};
  /** What a region object knows of an embedder after 500 distances. */
  distances: ReportReply["distances"];
  /** Removed rows and when; a row made later under the same id is another one. */
  readonly tombstones = new Map<string, number>();
  /** Every batch received, the second copy of one included. */
  readonly received: Report[] = [];
  syncs = 0;
  readonly #batches = new Set<string>();
  #pending: { readonly entry: EntryInsert; readonly cursor: number; readonly visibleAt: number }[] =
    [];
  #cursor = 0;
  #backends = NO_BACKENDS;
  readonly #options: RegionOptions;

  constructor(options: RegionOptions) {
    this.#options = options;
  }

  report(report: Report): Promise<ReportReply> {
    this.received.push(report);
    const duplicate = this.#batches.has(report.batchId);
    this.#batches.add(report.batchId);
    if (!duplicate) {
      this.#options.onReport?.(report);
      const now = this.#options.now();
      this.#backends = afterCalls(this.#backends, report.calls ?? [], now);
      if (report.running) this.#backends = afterRunning(this.#backends, report.running, now);
      for (const entry of report.inserts) this.insert(entry);
    }
    return Promise.resolve(this.#reply(report.freshCursor, duplicate, report.running?.isolate));
  }

  sync(freshCursor: number): Promise<ReportReply> {
    this.syncs++;
    return Promise.resolve(this.#reply(freshCursor, false));
  }

  insert(entry: EntryInsert): void {
    if (entry.createdAt <= (this.tombstones.get(entry.id) ?? Number.NEGATIVE_INFINITY)) return;
    this.tombstones.delete(entry.id);
    const visibleAt = this.#options.now() + this.#options.indexLagMs();
    this.#pending.push({ entry, cursor: ++this.#cursor, visibleAt });
  }

  /** Removes a row: a tombstone at once; the index may go on returning it. */
  remove(id: string): void {
    this.tombstones.set(id, this.#options.now());
    this.#pending = this.#pending.filter(({ entry }) => entry.id !== id);
  }

  /** Lets the index show what it should show by now. */
  settleIndex(): void {
    const now = this.#options.now();
    const due = this.#pending.filter(({ visibleAt }) => visibleAt <= now);
    if (due.length === 0) return;
    this.#pending = this.#pending.filter(({ visibleAt }) => visibleAt > now);
    for (const { entry } of due) this.#options.index.upsert(entry);
  }

  #reply(freshCursor: number, duplicate: boolean, isolate?: string): ReportReply {
    this.settleIndex();
    const fresh = this.#pending.filter(({ cursor }) => cursor > freshCursor).slice(0, 64);
    return {
      duplicate,
      epoch: this.epoch,
      killSwitches: this.switches,
      policy: this.policy,
      ...(this.#backends !== NO_BACKENDS && {
        backends: viewFor(isolate, this.#backends, this.#options.now()),
      }),
      fresh: fresh.map(({ entry }) => entry),
      freshCursor: fresh.at(-1)?.cursor ?? freshCursor,
      tombstones: [...this.tombstones.keys()],
      ...(this.distances && { distances: this.distances }),
      ...this.orders,
    };
  }
}

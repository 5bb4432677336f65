// What this isolate tells the region object, off the request's path. Records are collected and sent as one batch by
// whichever request's waitUntil wakes first. Before the object's ack a record is bounded and counted, not safe.
import {
  type BackendCall,
  type BackendsState,
  type RunningCalls,
  NO_BACKENDS,
  afterCalls,
  stateOf,
} from "../durable/backend-state.ts";
import { type FreshRow } from "../durable/candidates.ts";
import {
  type EntryInsert,
  type EntryUse,
  type KillSwitches,
  type Label,
  type Receipt,
  type Report,
  type ReportReply,
} from "../durable/report.ts";
import { TRIAL_SHARE } from "../durable/notes-trial.ts";
import { type ServingPolicies } from "../durable/rollout.ts";
import { type SliceOrders, YOUNG_SLICE } from "../policy/cache/slice.ts";
import { type Experience, type Outcome } from "../policy/experience.ts";
import { decodeFloats } from "../policy/half.ts";

/** How long a record may wait for company, and how many make a batch at most. */
const GATHER_MS = 250;
const MAX_BATCH = 64;
/** Records kept while the region object is unreachable; older ones are dropped and counted. */
const MAX_UNSENT = 1_000;
/** Age after which the region's state must be refreshed before an answer is served from the cache. */
export const MAX_EPOCH_AGE_MS = 60_000;
const MAX_FRESH = 512;
const SENDER_GONE_MS = 35_000;

/** One request's contribution. */
export interface DeskRecord {
  readonly experience?: Experience;
  readonly outcome?: Outcome;
  readonly receipt?: Receipt;
  readonly insert?: EntryInsert;
  readonly use?: EntryUse;
  readonly label?: Label;
  readonly call?: BackendCall;
}

/** The two calls of a region object that isolates make. */
export interface RegionLink {
  report(report: Report): Promise<ReportReply>;
  sync(freshCursor: number): Promise<ReportReply>;
}

const NO_SWITCHES: KillSwitches = {
  cacheOff: false,
  augmentOff: false,
  learnOff: false,
  pinnedPolicy: null,
};

/** An isolate's copy of one region object's state, and its outgoing records. */
export class RegionDesk {
  #records: DeskRecord[] = [];
  #unsent: Report[] = [];
  /** Taken by a flush that has not settled; the ledger ignores a batch that arrives twice. */
  readonly #sending = new Map<string, { readonly report: Report; readonly at: number }>();
  #freshCursor = 0;
  readonly #fresh = new Map<string, FreshRow>();
  #tombstones: ReadonlySet<string> = new Set();
  #epoch = -1;
  #syncedAt = Number.NEGATIVE_INFINITY;
  /** Calls begun, and the latest of them whose reply is in. */
  #calls = 0;
  #replied = 0;
  #switches = NO_SWITCHES;
  #policy: ServingPolicies | null = null;
  #distances: ReportReply["distances"];
  #slicesOff: ReadonlySet<string> = new Set();
  #slices: ReportReply["slices"];
  #labelsPaused: ReadonlySet<string> = new Set();
  #lookUpsOff: ReadonlySet<string> = new Set();
  #notesOff: ReadonlySet<string> = new Set();
  #notesShare: ReportReply["notesShare"];
  #backends = NO_BACKENDS;
  #backendsAt: number | null = null;
  /** By what this isolate serves; goes out with every report. */
  scorer: NonNullable<Report["scorer"]> | null = null;
  /** The isolate's calls under way; goes out with every report. */
  running: ((now: number) => RunningCalls) | null = null;
  /** Records given up, by reason. */
  readonly dropped = { overload: 0, unreachable: 0 };
  readonly #onEpoch: () => void;

  /** @param onEpoch called when the region's epoch rose: isolate memories must be emptied */
  constructor(onEpoch: () => void) {
    this.#onEpoch = onEpoch;
  }

  get fresh(): Iterable<FreshRow> {
    return this.#fresh.values();
  }
  get tombstones(): ReadonlySet<string> {
    return this.#tombstones;
  }
  get switches(): KillSwitches {
    return this.#switches;
  }
  /** Which published policies decide; null before the region's first word. A pinned version decides for everybody. */
  get policy(): ServingPolicies | null {
    const { pinnedPolicy } = this.#switches;
    return pinnedPolicy === null
      ? this.#policy
      : { stable: pinnedPolicy, candidate: null, share: 0 };
  }

  /** This embedder's distances at equal quantiles, or null while the region does not know them. */
  knotsOf(embedder: string): readonly number[] | null {
    return this.#distances?.embedder === embedder ? this.#distances.knots : null;
  }

  /** Whether a slice (`sliceOf`) gets no semantic hits for the time being. */
  isClosed(slice: string): boolean {
    return this.#slicesOff.has(slice);
  }
  ordersOf(slice: string): SliceOrders {
    return this.#slices?.[slice] ?? YOUNG_SLICE;
  }
  /** Whether the tenant has spent what it may on labels. */
  mayNotLabel(tenant: string): boolean {
    return this.#labelsPaused.has(tenant);
  }

  /** Whether looking up other wordings pays for the tenant. */
  paysToLookUp(tenant: string): boolean {
    return !this.#lookUpsOff.has(tenant);
  }

  /** Share of the requests with notes to give that get them, by slice; 0: they do not pay there. */
  notesShareOf(slice: string): number {
    return this.#notesOff.has(slice) ? 0 : (this.#notesShare?.[slice] ?? TRIAL_SHARE);
  }

  /** What is known of the backends of `velo/auto`: the region's word of some time ago, and own calls since. */
  backendsAt(now: number): { readonly state: BackendsState; readonly ageMs: number | null } {
    const ageMs = this.#backendsAt === null ? null : now - this.#backendsAt;
    return { state: this.#backends, ageMs };
  }

  /** A call has ended: known here at once, told to the region with the next record. */
  hear(call: BackendCall, now: number): void {
    this.#backends = afterCalls(this.#backends, [call], now);
    this.add({ call });
  }

  /** Whether the copy is young enough to serve from the cache by. */
  isCurrent(now: number): boolean {
    return now - this.#syncedAt <= MAX_EPOCH_AGE_MS;
  }

  add(record: DeskRecord): void {
    this.#records.push(record);
    // The isolate's own new rows are candidates at once, before the region has heard of them.
    if (record.insert) this.#remember(record.insert);
  }

  async sync(link: RegionLink, now: () => number): Promise<void> {
    const call = ++this.#calls;
    this.#apply(await link.sync(this.#freshCursor), call, now());
  }

  /** For waitUntil: gathers company for a moment, then sends everything that is there. */
  async flushSoon(
    link: RegionLink,
    now: () => number,
    wait: (ms: number) => Promise<void>,
  ): Promise<void> {
    if (this.#records.length < MAX_BATCH) await wait(GATHER_MS);
    await this.flush(link, now);
  }

  async flush(link: RegionLink, now: () => number): Promise<void> {
    while (this.#records.length > 0)
      this.#unsent.push(this.#batch(this.#records.splice(0, MAX_BATCH)));
    // A sender may be cancelled with its request: what it took comes back after a while.
    const back = [...this.#sending.values()].filter(({ at }) => now() - at > SENDER_GONE_MS);
    for (const { report } of back) this.#sending.delete(report.batchId);
    this.#unsent.unshift(...back.map(({ report }) => report));
    this.#dropOldest();
    const mine: Report[] = [];
    // An object that is slow to answer is not sent ever more: what waits for it is bounded.
    let underWay = [...this.#sending.values()].reduce((sum, { report }) => sum + sizeOf(report), 0);
    while (this.#unsent.length > 0 && underWay < MAX_UNSENT) {
      const report = this.#unsent.shift()!;
      underWay += sizeOf(report);
      this.#sending.set(report.batchId, { report, at: now() });
      mine.push(report);
    }
    for (const [i, report] of mine.entries()) {
      try {
        const call = ++this.#calls;
        this.#apply(await link.report(this.#addressed(report, now())), call, now());
        this.#sending.delete(report.batchId);
      } catch (error) {
        for (const { batchId } of mine.slice(i)) this.#sending.delete(batchId);
        this.#giveBack(mine.slice(i), error);
        return;
      }
    }
  }

  #addressed(report: Report, now: number): Report {
    const freshCursor = this.#freshCursor;
    return { ...report, freshCursor, ...(this.running && { running: this.running(now) }) };
  }

  #giveBack(reports: readonly Report[], error: unknown): void {
    const overloaded = (error as { readonly overloaded?: boolean } | null)?.overloaded === true;
    if (overloaded) {
      this.dropped.overload += reports.reduce((sum, report) => sum + sizeOf(report), 0);
      return;
    }
    // The same batch id goes out again with the next flush: the ledger knows it if it arrived after all.
    this.#unsent.unshift(...reports);
    this.#dropOldest();
  }

  #dropOldest(): void {
    let kept = this.#unsent.reduce((sum, report) => sum + sizeOf(report), 0);
    while (kept > MAX_UNSENT) {
      const oldest = this.#unsent.shift();
      if (oldest === undefined) break;
      kept -= sizeOf(oldest);
      this.dropped.unreachable += sizeOf(oldest);
    }
  }

  #batch(records: readonly DeskRecord[]): Report {
    const pick = <T>(of: (record: DeskRecord) => T | undefined): T[] =>
      records.map(of).filter((item) => item !== undefined);
    return {
      batchId: crypto.randomUUID(),
      experiences: pick((r) => r.experience),
      outcomes: pick((r) => r.outcome),
      receipts: pick((r) => r.receipt),
      inserts: pick((r) => r.insert),
      uses: pick((r) => r.use),
      labels: pick((r) => r.label),
      ...(records.some((r) => r.call) && { calls: pick((r) => r.call) }),
      ...(this.scorer && { scorer: this.scorer }),
      freshCursor: this.#freshCursor,
    };
  }

  #apply(reply: ReportReply, call: number, now: number): void {
    // Overtaken by the reply to a later call, this one would bring back what was purged in between.
    if (call < this.#replied) return;
    this.#replied = call;
    if (this.#epoch >= 0 && reply.epoch > this.#epoch) {
      this.#fresh.clear();
      this.#onEpoch();
    }
    // A row that was stopped, or may have been while nothing was heard, has a record that its copy here does not know. The
    // index shows both by now.
    if (this.#epoch >= 0 && !this.isCurrent(now)) this.#fresh.clear();
    for (const id of reply.tombstones) this.#fresh.delete(id);
    this.#epoch = Math.max(this.#epoch, reply.epoch);
    this.#syncedAt = now;
    this.#switches = reply.killSwitches;
    this.#policy = reply.policy;
    this.#distances = reply.distances;
    this.#slicesOff = new Set(reply.slicesOff);
    this.#slices = reply.slices;
    this.#labelsPaused = new Set(reply.labelsPaused);
    this.#lookUpsOff = new Set(reply.lookUpsOff);
    this.#notesOff = new Set(reply.notesOff);
    this.#notesShare = reply.notesShare;
    this.#tombstones = new Set(reply.tombstones);
    if (reply.backends) {
      this.#backends = stateOf(reply.backends, now);
      this.#backendsAt = now;
    }
    for (const row of reply.fresh) this.#remember(row);
    this.#freshCursor = Math.max(this.#freshCursor, reply.freshCursor);
  }

  #remember(entry: EntryInsert): void {
    this.#fresh.delete(entry.id);
    this.#fresh.set(entry.id, { entry, vector: decodeFloats(entry.vector) });
    for (const oldest of this.#fresh.keys()) {
      if (this.#fresh.size <= MAX_FRESH) break;
      this.#fresh.delete(oldest);
    }
  }
}

const sizeOf = (report: Report): number =>
  Math.max(report.receipts.length, report.experiences.length, report.outcomes.length, 1);

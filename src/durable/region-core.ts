// A region object without its platform: what it does with a report, and the work it does between reports. Storage, index,
// R2 and the clock come in, so that tests and the simulator run this very code.
import { distanceKnots, withDistances } from "../policy/distance-quantiles.ts";
import { admit, type Drops, recordsOf } from "./admission.ts";
import { afterCalls, afterRunning, backendViews, isUnused, viewFor } from "./backend-state.ts";
import { CacheBook } from "./cache-book.ts";
import { type EvictionSettings, Evictor, withDoomed } from "./evictor.ts";
import { IndexQueue } from "./index-queue.ts";
import { type Batch, Ledger, type PackLimits } from "./ledger.ts";
import { type AckReply, Leases, type TrainerLease, type TrainerPack } from "./leases.ts";
import { Nonces } from "./nonces.ts";
import { type ObjectStore, Packs } from "./packs.ts";
import { type MoveLease, type MoveResult, reembeddingView } from "./moves.ts";
import { Reembedding, REEMBEDDING_SETTINGS, type ReembeddingSettings } from "./re-embedding.ts";
import { addToTotals, type RegionState, StateRow } from "./region-state.ts";
import {
  type EntryInsert,
  type LiveView,
  type Receipt,
  type Report,
  type ReportReply,
} from "./report.ts";
import {
  type RolloutEvent,
  type RolloutState,
  countBatch,
  nominate,
  rolloutView,
  servingOf,
} from "./rollout.ts";
import { ROLLOUT_SETTINGS, type RolloutSettings } from "./rollout-settings.ts";
import { migrate, REGION_SCHEMA, type SqlStore } from "./rows.ts";
import { type VectorIndex } from "./vector-index.ts";

export interface RegionSettings extends EvictionSettings {
  readonly pack: PackLimits;
  /** Bytes this object may use; less is stored from 70 % on (admission.ts). */
  readonly capBytes: number;
  /** How long a new batch may wait for company before it is applied and its rows are written to the index. */
  readonly workDelayMs: number;
  readonly rollout: RolloutSettings;
  readonly reembedding: ReembeddingSettings;
}

export const REGION_SETTINGS: RegionSettings = {
  pack: { experiences: 300, ageMs: 60_000 },
  capBytes: 10e9,
  workDelayMs: 3_000,
  capacity: 200_000,
  graceMs: 600_000,
  rollout: ROLLOUT_SETTINGS,
  reembedding: REEMBEDDING_SETTINGS,
};

export interface RegionPorts {
  readonly store: SqlStore;
  readonly index: VectorIndex;
  readonly objects: ObjectStore;
  readonly now: () => number;
  /** 128 random bits, hex. */
  readonly token: () => string;
  readonly onError: (where: string, error: unknown) => void;
  /** A policy began its trial, went on, came into service, or was taken out. */
  readonly onRollout?: (event: RolloutEvent) => void;
  readonly region: string;
  readonly shard: string;
  readonly settings: RegionSettings;
}

/** One pass of work reads at most this much. */
const MAX_PASS_UNITS = 8_000_000;
const MAX_PASS_MS = 5_000;
const MAX_RECENT = 50;
const SIZE_CHECK_EVERY = 64;

export class RegionCore {
  readonly state: StateRow;
  /** The database was written by a newer release: nothing is stored until that release is back. */
  readonly readOnly: boolean;
  readonly #ports: RegionPorts;
  readonly #ledger: Ledger;
  readonly #book: CacheBook;
  readonly #queue: IndexQueue;
  readonly #packs: Packs;
  readonly #leases: Leases;
  readonly #nonces: Nonces;
  readonly #evictor: Evictor;
  readonly #reembedding: Reembedding;
  #totals: LiveView["totals"];
  #recent: Receipt[] = [];
  #drops: Record<string, number> = {};
  #filled = 0;
  #reports = 0;
  #working: Promise<void> | null = null;

  constructor(ports: RegionPorts) {
    const { store, index, objects, now, settings } = ports;
    this.#ports = ports;
    this.readOnly = migrate(store, REGION_SCHEMA).readOnly;
    this.state = new StateRow(store);
    this.#ledger = new Ledger(this.state, now());
    this.#book = new CacheBook(store);
    const parts = { state: this.state, ledger: this.#ledger, book: this.#book };
    this.#queue = new IndexQueue(index, parts, now());
    this.#packs = new Packs(store, objects, `${ports.region}/${ports.shard}`);
    this.#leases = new Leases(store);
    this.#nonces = new Nonces(store);
    this.#evictor = new Evictor({ ...parts, queue: this.#queue }, objects, settings);
    this.#reembedding = new Reembedding({
      state: this.state,
      book: this.#book,
      index,
      objects,
      settings: settings.reembedding,
      now,
      catchUp: () => this.#apply(),
      take: (batchId, inserts) => this.#take(batchId, inserts),
      doom: withDoomed,
    });
    this.#totals = this.state.value.totals;
    for (const batch of this.#ledger.after(this.state.value.trimmed)) {
      this.#show(batch, batch.seq > this.state.value.applied);
      this.#countForRollout(batch);
    }
  }

  /** Makes a report durable and answers with what an isolate must know. Never waits for anything. */
  report({ calls, running, ...report }: Report): ReportReply {
    const reply = (duplicate: boolean, dropped: number): ReportReply =>
      this.#reply(report.freshCursor, duplicate, dropped, running?.isolate);
    if (this.#ledger.has(report.batchId)) return reply(true, 0);
    this.#hear(calls ?? [], running);
    if (this.#reports++ % SIZE_CHECK_EVERY === 0) this.#measure();
    const before = recordsOf(report);
    if (this.readOnly) return reply(false, before);
    const { report: admitted, drops } = admit(report, this.#filled);
    this.#count(drops);
    if (admitted === null) return reply(false, before);
    const appended = this.#append(admitted);
    if (appended === null) return reply(false, before);
    this.#count({ "too large": appended.tooLarge });
    for (const batch of appended.batches) {
      this.#queue.fresh.add(batch);
      this.#reembedding.saw(batch.report.inserts);
      this.#show(batch, true);
      this.#countForRollout(batch);
    }
    const kept = appended.batches.reduce((sum, batch) => sum + recordsOf(batch.report), 0);
    return reply(false, before - kept);
  }

  sync(freshCursor: number): ReportReply {
    return this.#reply(freshCursor, false, 0);
  }

  async receipt(id: string): Promise<Receipt | null> {
    return this.#ledger.findReceipt(id) ?? (await this.#packs.findReceipt(id));
  }

  live(): LiveView {
    return {
      region: this.#ports.region,
      entries: this.state.value.entries,
      totals: this.#totals,
      recent: this.#recent,
      reembedding: reembeddingView(this.state.value.reembedding),
      rollout: rolloutView(this.state.value.rollout, this.#ports.settings.rollout),
      slices: this.#book.slices.views(this.#ports.now()),
      labelBudgets: this.#book.slices.accounts.views(this.#ports.now()),
      notes: this.#book.slices.accounts.notesViews(this.#ports.now()),
      backends: backendViews(this.state.value.backends, this.#ports.now()),
    };
  }

  /** A version was published: it goes into service by stages, if it is a later one than any before. */
  nominate(version: number): void {
    this.#refuseReadOnly();
    const { now, settings } = this.#ports;
    this.#moveRollout(nominate(this.state.value.rollout, version, now(), settings.rollout));
  }

  /** When `work` should run next, or null: nothing is left to do. */
  nextWorkAt(): number | null {
    if (this.readOnly) return null;
    const { settings, now } = this.#ports;
    const { applied, visible, packed, packing, doomed, trimmed } = this.state.value;
    const times: number[] = [];
    if (this.#ledger.last > applied) times.push(now() + settings.workDelayMs);
    if (doomed.length > 0) times.push(now() + 5_000);
    if (Math.min(applied, visible, packed) > trimmed) times.push(now() + settings.workDelayMs);
    const unpacked = this.#ledger.oldestUnpackedAt();
    if (packing > 0) times.push(now() + 5_000);
    else if (unpacked !== null) times.push(Math.max(now(), unpacked + settings.pack.ageMs));
    const queue = this.#queue.nextAt(now());
    if (queue !== null) times.push(queue);
    return times.length > 0 ? times.reduce((a, b) => Math.min(a, b)) : null;
  }

  /** Applies, writes to the index, packs, trims: each step on its own, so that one that fails holds up no other. */
  async work(force = false): Promise<void> {
    if (this.readOnly) return;
    // A caller that comes in the middle wants what it just reported to be done too.
    while (this.#working !== null) await this.#working;
    this.#working = this.#workOnce(force).finally(() => (this.#working = null));
    await this.#working;
  }

  /** Product eviction. Overlapping calls act as one. */
  async evict(): Promise<{ evicted: number; kept: number }> {
    const { entries } = this.state.value;
    if (this.readOnly) return { evicted: 0, kept: entries };
    const { now, token } = this.#ports;
    this.#apply();
    let done = { evicted: 0, kept: entries };
    await this.#step("evict", async () => {
      done = await this.#evictor.run(token(), now);
    });
    await this.#step("expire packs", () => this.#packs.deleteExpired(now()));
    return { evicted: done.evicted, kept: this.state.value.entries };
  }

  /** Takes rows out of service at once and deletes them; returns how many of the ids were known here. */
  async invalidate(tenant: string, ids: readonly string[]): Promise<number> {
    this.#refuseReadOnly();
    this.#apply();
    const known = this.#evictor.purge(tenant, ids, this.#ports.now());
    await this.#step("purge", () => this.#evictor.finish());
    return known;
  }

  /** Old rows to embed anew; for the Worker's cron. */
  async takeMoves(to: string): Promise<MoveLease> {
    if (this.readOnly) return { token: "", rows: [] };
    this.#apply();
    return await this.#reembedding.lease(to, this.#ports.token());
  }

  /** How many of them have moved. */
  async settleMoves(result: MoveResult): Promise<number> {
    this.#refuseReadOnly();
    this.#apply();
    const moved = await this.#reembedding.settle(result);
    await this.#step("moved rows", () => this.#evictor.finish());
    return moved;
  }

  #take(batchId: string, inserts: readonly EntryInsert[]): void {
    if (inserts.length === 0) return;
    this.report({
      batchId,
      experiences: [],
      outcomes: [],
      receipts: [],
      inserts,
      uses: [],
      labels: [],
      freshCursor: 0,
    });
    this.#apply();
  }

  /** Changes settings that travel with every reply. */
  change(
    work: (
      state: RegionState,
    ) => Partial<Pick<RegionState, "epoch" | "killSwitches" | "rollout" | "coldStart">>,
  ): void {
    this.#refuseReadOnly();
    this.state.commit((state) => ({ ...state, ...work(state) }));
  }

  /** Whether a signed request with this nonce is the first; from now on it is not. */
  takeNonce(nonce: string): boolean {
    this.#refuseReadOnly();
    return this.#nonces.take(nonce, this.#ports.now());
  }

  async lease(max: number, holdMs?: number): Promise<TrainerLease> {
    this.#refuseReadOnly();
    const token = this.#ports.token();
    const { packs, expiresAt } = this.#leases.lease(token, max, this.#ports.now(), holdMs);
    const read: TrainerPack[] = [];
    try {
      for (const pack of packs) {
        const lessons = await this.#packs.read(pack);
        if (lessons === null) this.#leases.quarantine(pack);
        else read.push(lessons);
      }
    } catch (error) {
      // The bucket is down: three such leases would set packs aside that nothing is wrong with.
      this.#leases.giveBack(token);
      throw error;
    }
    return { leaseToken: read.length > 0 ? token : "", expiresAt, packs: read };
  }

  heartbeat(token: string, holdMs?: number): number | null {
    return this.readOnly ? null : this.#leases.heartbeat(token, this.#ports.now(), holdMs);
  }

  ack(token: string, packIds: readonly string[]): AckReply {
    this.#refuseReadOnly();
    return this.#leases.ack(token, packIds, this.#ports.now());
  }

  reopenPacks(): number {
    this.#refuseReadOnly();
    return this.#leases.reopen();
  }

  async #workOnce(force: boolean): Promise<void> {
    const { now, settings } = this.#ports;
    const until = now() + MAX_PASS_MS;
    const limits = force ? { ...settings.pack, ageMs: 0 } : settings.pack;
    this.#measure();
    do {
      await this.#step("apply", () => this.#apply(MAX_PASS_UNITS));
      await this.#step("write rows", () => this.#queue.writeNew(now()));
    } while (this.state.value.applied < this.#ledger.last && now() < until);
    await this.#step("visible rows", () => this.#queue.checkVisible(now()));
    await this.#step("refresh rows", () => this.#queue.refresh(now()));
    await this.#step("pack", async () => {
      while (await this.#packs.writeNext(this.#ledger, limits, now())) if (now() >= until) break;
    });
    await this.#step("doomed rows", () => this.#evictor.finish());
    await this.#step("trim", () => this.#ledger.trim());
  }

  #apply(maxUnits = Number.POSITIVE_INFINITY): void {
    const { applied } = this.state.value;
    const batches: Batch[] = [];
    let units = 0;
    for (const batch of this.#ledger.after(applied)) {
      batches.push(batch);
      units += batch.units;
      if (units >= maxUnits) break;
    }
    if (batches.length === 0) return;
    const dropped = { ...this.state.value.dropped };
    for (const [reason, count] of Object.entries(this.#drops))
      dropped[reason] = (dropped[reason] ?? 0) + count;
    const seen = batches.flatMap(({ report }) => report.experiences);
    let keep = (): void => {};
    this.state.commit((state) => {
      const distances = withDistances(state.distances, seen);
      const done = this.#book.apply(batches, { ...state, dropped, distances }, this.#ports.now());
      keep = done.keep;
      return done.state;
    });
    keep();
    this.#drops = {};
  }

  /** What is known of backends is worth a minute: memory is enough, and the next commit takes it along. */
  #hear(calls: NonNullable<Report["calls"]>, running: Report["running"]): void {
    if (calls.length === 0 && running === undefined) return;
    const now = this.#ports.now();
    const after = afterCalls(this.state.value.backends, calls, now);
    this.state.note({
      backends: running === undefined ? after : afterRunning(after, running, now),
    });
  }

  /** null: storage is full. */
  #append(report: Report): ReturnType<Ledger["append"]> | null {
    try {
      return this.#ledger.append(report, this.#ports.now());
    } catch (error) {
      if (!/full|too big|toobig/i.test(String(error))) throw error;
      this.#count({ full: recordsOf(report) });
      this.#ports.onError("append", error);
      return null;
    }
  }

  async #step(where: string, work: () => unknown): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.#ports.onError(where, error);
    }
  }

  /** @param isolate whom it is told to, where it has said so */
  #reply(freshCursor: number, duplicate: boolean, dropped: number, isolate?: string): ReportReply {
    const { epoch, killSwitches, rollout, backends, tombstones, distances } = this.state.value;
    const knots = distances && distanceKnots(distances);
    const now = this.#ports.now();
    return {
      duplicate,
      epoch,
      killSwitches,
      policy: servingOf(rollout, this.#ports.settings.rollout),
      ...(!isUnused(backends) && { backends: viewFor(isolate, backends, now) }),
      ...this.#queue.fresh.after(freshCursor, this.#ledger.last, tombstones),
      tombstones: tombstones.filter(({ until }) => until > now).map(({ id }) => id),
      ...(distances && knots && { distances: { embedder: distances.embedder, knots } }),
      ...this.#book.slices.orders(now, this.state.value),
      ...(dropped > 0 && { dropped }),
    };
  }

  /** The reply to this very batch already says so when it was the last that a bad policy needed. */
  #countForRollout(batch: Batch): void {
    const { rollout, killSwitches } = this.state.value;
    try {
      const next = countBatch(rollout, batch, this.#ports.settings.rollout);
      // A pinned version decides for everybody: there is nothing to compare meanwhile.
      if (killSwitches.pinnedPolicy === null) this.#moveRollout(next);
      else this.state.note({ rollout: { ...rollout, counted: next.counted } });
    } catch (error) {
      this.#ports.onError("rollout", error);
    }
  }

  /** Counts stay in memory until the next commit; a step of the rollout is written at once. */
  #moveRollout(rollout: RolloutState): void {
    const before = this.state.value.rollout.lastEvent;
    if (rollout.lastEvent === before || this.readOnly) return this.state.note({ rollout });
    this.state.commit((state) => ({ ...state, rollout }));
    if (rollout.lastEvent !== null) this.#ports.onRollout?.(rollout.lastEvent);
  }

  #show(batch: Batch, counts: boolean): void {
    if (counts) this.#totals = addToTotals(this.#totals, batch.report);
    // A follower is written down twice: the newer word stands.
    const newest = new Map<string, Receipt>();
    for (const receipt of [...batch.report.receipts.toReversed(), ...this.#recent])
      if (!newest.has(receipt.id)) newest.set(receipt.id, receipt);
    this.#recent = [...newest.values()].slice(0, MAX_RECENT);
  }

  #count(drops: Drops): void {
    for (const [reason, count] of Object.entries(drops))
      if (count > 0) this.#drops[reason] = (this.#drops[reason] ?? 0) + count;
  }

  #measure(): void {
    this.#filled = this.#ports.store.bytes() / this.#ports.settings.capBytes;
  }

  #refuseReadOnly(): void {
    if (this.readOnly) throw new Error("this region's storage was written by a newer release");
  }
}

// Taking rows out: eviction, purge, and the sweep for rows whose answer is gone. Always in this order, so that a crash
// anywhere leaves serve-or-miss: the row is doomed in the state row, its answer is deleted (from then on it cannot be
// served), its vector is deleted, and last the row itself.
import { rowsToEvict } from "../policy/cache/eviction.ts";
import { type CacheBook, isSameRow, TOMBSTONE_MS } from "./cache-book.ts";
import { type IndexQueue } from "./index-queue.ts";
import { type ObjectStore } from "./packs.ts";
import { type RegionState, type RowKey, type StateRow } from "./region-state.ts";

export interface EvictionSettings {
  /** Rows this object may hold. */
  readonly capacity: number;
  readonly graceMs: number;
}

/** A run holds the lease at most this long; a run that died gives way then. */
const LEASE_MS = 60_000;
/** Rows doomed at once, and rows per run. */
const ROUND = 500;
const MAX_VICTIMS = 10_000;
/** A row expires only when every clock says so. */
const CLOCK_GRACE_MS = 300_000;
const SWEEP = 50;
/** The answer of a row this young may still be on its way. */
const SWEEP_MIN_AGE_MS = 600_000;
const HIGH_WATER = 0.95;
/** Reading all rows is billed; expired ones are not served anyway and may wait for company. */
const SCAN_EVERY_MS = 3_600_000;

type Doomed = RegionState["doomed"][number];

export class Evictor {
  readonly #state: StateRow;
  readonly #book: CacheBook;
  readonly #queue: IndexQueue;
  readonly #objects: ObjectStore;
  readonly #settings: EvictionSettings;
  #scannedAt = Number.NEGATIVE_INFINITY;

  constructor(
    parts: { readonly state: StateRow; readonly book: CacheBook; readonly queue: IndexQueue },
    objects: ObjectStore,
    settings: EvictionSettings,
  ) {
    this.#state = parts.state;
    this.#book = parts.book;
    this.#queue = parts.queue;
    this.#objects = objects;
    this.#settings = settings;
  }

  /** One run; a run that finds another one at work does nothing. */
  async run(owner: string, now: () => number): Promise<{ evicted: number; kept: number }> {
    const lease = this.#state.value.evictLease;
    if (lease !== null && lease.until > now() && lease.until <= now() + LEASE_MS)
      return { evicted: 0, kept: this.#state.value.entries };
    const until = now() + LEASE_MS;
    this.#state.commit((state) => ({ ...state, evictLease: { owner, until } }));
    let evicted = 0;
    try {
      evicted += await this.finish();
      const victims = this.#isDue(now()) ? this.#victims(now()) : [];
      for (let i = 0; i < victims.length && now() < until; i += ROUND) {
        // A row that was stored anew since it was chosen stays.
        const round = victims.slice(i, i + ROUND).filter((row) => this.#isSame(row));
        this.#state.commit((state) => ({ ...state, doomed: merged(state.doomed, round) }));
        evicted += await this.finish();
      }
      evicted += await this.#sweep(now());
    } finally {
      if (this.#state.value.evictLease?.owner === owner)
        this.#state.commit((state) => ({ ...state, evictLease: null }));
    }
    return { evicted, kept: this.#state.value.entries };
  }

  /**
   * Purge: tombstones are durable, and the epoch raised, when this returns; answers and vectors follow. What is purged is
   * the answer, so that every other question that it was stored for goes with it.
   * @returns how many of the ids this object knew
   */
  purge(tenant: string, ids: readonly string[], now: number): number {
    // An id this tenant has no row under may be another tenant's: it gets no tombstone.
    const named = this.#named(tenant, ids);
    const known = named.length > 0 ? this.#rowsOf(tenant, named) : [];
    // The answer of a row on its way into another space may lie there already.
    const moving = (this.#state.value.reembedding?.pending ?? [])
      .filter((move) => known.some((row) => isSameRow(row, move)))
      .map(({ newId, newAnsId }) => ({ tenant, id: newId, ansId: newAnsId }));
    known.push(...moving.filter((row) => !known.some((other) => isSameRow(other, row))));
    this.#state.commit((state) => ({
      ...state,
      epoch: state.epoch + 1,
      tombstones: [
        ...state.tombstones.filter((t) => !known.some((row) => isSameRow(row, t))),
        ...known.map(({ id }) => ({ tenant, id, upTo: now, until: now + TOMBSTONE_MS })),
      ],
      doomed: merged(state.doomed, known),
    }));
    this.#queue.fresh.remove(known);
    return named.length;
  }

  /** Rows that have one of these ids, or had it in another space. */
  #named(tenant: string, ids: readonly string[]): readonly Doomed[] {
    const named = new Set(ids);
    const { store } = this.#state;
    // Two statements: to compare every row with every id would take seconds.
    const rows = [
      ...store.exec<NamedRow>(
        `SELECT id, ans_id, moved_from FROM entry
         WHERE tenant = ? AND id IN (SELECT value FROM json_each(?))`,
        tenant,
        JSON.stringify(ids),
      ),
      ...store
        .exec<NamedRow>(
          "SELECT id, ans_id, moved_from FROM entry WHERE tenant = ? AND moved_from <> ''",
          tenant,
        )
        .filter((row) => !named.has(row.id))
        .filter((row) => row.moved_from.split(" ").some((id) => named.has(id))),
    ];
    return rows.map(({ id, ans_id: ansId }) => ({ tenant, id, ansId }));
  }

  /** All rows of the answers of some rows. */
  #rowsOf(tenant: string, rows: readonly Doomed[]): Doomed[] {
    return this.#state.store
      .exec<{ id: string; ans_id: string }>(
        "SELECT id, ans_id FROM entry WHERE tenant = ? AND ans_id IN (SELECT value FROM json_each(?))",
        tenant,
        JSON.stringify(rows.map(({ ansId }) => ansId)),
      )
      .map(({ id, ans_id: ansId }) => ({ tenant, id, ansId }));
  }

  /** Carries out what is doomed. Throws when R2 or the index does; the next call goes on from there. */
  async finish(): Promise<number> {
    const doomed = this.#state.value.doomed;
    if (doomed.length === 0) return 0;
    const answers = this.#unshared(doomed);
    for (let i = 0; i < answers.length; i += 1_000)
      await this.#objects.delete(answers.slice(i, i + 1_000).map(answerKeyOf));
    // A row that was stored anew meanwhile is not doomed any more.
    const still = this.#state.value.doomed.filter((row) => doomed.includes(row));
    await this.#queue.remove(still);
    let deleted = 0;
    this.#state.commit((state) => {
      const gone = state.doomed.filter((row) => still.includes(row));
      deleted = this.#book.delete(gone);
      return {
        ...state,
        doomed: state.doomed.filter((row) => !gone.includes(row)),
        dirty: state.dirty.filter((key) => !gone.some((row) => isSameRow(row, key))),
        entries: state.entries - deleted,
      };
    });
    return deleted;
  }

  /** Whether all rows are worth reading: some must leave, or it is an hour since expired ones were looked for. */
  #isDue(now: number): boolean {
    const isFull = this.#state.value.entries > HIGH_WATER * this.#settings.capacity;
    const hasJustScanned = now >= this.#scannedAt && now - this.#scannedAt < SCAN_EVERY_MS;
    if (!isFull && hasJustScanned) return false;
    this.#scannedAt = now;
    return true;
  }

  #isSame(row: Doomed & { readonly createdAt: number }): boolean {
    return this.#book.get(row)?.createdAt === row.createdAt;
  }

  #victims(now: number): readonly (Doomed & { readonly createdAt: number })[] {
    const { capacity, graceMs } = this.#settings;
    const late = now - CLOCK_GRACE_MS;
    const crowded = this.#state.value.entries > HIGH_WATER * capacity;
    const rows = this.#state.store
      .exec<VictimRow>(
        `SELECT tenant, id, ans_id, value, value_n, created_at, expires_at, quarantined FROM entry
         ${crowded ? "" : "WHERE expires_at <= ? OR quarantined = 1 LIMIT ?"}`,
        ...(crowded ? [] : [late, MAX_VICTIMS]),
      )
      .map((row) => ({
        tenant: row.tenant,
        id: row.id,
        ansId: row.ans_id,
        value: row.value,
        valueN: row.value_n,
        createdAt: row.created_at,
        expiresAt: row.expires_at,
        quarantined: row.quarantined === 1,
      }));
    // Judged by a clock that is late: ages and expiries both keep their distance from ours.
    const limits = {
      now: late,
      capacity,
      graceMs: graceMs - CLOCK_GRACE_MS,
      highWater: HIGH_WATER,
    };
    const chosen = new Set(rowsToEvict(rows, limits));
    return rows.filter(({ id }) => chosen.has(id)).slice(0, MAX_VICTIMS);
  }

  /** One page of rows: those whose answer is gone (expired in R2, deleted by hand) go too. */
  async #sweep(now: number): Promise<number> {
    const { tenant, id } = this.#state.value.sweepCursor ?? { tenant: "", id: "" };
    // Young rows are passed over here and not in the statement, which would read on until it has a page of old ones.
    const page = this.#state.store.exec<SweptRow>(
      `SELECT tenant, id, ans_id, created_at FROM entry
       WHERE (tenant, id) > (?, ?) ORDER BY tenant, id LIMIT ?`,
      tenant,
      id,
      SWEEP,
    );
    const last = page.at(-1);
    const sweepCursor = page.length === SWEEP && last ? { tenant: last.tenant, id: last.id } : null;
    const rows = page
      .filter((row) => row.created_at <= now - SWEEP_MIN_AGE_MS)
      .map((row) => ({ tenant: row.tenant, id: row.id, ansId: row.ans_id }));
    const orphans: Doomed[] = [];
    for (const row of rows) if (!(await this.#objects.has(answerKeyOf(row)))) orphans.push(row);
    const moved = this.#state.value.sweepCursor !== null || sweepCursor !== null;
    if (orphans.length > 0 || moved)
      this.#state.commit((state) => ({
        ...state,
        sweepCursor,
        doomed: merged(state.doomed, orphans),
      }));
    return await this.finish();
  }

  /** Rows whose answer no row that stays points to. */
  #unshared(doomed: readonly Doomed[]): readonly Doomed[] {
    const needed = new Set<string>();
    for (const tenant of new Set(doomed.map((row) => row.tenant))) {
      const own = doomed.filter((row) => row.tenant === tenant);
      const users = this.#state.store.exec<{ id: string; ans_id: string }>(
        "SELECT id, ans_id FROM entry WHERE tenant = ? AND ans_id IN (SELECT value FROM json_each(?))",
        tenant,
        JSON.stringify(own.map(({ ansId }) => ansId)),
      );
      const leaving = new Set(own.map(({ id }) => id));
      for (const { id, ans_id: ansId } of users)
        if (!leaving.has(id)) needed.add(answerKeyOf({ tenant, id, ansId }));
    }
    return doomed.filter((row) => !needed.has(answerKeyOf(row)));
  }
}

const answerKeyOf = ({ tenant, ansId }: Doomed): string => `a/${tenant}/${ansId}`;

/** For inside a commit: the state with more rows doomed. */
export const withDoomed = (
  state: RegionState,
  rows: readonly (RowKey & { readonly ansId: string })[],
): RegionState => ({ ...state, doomed: merged(state.doomed, rows) });

const merged = (
  doomed: readonly Doomed[],
  more: readonly (RowKey & { ansId: string })[],
): Doomed[] => [
  ...doomed,
  ...more
    .filter((row) => !doomed.some((other) => isSameRow(other, row)))
    .map(({ tenant, id, ansId }) => ({ tenant, id, ansId })),
];

type NamedRow = { id: string; ans_id: string; moved_from: string };
type SweptRow = { tenant: string; id: string; ans_id: string; created_at: number };
type VictimRow = {
  tenant: string;
  id: string;
  ans_id: string;
  value: number;
  value_n: number;
  created_at: number;
  expires_at: number;
  quarantined: number;
};

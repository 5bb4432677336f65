// What the vector index still has to be told: new rows, changed counts and evidence, removals. The index shows a write
// seconds later, so every new row stays on the list of fresh rows until it is known to be visible.
import { decodeFloats } from "../policy/half.ts";
import { type CacheBook, isSameRow } from "./cache-book.ts";
import { type Entry } from "./entry.ts";
import { FreshRows } from "./fresh-rows.ts";
import { type Ledger } from "./ledger.ts";
import { type RegionState, type RowKey, type StateRow } from "./region-state.ts";
import { type EntryInsert } from "./report.ts";
import { type IndexedVector, MAX_UPSERT, upsertAll, type VectorIndex } from "./vector-index.ts";

const MAX_ATTEMPTS = 3;
/** Attempt k is followed by a pause of this times 2^k. */
const RETRY_MS = 5_000;
/** After this long a row counts as visible even if the index cannot say so. */
const VISIBLE_MS = 60_000;
const POLL_MS = 5_000;
/** How far the index's clock may be ahead of ours. */
const CLOCK_SLACK_MS = 2_000;
const REFRESH_MS = 60_000;
const MAX_REFRESH = 200;
const GET_CHUNK = 20;
const MAX_BACKOFF_MS = 60_000;

interface QueuedRow {
  readonly row: EntryInsert;
  /** Times the index refused it alone. */
  readonly attempts: number;
}

export class IndexQueue {
  readonly fresh = new FreshRows();
  readonly #index: VectorIndex;
  readonly #ledger: Ledger;
  readonly #book: CacheBook;
  readonly #state: StateRow;
  /** Writes the index has accepted but may not show, oldest first. */
  #awaiting: { readonly seq: number; readonly mutationId: string; readonly at: number }[] = [];
  #failures = 0;
  #retryAt = 0;

  constructor(
    index: VectorIndex,
    parts: { readonly ledger: Ledger; readonly book: CacheBook; readonly state: StateRow },
    now: number,
  ) {
    this.#index = index;
    this.#ledger = parts.ledger;
    this.#book = parts.book;
    this.#state = parts.state;
    const { indexed, visible } = this.#state.value;
    for (const batch of this.#ledger.after(visible)) this.fresh.add(batch);
    // What was awaited before a restart is not known any more: the wait starts again.
    if (indexed > visible) this.#awaiting.push({ seq: indexed, mutationId: "", at: now });
  }

  /** When this queue wants to run again, or null. */
  nextAt(now: number): number | null {
    const { applied, indexed, dirty, refreshedAt } = this.#state.value;
    const times: number[] = [];
    if (applied > indexed) times.push(Math.max(now, this.#retryAt));
    if (this.#awaiting.length > 0) times.push(now + POLL_MS);
    if (dirty.length > 0) times.push(Math.max(refreshedAt + REFRESH_MS, this.#retryAt));
    const [refused] = this.#state.store.exec<{ at: number | null }>(
      "SELECT MIN(retry_at) AS at FROM refused WHERE attempts < ?",
      MAX_ATTEMPTS,
    );
    if (refused?.at) times.push(Math.max(refused.at, this.#retryAt));
    return times.length > 0 ? times.reduce((a, b) => Math.min(a, b)) : null;
  }

  /** Tells the index of new rows and of those it refused before. A bad row never holds up the others. */
  async writeNew(now: number): Promise<void> {
    if (now < this.#retryAt) return;
    const { indexed, applied } = this.#state.value;
    const queued: QueuedRow[] = [];
    let upTo = indexed;
    for (const { seq, report } of this.#ledger.after(indexed, applied)) {
      if (queued.length + report.inserts.length > MAX_UPSERT && queued.length > 0) break;
      for (const row of report.inserts) queued.push({ row, attempts: 0 });
      upTo = seq;
    }
    queued.push(...this.#refusedRows(now).slice(0, Math.max(0, MAX_UPSERT - queued.length)));
    if (upTo === indexed && queued.length === 0) return;
    const vectors = new Map(
      queued.flatMap(({ row }) => this.#vectorOf(row) ?? []).map((v) => [v.id, v]),
    );
    const { mutationId, refused, outage } = await upsertAll(this.#index, [...vectors.values()]);
    if (outage !== null) {
      this.#backOff(now);
      return;
    }
    this.#failures = 0;
    // Nothing written and nothing awaited: the batches are as visible as they will ever be.
    const settled = mutationId === null && this.#awaiting.length === 0;
    if (refused.size > 0 || queued.some(({ attempts }) => attempts > 0))
      this.#state.commit((state) => this.#recordRefusals(state, queued, refused, now));
    this.#state.note({ indexed: upTo, ...(settled && { visible: upTo }) });
    if (settled) this.fresh.settle(upTo);
    else this.#awaiting.push({ seq: upTo, mutationId: mutationId ?? "", at: now });
    await this.#removeGhosts(queued.map(({ row }) => row));
  }

  /** Asks the index how far it is; what is visible leaves the list of fresh rows. */
  async checkVisible(now: number): Promise<void> {
    if (this.#awaiting.length === 0) return;
    let mutation = "";
    let processedAt = 0;
    try {
      const info = await this.#index.describe();
      mutation = String(info.processedUpToMutation);
      processedAt = new Date(info.processedUpToDatetime as string | number).getTime();
    } catch {
      // Then only time tells.
    }
    const shown = this.#awaiting.findLast(
      ({ mutationId, at }) =>
        (mutationId !== "" && mutationId === mutation) ||
        processedAt > at + CLOCK_SLACK_MS ||
        now - at >= VISIBLE_MS,
    );
    if (shown === undefined) return;
    this.#awaiting = this.#awaiting.filter(({ seq }) => seq > shown.seq);
    this.#state.note({ visible: Math.max(shown.seq, this.#state.value.visible) });
    this.fresh.settle(shown.seq);
  }

  /** Rewrites rows whose count or evidence changed, at most once a minute: each costs a read and a write. */
  async refresh(now: number): Promise<void> {
    const { dirty, refreshedAt } = this.#state.value;
    if (dirty.length === 0 || now < this.#retryAt || now - refreshedAt < REFRESH_MS) return;
    const chosen = dirty.filter((key) => !this.fresh.has(key)).slice(0, MAX_REFRESH);
    const entries = new Map(
      chosen.flatMap((key) => this.#book.get(key) ?? []).map((e) => [e.id, e]),
    );
    try {
      const { outage } = await upsertAll(this.#index, await this.#refreshedVectors(entries));
      if (outage !== null) throw outage;
    } catch {
      this.#backOff(now);
      return;
    }
    this.#state.commit((state) => ({
      ...state,
      refreshedAt: now,
      tombstones: state.tombstones.map((tombstone) => {
        const entry = entries.get(tombstone.id);
        const isOut = !entry || entry.quarantined || !isSameRow(entry, tombstone);
        // Stopped until the index knows its record, which it will show in a minute; a purge means every generation.
        return isOut || tombstone.upTo !== entry.createdAt
          ? tombstone
          : { ...tombstone, until: Math.min(tombstone.until, now + VISIBLE_MS + REFRESH_MS) };
      }),
      dirty: state.dirty.filter(
        (key) =>
          !chosen.some((other) => isSameRow(other, key)) ||
          this.#learntSince(key, entries.get(key.id)),
      ),
    }));
    await this.#removeGhosts([...entries.values()]);
  }

  /** Takes rows out of the index and off the list of fresh rows. Throws when the index does. */
  async remove(keys: readonly RowKey[]): Promise<void> {
    this.fresh.remove(keys);
    for (let i = 0; i < keys.length; i += MAX_UPSERT)
      await this.#index.deleteByIds(keys.slice(i, i + MAX_UPSERT).map(({ id }) => id));
  }

  #vectorOf(row: EntryInsert): IndexedVector | null {
    const entry = this.#book.get(row);
    // Evicted, purged or replaced while it waited.
    if (entry === null || entry.createdAt !== row.createdAt) return null;
    return {
      id: row.id,
      values: decodeFloats(row.vector),
      namespace: row.namespace,
      metadata: {
        t: row.tenant,
        ansId: row.ansId,
        role: row.role,
        fp: row.fp,
        lang: row.lang,
        q: row.question,
        at: row.createdAt,
        exp: row.expiresAt,
        ...this.#learntOf(entry),
      },
    };
  }

  async #refreshedVectors(entries: ReadonlyMap<string, Entry>): Promise<IndexedVector[]> {
    const ids = [...entries.keys()];
    const vectors: IndexedVector[] = [];
    for (let i = 0; i < ids.length; i += GET_CHUNK) {
      for (const vector of await this.#index.getByIds(ids.slice(i, i + GET_CHUNK))) {
        const entry = entries.get(vector.id);
        // Another generation than the book's: its own write is still on the way.
        if (entry === undefined || vector.metadata?.["at"] !== entry.createdAt) continue;
        const { id, values, namespace } = vector;
        // Labels may have lost their say: then no record stands there.
        const { ev: _, ...metadata } = vector.metadata;
        vectors.push({
          id,
          values,
          ...(namespace !== undefined && { namespace }),
          metadata: { ...metadata, ...this.#learntOf(entry) },
        });
      }
    }
    return vectors;
  }

  #learntOf(entry: Entry): Record<string, string | number | boolean> {
    const evidence = this.#book.evidenceTextOf(entry, this.#state.value);
    return {
      n: entry.uses,
      qr: entry.quarantined,
      ...(evidence !== null && { ev: evidence }),
    };
  }

  /** Whether a row learnt more while its copy was being written. */
  #learntSince(key: RowKey, written: Entry | undefined): boolean {
    const entry = this.#book.get(key);
    return (
      written !== undefined &&
      entry !== null &&
      (entry.quarantined !== written.quarantined ||
        JSON.stringify(entry.observations) !== JSON.stringify(written.observations))
    );
  }

  /** A row that was deleted while its write was under way must not come back. */
  async #removeGhosts(rows: readonly RowKey[]): Promise<void> {
    const ghosts = rows.filter((row) => this.#book.get(row) === null);
    if (ghosts.length === 0) return;
    try {
      await this.remove(ghosts);
    } catch {
      // Its answer is gone, so the row cannot be served; it leaves the index when it expires.
    }
  }

  #refusedRows(now: number): QueuedRow[] {
    return this.#state.store
      .exec<{ body: string; attempts: number }>(
        "SELECT body, attempts FROM refused WHERE attempts < ? AND retry_at <= ?",
        MAX_ATTEMPTS,
        now,
      )
      .map(({ body, attempts }) => ({ row: JSON.parse(body) as EntryInsert, attempts }));
  }

  /** For inside a transaction. */
  #recordRefusals(
    state: RegionState,
    queued: readonly QueuedRow[],
    refused: ReadonlyMap<string, string>,
    now: number,
  ): RegionState {
    let given = 0;
    for (const { row, attempts } of queued) {
      const error = refused.get(row.id);
      if (error === undefined && attempts > 0)
        this.#state.store.exec(
          "DELETE FROM refused WHERE tenant = ? AND id = ?",
          row.tenant,
          row.id,
        );
      if (error === undefined) continue;
      if (attempts + 1 === MAX_ATTEMPTS) given++;
      this.#state.store.exec(
        `INSERT INTO refused (tenant, id, body, attempts, retry_at, error) VALUES (?, ?, ?, ?, ?, ?)
         ON CONFLICT (tenant, id) DO UPDATE SET body = excluded.body, attempts = excluded.attempts,
           retry_at = excluded.retry_at, error = excluded.error`,
        row.tenant,
        row.id,
        JSON.stringify(row),
        attempts + 1,
        now + RETRY_MS * 2 ** (attempts + 1),
        error.slice(0, 300),
      );
    }
    const before = state.dropped["index refused"] ?? 0;
    return { ...state, dropped: { ...state.dropped, "index refused": before + given } };
  }

  #backOff(now: number): void {
    this.#failures++;
    this.#retryAt = now + Math.min(MAX_BACKOFF_MS, 1_000 * 2 ** this.#failures);
  }
}

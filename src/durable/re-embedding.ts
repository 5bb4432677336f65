// A new embedder starts with an empty cache: namespace and fingerprint name it, so that vectors of two never meet. This
// job fills it again in the background. The Worker's cron takes the most used old rows on lease, embeds their questions anew
// and brings rows and answers under their new keys; here they are written, and the old ones go. What a purge takes out
// meanwhile stays out: until a row has moved, its new key is on the list of pending ones, which a purge follows.
import { type CacheBook } from "./cache-book.ts";
import { type Entry } from "./entry.ts";
import { type ObjectStore } from "./packs.ts";
import { type RegionState, type RowKey, type StateRow } from "./region-state.ts";
import {
  type Move,
  type MoveLease,
  type MoveResult,
  type PendingMove,
  type ReembeddingState,
} from "./moves.ts";
import { type EntryInsert } from "./report.ts";
import { type VectorIndex } from "./vector-index.ts";

export interface ReembeddingSettings {
  /** Rows that one change of the embedder moves at most; the rest are evicted. */
  readonly maxRows: number;
  /** US dollars a day. */
  readonly maxUsd: number;
}

export const REEMBEDDING_SETTINGS: ReembeddingSettings = { maxRows: 20_000, maxUsd: 1 };

/** What of the region object's core a move needs. */
export interface ReembeddingParts {
  readonly state: StateRow;
  readonly book: CacheBook;
  readonly index: VectorIndex;
  readonly objects: ObjectStore;
  readonly settings: ReembeddingSettings;
  readonly now: () => number;
  /** Applies what was reported and is not in the book yet. */
  readonly catchUp: () => void;
  /** Takes rows in as from any isolate, and into the book. */
  readonly take: (batchId: string, inserts: readonly EntryInsert[]) => void;
  /** For inside a commit: these rows go, with answers that nobody else needs. */
  readonly doom: (state: RegionState, rows: readonly Doomed[]) => RegionState;
}

type Doomed = RowKey & { readonly ansId: string };

const ROWS = 100;
const LEASE_MS = 120_000;
const DAY_MS = 86_400_000;
/** A row that expires sooner is not worth it. */
const MIN_LIFE_MS = 600_000;
const MAX_ATTEMPTS = 3;
const GET_CHUNK = 20;
const PUT_CHUNK = 10;
/** Rows looked at per lease until one is found that can be moved. */
const MAX_ROUNDS = 10;
const EVICTED_AT_ONCE = 500;

export class Reembedding {
  readonly #parts: ReembeddingParts;
  #lease: {
    readonly token: string;
    readonly until: number;
    readonly rows: Map<string, number>;
  } | null = null;
  readonly #attempts = new Map<string, number>();
  /** Rows of another space came in after the run had ended: an isolate of the previous release. */
  #late = false;

  constructor(parts: ReembeddingParts) {
    this.#parts = parts;
  }

  /** Notices rows that are not of the space everything was moved to. */
  saw(inserts: readonly EntryInsert[]): void {
    const to = this.#state?.to;
    if (inserts.some(({ embedder }) => embedder !== undefined && embedder !== to))
      this.#late = true;
  }

  /**
   * The next rows to embed anew; none while others are on lease, when the day's money is spent, and when all is done.
   * @param to the space that questions are embedded in now
   */
  async lease(to: string, token: string): Promise<MoveLease> {
    const { now, settings } = this.#parts;
    const none = { token: "", rows: [] };
    if (this.#lease !== null && this.#lease.until > now()) return none;
    this.#lease = null;
    this.#begin(to);
    const run = this.#state!;
    if (run.finishedAt !== null && !this.#late) return none;
    if (now() - run.day.from < DAY_MS && run.day.usd >= settings.maxUsd) return none;
    for (let round = 0; round < MAX_ROUNDS; round++) {
      const left = settings.maxRows - this.#state!.moved;
      const isFull = left <= 0;
      const old = this.#oldRows(to, isFull ? EVICTED_AT_ONCE : Math.min(ROWS, left));
      if (old.length === 0) {
        this.#late = false;
        this.#commit((state) => ({ ...state, finishedAt: now() }));
        return none;
      }
      const good = isFull ? [] : old.filter((entry) => this.#isMovable(entry));
      this.#evict(old.filter((entry) => !good.includes(entry)));
      if (isFull) return none;
      if (good.length === 0) continue;
      const rows = new Map(good.map((entry) => [keyOf(entry), entry.createdAt]));
      this.#lease = { token, until: now() + LEASE_MS, rows };
      const questions = await this.#questions(good);
      return {
        token,
        rows: good.map(({ tenant, id, ansId, createdAt }) => ({
          tenant,
          id,
          ansId,
          createdAt,
          question: questions.get(id) ?? null,
        })),
      };
    }
    return none;
  }

  /**
   * Writes answers and rows under their new keys; only then do the old ones go. A crash anywhere leaves the old row, which
   * is leased again and gives the same keys.
   * @returns how many rows have moved
   */
  async settle({ token, moves, gone, costUsd }: MoveResult): Promise<number> {
    const { book, now, objects, take } = this.#parts;
    const lease = this.#lease;
    if (lease === null || lease.token !== token || lease.until <= now()) return 0;
    const isLeased = (key: RowKey) =>
      lease.rows.has(keyOf(key)) && lease.rows.get(keyOf(key)) === book.get(key)?.createdAt;
    const isAlive = (key: RowKey) => isLeased(key) && !this.#isDoomed(key);
    // A row that is called wrong meanwhile would come into the new space without that record.
    const isGood = (key: RowKey) => isAlive(key) && isUnblamed(book.get(key));
    this.#commit((state) => withMoney(state, costUsd, now()));

    const wanted = moves.filter((move) => isGood(move) && move.insert.tenant === move.tenant);
    this.#commit((state) => ({
      ...state,
      pending: [...without(state, wanted), ...wanted.map(pendingOf)],
    }));
    const written: Move[] = [];
    for (let i = 0; i < wanted.length; i += PUT_CHUNK) {
      const chunk = wanted.slice(i, i + PUT_CHUNK);
      const keys = chunk.map(({ tenant, insert }) => `a/${tenant}/${insert.ansId}`);
      const done = await Promise.allSettled(
        chunk.map(async ({ answer }, j) => {
          // Asked in the new space already, the question may have a newer answer there.
          if (!(await objects.has(keys[j]!))) await objects.put(keys[j]!, answer);
        }),
      );
      written.push(...chunk.filter((_, j) => done[j]!.status === "fulfilled"));
    }
    // What was purged, evicted or called wrong while its answer was being written stays out.
    this.#parts.catchUp();
    const alive = written.filter(isGood);
    this.#drop(written.filter((move) => !alive.includes(move)));
    take(
      `move-${token}`,
      alive.map(({ tenant, id, insert }) => ({
        ...insert,
        movedFrom: formerIds(book.get({ tenant, id }), insert.id),
      })),
    );
    const moved = alive.filter(
      ({ insert }) => book.get(insert) !== null && !this.#isDoomed(insert),
    );
    this.#leave(moved, moved.length);
    this.#evict(gone.filter(isAlive).flatMap((key) => book.get(key) ?? []));
    for (const key of moves.map(keyOf)) this.#attempts.set(key, (this.#attempts.get(key) ?? 0) + 1);
    for (const key of moved) this.#attempts.delete(keyOf(key));
    this.#lease = null;
    return moved.length;
  }

  get #state(): ReembeddingState | null {
    return this.#parts.state.value.reembedding;
  }

  /** Starts a run where the space is another one, and tidies up what the last one left behind. */
  #begin(to: string): void {
    const { book, now } = this.#parts;
    const run = this.#state;
    const isNew = run?.to !== to;
    const stale = (run?.pending ?? []).filter((move) => isNew || book.get(move) === null);
    this.#drop(stale);
    if (!isNew) return;
    const day = run?.day ?? { from: now(), usd: 0 };
    this.#parts.state.commit((state) => ({
      ...state,
      reembedding: {
        to,
        startedAt: now(),
        finishedAt: null,
        moved: 0,
        evicted: 0,
        costUsd: 0,
        day,
        pending: [],
      },
    }));
  }

  /** Most used first. */
  #oldRows(to: string, most: number): readonly Entry[] {
    const { book, state } = this.#parts;
    const { doomed } = state.value;
    return state.store
      .exec<{ tenant: string; id: string }>(
        `SELECT tenant, id FROM entry WHERE embedder <> ? ORDER BY uses DESC, value DESC, tenant, id LIMIT ?`,
        to,
        most + doomed.length,
      )
      .filter((key) => !this.#isDoomed(key))
      .slice(0, most)
      .flatMap((key) => book.get(key) ?? []);
  }

  /** Nobody has called it wrong, it has a while to live, and it does not fail again and again. */
  #isMovable(entry: Entry): boolean {
    return (
      entry.embedder !== "" &&
      isUnblamed(entry) &&
      entry.expiresAt > this.#parts.now() + MIN_LIFE_MS &&
      (this.#attempts.get(keyOf(entry)) ?? 0) < MAX_ATTEMPTS
    );
  }

  async #questions(rows: readonly RowKey[]): Promise<ReadonlyMap<string, string>> {
    const questions = new Map<string, string>();
    const ids = rows.map(({ id }) => id);
    try {
      for (let i = 0; i < ids.length; i += GET_CHUNK)
        for (const { id, metadata } of await this.#parts.index.getByIds(
          ids.slice(i, i + GET_CHUNK),
        ))
          if (typeof metadata?.["q"] === "string") questions.set(id, metadata["q"]);
    } catch {
      // An answer knows its own question; only other wordings of it are lost.
    }
    return questions;
  }

  /** With what an attempt to move them may have left under their new keys. */
  #evict(rows: readonly Doomed[]): void {
    if (rows.length === 0) return;
    const keys = new Set(rows.map(keyOf));
    this.#drop((this.#state?.pending ?? []).filter((move) => keys.has(keyOf(move))));
    this.#leave(
      rows.map(({ tenant, id, ansId }) => ({ tenant, id, ansId })),
      0,
    );
  }

  /** Old rows go, because they have moved or because they cannot. */
  #leave(rows: readonly RowKey[], moved: number): void {
    const { book, doom, state } = this.#parts;
    const known = rows.flatMap(({ tenant, id }) => book.get({ tenant, id }) ?? []);
    state.commit((before) => {
      const run = before.reembedding;
      if (run === null) return before;
      return doom(
        {
          ...before,
          reembedding: {
            ...run,
            moved: run.moved + moved,
            evicted: run.evicted + rows.length - moved,
            pending: without(run, rows),
          },
        },
        known,
      );
    });
  }

  /** Answers under new keys whose row will not come: they go, unless a row uses them. */
  #drop(moves: readonly (PendingMove | Move)[]): void {
    if (moves.length === 0) return;
    const { book, doom, state } = this.#parts;
    const orphans = moves
      .map((move) => ("newId" in move ? move : pendingOf(move)))
      .map(({ tenant, newId, newAnsId }) => ({ tenant, id: newId, ansId: newAnsId }))
      .filter((row) => book.get(row) === null);
    state.commit((before) =>
      doom(
        {
          ...before,
          reembedding: before.reembedding && {
            ...before.reembedding,
            pending: without(before.reembedding, moves),
          },
        },
        orphans,
      ),
    );
  }

  #isDoomed(key: RowKey): boolean {
    return this.#parts.state.value.doomed.some(
      (other) => other.id === key.id && other.tenant === key.tenant,
    );
  }

  #commit(change: (state: ReembeddingState) => ReembeddingState): void {
    this.#parts.state.commit((state) =>
      state.reembedding === null ? state : { ...state, reembedding: change(state.reembedding) },
    );
  }
}

/** A row that has moved oftener is not found any more under its first ids. */
const MAX_FORMER_IDS = 4;

function formerIds(former: Entry | null, id: string): readonly string[] {
  const ids = former === null ? [] : [former.id, ...former.movedFrom];
  return ids.filter((other) => other !== id).slice(0, MAX_FORMER_IDS);
}

const isUnblamed = (entry: Entry | null): boolean =>
  entry?.quarantined === false && entry.observations.every(([, correct]) => correct === 1);

const keyOf = ({ tenant, id }: RowKey): string => `${tenant}\n${id}`;

const pendingOf = ({ tenant, id, insert }: Move): PendingMove => ({
  tenant,
  id,
  newId: insert.id,
  newAnsId: insert.ansId,
});

const without = (
  { pending }: Pick<ReembeddingState, "pending">,
  rows: readonly RowKey[],
): readonly PendingMove[] => {
  const left = new Set(rows.map(keyOf));
  return pending.filter((move) => !left.has(keyOf(move)));
};

const withMoney = (state: ReembeddingState, usd: number, now: number): ReembeddingState => {
  const day = now - state.day.from < DAY_MS ? state.day : { from: now, usd: 0 };
  return { ...state, costUsd: state.costUsd + usd, day: { ...day, usd: day.usd + usd } };
};

// The cache book: one row per question row in the index, with what was learnt about it. It is a fold over the ledger:
// applying the same batches in the same order gives the same rows, and a record seen twice counts once.
import { baselineAfterCall, initialValue, valueAfterUse } from "../policy/cache/cache-value.ts";
import { type Outcome } from "../policy/experience.ts";
import { PRODUCT_WEIGHTS, utility } from "../policy/reward.ts";
import {
  type Entry,
  labelledRows,
  type Observation,
  observationOf,
  readEntry,
  writeEntry,
} from "./entry.ts";
import { alphaOf, evidenceTextOf, reuseOf, toldOf } from "./evidence.ts";
import { type Batch } from "./ledger.ts";
import { addToTotals, type RegionState, type RowKey } from "./region-state.ts";
import { type EntryInsert, type EntryUse, type Label, type Report } from "./report.ts";
import { type SqlStore } from "./rows.ts";
import { SliceBook, type SlicePass } from "./slice-book.ts";
import { DEFAULT_SETTINGS } from "./tenant.ts";

const KEPT_DECISIONS = 16;
const KEPT_OBSERVATIONS = 64;
const MAX_DIRTY = 2_000;
const MAX_TOMBSTONES = 1_000;
/** Until then every isolate has refreshed its copy and the index shows the change. */
export const TOMBSTONE_MS = 600_000;
/** For as long as the index has not been told (index-queue.ts). */
const UNTOLD = Number.MAX_SAFE_INTEGER;
/** A scorer nobody has served by for so long gives way to another. */
const SCORER_GONE_MS = 600_000;
/** Whose word on a decision replaces whose. */
const AUTHORITY: Record<Label["source"], number> = {
  regenerate: 0,
  feedback: 1,
  shadow: 2,
  judge: 2,
  human: 3,
};

const keyOf = ({ tenant, id }: RowKey): string => `${tenant}\n${id}`;
export const isSameRow = (a: RowKey, b: RowKey): boolean => a.id === b.id && a.tenant === b.tenant;

export class CacheBook {
  readonly slices: SliceBook;
  readonly #store: SqlStore;

  constructor(store: SqlStore) {
    this.#store = store;
    this.slices = new SliceBook(store);
  }

  get(key: RowKey): Entry | null {
    return readEntry(this.#store, key);
  }

  /**
   * Applies batches in order; for inside a transaction. Each row touched is written once, whatever happened to it.
   * @returns the state, and what to call when the transaction went through
   */
  apply(
    batches: readonly Batch[],
    state: RegionState,
    now: number,
  ): { readonly state: RegionState; readonly keep: () => void } {
    const slices = this.slices.begin();
    const pass = new Pass(this, this.#store, slices, state);
    for (const batch of batches) pass.apply(batch);
    for (const entry of pass.changed()) writeEntry(this.#store, entry);
    slices.write();
    return {
      state: pass.finish(batches.at(-1)?.seq ?? state.applied, now),
      keep: () => slices.keep(),
    };
  }

  /** What the index is told of a row's labels. */
  evidenceTextOf(entry: Entry, state: RegionState): string | null {
    return evidenceTextOf(entry.observations, this.slices.reading(entry, state));
  }

  /** Deletes rows; returns how many there were. */
  delete(keys: readonly RowKey[]): number {
    let deleted = 0;
    for (const { tenant, id } of keys) {
      deleted += this.#store.exec(
        "DELETE FROM entry WHERE tenant = ? AND id = ? RETURNING id",
        tenant,
        id,
      ).length;
    }
    return deleted;
  }
}

/** One application of a run of batches: reads each row once, keeps changes aside until all are made. */
class Pass {
  readonly #book: CacheBook;
  readonly #store: SqlStore;
  readonly #slices: SlicePass;
  readonly #rows = new Map<string, Entry | null>();
  readonly #written = new Set<string>();
  readonly #dirty = new Map<string, RowKey>();
  #state: RegionState;

  constructor(book: CacheBook, store: SqlStore, slices: SlicePass, state: RegionState) {
    this.#book = book;
    this.#store = store;
    this.#slices = slices;
    this.#state = state;
    for (const key of state.dirty) this.#dirty.set(keyOf(key), key);
  }

  apply(batch: Batch): void {
    const { report, receivedAt } = batch;
    this.#adoptScorer(report, receivedAt);
    const outcomes = new Map(report.outcomes.map((outcome) => [outcome.expId, outcome]));
    for (const insert of report.inserts) this.#insert(insert);
    for (const outcome of report.outcomes) {
      if (outcome.kind !== "MISS" || outcome.result !== "final") continue;
      const baseline = baselineAfterCall(this.#state.baseline, utilityOf(outcome));
      this.#state = { ...this.#state, baseline };
    }
    const users = new Map(report.uses.map((use) => [use.expId, use]));
    this.#slices.count(batch, (expId) => {
      const use = users.get(expId);
      return use ? (this.#get(use)?.lang ?? null) : null;
    });
    for (const use of report.uses) this.#use(use, outcomes.get(use.expId), receivedAt);
    for (const label of report.labels) this.#label(label, receivedAt);
    this.#state = { ...this.#state, totals: addToTotals(this.#state.totals, report) };
  }

  *changed(): Generator<Entry> {
    for (const key of this.#written) {
      const entry = this.#rows.get(key);
      if (entry) yield entry;
    }
  }

  /** What is out of service stays so until the index knows why, and is the first that the index is told of. */
  finish(applied: number, now: number): RegionState {
    const isUntold = (key: RowKey): boolean => this.#dirty.has(keyOf(key));
    const alive = this.#state.tombstones
      .map((other) =>
        isUntold(other) ? other : { ...other, until: Math.min(other.until, now + TOMBSTONE_MS) },
      )
      .filter(({ until }) => until > now);
    const tombstones = newest(alive, MAX_TOMBSTONES, isUntold);
    const stopped = new Set(tombstones.map(keyOf));
    const isStopped = (key: RowKey): boolean => stopped.has(keyOf(key));
    const dirty = newest([...this.#dirty.values()], MAX_DIRTY, isStopped);
    return { ...this.#state, applied, dirty, tombstones };
  }

  #insert(insert: EntryInsert): void {
    const tombstone = this.#state.tombstones.find((other) => isSameRow(other, insert));
    if (tombstone && insert.createdAt <= tombstone.upTo) return;
    const existing = this.#get(insert);
    if (existing && existing.createdAt >= insert.createdAt) return;
    // A newer answer under the same id is another generation: nothing learnt about the old one holds for it. A row that moved
    // into another space keeps its worth; what was learnt of distances there does not hold here.
    const { movedFrom = [] } = insert;
    const former = movedFrom[0] === undefined ? null : this.#get({ ...insert, id: movedFrom[0] });
    this.#set({
      tenant: insert.tenant,
      id: insert.id,
      ansId: insert.ansId,
      lang: insert.lang,
      embedder: insert.embedder ?? "",
      movedFrom,
      createdAt: insert.createdAt,
      expiresAt: insert.expiresAt,
      uses: former?.uses ?? 1,
      lastUsedAt: former?.lastUsedAt ?? insert.createdAt,
      ...(former
        ? { value: former.value, valueN: former.valueN }
        : initialValue(this.#state.meanValue)),
      quarantined: false,
      decisions: [],
      observations: [],
    });
    this.#dirty.delete(keyOf(insert));
    this.#state = {
      ...this.#state,
      entries: this.#state.entries + (existing ? 0 : 1),
      tombstones: this.#state.tombstones.filter((other) => !isSameRow(other, insert)),
      doomed: this.#state.doomed.filter((other) => !isSameRow(other, insert)),
    };
  }

  #use(use: EntryUse, outcome: Outcome | undefined, now: number): void {
    const entry = this.#get(use);
    if (!entry || this.#isDoomed(use) || entry.decisions.includes(use.expId)) return;
    const uses = entry.uses + 1;
    const used = use.utility ?? (outcome && utilityOf(outcome));
    this.#set({
      ...entry,
      uses,
      lastUsedAt: now,
      // Rows of an older release do not say; an answer is only ever served in its own language.
      lang: entry.lang === "und" ? (outcome?.lang ?? entry.lang) : entry.lang,
      decisions: [...entry.decisions, use.expId].slice(-KEPT_DECISIONS),
      ...(used !== undefined && this.#valued(entry, used)),
    });
    // The index keeps a copy of the count on a log scale: telling it of every doubling is enough.
    if ((uses & (uses - 1)) === 0) this.#markDirty(use);
  }

  #label(label: Label, now: number): void {
    this.#noteRows(label);
    const { rowId, distance } = label;
    if (rowId === undefined || distance === undefined) return;
    const key = { tenant: label.tenant, id: rowId };
    const entry = this.#get(key);
    if (!entry || this.#isDoomed(key)) return;
    const earlier = entry.observations.find(([, , , decision]) => decision === label.expId);
    if (earlier && AUTHORITY[earlier[4]] > AUTHORITY[label.source]) return;
    if (earlier && earlier[4] === label.source && earlier[1] === label.correct) return;
    const saidSoBefore = entry.observations.some(
      ([, , , decision, , more]) =>
        more?.by !== undefined && more.by === label.by && decision !== label.expId,
    );
    if (saidSoBefore) return;
    const observation = observationOf(label, distance, this.#slices.stamp(entry));
    const observations = [
      ...entry.observations.filter((other) => other !== earlier),
      observation,
    ].slice(-KEPT_OBSERVATIONS);
    const world = { serving: this.#state, now };
    if (this.#slices.label(entry, observation, earlier, world)) this.#markLabelled(entry);
    const quarantined = isQuarantined(entry.quarantined, label, observations);
    const wrong = label.correct === 0 && earlier?.[1] !== 0;
    this.#set({
      ...entry,
      observations,
      quarantined,
      ...(wrong && this.#valued(entry, utility(PRODUCT_WEIGHTS.wrongQuality, 0))),
    });
    this.#markDirty(key);
    const isOut = quarantined || this.#mustStop({ ...entry, observations }, observation);
    const isBack = label.source === "human" && label.correct === 1;
    if (!isBack && !isOut) return;
    const tombstones = this.#state.tombstones.filter((other) => !isSameRow(other, key));
    if (isOut) tombstones.push({ ...key, upTo: entry.createdAt, until: UNTOLD });
    this.#state = { ...this.#state, tombstones };
  }

  /** Notes made an answer right that would have been wrong, or the other way round: that is what its rows are worth. */
  #noteRows({ tenant, expId, correct, plain, noteRows = [] }: Label): void {
    if (plain === undefined || correct === plain) return;
    const gained =
      (correct - plain) * (PRODUCT_WEIGHTS.acceptedQuality - PRODUCT_WEIGHTS.wrongQuality);
    for (const id of noteRows) {
      const entry = this.#get({ tenant, id });
      if (!entry?.decisions.includes(expId) || this.#isDoomed(entry)) continue;
      this.#set({ ...entry, ...this.#valued(entry, this.#state.baseline.value + gained) });
    }
  }

  /**
   * Whether a hit that an examiner called wrong may not happen again at its distance. The index learns that within a
   * minute or two; isolates must know at once.
   */
  #mustStop(entry: Entry, observation: Observation): boolean {
    const [, correct, , , source, more] = observation;
    if (correct === 1 || AUTHORITY[source] < AUTHORITY.shadow || more?.reuse === "refused")
      return false;
    const reading = this.#slices.reading(entry, this.#state);
    const reuse = reuseOf(toldOf(observation), reading);
    const bound = 1 - (this.#state.coldStart?.deltaHit ?? DEFAULT_SETTINGS.deltaHit);
    return reuse !== null && alphaOf(entry.observations, reading, reuse.distance) < bound;
  }

  /**
   * Isolates that serve by another scorer cannot read what the index has of labelled rows. While two releases serve side by
   * side the one that is there keeps its place: every change forgets what was learnt in its distances.
   */
  #adoptScorer({ scorer }: Report, at: number): void {
    if (scorer === undefined) return;
    const { scorer: before, scorerHeardAt } = this.#state;
    const isOther = scorer.id !== before?.id;
    if (isOther && before !== null && at < scorerHeardAt + SCORER_GONE_MS) return;
    this.#state = { ...this.#state, scorer, scorerHeardAt: at };
    if (isOther) this.#markLabelled(null);
  }

  #markLabelled(slice: Pick<Entry, "tenant" | "lang"> | null): void {
    for (const key of labelledRows(this.#store, slice, MAX_DIRTY)) this.#markDirty(key);
  }

  #valued(entry: Entry, used: number): Pick<Entry, "value" | "valueN"> {
    const next = valueAfterUse(entry, used, this.#state.baseline.value);
    // The mean that new rows start from follows slowly: one popular row must not move it.
    const meanValue = this.#state.meanValue + 0.01 * (next.value - this.#state.meanValue);
    this.#state = { ...this.#state, meanValue };
    return next;
  }

  #markDirty({ tenant, id }: RowKey): void {
    const key = keyOf({ tenant, id });
    this.#dirty.delete(key);
    this.#dirty.set(key, { tenant, id });
  }

  #get(key: RowKey): Entry | null {
    const text = keyOf(key);
    const known = this.#rows.get(text);
    if (known !== undefined) return known;
    const entry = this.#book.get(key);
    this.#rows.set(text, entry);
    return entry;
  }

  /** A row on its way out takes no more changes. */
  #isDoomed(key: RowKey): boolean {
    return this.#state.doomed.some((other) => isSameRow(other, key));
  }

  #set(entry: Entry): void {
    const key = keyOf(entry);
    this.#rows.set(key, entry);
    this.#written.add(key);
  }
}

/** At most so many of a list whose newest are at its end; those that `must` stay come first. */
function newest<T>(list: readonly T[], most: number, must: (item: T) => boolean): readonly T[] {
  const first = list.filter(must).slice(-most);
  const others = list.filter((item) => !must(item));
  return [...first, ...others.slice(others.length - Math.min(others.length, most - first.length))];
}

/** An accepted answer after this outcome's delay; a label that says otherwise follows later. */
const utilityOf = ({ delaySeconds }: Outcome): number =>
  utility(PRODUCT_WEIGHTS.acceptedQuality, delaySeconds);

/** Two users who asked again at once, independently, or one person who looked, take a row out of service. */
function isQuarantined(
  before: boolean,
  label: Label,
  observations: readonly Observation[],
): boolean {
  if (label.source === "human") return label.correct === 0;
  const regenerated = observations.filter(
    ([, correct, , , source]) => source === "regenerate" && correct === 0,
  );
  return before || regenerated.length >= 2;
}

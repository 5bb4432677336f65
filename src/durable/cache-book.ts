// The cache book: one row per question row in the index, with what was learnt about it. It is a fold over the ledger:
// applying the same batches in the same order gives the same rows, and a record seen twice counts once.
import { baselineAfterCall, initialValue, valueAfterUse } from "../policy/cache/cache-value.ts";
import { type Outcome } from "../policy/experience.ts";
import { PRODUCT_WEIGHTS, utility } from "../policy/reward.ts";
import { type Batch } from "./ledger.ts";
import { addToTotals, type RegionState, type RowKey } from "./region-state.ts";
import { type EntryInsert, type EntryUse, type Label } from "./report.ts";
import { type SqlStore } from "./rows.ts";

/** One labelled reuse: distance, 1 = correct, weight, the decision it is about, who says so. */
type Observation = readonly [
  distance: number,
  correct: 0 | 1,
  weight: number,
  decision: string,
  source: Label["source"],
];

export interface Entry extends RowKey {
  readonly ansId: string;
  readonly createdAt: number;
  readonly expiresAt: number;
  /** n_p, from 1 (Eq. 6 wants c^f > 0). */
  readonly uses: number;
  readonly lastUsedAt: number;
  /** How much using the row beats calling the model, in units of U, and how many uses that rests on. */
  readonly value: number;
  readonly valueN: number;
  readonly quarantined: boolean;
  /** The last decisions that used the row: a use is counted once per decision. */
  readonly decisions: readonly string[];
  readonly observations: readonly Observation[];
}

const KEPT_DECISIONS = 16;
const KEPT_OBSERVATIONS = 64;
const MAX_DIRTY = 2_000;
const MAX_TOMBSTONES = 1_000;
/** Until then every isolate has refreshed its copy and the index shows the change. */
export const TOMBSTONE_MS = 600_000;
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
  readonly #store: SqlStore;

  constructor(store: SqlStore) {
    this.#store = store;
  }

  get({ tenant, id }: RowKey): Entry | null {
    const [row] = this.#store.exec<EntryRow>(
      "SELECT * FROM entry WHERE tenant = ? AND id = ?",
      tenant,
      id,
    );
    return row === undefined ? null : entryOf(row);
  }

  /** Applies batches in order; for inside a transaction. Each row touched is written once, whatever happened to it. */
  apply(batches: readonly Batch[], state: RegionState, now: number): RegionState {
    const pass = new Pass(this, state);
    for (const batch of batches) pass.apply(batch);
    for (const entry of pass.changed()) this.#put(entry);
    return pass.finish(batches.at(-1)?.seq ?? state.applied, now);
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

  #put(entry: Entry): void {
    this.#store.exec(
      `INSERT INTO entry (tenant, id, ans_id, created_at, expires_at, uses, last_used_at, value, value_n, quarantined,
         decisions, observations) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT (tenant, id) DO UPDATE SET ans_id = excluded.ans_id, created_at = excluded.created_at,
         expires_at = excluded.expires_at, uses = excluded.uses, last_used_at = excluded.last_used_at,
         value = excluded.value, value_n = excluded.value_n, quarantined = excluded.quarantined,
         decisions = excluded.decisions, observations = excluded.observations`,
      entry.tenant,
      entry.id,
      entry.ansId,
      entry.createdAt,
      entry.expiresAt,
      entry.uses,
      entry.lastUsedAt,
      entry.value,
      entry.valueN,
      entry.quarantined ? 1 : 0,
      JSON.stringify(entry.decisions),
      JSON.stringify(entry.observations),
    );
  }
}

/** One application of a run of batches: reads each row once, keeps changes aside until all are made. */
class Pass {
  readonly #book: CacheBook;
  readonly #rows = new Map<string, Entry | null>();
  readonly #written = new Set<string>();
  readonly #dirty = new Map<string, RowKey>();
  #state: RegionState;

  constructor(book: CacheBook, state: RegionState) {
    this.#book = book;
    this.#state = state;
    for (const key of state.dirty) this.#dirty.set(keyOf(key), key);
  }

  apply({ report, receivedAt }: Batch): void {
    const outcomes = new Map(report.outcomes.map((outcome) => [outcome.expId, outcome]));
    for (const insert of report.inserts) this.#insert(insert);
    for (const outcome of report.outcomes) {
      if (outcome.kind !== "MISS" || outcome.result !== "final") continue;
      const baseline = baselineAfterCall(this.#state.baseline, utilityOf(outcome));
      this.#state = { ...this.#state, baseline };
    }
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

  finish(applied: number, now: number): RegionState {
    return {
      ...this.#state,
      applied,
      dirty: [...this.#dirty.values()].slice(-MAX_DIRTY),
      tombstones: this.#state.tombstones.filter(({ until }) => until > now).slice(-MAX_TOMBSTONES),
    };
  }

  #insert(insert: EntryInsert): void {
    const tombstone = this.#state.tombstones.find((other) => isSameRow(other, insert));
    if (tombstone && insert.createdAt <= tombstone.upTo) return;
    const existing = this.#get(insert);
    if (existing && existing.createdAt >= insert.createdAt) return;
    // A newer answer under the same id is another generation: nothing learnt about the old one holds for it.
    this.#set({
      tenant: insert.tenant,
      id: insert.id,
      ansId: insert.ansId,
      createdAt: insert.createdAt,
      expiresAt: insert.expiresAt,
      uses: 1,
      lastUsedAt: insert.createdAt,
      ...initialValue(this.#state.meanValue),
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
      decisions: [...entry.decisions, use.expId].slice(-KEPT_DECISIONS),
      ...(used !== undefined && this.#valued(entry, used)),
    });
    // The index keeps a copy of the count on a log scale: telling it of every doubling is enough.
    if ((uses & (uses - 1)) === 0) this.#markDirty(use);
  }

  #label(label: Label, now: number): void {
    const { rowId, distance } = label;
    if (rowId === undefined || distance === undefined) return;
    const key = { tenant: label.tenant, id: rowId };
    const entry = this.#get(key);
    if (!entry || this.#isDoomed(key)) return;
    const earlier = entry.observations.find(([, , , decision]) => decision === label.expId);
    if (earlier && AUTHORITY[earlier[4]] > AUTHORITY[label.source]) return;
    if (earlier && earlier[4] === label.source && earlier[1] === label.correct) return;
    const observations = [
      ...entry.observations.filter((other) => other !== earlier),
      [distance, label.correct, label.weight, label.expId, label.source] as const,
    ].slice(-KEPT_OBSERVATIONS);
    const quarantined = isQuarantined(entry.quarantined, label, observations);
    const wrong = label.correct === 0 && earlier?.[1] !== 0;
    this.#set({
      ...entry,
      observations,
      quarantined,
      ...(wrong && this.#valued(entry, utility(PRODUCT_WEIGHTS.wrongQuality, 0))),
    });
    this.#markDirty(key);
    if (quarantined === entry.quarantined) return;
    const tombstones = this.#state.tombstones.filter((other) => !isSameRow(other, key));
    if (quarantined) tombstones.push({ ...key, upTo: entry.createdAt, until: now + TOMBSTONE_MS });
    this.#state = { ...this.#state, tombstones };
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

type EntryRow = {
  tenant: string;
  id: string;
  ans_id: string;
  created_at: number;
  expires_at: number;
  uses: number;
  last_used_at: number;
  value: number;
  value_n: number;
  quarantined: number;
  decisions: string;
  observations: string;
};

const entryOf = (row: EntryRow): Entry => ({
  tenant: row.tenant,
  id: row.id,
  ansId: row.ans_id,
  createdAt: row.created_at,
  expiresAt: row.expires_at,
  uses: row.uses,
  lastUsedAt: row.last_used_at,
  value: row.value,
  valueN: row.value_n,
  quarantined: row.quarantined === 1,
  decisions: JSON.parse(row.decisions) as string[],
  observations: JSON.parse(row.observations) as Observation[],
});

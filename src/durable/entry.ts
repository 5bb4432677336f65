// One row of the cache book, and how it is stored.
import { type RowKey } from "./region-state.ts";
import { type Label } from "./report.ts";
import { type SqlStore } from "./rows.ts";

/** One labelled reuse: distance, 1 = correct, weight, the decision it is about, who says so, and what else is known. */
export type Observation = readonly [
  distance: number,
  correct: 0 | 1,
  weight: number,
  decision: string,
  source: Label["source"],
  more?: ObservationDetail,
];

export interface ObservationDetail extends Pick<
  Label,
  "match" | "scorer" | "reuse" | "samplingProbability" | "by"
> {
  /** Run of the slice's change test in which it came (slice-record.ts); left out: 0. */
  readonly stamp?: number;
}

export interface Entry extends RowKey {
  readonly ansId: string;
  readonly lang: string;
  /** The space of its vector, '' where that is not known. */
  readonly embedder: string;
  /** Ids it had in other spaces, latest first. */
  readonly movedFrom: readonly string[];
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

export function observationOf(label: Label, distance: number, stamp: number): Observation {
  const { match, scorer, reuse, samplingProbability, by } = label;
  const more: ObservationDetail = {
    ...(match !== undefined && scorer !== undefined && { match, scorer }),
    ...(reuse !== undefined && { reuse }),
    ...(samplingProbability !== undefined && { samplingProbability }),
    ...(by !== undefined && { by }),
    ...(stamp > 0 && { stamp }),
  };
  const known = [distance, label.correct, label.weight, label.expId, label.source] as const;
  return Object.keys(more).length > 0 ? [...known, more] : known;
}

export function readEntry(store: SqlStore, { tenant, id }: RowKey): Entry | null {
  const [row] = store.exec<EntryRow>("SELECT * FROM entry WHERE tenant = ? AND id = ?", tenant, id);
  return row === undefined ? null : entryOf(row);
}

export function writeEntry(store: SqlStore, entry: Entry): void {
  store.exec(
    `INSERT INTO entry (tenant, id, ans_id, lang, created_at, expires_at, uses, last_used_at, value, value_n,
       quarantined, decisions, observations, embedder, moved_from)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
     ON CONFLICT (tenant, id) DO UPDATE SET ans_id = excluded.ans_id, lang = excluded.lang,
       created_at = excluded.created_at, expires_at = excluded.expires_at, uses = excluded.uses,
       last_used_at = excluded.last_used_at, value = excluded.value, value_n = excluded.value_n,
       quarantined = excluded.quarantined, decisions = excluded.decisions, observations = excluded.observations,
       embedder = excluded.embedder, moved_from = excluded.moved_from`,
    entry.tenant,
    entry.id,
    entry.ansId,
    entry.lang,
    entry.createdAt,
    entry.expiresAt,
    entry.uses,
    entry.lastUsedAt,
    entry.value,
    entry.valueN,
    entry.quarantined ? 1 : 0,
    JSON.stringify(entry.decisions),
    JSON.stringify(entry.observations),
    entry.embedder,
    entry.movedFrom.join(" "),
  );
}

/** Rows of a slice that any label speaks of; the region tells the index of them when a slice's record changes. */
export function labelledRows(
  store: SqlStore,
  slice: { readonly tenant: string; readonly lang: string } | null,
  most: number,
): readonly RowKey[] {
  return store.exec<{ tenant: string; id: string }>(
    `SELECT tenant, id FROM entry WHERE observations <> '[]' ${slice ? "AND tenant = ? AND lang = ?" : ""}
     ORDER BY last_used_at DESC LIMIT ?`,
    ...(slice ? [slice.tenant, slice.lang] : []),
    most,
  );
}

type EntryRow = {
  tenant: string;
  id: string;
  ans_id: string;
  lang: string;
  embedder: string;
  moved_from: string;
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
  lang: row.lang,
  embedder: row.embedder,
  movedFrom: row.moved_from === "" ? [] : row.moved_from.split(" "),
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

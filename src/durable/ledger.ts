// The ledger: one row per batch that an isolate sent. It is what makes delivery exactly-once: a batch is acknowledged
// only when its row is durable, a second delivery finds the id, and everything else (cache book, index, packs) is
// derived from the rows in order, each keeping a watermark in the state row.
import { type Experience, type Outcome } from "../policy/experience.ts";
import { partsOf } from "./admission.ts";
import { fingerprintOf } from "./fingerprint.ts";
import { type RegionState, type StateRow } from "./region-state.ts";
import { type Label, type Receipt, type Report } from "./report.ts";
import { type SqlStore } from "./rows.ts";

export interface Batch {
  readonly seq: number;
  readonly receivedAt: number;
  readonly report: Report;
  /** Length of its JSON: what it takes to hold it. */
  readonly units: number;
}

/** What one pack holds. Receipts go into an object of their own: the trainer never reads texts. */
export interface PackContent {
  readonly experiences: readonly Experience[];
  readonly outcomes: readonly Outcome[];
  readonly labels: readonly Label[];
  readonly receipts: readonly Receipt[];
}

export interface PackRange {
  readonly first: number;
  readonly last: number;
}

export interface PackLimits {
  /** A pack is written at this many experiences or when its oldest batch is this old. */
  readonly experiences: number;
  readonly ageMs: number;
}

/** A pack is built in memory. */
const MAX_PACK_UNITS = 8_000_000;
/** How long, and how many at most, batch ids are remembered after their rows are gone. */
const REMEMBER_MS = 24 * 3_600_000;
const MAX_REMEMBERED = 500_000;

export class Ledger {
  readonly #store: SqlStore;
  readonly #state: StateRow;
  /** Fingerprints of all batch ids known, and those of packed batches by age. */
  readonly #known = new Set<number>();
  readonly #packed: { readonly until: number; readonly ids: readonly number[] }[] = [];
  #rememberedIds = 0;
  #last: number;

  constructor(state: StateRow, now: number) {
    this.#store = state.store;
    this.#state = state;
    this.#last = state.value.trimmed;
    for (const row of this.#store.exec<{ ids: string; made_at: number }>(
      "SELECT ids, made_at FROM pack WHERE made_at > ? ORDER BY first",
      now - REMEMBER_MS,
    )) {
      this.#remember(row.ids === "" ? [] : row.ids.split(" ").map(fromBase36), row.made_at);
    }
    for (const { seq, id } of this.#store.exec<{ seq: number; id: string }>(
      "SELECT seq, id FROM batch ORDER BY seq",
    )) {
      this.#known.add(fingerprintOf(id));
      this.#last = seq;
    }
  }

  /** Sequence number of the newest batch. */
  get last(): number {
    return this.#last;
  }

  has(batchId: string): boolean {
    return this.#known.has(fingerprintOf(batchId));
  }

  /**
   * Makes a batch durable that is not known yet (`has`): one row, or several where it is too large for one.
   * @returns its rows, and how many records were too large for any row
   */
  append(
    report: Report,
    now: number,
  ): { readonly batches: readonly Batch[]; readonly tooLarge: number } {
    const { parts, tooLarge } = partsOf(report);
    const batches = this.#store.transaction(() =>
      parts.map((part, i) => {
        const seq = this.#last + 1 + i;
        const body = JSON.stringify(part);
        this.#store.exec(
          "INSERT INTO batch (seq, id, received_at, body) VALUES (?, ?, ?, ?)",
          seq,
          report.batchId,
          now,
          body,
        );
        return { seq, receivedAt: now, report: part, units: body.length };
      }),
    );
    this.#last += batches.length;
    this.#known.add(fingerprintOf(report.batchId));
    return { batches, tooLarge };
  }

  /** Batches after a watermark, oldest first. */
  *after(seq: number, upTo = this.#last): Generator<Batch> {
    for (let from = seq; from < upTo;) {
      // One row at a time: bodies are large, and callers stop early.
      const [row] = this.#store.exec<{ seq: number; received_at: number; body: string }>(
        "SELECT seq, received_at, body FROM batch WHERE seq > ? AND seq <= ? ORDER BY seq LIMIT 1",
        from,
        upTo,
      );
      if (row === undefined) return;
      from = row.seq;
      yield {
        seq: row.seq,
        receivedAt: row.received_at,
        report: JSON.parse(row.body) as Report,
        units: row.body.length,
      };
    }
  }

  /** A decision that is not packed yet; the later word where a follower was written down twice. */
  findReceipt(id: string): Receipt | null {
    const rows = this.#store.exec<{ body: string }>(
      "SELECT body FROM batch WHERE instr(body, ?) > 0 ORDER BY seq DESC",
      JSON.stringify(id),
    );
    for (const { body } of rows) {
      const found = (JSON.parse(body) as Report).receipts.findLast((receipt) => receipt.id === id);
      if (found) return found;
    }
    return null;
  }

  /** When the oldest batch outside any pack came in, or null. */
  oldestUnpackedAt(): number | null {
    return (
      this.#store.exec<{ received_at: number }>(
        "SELECT received_at FROM batch WHERE seq > ? ORDER BY seq LIMIT 1",
        this.#state.value.packed,
      )[0]?.received_at ?? null
    );
  }

  /**
   * Begins the next pack, if one is due. Its range is durable before anything is written to R2, so that a crash in
   * between writes the same object again and leaves no second one behind.
   */
  beginPack(
    limits: PackLimits,
    now: number,
  ): { readonly range: PackRange; readonly content: PackContent } | null {
    const { packed, packing, applied } = this.#state.value;
    const batches: Batch[] = [];
    let experiences = 0;
    let units = 0;
    for (const batch of this.after(packed, packing || applied)) {
      batches.push(batch);
      experiences += batch.report.experiences.length;
      units += batch.units;
      if (!packing && (experiences >= limits.experiences || units >= MAX_PACK_UNITS)) break;
    }
    const last = batches.at(-1)?.seq;
    if (last === undefined) return null;
    const full = experiences >= limits.experiences || units >= MAX_PACK_UNITS;
    const old = now - (batches[0]?.receivedAt ?? now) >= limits.ageMs;
    if (!packing && !full && !old) return null;
    if (!packing) this.#state.commit((state) => ({ ...state, packing: last }));
    return { range: { first: packed + 1, last }, content: contentOf(batches) };
  }

  /** Records a pack whose objects are in R2, and deletes the batches that nothing needs any more. */
  finishPack({ first, last }: PackRange, content: PackContent, now: number): void {
    const ids = [
      ...new Set(
        this.#store
          .exec<{ id: string }>(
            "SELECT id FROM batch WHERE seq >= ? AND seq <= ? ORDER BY seq",
            first,
            last,
          )
          .map(({ id }) => fingerprintOf(id)),
      ),
    ];
    const times = content.receipts.map(({ at }) => at);
    this.#state.commit((state) => {
      this.#store.exec(
        `INSERT INTO pack (first, last, ids, experiences, receipts, from_at, to_at, made_at, status)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
        first,
        last,
        ids.map((id) => id.toString(36)).join(" "),
        content.experiences.length,
        content.receipts.length,
        times.reduce((a, b) => Math.min(a, b), times[0] ?? now),
        times.reduce((a, b) => Math.max(a, b), times[0] ?? now),
        now,
        // A pack without anything to learn from is not offered to the trainer.
        content.experiences.length + content.outcomes.length + content.labels.length > 0
          ? "ready"
          : "acked",
      );
      return this.#trimmed({ ...state, packed: last, packing: 0 });
    });
    this.#remember(ids, now);
  }

  /** Deletes the batches that are applied, packed and visible. */
  trim(): void {
    this.#state.commit((state) => this.#trimmed(state));
  }

  #trimmed(state: RegionState): RegionState {
    const trimmed = Math.min(state.applied, state.packed, state.visible);
    if (trimmed <= state.trimmed) return state;
    this.#store.exec("DELETE FROM batch WHERE seq <= ?", trimmed);
    return { ...state, trimmed };
  }

  #remember(ids: readonly number[], madeAt: number): void {
    for (const id of ids) this.#known.add(id);
    this.#packed.push({ until: madeAt + REMEMBER_MS, ids });
    this.#rememberedIds += ids.length;
    let oldest = this.#packed[0];
    while (oldest && (oldest.until <= madeAt || this.#rememberedIds > MAX_REMEMBERED)) {
      this.#packed.shift();
      this.#rememberedIds -= oldest.ids.length;
      for (const id of oldest.ids) this.#known.delete(id);
      oldest = this.#packed[0];
    }
  }
}

const fromBase36 = (text: string): number => Number.parseInt(text, 36);

function withoutComment(label: Label): Label {
  const { comment, ...rest } = label;
  return comment === undefined ? label : rest;
}

function contentOf(batches: readonly Batch[]): PackContent {
  return {
    experiences: batches.flatMap(({ report }) => report.experiences),
    outcomes: batches.flatMap(({ report }) => report.outcomes),
    // A comment is a user's text and teaches the trainer nothing.
    labels: batches.flatMap(({ report }) => report.labels.map(withoutComment)),
    receipts: batches.flatMap(({ report }) => report.receipts),
  };
}

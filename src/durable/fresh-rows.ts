// New rows that the index may not show yet, with their vectors, so that isolates can serve them meanwhile.
import { isSameRow } from "./cache-book.ts";
import { type Batch } from "./ledger.ts";
import { type RowKey, type Tombstone } from "./region-state.ts";
import { type EntryInsert } from "./report.ts";

/** A row with its vector takes about 5 kB. */
const MAX_ROWS = 2_000;
const MAX_REPLY = 64;
/** A cursor is batch * this + position + 1; no batch holds as many rows. */
const CURSOR_STEP = 100_000;

interface FreshRow {
  readonly cursor: number;
  readonly seq: number;
  readonly row: EntryInsert;
}

export class FreshRows {
  #rows: FreshRow[] = [];

  add({ seq, report }: Batch): void {
    for (const [i, row] of report.inserts.entries())
      this.#rows.push({ cursor: seq * CURSOR_STEP + i + 1, seq, row });
    if (this.#rows.length > MAX_ROWS) this.#rows.splice(0, this.#rows.length - MAX_ROWS);
  }

  /**
   * Rows newer than a cursor, oldest first, and the cursor to ask with next.
   * @param last newest batch of the ledger
   */
  after(
    cursor: number,
    last: number,
    tombstones: readonly Tombstone[],
  ): { readonly fresh: readonly EntryInsert[]; readonly freshCursor: number } {
    // A cursor from before this storage existed would hide every row.
    const from = cursor < (last + 1) * CURSOR_STEP ? cursor : 0;
    const rows = this.#rows.filter((fresh) => fresh.cursor > from).slice(0, MAX_REPLY);
    return {
      fresh: rows
        .map(({ row }) => row)
        .filter((row) => !tombstones.some((t) => isSameRow(t, row) && row.createdAt <= t.upTo)),
      freshCursor: rows.at(-1)?.cursor ?? from,
    };
  }

  has(key: RowKey): boolean {
    return this.#rows.some(({ row }) => isSameRow(row, key));
  }

  remove(keys: readonly RowKey[]): void {
    this.#rows = this.#rows.filter(({ row }) => !keys.some((key) => isSameRow(key, row)));
  }

  /** Forgets the rows of batches up to `seq`: the index shows them. */
  settle(seq: number): void {
    this.#rows = this.#rows.filter((fresh) => fresh.seq > seq);
  }
}

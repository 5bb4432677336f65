// An edge database as the paper has it: rows of questions and of answers in memory, found by exact search, with a use count
// and a value each. What a value is and who leaves by it is the policy's own code.
import { type Candidate } from "../../policy/cache/candidate.ts";
import {
  baselineAfterCall,
  initialValue,
  paperValueAfterUse,
  type RowValue,
  valueAfterUse,
} from "../../policy/cache/cache-value.ts";
import { type EvictionLimits, paperRowsToEvict, rowsToEvict } from "../../policy/cache/eviction.ts";
import { NEIGHBOURS } from "../../policy/network/policy.ts";
import { distanceFromCosine } from "../../policy/observation.ts";
import { rowIdOf, type StoredRow } from "./agent-region.ts";
import { type Branch } from "./executed.ts";
import { VectorShelf } from "./vector-shelf.ts";

export interface PaperCacheOptions {
  /** literal: every row below the mean goes (DLRS). watermark: the product's rule. none: nothing ever goes. */
  readonly eviction?: "literal" | "watermark" | "none";
  /** literal: v <- (v + q - d) / 2 (DLRS Eq. 5). relative: the product's, against direct calls. */
  readonly value?: "literal" | "relative";
  /**
   * v of the first rows, as long as there is no mean to start from. The paper only wants it negative. -1 lies between what
   * a right stored answer (-0.6) and a wrong one (-1.3) lead to by Eq. 5, so that uses tell the two apart.
   */
  readonly firstValue?: number;
  /** Only for the watermark: rows held, and how long a new one is safe. */
  readonly capacity?: number;
  readonly graceMs?: number;
}

/** A row and what is known of it. */
export interface PaperRow extends RowValue {
  readonly id: string;
  readonly ansId: string;
  readonly role: 1 | 2;
  readonly useCount: number;
  readonly createdAt: number;
  readonly expiresAt: number;
}

interface Row {
  readonly id: string;
  readonly createdAt: number;
  readonly expiresAt: number;
  readonly stored: StoredRow;
  useCount: number;
  value: number;
  valueN: number;
}

/** As the product's (durable/region-core.ts). */
const CAPACITY = 200_000;
const GRACE_MS = 600_000;

export class PaperRows {
  readonly #options: PaperCacheOptions;
  readonly #onGone: (ansId: string) => void;
  readonly #shelf = new VectorShelf<Row>();
  /** Rows of each answer. */
  readonly #rowsOf = new Map<string, number>();
  #total = 0;
  #baseline: RowValue = initialValue(0);

  /** `onGone` hears of answers that no row leads to any more. */
  constructor(options: PaperCacheOptions, onGone: (ansId: string) => void) {
    this.#options = options;
    this.#onGone = onGone;
  }

  get size(): number {
    return this.#shelf.size;
  }

  /** A copy of everything but the vectors. */
  rows(): readonly PaperRow[] {
    return this.#shelf.rows.map(({ id, stored, useCount, value, valueN, createdAt, expiresAt }) => {
      const { role, ansId } = stored;
      return { id, ansId, role, useCount, value, valueN, createdAt, expiresAt };
    });
  }

  /** The ten nearest, nearest first. @param vector unit vector of the space that rows were put in with */
  nearest(vector: Float32Array): readonly Candidate[] {
    return this.#shelf.nearest(vector, NEIGHBOURS).map(({ row, cosine }) => {
      const { id, stored, useCount, createdAt, expiresAt } = row;
      const { request, role, ansId } = stored;
      const { fp, lang, question } = request;
      const distance = distanceFromCosine(cosine);
      return { id, ansId, role, distance, useCount, fp, lang, question, createdAt, expiresAt };
    });
  }

  /** New rows start from the mean value, so that the literal rule's strict "below the mean" leaves them alone at first. */
  insert(stored: StoredRow): void {
    const { role, ansId, createdAt, expiresAt } = stored;
    const id = rowIdOf(role, ansId);
    this.#delete(id);
    const { size } = this.#shelf;
    const first = this.#options.firstValue ?? (this.#options.value === "relative" ? 0 : -1);
    const start = initialValue(size === 0 ? first : this.#total / size);
    this.#shelf.put({ id, createdAt, expiresAt, stored, useCount: 1, ...start }, stored.vector);
    this.#rowsOf.set(ansId, (this.#rowsOf.get(ansId) ?? 0) + 1);
    this.#total += start.value;
  }

  /** A row's answer was served, or stood first among the notes: its value follows. Rows that have left are no matter. */
  use(id: string, { quality, delaySeconds, utility }: Branch): void {
    const row = this.#shelf.get(id);
    if (row === undefined) return;
    this.#total -= row.value;
    if (this.#options.value === "relative")
      Object.assign(row, valueAfterUse(row, utility, this.#baseline.value));
    else {
      row.value = paperValueAfterUse(row.value, quality, delaySeconds);
      row.valueN++;
    }
    this.#total += row.value;
  }

  /** c^f: one use more. */
  count(id: string): void {
    const row = this.#shelf.get(id);
    if (row !== undefined) row.useCount++;
  }

  /** What the model was worth when it was called without notes. */
  called(utility: number): void {
    this.#baseline = baselineAfterCall(this.#baseline, utility);
  }

  /** How many left. */
  evict(now: number): number {
    const { eviction = "literal", capacity = CAPACITY, graceMs = GRACE_MS } = this.#options;
    const rows = this.#shelf.rows;
    if (eviction === "none" || rows.length === 0) return 0;
    const limits: EvictionLimits = { now, capacity, graceMs };
    const leaving = eviction === "literal" ? paperRowsToEvict(rows) : rowsToEvict(rows, limits);
    for (const id of leaving) this.#delete(id);
    // Sums of differences drift; rows that are all equal must stay so.
    this.#total = this.#shelf.rows.reduce((sum, { value }) => sum + value, 0);
    return leaving.length;
  }

  #delete(id: string): void {
    const row = this.#shelf.get(id);
    if (row === undefined) return;
    this.#total -= row.value;
    this.#shelf.delete(id);
    const { ansId } = row.stored;
    const left = this.#rowsOf.get(ansId)! - 1;
    if (left > 0) this.#rowsOf.set(ansId, left);
    else {
      this.#rowsOf.delete(ansId);
      this.#onGone(ansId);
    }
  }
}

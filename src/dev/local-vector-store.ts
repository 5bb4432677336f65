// The local index: exact search in memory over the rows of one namespace, with SQLite as the durable copy. Vectors lie
// in blobs of 128, so that 10,000 of them load in a fraction of a second and memory grows without copying.
import { DurableObject } from "cloudflare:workers";
import { type StoredVector, type VectorIndexProps } from "./local-vectorize.ts";
import { type DevEnv, devSettings } from "./settings.ts";
import { compileFilter, indexedValues, type Scalar } from "./vector-filter.ts";
import { dot, hashFloats, hashText, mix, norm } from "./vector-math.ts";

type WriteKind = "insert" | "upsert";

/** What a query needs of a row; its metadata stays in SQLite until the row is a match. */
interface Slot {
  readonly id: string;
  readonly namespace: string | null;
  /** Filled by the first query that filters, for the properties that its index declares. */
  indexed?: Readonly<Record<string, Scalar>>;
  readonly norm: number;
  readonly hash: number;
}

const BLOCK_ROWS = 128;

/** The service's default scores are approximate. Assumed here: an error of at most 0.01, and 1 row in 32 not found. */
const APPROXIMATE_ERROR = 0.01;
const MISSED_ROWS_MASK = 31;

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS row (slot INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, namespace TEXT, metadata TEXT);
  CREATE TABLE IF NOT EXISTS block (n INTEGER PRIMARY KEY, data BLOB NOT NULL);
  -- Accepted writes that the index does not show yet; kind "end" closes a mutation.
  CREATE TABLE IF NOT EXISTS pending (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, mutation TEXT NOT NULL, acceptedAt INTEGER NOT NULL, kind TEXT NOT NULL,
    id TEXT, namespace TEXT, metadata TEXT, data BLOB);
  CREATE TABLE IF NOT EXISTS processed (one INTEGER PRIMARY KEY CHECK (one = 1), mutation TEXT, at INTEGER);
`;

type PendingRow = {
  seq: number;
  mutation: string;
  acceptedAt: number;
  kind: "insert" | "upsert" | "remove" | "end";
  id: string;
  namespace: string | null;
  metadata: string | null;
  data: ArrayBuffer | null;
};

export class LocalVectorStore extends DurableObject<DevEnv> {
  readonly #sql: SqlStorage;
  readonly #blocks: Float32Array[] = [];
  readonly #slots: (Slot | undefined)[] = [];
  readonly #free: number[] = [];
  readonly #slotOf = new Map<string, number>();
  readonly #byNamespace = new Map<string | null, Set<number>>();
  /** Whether a slot's `indexed` was made for these properties. */
  #indexedFor = "";
  #hasPending: boolean;

  constructor(ctx: DurableObjectState, env: DevEnv) {
    super(ctx, env);
    this.#sql = ctx.storage.sql;
    this.#sql.exec(SCHEMA);
    this.#load();
    this.#hasPending = this.#sql.exec("SELECT 1 FROM pending LIMIT 1").toArray().length > 0;
  }

  query(
    query: Float32Array,
    options: VectorizeQueryOptions & { topK: number },
    index: VectorIndexProps,
  ): VectorizeMatches {
    this.#applyDue();
    const { topK, namespace, filter, returnValues = false } = options;
    const keep = filter === undefined ? undefined : compileFilter(filter, index.indexed);
    this.#forgetIndexed(JSON.stringify(index.indexed));
    const size = query.length;
    const queryNorm = norm(query, 0, size);
    const queryHash = hashFloats(query);

    const top: { slot: number; score: number }[] = [];
    for (const slot of this.#candidates(namespace)) {
      const row = this.#slots[slot];
      if (row === undefined) continue;
      if (keep !== undefined) {
        row.indexed ??= indexedValues(this.#metadata(slot), index.indexed);
        if (!keep(row.indexed)) continue;
      }
      const block = this.#blocks[Math.floor(slot / BLOCK_ROWS)]!;
      let score = dot(query, block, (slot % BLOCK_ROWS) * size) / (queryNorm * row.norm);
      if (!returnValues) {
        // Depends on the pair alone, so that a repeated query repeats its answer.
        const noise = mix(row.hash ^ queryHash);
        if ((noise & MISSED_ROWS_MASK) === 0) continue;
        score += ((noise >>> 5) / 2 ** 26 - 1) * APPROXIMATE_ERROR;
      }
      if (top.length === topK && score <= top[topK - 1]!.score) continue;
      let at = top.length;
      while (at > 0 && score > top[at - 1]!.score) at--;
      top.splice(at, 0, { slot, score });
      if (top.length > topK) top.pop();
    }
    const matches = top.map(({ slot, score }) => this.#match(slot, score, options, index));
    return { count: matches.length, matches };
  }

  getByIds(ids: readonly string[]): VectorizeVector[] {
    this.#applyDue();
    return ids.flatMap((id) => {
      const slot = this.#slotOf.get(id);
      return slot === undefined ? [] : [this.#vector(slot)];
    });
  }

  describe() {
    this.#applyDue();
    const [last] = this.#sql
      .exec<{ mutation: string; at: number }>("SELECT mutation, at FROM processed")
      .toArray();
    return {
      vectorCount: this.#slotOf.size,
      processedUpToDatetime: new Date(last?.at ?? 0).toISOString(),
      processedUpToMutation: last?.mutation ?? "",
    };
  }

  write(kind: WriteKind, vectors: readonly StoredVector[]): VectorizeAsyncMutation {
    return this.#accept(() => {
      for (const { id, values, namespace, metadata } of vectors) {
        this.#enqueue(kind, id, {
          namespace: namespace ?? null,
          metadata: metadata === undefined ? null : JSON.stringify(metadata),
          data: values.slice().buffer,
        });
      }
    });
  }

  remove(ids: readonly string[]): VectorizeAsyncMutation {
    return this.#accept(() => {
      for (const id of ids) this.#enqueue("remove", id);
    });
  }

  // Writes: durable when accepted, visible when the lag has passed, always in the order of acceptance.

  #mutation = "";

  #accept(enqueue: () => void): VectorizeAsyncMutation {
    this.#mutation = crypto.randomUUID();
    this.ctx.storage.transactionSync(() => {
      enqueue();
      this.#enqueue("end", "");
    });
    this.#hasPending = true;
    this.#applyDue();
    return { mutationId: this.#mutation };
  }

  #enqueue(
    kind: PendingRow["kind"],
    id: string,
    row: Pick<PendingRow, "namespace" | "metadata" | "data"> = {
      namespace: null,
      metadata: null,
      data: null,
    },
  ): void {
    this.#sql.exec(
      "INSERT INTO pending (mutation, acceptedAt, kind, id, namespace, metadata, data) VALUES (?,?,?,?,?,?,?)",
      this.#mutation,
      Date.now(),
      kind,
      id,
      row.namespace,
      row.metadata,
      row.data,
    );
  }

  #applyDue(): void {
    if (!this.#hasPending) return;
    const before = Date.now() - devSettings(this.env).lagMs;
    const due = this.#sql
      .exec<PendingRow>("SELECT * FROM pending WHERE acceptedAt <= ? ORDER BY seq", before)
      .toArray();
    const last = due.at(-1);
    if (last === undefined) return;
    const touched = new Set<number>();
    this.ctx.storage.transactionSync(() => {
      for (const row of due) this.#apply(row, touched);
      for (const n of touched) {
        this.#sql.exec("INSERT OR REPLACE INTO block VALUES (?, ?)", n, this.#blocks[n]!.buffer);
      }
      this.#sql.exec(
        "INSERT OR REPLACE INTO processed VALUES (1, ?, ?)",
        last.mutation,
        Date.now(),
      );
      this.#sql.exec("DELETE FROM pending WHERE seq <= ?", last.seq);
    });
    this.#hasPending = this.#sql.exec("SELECT 1 FROM pending LIMIT 1").toArray().length > 0;
  }

  #apply(row: PendingRow, touched: Set<number>): void {
    const existing = this.#slotOf.get(row.id);
    if (row.kind === "end" || (row.kind === "insert" && existing !== undefined)) return;
    if (existing !== undefined) this.#drop(existing);
    if (row.kind === "remove" || row.data === null) return;

    const values = new Float32Array(row.data);
    const slot = this.#free.pop() ?? this.#slots.length;
    const n = Math.floor(slot / BLOCK_ROWS);
    const block = (this.#blocks[n] ??= new Float32Array(BLOCK_ROWS * values.length));
    block.set(values, (slot % BLOCK_ROWS) * values.length);
    touched.add(n);
    this.#sql.exec(
      "INSERT INTO row VALUES (?, ?, ?, ?)",
      slot,
      row.id,
      row.namespace,
      row.metadata,
    );
    this.#place(slot, row);
  }

  #drop(slot: number): void {
    const row = this.#slots[slot]!;
    this.#sql.exec("DELETE FROM row WHERE slot = ?", slot);
    this.#slotOf.delete(row.id);
    this.#slots[slot] = undefined;
    this.#free.push(slot);
    const peers = this.#byNamespace.get(row.namespace);
    peers?.delete(slot);
    if (peers?.size === 0) this.#byNamespace.delete(row.namespace);
  }

  #place(slot: number, row: Pick<PendingRow, "id" | "namespace">): void {
    const block = this.#blocks[Math.floor(slot / BLOCK_ROWS)]!;
    const size = block.length / BLOCK_ROWS;
    this.#slots[slot] = {
      id: row.id,
      namespace: row.namespace,
      norm: norm(block, (slot % BLOCK_ROWS) * size, size),
      hash: hashText(row.id),
    };
    this.#slotOf.set(row.id, slot);
    let peers = this.#byNamespace.get(row.namespace);
    if (peers === undefined) this.#byNamespace.set(row.namespace, (peers = new Set()));
    peers.add(slot);
  }

  #load(): void {
    for (const { n, data } of this.#sql.exec<{ n: number; data: ArrayBuffer }>(
      "SELECT n, data FROM block ORDER BY n",
    )) {
      this.#blocks[n] = new Float32Array(data);
    }
    for (const row of this.#sql.exec<{
      slot: number;
      id: string;
      namespace: string | null;
    }>("SELECT slot, id, namespace FROM row ORDER BY slot")) {
      while (this.#slots.length < row.slot) this.#free.push(this.#slots.push(undefined) - 1);
      this.#place(row.slot, row);
    }
  }

  // Reads.

  #candidates(namespace: string | undefined): Iterable<number> {
    if (namespace === undefined) return this.#slots.keys();
    return this.#byNamespace.get(namespace) ?? [];
  }

  /** Two bindings may declare different indexes over one store; what was extracted for the other is thrown away. */
  #forgetIndexed(properties: string): void {
    if (this.#indexedFor === properties) return;
    for (const row of this.#slots) delete row?.indexed;
    this.#indexedFor = properties;
  }

  #metadata(slot: number): Record<string, VectorizeVectorMetadata> | undefined {
    const { metadata } = this.#sql
      .exec<{ metadata: string | null }>("SELECT metadata FROM row WHERE slot = ?", slot)
      .one();
    return metadata === null ? undefined : JSON.parse(metadata);
  }

  #vector(slot: number): VectorizeVector {
    const { id, namespace } = this.#slots[slot]!;
    const metadata = this.#metadata(slot);
    return {
      id,
      values: this.#values(slot),
      ...(namespace !== null && { namespace }),
      ...(metadata !== undefined && { metadata }),
    };
  }

  #values(slot: number): Float32Array {
    const block = this.#blocks[Math.floor(slot / BLOCK_ROWS)]!;
    const size = block.length / BLOCK_ROWS;
    const start = (slot % BLOCK_ROWS) * size;
    return block.slice(start, start + size);
  }

  #match(
    slot: number,
    score: number,
    options: VectorizeQueryOptions,
    { indexed }: VectorIndexProps,
  ): VectorizeMatch {
    const { id, namespace } = this.#slots[slot]!;
    const level = options.returnMetadata === true ? "all" : options.returnMetadata || "none";
    const all = level === "none" ? undefined : this.#metadata(slot);
    const metadata = level === "indexed" && all ? { ...indexedValues(all, indexed) } : all;
    return {
      id,
      score,
      ...(namespace !== null && { namespace }),
      ...(options.returnValues === true && { values: this.#values(slot) }),
      ...(metadata !== undefined && { metadata }),
    };
  }
}

// A vector index in memory that is as strict, and as careless, as Vectorize: exact search, upserts that replace whatever
// has the id, and a namespace that is optional on a query, which then searches every tenant's rows.
import { compileFilter, indexedValues } from "../../src/dev/vector-filter.ts";
import { type EntryInsert } from "../../src/durable/report.ts";
import { decodeFloats } from "../../src/policy/half.ts";
import { type VectorQuery } from "../../src/worker/lookup/vectors.ts";

export type RowMetadata = Record<string, string | number | boolean>;

interface Row {
  readonly id: string;
  readonly namespace: string;
  readonly values: Float32Array;
  readonly metadata: RowMetadata;
  readonly indexed: ReturnType<typeof indexedValues>;
}

const INDEXED = { fp: "string", role: "number" } as const;

export class MemoryIndex {
  readonly rows = new Map<string, Row>();
  readonly dimensions: number;
  /** Rows that an upsert took from another tenant, which unique ids must make impossible. */
  takeovers = 0;
  /** A broken index: answers from every namespace whatever it was asked. */
  ignoresNamespaces = false;
  queries = 0;

  constructor(dimensions: number) {
    this.dimensions = dimensions;
  }

  /** The row as the region object writes it; `more` is what only the region knows (use count, evidence). */
  upsert(entry: EntryInsert, more: RowMetadata = {}): void {
    const before = this.rows.get(entry.id);
    if (before !== undefined && before.metadata["t"] !== entry.tenant) this.takeovers++;
    const metadata = {
      t: entry.tenant,
      ansId: entry.ansId,
      role: entry.role,
      fp: entry.fp,
      lang: entry.lang,
      q: entry.question,
      at: entry.createdAt,
      exp: entry.expiresAt,
      n: 1,
      ...more,
    };
    this.rows.set(entry.id, {
      id: entry.id,
      namespace: entry.namespace,
      values: decodeFloats(entry.vector),
      metadata,
      indexed: indexedValues(metadata, INDEXED),
    });
  }

  query(
    ...[vector, options = {}]: Parameters<VectorQuery["query"]>
  ): ReturnType<VectorQuery["query"]> {
    this.queries++;
    const { topK = 5, namespace, filter, returnValues, returnMetadata } = options;
    if (vector.length !== this.dimensions)
      throw new Error(`VECTOR_QUERY_ERROR: ${vector.length} dimensions, not ${this.dimensions}`);
    const most = returnValues === true || returnMetadata === "all" ? 20 : 100;
    if (topK > most) throw new Error(`VECTOR_QUERY_ERROR: topK ${topK} is over ${most}`);
    const passes = compileFilter(filter ?? {}, INDEXED);
    const matches = [];
    for (const row of this.rows.values()) {
      const elsewhere = namespace !== undefined && row.namespace !== namespace;
      if (elsewhere && !this.ignoresNamespaces) continue;
      if (!passes(row.indexed)) continue;
      let score = 0;
      for (let i = 0; i < vector.length; i++) score += row.values[i]! * vector[i]!;
      matches.push({
        id: row.id,
        namespace: row.namespace,
        // Scores are exact only when values are asked for.
        score: returnValues === true ? score : Math.round(score * 20) / 20,
        ...(returnValues === true && { values: Array.from(row.values) }),
        ...(returnMetadata === "all" && { metadata: { ...row.metadata } }),
      });
    }
    const best = matches.toSorted((a, b) => b.score - a.score).slice(0, topK);
    return Promise.resolve({ matches: best, count: best.length });
  }
}

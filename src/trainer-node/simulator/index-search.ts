// The vector index of a simulated world: exact search, and nothing that a region object writes shows late.
import { type IndexedVector, type VectorIndex } from "../../durable/vector-index.ts";
import { VectorShelf } from "./vector-shelf.ts";

export interface Neighbour {
  readonly id: string;
  readonly cosine: number;
  readonly metadata: Readonly<Record<string, unknown>>;
}

type Shelf = VectorShelf<IndexedVector>;

export class ExactIndex implements VectorIndex {
  readonly #toSearchSpace: (embedding: Float32Array) => Float32Array;
  /** Rows of one namespace and fingerprint each. */
  readonly #shelves = new Map<string, Shelf>();
  readonly #places = new Map<string, Shelf>();
  #mutations = 0;

  /** `toSearchSpace` maps stored unit vectors to shorter ones without changing inner products. */
  constructor(toSearchSpace: (embedding: Float32Array) => Float32Array) {
    this.#toSearchSpace = toSearchSpace;
  }

  /** At most `count` rows of the namespace with this fingerprint, closest first; equal ones in no particular order. */
  query(
    vector: Float32Array,
    { namespace, fp, count }: { namespace: string; fp: string; count: number },
  ): readonly Neighbour[] {
    const shelf = this.#shelves.get(keyOf(namespace, fp));
    return (shelf?.nearest(vector, count) ?? []).map(({ row, cosine }) => ({
      id: row.id,
      cosine,
      metadata: row.metadata ?? {},
    }));
  }

  has(id: string): boolean {
    return this.#places.has(id);
  }

  upsert(vectors: IndexedVector[]): Promise<{ mutationId: string }> {
    for (const vector of vectors) this.#put(vector);
    return Promise.resolve({ mutationId: `m${++this.#mutations}` });
  }

  deleteByIds(ids: string[]): Promise<unknown> {
    for (const id of ids) this.#remove(id);
    return Promise.resolve();
  }

  getByIds(ids: string[]): Promise<readonly IndexedVector[]> {
    return Promise.resolve(ids.flatMap((id) => this.#places.get(id)?.get(id) ?? []));
  }

  /** Always up to date. */
  describe(): ReturnType<VectorIndex["describe"]> {
    return Promise.resolve({
      processedUpToMutation: "",
      processedUpToDatetime: new Date(8.64e15).toISOString(),
    });
  }

  #put(row: IndexedVector): void {
    const shelf = this.#shelf(keyOf(row.namespace ?? "", row.metadata?.["fp"]));
    const before = this.#places.get(row.id);
    // Only what was learnt about the row changed.
    if (before === shelf && shelf.get(row.id)?.values === row.values) {
      shelf.replace(row);
      return;
    }
    before?.delete(row.id);
    shelf.put(row, this.#toSearchSpace(Float32Array.from(row.values)));
    this.#places.set(row.id, shelf);
  }

  #remove(id: string): void {
    this.#places.get(id)?.delete(id);
    this.#places.delete(id);
  }

  #shelf(key: string): Shelf {
    let shelf = this.#shelves.get(key);
    if (shelf === undefined) {
      shelf = new VectorShelf();
      this.#shelves.set(key, shelf);
    }
    return shelf;
  }
}

const keyOf = (namespace: string, fp: unknown): string => `${namespace}\u0000${String(fp)}`;

// The vector index of a simulated world: exact search, and nothing that a region object writes shows late.
import { type IndexedVector, type VectorIndex } from "../../durable/vector-index.ts";

export interface Neighbour {
  readonly id: string;
  readonly cosine: number;
  readonly metadata: Readonly<Record<string, unknown>>;
}

/** Rows of one namespace, their vectors side by side. */
interface Shelf {
  vectors: Float32Array;
  readonly rows: IndexedVector[];
  /** Of each row, beside its vector. */
  readonly fps: unknown[];
}

interface Place {
  readonly shelf: Shelf;
  at: number;
}

export class ExactIndex implements VectorIndex {
  /** Of the space searched; known from the first row on. */
  #dimensions = 0;
  readonly #toSearchSpace: (embedding: Float32Array) => Float32Array;
  readonly #shelves = new Map<string, Shelf>();
  readonly #places = new Map<string, Place>();
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
    const shelf = this.#shelves.get(namespace);
    if (shelf === undefined) return [];
    const best: { row: IndexedVector; cosine: number }[] = [];
    let worst = -Infinity;
    const { rows, fps, vectors } = shelf;
    for (let at = 0; at < rows.length; at++) {
      if (fps[at] !== fp) continue;
      const cosine = dot(vectors, at * this.#dimensions, vector, this.#dimensions);
      if (best.length === count && cosine <= worst) continue;
      let place = best.length;
      while (place > 0 && best[place - 1]!.cosine < cosine) place--;
      best.splice(place, 0, { row: rows[at]!, cosine });
      if (best.length > count) best.pop();
      worst = best.at(-1)!.cosine;
    }
    return best.map(({ row, cosine }) => ({ id: row.id, cosine, metadata: row.metadata ?? {} }));
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
    return Promise.resolve(
      ids.flatMap((id) => {
        const place = this.#places.get(id);
        return place === undefined ? [] : place.shelf.rows[place.at]!;
      }),
    );
  }

  /** Always up to date. */
  describe(): ReturnType<VectorIndex["describe"]> {
    return Promise.resolve({
      processedUpToMutation: "",
      processedUpToDatetime: new Date(8.64e15).toISOString(),
    });
  }

  #put(row: IndexedVector): void {
    const before = this.#places.get(row.id);
    if (before !== undefined) {
      const old = before.shelf.rows[before.at]!;
      // Only what was learnt about the row changed.
      if (old.values === row.values) {
        before.shelf.rows[before.at] = row;
        before.shelf.fps[before.at] = row.metadata?.["fp"];
        return;
      }
      this.#remove(row.id);
    }
    const vector = this.#toSearchSpace(Float32Array.from(row.values));
    this.#dimensions = vector.length;
    const shelf = this.#shelf(row.namespace ?? "");
    const at = shelf.rows.length;
    if ((at + 1) * this.#dimensions > shelf.vectors.length) {
      const grown = new Float32Array(2 * shelf.vectors.length);
      grown.set(shelf.vectors);
      shelf.vectors = grown;
    }
    shelf.vectors.set(vector, at * this.#dimensions);
    shelf.rows.push(row);
    shelf.fps.push(row.metadata?.["fp"]);
    this.#places.set(row.id, { shelf, at });
  }

  /** The last row takes the place of the one that leaves. */
  #remove(id: string): void {
    const place = this.#places.get(id);
    if (place === undefined) return;
    const { shelf, at } = place;
    this.#places.delete(id);
    const last = shelf.rows.pop()!;
    const fp = shelf.fps.pop();
    if (last.id === id) return;
    const from = shelf.rows.length * this.#dimensions;
    shelf.vectors.copyWithin(at * this.#dimensions, from, from + this.#dimensions);
    shelf.rows[at] = last;
    shelf.fps[at] = fp;
    this.#places.get(last.id)!.at = at;
  }

  #shelf(namespace: string): Shelf {
    let shelf = this.#shelves.get(namespace);
    if (shelf === undefined) {
      shelf = { vectors: new Float32Array(256 * this.#dimensions), rows: [], fps: [] };
      this.#shelves.set(namespace, shelf);
    }
    return shelf;
  }
}

/** Four sums side by side: the processor need not wait for one addition before the next. */
function dot(rows: Float32Array, offset: number, vector: Float32Array, dimensions: number): number {
  let a = 0;
  let b = 0;
  let c = 0;
  let d = 0;
  let i = 0;
  for (; i + 3 < dimensions; i += 4) {
    a += rows[offset + i]! * vector[i]!;
    b += rows[offset + i + 1]! * vector[i + 1]!;
    c += rows[offset + i + 2]! * vector[i + 2]!;
    d += rows[offset + i + 3]! * vector[i + 3]!;
  }
  for (; i < dimensions; i++) a += rows[offset + i]! * vector[i]!;
  return a + b + (c + d);
}

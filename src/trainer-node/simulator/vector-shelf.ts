// Rows with their vectors side by side in one array: exact search at the speed of a loop over numbers.

export interface Found<Row> {
  readonly row: Row;
  readonly cosine: number;
}

/** Unit vectors of one length, which the first row decides. */
export class VectorShelf<Row extends { readonly id: string }> {
  #vectors = new Float32Array(0);
  #dimensions = 0;
  readonly #rows: Row[] = [];
  readonly #places = new Map<string, number>();
  /** The best so far, closest first; kept between searches. */
  #cosines = new Float64Array(0);
  #best = new Int32Array(0);

  get size(): number {
    return this.#rows.length;
  }

  get rows(): readonly Row[] {
    return this.#rows;
  }

  has(id: string): boolean {
    return this.#places.has(id);
  }

  get(id: string): Row | undefined {
    const at = this.#places.get(id);
    return at === undefined ? undefined : this.#rows[at];
  }

  /** Adds a row, or takes it in place of the one with its id. */
  put(row: Row, vector: Float32Array): void {
    this.delete(row.id);
    this.#dimensions = vector.length;
    const at = this.#rows.length;
    if ((at + 1) * this.#dimensions > this.#vectors.length) {
      const grown = new Float32Array(Math.max(256 * this.#dimensions, 2 * this.#vectors.length));
      grown.set(this.#vectors);
      this.#vectors = grown;
    }
    this.#vectors.set(vector, at * this.#dimensions);
    this.#rows.push(row);
    this.#places.set(row.id, at);
  }

  /** The same vector, another row. */
  replace(row: Row): void {
    const at = this.#places.get(row.id);
    if (at === undefined) throw new Error(`no row ${row.id} to replace`);
    this.#rows[at] = row;
  }

  /** The last row takes the place of the one that leaves. */
  delete(id: string): boolean {
    const at = this.#places.get(id);
    if (at === undefined) return false;
    this.#places.delete(id);
    const last = this.#rows.pop()!;
    if (last.id === id) return true;
    const from = this.#rows.length * this.#dimensions;
    this.#vectors.copyWithin(at * this.#dimensions, from, from + this.#dimensions);
    this.#rows[at] = last;
    this.#places.set(last.id, at);
    return true;
  }

  /** At most `count` rows, closest first; equal ones in no particular order. */
  nearest(vector: Float32Array, count: number): readonly Found<Row>[] {
    if (this.#best.length !== count) {
      this.#cosines = new Float64Array(count);
      this.#best = new Int32Array(count);
    }
    const [cosines, best, vectors] = [this.#cosines, this.#best, this.#vectors];
    const dimensions = this.#dimensions;
    // Widened once, not with every row.
    const asked = Float64Array.from(vector);
    const rows = this.#rows.length;
    let found = 0;
    let worst = -Infinity;
    for (let at = 0; at < rows; at++) {
      const cosine = dot(vectors, at * dimensions, asked, dimensions);
      if (found === count && cosine <= worst) continue;
      let place = found < count ? found++ : count - 1;
      for (; place > 0 && cosines[place - 1]! < cosine; place--) {
        cosines[place] = cosines[place - 1]!;
        best[place] = best[place - 1]!;
      }
      cosines[place] = cosine;
      best[place] = at;
      worst = cosines[found - 1]!;
    }
    return Array.from({ length: found }, (_, i) => ({
      row: this.#rows[best[i]!]!,
      cosine: cosines[i]!,
    }));
  }
}

/** Four sums side by side: the processor need not wait for one addition before the next. */
function dot(rows: Float32Array, offset: number, vector: Float64Array, dimensions: number): number {
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

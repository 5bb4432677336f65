// An inverted file over unit vectors (what Milvus calls IVF_FLAT): k-means lays the space out in lists, a query is compared
// with the vectors of the lists whose centres are nearest to it, and with no others.
import { type Dense, apply } from "../../../policy/network/kernels.ts";
import { Random } from "../../../policy/random.ts";
import { type Found, Nearest, type VectorStore } from "./flat-search.ts";

export interface InvertedFileOptions {
  readonly lists: number;
  readonly seed: number;
  /** Vectors that k-means sees, for each list. */
  readonly samplesPerList?: number;
  readonly iterations?: number;
}

/** Rows whose nearest centres are looked for at a time: they stay in the processor's cache meanwhile. */
const BLOCK_ROWS = 256;

export class InvertedFile {
  readonly #store: VectorStore;
  readonly #centres: Dense;
  /** Row numbers, list after list, ascending in each; list i has those from starts[i] to starts[i + 1]. */
  readonly #rows: Int32Array;
  readonly #starts: Int32Array;

  private constructor(store: VectorStore, centres: Dense, members: Int32Array) {
    this.#store = store;
    this.#centres = centres;
    this.#starts = new Int32Array(this.lists + 1);
    for (const list of members) this.#starts[list + 1]!++;
    for (let i = 0; i < this.lists; i++) this.#starts[i + 1]! += this.#starts[i]!;
    const next = this.#starts.slice();
    this.#rows = new Int32Array(members.length);
    for (const [row, list] of members.entries()) this.#rows[next[list]!++] = row;
  }

  /** Over the rows that the store has now. With fewer rows than lists every row is a list. */
  static build(store: VectorStore, options: InvertedFileOptions): InvertedFile {
    const centres = layerOf(centresOf(store, options), store.dimensions);
    const members = new Int32Array(store.size);
    for (const { first, rows } of store.blocks()) assign(centres, rows, members.subarray(first));
    return new InvertedFile(store, centres, members);
  }

  get lists(): number {
    return this.#centres.outputs;
  }

  /** What is held beside the vectors. */
  get bytes(): number {
    const { w, b } = this.#centres;
    return [w, b, this.#rows, this.#starts].reduce((sum, { byteLength }) => sum + byteLength, 0);
  }

  /** The `count` nearest rows of the `probes` lists whose centres are nearest to the query. */
  search(query: Float32Array, count: number, probes: number): readonly Found[] {
    const scores = new Float32Array(this.lists);
    apply(this.#centres, query, scores, 1);
    const chosen = new Nearest(probes);
    for (const [list, score] of scores.entries()) chosen.offer(list, score);
    const nearest = new Nearest(count);
    const wide = Float64Array.from(query);
    for (const list of chosen.rows) {
      const rows = this.#rows.subarray(this.#starts[list], this.#starts[list + 1]);
      this.#store.scanRows(rows, wide, nearest);
    }
    return nearest.found();
  }
}

/** k-means (Lloyd) on a sample. @returns [lists, dimensions] */
function centresOf(
  store: VectorStore,
  { lists: wanted, seed, samplesPerList = 40, iterations = 6 }: InvertedFileOptions,
): Float32Array {
  const { dimensions, size } = store;
  const random = new Random(seed);
  const chosen = someOf(size, Math.min(size, wanted * samplesPerList), random);
  const sample = new Float32Array(chosen.length * dimensions);
  for (const [i, row] of chosen.entries()) sample.set(store.row(row), i * dimensions);
  const lists = Math.min(wanted, size);
  const centres = sample.slice(0, lists * dimensions);
  const members = new Int32Array(chosen.length);
  for (let iteration = 0; iteration < iterations; iteration++) {
    const layer = layerOf(centres, dimensions);
    for (let at = 0; at < chosen.length; at += BLOCK_ROWS)
      assign(
        layer,
        sample.subarray(at * dimensions, (at + BLOCK_ROWS) * dimensions),
        members.subarray(at),
      );
    moveToMeans(centres, sample, members, random);
  }
  return centres;
}

/** Each centre becomes the mean of its members; one without any starts again at a vector of the sample. */
function moveToMeans(
  centres: Float32Array,
  sample: Float32Array,
  members: Int32Array,
  random: Random,
): void {
  const dimensions = sample.length / members.length;
  const lists = centres.length / dimensions;
  const sums = new Float64Array(centres.length);
  const counts = new Int32Array(lists);
  for (const [i, list] of members.entries()) {
    counts[list]!++;
    for (let k = 0; k < dimensions; k++)
      sums[list * dimensions + k]! += sample[i * dimensions + k]!;
  }
  for (let list = 0; list < lists; list++) {
    const at = list * dimensions;
    if (counts[list] === 0) {
      const from = Math.floor(random.uniform() * members.length) * dimensions;
      centres.set(sample.subarray(from, from + dimensions), at);
    } else for (let k = 0; k < dimensions; k++) centres[at + k] = sums[at + k]! / counts[list]!;
  }
}

/** A layer whose largest output is that of the nearest centre: |x - c|^2 is least where x c - |c|^2 / 2 is most. */
function layerOf(centres: Float32Array, dimensions: number): Dense {
  const outputs = centres.length / dimensions;
  const b = new Float32Array(outputs);
  for (let i = 0; i < centres.length; i++) b[Math.floor(i / dimensions)]! -= centres[i]! ** 2 / 2;
  return { inputs: dimensions, outputs, w: centres, b };
}

/** Writes the number of the nearest centre of each row to `members`. */
function assign(layer: Dense, rows: Float32Array, members: Int32Array): void {
  const { inputs, outputs } = layer;
  const count = rows.length / inputs;
  const scores = new Float32Array(count * outputs);
  apply(layer, rows, scores, count);
  for (let row = 0; row < count; row++) {
    let best = 0;
    for (let i = 1; i < outputs; i++)
      if (scores[row * outputs + i]! > scores[row * outputs + best]!) best = i;
    members[row] = best;
  }
}

/** `count` different numbers below `below`, in random order. */
function someOf(below: number, count: number, random: Random): readonly number[] {
  const all = Int32Array.from({ length: below }, (_, i) => i);
  for (let i = 0; i < count; i++) {
    const other = i + Math.floor(random.uniform() * (below - i));
    [all[i], all[other]] = [all[other]!, all[i]!];
  }
  return [...all.subarray(0, count)];
}

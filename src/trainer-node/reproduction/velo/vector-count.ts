// Table I of VELO: what a query takes, and what the vectors take, against how many are cached. The paper asks Milvus
// (IVF_FLAT, 128 lists, 10 nearest, 768 dimensions, L2) on 3.64 to 11.34 million; its 0.8 s include what lies between a user
// and the database. Here the search alone is timed, in one thread of this process.
import { setImmediate as breathe } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { EMBEDDING_SIZE, NEIGHBOURS } from "../../../policy/network/policy.ts";
import { Random } from "../../../policy/random.ts";
import { quantile } from "../../intervals.ts";
import { LATENT, Shape } from "../../simulator/geometry-space.ts";
import { PARAPHRASE, between } from "../../simulator/geometry-stream.ts";
import { ExactIndex } from "../../simulator/index-search.ts";
import { type Found, VectorStore, exactSearch } from "./flat-search.ts";
import { InvertedFile } from "./inverted-file.ts";

export interface VectorCountOptions {
  /** Vectors cached; each count is measured with the vectors of the one before and more. */
  readonly counts: readonly number[];
  readonly seed: number;
  /** Queries of each kind of search and count; 30 when left out. */
  readonly queries?: number;
  readonly onProgress?: (line: string) => void;
}

/** Seconds of one query or decision, on this machine. */
export interface Delay {
  readonly p50: number;
  readonly p95: number;
  /** Mean of the processor's time in this thread, to about a millisecond in all: does not grow when others are at work. */
  readonly processor: number;
}

export interface VectorCountRow {
  readonly vectors: number;
  readonly queries: number;
  /** Every vector is compared. */
  readonly exact: Delay;
  readonly invertedFile: {
    readonly lists: number;
    /** k-means on a sample and the assignment of every vector. */
    readonly buildSeconds: number;
    /** Of them, what this thread had of a processor. */
    readonly buildProcessorSeconds: number;
    readonly searches: readonly {
      readonly probes: number;
      readonly delay: Delay;
      /** Share of the ten nearest that it finds, mean over the queries. */
      readonly recall: number;
    }[];
  };
  /** The index that the simulator's regions ask, in the same 768 dimensions; null where its second copy would be too large. */
  readonly simulatorIndex: Delay | null;
  readonly bytes: {
    /** Arrays held: vectors, and what the inverted file has beside them. */
    readonly vectors: number;
    readonly invertedFile: number;
    /** 4 (768 N), and 4 (N + 769 lists + lists + 1): row numbers, centres with their offsets, starts. */
    readonly formula: number;
    /** By how much the process's array buffers have grown since before the first vector, garbage collected. */
    readonly process: number;
  };
}

const LISTS = 128;
const PROBES = [1, 8, 16] as const;
/** Every topic has been asked in so many wordings, however many topics there are. */
const WORDINGS = 10;
/** It keeps each vector twice, and three objects beside it. */
const MOST_IN_SIMULATOR = 100_000;
const REGION = "us";
const WARM_UP_MS = 100;

export async function measureVectorCounts(options: VectorCountOptions): Promise<VectorCountRow[]> {
  const { seed, onProgress = () => undefined } = options;
  const counts = options.counts.toSorted((a, b) => a - b);
  const topics = Math.ceil((counts.at(-1) ?? 0) / WORDINGS);
  const world = new Shape({ seed, topics }, new Random(seed));
  const before = arrayBytes();
  const store = new VectorStore(EMBEDDING_SIZE);
  const rows: VectorCountRow[] = [];
  for (const count of counts) {
    // Whoever waits on this thread gets a turn: a size may take a minute.
    await breathe();
    addRows(store, count, world, new Random(seed + count));
    onProgress(`${count} vectors: made`);
    rows.push(await measure(store, queriesOf(world, count, options), options, before));
    onProgress(`${count} vectors: measured`);
  }
  return rows;
}

async function measure(
  store: VectorStore,
  queries: readonly Float32Array[],
  { seed, onProgress }: VectorCountOptions,
  before: number,
): Promise<VectorCountRow> {
  const vectors = store.size;
  const simulatorIndex = vectors > MOST_IN_SIMULATOR ? null : await simulatorDelay(store, queries);
  const start = performance.now();
  const used = process.threadCpuUsage();
  const inverted = InvertedFile.build(store, { lists: LISTS, seed });
  const buildSeconds = (performance.now() - start) / 1000;
  const build = process.threadCpuUsage(used);
  onProgress?.(`${vectors} vectors: inverted file built`);
  const exact = timed(queries, (query) => exactSearch(store, query, NEIGHBOURS));
  const searches = PROBES.map((probes) => {
    const { delay, found } = timed(queries, (query) => inverted.search(query, NEIGHBOURS, probes));
    return { probes, delay, recall: recallOf(found, exact.found) };
  });
  const { lists } = inverted;
  return {
    vectors,
    queries: queries.length,
    exact: exact.delay,
    invertedFile: {
      lists,
      buildSeconds,
      buildProcessorSeconds: (build.user + build.system) / 1e6,
      searches,
    },
    simulatorIndex,
    bytes: {
      vectors: store.bytes,
      invertedFile: inverted.bytes,
      formula: bytesByFormula(vectors, lists),
      process: arrayBytes() - before,
    },
  };
}

/** float32 vectors, int32 row numbers, and per list a centre, its offset and a start. */
export const bytesByFormula = (vectors: number, lists: number): number =>
  4 * (EMBEDDING_SIZE * vectors + vectors + (EMBEDDING_SIZE + 1) * lists + lists + 1);

/** Fills the store up to `count`: row i is a wording of topic i / 10. */
function addRows(store: VectorStore, count: number, world: Shape, random: Random): void {
  store.extend(count - store.size, (block, first) => {
    const rows = block.length / EMBEDDING_SIZE;
    const latents = new Float32Array(rows * LATENT);
    for (let i = 0; i < rows; i++) {
      const index = first + i;
      const topic = Math.floor(index / WORDINGS);
      latents.set(
        world.wording({ topic, index, region: REGION }, between(PARAPHRASE, random)),
        i * LATENT,
      );
    }
    world.embedAll(latents, block);
  });
}

/** New wordings of cached topics. */
function queriesOf(
  world: Shape,
  count: number,
  { seed, queries = 30 }: VectorCountOptions,
): readonly Float32Array[] {
  const random = new Random(seed ^ count);
  return Array.from({ length: queries }, (_, i) => {
    const topic = Math.floor(random.uniform() * (count / WORDINGS));
    const asked = { topic, index: -1 - i, region: REGION };
    return world.embed(world.wording(asked, between(PARAPHRASE, random)));
  });
}

async function simulatorDelay(
  store: VectorStore,
  queries: readonly Float32Array[],
): Promise<Delay> {
  const index = new ExactIndex((embedding) => embedding);
  for (let row = 0; row < store.size; row++) {
    const metadata = { fp: "f" };
    await index.upsert([{ id: `v${row}`, values: store.row(row), namespace: "n", metadata }]);
  }
  const scope = { namespace: "n", fp: "f", count: NEIGHBOURS };
  return timed(queries, (query) => index.query(query, scope)).delay;
}

/** Searches that are not counted come first: the engine compiles a loop several times until it is as fast as it gets. */
function timed<T>(
  queries: readonly Float32Array[],
  search: (query: Float32Array) => T,
): { readonly delay: Delay; readonly found: readonly T[] } {
  const warm = performance.now() + WARM_UP_MS;
  for (let i = 0; performance.now() < warm; i++) search(queries[i % queries.length]!);
  const before = process.threadCpuUsage();
  const seconds: number[] = [];
  const found = queries.map((query) => {
    const start = performance.now();
    const result = search(query);
    seconds.push((performance.now() - start) / 1000);
    return result;
  });
  return { delay: delayOf(seconds, process.threadCpuUsage(before)), found };
}

/** @param used microseconds of the processor for all of them */
export function delayOf(
  seconds: readonly number[],
  used: { readonly user: number; readonly system: number },
): Delay {
  return {
    p50: quantile(seconds, 0.5),
    p95: quantile(seconds, 0.95),
    processor: (used.user + used.system) / 1e6 / seconds.length,
  };
}

/** Share of `exact` that was found. */
export function recallOf(
  found: readonly (readonly Found[])[],
  exact: readonly (readonly Found[])[],
): number {
  let hits = 0;
  for (const [i, list] of exact.entries()) {
    const rows = new Set(found[i]!.map(({ row }) => row));
    for (const { row } of list) if (rows.has(row)) hits++;
  }
  return hits / exact.reduce((sum, { length }) => sum + length, 0);
}

/** Bytes of all array buffers that are in use. */
function arrayBytes(): number {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  // The first may leave arrays to a sweeper in the background, which the second waits for.
  collect();
  collect();
  return process.memoryUsage().arrayBuffers;
}

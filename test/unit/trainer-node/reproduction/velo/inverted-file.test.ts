import { describe, expect, it } from "vitest";
import { Random } from "../../../../../src/policy/random.ts";
import {
  Nearest,
  VectorStore,
  exactSearch,
} from "../../../../../src/trainer-node/reproduction/velo/flat-search.ts";
import { InvertedFile } from "../../../../../src/trainer-node/reproduction/velo/inverted-file.ts";
import { recallOf } from "../../../../../src/trainer-node/reproduction/velo/vector-count.ts";

const SEED = 7;

function unitVector(random: Random, dimensions: number): Float32Array {
  const vector = Float32Array.from({ length: dimensions }, () => random.normal());
  const length = Math.hypot(...vector);
  return vector.map((value) => value / length);
}

function storeOf(vectors: readonly (readonly number[] | Float32Array)[]): VectorStore {
  const dimensions = vectors[0]!.length;
  const store = new VectorStore(dimensions);
  store.extend(vectors.length, (block, first) => {
    for (let i = 0; i * dimensions < block.length; i++)
      block.set(vectors[first + i]!, i * dimensions);
  });
  return store;
}

describe("exact search", () => {
  // Unit vectors of the plane at 0, 90, 180 and 270 degrees and at acos 0.8; the query at 0 degrees.
  const PLANE = [
    [0, 1],
    [1, 0],
    [-1, 0],
    [0.8, 0.6],
    [0, -1],
  ];

  it("finds the nearest of five vectors with their L2 distances", () => {
    const found = exactSearch(storeOf(PLANE), Float32Array.of(1, 0), 3);
    // |(1,0) - (0.8,0.6)|^2 = 0.04 + 0.36 = 0.4; |(1,0) - (0,1)|^2 = 2, as for row 4, which comes later.
    expect(found.map(({ row }) => row)).toEqual([1, 3, 0]);
    expect(found[0]!.distance).toBe(0);
    expect(found[1]!.distance).toBeCloseTo(Math.sqrt(0.4), 6);
    expect(found[2]!.distance).toBeCloseTo(Math.sqrt(2), 6);
  });

  it("gives all there are when there are fewer than asked for", () => {
    const found = exactSearch(storeOf(PLANE), Float32Array.of(1, 0), 10);
    expect(found.map(({ row }) => row)).toEqual([1, 3, 0, 4, 2]);
  });

  it("is what sorting all distances gives, also of an odd number of dimensions and rows added later", () => {
    const random = new Random(SEED);
    const vectors = Array.from({ length: 603 }, () => unitVector(random, 5));
    const store = storeOf(vectors.slice(0, 301));
    store.extend(302, (block, first) => {
      for (let i = 0; i * 5 < block.length; i++) block.set(vectors[first + i]!, i * 5);
    });
    expect(store.size).toBe(603);
    expect(store.bytes).toBe(603 * 5 * 4);
    for (let k = 0; k < 20; k++) {
      const query = unitVector(random, 5);
      const byHand = vectors
        .map((vector, row) => ({
          row,
          distance: Math.hypot(...vector.map((x, i) => x - query[i]!)),
        }))
        .toSorted((a, b) => a.distance - b.distance)
        .slice(0, 10);
      const found = exactSearch(store, query, 10);
      expect(
        found.map(({ row }) => row),
        `seed ${SEED}, query ${k}`,
      ).toEqual(byHand.map(({ row }) => row));
    }
  });
});

describe("the nearest of what is offered", () => {
  it("are the lower numbers among equal ones, in whatever order they come", () => {
    const nearest = new Nearest(2);
    for (const row of [4, 2, 9, 3]) nearest.offer(row, 1);
    expect(nearest.rows).toEqual([2, 3]);
    expect(nearest.least).toBe(1);
  });
});

describe("the inverted file", () => {
  const random = new Random(SEED);
  const centres = Array.from({ length: 60 }, () => unitVector(random, 16));
  const near = (topic: number) => {
    const vector = centres[topic]!.map((value) => value + 0.15 * random.normal());
    const length = Math.hypot(...vector);
    return vector.map((value) => value / length);
  };
  const store = storeOf(Array.from({ length: 900 }, (_, i) => near(i % 60)));
  const queries = Array.from({ length: 40 }, (_, i) => near(i % 60));
  const exact = queries.map((query) => exactSearch(store, query, 10));
  const file = InvertedFile.build(store, { lists: 12, seed: SEED });

  it("that looks into all of its lists finds exactly what exact search finds", () => {
    const found = queries.map((query) => file.search(query, 10, 12));
    expect(found, `seed ${SEED}`).toEqual(exact);
  });

  it("finds more the more lists it looks into", () => {
    const recalls = [1, 2, 4, 12].map((probes) =>
      recallOf(
        queries.map((query) => file.search(query, 10, probes)),
        exact,
      ),
    );
    console.log(`recall at 10 with seed ${SEED}: ${recalls.join(", ")}`);
    expect(recalls).toEqual(recalls.toSorted((a, b) => a - b));
    expect(recalls[0]).toBeLessThan(1);
    // One list of twelve by chance would find a twelfth.
    expect(recalls[0]).toBeGreaterThan(0.3);
    expect(recalls.at(-1)).toBe(1);
  });

  it("is the same again with the same seed", () => {
    const again = InvertedFile.build(store, { lists: 12, seed: SEED });
    for (const query of queries)
      expect(again.search(query, 10, 2)).toEqual(file.search(query, 10, 2));
  });

  it("has a list for every vector when there are no more vectors than lists", () => {
    const few = storeOf([
      [1, 0],
      [0, 1],
      [-1, 0],
    ]);
    const small = InvertedFile.build(few, { lists: 128, seed: SEED });
    expect(small.lists).toBe(3);
    expect(small.search(Float32Array.of(0.6, 0.8), 10, 1).map(({ row }) => row)).toEqual([1]);
  });
});

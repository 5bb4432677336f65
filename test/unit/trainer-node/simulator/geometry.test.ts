import { describe, expect, test } from "vitest";
import { geometrySource } from "../../../../src/trainer-node/simulator/geometry.ts";

const seed = Number(process.env["SEED"] ?? 20_261_121);
console.log(`geometry seed ${seed}`);

const source = geometrySource({ seed, slots: 400, topics: 200 });
const distance = (a: Float32Array, b: Float32Array) =>
  Math.sqrt(a.reduce((sum, x, i) => sum + (x - b[i]!) ** 2, 0));
const mean = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length;

describe("the synthetic geometry", () => {
  test("has the same distances in 64 dimensions as in 768, and finds its way back", () => {
    const [a, b] = [source.requests[0]!, source.requests[7]!];
    const [f, g] = [source.embeddingOf(a), source.embeddingOf(b)];
    expect(f).toHaveLength(768);
    expect(distance(f, new Float32Array(768))).toBeCloseTo(1, 5);
    expect(distance(f, g)).toBeCloseTo(
      distance(source.searchVectorOf(a), source.searchVectorOf(b)),
      5,
    );
    expect(distance(source.toSearchSpace(f), source.searchVectorOf(a))).toBeLessThan(1e-5);
  });

  test("keeps unrelated topics at a cosine of about 0.1 to 0.4, and wordings of a topic near", () => {
    const unrelated: number[] = [];
    const related: number[] = [];
    for (const [i, a] of source.requests.slice(0, 150).entries())
      for (const b of source.requests.slice(i + 1, 150)) {
        const d = distance(source.searchVectorOf(a), source.searchVectorOf(b));
        if (a.group === b.group) related.push(d);
        else unrelated.push(1 - d ** 2 / 2);
      }
    unrelated.sort((a, b) => a - b);
    // Wordings scatter around their topics, which takes a little off 0.25.
    expect(mean(unrelated)).toBeGreaterThan(0.15);
    expect(mean(unrelated)).toBeLessThan(0.3);
    expect(unrelated[Math.floor(0.05 * unrelated.length)]).toBeGreaterThan(0);
    expect(unrelated[Math.floor(0.95 * unrelated.length)]).toBeLessThan(0.45);
    expect(mean(related)).toBeGreaterThan(0.3);
    expect(mean(related)).toBeLessThan(0.6);
  });

  test("calls a stored answer right up to its topic's hidden distance and wrong beyond it", () => {
    const pairs = Map.groupBy(source.requests, ({ group }) => group);
    const thresholds = [...pairs.values()].flatMap(([first, second]) => {
      if (first === undefined || second === undefined) return [];
      const grid = Array.from({ length: 200 }, (_, i) => i / 100);
      const last = grid.findLast((d) => source.isRight(first, second, d));
      return last === undefined ? [] : [last];
    });
    expect(thresholds.length).toBeGreaterThan(50);
    // t ~ N(0.55, 0.15), rounded down to hundredths; five standard errors of 50 values are 0.1.
    expect(mean(thresholds)).toBeGreaterThan(0.44);
    expect(mean(thresholds)).toBeLessThan(0.66);
    const [a, b] = [...pairs.values()].map(([first]) => first!);
    expect(source.isRight(a!, b!, 0)).toBe(false);
  });

  test("gives every agent one request a slot, of its own topics most of the time", () => {
    expect(source.requests).toHaveLength(1200);
    for (let slot = 0; slot < 400; slot++) {
      const some = source.requests.slice(3 * slot, 3 * slot + 3);
      expect(some.map(({ region }) => region)).toEqual(["us", "eu", "asia"]);
      expect(some.every(({ t }) => Math.floor(t / 10) === slot)).toBe(true);
    }
    const known = source.requests.filter(({ kind }) => kind !== "new");
    expect(known.length / 1200).toBeGreaterThan(0.5);
  });
});

import { describe, expect, test } from "vitest";
import { geometrySource, serverNames } from "../../../../src/trainer-node/simulator/geometry.ts";
import { Random } from "../../../../src/policy/random.ts";

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

  test("asks the same with strangers as without, and stores so many of them in every region", () => {
    const strange = geometrySource({ seed, slots: 400, topics: 200, strangers: 50, prefill: 20 });
    expect(strange.requests).toEqual(source.requests);
    for (const request of [source.requests[0]!, source.requests.at(-1)!])
      expect(strange.embeddingOf(request)).toEqual(source.embeddingOf(request));
    const asked = new Set(strange.requests.map(({ group }) => group));
    for (const region of ["us", "eu", "asia"]) {
      const stored = strange.prefill.filter((request) => request.region === region);
      expect(new Set(stored.map(({ group }) => group)).size).toBe(20);
      expect(stored.some(({ group }) => asked.has(group))).toBe(false);
    }
    // A stranger's question is the same wherever it is stored.
    const vectors = Map.groupBy(strange.prefill, ({ group }) => group);
    const twice = [...vectors.values()].filter(({ length }) => length > 1);
    expect(twice.length).toBeGreaterThan(0);
    for (const [a, other] of twice)
      expect(strange.searchVectorOf(a!)).toEqual(strange.searchVectorOf(other!));
  });

  test("has one to six servers, each with a request a slot", () => {
    for (const count of [1, 6]) {
      const world = geometrySource({ seed, slots: 10, topics: 20, regions: serverNames(count) });
      expect(world.requests).toHaveLength(10 * count);
      expect(world.regions).toHaveLength(count);
    }
    expect(() => serverNames(7)).toThrow("1 to 6");
    expect(() => geometrySource({ seed, slots: 1, strangers: 2, prefill: 3 })).toThrow(RangeError);
  });

  test("takes means of quality and delay as options, and may let notes of the same topic help", () => {
    const mean500 = (draw: (random: Random) => number) => {
      const random = new Random(seed);
      return mean(Array.from({ length: 500 }, () => draw(random)));
    };
    const [request, other] = source.requests;
    const notes = (given: typeof source, stored: typeof request) =>
      mean500((random) =>
        given.paperQuality("C", false, random, { request: request!, stored: [stored!] }),
      );
    const world = geometrySource({
      seed,
      slots: 1,
      modelSeconds: 2,
      quality: { wrong: -0.9 },
      notesHelp: "topic",
    });
    const nothing = { request: request!, stored: [] };
    // Standard errors of 500 draws: 0.15 / sqrt 500 = 0.007, and 2 * 0.25 / sqrt 500 = 0.022.
    expect(mean500((random) => world.paperQuality("A", false, random, nothing))).toBeCloseTo(
      -0.9,
      1,
    );
    expect(mean500((random) => source.paperQuality("A", false, random, nothing))).toBeCloseTo(
      -1.2,
      1,
    );
    expect(mean500((random) => world.modelSeconds(request!, random))).toBeCloseTo(2.06, 0);
    expect(notes(source, request)).toBeCloseTo(-0.62, 1);
    expect(notes(world, request)).toBeCloseTo(-0.25, 1);
    expect(notes(world, other)).toBeCloseTo(-0.62, 1);
  });
});

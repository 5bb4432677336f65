import { describe, expect, test } from "vitest";
import {
  type DistanceHistogram,
  distanceKnots,
  quantileOf,
  withDistances,
} from "../../../src/policy/distance-quantiles.ts";
import { buildObservation } from "../../../src/policy/observation.ts";
import { Random } from "../../../src/policy/random.ts";

const seen = (distances: readonly number[], embedder = "e") =>
  distances.map((nearest) => ({ embedder, nearest }));

const times = (count: number, distance: number): readonly number[] =>
  Array.from({ length: count }, () => distance);

const knotsOf = (distances: readonly number[]) =>
  distanceKnots(withDistances(null, seen(distances))!)!;

describe("quantiles of nearest distances", () => {
  test("by hand: half of the requests at 0.5, half at 1", () => {
    const knots = knotsOf([...times(400, 0.5), ...times(400, 1)]);
    expect(knots).toHaveLength(33);
    // Bins are 1/64 wide. F = 0.05 * 0.25 = 0.0125 up to 0.5; the next bin holds 0.475 + 0.05 / 128 = 0.475390625.
    // F = 1/4 lies (0.25 - 0.0125) / 0.475390625 = 0.499589 into it.
    expect(knots[8]).toBeCloseTo(0.5 + 0.499589 / 64, 8);
    // F(1) = 0.475 + 0.05 / 2 = 1/2.
    expect(knots[16]).toBeCloseTo(1, 12);
    expect(quantileOf(knots, 1)).toBeCloseTo(1, 12);
    // Between knots it is linear: halfway from 1/4 to 9/32.
    expect(quantileOf(knots, (knots[8]! + knots[9]!) / 2)).toBeCloseTo(2 * (8.5 / 32), 12);
    expect([quantileOf(knots, 0), quantileOf(knots, 2)]).toEqual([0, 2]);
  });

  test("are exact at the knots: the k-th is at 2 k / 32", () => {
    const knots = knotsOf([...times(300, 0.3), ...times(300, 0.9), ...times(300, 1.3)]);
    for (const [k, knot] of knots.entries()) expect(quantileOf(knots, knot)).toBeCloseTo(k / 16, 9);
  });

  test("rise strictly and stay finite, whatever was seen", () => {
    const seed = 20_261_122;
    const random = new Random(seed);
    console.log(`seed ${seed}`);
    for (let round = 0; round < 50; round++) {
      const centre = 2 * random.uniform();
      const spread = round % 5 === 0 ? 0 : random.uniform();
      const distances = Array.from({ length: 500 }, () =>
        Math.min(2, Math.max(0, centre + spread * random.normal())),
      );
      const knots = knotsOf(distances);
      const quantiles = Array.from({ length: 2_001 }, (_, i) => quantileOf(knots, i / 1_000));
      expect(quantiles.every((q, i) => i === 0 || q > quantiles[i - 1]!)).toBe(true);
      expect([quantiles[0], quantiles.at(-1)]).toEqual([0, 2]);
    }
    const knots = knotsOf(times(500, 0.7));
    expect([NaN, Infinity, -1, 3].map((d) => quantileOf(knots, d))).toEqual([2, 2, 0, 2]);
  });

  test("of two embedders agree where their distances do not", () => {
    const random = new Random(7);
    const near = Array.from({ length: 5_000 }, () => 0.2 + 0.3 * random.uniform());
    // The same rows with an embedder that sees everything three times as far apart.
    const far = near.map((distance) => 3 * distance);
    const [a, b] = [knotsOf(near), knotsOf(far)];
    for (const distance of [0.25, 0.3, 0.4, 0.45])
      expect(Math.abs(quantileOf(a, distance) - quantileOf(b, 3 * distance))).toBeLessThan(0.1);
  });
});

describe("the histogram", () => {
  const total = (histogram: DistanceHistogram | null) =>
    histogram!.counts.reduce((a, b) => a + b, 0);

  test("says nothing before 500 distances", () => {
    expect(distanceKnots(withDistances(null, seen(times(499, 0.5)))!)).toBeNull();
    expect(distanceKnots(withDistances(null, seen(times(500, 0.5)))!)).not.toBeNull();
  });

  test("leaves out requests without a row and distances that are none", () => {
    const odd = [{ embedder: "e" }, ...seen([Number.NaN, -0.1, 2.1, 0, 2])];
    expect(total(withDistances(null, odd))).toBe(2);
    expect(withDistances(null, [{ embedder: "e" }])).toBeNull();
  });

  test("begins anew with another embedder", () => {
    const before = withDistances(null, seen(times(600, 0.5)));
    const after = withDistances(before, [...seen([0.5]), ...seen([0.7, 0.8], "other")]);
    expect(after!.embedder).toBe("other");
    expect(total(after)).toBe(2);
    expect(withDistances(before, [{ embedder: "other" }])).toBe(before);
  });

  test("forgets what was long ago, and survives JSON", () => {
    const full = withDistances(null, seen(times(20_000, 0.5)));
    const kept = JSON.parse(JSON.stringify(full)) as DistanceHistogram;
    expect(total(withDistances(kept, seen([0.5])))).toBe(20_001 / 2);
  });
});

describe("an observation in quantiles", () => {
  const knots = knotsOf([...times(400, 0.5), ...times(400, 1)]);
  const rows = [
    { distance: 0.9, role: 1 as const, useCount: 3 },
    { distance: 0.4, role: 2 as const, useCount: 1 },
  ];

  test("holds nothing of the embedding, quantiles for distances, and types and counts as ever", () => {
    const embedding = new Float32Array(768).fill(0.5);
    const { f, c, omega } = buildObservation(embedding, rows, -1, "product", knots);
    const plain = buildObservation(embedding, rows, -1);
    expect(f).toEqual(new Float32Array(768));
    expect(c[0]).toBeCloseTo(quantileOf(knots, 0.4), 6);
    expect(c[1]).toBeCloseTo(quantileOf(knots, 0.9), 6);
    // A missing row is the farthest on either scale.
    expect([...c.subarray(2, 10)]).toEqual(times(8, 2));
    expect(c.subarray(10)).toEqual(plain.c.subarray(10));
    expect(omega).toBe(-1);
  });
});

import { expect, test } from "vitest";
import {
  buildObservation,
  correlationMatrix,
  cosineFromDistance,
  distanceFromCosine,
} from "../../../src/policy/observation.ts";

test("the distance of unit vectors is sqrt(2 - 2 cos)", () => {
  expect(distanceFromCosine(1)).toBe(0);
  expect(distanceFromCosine(0.5)).toBe(1);
  expect(distanceFromCosine(-1)).toBe(2);
  expect(distanceFromCosine(1 + 1e-7)).toBe(0);
  expect(cosineFromDistance(0.35)).toBeCloseTo(0.93875, 10);
});

test("c holds distances, types and counts of the nearest rows, and far away nothings for the rest", () => {
  const c = correlationMatrix([
    { distance: 0.5, role: 2, useCount: 1 },
    { distance: 0.25, role: 1, useCount: Math.E ** 3 - 1 },
  ]);
  expect(Array.from(c.slice(0, 4))).toEqual([0.25, 0.5, 2, 2]);
  expect(Array.from(c.slice(10, 13))).toEqual([-0.5, 0.5, 0]);
  expect(c[20]).toBeCloseTo(1, 6);
  expect(c[21]).toBeCloseTo(Math.log(2) / 3, 6);
  expect(c[22]).toBe(0);
});

test("paper mode feeds the raw numbers", () => {
  const c = correlationMatrix([{ distance: 0.25, role: 2, useCount: 7 }], "paper");
  expect([c[0], c[10], c[20]]).toEqual([0.25, 2, 7]);
});

test("an eleventh row is left out", () => {
  const rows = Array.from({ length: 11 }, (_, i) => ({
    distance: (11 - i) / 16,
    role: 1 as const,
    useCount: 1,
  }));
  expect(Array.from(correlationMatrix(rows).slice(0, 10))).toEqual(
    Array.from({ length: 10 }, (_, i) => (i + 1) / 16),
  );
});

test("the embedding is fed as fp16 keeps it", () => {
  const { f, omega } = buildObservation(Float32Array.of(0.1), [], -1);
  expect(f[0]).toBe(0.0999755859375);
  expect(omega).toBe(-1);
});

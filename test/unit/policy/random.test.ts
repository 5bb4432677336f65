import { expect, test } from "vitest";
import { Random, lognormalFromQuantiles } from "../../../src/policy/random.ts";

const take = <T>(count: number, next: () => T): T[] => Array.from({ length: count }, next);

// The authors' C reference, compiled with gcc and started from the state 1, 2, 3, 4 (prng.di.unimi.it/xoshiro128starstar.c).
test("gives the numbers of the xoshiro128** reference", () => {
  const random = new Random([1, 2, 3, 4]);
  expect(take(10, () => random.next())).toEqual([
    11520, 0, 5927040, 70819200, 2031721883, 1637235492, 1287239034, 3734860849, 3729100597,
    4258142804,
  ]);
});

// The same C program with the state filled by splitmix32 from the seed 42.
test("fills its state from a number by splitmix32", () => {
  const random = new Random(42);
  expect(take(6, () => random.next())).toEqual([
    2837322924, 544945897, 479756282, 3500138142, 339756180, 113173290,
  ]);
});

test("refuses the state that never changes", () => {
  expect(() => new Random([0, 0, 0, 0])).toThrow(RangeError);
});

test("uniform numbers fill [0, 1) evenly", () => {
  const random = new Random(7);
  const values = take(20_000, () => random.uniform());
  expect(Math.min(...values)).toBeGreaterThanOrEqual(0);
  expect(Math.max(...values)).toBeLessThan(1);
  for (let tenth = 0; tenth < 10; tenth++) {
    const inside = values.filter((v) => Math.floor(v * 10) === tenth).length;
    // 2,000 expected, standard deviation sqrt(20000 * 0.1 * 0.9) = 42.
    expect(Math.abs(inside - 2000)).toBeLessThan(5 * 42);
  }
});

test("normal numbers have mean 0, variance 1 and the tails of a normal", () => {
  const random = new Random(8);
  const values = take(20_000, () => random.normal());
  const mean = values.reduce((a, b) => a + b, 0) / values.length;
  const variance = values.reduce((a, b) => a + (b - mean) ** 2, 0) / values.length;
  expect(Math.abs(mean)).toBeLessThan(5 / Math.sqrt(20_000));
  expect(Math.abs(variance - 1)).toBeLessThan(5 * Math.sqrt(2 / 20_000));
  // P(|Z| > 1.96) = 0.05.
  const beyond = values.filter((v) => Math.abs(v) > 1.96).length / values.length;
  expect(beyond).toBeGreaterThan(0.042);
  expect(beyond).toBeLessThan(0.058);
});

test("a lognormal made from p50 and p99 has these quantiles", () => {
  const delay = lognormalFromQuantiles(2, 12);
  const random = new Random(9);
  const values = take(20_000, () => random.lognormal(delay)).toSorted((a, b) => a - b);
  expect(values[10_000]!).toBeCloseTo(2, 1);
  expect(values[19_800]!).toBeGreaterThan(10.8);
  expect(values[19_800]!).toBeLessThan(13.2);
});

test("a p99 below the median is refused", () => {
  expect(() => lognormalFromQuantiles(2, 1)).toThrow(RangeError);
  expect(() => lognormalFromQuantiles(0, 1)).toThrow(RangeError);
});

import * as fc from "fast-check";
import { expect, test } from "vitest";
import {
  type EvictionRow,
  paperRowsToEvict,
  rowsToEvict,
} from "../../../../src/policy/cache/eviction.ts";
import { property } from "../../worker/property.ts";

const row = (id: string, fields: Partial<EvictionRow> = {}): EvictionRow => ({
  id,
  value: 0,
  valueN: 5,
  createdAt: 0,
  expiresAt: 1e9,
  ...fields,
});
const limits = { now: 1000, capacity: 20, graceMs: 100 };

test("nothing leaves at the high-water mark", () => {
  // 95 % of 20 is 19.
  expect(
    rowsToEvict(
      Array.from({ length: 19 }, (_, i) => row(`${i}`)),
      limits,
    ),
  ).toEqual([]);
});

test("above it the lowest values leave until the low-water mark", () => {
  // 20 rows, 85 % of 20 is 17: three leave.
  const rows = Array.from({ length: 20 }, (_, i) => row(`${i}`, { value: i }));
  expect(rowsToEvict(rows, limits)).toEqual(["0", "1", "2"]);
});

test("among equals the oldest leave first", () => {
  const rows = Array.from({ length: 20 }, (_, i) => row(`${i}`, { createdAt: 20 - i }));
  expect(rowsToEvict(rows, limits)).toEqual(["19", "18", "17"]);
});

test("expired and quarantined rows leave an empty cache too, young or not", () => {
  const rows = [
    row("expired", { expiresAt: 1000, createdAt: 999 }),
    row("bad", { quarantined: true, createdAt: 999 }),
    row("good"),
  ];
  expect(rowsToEvict(rows, limits)).toEqual(["expired", "bad"]);
});

test("untried rows stay between the marks and leave, oldest first, only above the capacity", () => {
  const untried = (count: number) =>
    Array.from({ length: count }, (_, i) => row(`${i}`, { valueN: 1, createdAt: i }));
  expect(rowsToEvict(untried(20), limits)).toEqual([]);
  expect(rowsToEvict(untried(22), limits)).toEqual(["0", "1"]);
});

const anyRow = fc.record({
  value: fc.double({ min: -2, max: 1, noNaN: true }),
  valueN: fc.nat(4),
  createdAt: fc.nat(1000),
  expiresAt: fc.integer({ min: 900, max: 5000 }),
  quarantined: fc.boolean(),
});

test("young rows that may still be served never leave, and an evicted row is never better than a kept tried one", () => {
  void property(
    "eviction",
    300,
    fc.property(fc.array(anyRow, { maxLength: 60 }), (fields) => {
      const rows = fields.map((f, i) => row(`${i}`, f));
      const gone = new Set(rowsToEvict(rows, limits));
      const isDead = (r: EvictionRow) => r.quarantined === true || r.expiresAt <= limits.now;
      const isSettled = (r: EvictionRow) => limits.now - r.createdAt >= limits.graceMs;
      const alive = rows.filter((r) => !isDead(r));
      const young = alive.filter((r) => !isSettled(r));
      expect(young.filter((r) => gone.has(r.id))).toEqual([]);
      expect(rows.filter((r) => isDead(r) && !gone.has(r.id))).toEqual([]);
      const tried = alive.filter((r) => isSettled(r) && r.valueN >= 2);
      const best = Math.max(...tried.filter((r) => gone.has(r.id)).map((r) => r.value));
      expect(tried.filter((r) => !gone.has(r.id) && r.value < best)).toEqual([]);
    }),
  );
});

test("the paper's rule drops every row below the mean", () => {
  const rows = [1, 2, 3, 10].map((value) => row(`${value}`, { value }));
  // The mean is 4.
  expect(paperRowsToEvict(rows)).toEqual(["1", "2", "3"]);
});

test("the paper's rule halves a cache of spread values and keeps one of equal values", () => {
  const spread = Array.from({ length: 100 }, (_, i) => row(`${i}`, { value: i }));
  expect(paperRowsToEvict(spread)).toHaveLength(50);
  const equal = Array.from({ length: 100 }, (_, i) => row(`${i}`, { value: -1 }));
  expect(paperRowsToEvict(equal)).toEqual([]);
});

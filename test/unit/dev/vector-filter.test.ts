import { expect, test } from "vitest";
import { compileFilter, indexedPrefix, indexedValues } from "../../../src/dev/vector-filter.ts";

const INDEXED = { fp: "string", role: "number", "user.name": "string" } as const;

test("cuts a string at 64 bytes, never inside a character", () => {
  expect(indexedPrefix("a".repeat(70))).toBe("a".repeat(64));
  // 63 letters and one of 2 bytes make 65: the last one falls away.
  expect(indexedPrefix(`${"a".repeat(63)}é`)).toBe("a".repeat(63));
  expect(indexedPrefix("é".repeat(32))).toBe("é".repeat(32));
});

test("indexes declared properties of the declared type, nested ones by path", () => {
  const metadata = { fp: "f", role: "not a number", other: 1, user: { name: "n" } };
  expect(indexedValues(metadata, INDEXED)).toEqual({ fp: "f", "user.name": "n" });
});

test("needs every condition to hold", () => {
  const keep = compileFilter({ fp: "f", role: { $gte: 1, $lt: 3 } }, INDEXED);
  expect(keep({ fp: "f", role: 2 })).toBe(true);
  expect(keep({ fp: "f", role: 3 })).toBe(false);
  expect(keep({ fp: "g", role: 2 })).toBe(false);
});

test("a row without the property meets $ne and $nin, and no comparison", () => {
  expect(compileFilter({ role: { $ne: 1 } }, INDEXED)({})).toBe(true);
  expect(compileFilter({ role: { $nin: [1] } }, INDEXED)({})).toBe(true);
  expect(compileFilter({ role: { $lt: 1 } }, INDEXED)({})).toBe(false);
});

test("refuses a property without an index, an unknown operator and an operand of no scalar type", () => {
  expect(() => compileFilter({ lang: "en" }, INDEXED)).toThrow(/lang/);
  expect(() => compileFilter(JSON.parse('{"role":{"$like":1}}'), INDEXED)).toThrow(/\$like/);
  expect(() => compileFilter(JSON.parse('{"role":{"$eq":{}}}'), INDEXED)).toThrow(/compares/);
});

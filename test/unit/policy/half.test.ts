import * as fc from "fast-check";
import { expect, test } from "vitest";
import {
  decodeFloats,
  decodeHalf,
  encodeFloats,
  encodeHalf,
  roundToHalf,
} from "../../../src/policy/half.ts";
import { property } from "../worker/property.ts";

test("rounds to the nearest fp16, ties to even", () => {
  // Between 1 and 2 fp16 has steps of 2^-10; 2048 is the first integer whose successor is missing.
  const values = Float32Array.of(0.1, 1 + 2 ** -11, 1 + 3 * 2 ** -11, 2049, 2051, 65_519, 65_520);
  expect([...roundToHalf(values)]).toEqual([
    0.0999755859375,
    1,
    1 + 2 ** -9,
    2048,
    2052,
    65_504,
    Infinity,
  ]);
});

test("keeps subnormals, signs, infinities and NaN", () => {
  const values = Float32Array.of(2 ** -24, 2 ** -25, 1.5 * 2 ** -24, -0, -Infinity, NaN);
  expect([...roundToHalf(values)]).toEqual([2 ** -24, 0, 2 ** -23, -0, -Infinity, NaN]);
});

test("writes little-endian base64", () => {
  // 1 is 0x3c00, -2 is 0xc000: bytes 00 3c 00 c0.
  expect(encodeHalf(Float32Array.of(1, -2))).toBe(
    Buffer.from("003c00c0", "hex").toString("base64"),
  );
  // 1 is 0x3f800000.
  expect(encodeFloats(Float32Array.of(1))).toBe(Buffer.from("0000803f", "hex").toString("base64"));
});

test("every float32 comes back from base64, and from fp16 as its rounded value", () => {
  void property(
    "base64 of floats",
    200,
    fc.property(fc.float32Array({ maxLength: 20 }), (values) => {
      expect(decodeFloats(encodeFloats(values))).toEqual(values);
      expect(decodeHalf(encodeHalf(values))).toEqual(roundToHalf(values));
    }),
  );
});

test("rounding agrees with the platform's Float16Array where there is one", ({ skip }) => {
  const platform: unknown = Reflect.get(globalThis, "Float16Array");
  if (typeof platform !== "function") skip("this Node has no Float16Array");
  void property(
    "fp16 rounding",
    500,
    fc.property(fc.float32Array({ minLength: 1, maxLength: 20 }), (values) => {
      const there: unknown = Reflect.construct(platform as FunctionConstructor, [values]);
      expect(roundToHalf(values)).toEqual(Float32Array.from(there as ArrayLike<number>));
    }),
  );
});

test("refuses what is not base64 of whole values", () => {
  expect(() => decodeHalf("AAA")).toThrow(RangeError);
  expect(() => decodeHalf("AA==")).toThrow(RangeError);
  expect(() => decodeFloats("AAAA")).toThrow(RangeError);
  expect(() => decodeHalf("A*A=")).toThrow(RangeError);
  expect(decodeHalf("")).toHaveLength(0);
});

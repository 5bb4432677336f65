import { expect } from "vitest";

/** For toEqual: each of these numbers to so many decimals. */
export const near = (values: readonly number[], digits = 6): unknown[] =>
  values.map((value): unknown => expect.closeTo(value, digits));

import { expect, test } from "vitest";
import { limitsInSlice, sliceOf, sliceParts } from "../../../../src/policy/cache/slice.ts";

test("a slice's key gives back tenant and language, whatever the tenant is called", () => {
  for (const tenant of ["t1", "a/b", ""])
    expect(sliceParts(sliceOf(tenant, "en"))).toEqual({ tenant, lang: "en" });
});

test("a slice's reach only ever narrows what rows without labels are served on", () => {
  const limits = {
    coldStartDistance: 0.35,
    coldStartMatch: 0.3,
    deltaHit: 0.02,
    deltaRequest: 0.01,
  };
  expect(limitsInSlice(limits, { examine: 0.05 })).toBe(limits);
  expect(limitsInSlice(limits, { examine: 0.05, reach: 0.1 })).toMatchObject({
    coldStartDistance: 0.1,
    coldStartMatch: 0.1,
  });
  expect(limitsInSlice(limits, { examine: 0.05, reach: 0.9 })).toMatchObject(limits);
  // Nowhere: no distance is -1 or less.
  expect(limitsInSlice(limits, { examine: 0.05, reach: -1 }).coldStartMatch).toBe(-1);
});

import { expect, test } from "vitest";
import { policyFor } from "../../../src/worker/choose-policy.ts";

const ONE = { embedder: "one", input: "embedding" } as const;
const ANY = { embedder: "*", input: "quantiles" } as const;
const WRONG = { embedder: "*", input: "embedding" } as const;

test("an embedder gets the policy that was trained for it, else the one for any, and never another embedder's", () => {
  expect(policyFor("one", [ANY, ONE])).toBe(ONE);
  expect(policyFor("two", [ONE, ANY])).toBe(ANY);
  expect(policyFor("two", [ONE])).toBeNull();
  // Raw vectors mean nothing to a policy that was trained for any embedder.
  expect(policyFor("two", [WRONG])).toBeNull();
});

import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { eligibilityDocument } from "../../../scripts/eligibility-doc.ts";
import { FIELDS } from "../../../src/worker/lookup/eligibility.ts";

test("docs/eligibility.md is what the code says; `node scripts/eligibility-doc.ts` writes it", () => {
  const written = readFileSync(new URL("../../../docs/eligibility.md", import.meta.url), "utf8");
  expect(written).toBe(eligibilityDocument());
});

test("the document names every field with its rule and why", () => {
  const lines = eligibilityDocument().split("\n");
  const missing = Object.entries(FIELDS).filter(
    ([field, { why }]) =>
      !lines.some((line) => line.startsWith(`| \`${field}\` |`) && line.endsWith(`| ${why} |`)),
  );
  expect(missing).toEqual([]);
});

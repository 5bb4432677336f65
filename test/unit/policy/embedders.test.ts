import { expect, test } from "vitest";
import { embedderProfile } from "../../../src/policy/embedders.ts";

test("each embedder has its own thresholds; an unknown one gets the cautious ones", () => {
  expect(embedderProfile("velo/subword-768").coldStartDistance).toBeGreaterThan(
    embedderProfile("@cf/google/embeddinggemma-300m").coldStartDistance,
  );
  expect(embedderProfile("@cf/baai/bge-m3").dimensions).toBe(1024);
  expect(embedderProfile("someone/else", 512)).toMatchObject({
    id: "someone/else",
    dimensions: 512,
    coldStartDistance: 0.35,
  });
});

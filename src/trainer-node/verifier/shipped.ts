// The scorer that lies in data/verifier, for what runs outside the Worker.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { unpackEmbedder } from "../../policy/embedding/packed-embedder.ts";
import { type PairScorer, unpackScorer } from "../../policy/verifier/pair-scorer.ts";

const DATA = join(import.meta.dirname, "../../../data");

let shipped: PairScorer | undefined;

/** One scorer for the process: it remembers what it has read. Throws when a file is missing or damaged. */
export function shippedScorer(): PairScorer {
  if (shipped === undefined) {
    const embedder = unpackEmbedder(readFileSync(join(DATA, "embedders/subword-768.bin")));
    shipped = unpackScorer(readFileSync(join(DATA, "verifier/pairs.bin")), (text) =>
      embedder.embed(text),
    );
  }
  return shipped;
}

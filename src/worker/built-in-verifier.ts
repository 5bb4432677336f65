// The pair scorer that the gateway brings along. It reads words by the built-in embedder whatever embedder the index has.
// oxlint-disable-next-line typescript/triple-slash-reference
/// <reference path="./modules.d.ts" />
import scorerFile from "../../data/verifier/pairs.bin";
import { type Embed } from "../policy/verifier/pair-reading.ts";
import { type PairScorer } from "../policy/verifier/pair-scorer.ts";
import { builtInEmbedder } from "./built-in-embedder.ts";
import { openScorer } from "./open-scorer.ts";

let scorer: PairScorer | null | undefined;

/**
 * Unpacked when first asked for, once for the isolate. Damaged files mean no scorer: semantic hits fall back to the rule on
 * raw distance, and `onFailure` is told.
 */
export function builtInScorer(onFailure: () => void): PairScorer | null {
  if (scorer === undefined) scorer = openScorer(scorerFile, wordVectors, onFailure);
  return scorer;
}

function wordVectors(): Embed {
  const embedder = builtInEmbedder();
  return (text) => embedder.embed(text);
}

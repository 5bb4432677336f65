// The pair scorer that the gateway brings along. It reads words by the built-in embedder whatever embedder the index has.
// oxlint-disable-next-line typescript/triple-slash-reference
/// <reference path="./modules.d.ts" />
import scorerFile from "../../data/verifier/pairs.bin";
import { type PairScorer, unpackScorer } from "../policy/verifier/pair-scorer.ts";
import { builtInEmbedder } from "./built-in-embedder.ts";

let scorer: PairScorer | null | undefined;

/**
 * Unpacked when first asked for, once for the isolate. Damaged files mean no scorer: semantic hits fall back to the rule on
 * raw distance, and `onFailure` is told.
 */
export function builtInScorer(onFailure: () => void): PairScorer | null {
  if (scorer === undefined) scorer = openScorer(scorerFile, onFailure);
  return scorer;
}

function openScorer(scorerBytes: ArrayBuffer, onFailure: () => void): PairScorer | null {
  try {
    const embedder = builtInEmbedder();
    return unpackScorer(new Uint8Array(scorerBytes), (text) => embedder.embed(text));
  } catch {
    onFailure();
    return null;
  }
}

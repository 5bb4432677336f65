// A pair scorer from a file's bytes; damaged ones cost the scorer, never a request.
import { type Embed } from "../policy/verifier/pair-reading.ts";
import { type PairScorer, unpackScorer } from "../policy/verifier/pair-scorer.ts";

/** @param openEmbedder gives what turns single words into vectors; it may throw, as damaged bytes do */
export function openScorer(
  bytes: ArrayBuffer,
  openEmbedder: () => Embed,
  onFailure: () => void,
): PairScorer | null {
  try {
    return unpackScorer(new Uint8Array(bytes), openEmbedder());
  } catch {
    onFailure();
    return null;
  }
}

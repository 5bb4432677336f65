// The scorer that lies in data/verifier, for what runs outside the Worker.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { unpackEmbedder } from "../../policy/embedding/packed-embedder.ts";
import {
  type PairScorer,
  type PairVerdict,
  unpackScorer,
} from "../../policy/verifier/pair-scorer.ts";

const DATA = join(import.meta.dirname, "../../../data");

let shipped: PairScorer | undefined;

/** One scorer for the process: it remembers what it has read. Throws when a file is missing or damaged. */
export function shippedScorer(): PairScorer {
  if (shipped === undefined) {
    const embedder = unpackEmbedder(readFileSync(join(DATA, "embedders/subword-768.bin")));
    const bytes = readFileSync(join(DATA, "verifier/pairs.bin"));
    shipped = unpackScorer(bytes, (text) => embedder.embed(text));
  }
  return shipped;
}

/** Verdicts remembered: a simulated world asks for the same pair several times, to compare what could have been. */
const MAX_VERDICTS = 20_000;

export function remembering(scorer: PairScorer): PairScorer {
  const verdicts = new Map<string, PairVerdict>();
  return {
    id: scorer.id,
    score(request, stored, cosine) {
      const key = `${cosine}\u0000${request.text}\u0000${stored.text}`;
      const known = verdicts.get(key);
      if (known !== undefined) return known;
      const verdict = scorer.score(request, stored, cosine);
      if (verdicts.size >= MAX_VERDICTS) verdicts.delete(verdicts.keys().next().value!);
      verdicts.set(key, verdict);
      return verdict;
    },
    coldStartMatch: (embedder) => scorer.coldStartMatch(embedder),
    knowsCosine: (embedder) => scorer.knowsCosine(embedder),
  };
}

// Labelled pairs through every method.
import { comparePairs } from "../../src/trainer-node/evaluation/compare-pairs.ts";
import {
  type EvaluatedPair,
  groupPairs,
  halfOfPairs,
} from "../../src/trainer-node/evaluation/labelled-pairs.ts";
import { readNearMisses, readPairs } from "../../src/trainer-node/evaluation/pair-files.ts";
import {
  cosineBy,
  cosineMethod,
  gatewayMethod,
  gptCacheDefaults,
  learningGatewayMethod,
  perEntryCosine,
  redisVlDefaults,
  tfIdfMethod,
} from "../../src/trainer-node/evaluation/pair-methods.ts";
import { openEmbedder } from "./built-in.ts";
import { currentCommit, progressBar } from "../replay/progress.ts";
import { type PairsOptions, UsageError } from "./options.ts";
import { type PairsFigures } from "./pairs-table.ts";

/** Throws InputError, also where a half lacks one kind of pair. */
export async function evaluatePairs(options: PairsOptions): Promise<PairsFigures> {
  const begin = performance.now();
  const pairs = groupPairs(await pairsOf(options));
  const calibration = halfOfPairs(pairs, "calibration");
  const { profile: embedder, embed } = await openEmbedder(options.embedder);
  const cosine = cosineBy(embed);
  const onProgress = progressBar("", 500);
  const report = comparePairs({
    pairs,
    levels: options.levels,
    resamples: options.resamples,
    methods: [
      gatewayMethod({ cosine, embedder }),
      learningGatewayMethod({ cosine, embedder }),
      cosineMethod(cosine),
      tfIdfMethod(calibration.pairs.flatMap(({ a, b }) => [a, b])),
      perEntryCosine(cosine),
      gptCacheDefaults(cosine),
      redisVlDefaults(cosine),
    ],
    ...(onProgress && { onProgress }),
  });
  return {
    source: options.input.kind === "adversarial" ? "the adversarial suite" : options.input.file,
    embedder: embedder.id,
    verifier: null,
    commit: currentCommit(),
    seconds: (performance.now() - begin) / 1000,
    ...report,
  };
}

async function pairsOf({ input, fields }: PairsOptions): Promise<EvaluatedPair[]> {
  if (input.kind === "near-miss") return await readNearMisses(input.file);
  if (input.kind === "file") return await readPairs(input.file, fields);
  throw new UsageError("the adversarial suite is not part of this checkout");
}

// Labelled pairs through every method.
import { resolve } from "node:path";
import { type PairScorer, scorerOf } from "../../src/policy/verifier/pair-scorer.ts";
import { loadAdversarial } from "../../src/trainer-node/evaluation/adversarial.ts";
import { comparePairs } from "../../src/trainer-node/evaluation/compare-pairs.ts";
import {
  type EvaluatedPair,
  type GroupedPairs,
  groupPairs,
  halfOfPairs,
  thresholdPart,
  trainingPart,
} from "../../src/trainer-node/evaluation/labelled-pairs.ts";
import { readNearMisses, readPairs } from "../../src/trainer-node/evaluation/pair-files.ts";
import {
  cosineBy,
  cosineMethod,
  gatewayDistance,
  gatewayMethod,
  gptCacheDefaults,
  learningGatewayMethod,
  perEntryCosine,
  redisVlDefaults,
  tfIdfMethod,
  verifierMethod,
} from "../../src/trainer-node/evaluation/pair-methods.ts";
import { loadParaphrases } from "../../src/trainer-node/paraphrases.ts";
import { shippedScorer } from "../../src/trainer-node/verifier/shipped.ts";
import { trainScorer } from "../../src/trainer-node/verifier/train-scorer.ts";
import { currentCommit, progressBar } from "../replay/progress.ts";
import { type OpenEmbedder, openEmbedder } from "./built-in.ts";
import { type PairsOptions } from "./options.ts";
import { type PairsFigures } from "./pairs-table.ts";

/** Throws InputError, also where a half lacks one kind of pair. */
export async function evaluatePairs(options: PairsOptions): Promise<PairsFigures> {
  const begin = performance.now();
  const pairs = groupPairs(await pairsOf(options));
  const embedder = await openEmbedder(options.embedder);
  const training = await trainingPairs(options, pairs);
  const scorer =
    options.verifier === "none"
      ? null
      : training === null
        ? shippedScorer()
        : trained(training, embedder);
  // A scorer is sure of what it was trained on: thresholds come from what it has not seen.
  const half = halfOfPairs(pairs, "calibration");
  const calibration = isOwnFile(options) ? thresholdPart(half) : half;
  const { profile, embed } = embedder;
  const cosine = cosineBy(embed);
  const gateway = { cosine, embedder: profile, scorer };
  const distanceOf = gatewayDistance(gateway);
  const onProgress = progressBar("", 500);
  const report = comparePairs({
    calibration,
    measured: halfOfPairs(pairs, "measured"),
    levels: options.levels,
    resamples: options.resamples,
    methods: [
      gatewayMethod(gateway, distanceOf),
      learningGatewayMethod(distanceOf),
      ...(scorer === null ? [] : [verifierMethod(scorer, gateway)]),
      cosineMethod(cosine),
      tfIdfMethod(half.pairs.flatMap(({ a, b }) => [a, b])),
      perEntryCosine(cosine),
      gptCacheDefaults(cosine),
      redisVlDefaults(cosine),
    ],
    ...(onProgress && { onProgress }),
  });
  return {
    source: options.input.kind === "adversarial" ? "the adversarial suite" : options.input.file,
    embedder: profile.id,
    verifier:
      scorer === null
        ? null
        : training === null
          ? scorer.id
          : `trained on ${training.pairs.length} pairs of ${options.trainOn!}`,
    commit: currentCommit(),
    seconds: (performance.now() - begin) / 1000,
    ...report,
  };
}

async function pairsOf({ input, fields }: PairsOptions): Promise<EvaluatedPair[]> {
  if (input.kind === "near-miss") return await readNearMisses(input.file);
  if (input.kind === "file") return await readPairs(input.file, fields);
  return loadAdversarial().map(({ id, group, lang, a, b, same, category }) => ({
    id,
    group,
    lang,
    // There the base comes first; here the one that is asked.
    a: b,
    b: a,
    same,
    category,
  }));
}

const isOwnFile = ({ input, trainOn }: PairsOptions): boolean =>
  trainOn !== undefined && input.kind !== "adversarial" && resolve(trainOn) === resolve(input.file);

async function trainingPairs(
  options: PairsOptions,
  pairs: GroupedPairs,
): Promise<GroupedPairs | null> {
  if (options.trainOn === undefined) return null;
  if (isOwnFile(options)) return trainingPart(halfOfPairs(pairs, "calibration"));
  return groupPairs(await readPairs(options.trainOn, options.fields));
}

function trained(
  { pairs, components }: GroupedPairs,
  { profile, embed }: OpenEmbedder,
): PairScorer {
  const labelled = pairs.flatMap(({ id, a, b, same }, i) =>
    same === null ? [] : { id, a, b, same, group: components[i]! },
  );
  const model = trainScorer(labelled, {
    embed,
    embedder: profile.id,
    wordLists: loadParaphrases().synonyms,
    id: "trained here",
  });
  return scorerOf(model, embed);
}

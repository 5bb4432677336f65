// npm run train -- verifier --out DIR: learns the pair scorer from text written for this project and sets its thresholds.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { unpackEmbedder } from "../../src/policy/embedding/packed-embedder.ts";
import {
  type ScorerModel,
  packScorer,
  unpackModel,
} from "../../src/policy/verifier/packed-scorer.ts";
import { type Embed } from "../../src/policy/verifier/pair-reading.ts";
import { scorerOf } from "../../src/policy/verifier/pair-scorer.ts";
import { loadParaphrases } from "../../src/trainer-node/paraphrases.ts";
import { loadBundled, onlyHalf } from "../../src/trainer-node/simulator/groups.ts";
import { paraphrasePairs, workloadPairs } from "../../src/trainer-node/verifier/pairs.ts";
import { coldStartMatch, outcomeOf } from "../../src/trainer-node/verifier/cold-start.ts";
import { adversarialPairs, nearMissPairs } from "../../src/trainer-node/verifier/traps.ts";
import { trainScorer } from "../../src/trainer-node/verifier/train-scorer.ts";
import { readFlags, refuse } from "../local/flags.ts";

const USAGE = `usage: npm run train -- verifier --out DIR [options]
  --out DIR    pairs.bin goes there
  --seed S     replays the whole run (1)
  --data DIR   a data directory, whose near misses help to set the thresholds
  --from FILE  sets only the thresholds of a trained scorer anew, as after a change of a guard
  --embedder F the packed embedder (data/embedders/subword-768.bin)`;

export async function trainVerifierFromFlags(): Promise<void> {
  const options = readFlags(USAGE, {
    out: { type: "string" },
    seed: { type: "string", default: "1" },
    data: { type: "string" },
    from: { type: "string" },
    embedder: {
      type: "string",
      default: join(import.meta.dirname, "../../data/embedders/subword-768.bin"),
    },
  });
  const { out } = options;
  if (out === undefined) refuse("--out is needed", USAGE);
  const seed = Number(options.seed);
  if (!Number.isSafeInteger(seed) || seed < 0) refuse("--seed needs a whole number", USAGE);
  const started = performance.now();
  const say = (line: string): void =>
    console.log(`${((performance.now() - started) / 1000).toFixed(1)} s  ${line}`);
  const embedder = unpackEmbedder(readFileSync(options.embedder));
  const vectors = new Map<string, Float32Array>();
  const embed = (text: string): Float32Array => {
    const vector = vectors.get(text) ?? embedder.embed(text);
    vectors.set(text, vector);
    return vector;
  };
  const learnt =
    options.from === undefined
      ? learn(embedder.id, embed, seed, say)
      : unpackModel(readFileSync(options.from));
  const model = { ...learnt, coldStart: await coldStarts(learnt, embed, options.data) };
  say(`tau_0: ${JSON.stringify(model.coldStart)}`);
  mkdirSync(out, { recursive: true });
  const file = join(out, "pairs.bin");
  const bytes = packScorer(model);
  writeFileSync(file, bytes);
  say(`${file}: ${bytes.length} bytes`);
}

function learn(
  embedder: string,
  embed: Embed,
  seed: number,
  say: (line: string) => void,
): ScorerModel {
  const texts = loadParaphrases();
  const pairs = [
    ...paraphrasePairs(texts, "training", { embed, seed }),
    ...workloadPairs(onlyHalf(loadBundled(), "calibration")),
  ];
  return trainScorer(pairs, {
    embed,
    embedder,
    wordLists: texts.synonyms,
    seed,
    shapes: false,
    say,
  });
}

/** With the cosine of the scorer's own embedder, and without any. */
async function coldStarts(
  model: ScorerModel,
  embed: Embed,
  data: string | undefined,
): Promise<ScorerModel["coldStart"]> {
  const scorer = scorerOf(model, embed);
  const sets = [
    adversarialPairs("calibration"),
    data === undefined ? [] : await nearMissPairs(data, "calibration"),
  ].map((pairs) => pairs.filter(({ same }) => !same));
  const limit = (cosines: Embed | null): number =>
    coldStartMatch(sets.map((traps) => traps.map((trap) => outcomeOf(trap, scorer, cosines))));
  return { [model.embedder]: limit(embed), "*": limit(null) };
}

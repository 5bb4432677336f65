// npm run train -- verifier --out DIR: learns the pair scorer from text written for this project and sets its thresholds.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { unpackEmbedder } from "../../src/policy/embedding/packed-embedder.ts";
import { packScorer } from "../../src/policy/verifier/packed-scorer.ts";
import { loadParaphrases } from "../../src/trainer-node/paraphrases.ts";
import { loadBundled, onlyHalf } from "../../src/trainer-node/simulator/groups.ts";
import { paraphrasePairs, workloadPairs } from "../../src/trainer-node/verifier/pairs.ts";
import { trainScorer } from "../../src/trainer-node/verifier/train-scorer.ts";
import { readFlags, refuse } from "../local/flags.ts";

const USAGE = `usage: npm run train -- verifier --out DIR [options]
  --out DIR    pairs.bin goes there
  --seed S     replays the whole run (1)
  --embedder F the packed embedder (data/embedders/subword-768.bin)`;

export function trainVerifierFromFlags(): void {
  const options = readFlags(USAGE, {
    out: { type: "string" },
    seed: { type: "string", default: "1" },
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
  const texts = loadParaphrases();
  const pairs = [
    ...paraphrasePairs(texts, "training", seed),
    ...workloadPairs(onlyHalf(loadBundled(), "calibration")),
  ];
  const model = trainScorer(pairs, {
    embed,
    embedder: embedder.id,
    wordLists: texts.synonyms,
    seed,
    say,
  });
  mkdirSync(out, { recursive: true });
  const file = join(out, "pairs.bin");
  const bytes = packScorer(model);
  writeFileSync(file, bytes);
  say(`${file}: ${bytes.length} bytes`);
}

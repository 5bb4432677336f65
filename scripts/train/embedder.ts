// npm run train -- embedder --out DIR: trains the built-in embedder on text written for this project.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { packEmbedder } from "../../src/policy/embedding/packed-embedder.ts";
import { SubwordEmbedder } from "../../src/policy/embedding/subword-embedder.ts";
import { materialOf } from "../../src/trainer-node/embedder/examples.ts";
import { cosineOf, orderedShare, pairsOfGroups } from "../../src/trainer-node/embedder/measure.ts";
import {
  EMBEDDER_TRAINING,
  trainEmbedder,
} from "../../src/trainer-node/embedder/train-embedder.ts";
import { openBackend } from "../../src/trainer-node/graph/backend.ts";
import { isWithheld, loadParaphrases } from "../../src/trainer-node/paraphrases.ts";
import { loadBundled, onlyHalf } from "../../src/trainer-node/simulator/groups.ts";
import { readFlags, refuse } from "../local/flags.ts";

const USAGE = `usage: npm run train -- embedder --out DIR [options]
  --out DIR    subword-768.bin goes there
  --seed S     replays the whole run (1)
  --steps N    gradient steps (${EMBEDDER_TRAINING.steps})`;

export async function trainEmbedderFromFlags(): Promise<void> {
  const { out, ...flags } = readFlags(USAGE, {
    out: { type: "string" },
    seed: { type: "string", default: "1" },
    steps: { type: "string", default: String(EMBEDDER_TRAINING.steps) },
  });
  if (out === undefined) refuse("--out is needed", USAGE);
  const wholeNumber = (name: "seed" | "steps"): number => {
    const value = Number(flags[name]);
    if (!Number.isSafeInteger(value) || value < 1)
      refuse(`--${name} ${flags[name]} is no whole number`, USAGE);
    return value;
  };
  const options = { ...EMBEDDER_TRAINING, seed: wholeNumber("seed"), steps: wholeNumber("steps") };
  mkdirSync(out, { recursive: true });

  const paraphrases = loadParaphrases();
  const material = materialOf(paraphrases, onlyHalf(loadBundled(), "calibration"));
  const withheld = pairsOfGroups(paraphrases.groups.filter(({ id }) => isWithheld(id)));
  const orderOf = (embedder: SubwordEmbedder): string =>
    orderedShare(
      withheld.map(({ a, b, same }) => ({
        same,
        score: cosineOf(embedder.embed(a), embedder.embed(b)),
      })),
    ).toFixed(4);
  const { families, translations, thesaurus } = material;
  console.log(
    `${families.length} groups of questions, ${translations.length} translated, ${thesaurus.meanings.length} meanings of words; ${withheld.length} pairs withheld`,
  );
  const backend = await openBackend("cpu");
  const started = performance.now();
  const weights = await trainEmbedder(material, options, backend, ({ step, loss }, current) => {
    const seconds = ((performance.now() - started) / 1000).toFixed(0);
    const order = orderOf(new SubwordEmbedder(current()));
    console.log(
      `step ${step} of ${options.steps}  loss ${loss.toFixed(4)}  withheld AUC ${order}  ${seconds} s`,
    );
  });
  const bytes = packEmbedder(weights);
  writeFileSync(join(out, "subword-768.bin"), bytes);
  console.log(
    `${weights.features.length} features, ${bytes.length} bytes in ${out}/subword-768.bin`,
  );
}

// The training of the built-in embedder on one page: draw a batch, sum its features, let the graph say what the loss wants
// of the sums, pass that back to rows and weights.
import { DIMENSIONS, type SubwordWeights } from "../../policy/embedding/subword-embedder.ts";
import { Random } from "../../policy/random.ts";
import { type Backend } from "../graph/backend.ts";
import { contrastiveStep } from "./contrastive-step.ts";
import { type Example, type Material, type Mix, drawExample } from "./examples.ts";
import { Gradients, type Parameters, SparseAdam, quantised } from "./parameters.ts";
import { PlaceBook, addSum, passBack } from "./sums.ts";
import { type VocabularyOptions, startingParameters } from "./vocabulary.ts";

export interface EmbedderTraining {
  readonly steps: number;
  /** B: examples of a step. */
  readonly batch: number;
  readonly seed: number;
  readonly temperature: number;
  readonly pairShare: number;
  readonly pairMiddle: number;
  readonly pairTemperature: number;
  readonly rowRate: number;
  readonly weightRate: number;
  readonly decay: number;
  readonly mix: Mix;
  readonly vocabulary: VocabularyOptions;
}

export const EMBEDDER_TRAINING: EmbedderTraining = {
  steps: 1000,
  batch: 128,
  seed: 1,
  temperature: 0.2,
  pairShare: 0.2,
  pairMiddle: 0.5,
  pairTemperature: 0.1,
  rowRate: 0.01,
  weightRate: 0.01,
  decay: 0.3,
  mix: { group: 5, reworded: 1.5, blurred: 0.5, translated: 1, wordByWord: 1.5, words: 2 },
  vocabulary: {
    width: 64,
    minGroups: 2,
    minWords: 4,
    maxGrams: 12_000,
    power: 0.5,
    spread: 0.01,
    gains: {
      word: 1,
      number: 1.6,
      character: 1,
      gram: 1,
      capital: 1.3,
      grams: 3,
      wordPair: 0.15,
      characterPair: 0.8,
    },
  },
};

export interface StepReport {
  readonly step: number;
  /** Mean since the last report. */
  readonly loss: number;
}

/** Steps between two reports. */
const REPORT_EVERY = 100;
const WARM_UP = 100;

export async function trainEmbedder(
  material: Material,
  options: EmbedderTraining,
  backend: Backend,
  onReport: (report: StepReport, weights: () => SubwordWeights) => void = () => {},
): Promise<SubwordWeights> {
  const { steps, batch, seed, rowRate, weightRate, decay, mix } = options;
  const random = new Random(seed);
  const parameters = startingParameters(material, options.vocabulary, random);
  const adam = new SparseAdam(parameters);
  const gradients = new Gradients(parameters.features.length, parameters.width);
  const book = new PlaceBook(parameters);
  const graph = contrastiveStep({ ...options, rows: batch, dimensions: DIMENSIONS });
  const computation = await backend.compile(graph);
  let sum = 0;
  try {
    for (let step = 1; step <= steps; step++) {
      const examples = Array.from({ length: batch }, () => drawExample(material, mix, random));
      const { texts, feeds } = fedWith(examples, parameters, book);
      const { loss, dx } = await computation.run(feeds);
      for (const [row, text] of texts.entries())
        if (text !== null) passBack(dx!, row * DIMENSIONS, text, parameters, gradients);
      const rate = Math.min(1, step / WARM_UP) * (1 - (step - 1) / steps);
      adam.step(parameters, gradients, {
        rows: rate * rowRate,
        logWeights: rate * weightRate,
        decay,
      });
      gradients.clear(parameters.width);
      sum += loss![0]!;
      if (step % REPORT_EVERY !== 0 && step !== steps) continue;
      const since = step % REPORT_EVERY || REPORT_EVERY;
      onReport({ step, loss: sum / since }, () => quantised(parameters));
      sum = 0;
    }
  } finally {
    await computation.dispose();
  }
  return quantised(parameters);
}

/** Scores of columns that are no wrong answers sink below all others. */
const APART = -1e4;

function fedWith(examples: readonly Example[], parameters: Parameters, book: PlaceBook) {
  const rows = examples.length;
  const texts = [
    ...examples.map(({ text }) => book.read(text)),
    ...examples.map(({ same }) => book.read(same)),
    ...examples.map(({ different }) => (different === null ? null : book.read(different))),
  ];
  const x = new Float32Array(texts.length * DIMENSIONS);
  for (const [row, text] of texts.entries())
    if (text !== null) addSum(x, row * DIMENSIONS, text, parameters);
  const mask = new Float32Array(rows * 2 * rows);
  for (const [i, { group, same }] of examples.entries())
    for (const [j, other] of examples.entries()) {
      const together = group !== "" && group === other.group;
      if (i !== j && (together || same === other.same)) mask[i * 2 * rows + j] = APART;
      if (other.different === null || (i !== j && together)) mask[i * 2 * rows + rows + j] = APART;
    }
  const hasMiss = Float32Array.from(examples, ({ different }) => (different === null ? 0 : 1));
  return { texts, feeds: { x, mask, hasMiss } };
}

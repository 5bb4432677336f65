// Learns a pair scorer: features of labelled pairs, boosted trees, and an isotonic map that is fitted on margins which no
// tree was grown for, so that the probability means what it says on the mixture of pairs it was shown.
import { languageOf } from "../../policy/cache/language.ts";
import { Random } from "../../policy/random.ts";
import { type Lexicon } from "../../policy/verifier/lexicon.ts";
import { type ScorerModel } from "../../policy/verifier/packed-scorer.ts";
import {
  COSINE,
  DIRECTIONS,
  FEATURES,
  SHAPES,
  pairFeatures,
} from "../../policy/verifier/pair-features.ts";
import { type Embed, PairReader } from "../../policy/verifier/pair-reading.ts";
import { explain } from "../../policy/verifier/trees.ts";
import { type Lexicon as WordLists } from "../paraphrases.ts";
import { type BoostingOptions, type Rows, boost } from "./boosting.ts";
import { isotonic } from "./isotonic.ts";
import { lexiconFrom } from "./word-lists.ts";

/** Two questions, and whether one answer is right for both. Pairs of one group always stay on one side of a split. */
export interface LabelledPair {
  readonly id: string;
  readonly a: string;
  readonly b: string;
  readonly same: boolean;
  readonly group: string;
  /** How much it counts; 1 when left out. */
  readonly weight?: number;
}

export interface TrainingOptions {
  /** Unit vectors of texts, and the name of what makes them. */
  readonly embed: Embed;
  readonly embedder: string;
  readonly wordLists?: readonly WordLists[];
  readonly seed?: number;
  readonly id?: string;
  /**
   * Whether the shapes of questions may be learnt from. Worth it for pairs of one's own traffic; pairs that were written to
   * be hard have other shapes than what people ask.
   */
  readonly shapes?: boolean;
  readonly boosting?: Partial<BoostingOptions>;
  readonly say?: (line: string) => void;
}

export const BOOSTING = {
  trees: 180,
  depth: 4,
  learningRate: 0.08,
  minChild: 8,
  lambda: 4,
  rowShare: 0.7,
  featureShare: 0.5,
} as const;

/** Share of pairs whose cosine is hidden: the scorer must do without one where the embedder is another. */
const HIDDEN_COSINES = 0.3;
const FOLDS = 3;
/** Probability 0.98. */
const UNSET = 0.2;

export function trainScorer(
  pairs: readonly LabelledPair[],
  {
    embed,
    embedder,
    wordLists = [],
    seed = 1,
    id = "velo/pairs-1",
    shapes = true,
    boosting = {},
    say = () => {},
  }: TrainingOptions,
): ScorerModel {
  const options: BoostingOptions = {
    ...BOOSTING,
    seed,
    directions: DIRECTIONS,
    unused: shapes ? [] : SHAPES,
    ...boosting,
  };
  const lexicon = lexiconFrom(new Set(pairs.flatMap(({ a, b }) => [a, b])), wordLists);
  const rows = rowsOf(pairs, lexicon, embed, seed);
  say(`${pairs.length} pairs read`);
  const folds = foldsOf(pairs);
  const withheld = new Float64Array(pairs.length);
  for (let fold = 0; fold < FOLDS; fold++) {
    const trees = boost(
      selected(rows, (row) => folds[row] !== fold),
      options,
    );
    const scratch = new Float64Array(rows.width);
    for (let row = 0; row < pairs.length; row++)
      if (folds[row] === fold) withheld[row] = explain(trees, rowAt(rows, row), scratch);
    say(`fold ${fold + 1} of ${FOLDS} grown`);
  }
  const calibration = isotonic(withheld, rows.labels, rows.weights);
  const trees = boost(rows, options);
  // Until they are set on traps (cold-start.ts), rows without labels need what the map calls nearly certain.
  return { id, embedder, trees, calibration, coldStart: { "*": UNSET }, lexicon };
}

function rowsOf(
  pairs: readonly LabelledPair[],
  lexicon: Lexicon,
  embed: Embed,
  seed: number,
): Rows {
  const width = FEATURES.length;
  const reader = new PairReader(lexicon, embed);
  const random = new Random(seed);
  const known = new Map<string, ReturnType<typeof once>>();
  const once = (text: string) => ({
    reading: reader.read(text, languageOf(text)),
    vector: embed(text),
  });
  const readOnce = (text: string) => {
    const made = known.get(text) ?? once(text);
    known.set(text, made);
    return made;
  };
  const features = new Float32Array(pairs.length * width);
  for (const [row, { a, b }] of pairs.entries()) {
    const [one, other] = [readOnce(a), readOnce(b)];
    const cosine = one.vector.reduce((sum, value, i) => sum + value * other.vector[i]!, 0);
    const target = features.subarray(row * width, (row + 1) * width);
    pairFeatures(one.reading, other.reading, cosine, target);
    if (random.uniform() < HIDDEN_COSINES) target[COSINE] = Number.NaN;
  }
  return {
    features,
    width,
    labels: Uint8Array.from(pairs, ({ same }) => (same ? 1 : 0)),
    weights: Float64Array.from(pairs, ({ weight = 1 }) => weight),
  };
}

const rowAt = ({ features, width }: Rows, row: number): Float32Array =>
  features.subarray(row * width, (row + 1) * width);

function selected(rows: Rows, keep: (row: number) => boolean): Rows {
  const kept = Array.from(rows.labels, (_, row) => row).filter(keep);
  const features = new Float32Array(kept.length * rows.width);
  for (const [at, row] of kept.entries()) features.set(rowAt(rows, row), at * rows.width);
  return {
    features,
    width: rows.width,
    labels: Uint8Array.from(kept, (row) => rows.labels[row]!),
    weights: Float64Array.from(kept, (row) => rows.weights[row]!),
  };
}

/** Groups are dealt out in the order in which they are met. */
function foldsOf(pairs: readonly LabelledPair[]): Uint8Array {
  const folds = new Map<string, number>();
  return Uint8Array.from(pairs, ({ group }) => {
    const fold = folds.get(group) ?? folds.size % FOLDS;
    folds.set(group, fold);
    return fold;
  });
}

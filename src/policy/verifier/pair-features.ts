// Two readings as numbers. Symmetric: which text was stored does not matter.
import { monthsConflict, namesConflict } from "../cache/guards/names.ts";
import { polarityConflict } from "../cache/guards/polarity.ts";
import { aspectConflict, directionConflict, subjectConflict } from "../cache/guards/structure.ts";
import { reordered, substitution } from "../cache/guards/substitution.ts";
import { type PairReading, type PairWord } from "./pair-reading.ts";

export { type Embed } from "./pair-reading.ts";

/** Name, the words that a receipt uses for it, and how P(same) moves with it: 1 rises, -1 falls, 0 either way. */
const TABLE = [
  ["cosine", "distance of the embeddings", 1],
  ["meanCosine", "meaning of the words taken together", 1],
  ["sharedWeight", "share of words in common", 1],
  ["leastCovered", "words of one question found in the other", 1],
  ["mostCovered", "words of one question found in the other", 1],
  ["hardestLeft", "a word left over", -1],
  ["secondLeft", "words left over", -1],
  ["leastLeft", "words left over on both sides", -1],
  ["mostLeft", "words left over", -1],
  ["hardestThing", "a word left over", -1],
  ["firstMet", "what is to be done", 1],
  ["lastMet", "what it is about", 1],
  ["leftPairGrams", "how alike the left-over words are spelled", 0],
  ["leftCountLeast", "words left over on both sides", -1],
  ["leftCountMost", "words left over", -1],
  ["leftNames", "a name left over", -1],
  ["textGrams", "spelling in common", 1],
  ["wordPairs", "phrases in common", 1],
  ["inOrder", "words in the same order", 1],
  ["swapped", "words that have changed places", -1],
  ["synonymsMet", "words of one meaning", 0],
  ["opposed", "opposite words", -1],
  ["sameAsks", "kind of question", 1],
  ["asksConflict", "kind of question", -1],
  ["asksWhether", "a yes-or-no question on one side", 0],
  ["aspect", "another aspect", -1],
  ["numbers", "numbers", -1],
  ["numbersCount", "number of numbers", 0],
  ["polarity", "negation or opposite words", -1],
  ["names", "a name on one side only", -1],
  ["namesCount", "names", 0],
  ["dates", "dates", -1],
  ["direction", "direction", -1],
  ["subject", "one word replaced", -1],
  ["substitution", "one word replaced or added", -1],
  ["reordered", "words in another order", -1],
  ["frameLeft", "the same frame around another word", -1],
  ["endsAlike", "the same end", 0],
  ["sameLanguage", "language", 1],
  // The shape of two questions: telling for pairs like those that were trained on, misleading for others.
  ["lengthRatio", "length", 0],
  ["contentLeast", "number of content words", 0],
  ["contentMost", "number of content words", 0],
  ["weightLeast", "number of content words", 0],
  ["functionShared", "small words in common", 0],
  ["frame", "the same frame around another word", 0],
  ["startsAlike", "the same beginning", 0],
] as const satisfies readonly (readonly [string, string, -1 | 0 | 1])[];

type Feature = (typeof TABLE)[number][0];

export const FEATURES: readonly string[] = TABLE.map(([name]) => name);
/** For training: trees may not learn a direction against it. */
export const DIRECTIONS: readonly number[] = TABLE.map(([, , direction]) => direction);
export const COSINE = 0;
const SHAPE_NAMES: ReadonlySet<string> = new Set(
  "lengthRatio contentLeast contentMost weightLeast functionShared frame startsAlike".split(" "),
);
/** Places of the features of shape. */
export const SHAPES: readonly number[] = TABLE.flatMap(([name], at) =>
  SHAPE_NAMES.has(name) ? [at] : [],
);

export function reasonOf(index: number, _features: ArrayLike<number>): string {
  return TABLE[index]![1];
}

const AT = Object.fromEntries(TABLE.map(([name], index) => [name, index])) as Record<
  Feature,
  number
>;

/** A shared synonym group is nearly the same word. */
const SYNONYM = 0.9;
/** Less alike than this is not alike: two random words share letters and have some cosine. */
const GRAM_FLOOR = 0.35;
const VECTOR_FLOOR = 0.35;
const SPELLED_ALIKE = 0.85;
/** A word whose best match is less is left over. */
const MET = 0.5;

/** Fills `out` [FEATURES.length]; what is unknown is NaN. */
export function pairFeatures(
  a: PairReading,
  b: PairReading,
  cosine: number | null,
  out: Float32Array,
): void {
  out.fill(0);
  const set = (name: Feature, value: number): void => void (out[AT[name]] = value);
  set("cosine", cosine ?? Number.NaN);
  set("meanCosine", a.vector === null || b.vector === null ? Number.NaN : dot(a.vector, b.vector));
  const likenesses = new Likenesses(a.content, b.content);
  const inB = bestMatches(a, b, (i, j) => likenesses.of(i, j));
  const inA = bestMatches(b, a, (j, i) => likenesses.of(i, j));
  const hardest = leftOvers(a, b, { inB, inA, likenesses }, set);
  set("textGrams", dice(a.grams, b.grams));
  orders(a, b, hardest, set);
  shapes(a, b, set);
  set("opposed", opposed(a, b));
  set("sameLanguage", a.lang === b.lang ? 1 : 0);
  asked(a, b, set);
  guarded(a, b, set);
}

/** For each content word its best match anywhere in the other text, in [0, 1]. */
function bestMatches(
  from: PairReading,
  to: PairReading,
  likeness: (at: number, other: number) => number,
): Float64Array {
  const best = new Float64Array(from.content.length);
  for (const [at, word] of from.content.entries()) {
    if (to.stems.has(word.stem)) best[at] = 1;
    else if (word.synonyms.some((group) => to.synonyms.has(group))) best[at] = SYNONYM;
    else
      for (let other = 0; other < to.content.length; other++)
        best[at] = Math.max(best[at]!, likeness(at, other));
  }
  return best;
}

/** How alike the content words of two texts are: each pair of words is compared once, when it is first asked for. */
class Likenesses {
  readonly #a: readonly PairWord[];
  readonly #b: readonly PairWord[];
  /** By word of `a`: spelled and related for each word of `b`. Made when first asked for: most words are met by their stem. */
  readonly #rows: (Float64Array | undefined)[];

  constructor(a: readonly PairWord[], b: readonly PairWord[]) {
    this.#a = a;
    this.#b = b;
    this.#rows = a.map(() => undefined);
  }

  of(i: number, j: number): number {
    return Math.max(
      SPELLED_ALIKE * above(this.spelled(i, j), GRAM_FLOOR),
      SYNONYM * above(this.related(i, j), VECTOR_FLOOR),
    );
  }

  spelled(i: number, j: number): number {
    return this.#compared(i, j)[2 * j]!;
  }

  /** 0 without word vectors. */
  related(i: number, j: number): number {
    return this.#compared(i, j)[2 * j + 1]!;
  }

  /** The row of a word, in which the pair is known. */
  #compared(i: number, j: number): Float64Array {
    const row = (this.#rows[i] ??= new Float64Array(2 * this.#b.length).fill(Number.NaN));
    if (!Number.isNaN(row[2 * j]!)) return row;
    const [one, other] = [this.#a[i]!, this.#b[j]!];
    row[2 * j] = dice(one.grams, other.grams);
    const hasVectors = one.vector !== null && other.vector !== null;
    row[2 * j + 1] = hasVectors ? dot(one.vector, other.vector) : 0;
    return row;
  }
}

const above = (value: number, floor: number): number => Math.max(0, (value - floor) / (1 - floor));

type Set = (name: Feature, value: number) => void;

function leftOvers(
  a: PairReading,
  b: PairReading,
  {
    inB,
    inA,
    likenesses,
  }: {
    readonly inB: Float64Array;
    readonly inA: Float64Array;
    readonly likenesses: Likenesses;
  },
  set: Set,
): number {
  const [coveredA, coveredB] = [covered(a, inB), covered(b, inA)];
  const [least, most] = sorted(
    coveredA / Math.max(1e-9, a.weight),
    coveredB / Math.max(1e-9, b.weight),
  );
  const hasContent = a.weight > 0 && b.weight > 0;
  set("leastCovered", hasContent ? least : 0);
  set("mostCovered", hasContent ? most : 0);
  set("sharedWeight", (coveredA + coveredB) / Math.max(1e-9, a.weight + b.weight));
  const [leftA, leftB] = [left(a, inB), left(b, inA)];
  let [hardest, second, thing, names, grams] = [0, 0, 0, 0, 0];
  for (const { word, amount } of [...leftA, ...leftB]) {
    if (amount > hardest) [hardest, second] = [amount, hardest];
    else second = Math.max(second, amount);
    if (!word.isQuality) thing = Math.max(thing, amount);
    if (word.isName) names++;
  }
  for (const { at: i } of leftA)
    for (const { at: j } of leftB) {
      grams = Math.max(grams, likenesses.spelled(i, j));
    }
  set("hardestLeft", hardest);
  set("secondLeft", second);
  set("hardestThing", thing);
  set("leftNames", names);
  set("leftPairGrams", grams);
  const [lessLeft, moreLeft] = sorted(total(leftA), total(leftB));
  set("leastLeft", lessLeft);
  set("mostLeft", moreLeft);
  const [fewer, more] = sorted(leftA.length, leftB.length);
  set("leftCountLeast", fewer);
  set("leftCountMost", more);
  let synonyms = 0;
  for (const match of inB) if (match === SYNONYM) synonyms++;
  for (const match of inA) if (match === SYNONYM) synonyms++;
  set("synonymsMet", synonyms);
  set("firstMet", Math.min(inB[0] ?? 0, inA[0] ?? 0));
  set("lastMet", Math.min(inB.at(-1) ?? 0, inA.at(-1) ?? 0));
  return hardest;
}

interface Left {
  readonly at: number;
  readonly word: PairWord;
  readonly amount: number;
}

function left({ content }: PairReading, match: Float64Array): readonly Left[] {
  const words: Left[] = [];
  for (const [at, word] of content.entries())
    if (match[at]! < MET) words.push({ at, word, amount: word.weight * (1 - match[at]!) });
  return words;
}

const total = (words: readonly Left[]): number =>
  words.reduce((sum, { amount }) => sum + amount, 0);

function covered({ content }: PairReading, match: Float64Array): number {
  return content.reduce((sum, { weight }, at) => sum + weight * match[at]!, 0);
}

/** @param hardest weight of the heaviest word left over */
function orders(a: PairReading, b: PairReading, hardest: number, set: Set): void {
  const [x, y] = [a.words.map(({ stem }) => stem), b.words.map(({ stem }) => stem)];
  const pairs = new Set(x.slice(1).map((stem, at) => `${x[at]} ${stem}`));
  const met = y.slice(1).filter((stem, at) => pairs.has(`${y[at]} ${stem}`)).length;
  set("wordPairs", (2 * met) / Math.max(1, x.length + y.length - 2));
  const [p, q] = [a.content.map(({ stem }) => stem), b.content.map(({ stem }) => stem)];
  const common = longestCommon(p, q);
  set("inOrder", common / Math.max(1, Math.min(p.length, q.length)));
  // Synonyms stand where their words stood: only the very same words are asked for their places.
  const inQ = new Set(q);
  const shared = new Set(p.filter((stem) => inQ.has(stem))).size;
  set("swapped", hardest === 0 ? Math.max(0, shared - common) : 0);
  const shorter = Math.min(x.length, y.length);
  let start = 0;
  while (start < shorter && x[start] === y[start]) start++;
  let end = 0;
  while (end < shorter - start && x.at(-1 - end) === y.at(-1 - end)) end++;
  set("startsAlike", start / Math.max(1, shorter));
  set("endsAlike", end / Math.max(1, shorter));
  set("frame", (start + end) / Math.max(1, x.length, y.length));
  const between = Math.max(x.length, y.length) - start - end;
  set("frameLeft", between <= 3 && start + end >= 2 ? hardest : 0);
}

function shapes(a: PairReading, b: PairReading, set: Set): void {
  const [shorter, longer] = sorted(a.words.length, b.words.length);
  set("lengthRatio", shorter / Math.max(1, longer));
  const [fewer, more] = sorted(a.content.length, b.content.length);
  set("contentLeast", fewer);
  set("contentMost", more);
  set("weightLeast", Math.min(a.weight, b.weight));
  let [shared, all] = [0, 0];
  for (const [one, other] of [
    [a, b],
    [b, a],
  ] as const)
    for (const { kind, stem } of one.words)
      if (kind === "function") {
        all++;
        if (other.stems.has(stem)) shared++;
      }
  set("functionShared", all === 0 ? 1 : shared / all);
}

/** More pairs of words than this are compared by number: a long text is no reason to wait. */
const FEW_PAIRS = 1024;

/** Length of the longest common subsequence. Texts have few content words. */
function longestCommon(a: readonly string[], b: readonly string[]): number {
  if (a.length * b.length <= FEW_PAIRS) return commonLength(a, b);
  const numbers = new Map(b.map((word, at) => [word, at]));
  const numbered = (words: readonly string[]): Int32Array =>
    Int32Array.from(words, (word) => numbers.get(word) ?? -1);
  return commonLength(
    numbered(a).filter((number) => number !== -1),
    numbered(b),
  );
}

function commonLength<Item>(a: ArrayLike<Item>, b: ArrayLike<Item>): number {
  const row = new Int32Array(b.length + 1);
  for (let word = 0; word < a.length; word++) {
    let diagonal = 0;
    for (let at = 1; at <= b.length; at++) {
      const skipped = row[at]!;
      row[at] = a[word] === b[at - 1] ? diagonal + 1 : Math.max(skipped, row[at - 1]!);
      diagonal = skipped;
    }
  }
  return row[b.length]!;
}

/** Pairs of which one text names one side and the other text the other, and neither both. */
function opposed(a: PairReading, b: PairReading): number {
  let count = 0;
  for (const side of a.opposites) {
    const other = side ^ 1;
    if (b.opposites.has(other) && !b.opposites.has(side) && !a.opposites.has(other)) count++;
  }
  return count;
}

/** Kinds that ask nearly the same as often as not. */
const OPEN = new Set(["what", "task", "other", "choice", "should", "whether"]);

function asked(a: PairReading, b: PairReading, set: Set): void {
  const isSame = a.asks === b.asks;
  const has = (kind: string): boolean => a.asks === kind || b.asks === kind;
  set("sameAsks", isSame ? 1 : 0);
  set("asksConflict", !isSame && !OPEN.has(a.asks) && !OPEN.has(b.asks) ? 1 : 0);
  set("asksWhether", !isSame && (has("whether") || has("should")) ? 1 : 0);
}

/** What the guards see, as numbers. */
function guarded(a: PairReading, b: PairReading, set: Set): void {
  const flag = (conflict: string | null): number => (conflict === null ? 0 : 1);
  set("aspect", flag(aspectConflict(a.structure, b.structure)));
  set("numbers", unequal(a.numbers, b.numbers));
  set("numbersCount", Math.min(a.numbers.length, b.numbers.length));
  set("polarity", flag(polarityConflict(a.polarity, b.polarity)));
  set("names", flag(namesConflict(a.names, b.names)));
  set("namesCount", Math.min(a.names.required.size, b.names.required.size));
  set("dates", flag(monthsConflict(a.names, b.names)));
  set("direction", flag(directionConflict(a.structure, b.structure)));
  set("subject", flag(subjectConflict(a.structure, b.structure)));
  set("substitution", flag(substitution(a.guardWords, b.guardWords)));
  set("reordered", flag(reordered(a.guardWords, b.guardWords)));
}

/** Numbers on one side only. */
function unequal(a: readonly string[], b: readonly string[]): number {
  const rest = [...b];
  let missing = 0;
  for (const key of a) {
    const at = rest.indexOf(key);
    if (at === -1) missing++;
    else rest.splice(at, 1);
  }
  return Math.max(missing, rest.length);
}

/** 2 |a and b| / (|a| + |b|) of sorted lists. */
function dice(a: Int32Array, b: Int32Array): number {
  let [i, j, shared] = [0, 0, 0];
  while (i < a.length && j < b.length) {
    const [x, y] = [a[i]!, b[j]!];
    if (x === y) shared++;
    if (x <= y) i++;
    if (y <= x) j++;
  }
  return (2 * shared) / Math.max(1, a.length + b.length);
}

function dot(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}

const sorted = (a: number, b: number): readonly [number, number] => (a < b ? [a, b] : [b, a]);

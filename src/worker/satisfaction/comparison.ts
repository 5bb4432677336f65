// Whether two answers to one request say the same, by rules alone: what can be told without a judge, and strictly. Most
// pairs of longer answers stay undecided, which costs a label and never makes a false one.
import { languageOf } from "../../policy/cache/language.ts";
import { namesConflict, namesOf } from "../../policy/cache/guards/names.ts";
import { type NumberFact } from "../../policy/cache/guards/number-values.ts";
import { numbersOf } from "../../policy/cache/guards/numbers.ts";
import { polarityConflict, polarityOf } from "../../policy/cache/guards/polarity.ts";
import { contentWordsOf } from "../../policy/cache/guards/substitution.ts";
import { type Token, tokenise, wordsOf } from "../../policy/cache/guards/tokens.ts";

export interface Comparison {
  readonly verdict: "right" | "wrong" | "unsure";
  /** For the receipt; holds no words of the answers. */
  readonly why: string;
}

/** Longer answers are not read: numbers of a list, an example or a date differ without meaning anything. Characters. */
const MAX_CHARS = 2_000;
/** Share of words in common, in the same order, from which two answers may say the same. */
const SAME_WORDS = 0.9;
/** Where the words are this much alike, or as few as this, a differing number is the answer that differs. */
const ALIKE_WORDS = 0.5;
const FEW_WORDS = 12;

export function compareAnswers(served: string, fresh: string): Comparison {
  if (served.trim() === "" || fresh.trim() === "") return unsure("empty");
  if (normalised(served) === normalised(fresh))
    return hasSameMarks(served, fresh) ? { verdict: "right", why: "equal" } : unsure("marks");
  if (served.length > MAX_CHARS || fresh.length > MAX_CHARS) return unsure("long");
  const [a, b] = [readingOf(served), readingOf(fresh)];
  if (a.lang !== b.lang) return unsure("languages");
  const words = dice(a.words, b.words);
  const [here, there] = [without(a.numbers, b.numbers), without(b.numbers, a.numbers)];
  if (here.length > 0 && there.length > 0) {
    const isShort = Math.max(a.length, b.length) <= FEW_WORDS;
    if (here.some((x) => there.some((y) => mayBeEqual(x, y)))) return unsure("units or rounding");
    return words >= ALIKE_WORDS || isShort
      ? { verdict: "wrong", why: "numbers" }
      : unsure("numbers in other words");
  }
  if (keysOf(a.numbers) !== keysOf(b.numbers)) return unsure("numbers on one side");
  if (namesConflict(a.names, b.names) !== null) return unsure("names");
  if (polarityConflict(a.polarity, b.polarity) !== null) return unsure("negation");
  if (words < SAME_WORDS) return unsure("words");
  const [spareHere, spareThere] = outOfLine(a.tokens, b.tokens);
  const spare = spareHere.length + spareThere.length;
  if (1 - spare / (a.length + b.length) < SAME_WORDS) return unsure("order");
  // "Rises" for "falls", or two names that changed places: one word is enough to make another answer.
  if (weighs(spareHere, a.lang) || weighs(spareThere, b.lang)) return unsure("words");
  if (!hasSameMarks(served, fresh)) return unsure("marks");
  return { verdict: "right", why: "same words, numbers and names" };
}

const unsure = (why: string): Comparison => ({ verdict: "unsure", why });

function readingOf(text: string) {
  const lang = languageOf(text);
  const tokens = tokenise(text);
  const read = wordsOf(tokens);
  return {
    lang,
    tokens: read,
    words: read.filter(({ kind }) => kind === "word").map(({ lower }) => lower),
    length: read.length,
    numbers: numbersOf(tokens, lang).filter(({ optional }) => !optional),
    names: namesOf(text, tokens, lang),
    polarity: polarityOf(tokens, lang),
  };
}

/** Case, spaces, quotation marks, emphasis and the full stop at the end say nothing. */
const normalised = (text: string): string =>
  text
    .normalize("NFKC")
    .toLowerCase()
    .replaceAll(/[*_`"'\u2018\u2019\u201C\u201D]/g, "")
    .replaceAll(/\s+/g, " ")
    .trim()
    .replace(/[.!。]+$/, "");

/** Markdown that only sets a text off: headings, list marks, code fences, emphasis of a few words. */
const LAYOUT = /^[ \t]*(?:#{1,6}|[-*•+])[ \t]+|`/gm;
const EMPHASIS =
  /(?<![\p{L}\p{N}*_])(\*{1,3}|_{1,3})(?=[^\s*_])([^*_\n]{1,200})(?<=\S)\1(?![\p{L}\p{N}*_])/gu;
/**
 * What says something without being a word or a number: signs, operators, brackets, raised digits, pictures, a factorial, a
 * prime, and words whose capitals are not those of a sentence (CO, Co). Plain punctuation says nothing.
 */
const MARKS =
  /[\p{S}\p{No}%&*#/@\\_()[\]{}]|[-–—](?!\p{L})|(?<!\p{L})[-–—]|!(?!\s|$)|(?<!\p{L}{2}["”»]?)!|(?<=(?<!\p{L})\p{L}|[\d)])['’′]+(?!\p{L})|(?<!\p{L})\p{L}+?\p{Lu}\p{L}*/gu;

/** "a == b" and "a != b" have the same words. */
const hasSameMarks = (a: string, b: string): boolean => marksOf(a) === marksOf(b);
const marksOf = (text: string): string =>
  (text.replaceAll(LAYOUT, "").replaceAll(EMPHASIS, "$2").match(MARKS) ?? []).join(" ");

const keysOf = (numbers: readonly NumberFact[]): string =>
  numbers
    .map(({ key }) => key)
    .toSorted()
    .join(" ");

/** Numbers of `a` that are not in `b`. */
const without = (a: readonly NumberFact[], b: readonly NumberFact[]): readonly NumberFact[] =>
  a.filter(({ key }) => b.every((other) => other.key !== key));

/** 100 km may be 62 miles, and 3.14 may be 3.1416. */
function mayBeEqual(a: NumberFact, b: NumberFact): boolean {
  if (a.unit !== b.unit) return true;
  const digits = ({ key }: NumberFact) => key.split(".")[1]?.length ?? 0;
  const fewer = Math.min(digits(a), digits(b));
  return digits(a) !== digits(b) && Number(a.key).toFixed(fewer) === Number(b.key).toFixed(fewer);
}

/** 2 |A and B| / (|A| + |B|) of two multisets; 1 when both are empty. */
function dice(a: readonly string[], b: readonly string[]): number {
  if (a.length + b.length === 0) return 1;
  const left = new Map<string, number>();
  for (const item of a) left.set(item, (left.get(item) ?? 0) + 1);
  let shared = 0;
  for (const item of b) {
    const count = left.get(item) ?? 0;
    if (count === 0) continue;
    left.set(item, count - 1);
    shared++;
  }
  return (2 * shared) / (a.length + b.length);
}

/** Content, in a language whose function words are known or not. Chinese and Japanese words are not told apart. */
const weighs = (spare: readonly Token[], lang: string): boolean =>
  contentWordsOf(spare, lang).length > 0 ||
  spare.some(({ lower }) => /\p{Script=Han}/u.test(lower));

/** What is left of each when the longest common subsequence is taken out; at most 2,000 x 2,000 steps. */
function outOfLine(
  a: readonly Token[],
  b: readonly Token[],
): readonly [readonly Token[], readonly Token[]] {
  const width = b.length + 1;
  const longest = new Uint16Array((a.length + 1) * width);
  for (let i = a.length - 1; i >= 0; i--)
    for (let j = b.length - 1; j >= 0; j--)
      longest[i * width + j] =
        a[i]!.lower === b[j]!.lower
          ? longest[(i + 1) * width + j + 1]! + 1
          : Math.max(longest[(i + 1) * width + j]!, longest[i * width + j + 1]!);
  const left: Token[] = [];
  const right: Token[] = [];
  let [i, j] = [0, 0];
  while (i < a.length || j < b.length) {
    if (i < a.length && j < b.length && a[i]!.lower === b[j]!.lower) {
      i++;
      j++;
    } else if (
      j >= b.length ||
      (i < a.length && longest[(i + 1) * width + j]! >= longest[i * width + j + 1]!)
    )
      left.push(a[i++]!);
    else right.push(b[j++]!);
  }
  return [left, right];
}

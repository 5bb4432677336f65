// What the built-in embedder sees of a text: words with their character n-grams, characters of scripts that are written
// without spaces, and neighbours. Every feature is a 32-bit hash, so that no list of words has to be loaded.

export interface Unit {
  /** Hash of the whole word or character. */
  readonly hash: number;
  /** Hashes of the n-grams of a word, 3 to 5 letters with its ends marked; none for a character. */
  readonly grams: readonly number[];
  readonly kind: "word" | "number" | "character";
  /** How often it occurs. */
  count: number;
  /** Written with a capital inside the text: a name, more often than not. */
  isCapital: boolean;
}

interface Pair {
  readonly hash: number;
  readonly left: Unit;
  readonly right: Unit;
}

/** Different units in the order in which they first occur, and all neighbours. */
export interface Reading {
  readonly units: readonly Unit[];
  readonly pairs: readonly Pair[];
}

const UNSPACED =
  "\\p{Script=Han}\\p{Script=Hiragana}\\p{Script=Katakana}\\p{Script=Thai}\\p{Script=Lao}\\p{Script=Khmer}\\p{Script=Myanmar}";
const TOKEN = new RegExp(`[${UNSPACED}]|[[\\p{L}\\p{N}\\p{M}]--[${UNSPACED}]]+`, "gv");
const STARTS_UNSPACED = new RegExp(`^[${UNSPACED}]`, "v");
const CAPITAL = /^\p{Lu}/u;
const HAS_DIGIT = /\p{N}/u;
const NOT_ASCII = /[^\0-\x7f]/;
const ACCENTS = /[\u0300-\u036f]/g;
const APOSTROPHE = /(?<=\p{L})['’](?=\p{L})/gu;

/** Lower case without Latin, Greek and Cyrillic accents, in the form NFKC. Vowel signs of other scripts stay. */
export function foldText(text: string): string {
  const lower = text.toLowerCase();
  if (!NOT_ASCII.test(lower)) return lower;
  return lower.normalize("NFKD").replace(ACCENTS, "").replaceAll("ß", "ss").normalize("NFC");
}

/** Folded words, and single characters of scripts without spaces. */
export const tokensOf = (text: string): readonly string[] => tokensIn(foldText(text));

const tokensIn = (text: string): readonly string[] =>
  text.replace(APOSTROPHE, "").match(TOKEN) ?? [];

export function readText(text: string): Reading {
  const units = new Map<string, Unit>();
  const pairs: Pair[] = [];
  const tokens = tokensOf(text);
  // Folding seldom splits a word (into the parts of a ligature with a sign in it); then nothing is known of capitals.
  const written = tokensIn(text);
  const isAligned = written.length === tokens.length;
  let last: Unit | null = null;
  for (const [i, token] of tokens.entries()) {
    let unit = units.get(token);
    if (unit === undefined) units.set(token, (unit = readToken(token)));
    else unit.count++;
    if (i > 0 && isAligned && CAPITAL.test(written[i]!)) unit.isCapital = true;
    if (last !== null) pairs.push({ hash: hashPair(last, unit), left: last, right: unit });
    last = unit;
  }
  return { units: [...units.values()], pairs };
}

/** One word or character that occurs once. */
export function readToken(token: string): Unit {
  const hash = hashOf(token, WORD_SEED);
  const shared = { hash, count: 1, isCapital: false };
  if (STARTS_UNSPACED.test(token)) return { ...shared, kind: "character", grams: [] };
  return { ...shared, kind: HAS_DIGIT.test(token) ? "number" : "word", grams: gramsOf(token) };
}

const SHORTEST = 3;
const LONGEST = 5;
const END = 95;

function gramsOf(word: string): readonly number[] {
  const grams: number[] = [];
  const size = word.length + 2;
  for (let start = 0; start + SHORTEST <= size; start++) {
    let state = GRAM_SEED;
    for (let n = 1; n <= LONGEST && start + n <= size; n++) {
      const at = start + n - 2;
      state = step(state, at < 0 || at === word.length ? END : word.charCodeAt(at));
      if (n >= SHORTEST) grams.push(mix(state));
    }
  }
  return grams;
}

/** Finaliser of MurmurHash3: FNV alone leaves the low bits of similar texts alike. */
export function mix(value: number): number {
  let h = value ^ (value >>> 16);
  h = Math.imul(h, 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

const WORD_SEED = 0x811c9dc5;
const GRAM_SEED = 0x1b873593;

const step = (state: number, unit: number): number => Math.imul(state ^ unit, 0x01000193);

function hashOf(text: string, seed: number): number {
  let state = seed;
  for (let i = 0; i < text.length; i++) state = step(state, text.charCodeAt(i));
  return mix(state);
}

const hashPair = (left: Unit, right: Unit): number => mix(Math.imul(left.hash, 31) ^ right.hash);

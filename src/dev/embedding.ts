// velo/hash-ngram-768, an embedder to compare with and to test by: hashed words and character n-grams, no weights to load, any
// language, the same vector on every machine. It sees spelling, not meaning: a rephrasing that shares no words with the original is far away from it.
import { COMMON_WEIGHTS } from "../policy/embedding/common-words.ts";
import { mix, norm } from "./vector-math.ts";

const HASH_DIMENSIONS = 768;

/** Energy of the n-grams of a word, relative to that of the word as a whole. */
const NGRAM_ENERGY = 4;
/** By length of the n-gram, 2 to 5: the shortest are in too many words, the longest almost repeat the word. */
const NGRAM_WEIGHTS = [0.35, 1, 1, 0.8] as const;
const NUMBER_WEIGHT = 1.6;
const SHORT_WORD_WEIGHT = 0.7;
/** A pair of neighbours, relative to the smaller of its two words. */
const PAIR_WEIGHT = 0.3;
/** Scripts written without spaces: character n-grams of length 1 to 3. */
const CHARACTER_WEIGHTS = [0.8, 1, 0.3] as const;

const UNSPACED =
  "\\p{Script=Han}\\p{Script=Hiragana}\\p{Script=Katakana}\\p{Script=Thai}\\p{Script=Lao}\\p{Script=Khmer}\\p{Script=Myanmar}";
const TOKEN = new RegExp(`[${UNSPACED}]+|[[\\p{L}\\p{N}\\p{M}]--[${UNSPACED}]]+`, "gv");
const STARTS_UNSPACED = new RegExp(`^[${UNSPACED}]`, "v");
const HAS_DIGIT = /\p{N}/u;
const NOT_ASCII = /[^\0-\x7f]/;
const ACCENTS = /[\u0300-\u036f]/g;

/** Lower case without Latin, Greek and Cyrillic accents, in the form NFKC. Vowel signs of other scripts stay. */
export function foldText(text: string): string {
  const lower = text.toLowerCase();
  if (!NOT_ASCII.test(lower)) return lower;
  return lower.normalize("NFKD").replace(ACCENTS, "").replaceAll("ß", "ss").normalize("NFC");
}

/** Unit vector [768] of a text; all zeros for a text without letters or digits. */
export function hashEmbed(text: string): Float32Array {
  const vector = new Float32Array(HASH_DIMENSIONS);
  const tokens = foldText(text).match(TOKEN) ?? [];

  const counts = new Map<string, number>();
  for (const token of tokens) counts.set(token, (counts.get(token) ?? 0) + 1);
  for (const [token, count] of counts) {
    // Sublinear term frequency: the tenth mention adds less than the second.
    const weight = 1 + Math.log(count);
    if (STARTS_UNSPACED.test(token)) addCharacters(vector, token, weight);
    else addWord(vector, token, weight * wordWeight(token));
  }
  for (let i = 1; i < tokens.length; i++) {
    const [left, right] = [tokens[i - 1]!, tokens[i]!];
    const weight = PAIR_WEIGHT * Math.min(wordWeight(left), wordWeight(right));
    add(vector, hash(right, hash(left, PAIR_SEED) ^ 32), weight);
  }
  return normalise(vector);
}

function wordWeight(word: string): number {
  if (HAS_DIGIT.test(word)) return NUMBER_WEIGHT;
  return COMMON_WEIGHTS.get(word) ?? (word.length <= 2 ? SHORT_WORD_WEIGHT : 1);
}

function addWord(vector: Float32Array, word: string, weight: number): void {
  add(vector, hash(word, WORD_SEED), weight);

  const padded = `_${word}_`;
  // So that a long word does not outweigh a short one, its n-grams share a fixed energy.
  const scale = weight * Math.sqrt(NGRAM_ENERGY / Math.max(1, 3 * (padded.length - 2)));
  for (let start = 0; start < padded.length - 1; start++) {
    let state = step(NGRAM_SEED, padded.charCodeAt(start));
    for (let n = 2; n <= 5 && start + n <= padded.length; n++) {
      state = step(state, padded.charCodeAt(start + n - 1));
      add(vector, state, scale * NGRAM_WEIGHTS[n - 2]!);
    }
  }
}

function addCharacters(vector: Float32Array, run: string, weight: number): void {
  const characters = Array.from(run);
  const common = characters.map((character) => COMMON_WEIGHTS.get(character) ?? 1);
  for (let start = 0; start < characters.length; start++) {
    let state = CHARACTER_SEED;
    let rarity = 0;
    for (let n = 1; n <= 3 && start + n <= characters.length; n++) {
      state = step(state, characters[start + n - 1]!.codePointAt(0)!);
      rarity += common[start + n - 1]!;
      add(vector, state, (weight * CHARACTER_WEIGHTS[n - 1]! * rarity) / n);
    }
  }
}

// Feature hashing (Weinberger et al. 2009): a signed bucket per feature, here two, so that one collision of two heavy
// features costs half.

function add(vector: Float32Array, state: number, weight: number): void {
  const first = mix(state);
  const second = mix(first ^ 0x9e3779b9);
  vector[(first >>> 1) % HASH_DIMENSIONS]! += first & 1 ? weight : -weight;
  vector[(second >>> 1) % HASH_DIMENSIONS]! += second & 1 ? weight : -weight;
}

const WORD_SEED = 0x811c9dc5;
const PAIR_SEED = 0x2f0b4c47;
const NGRAM_SEED = 0x1b873593;
const CHARACTER_SEED = 0x52dce729;

const step = (state: number, unit: number): number => Math.imul(state ^ unit, 0x01000193);

function hash(text: string, seed: number): number {
  let state = seed;
  for (let i = 0; i < text.length; i++) state = step(state, text.charCodeAt(i));
  return state;
}

function normalise(vector: Float32Array): Float32Array {
  const length = norm(vector, 0, vector.length);
  for (let i = 0; i < vector.length; i++) vector[i]! /= length;
  return vector;
}

// Which features the embedder knows, and what they weigh before training: rare words more than common ones (Sparck Jones
// 1972), counted over the same text that it learns from.
import { COMMON_WEIGHTS } from "../../policy/embedding/common-words.ts";
import { type Unit, readToken, tokensOf } from "../../policy/embedding/features.ts";
import { FeatureIndex, type Gains } from "../../policy/embedding/subword-embedder.ts";
import { type Random } from "../../policy/random.ts";
import { type Material } from "./examples.ts";
import { type Parameters } from "./parameters.ts";

export interface VocabularyOptions {
  readonly width: number;
  readonly gains: Gains;
  /** Words that occur in fewer groups, and in no word list, stay unknown: so training also meets unknown words. */
  readonly minGroups: number;
  /** An n-gram is known when so many different known words have it. */
  readonly minWords: number;
  readonly maxGrams: number;
  /** Weight = IDF share to this power. */
  readonly power: number;
  /** Standard deviation of the numbers of E before training. */
  readonly spread: number;
}

export function startingParameters(
  { families, translations, thesaurus }: Material,
  options: VocabularyOptions,
  random: Random,
): Parameters {
  const { width, gains, minGroups, minWords, maxGrams, power, spread } = options;
  const counts = new Map<string, Map<string, number>>();
  const texts = new Map<string, number>();
  const groups = new Map<string, Set<string>>();
  const count = (lang: string, text: string, group: string) => {
    texts.set(lang, (texts.get(lang) ?? 0) + 1);
    const own = counts.get(lang) ?? new Map<string, number>();
    counts.set(lang, own);
    for (const token of new Set(tokensOf(text))) {
      own.set(token, (own.get(token) ?? 0) + 1);
      groups.set(token, (groups.get(token) ?? new Set()).add(group));
    }
  };
  for (const { lang, same, different, group } of families)
    for (const text of [...same, ...different]) count(lang, text, group);
  for (const { texts: byLang, group } of translations)
    for (const [lang, list] of byLang) for (const text of list) count(lang, text, group);

  const known = new Map<string, Unit>();
  const learn = (token: string) => known.set(token, readToken(token));
  for (const [token, { size }] of groups) if (size >= minGroups) learn(token);
  for (const token of COMMON_WEIGHTS.keys()) learn(token);
  for (const meaning of thesaurus.meanings)
    for (const words of meaning.values()) for (const token of words.flat()) learn(token);

  const weights = new Map<number, number>();
  for (const [token, { hash, kind }] of known) {
    const shares = [...counts].map(([lang, own]) => share(own.get(token) ?? 0, texts.get(lang)!));
    const prior = gains[kind] * Math.min(...shares) ** power;
    weights.set(hash, Math.min(prior, COMMON_WEIGHTS.get(token) ?? prior));
  }
  const words = new Map<number, number>();
  for (const { grams } of known.values())
    for (const gram of new Set(grams)) words.set(gram, (words.get(gram) ?? 0) + 1);
  const frequent = [...words].filter(([, n]) => n >= minWords).toSorted((a, b) => b[1] - a[1]);
  for (const [gram, n] of frequent.slice(0, maxGrams))
    weights.set(gram, gains.gram * share(n, known.size) ** power);

  const features = Uint32Array.from(weights.keys()).toSorted();
  return {
    width,
    features,
    index: new FeatureIndex(features),
    logWeights: Float32Array.from(features, (hash) => Math.log(weights.get(hash)!)),
    rows: Float32Array.from({ length: features.length * width }, () => spread * random.normal()),
    gains,
  };
}

/** ln((N + 1) / (n + 1/2)) as a share of what a word has that never occurred; a small share for one in every text. */
const share = (n: number, of: number): number =>
  Math.max(0.05, Math.log((of + 1) / (n + 0.5)) / Math.log((of + 1) / 0.5));

// The verifier's lexicon, from the training text and the lists of synonyms and opposites.
import { languageOf } from "../../policy/cache/language.ts";
import { tokenise } from "../../policy/cache/guards/tokens.ts";
import { type Lexicon, folded, stemOf } from "../../policy/verifier/lexicon.ts";
import { type Lexicon as WordLists } from "../paraphrases.ts";

/** So few texts of a language say nothing of how often its words occur. */
const FEW_TEXTS = 50;
/** A stem in fewer texts is as rare as one in none. */
const KNOWN_TEXTS = 2;
/** Phrases with more words are sentences. */
const LONGEST_PHRASE = 6;

export function lexiconFrom(texts: ReadonlySet<string>, wordLists: readonly WordLists[]): Lexicon {
  const rarity = new Map<string, number>();
  for (const [lang, own] of Map.groupBy(texts, (text) => languageOf(text))) {
    const counts = new Map<string, number>();
    for (const text of own)
      for (const stem of new Set(stemsOf(text, lang)))
        counts.set(stem, (counts.get(stem) ?? 0) + 1);
    if (own.length < FEW_TEXTS) continue;
    for (const [stem, count] of counts)
      if (count >= KNOWN_TEXTS)
        rarity.set(`${lang} ${stem}`, round(Math.log(own.length / count) / Math.log(own.length)));
  }
  const synonyms = new Map<string, number[]>();
  const opposites = new Map<string, number[]>();
  let longestPhrase = 1;
  const put = (to: Map<string, number[]>, words: string, lang: string, number: number) => {
    const stems = stemsOf(words, lang);
    if (stems.length === 0 || stems.length > LONGEST_PHRASE) return;
    longestPhrase = Math.max(longestPhrase, stems.length);
    const key = stems.join(" ");
    const numbers = to.get(key) ?? [];
    if (!numbers.includes(number)) numbers.push(number);
    to.set(key, numbers);
  };
  let [group, pair] = [0, 0];
  for (const { lang, synonyms: rows, opposites: pairs } of wordLists) {
    for (const row of rows) {
      for (const words of row) put(synonyms, words, lang, group);
      group++;
    }
    for (const [one, other] of pairs) {
      put(opposites, one, lang, 2 * pair);
      put(opposites, other, lang, 2 * pair + 1);
      pair++;
    }
  }
  return { rarity, synonyms, opposites, longestPhrase };
}

function stemsOf(text: string, lang: string): readonly string[] {
  return tokenise(text)
    .filter(({ kind }) => kind !== "symbol")
    .map(({ lower }) => stemOf(folded(lower), lang));
}

const round = (value: number): number => Math.round(100 * value) / 100;

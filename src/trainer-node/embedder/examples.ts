// What the embedder learns from: questions with another wording and, mostly, a near miss. Drawn from groups written for
// that, from the workload's calibration half, from whole translations, and made from word lists by code.
import { COMMON_WEIGHTS } from "../../policy/embedding/common-words.ts";
import { tokensOf } from "../../policy/embedding/features.ts";
import { type Random } from "../../policy/random.ts";
import { type Paraphrases, isWithheld } from "../paraphrases.ts";
import { type Group } from "../simulator/groups.ts";
import { type Meaning, Thesaurus, pick } from "./lexicon.ts";

export interface Example {
  readonly text: string;
  readonly same: string;
  /** null: only the other questions of the batch are different. */
  readonly different: string | null;
  /** Examples of one group say nothing about each other. */
  readonly group: string;
}

/** Questions of one language with one answer, and others that need another one. */
interface Family {
  readonly group: string;
  readonly lang: string;
  readonly same: readonly string[];
  readonly different: readonly string[];
}

export interface Material {
  readonly families: readonly Family[];
  /** One question in several languages. */
  readonly translations: readonly {
    readonly group: string;
    readonly texts: ReadonlyMap<string, readonly string[]>;
    readonly different: ReadonlyMap<string, readonly string[]>;
  }[];
  readonly thesaurus: Thesaurus;
}

/** @param groups of the workload, of the half that may be learnt from */
export function materialOf(paraphrases: Paraphrases, groups: readonly Group[]): Material {
  const families: Family[] = paraphrases.groups
    .filter(({ id }) => !isWithheld(id))
    .map(({ id, lang, same, different }) => ({ group: id, lang, same, different }));
  const translations: Material["translations"][number][] = paraphrases.translations.map(
    (texts, i) => ({
      group: `translation ${i}`,
      texts: new Map([...texts].map(([lang, text]) => [lang, [text]])),
      different: new Map(),
    }),
  );
  for (const { id, family, questions } of groups) {
    const others = groups.filter((other) => other.family === family && other.id !== id);
    const different = new Map(
      [...questions.keys()].map((lang) => [
        lang,
        others.flatMap((other) => other.questions.get(lang) ?? []),
      ]),
    );
    for (const [lang, same] of questions)
      if (same.length > 1)
        families.push({ group: id, lang, same, different: different.get(lang) ?? [] });
    if (questions.size > 1) translations.push({ group: id, texts: questions, different });
  }
  return { families, translations, thesaurus: new Thesaurus(paraphrases) };
}

/** How often each kind of example is drawn, relative to the others. */
export interface Mix {
  readonly group: number;
  readonly reworded: number;
  readonly blurred: number;
  readonly translated: number;
  readonly wordByWord: number;
  readonly words: number;
}

/** Draws an example; null when this one could not be made. */
type Maker = (material: Material, random: Random) => Example | null;

export function drawExample(material: Material, mix: Mix, random: Random): Example {
  for (;;) {
    const example = makerOf(mix, random)(material, random);
    if (example === null) continue;
    const { same, different } = example;
    // Made by chance, a near miss may say the same.
    const isMiss = different !== null && wordsOf(different) !== wordsOf(same);
    return isMiss ? example : { ...example, different: null };
  }
}

/** Whatever their order. */
const wordsOf = (text: string): string => tokensOf(text).toSorted(byCode).join(" ");

const byCode = (a: string, b: string): number => (a < b ? -1 : Number(a > b));

function makerOf(mix: Mix, random: Random): Maker {
  const total = KINDS.reduce((sum, kind) => sum + mix[kind], 0);
  let left = random.uniform() * total;
  for (const kind of KINDS) if ((left -= mix[kind]) < 0) return MAKERS[kind];
  return MAKERS.group;
}

const MAKERS: Readonly<Record<keyof Mix, Maker>> = {
  /** Two wordings of a group, and one of its near misses. */
  group: ({ families }, random) => {
    const { group, same, different } = pick(families, random);
    const text = pick(same, random);
    const others = same.filter((other) => other !== text);
    if (others.length === 0) return null;
    return {
      text,
      same: pick(others, random),
      different: different.length === 0 ? null : pick(different, random),
      group,
    };
  },

  /** Words replaced by synonyms; the near miss has one word's opposite. */
  reworded: ({ families, thesaurus }, random) => {
    const { group, lang, same, different } = pick(families, random);
    const all = [...same, ...different];
    const text = pick(all, random);
    const tokens = tokensOf(text);
    const other = thesaurus.reworded(tokens, { from: lang, to: lang, share: 0.7 }, random);
    if (other.replaced === 0) return null;
    const opposed = thesaurus.opposed(tokens, lang, random);
    return {
      text,
      same: other.tokens.join(" "),
      different: opposed === null ? null : opposed.join(" "),
      group,
    };
  },

  /** A typing mistake, missing small words, another order. */
  blurred: ({ families }, random) => {
    const { group, same, different } = pick(families, random);
    const text = pick(same, random);
    const tokens = tokensOf(text).filter(
      (token) => !COMMON_WEIGHTS.has(token) || random.uniform() < 0.5,
    );
    if (tokens.length < 2) return null;
    const at = Math.floor(random.uniform() * tokens.length);
    return {
      text,
      same: tokens.with(at, mistyped(tokens[at]!, random)).join(" "),
      different: different.length === 0 ? null : pick(different, random),
      group,
    };
  },

  /** A whole question in two languages; the near miss is in the second. */
  translated: ({ translations }, random) => {
    if (translations.length === 0) return null;
    const { group, texts, different } = pick(translations, random);
    const [from, to] = twoOf([...texts.keys()], random);
    const misses = different.get(to) ?? [];
    return {
      text: pick(texts.get(from)!, random),
      same: pick(texts.get(to)!, random),
      different: misses.length === 0 ? null : pick(misses, random),
      group,
    };
  },

  /** Every word that has one replaced by a word of another language. */
  wordByWord: ({ families, thesaurus }, random) => {
    const { group, lang, same, different } = pick(families, random);
    const text = pick([...same, ...different], random);
    const tokens = tokensOf(text);
    const to = pick(LANGUAGES, random);
    if (to === lang) return null;
    const { tokens: other, replaced } = thesaurus.reworded(
      tokens,
      { from: lang, to, share: 1 },
      random,
    );
    if (replaced < 2) return null;
    const kept = other.filter((token) => !COMMON_WEIGHTS.has(token));
    return { text, same: kept.join(" "), different: null, group };
  },

  /** A handful of meanings in two wordings or languages; the near miss has another one in place of one of them. */
  words: ({ thesaurus: { meanings, concepts } }, random) => {
    if (meanings.length === 0) return null;
    const from = concepts.length > 0 && random.uniform() < 0.7 ? concepts : meanings;
    const count = 1 + Math.floor(random.uniform() * 5);
    const chosen = Array.from({ length: count }, () => pick(from, random));
    const langs = [...chosen[0]!.keys()];
    const [one, two] = langs.length > 1 ? twoOf(langs, random) : [langs[0]!, langs[0]!];
    const shared = chosen.filter((meaning) => meaning.has(one) && meaning.has(two));
    const changed = shared.with(0, pick(from, random));
    return {
      text: said(shared, one, random),
      same: said(shared, two, random),
      different: changed[0]!.has(two) && count > 1 ? said(changed, two, random) : null,
      group: "",
    };
  },
};

const KINDS = ["group", "reworded", "blurred", "translated", "wordByWord", "words"] as const;
const LANGUAGES = ["en", "de", "es", "fr", "ru", "zh", "pt", "it", "ja"] as const;

/** The meanings in a language, in random order. */
function said(meanings: readonly Meaning[], lang: string, random: Random): string {
  const words = meanings.map((meaning) => pick(meaning.get(lang)!, random).join(" "));
  for (let i = words.length - 1; i > 0; i--) {
    const j = Math.floor(random.uniform() * (i + 1));
    [words[i], words[j]] = [words[j]!, words[i]!];
  }
  return words.join(" ");
}

function twoOf(list: readonly string[], random: Random): readonly [string, string] {
  const first = pick(list, random);
  return [
    first,
    pick(
      list.filter((other) => other !== first),
      random,
    ),
  ];
}

/** Two letters swapped, one doubled or one lost; short words and numbers stay. */
function mistyped(word: string, random: Random): string {
  if (word.length < 5 || /\p{N}/u.test(word)) return word;
  const at = 1 + Math.floor(random.uniform() * (word.length - 3));
  const [before, a, b, after] = [
    word.slice(0, at),
    word.slice(at, at + 1),
    word.slice(at + 1, at + 2),
    word.slice(at + 2),
  ];
  return before + pick([b + a, a + a + b, a], random) + after;
}

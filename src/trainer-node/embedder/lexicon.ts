// Words that may stand for each other, within a language and between languages, and swaps of them in a text's tokens.
import { tokensOf } from "../../policy/embedding/features.ts";
import { type Random } from "../../policy/random.ts";
import { type Paraphrases } from "../paraphrases.ts";

/** One meaning: its words by language, each as tokens. */
export type Meaning = ReadonlyMap<string, readonly (readonly string[])[]>;

interface Entry {
  readonly meaning: Meaning;
}

const LONGEST_PHRASE = 6;

export class Thesaurus {
  readonly meanings: readonly Meaning[];
  /** Of several languages. */
  readonly concepts: readonly Meaning[];
  /** `<lang> <tokens>` -> meanings with these words. */
  readonly #entries = new Map<string, Entry[]>();
  readonly #opposites = new Map<string, (readonly string[])[]>();

  constructor({ synonyms, concepts }: Pick<Paraphrases, "synonyms" | "concepts">) {
    const within = synonyms.flatMap(({ lang, synonyms: rows }) =>
      rows.map((words): Meaning => new Map([[lang, words.map(tokensOf)]])),
    );
    this.concepts = concepts.map(
      (concept): Meaning =>
        new Map([...concept].map(([lang, words]) => [lang, words.map(tokensOf)])),
    );
    this.meanings = [...within, ...this.concepts];
    for (const meaning of this.meanings)
      for (const [lang, words] of meaning)
        for (const tokens of words) append(this.#entries, keyOf(lang, tokens), { meaning });
    for (const { lang, opposites } of synonyms)
      for (const [a, b] of opposites) {
        append(this.#opposites, keyOf(lang, tokensOf(a)), tokensOf(b));
        append(this.#opposites, keyOf(lang, tokensOf(b)), tokensOf(a));
      }
  }

  /** Words with a meaning, replaced with probability `share` by others of it in the language `to`. */
  reworded(
    tokens: readonly string[],
    { from, to, share }: { readonly from: string; readonly to: string; readonly share: number },
    random: Random,
  ): { readonly tokens: readonly string[]; readonly replaced: number } {
    const result: string[] = [];
    let replaced = 0;
    for (let at = 0; at < tokens.length;) {
      const found = this.#longestAt(tokens, at, from, to, random);
      if (found === null || random.uniform() >= share) {
        result.push(tokens[at++]!);
        continue;
      }
      result.push(...found.instead);
      at += found.length;
      replaced += found.length;
    }
    return { tokens: result, replaced };
  }

  /** One word turned into its opposite or sibling; null when no word of the text has one. */
  opposed(tokens: readonly string[], lang: string, random: Random): readonly string[] | null {
    const places: (readonly [number, number, readonly string[]])[] = [];
    for (let at = 0; at < tokens.length; at++)
      for (let length = Math.min(LONGEST_PHRASE, tokens.length - at); length > 0; length--)
        for (const other of this.#opposites.get(keyOf(lang, tokens.slice(at, at + length))) ?? [])
          places.push([at, length, other]);
    if (places.length === 0) return null;
    const [at, length, other] = pick(places, random);
    return tokens.toSpliced(at, length, ...other);
  }

  #longestAt(
    tokens: readonly string[],
    at: number,
    from: string,
    to: string,
    random: Random,
  ): { readonly length: number; readonly instead: readonly string[] } | null {
    for (let length = Math.min(LONGEST_PHRASE, tokens.length - at); length > 0; length--) {
      const own = keyOf(from, tokens.slice(at, at + length));
      const others = (this.#entries.get(own) ?? []).flatMap(({ meaning }) =>
        (meaning.get(to) ?? []).filter((words) => keyOf(from, words) !== own),
      );
      if (others.length > 0) return { length, instead: pick(others, random) };
    }
    return null;
  }
}

export const pick = <T>(list: readonly T[], random: Random): T =>
  list[Math.floor(random.uniform() * list.length)]!;

const keyOf = (lang: string, tokens: readonly string[]): string => `${lang} ${tokens.join(" ")}`;

function append<T>(map: Map<string, T[]>, key: string, value: T): void {
  const list = map.get(key);
  if (list === undefined) map.set(key, [value]);
  else list.push(value);
}

// Words and phrases that stand for one of several alternatives ("at least" and "at most", "cat" and "dog"). A text is read
// against a book once; two texts that hold different members of one group ask for different things.
import { remembered } from "./memory.ts";
import { type Token, wordsOf } from "./tokens.ts";

/** Group -> members that a text names. */
export type Marks = ReadonlyMap<string, ReadonlySet<string>>;

interface Entry {
  /** Further words of a phrase, after the one it is found by. */
  readonly rest: readonly string[];
  readonly group: string;
  readonly member: string;
}

/** The group of phrases that hide the words they are made of: "how many" is no "many". */
const NEUTRAL = "";
const SHORTEST_STEM = 2;
const LONGEST_STEM = 14;

export class PhraseBook {
  readonly #words = new Map<string, Entry[]>();
  readonly #stems = new Map<string, Entry[]>();
  /** What stems begin with: most words are no form of any. */
  readonly #beginnings = new Set<string>();

  /** Spellings are parted by spaces, the words of a phrase by "_"; "*" after a single word stands for any ending. */
  add(group: string, member: string, spellings: string): void {
    for (const spelling of spellings.split(" ")) {
      if (spelling === "") continue;
      const isStem = spelling.endsWith("*");
      const phrase = isStem ? spelling.slice(0, -1) : spelling;
      // Chinese is cut into characters, which follow each other like the words of a phrase.
      const words = phrase
        .split("_")
        .flatMap((word) => (HAN.test(word) ? word.match(PIECE)! : [word]));
      const table = isStem ? this.#stems : this.#words;
      const entries = table.get(words[0]!) ?? [];
      entries.push({ rest: words.slice(1), group, member });
      // Longest first: "no less than" before "no".
      entries.sort((a, b) => b.rest.length - a.rest.length);
      table.set(words[0]!, entries);
      if (isStem) this.#beginnings.add(words[0]!.slice(0, SHORTEST_STEM));
    }
  }

  read(tokens: readonly Token[]): Marks {
    const marks = new Map<string, Set<string>>();
    const words = wordsOf(tokens);
    let at = 0;
    while (at < words.length) {
      const entries = this.#at(words, at);
      for (const { group, member } of entries) {
        if (group === NEUTRAL) continue;
        const members = marks.get(group);
        if (members === undefined) marks.set(group, new Set([member]));
        else members.add(member);
      }
      at += 1 + (entries[0]?.rest.length ?? 0);
    }
    return marks;
  }

  /** All entries of the longest phrase that begins here. */
  #at(words: readonly Token[], at: number): readonly Entry[] {
    const { phrases, forms } = this.#beginningWith(words[at]!.lower);
    if (phrases.length === 0) return forms;
    const fits = (entry: Entry): boolean =>
      entry.rest.every((word, i) => words[at + 1 + i]?.lower === word);
    const known = phrases.filter(fits);
    if (known.length === 0) return forms;
    const longest = known[0]!.rest.length;
    return known.filter(({ rest }) => rest.length === longest);
  }

  /** Phrases with this first word, longest first, and entries that it is a form of. */
  readonly #beginningWith = remembered((lower) => {
    const phrases = this.#words.get(lower) ?? NONE;
    const forms = this.#formsOf(lower);
    return phrases === NONE && forms === NONE ? NOTHING : { phrases, forms };
  });

  #formsOf(lower: string): readonly Entry[] {
    if (this.#beginnings.has(lower.slice(0, SHORTEST_STEM)))
      for (let size = Math.min(LONGEST_STEM, lower.length); size >= SHORTEST_STEM; size--) {
        const entries = this.#stems.get(lower.slice(0, size));
        if (entries !== undefined) return entries;
      }
    return NONE;
  }
}

const NONE: readonly Entry[] = [];
const NOTHING = { phrases: NONE, forms: NONE };

const HAN = /\p{Script=Han}/u;
/** As the tokeniser cuts: runs of numerals, single characters, other words. */
const PIECE = /[〇零一二两兩三四五六七八九十百千万萬億亿半]+|\p{Script=Han}|[^\p{Script=Han}]+/gu;

/** A member on each side that the other side lacks, or null. Symmetric. */
export function exchanged(a: Marks, b: Marks, group: string): string | null {
  const [inA, inB] = [a.get(group), b.get(group)];
  if (inA === undefined || inB === undefined) return null;
  const onlyA = [...inA].find((member) => !inB.has(member));
  const onlyB = [...inB].find((member) => !inA.has(member));
  return onlyA === undefined || onlyB === undefined ? null : `${onlyA} against ${onlyB}`;
}

/** A group that one side names and the other does not, or null. Symmetric. */
export function oneSided(a: Marks, b: Marks, group: string): string | null {
  const [inA, inB] = [a.get(group), b.get(group)];
  if ((inA === undefined) === (inB === undefined)) return null;
  return `${[...(inA ?? inB)!][0]} on one side only`;
}

/** One book a language, from lines "group/member: spellings"; languages without lines have an empty one. */
export function booksFrom(tables: Readonly<Record<string, string>>): (lang: string) => PhraseBook {
  const books = new Map<string, PhraseBook>();
  for (const [lang, table] of Object.entries(tables)) {
    const book = new PhraseBook();
    for (const line of table.split("\n")) {
      const [name, spellings] = line.trim().split(": ");
      const [group, member] = name!.split("/");
      book.add(group === "-" ? NEUTRAL : group!, member ?? group!, spellings!);
    }
    books.set(lang, book);
  }
  const empty = new PhraseBook();
  return (lang) => books.get(lang) ?? empty;
}

// Which side of a pair of opposites a question names, by its language. The words are data: a line holds two sides parted by
// "|"; "_" joins the words of a phrase, "*" stands for any ending. What several languages share stands in opposites.ts.
import { DE } from "./antonyms/de.ts";
import { EN } from "./antonyms/en.ts";
import { ES } from "./antonyms/es.ts";
import { FR } from "./antonyms/fr.ts";
import { RU } from "./antonyms/ru.ts";
import { ZH } from "./antonyms/zh.ts";
import { type Marks, PhraseBook } from "./phrase-book.ts";
import { type Token } from "./tokens.ts";

const BOOKS: ReadonlyMap<string, PhraseBook> = new Map(
  Object.entries({ en: EN, de: DE, es: ES, fr: FR, ru: RU, zh: ZH }).map(([lang, table]) => [
    lang,
    bookOf(table),
  ]),
);
const EMPTY = new PhraseBook();

export const antonymsOf = (tokens: readonly Token[], lang: string): Marks =>
  (BOOKS.get(lang) ?? EMPTY).read(tokens);

/** One side of a pair each, or null; who names both sides ("the difference between ...") opposes neither. Symmetric. */
export function antonymsConflict(a: Marks, b: Marks): string | null {
  for (const [pair, inA] of a) {
    const inB = b.get(pair);
    if (inA.size !== 1 || inB?.size !== 1) continue;
    const [one, other] = [[...inA][0]!, [...inB][0]!];
    if (one !== other) return [one, other].toSorted().join(" against ");
  }
  return null;
}

function bookOf(table: string): PhraseBook {
  const book = new PhraseBook();
  for (const line of table.split("\n")) {
    const sides = line.split("|").map((side) => side.trim());
    // A side is called by its first word, which is what a receipt shows.
    for (const side of sides)
      book.add(line, side.split(" ")[0]!.replaceAll("_", " ").replace("*", "…"), side);
  }
  return book;
}

// Which members of a kind a question names ("dog" and "cat"), so that the other question can be held against it.
import { KINDS } from "./kind-names.ts";
import { type Marks, PhraseBook, exchanged } from "./phrase-book.ts";
import { type Token } from "./tokens.ts";

const LANGUAGES = ["en", "de", "es", "fr", "ru", "zh"] as const;
/** Languages that make their plural with an s. */
const PLURAL_S = new Set(["en", "es", "fr"]);
const BOOKS: ReadonlyMap<string, PhraseBook> = booksOf(KINDS);
const EMPTY = new PhraseBook();

export const kindsOf = (tokens: readonly Token[], lang: string): Marks =>
  (BOOKS.get(lang) ?? EMPTY).read(tokens);

/** Each names a thing of a kind that the other does not, or null. Symmetric. */
export function kindsConflict(a: Marks, b: Marks): string | null {
  for (const group of a.keys()) {
    const conflict = exchanged(a, b, group);
    if (conflict !== null) return conflict;
  }
  return null;
}

function booksOf(table: string): Map<string, PhraseBook> {
  const books = new Map(LANGUAGES.map((lang) => [lang as string, new PhraseBook()]));
  let group = "";
  for (const line of table.split("\n")) {
    if (line.startsWith("# ")) {
      group = line.slice(2);
      continue;
    }
    const names = line.split("|");
    const member = names[0]!.split(" ")[0]!;
    for (const [at, lang] of LANGUAGES.entries())
      books.get(lang)!.add(group, member, withPlurals(names[at]!.trim(), lang));
  }
  return books;
}

function withPlurals(names: string, lang: string): string {
  if (!PLURAL_S.has(lang)) return names;
  return names
    .split(" ")
    .flatMap((name) => (/[*_]|s$/.test(name) ? [name] : [name, `${name}s`]))
    .join(" ");
}

// What a question is about by name: people, places, products, identifiers, quotations, months. Two questions that name
// different things have different answers, however alike they read.
import { type Token } from "./tokens.ts";

export interface Names {
  /** Lower-case names and identifiers that the other question must mention too. */
  readonly required: ReadonlySet<string>;
  /** All words, lower case, as written and without a possessive or plural ending: what counts as a mention. */
  readonly mentions: ReadonlySet<string>;
  readonly months: ReadonlySet<string>;
  /** Text between quotation marks or in code, which must be equal. */
  readonly quotes: ReadonlySet<string>;
}

const MONTHS = new Map(
  (
    "january jan januar enero janvier января январь 1|february feb februar febrero février февраля февраль 2|" +
    "march märz marzo mars марта март 3|april abril avril апреля апрель 4|may mai mayo мая май 5|" +
    "june jun juni junio juin июня июнь 6|july jul juli julio juillet июля июль 7|" +
    "august aug agosto août августа август 8|september sept septiembre septembre сентября сентябрь 9|" +
    "october oct oktober octubre octobre октября октябрь 10|november nov noviembre novembre ноября ноябрь 11|" +
    "december dec dezember diciembre décembre декабря декабрь 12|" +
    "monday montag lunes lundi понедельник mo|tuesday dienstag martes mardi вторник tu|" +
    "wednesday mittwoch miércoles mercredi среда среду we|thursday donnerstag jueves jeudi четверг th|" +
    "friday freitag viernes vendredi пятница пятницу fr|saturday samstag sábado samedi суббота субботу sa|" +
    "sunday sonntag domingo dimanche воскресенье su"
  )
    .split("|")
    .flatMap((line) => {
      const names = line.split(" ");
      return names.slice(0, -1).map((name): [string, string] => [name, names.at(-1)!]);
    }),
);
/** Month names that are ordinary words as well: only written with a capital, beside a number or after "in". */
const AMBIGUOUS = new Set(["may", "march", "mars", "mai", "jan", "dec", "nov", "среда", "среду"]);

/** Capitalised in English without being anybody's name. */
const NO_NAMES = new Set("i i'm i've i'd i'll ok dr mr mrs ms".split(" "));
/** In German every noun has a capital; one straight after these words, without an article, is usually a name. */
const GERMAN_LEADS = new Set("in von aus nach für mit bei zwischen über gegen und oder".split(" "));

export function namesOf(text: string, tokens: readonly Token[], lang: string): Names {
  const required = new Set<string>();
  const mentions = new Set<string>();
  const months = new Set<string>();
  const isShouting = hasTitleCase(tokens);
  for (const [at, token] of tokens.entries()) {
    const { text: written, lower, kind } = token;
    if (kind !== "word") continue;
    mentions.add(lower);
    mentions.add(bareForm(lower));
    const month = MONTHS.get(lower);
    if (month !== undefined && isMonth(tokens, at)) months.add(month);
    else if (!isShouting && (isIdentifier(written) || isName(tokens, at, lang)))
      required.add(bareForm(lower));
  }
  return { required, mentions, months, quotes: quotesOf(text) };
}

/** Why two questions are about different things, or null. Symmetric. */
export function namesConflict(a: Names, b: Names): string | null {
  const missing =
    [...a.required].find((name) => !b.mentions.has(name)) ??
    [...b.required].find((name) => !a.mentions.has(name));
  if (missing !== undefined) return `${missing} is named on one side only`;
  const quote = onlyInOne(a.quotes, b.quotes);
  return quote === undefined ? null : `${quote.slice(0, 40)} is quoted on one side only`;
}

export function monthsConflict(a: Names, b: Names): string | null {
  const month = onlyInOne(a.months, b.months);
  return month === undefined ? null : `date part ${month} on one side only`;
}

function onlyInOne(a: ReadonlySet<string>, b: ReadonlySet<string>): string | undefined {
  return [...a].find((item) => !b.has(item)) ?? [...b].find((item) => !a.has(item));
}

function isMonth(tokens: readonly Token[], at: number): boolean {
  const { text, lower, opens } = tokens[at]!;
  if (!AMBIGUOUS.has(lower)) return true;
  const isBesideNumber = tokens[at - 1]?.kind === "number" || tokens[at + 1]?.kind === "number";
  return isBesideNumber || (!opens && text !== lower);
}

/** CamelCase, snake_case, ABC, x86: written so on purpose. */
function isIdentifier(written: string): boolean {
  if (/^[IVX]+$/.test(written)) return false;
  if (/[\p{L}]\p{N}|_/u.test(written) && written.length > 1) return true;
  return /\p{Ll}\p{Lu}/u.test(written) || (/^\p{Lu}{2,}$/u.test(written) && written.length <= 6);
}

function isName(tokens: readonly Token[], at: number, lang: string): boolean {
  const { text, lower, opens } = tokens[at]!;
  if (opens || !/^\p{Lu}/u.test(text) || NO_NAMES.has(lower)) return false;
  return lang !== "de" || GERMAN_LEADS.has(tokens[at - 1]?.lower ?? "");
}

/** "How To Install Python" and "HOW TO ...": capitals that name nothing. */
function hasTitleCase(tokens: readonly Token[]): boolean {
  const inner = tokens.filter((token) => token.kind === "word" && !token.opens);
  const capitals = inner.filter((token) => /^\p{Lu}/u.test(token.text)).length;
  return inner.length >= 3 && capitals > 0.7 * inner.length;
}

/** Without a possessive, a plural or (Russian) a case ending: "India's" and "indias" are India. */
export function bareForm(lower: string): string {
  const stem = lower.replace(/'s?$|'(?:s|ll|re|d|ve)$/, "");
  if (/^[\u0400-\u04ff]/.test(stem))
    return stem.length > 4 ? stem.slice(0, Math.max(4, stem.length - 2)) : stem;
  return stem.length > 3 && stem.endsWith("s") && !stem.endsWith("ss") ? stem.slice(0, -1) : stem;
}

const MOST_QUOTES = 50;

/** Quoted and code spans. Each mark is found once, so that a text of nothing but quotation marks stays linear. */
function quotesOf(text: string): ReadonlySet<string> {
  const quotes = new Set<string>();
  for (const match of text.matchAll(/["“„«`「《]([^"“”„«»`「」《》]{1,200})["”»`」》]/g)) {
    const inner = match[1]!.trim().toLowerCase();
    if (inner !== "" && quotes.size < MOST_QUOTES) quotes.add(inner);
  }
  for (const [path] of text.matchAll(/(?<![\w-])[\w-]+(?:[./\\@:]+[\w-]+)+/g)) {
    // A file, an address, a version; not two sentences without a space between them.
    const isPath = /[a-z]/i.test(path) && !/^[^/\\@:_\d]*\.\p{Lu}\p{Ll}*$/u.test(path);
    if (isPath && quotes.size < MOST_QUOTES) quotes.add(path.toLowerCase());
  }
  return quotes;
}

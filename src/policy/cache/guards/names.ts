// What a question is about by name: people, places, products, identifiers, quotations, months. Two questions that name
// different things have different answers, however alike they read.
import { datePartAt, digitDateAt } from "./calendar.ts";
import { remembered } from "./memory.ts";
import { type Token, hasCapital, isHan } from "./tokens.ts";
import { unitOf } from "./units.ts";

export interface Names {
  /** Lower-case names and identifiers that the other question must mention too. */
  readonly required: ReadonlySet<string>;
  /** All words, lower case, as written and without a possessive or plural ending: what counts as a mention. */
  readonly mentions: ReadonlySet<string>;
  readonly months: ReadonlySet<string>;
  /** Text between quotation marks or in code, which must be equal. */
  readonly quotes: ReadonlySet<string>;
}

/** Capitalised in English without being anybody's name. */
const NO_NAMES = new Set(
  "first second third one two three ok i i'm i've i'd i'll ok dr mr mrs ms".split(" "),
);
/** In German every noun has a capital; one straight after these words, without an article, is usually a name. */
const GERMAN_LEADS = new Set("in von aus nach für mit bei zwischen über gegen und oder".split(" "));

export function namesOf(text: string, tokens: readonly Token[], lang: string): Names {
  const required = new Set<string>();
  const mentions = new Set<string>();
  const months = new Set<string>();
  const isShouting = hasTitleCase(tokens);
  const hasOtherScript = OTHER_SCRIPTS.has(lang);
  for (const [at, token] of tokens.entries()) {
    const { text: written, lower, kind } = token;
    const month = kind === "number" ? digitDateAt(tokens, at, lang)?.month : undefined;
    if (month !== undefined) months.add(month);
    if (kind !== "word") continue;
    mentions.add(lower);
    // A character of Chinese has one form.
    const { bare, name } =
      lower.length === 1 && isHan(lower) ? { bare: lower, name: lower } : formsOf(lower);
    if (bare !== lower) mentions.add(bare);
    if (name !== bare) mentions.add(name);
    // "W-LAN" is "WLAN".
    const tail = tokens[at + 1]?.text === "-" ? tokens[at + 2] : undefined;
    if (tail?.glued === true && lower.length === 1) mentions.add(lower + tail.lower);
    const part = datePartAt(tokens, at);
    const country = IN_COUNTRIES.has(lower)
      ? COUNTRIES.get(`${lower} ${tokens[at + 1]?.lower ?? ""}`)
      : undefined;
    if (part !== undefined) months.add(part);
    else if (country !== undefined) {
      required.add(country);
      mentions.add(country);
    } else if (isUnit(tokens, at) || isSecondOfTwo(tokens, at)) continue;
    else if (hasOtherScript && /^[a-z][\w-]+$/i.test(written)) required.add(name);
    else if (!isShouting && (isIdentifier(written) || isName(tokens, at, lang))) required.add(name);
  }
  return { required, mentions, months, quotes: quotesOf(text) };
}

/** In these every word in Latin letters is a name. */
const OTHER_SCRIPTS = new Set(["ru", "uk", "zh", "ja"]);
const COUNTRIES: ReadonlyMap<string, string> = new Map(
  "united states>us|estados unidos>us|ee uu>us|vereinigte staaten>us|vereinigten staaten>us|united kingdom>britain|reino unido>britain|great britain>britain|vereinigten königreich>britain|european union>eu"
    .split("|")
    .map((entry) => entry.split(">") as [string, string]),
);

const IN_COUNTRIES = new Set([...COUNTRIES.keys()].flatMap((name) => name.split(" ")));

function isSecondOfTwo(tokens: readonly Token[], at: number): boolean {
  const before = tokens[at - 1];
  const isPart = before?.text === "-" && before.glued && tokens[at - 2]?.text.length === 1;
  const { lower } = tokens[at]!;
  return isPart || (IN_COUNTRIES.has(lower) && COUNTRIES.has(`${before?.lower ?? ""} ${lower}`));
}

/** Measures have a guard of their own: 350 F, °C, EUR. */
function isUnit(tokens: readonly Token[], at: number): boolean {
  const { lower } = tokens[at]!;
  const isUnitName = unitOf(lower) !== undefined;
  if (isUnitName && lower.length > 1) return true;
  if (!isUnitName && lower !== "c" && lower !== "f" && lower !== "k") return false;
  const before = tokens[at - 1];
  return before?.kind === "number" || before?.text === "°" || before?.text === "(";
}

/** Other spellings of one name. */
const ALIASES: ReadonlyMap<string, string> = new Map(
  (
    "js javascript|ts typescript|py python|postgres postgresql|postgre postgresql|k8s kubernete|mongo mongodb|win windows|" +
    "usa us|eeuu us|uk britain|sevilla seville|roma rome|paris paris|wien vienna|köln cologne|münchen munich|londres london|" +
    "londra london|moskau moscow|pekín beijing|peking beijing|mt mount|st saint|chatgpt gpt|macos mac|osx mac|kilo kilogramm|" +
    "elasticsearch elastic|golang go|nyc york|america us|american us|british britain|english england|scottish scotland|irish ireland|" +
    "french france|german germany|spanish spain|italian italy|portuguese portugal|dutch netherland|holland netherland|swiss switzerland|" +
    "austrian austria|swedish sweden|norwegian norway|danish denmark|finnish finland|polish poland|czech czechia|greek greece|" +
    "turkish turkey|russian russia|ukrainian ukraine|chinese china|japanese japan|korean korea|indian india|mexican mexico|" +
    "brazilian brazil|canadian canada|australian australia|chilean chile|argentinian argentina|european eu|europe eu|roman rome"
  )
    .split("|")
    .map((pair) => pair.split(" ") as [string, string]),
);

/** The spelling that a name is compared by. */
const nameOf = remembered((lower) => {
  const elided = lower.replace(/^(?:l|d|qu)'/, "");
  const bare = bareForm(elided);
  return ALIASES.get(elided) ?? ALIASES.get(bare) ?? bare;
});

const formsOf = remembered((lower) => ({ bare: bareForm(lower), name: nameOf(lower) }));

/** Why two questions are about different things, or null. Symmetric. */
export function namesConflict(a: Names, b: Names): string | null {
  const missing = onlyIn(a.required, b.mentions) ?? onlyIn(b.required, a.mentions);
  if (missing !== undefined) return `${missing} is named on one side only`;
  const quote =
    [...a.quotes].find((item) => !b.quotes.has(item) && !isSaid(item, b)) ??
    [...b.quotes].find((item) => !a.quotes.has(item) && !isSaid(item, a));
  return quote === undefined ? null : `${quote.slice(0, 40)} is quoted on one side only`;
}

/** A name on each side that the other side does not mention, nor anything spelled like it. Symmetric. */
export function namesExchange(a: Names, b: Names): string | null {
  const onlyA = unmentioned(a, b);
  const onlyB = onlyA.length === 0 ? onlyA : unmentioned(b, a);
  const isLetter = (name: string): boolean => name.length === 1;
  for (const one of onlyA)
    for (const other of onlyB)
      if (
        isLetter(one) === isLetter(other) &&
        isLatin(one) === isLatin(other) &&
        /\d/.test(one) === /\d/.test(other) &&
        !areSpelledAlike(one, other) &&
        !isShortFor(one, other) &&
        !isShortFor(other, one)
      )
        return `${one} against ${other}`;
  return null;
}

/** Names are written in either script, and look different then. */
const isLatin = (name: string): boolean => /^[\0-\u024f]/.test(name);

/** Quotations, files and addresses that differ on both sides. */
export function quotesExchange(a: Names, b: Names): string | null {
  const onlyA = [...a.quotes].find((quote) => !b.quotes.has(quote) && !isSaid(quote, b));
  const onlyB = [...b.quotes].find((quote) => !a.quotes.has(quote) && !isSaid(quote, a));
  if (onlyA === undefined || onlyB === undefined) return null;
  return `${onlyA.slice(0, 40)} against ${onlyB.slice(0, 40)}`;
}

/** All words of a quotation stand in the other text, if not in a row and quoted. */
function isSaid(quote: string, { mentions }: Names): boolean {
  // "append" is "list.append" where lists are spoken of.
  const last = /^[\w.]+\.(\w+)$/.exec(quote)?.[1];
  if (last !== undefined && mentions.has(last)) return true;
  const words = quote.match(/[\p{L}_][\p{L}\p{N}_]*/gu) ?? [];
  return (
    words.length > 0 &&
    words.every(
      (word) =>
        mentions.has(word) ||
        (word.match(/\p{Script=Han}/gu) ?? ["?"]).every((sign) => mentions.has(sign)),
    )
  );
}

/** Most names that are compared with each other; a text of nothing but names stays linear. */
const MOST_NAMES = 8;

function unmentioned(a: Names, b: Names): readonly string[] {
  const missing: string[] = [];
  for (const name of [...a.required]
    .filter((one) => !b.mentions.has(one))
    .slice(0, 2 * MOST_NAMES)) {
    // "Chile" and "chileno", "Italie" and "italien": a form of the same name, unless that one is a name itself.
    const isForm = name.length >= 4 && [...b.mentions].some((word) => areSpelledAlike(name, word));
    if (!isForm) missing.push(name);
    if (missing.length === MOST_NAMES) break;
  }
  return missing;
}

/** A common beginning of most of the longer one. "Austria" is not "Australia". */
function areSpelledAlike(a: string, b: string): boolean {
  const longer = Math.max(a.length, b.length);
  const needed = Math.max(4, Math.ceil(0.6 * longer));
  if (Math.min(a.length, b.length) < needed || a.slice(0, needed) !== b.slice(0, needed))
    return false;
  if (!/^[а-яё]/.test(a)) return true;
  let common = needed;
  while (common < a.length && a[common] === b[common]) common++;
  // Cases end in vowels and a few consonants, adjectives hold -ск-: австрал(ия) is not австр(ия).
  return [a.slice(common), b.slice(common)].every((end) => RUSSIAN_TAIL.test(end));
}

const RUSSIAN_TAIL = /^(?:[аеёиоуыэюяйьмхвг]{0,4}|.{0,3}ск[а-яё]{0,4})$/;

/** "FRA" and "Frankfurt", "CEO" and "chief". */
function isShortFor(short: string, long: string): boolean {
  return short.length <= 4 && long.length > short.length + 2 && long.startsWith(short[0]!);
}

export function monthsConflict(a: Names, b: Names): string | null {
  const month = onlyInOne(a.months, b.months);
  return month === undefined ? null : `date part ${month} on one side only`;
}

function onlyInOne(a: ReadonlySet<string>, b: ReadonlySet<string>): string | undefined {
  return onlyIn(a, b) ?? onlyIn(b, a);
}

function onlyIn(a: ReadonlySet<string>, b: ReadonlySet<string>): string | undefined {
  for (const item of a) if (!b.has(item)) return item;
  return undefined;
}

/** CamelCase, snake_case, ABC, x86: written so on purpose. */
const isIdentifier = remembered((written: string): boolean => {
  if (/^[IVX]+$/.test(written)) return false;
  if (/[\p{L}]\p{N}|_/u.test(written) && written.length > 1) return true;
  return /\p{Ll}\p{Lu}/u.test(written) || (/^\p{Lu}{2,}$/u.test(written) && written.length <= 6);
});

function isName(tokens: readonly Token[], at: number, lang: string): boolean {
  const { text, lower, opens } = tokens[at]!;
  if (opens || !hasCapital(text) || NO_NAMES.has(lower)) return false;
  return lang !== "de" || GERMAN_LEADS.has(tokens[at - 1]?.lower ?? "");
}

/** "How To Install Python" and "HOW TO ...": capitals that name nothing. */
function hasTitleCase(tokens: readonly Token[]): boolean {
  let [inner, capitals] = [0, 0];
  for (const { kind, opens, text } of tokens) {
    if (kind !== "word" || opens) continue;
    inner++;
    if (hasCapital(text)) capitals++;
  }
  return inner >= 3 && capitals > 0.7 * inner;
}

/** Without a possessive, a plural or (Russian) a case ending: "India's" and "indias" are India. */
export const bareForm = remembered((lower: string): string => {
  const stem = lower.replace(/'s?$|'(?:s|ll|re|d|ve)$/, "");
  if (/^[\u0400-\u04ff]/.test(stem))
    return stem.length > 4 ? stem.slice(0, Math.max(4, stem.length - 2)) : stem;
  return stem.length > 3 && stem.endsWith("s") && !stem.endsWith("ss") ? stem.slice(0, -1) : stem;
});

const MOST_QUOTES = 50;

/** Quoted and code spans. Each mark is found once, so that a text of nothing but quotation marks stays linear. */
function quotesOf(text: string): ReadonlySet<string> {
  const quotes = new Set<string>();
  if (HAS_QUOTE.test(text)) addQuoted(text, quotes);
  if (HAS_PATH.test(text)) addPaths(text, quotes);
  return quotes;
}

/** Most texts hold neither. */
const HAS_QUOTE = /["“„«`「《]/;
const HAS_PATH = /[./\\@:][\w-]/;

function addQuoted(text: string, quotes: Set<string>): void {
  for (const match of text.matchAll(/["“„«`「《]([^"“”„«»`「」《》]{1,200})["”»`」》]/g)) {
    const inner = match[1]!.trim().toLowerCase();
    if (inner !== "" && quotes.size < MOST_QUOTES) quotes.add(inner);
  }
}

function addPaths(text: string, quotes: Set<string>): void {
  // A slice of a list: [:3] is not [3:].
  for (const [slice] of text.matchAll(/\[[^[\]\n:]{0,40}:[^[\]\n]{0,40}\]/g))
    if (quotes.size < MOST_QUOTES) quotes.add(slice.replaceAll(" ", ""));
  for (const [path] of text.matchAll(/(?<![\w-])[\w-]+(?:[./\\@:]+[\w-]+)+/g)) {
    // A file, an address, a version; not two sentences without a space between them.
    // "km/h" and "and/or" are none.
    const isPath =
      /[a-z]/i.test(path) &&
      !/^\p{L}+\/\p{L}+$/u.test(path) &&
      !/^[^/\\@:_\d]*\.\p{Lu}\p{Ll}*$/u.test(path);
    if (isPath && quotes.size < MOST_QUOTES) quotes.add(path.toLowerCase());
  }
}

// What the verifier knows of words: how rare each is, which stand for each other, which change an answer. Learnt from the
// training text, kept in the scorer's file.
import { type Bytes, fromAscii, toAscii } from "../network/bytes.ts";

export interface Lexicon {
  /** "lang stem" -> ln(texts of the language / those that hold it) / ln(texts), in [0, 1]; unknown stems are 1. */
  readonly rarity: ReadonlyMap<string, number>;
  /** Stems of a word or phrase, joined by spaces -> groups whose members may replace each other. */
  readonly synonyms: ReadonlyMap<string, readonly number[]>;
  /** The same -> sides of pairs that change the answer: 2 x pair + side. */
  readonly opposites: ReadonlyMap<string, readonly number[]>;
  /** Words of the longest phrase in either. */
  readonly longestPhrase: number;
}

export const EMPTY_LEXICON: Lexicon = {
  rarity: new Map(),
  synonyms: new Map(),
  opposites: new Map(),
  longestPhrase: 1,
};

/** Lower case without accents: how a word is spelled matters less than which one it is. */
export function folded(lower: string): string {
  if (/^[\0-\x7f]*$/.test(lower)) return lower;
  return lower
    .normalize("NFKD")
    .replace(/[\u0300-\u036f]/g, "")
    .replaceAll("ß", "ss")
    .normalize("NFC");
}

const IS_HAN = /\p{Script=Han}/u;
const VOWEL = /[aeiouy]/;

/** The part of a word that its forms share. `lower` is folded. English by its endings, others by their first 70 %. */
export function stemOf(lower: string, lang: string): string {
  if (IS_HAN.test(lower) || /^\d/.test(lower)) return lower;
  const bare = lower.replace(/'(?:s|ll|re|d|ve|m)?$/, "");
  if (lang !== "en" && lang !== "und")
    return bare.slice(0, Math.max(4, Math.ceil(0.7 * bare.length)));
  return englishStem(bare);
}

const IRREGULAR: ReadonlyMap<string, string> = new Map(
  (
    "children child|people person|men man|women woman|feet foot|teeth tooth|mice mouse|bought buy|sold sell|made make|went go|gone go|" +
    "got get|gotten get|took take|taken take|gave give|given give|wrote write|written write|said say|told tell|found find|" +
    "thought think|felt feel|lost lose|kept keep|left leave|met meet|paid pay|ran run|saw see|seen see|spent spend|" +
    "began begin|begun begin|broke break|broken break|built build|chose choose|chosen choose|drank drink|drove drive|" +
    "driven drive|ate eat|eaten eat|fell fall|fallen fall|flew fly|forgot forget|forgotten forget|grew grow|grown grow|" +
    "knew know|known know|learnt learn|meant mean|sent send|slept sleep|spoke speak|spoken speak|stole steal|taught teach|" +
    "threw throw|understood understand|wore wear|won win|came come|became become|caught catch|lives life|wives wife|" +
    "better good|best good|worse bad|worst bad|has have|had have|is be|are be|was be|were be|been be|am be|does do|did do|done do"
  )
    .split("|")
    .flatMap((entry) => {
      const [form, stem] = entry.split(" ");
      return [[form!, stem!] as const];
    }),
);

function englishStem(word: string): string {
  const irregular = IRREGULAR.get(word);
  if (irregular !== undefined) return withoutE(irregular);
  let stem = word;
  if (stem.length > 3 && stem.endsWith("ies")) stem = `${stem.slice(0, -3)}y`;
  else if (stem.length > 4 && /(?:ss|sh|ch|x|z)es$/.test(stem)) stem = stem.slice(0, -2);
  else if (stem.length > 3 && /[^su]s$/.test(stem) && !stem.endsWith("is"))
    stem = stem.slice(0, -1);
  for (const ending of ["ing", "ed", "ly"]) {
    const rest = stem.slice(0, -ending.length);
    if (stem.endsWith(ending) && rest.length >= 3 && VOWEL.test(rest)) {
      // "stopping" is stop, "selling" is sell.
      stem = /([bdgmnprt])\1$/.test(rest) ? rest.slice(0, -1) : rest;
      break;
    }
  }
  return withoutE(stem.length > 3 && stem.endsWith("y") ? `${stem.slice(0, -1)}i` : stem);
}

const withoutE = (stem: string): string =>
  stem.length > 3 && stem.endsWith("e") ? stem.slice(0, -1) : stem;

interface PackedLexicon {
  readonly longestPhrase: number;
  /** By rarity: stems joined by "|". */
  readonly rarity: Readonly<Record<string, string>>;
  readonly synonyms: readonly string[];
  readonly opposites: readonly (readonly [string, string])[];
}

/** ASCII JSON; groups are lists, so that their numbers need not be kept. */
export function packLexicon(lexicon: Lexicon): Bytes {
  const rarity: Record<string, string> = {};
  for (const [level, stems] of Map.groupBy(lexicon.rarity, ([, value]) => value.toFixed(2)))
    rarity[level] = stems.map(([stem]) => stem).join("|");
  const groups = invert(lexicon.synonyms);
  const sides = invert(lexicon.opposites);
  const pairs: [string, string][] = [];
  for (const side of sides.keys())
    if (side % 2 === 0 && sides.has(side + 1))
      pairs.push([textOf(sides.get(side)), textOf(sides.get(side + 1))]);
  const packed = {
    longestPhrase: lexicon.longestPhrase,
    rarity,
    synonyms: [...groups.values()].map(textOf),
    opposites: pairs,
  } satisfies PackedLexicon;
  return fromAscii(
    JSON.stringify(packed).replace(
      /[^\0-\x7f]/g,
      (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`,
    ),
  );
}

export function unpackLexicon(bytes: Uint8Array): Lexicon {
  const packed = JSON.parse(toAscii(bytes) ?? "null") as PackedLexicon;
  const rarity = new Map<string, number>();
  for (const [level, stems] of Object.entries(packed.rarity))
    for (const stem of stems.split("|")) rarity.set(stem, Number(level));
  return {
    rarity,
    longestPhrase: packed.longestPhrase,
    synonyms: numbered(packed.synonyms.map((group) => [group])),
    opposites: numbered(packed.opposites),
  };
}

/** phrase -> numbers of the lists that hold it; a list of two gets two numbers of its own. */
function numbered(lists: readonly (readonly string[])[]): ReadonlyMap<string, readonly number[]> {
  const numbers = new Map<string, number[]>();
  let next = 0;
  for (const list of lists)
    for (const side of list) {
      for (const phrase of side.split("|")) {
        const known = numbers.get(phrase);
        if (known === undefined) numbers.set(phrase, [next]);
        else if (!known.includes(next)) known.push(next);
      }
      next++;
    }
  return numbers;
}

function invert(numbers: ReadonlyMap<string, readonly number[]>): Map<number, string[]> {
  const lists = new Map<number, string[]>();
  for (const [phrase, groups] of numbers)
    for (const group of groups) {
      const list = lists.get(group);
      if (list === undefined) lists.set(group, [phrase]);
      else list.push(phrase);
    }
  return new Map([...lists].toSorted(([one], [other]) => one - other));
}

const textOf = (phrases: readonly string[] | undefined): string => (phrases ?? []).join("|");

// Everything the guards know of one text, read once.
import { isFunctionWord } from "../language.ts";
import { antonymsOf } from "./antonyms.ts";
import { type AnswerLanguages, answerLanguagesOf } from "./answer-language.ts";
import { type Code, codeOf } from "./code.ts";
import { kindsOf } from "./kinds.ts";
import { type Names, namesOf } from "./names.ts";
import { type NumberFact } from "./number-values.ts";
import { numbersOf } from "./numbers.ts";
import { type Marks } from "./phrase-book.ts";
import { type Polarity, polarityOf } from "./polarity.ts";
import { type References, isStory, referencesOf } from "./references.ts";
import { type Roles, rolesOf } from "./roles.ts";
import { scopeWordsOf } from "./scope-words.ts";
import { type Structure, structureOf } from "./structure.ts";
import { contentWordsOf } from "./substitution.ts";
import { type Tense, tenseOf } from "./tense.ts";
import { type Token, isHan, tokenise } from "./tokens.ts";
import { rateOf, standaloneUnitOf, unitOf } from "./units.ts";

export interface Reading {
  /** ISO 639-1 code it was read in, or "und". */
  readonly lang: string;
  readonly numbers: readonly NumberFact[];
  /** Units that measure, and rates. */
  readonly units: ReadonlySet<string>;
  /** Units in a looser sense: times as well. */
  readonly measures: ReadonlySet<string>;
  readonly polarity: Polarity;
  readonly names: Names;
  readonly structure: Structure;
  readonly references: References;
  readonly isStory: boolean;
  readonly content: readonly string[];
  readonly scope: Marks;
  readonly kinds: Marks;
  readonly antonyms: Marks;
  readonly tense: Tense;
  readonly answerLanguages: AnswerLanguages;
  readonly code: Code;
  readonly roles: Roles;
  /** What tells how alike two texts are: stems of content words, single Chinese characters. */
  readonly pieces: ReadonlySet<string>;
}

/** Texts whose readings are remembered: a popular row is read once, not for every request. */
const MAX_READINGS = 256;
/** Longer texts are never semantic candidates. */
const LONGEST_KEPT = 2_048;
const readings = new Map<string, Reading>();

export function readingOf(text: string, lang: string): Reading {
  const key = `${lang}\u0000${text}`;
  const known = readings.get(key);
  if (known !== undefined) return known;
  const reading = read(text, lang);
  if (text.length <= LONGEST_KEPT) {
    if (readings.size >= MAX_READINGS) readings.delete(readings.keys().next().value!);
    readings.set(key, reading);
  }
  return reading;
}

function read(text: string, lang: string): Reading {
  const tokens = tokenise(text);
  const numbers = numbersOf(tokens, lang);
  const units = tokens.flatMap(
    ({ lower }, at) => standaloneUnitOf(lower) ?? rateOf(lower, tokens[at + 1]?.lower) ?? [],
  );
  const content = contentWordsOf(tokens, lang);
  return {
    lang,
    numbers,
    units: new Set(units),
    measures: measuresOf(tokens, lang),
    polarity: polarityOf(tokens, lang),
    names: namesOf(text, tokens, lang),
    structure: structureOf(tokens, lang),
    references: referencesOf(tokens, numbers.length),
    content,
    isStory: isStory(tokens, numbers.length),
    scope: scopeWordsOf(tokens, lang),
    kinds: kindsOf(tokens, lang),
    antonyms: antonymsOf(tokens, lang),
    tense: tenseOf(tokens, lang),
    answerLanguages: answerLanguagesOf(tokens, lang),
    code: codeOf(tokens, lang),
    roles: rolesOf(tokens, lang),
    pieces: piecesOf(tokens, content),
  };
}

function measuresOf(tokens: readonly Token[], lang: string): ReadonlySet<string> {
  return new Set(
    tokens.flatMap((token, at) => {
      const lower = token.lower.replace(/^(?:l|d)'/, "");
      // 小时 and 人民币 are several tokens.
      const long = lang === "zh" ? longUnitAt(tokens, at) : undefined;
      if (long !== undefined) return [long];
      const isPartOfTwo =
        lang === "zh" &&
        [at - 1, at - 2].some((before) => longUnitAt(tokens, before) !== undefined);
      const isLetter = lower.length === 1 && !isHan(lower);
      return isPartOfTwo || isLetter || isFunctionWord(lower, lang) ? [] : (unitOf(lower) ?? []);
    }),
  );
}

/** The unit of three or two characters that begins here. */
function longUnitAt(tokens: readonly Token[], at: number): string | undefined {
  const [one, two, three] = [tokens[at], tokens[at + 1], tokens[at + 2]];
  if (one === undefined || two === undefined) return undefined;
  const pair = one.lower + two.lower;
  return (three === undefined ? undefined : unitOf(pair + three.lower)) ?? unitOf(pair);
}

/** Characters of Chinese grammar, which any two questions share. */
const HAN_FILLERS = new Set("的了吗呢吧啊请问如何怎么样是为什多少哪里个可以有在和与我你要会能");

function piecesOf(tokens: readonly Token[], content: readonly string[]): ReadonlySet<string> {
  const pieces = new Set(content);
  for (const { lower } of tokens) if (isHan(lower) && !HAN_FILLERS.has(lower)) pieces.add(lower);
  return pieces;
}

/** How alike two texts are in what they talk about, in [0, 1]. */
export function likeness(a: Reading, b: Reading): number {
  const [few, many] = a.pieces.size < b.pieces.size ? [a.pieces, b.pieces] : [b.pieces, a.pieces];
  // Nothing but numbers and small words.
  if (many.size === 0) return 1;
  let shared = 0;
  for (const piece of few) if (many.has(piece)) shared++;
  return (2 * shared) / (few.size + many.size);
}

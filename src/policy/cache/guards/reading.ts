// Everything the guards know of one text. Each part is read once, and only when it is asked for: most rows differ from a
// request in what is compared first.
import { isFunctionWord } from "../language.ts";
import { antonymsOf } from "./antonyms.ts";
import { type AnswerLanguages, answerLanguagesOf } from "./answer-language.ts";
import { type Code, codeOf } from "./code.ts";
import { kindsOf } from "./kinds.ts";
import { RecentTexts, remembered, rememberedByLanguage } from "./memory.ts";
import { type Names, namesOf } from "./names.ts";
import { type NumberFact } from "./number-values.ts";
import { numbersOf } from "./numbers.ts";
import { type Marks } from "./phrase-book.ts";
import { type Polarity, polarityOf } from "./polarity.ts";
import { type QuestionForm, questionFormOf } from "./question-form.ts";
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
  readonly tokens: readonly Token[];
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
  readonly form: QuestionForm | null;
  readonly roles: Roles;
  /** What tells how alike two texts are: stems of content words, single Chinese characters. */
  readonly pieces: ReadonlySet<string>;
}

/** Texts whose readings are remembered: a popular row is read once, not for every request. */
const MAX_READINGS = 256;
/** Longer texts are never semantic candidates. */
const LONGEST_KEPT = 2_048;
const readings = new RecentTexts<Reading>(MAX_READINGS);

export function readingOf(text: string, lang: string): Reading {
  const known = readings.get(text, lang);
  if (known !== undefined) return known;
  const reading = new TextReading(text, lang);
  if (text.length <= LONGEST_KEPT) readings.set(text, reading);
  return reading;
}

class TextReading implements Reading {
  readonly lang: string;
  readonly tokens: readonly Token[];
  readonly numbers: readonly NumberFact[];
  readonly content: readonly string[];
  readonly pieces: ReadonlySet<string>;
  readonly isStory: boolean;
  readonly #text: string;
  #units: Reading["units"] | undefined;
  #measures: Reading["measures"] | undefined;
  #polarity: Polarity | undefined;
  #names: Names | undefined;
  #structure: Structure | undefined;
  #references: References | undefined;
  #scope: Marks | undefined;
  #kinds: Marks | undefined;
  #antonyms: Marks | undefined;
  #tense: Tense | undefined;
  #answerLanguages: AnswerLanguages | undefined;
  #code: Code | undefined;
  #roles: Roles | undefined;
  #form: QuestionForm | null | undefined;

  constructor(text: string, lang: string) {
    this.#text = text;
    this.lang = lang;
    this.tokens = tokenise(text);
    this.numbers = numbersOf(this.tokens, lang);
    this.content = contentWordsOf(this.tokens, lang);
    this.pieces = piecesOf(this.tokens, this.content);
    this.isStory = isStory(this.tokens, this.numbers.length);
  }

  get units(): ReadonlySet<string> {
    return (this.#units ??= unitsOf(this.tokens));
  }

  get measures(): ReadonlySet<string> {
    return (this.#measures ??= measuresOf(this.tokens, this.lang));
  }

  get polarity(): Polarity {
    return (this.#polarity ??= polarityOf(this.tokens, this.lang));
  }

  get names(): Names {
    return (this.#names ??= namesOf(this.#text, this.tokens, this.lang));
  }

  get structure(): Structure {
    return (this.#structure ??= structureOf(this.tokens, this.lang));
  }

  get references(): References {
    return (this.#references ??= referencesOf(this.tokens, this.numbers.length));
  }

  get scope(): Marks {
    return (this.#scope ??= scopeWordsOf(this.tokens, this.lang));
  }

  get kinds(): Marks {
    return (this.#kinds ??= kindsOf(this.tokens, this.lang));
  }

  get antonyms(): Marks {
    return (this.#antonyms ??= antonymsOf(this.tokens, this.lang));
  }

  get tense(): Tense {
    return (this.#tense ??= tenseOf(this.tokens, this.lang));
  }

  get answerLanguages(): AnswerLanguages {
    return (this.#answerLanguages ??= answerLanguagesOf(this.tokens, this.lang));
  }

  get form(): QuestionForm | null {
    return this.#form === undefined
      ? (this.#form = questionFormOf(this.tokens, this.lang))
      : this.#form;
  }

  get code(): Code {
    return (this.#code ??= codeOf(this.tokens, this.lang));
  }

  get roles(): Roles {
    return (this.#roles ??= rolesOf(this.tokens, this.lang));
  }
}

const looseUnitOf = remembered(standaloneUnitOf);

function unitsOf(tokens: readonly Token[]): ReadonlySet<string> {
  const units = new Set<string>();
  for (const [at, { lower }] of tokens.entries()) {
    const unit = looseUnitOf(lower) ?? rateOf(lower, tokens[at + 1]?.lower);
    if (unit !== undefined) units.add(unit);
  }
  return units;
}

const measureOf = rememberedByLanguage((word, lang) => {
  const lower = word.replace(/^(?:l|d)'/, "");
  const isLetter = lower.length === 1 && !isHan(lower);
  return isLetter || isFunctionWord(lower, lang) ? undefined : unitOf(lower);
});

function measuresOf(tokens: readonly Token[], lang: string): ReadonlySet<string> {
  const measures = new Set<string>();
  // 小时 and 人民币 are several tokens, of which the first stands for all.
  let [last, beforeLast] = [false, false];
  for (const [at, { lower }] of tokens.entries()) {
    const long = lang === "zh" ? longUnitAt(tokens, at) : undefined;
    const measure = long ?? (last || beforeLast ? undefined : measureOf(lower, lang));
    if (measure !== undefined) measures.add(measure);
    [last, beforeLast] = [long !== undefined, last];
  }
  return measures;
}

/** The unit of three or two characters that begins here. */
function longUnitAt(tokens: readonly Token[], at: number): string | undefined {
  const one = tokens[at];
  const two = tokens[at + 1];
  const three = tokens[at + 2];
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

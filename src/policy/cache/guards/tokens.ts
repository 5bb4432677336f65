// A question cut into tokens, once, in linear time. Every guard reads these and none reads the raw text again.
import { remembered } from "./memory.ts";

export interface Token {
  /** As written, after NFKC. */
  readonly text: string;
  /** Lower case, straight apostrophes. */
  readonly lower: string;
  readonly kind: "word" | "number" | "han-number" | "symbol";
  /** First token of the text or of a sentence, where a capital says nothing. */
  readonly opens: boolean;
  /** No space between this token and the one before. */
  readonly glued: boolean;
}

/**
 * Digits with separators inside, a run of Chinese numerals, one Han character, a word of any other script, or one symbol.
 * Cut by a table of characters: an expression over Unicode classes costs twenty times as much.
 */
export function tokenise(text: string): readonly Token[] {
  const plain = plainForm(text);
  const tokens: Token[] = [];
  let at = 0;
  let end = 0;
  let opens = true;
  let hasLineBreak = false;
  while (at < plain.length) {
    const first = classAt(plain, at);
    if (first === SPACE) {
      if (plain.charCodeAt(at) === LINE_FEED) hasLineBreak = true;
      at++;
      continue;
    }
    const glued = at === end && end > 0;
    end = endOf(plain, at, first);
    const { written, lower, kind } = lexemeOf(plain.slice(at, end));
    at = end;
    tokens.push({ text: written, lower, kind, glued, opens: opens || hasLineBreak });
    hasLineBreak = false;
    // Quotes and brackets do not end the start of a sentence: `"Who is ...` still opens with Who.
    if (kind !== "symbol") opens = false;
    else if (".!?:;。！？：；¿¡•".includes(written)) opens = true;
  }
  return tokens;
}

/** Words of the text that can carry meaning on their own: no symbols. */
export function wordsOf(tokens: readonly Token[]): readonly Token[] {
  if (tokens !== lastTokens) {
    lastTokens = tokens;
    lastWords = tokens.filter((token) => token.kind !== "symbol");
  }
  return lastWords;
}

/** Every guard asks for them, one text after the other. */
let lastTokens: readonly Token[] = [];
let lastWords: readonly Token[] = [];

/** Whether a word begins with a capital. */
export function hasCapital(written: string): boolean {
  const code = written.charCodeAt(0);
  if (code < 0x80) return code >= 0x41 && code <= 0x5a;
  // Nothing between the radicals and the end of the common ideographs has capitals.
  if (code >= 0x2e80 && code < 0xa000) return false;
  return /^\p{Lu}/u.test(written);
}

const HAN = /\p{Script=Han}/u;

/** Whether a token holds ideographs; words of other scripts are told by their first character. */
export function isHan(word: string): boolean {
  if (!(word.charCodeAt(0) >= 0x2e80)) return false;
  if (word.length > 1) return HAN.test(word);
  const found = classAt(word, 0);
  return found >= NUMERAL && found <= HAN_SIGN;
}

const LINE_FEED = 10;
const APOSTROPHE = 0x27;
const POINT = 0x2e;
const COMMA = 0x2c;

const SPACE = 1;
const SYMBOL = 2;
const DIGIT = 3;
const NUMERAL = 4;
const HAN_LETTER = 5;
const HAN_MARK = 6;
const HAN_SIGN = 7;
const LETTER = 8;
/** Marks and "_". */
const MARK = 9;
/** Digits and numbers of other scripts: only inside a word. */
const NUMBER = 10;

/** Class of each unit of UTF-16, from the first time it is met; 0 before. */
const CLASSES = new Uint8Array(0x10000);

function classAt(text: string, at: number): number {
  const unit = text.charCodeAt(at);
  const known = CLASSES[unit]!;
  if (known !== 0) return known;
  const point = text.codePointAt(at)!;
  const found = classOf(String.fromCodePoint(point));
  // The first half of a character says nothing about the whole.
  if (unit < 0xd800 || unit > 0xdfff) CLASSES[unit] = found;
  return found;
}

function classOf(sign: string): number {
  if (/^\s/.test(sign)) return SPACE;
  if (/^\d/.test(sign)) return DIGIT;
  if (/^[〇零一二两兩三四五六七八九十百千万萬億亿半]/.test(sign)) return NUMERAL;
  const isLetter = /^\p{L}/u.test(sign);
  const isMark = /^[\p{M}_]/u.test(sign);
  if (HAN.test(sign)) return isLetter ? HAN_LETTER : isMark ? HAN_MARK : HAN_SIGN;
  if (isLetter || isMark) return isLetter ? LETTER : MARK;
  return /^\p{N}/u.test(sign) ? NUMBER : SYMBOL;
}

const sizeAt = (text: string, at: number): number => (text.codePointAt(at)! > 0xffff ? 2 : 1);

function endOf(text: string, at: number, first: number): number {
  let end = at + sizeAt(text, at);
  if (first === DIGIT) {
    while (isDigitAt(text, end) || (isSeparatorAt(text, end) && isDigitAt(text, end + 1))) end++;
  } else if (first === NUMERAL) {
    while (end < text.length && classAt(text, end) === NUMERAL) end++;
  } else if (first === LETTER || first === MARK) {
    for (;;) {
      if (end >= text.length) break;
      const next = classAt(text, end);
      const goesOn = next === LETTER || next === MARK || next === DIGIT || next === NUMBER;
      if (!goesOn && !(text.charCodeAt(end) === APOSTROPHE && isLetterAt(text, end + 1))) break;
      end += sizeAt(text, end);
    }
  }
  return end;
}

const isDigitAt = (text: string, at: number): boolean =>
  at < text.length && classAt(text, at) === DIGIT;

function isSeparatorAt(text: string, at: number): boolean {
  const unit = text.charCodeAt(at);
  return unit === POINT || unit === COMMA;
}

function isLetterAt(text: string, at: number): boolean {
  if (at >= text.length) return false;
  const found = classAt(text, at);
  if (found === LETTER || found === HAN_LETTER) return true;
  return found === NUMERAL && text[at] !== "〇";
}

interface Lexeme {
  readonly written: string;
  readonly lower: string;
  readonly kind: Token["kind"];
}

/** One object for each word that is met, so that what is remembered of words is found by the same string. */
const lexemeOf = remembered((written): Lexeme => ({
  written,
  lower: written.toLowerCase(),
  kind: kindOf(classAt(written, 0)),
}));

function kindOf(first: number): Token["kind"] {
  if (first === DIGIT) return "number";
  if (first === NUMERAL) return "han-number";
  const isWord = first === LETTER || first === MARK || first === HAN_LETTER || first === HAN_MARK;
  return isWord ? "word" : "symbol";
}

const DIGIT_ZEROS = [0x660, 0x6f0, 0x966, 0x9e6, 0xe50];
/** What NFKC would join to its neighbours, and what it leaves as many signs for one. */
const FRACTION_OR_EXPONENT = /[¼-¾⅐-⅞²³¹⁰⁴-⁹]/;
const OTHER_SIGN =
  /[\u0660-\u0669\u06f0-\u06f9\u0966-\u096f\u09e6-\u09ef\u0e50-\u0e59‘’ʼ´“”„«»−‐‑‒–—⁄]/;

/** One way to write what has many: NFKC, ASCII digits, fractions as 1/2, exponents as ^2, straight quotes, one minus. */
function plainForm(text: string): string {
  // Nothing to unify in plain ASCII.
  if (/^[\0-\x7f]*$/.test(text)) return text;
  const parted = FRACTION_OR_EXPONENT.test(text)
    ? text
        .replace(/[¼-¾⅐-⅞]/g, (fraction) => ` ${fraction}`)
        .replace(/[²³¹⁰⁴-⁹]/g, (exponent) => `^${exponent}`)
    : text;
  const unified = parted.normalize("NFKC");
  if (!OTHER_SIGN.test(unified)) return unified;
  return unified
    .replace(/[\u0660-\u0669\u06f0-\u06f9\u0966-\u096f\u09e6-\u09ef\u0e50-\u0e59]/g, (digit) => {
      const code = digit.charCodeAt(0);
      return String(code - DIGIT_ZEROS.findLast((zero) => zero <= code)!);
    })
    .replace(/[‘’ʼ´]/g, "'")
    .replace(/[“”„«»]/g, '"')
    .replace(/[−‐‑‒–—]/g, "-")
    .replace(/⁄/g, "/");
}

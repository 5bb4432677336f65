// The numbers of a question in one spelling: digits, words, fractions, percent, scales, with their units. A changed number
// looks more alike to an embedding than an honest rephrasing does, so two questions share an answer only if they share
// every number.
import { digitDateAt, isBesideMonth } from "./calendar.ts";
import {
  type NumberFact,
  type Read,
  canonical,
  exact,
  fact,
  finish,
  halfAfter,
  nextWord,
  ordinal,
  readGroup,
  unitAt,
} from "./number-values.ts";
import { DECIMAL_COMMA, SPACED_THOUSANDS, hanNumber, numberWord } from "./number-words.ts";
import { type Token } from "./tokens.ts";
import { unitOf } from "./units.ts";

/** Reads all numbers, in order. Linear: each token is looked at a bounded number of times. */
export function numbersOf(tokens: readonly Token[], lang: string): readonly NumberFact[] {
  const facts: NumberFact[] = [];
  let at = 0;
  while (at < tokens.length) {
    const date = digitDateAt(tokens, at, lang);
    if (date !== null) {
      facts.push(fact(date.day));
      if (date.year !== null) facts.push(fact(date.year));
      at = date.end;
      continue;
    }
    const read = readAt(tokens, at, lang);
    if (read === null) {
      at++;
      continue;
    }
    if (read.fact !== null) {
      const isDay = read.fact.key.startsWith("#") && isBesideMonth(tokens, at, read.end);
      facts.push(isDay ? fact(read.fact.key.slice(1)) : read.fact);
    }
    at = Math.max(read.end, at + 1);
  }
  return facts;
}

function readAt(tokens: readonly Token[], at: number, lang: string): Read | null {
  const token = tokens[at]!;
  if (token.kind === "number") return readDigits(tokens, at, lang);
  if (token.kind === "han-number") return readHan(tokens, at);
  if (token.kind === "word") return readWords(tokens, at, lang);
  return readOperator(tokens, at);
}

function readDigits(tokens: readonly Token[], at: number, lang: string): Read {
  const raw = tokens[at]!.text;
  const literal = literalAt(tokens, at);
  if (literal !== null) return literal;
  let { text, end } = joinThousands(tokens, at, lang);
  text = plainDecimal(text, lang);
  if (!/^\d+(\.\d+)?$/.test(text)) return exact(raw, at + 1);
  if (tokens[at - 1]?.text === "第") return ordinal(text, end);
  const suffix = tokens[end];
  if (
    suffix?.glued &&
    /^[a-zµ\u0370-\u04ff]/.test(suffix.lower) &&
    unitOf(suffix.lower) === undefined
  ) {
    if (/^(?:st|nd|rd|th|er|ère|e|ème)$/.test(suffix.lower)) return ordinal(text, end + 1);
    if (numberWord(suffix.lower, lang) === undefined && suffix.lower !== "k")
      return exact(raw + suffix.lower, end + 1);
  }
  const ending = tokens[end + 1];
  const isRussianOrdinal =
    lang === "ru" && suffix?.text === "-" && suffix.glued && ending?.glued === true;
  if (isRussianOrdinal && /^(?:й|я|е|го|му|м|ой|ый|ая|х|ю)$/.test(ending.lower))
    return Number(text) > 1000 ? exact(text, end + 2) : ordinal(text, end + 2);
  const clock = clockAfter(tokens, end, Number(text), lang);
  if (clock !== null) return clock;
  if (isSign(tokens, at)) text = `-${text}`;
  return finish(Number(text), tokens, end, lang, { before: at - 1, raw: text });
}

/** "3 pm", "15 Uhr", "6 вечера": a time of day as 15:00. */
function clockAfter(
  tokens: readonly Token[],
  end: number,
  hour: number,
  lang: string,
): Read | null {
  if (!Number.isInteger(hour) || hour > 24) return null;
  const next = tokens[end]?.lower ?? "";
  const exactly = (value: number, size: number): Read => exact(`${value % 24}:00`, end + size);
  if (lang === "en" && (next === "am" || next === "pm") && hour <= 12)
    return exactly((hour % 12) + (next === "pm" ? 12 : 0), 1);
  if (lang === "de" && next === "uhr") return exactly(hour, 1);
  if (lang === "ru" && (next === "вечера" || next === "дня") && hour <= 12)
    return next === "дня" && hour > 6 ? null : exactly((hour % 12) + 12, 1);
  if (lang === "ru" && next === "утра") return exactly(hour, 1);
  return null;
}

/** Things made of digits that are not one value: 1.2.3, 15:30, 5/1/2024. */
function literalAt(tokens: readonly Token[], at: number): Read | null {
  const raw = tokens[at]!.text;
  if (/^\d+([.,]\d+){2,}$/.test(raw) && !/^\d{1,3}([.,]\d{3})+([.,]\d+)?$/.test(raw))
    return exact(raw, at + 1);
  const mark = tokens[at + 1];
  if (mark === undefined || !mark.glued || (mark.text !== ":" && mark.text !== "/")) return null;
  let end = at;
  let text = raw;
  while (
    tokens[end + 1]?.text === mark.text &&
    tokens[end + 1]!.glued &&
    tokens[end + 2]?.kind === "number" &&
    tokens[end + 2]!.glued
  ) {
    end += 2;
    text += mark.text + tokens[end]!.text;
  }
  const parts = (end - at) / 2 + 1;
  if (parts === 1 || (mark.text === "/" && parts === 2)) return null;
  return exact(text, end + 1);
}

/** 1 000 000 in the languages that write so: groups of three after one to three digits. */
function joinThousands(
  tokens: readonly Token[],
  at: number,
  lang: string,
): { text: string; end: number } {
  let text = tokens[at]!.text;
  let end = at + 1;
  if (!SPACED_THOUSANDS.has(lang) || !/^\d{1,3}$/.test(text)) return { text, end };
  while (tokens[end]?.kind === "number" && /^\d{3}(,\d+)?$/.test(tokens[end]!.text)) {
    text += tokens[end]!.text;
    end++;
  }
  return { text, end };
}

/** Thousands marks removed, the decimal mark a point. */
function plainDecimal(text: string, lang: string): string {
  const hasDecimalComma = DECIMAL_COMMA.has(lang);
  const [thousands, decimal] = hasDecimalComma ? [".", ","] : [",", "."];
  const grouped = hasDecimalComma
    ? /^\d{1,3}(\.\d{3})+(,\d+)?$/.test(text)
    : /^\d{1,3}(,\d{3})+(\.\d+)?$/.test(text);
  const joined = grouped ? text.replaceAll(thousands, "") : text;
  return joined.replace(decimal, ".");
}

/** A minus before a number, with a gap or nothing before the minus: "-5", "to -5", but not "3-5" or "3 - 5". */
function isSign(tokens: readonly Token[], at: number): boolean {
  const minus = tokens[at - 1];
  if (minus?.text !== "-" || minus.glued || !tokens[at]!.glued) return false;
  return tokens[at - 2]?.kind !== "number";
}

function readHan(tokens: readonly Token[], at: number): Read | null {
  const run = tokens[at]!.text;
  const next = tokens[at + 1]?.text;
  const isOf = next === "分" && tokens[at + 2]?.text === "之";
  if (isOf) {
    // 百分之十 is ten hundredths, 三分之一 one third.
    const part = tokens[at + 3];
    const numerator = part?.kind === "number" ? Number(part.text) : hanNumber(part?.text ?? "");
    return { fact: fact(canonical(numerator / hanNumber(run))), end: at + 4 };
  }
  // Words, not numbers: 万一 (in case), 千万 (by all means), 十分 (very), 一些, 一样.
  if (run === "万一" || run === "千万" || (run === "十" && next === "分")) return null;
  // 一两 is one liang, not twelve.
  const isWeight = /[^十百千万]两$/.test(run);
  if (isWeight) return { fact: fact(canonical(hanNumber(run.slice(0, -1))), "liang"), end: at + 1 };
  const value = hanNumber(run);
  if (tokens[at - 1]?.text === "第") return ordinal(String(value), at + 1);
  const unit = unitAt(tokens, at + 1);
  return { fact: { key: canonical(value), optional: run === "一", unit }, end: at + 1 };
}

/** World War II, Elizabeth II: after a word with a capital. */
const ROMAN = new Map(
  "II III IV VI VII VIII IX XI XII XIII XIV XV XVI"
    .split(" ")
    .map((numeral, at) => [numeral, [2, 3, 4, 6, 7, 8, 9, 11, 12, 13, 14, 15, 16][at]!]),
);

function readWords(tokens: readonly Token[], at: number, lang: string): Read | null {
  const roman = ROMAN.get(tokens[at]!.text);
  if (roman !== undefined && /^\p{Lu}/u.test(tokens[at - 1]?.text ?? ""))
    return { fact: fact(canonical(roman)), end: at + 1 };
  const isSecondOf =
    lang === "en" &&
    tokens[at]!.lower === "second" &&
    /^(?:the|my|his|her|its)$/.test(tokens[at - 1]?.lower ?? "");
  if (isSecondOf && tokens[at + 1]?.kind === "word") return ordinal("2", at + 1);
  const first = numberWord(tokens[at]!.lower, lang);
  if (first === undefined) return null;
  const following = nextWord(tokens, tokens[at + 1]?.text === "-" ? at + 2 : at + 1, lang);
  const isOneOf = first.kind === "o" && first.value === 1 && /^[mdf]$/.test(following?.kind ?? "");
  if (first.kind === "u" || first.kind === "m" || isOneOf) {
    const { value, end } = readGroup(tokens, at, lang);
    return finish(value, tokens, end, lang, { before: at - 1 });
  }
  const key = canonical(first.value);
  if (first.kind === "o") {
    const half = halfAfter(tokens, at + 1, lang);
    if (half > 0)
      return { fact: fact(canonical(first.value + 0.5), unitAt(tokens, half)), end: half };
    return { fact: { key, optional: true, unit: undefined }, end: at + 1 };
  }
  if (first.kind === "d") {
    const isFraction = /^(a|an|der|ein|un|une)$/.test(tokens[at - 1]?.lower ?? "");
    const isPlural = lang === "en" && tokens[at]!.lower.endsWith("s");
    if (isFraction || isPlural) return { fact: fact(canonical(1 / first.value)), end: at + 1 };
  }
  const isSecond = first.kind === "n" && lang === "es" && /^segund[oa]$/.test(tokens[at]!.lower);
  if (isSecond && !/^(?:el|la|su|mi)$/.test(tokens[at - 1]?.lower ?? "")) return null;
  if (first.kind === "d" || first.kind === "n") return { fact: fact(`#${key}`), end: at + 1 };
  return { fact: fact(key), end: at + 1 };
}

/** A sign between two numbers is part of what is asked: 5 + 3 is not 5 * 3. */
function readOperator(tokens: readonly Token[], at: number): Read | null {
  const { text, glued } = tokens[at]!;
  // "3x + 5": a variable of one letter is an operand as well.
  const isOperand = (token: Token | undefined): boolean =>
    token?.kind === "number" || /^[a-z]$/.test(token?.lower ?? "");
  const isBesideNumber = tokens[at - 1]?.kind === "number" || tokens[at + 1]?.kind === "number";
  if (!isBesideNumber || !isOperand(tokens[at - 1]) || !isOperand(tokens[at + 1])) return null;
  const isMinus = text === "-" && !glued && !tokens[at + 1]!.glued;
  return isMinus || "+*×÷^=<>≤≥".includes(text) ? exact(text, at + 1) : null;
}

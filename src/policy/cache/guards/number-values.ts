// The value of one number in words or digits, and what may follow it: scales, fractions, percent, a unit.
import { remembered } from "./memory.ts";
import { CONNECTORS, type NumberWord, hanNumber, numberWord } from "./number-words.ts";
import { type Token } from "./tokens.ts";
import { unitOf } from "./units.ts";

export interface NumberFact {
  /** Canonical value ("0.5", "1200"), "#3" for an ordinal, or the text itself ("1.2.3", "5g", "15:30"). */
  readonly key: string;
  /** May go unmatched: "one" and "first" are often no numbers. */
  readonly optional: boolean;
  readonly unit: string | undefined;
}

export interface Read {
  readonly fact: NumberFact | null;
  /** Index of the first token after the number. */
  readonly end: number;
}

interface FinishOptions {
  /** Index of the token before the number, for a currency sign. */
  readonly before: number;
  /** As written; kept where trailing zeros may matter, as in versions. */
  readonly raw?: string;
}

/** What may follow a value: scales, "/4", "and a half", percent, a unit. */
export function finish(
  start: number,
  tokens: readonly Token[],
  from: number,
  lang: string,
  { before, raw }: FinishOptions,
): Read {
  let value = start;
  let end = from;
  const scaled = (factor: number) => {
    value *= factor;
    end++;
  };
  if (tokens[end]?.lower === "k" && tokens[end]!.glued) scaled(1000);
  const hanScale = tokens[end];
  if (hanScale?.kind === "han-number" && /^[十百千万萬亿億]+$/.test(hanScale.text))
    scaled(hanNumber(hanScale.text));
  for (
    let word = nextWord(tokens, end, lang);
    word?.kind === "m";
    word = nextWord(tokens, end, lang)
  )
    scaled(word.value);
  const denominator = Number(tokens[end + 1]?.text);
  if (tokens[end]?.text === "/" && tokens[end]!.glued && denominator > 0) {
    value /= denominator;
    end += 2;
  } else if (tokens[end]?.kind === "number" && tokens[end + 1]?.text === "/") {
    // A mixed number: 1 1/2.
    value += Number(tokens[end]!.text) / (Number(tokens[end + 2]?.text) || 1);
    end += 3;
  } else {
    // Two thirds, three-quarters, one half.
    const at = tokens[end]?.text === "-" ? end + 1 : end;
    const part = nextWord(tokens, at, lang);
    const isPart = part?.kind === "f" && (value === 1 || tokens[at]!.lower.endsWith("s"));
    if (part?.kind === "d" || isPart) {
      value *= isPart ? part.value : 1 / part.value;
      end = at + 1;
    }
  }
  const half = halfAfter(tokens, end, lang);
  if (half > 0) {
    value += 0.5;
    end = half;
  }
  const isPercent = isPercentSign(tokens[end]?.lower ?? "");
  const isTwoWordPercent =
    /^(per|por|pour)$/.test(tokens[end]?.lower ?? "") &&
    /^(cent|ciento)$/.test(tokens[end + 1]?.lower ?? "");
  if (isPercent || isTwoWordPercent) {
    end += isPercent ? 1 : 2;
    return { fact: fact(canonical(value / 100)), end };
  }
  const sign = tokens[before];
  const prefix = sign !== undefined && /[$€£¥₽₹]/.test(sign.text) ? unitOf(sign.text) : undefined;
  const unit = prefix ?? unitAt(tokens, end);
  const keepsZeros =
    raw !== undefined && value === start && unit === undefined && /\.\d*[1-9]0+$/.test(raw);
  return { fact: fact(keepsZeros ? raw : canonical(value), unit), end };
}

const isPercentSign = remembered((lower) => /^(%|percent|prozent|процент\p{L}*)$/u.test(lower));

/** "... and a half": the index after it, or 0. */
export function halfAfter(tokens: readonly Token[], end: number, lang: string): number {
  if (!CONNECTORS[lang]?.has(tokens[end]?.lower ?? "")) return 0;
  const skip = tokens[end + 1]?.lower === "a" ? end + 2 : end + 1;
  const word = nextWord(tokens, skip, lang);
  return word?.kind === "f" && word.value === 0.5 ? skip + 1 : 0;
}

export function unitAt(tokens: readonly Token[], end: number): string | undefined {
  let at = end;
  if (tokens[at]?.text === "-" || tokens[at]?.text === "°") at++;
  // 8G of memory are gigabytes, 8 g of salt are not.
  if (tokens[at]?.text === "G" && tokens[at]!.glued) return "gb";
  if (tokens[at]?.text === "个" || tokens[at]?.text === "個") at++;
  const one = tokens[at]?.lower ?? "";
  return one === "两" ? "liang" : (unitOf(one + (tokens[at + 1]?.lower ?? "")) ?? unitOf(one));
}

/** "two hundred and fifty thousand": adds units, multiplies scales. */
export function readGroup(
  tokens: readonly Token[],
  at: number,
  lang: string,
): { value: number; end: number } {
  let total = 0;
  let group = 0;
  let end = at;
  for (;;) {
    let next = end;
    const isConnected =
      end > at && (CONNECTORS[lang]?.has(tokens[next]?.lower ?? "") || tokens[next]?.text === "-");
    if (isConnected) next++;
    const word = nextWord(tokens, next, lang);
    if (word === undefined) break;
    if (word.kind === "m" && !isConnected) {
      if (word.value <= 100) group = (group || 1) * word.value;
      else {
        total += (group || 1) * word.value;
        group = 0;
      }
    } else if (word.kind === "u" || (word.kind === "o" && word.value === 1)) {
      const isFourTwenty = lang === "fr" && group % 100 === 4 && word.value === 20;
      if (isFourTwenty) group += 76;
      else if (end === at || canAdd(group, total, word.value, lang)) group += word.value;
      else break;
    } else break;
    end = next + 1;
  }
  return { value: total + group, end };
}

/** Whether "value" continues the number read so far: sixty-one, hundred five, thousand twelve, soixante-dix. */
function canAdd(group: number, total: number, value: number, lang: string): boolean {
  if (group === 0) return total > 0;
  const tens = group % 100;
  if (tens === 0) return value < 100;
  if (lang === "fr" && (tens === 60 || tens === 80) && value < 20) return true;
  return tens >= 20 && tens % 10 === 0 && value < 10 && value > 0;
}

export function nextWord(
  tokens: readonly Token[],
  at: number,
  lang: string,
): NumberWord | undefined {
  const token = tokens[at];
  return token?.kind === "word" ? numberWord(token.lower, lang) : undefined;
}

export function canonical(value: number): string {
  if (Number.isInteger(value) && Math.abs(value) < 1e12) return String(value);
  return String(Number(value.toPrecision(12)));
}

/** "1" is as often said as left out: "1 litre", "a litre". */
export function fact(key: string, unit?: string): NumberFact {
  return { key, optional: key === "1", unit };
}

/** "First" often only orders a sentence, so it may go unmatched. */
export function ordinal(value: string, end: number): Read {
  return { fact: { key: `#${value}`, optional: value === "1", unit: undefined }, end };
}

export function exact(key: string, end: number): Read {
  return { fact: fact(key), end };
}

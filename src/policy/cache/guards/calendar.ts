// Dates in one spelling: months and weekdays by their names in several languages, and dates in digits.
import { type Token } from "./tokens.ts";

const NAMES = new Map(
  (
    "january jan januar enero janvier января январь январе 1|february feb februar febrero février февраля февраль феврале 2|" +
    "march mar märz marzo mars марта март марте 3|april apr abril avril апреля апрель апреле 4|may mai mayo мая май мае 5|" +
    "june jun juni junio juin июня июнь июне 6|july jul juli julio juillet июля июль июле 7|" +
    "august aug agosto août августа август августе 8|september sep sept septiembre septembre сентября сентябрь сентябре 9|" +
    "october oct okt oktober octubre octobre октября октябрь октябре 10|november nov noviembre novembre ноября ноябрь ноябре 11|" +
    "december dec dez dezember diciembre décembre декабря декабрь декабре 12|" +
    "monday mondays montag montags lunes lundi lundis понедельник понедельникам mo|" +
    "tuesday tuesdays dienstag dienstags martes mardi mardis вторник вторникам tu|" +
    "wednesday wednesdays mittwoch mittwochs miércoles mercredi mercredis среда среду средам we|" +
    "thursday thursdays donnerstag donnerstags jueves jeudi jeudis четверг четвергам th|" +
    "friday fridays freitag freitags viernes vendredi vendredis пятница пятницу пятницам fr|" +
    "saturday saturdays samstag samstags sonnabend sábado sábados samedi samedis суббота субботу субботам sa|" +
    "sunday sundays sonntag sonntags domingo domingos dimanche dimanches воскресенье воскресеньям su"
  )
    .split("|")
    .flatMap((line) => {
      const names = line.split(" ");
      return names.slice(0, -1).map((name): [string, string] => [name, names.at(-1)!]);
    }),
);
/** Names that are ordinary words as well: only written with a capital, beside a number or after "in". */
const AMBIGUOUS = new Set(
  "may march mar mars mai jan dec nov oct okt sep apr jun jul dez aug среда среду средам mae мае".split(
    " ",
  ),
);

/** The month ("1" to "12") or weekday ("mo") that the token at `at` names, if it does. */
export function datePartAt(tokens: readonly Token[], at: number): string | undefined {
  const { text, lower, opens } = tokens[at]!;
  const part = NAMES.get(lower);
  if (part === undefined || !AMBIGUOUS.has(lower)) return part;
  const isNumber = (other: Token | undefined): boolean => other?.kind === "number";
  // "9. Nov. 1989": full stops in between are no part of the date.
  const beside = (step: 1 | -1): boolean =>
    isNumber(tokens[at + step]) ||
    (tokens[at + step]?.text === "." && isNumber(tokens[at + 2 * step]));
  return beside(1) || beside(-1) || (!opens && text !== lower) ? part : undefined;
}

/** Whether an ordinal or number before or after this place is a day: "July 4th", "4th of July". */
export function isBesideMonth(tokens: readonly Token[], start: number, end: number): boolean {
  const isMonth = (at: number): boolean =>
    tokens[at] !== undefined && /^\d/.test(datePartAt(tokens, at) ?? "");
  const skip = /^(?:of|de|the|\.)$/.test(tokens[end]?.lower ?? "") ? end + 1 : end;
  const before = tokens[start - 1]?.lower === "the" ? start - 2 : start - 1;
  return isMonth(skip) || isMonth(before);
}

export interface DigitDate {
  readonly day: string;
  readonly month: string;
  /** Four digits; null when not said. */
  readonly year: string | null;
  /** Index of the first token after it. */
  readonly end: number;
}

/** A date in digits that can be read in one way only: 1.5.2024, 04.08, 2024-05-01, 14/07/1989 where the day is first. */
export function digitDateAt(tokens: readonly Token[], at: number, lang: string): DigitDate | null {
  const token = tokens[at]!;
  if (token.kind !== "number") return null;
  const points = token.text.split(".");
  if (points.length === 3) return dateOf(points, lang, true, at + 1);
  if (points.length === 2) {
    // "vom 3.8. bis", "с 04.08 по": only where a decimal mark is a comma.
    const isGerman = lang === "de" && tokens[at + 1]?.text === "." && tokens[at + 1]!.glued;
    const isRussian = lang === "ru" && points.every((part) => part.length === 2);
    return isGerman || isRussian ? dateOf(points, lang, true, isGerman ? at + 2 : at + 1) : null;
  }
  const mark = tokens[at + 1];
  if (mark?.glued !== true || !/^[-/]$/.test(mark.text)) return null;
  const [month, second, year] = [tokens[at + 2], tokens[at + 3], tokens[at + 4]];
  if (
    month?.kind !== "number" ||
    !month.glued ||
    second?.text !== mark.text ||
    year?.kind !== "number"
  )
    return null;
  if (tokens[at + 5]?.text === mark.text && tokens[at + 5]!.glued) return null;
  return dateOf([token.text, month.text, year.text], lang, false, at + 5);
}

function dateOf(
  parts: readonly string[],
  lang: string,
  isPointed: boolean,
  end: number,
): DigitDate | null {
  if (!parts.every((part) => /^\d{1,4}$/.test(part))) return null;
  const numbers = parts.map(Number);
  let [day, month, year] = numbers;
  if (parts[0]!.length === 4) [year, month, day] = numbers;
  else if (lang === "en" && !isPointed) {
    // 5/1/2024 is May in America and January elsewhere.
    if (numbers[0]! <= 12 && numbers[1]! <= 12 && numbers[0] !== numbers[1]) return null;
    if (numbers[1]! > 12) [month, day] = [numbers[0], numbers[1]];
  }
  const isDay = day! >= 1 && day! <= 31 && month! >= 1 && month! <= 12;
  const hasYear = parts.length === 3;
  if (!isDay || (hasYear && (year! < 1000 || year! > 2999))) return null;
  return { day: String(day), month: String(month), year: hasYear ? String(year) : null, end };
}

import { expect, test } from "vitest";
import { numbersOf } from "../../../../../src/policy/cache/guards/numbers.ts";
import { tokenise } from "../../../../../src/policy/cache/guards/tokens.ts";

/** Keys with "?" for optional and the unit behind "_". */
const read = (text: string, lang = "en") =>
  numbersOf(tokenise(text), lang)
    .map(({ key, optional, unit }) => key + (optional ? "?" : "") + (unit ? `_${unit}` : ""))
    .join(" ");

test.each([
  ["10,000.5 and 3k and 5 million", "10000.5 3000 5000000"],
  ["1/2 cup, 1 1/2 cups, ½ cup, 1½ cups", "0.5_cup 1.5_cup 0.5_cup 1.5_cup"],
  ["twenty-one", "21"],
  ["two hundred and fifty thousand", "250000"],
  ["one hundred and five", "105"],
  ["two thirds, a third, one-fourth, three-quarters", "0.666666666667 0.333333333333 0.25 0.75"],
  ["two and a half hours", "2.5_hour"],
  ["10%, 10 percent, 10 per cent", "0.1 0.1 0.1"],
  ["half, twice, a dozen, two dozen", "0.5 2 12 24"],
  ["the 2nd, the third and the first", "#2 #3"],
  ["1st", "#1?"],
  ["one egg, a pair of shoes", "1? 2?"],
  ["$1.50, 20 €, 3 kg, a 10-day trip", "1.5_dollar 20_euro 3_kg 10_day"],
  ["-5 degrees, 5-10 people", "-5 5 10"],
  ["5 + 3 = 8", "5 + 3 = 8"],
  ["at 15:30 on 5/1/2024 at 3pm", "15:30 5/1/2024 15:00"],
  ["World War II, Henry VIII", "2 8"],
  ["5V and 4K", "5v 4000"],
])("reads %j", (text, keys) => {
  expect(read(text)).toBe(keys);
});

test("trailing zeros count where they may tell versions apart", () => {
  expect(read("Python 3.10")).not.toBe(read("Python 3.1"));
  expect(read("$3.10")).toBe(read("$3.1"));
  expect(read("2.0")).toBe(read("2"));
});

test.each([
  ["de", "einundzwanzig, zweihundert, dreitausendfünfhundert", "21 200 3500"],
  ["de", "1.000,5 und 3,5", "1000.5 3.5"],
  ["es", "treinta y cinco mil doscientos", "35200"],
  ["es", "la mitad de 1.500", "0.5 1500"],
  ["fr", "quatre-vingt-dix et soixante-dix-sept", "90 77"],
  ["fr", "1 000 000", "1000000"],
  ["ru", "двадцать пять тысяч", "25000"],
  ["ru", "1 000 рублей", "1000_ruble"],
  ["zh", "一百二十，三万五千，二〇二四", "120 35000 2024"],
  ["zh", "两个小时，5公里，3万", "2_hour 5_km 30000"],
  ["zh", "百分之十，三分之一，第二", "0.1 0.333333333333 #2"],
  ["ar", "٣٥", "35"],
])("reads %s %j", (lang, text, keys) => {
  expect(read(text, lang)).toBe(keys);
});

test("words that only look like numbers are none", () => {
  expect(read("万一下雨", "zh")).toBe("");
  expect(read("A quarterly report on tense weights")).toBe("");
});

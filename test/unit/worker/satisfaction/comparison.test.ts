// What two answers say about each other without a judge. Each line is a pair that a looser rule would get wrong.
import { describe, expect, test } from "vitest";
import { compareAnswers } from "../../../../src/worker/satisfaction/comparison.ts";

const PAIRS: readonly (readonly ["right" | "wrong" | "unsure", string, string, string])[] = [
  ["right", "case, marks and emphasis", "**Paris**.", "paris"],
  [
    "right",
    "the same long answer but for one small word",
    "Water boils at 100 degrees Celsius at sea level, where the air presses on it with about 1013 hectopascals of pressure",
    "Water boils at 100 degrees Celsius at sea level, where the air presses on it with about 1013 hectopascals of the pressure",
  ],
  [
    "wrong",
    "another number in the same words",
    "A marathon is 42 kilometres long.",
    "A marathon is 26 kilometres long.",
  ],
  ["wrong", "another bare number", "42", "41"],
  ["wrong", "another number in a short answer", "It is 12.", "The result: 14."],
  ["unsure", "another unit may be the same length", "About 100 km.", "About 62 miles."],
  ["unsure", "a rounded number", "Pi is 3.14.", "Pi is 3.1416."],
  [
    "unsure",
    "one number more",
    "The wall was built in 1961.",
    "The wall was built in 1961 and fell in 1989.",
  ],
  [
    "unsure",
    "numbers in quite other words",
    "Use 3 eggs, some flour and a spoon of sugar, stir it well and let it rest for a while in the fridge.",
    "First boil 2 litres of water; afterwards pour everything slowly through a fine sieve into another clean pot.",
  ],
  [
    "unsure",
    "the same words the other way round",
    "The earth is much larger than the moon is.",
    "The moon is much larger than the earth is.",
  ],
  [
    "unsure",
    "one verb replaced in a long answer",
    "When the central bank raises its rate, the price of bonds that were sold before falls, because new bonds pay their owners a higher rate",
    "When the central bank raises its rate, the price of bonds that were sold before rises, because new bonds pay their owners a higher rate",
  ],
  ["unsure", "one Chinese character replaced", "水在海平面的沸点很高。", "水在海平面的沸点很低。"],
  [
    "unsure",
    "one name replaced",
    "The novel was written by Tolstoy in the winter of that year, after a long illness.",
    "The novel was written by Turgenev in the winter of that year, after a long illness.",
  ],
  [
    "unsure",
    "a negation more",
    "You should store tomatoes in the fridge when they are fully ripe and soft already.",
    "You should not store tomatoes in the fridge when they are fully ripe and soft already.",
  ],
  ["unsure", "other words for the same", "Paris is the capital.", "The capital is called Paris."],
  ["unsure", "an empty answer", "", ""],
  ["unsure", "another operator", "Write a == b.", "Write a != b."],
  ["unsure", "a sign more", "The answer is √2.", "The answer is 2."],
  ["unsure", "a raised digit", "The answer is 10².", "The answer is 102."],
  ["unsure", "a times sign", "2*3", "23"],
  ["unsure", "a factorial", "The answer is 5!", "The answer is 5."],
  ["unsure", "a derivative", "It is f'(x).", "It is f(x)."],
  ["unsure", "another currency", "It costs $5.", "It costs €5."],
  ["unsure", "another picture", "👍", "👎"],
  ["unsure", "another language of nearly the same name", "Use C++ for it.", "Use C# for it."],
  ["unsure", "another bracket", "x is in [0, 1).", "x is in [0, 1]."],
  ["unsure", "carbon monoxide and cobalt", "The formula is CO.", "The formula is Co."],
  ["unsure", "a pointer", "Return *p here.", "Return p here."],
  [
    "right",
    "layout, quotes and plain punctuation",
    '- the color is *dark-red*, "always"!\n- so is the **other** one',
    "* the color is dark-red always.\n* so is the other one.",
  ],
];

describe("two answers", () => {
  test.each(PAIRS)("are %s: %s", (verdict, _why, served, fresh) => {
    expect(compareAnswers(served, fresh).verdict).toBe(verdict);
    // Neither of them is the better known one.
    expect(compareAnswers(fresh, served).verdict).toBe(verdict);
  });

  test("in different languages are not told apart by rules", () => {
    const english = "The capital of the country is the city in which the government has its seat.";
    const german = "Die Hauptstadt des Landes ist die Stadt, in der die Regierung ihren Sitz hat.";
    expect(compareAnswers(english, german).verdict).toBe("unsure");
  });

  test("of 100,000 characters take no time, unless they are equal", () => {
    const long = "a1 ".repeat(33_000);
    expect(compareAnswers(long, `${long}2`)).toEqual({ verdict: "unsure", why: "long" });
    expect(compareAnswers(long, long).verdict).toBe("right");
  });

  test("are never quoted in the reason", () => {
    const { why } = compareAnswers("The canary is 7 years old.", "The canary is 8 years old.");
    expect(why).toBe("numbers");
  });
});

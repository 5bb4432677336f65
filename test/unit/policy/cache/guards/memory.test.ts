import { expect, test } from "vitest";
import {
  RecentTexts,
  remembered,
  rememberedByLanguage,
} from "../../../../../src/policy/cache/guards/memory.ts";

test("a fact of a word is asked for once, also where there is nothing to say", () => {
  const asked: string[] = [];
  const factOf = remembered((word) => {
    asked.push(word);
    return word === "km" ? "kilometre" : undefined;
  });
  expect(["km", "cat", "km", "cat"].map(factOf)).toEqual([
    "kilometre",
    undefined,
    "kilometre",
    undefined,
  ]);
  expect(asked).toEqual(["km", "cat"]);
});

test("null is a fact like any other", () => {
  let asked = 0;
  const factOf = remembered((word) => (asked++, word === "eins" ? 1 : null));
  expect(["eins", "haus", "haus"].map(factOf)).toEqual([1, null, null]);
  expect(asked).toBe(2);
});

test("a word that is asked for between thousands of others is not asked for again", () => {
  let asked = 0;
  const factOf = remembered((word) => {
    if (word === "the") asked++;
    return word.length;
  });
  for (let i = 0; i < 20_000; i++) {
    factOf(`w${i}`);
    if (i % 100 === 0) factOf("the");
  }
  expect(asked).toBe(1);
});

test("a word of one language says nothing of another's", () => {
  const factOf = rememberedByLanguage((word, lang) => `${word} in ${lang}`);
  expect([factOf("die", "de"), factOf("die", "en"), factOf("die", "de")]).toEqual([
    "die in de",
    "die in en",
    "die in de",
  ]);
});

test("a text that is read again outlives those that pass by, and is known in its language only", () => {
  const texts = new RecentTexts<{ readonly lang: string }>(2);
  const row = { lang: "fr" };
  texts.set("popular", row);
  for (let i = 0; i < 10; i++) {
    texts.set(`passing ${i}`, { lang: "fr" });
    expect(texts.get("popular", "fr")).toBe(row);
  }
  expect(texts.get("popular", "es")).toBeUndefined();
  // Two generations of two: it came eight texts ago.
  expect(texts.get("passing 1", "fr")).toBeUndefined();
});

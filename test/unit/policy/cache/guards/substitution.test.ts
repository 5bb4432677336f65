import { describe, expect, test } from "vitest";
import {
  contentWordsOf,
  reordered,
  substitution,
} from "../../../../../src/policy/cache/guards/substitution.ts";
import { tokenise } from "../../../../../src/policy/cache/guards/tokens.ts";

const verdictOn = (a: string, b: string, lang = "en"): string | null =>
  substitution(contentWordsOf(tokenise(a), lang), contentWordsOf(tokenise(b), lang));

describe("a question in which one word of many is another", () => {
  test.each([
    [
      "Who invented the modern steam locomotive engine?",
      "Who painted the modern steam locomotive engine?",
      "en",
    ],
    [
      "Welche Farbe hat eine reife Banane im Supermarkt?",
      "Welche Farbe hat eine reife Tomate im Supermarkt?",
      "de",
    ],
    [
      "¿Qué vitamina contiene sobre todo la naranja fresca?",
      "¿Qué mineral contiene sobre todo la naranja fresca?",
      "es",
    ],
    [
      "Какой витамин содержит свежий апельсин зимой?",
      "Какой минерал содержит свежий апельсин зимой?",
      "ru",
    ],
    [
      "What is the sum of all whole numbers from 1 to 100?",
      "What is the sum of all odd whole numbers from 1 to 100?",
      "en",
    ],
  ])("is another question: %s / %s", (a, b, lang) => {
    expect(verdictOn(a, b, lang)).not.toBeNull();
    expect(verdictOn(a, b, lang)).toBe(verdictOn(b, a, lang));
  });

  test.each([
    // Too few words to call them nearly the same.
    ["How many grams are in one kilogram?", "How many grams are there in one whole kilogram?"],
    // Endings and number words do not count: the number guard has them.
    ["How many apples do three farmers pick?", "How many apples are picked by 3 farmers?"],
    // "delete" and "remove" stand on one side of a pair of opposites.
    ["How do I delete a remote git branch?", "How do I remove a remote git branch?"],
    // Too little in common to call it the same text with a change: distance decides.
    ["What is a good wine for fish?", "Which white goes well with salmon dishes?"],
  ])("but not: %s / %s", (a, b) => {
    expect(verdictOn(a, b)).toBeNull();
  });
});

describe("the same words in another order", () => {
  const orderOf = (a: string, b: string): string | null =>
    reordered(contentWordsOf(tokenise(a), "en"), contentWordsOf(tokenise(b), "en"));

  test("are another question when nearly all words are shared", () => {
    const a = "How many grams of fresh yeast replace 42 g of active dry yeast?";
    const b = "How many grams of active dry yeast replace 42 g of fresh yeast?";
    expect(orderOf(a, b)).not.toBeNull();
    expect(orderOf(a, b)).toBe(orderOf(b, a));
  });

  test("say nothing when much else differs", () => {
    expect(
      orderOf("Convert miles to kilometres", "How far in kilometres is a run of five miles long"),
    ).toBeNull();
  });
});

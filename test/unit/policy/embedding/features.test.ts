import { describe, expect, test } from "vitest";
import { foldText, readText, tokensOf } from "../../../../src/policy/embedding/features.ts";

describe("words of a text", () => {
  test("lose case, accents and apostrophes; scripts without spaces fall into characters", () => {
    expect(tokensOf("What's the Größe of ÄPFEL?")).toEqual([
      "whats",
      "the",
      "grosse",
      "of",
      "apfel",
    ]);
    expect(tokensOf("煮3杯米")).toEqual(["煮", "3", "杯", "米"]);
    expect(foldText("ＡＢＣ हिन्दी")).toBe("abc हिन्दी".normalize("NFC"));
  });

  test("have n-grams of 3 to 5 letters with their ends: _cat_ has 3 + 2 + 1", () => {
    const [cat] = readText("cat").units;
    expect(cat?.grams).toHaveLength(6);
    expect(new Set(cat?.grams).size).toBe(6);
  });

  test("share n-grams with their inflections, not with other words", () => {
    const gramsOf = (word: string) => new Set(readText(word).units[0]!.grams);
    const base = gramsOf("invest");
    expect([...gramsOf("investing")].filter((gram) => base.has(gram)).length).toBeGreaterThan(8);
    expect([...gramsOf("rhubarb")].filter((gram) => base.has(gram))).toEqual([]);
  });

  test("are counted once each, and neighbours in their order", () => {
    const { units, pairs } = readText("to be or not to be");
    expect(units.map(({ count }) => count)).toEqual([2, 2, 1, 1]);
    expect(pairs).toHaveLength(5);
    expect(pairs[0]!.hash).toBe(pairs[4]!.hash);
    expect(readText("be to").pairs[0]!.hash).not.toBe(pairs[0]!.hash);
  });

  test("are numbers where they hold a digit, and names where a capital stands inside the text", () => {
    const { units } = readText("Is 12km from Rome far?");
    expect(units.map(({ kind }) => kind)).toEqual(["word", "number", "word", "word", "word"]);
    expect(units.map(({ isCapital }) => isCapital)).toEqual([false, false, false, true, false]);
  });

  test("are none in a text without letters and digits", () => {
    expect(readText("?! … —")).toEqual({ units: [], pairs: [] });
  });
});

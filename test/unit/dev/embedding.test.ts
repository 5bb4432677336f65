import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { foldText, hashEmbed } from "../../../src/dev/embedding.ts";

function cosine(a: string, b: string): number {
  const [left, right] = [hashEmbed(a), hashEmbed(b)];
  return left.reduce((sum, value, i) => sum + value * right[i]!, 0);
}

describe("folding", () => {
  test("drops case and accents of Latin, Greek and Cyrillic letters", () => {
    expect(foldText("Wie Groß ist die ÄPFELSÄURE?")).toBe("wie gross ist die apfelsaure?");
    expect(foldText("Ёлка Ψυχή")).toBe("елка ψυχη");
  });

  test("keeps the vowel signs of other scripts and unifies wide forms", () => {
    expect(foldText("が")).toBe("が");
    expect(foldText("हिन्दी")).toBe("हिन्दी".normalize("NFC"));
    expect(foldText("ＡＢＣ１")).toBe("abc1");
  });
});

describe("the built-in embedder", () => {
  test("gives a unit vector of 768 numbers, the same every time", () => {
    const vector = hashEmbed("How many bits are in 3 bytes?");
    expect(vector).toHaveLength(768);
    expect(Math.hypot(...vector)).toBeCloseTo(1, 5);
    expect(hashEmbed("How many bits are in 3 bytes?")).toEqual(vector);
  });

  test("ignores case, accents and punctuation", () => {
    expect(cosine("¿Qué es Más rápido?", "que es mas rapido")).toBeCloseTo(1, 5);
  });

  test("gives zeros for a text without letters or digits", () => {
    expect(hashEmbed("?!… —").every((value) => value === 0)).toBe(true);
  });

  test("brings inflections of a word closer than other words", () => {
    const base = "convert kilometres into miles";
    expect(cosine(base, "converting a kilometre to miles")).toBeGreaterThan(
      cosine(base, "convert litres into gallons") + 0.1,
    );
  });

  test("gives shared content words more weight than shared function words", () => {
    const content = cosine("what is the boiling point of ethanol", "ethanol boiling point");
    const filler = cosine("what is the boiling point of ethanol", "what is the name of the river");
    expect(content).toBeGreaterThan(2 * filler);
  });

  test("compares languages without spaces by their characters", () => {
    expect(cosine("煮3杯米需要多少杯水", "煮3杯米要加几杯水")).toBeGreaterThan(
      cosine("煮3杯米需要多少杯水", "太阳系有多少颗行星") + 0.2,
    );
  });

  test("keeps unrelated texts near a right angle: 768 buckets let few features collide", () => {
    const pairs: [string, string][] = [
      ["capital of France", "bake sourdough bread"],
      ["reverse a linked list", "largest ocean planet earth"],
      ["Wasserkocher entkalken", "distance between stars"],
      ["столица Испании", "simple interest formula"],
    ];
    for (const [a, b] of pairs) expect(Math.abs(cosine(a, b))).toBeLessThan(0.15);
  });
});

describe("on the bundled workload", () => {
  interface Group {
    readonly id: string;
    readonly questions: Readonly<Record<string, readonly string[]>>;
  }

  test("the nearest question in the same language is most often one of the same group", () => {
    const folder = new URL("../../../data/workload/", import.meta.url);
    const groups = ["cooking", "databases", "travel"].flatMap((name): Group[] =>
      JSON.parse(readFileSync(new URL(`${name}.json`, folder), "utf8")),
    );
    const share = (lang: string): number => {
      const rows = groups.flatMap(({ id, questions }) =>
        (questions[lang] ?? []).map((text) => ({ id, vector: hashEmbed(text) })),
      );
      const right = rows.filter((row) => {
        let best = { id: "", score: -1 };
        for (const other of rows) {
          if (other === row) continue;
          const score = row.vector.reduce((sum, value, i) => sum + value * other.vector[i]!, 0);
          if (score > best.score) best = { id: other.id, score };
        }
        return best.id === row.id;
      });
      return right.length / rows.length;
    };
    const shares = ["en", "de", "es", "ru", "zh"].map((lang) => ({ lang, share: share(lang) }));
    expect(shares.filter(({ share: found }) => !(found > 0.8))).toEqual([]);
  });
});

import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { countTokens, demoAnswer, questionKey } from "../../../src/dev/demo-model.ts";

const FOLDER = new URL("../../../data/workload/", import.meta.url);

interface Group {
  readonly questions: Readonly<Record<string, readonly string[]>>;
  readonly answers: Readonly<Record<string, string>>;
}

const files = readdirSync(FOLDER).filter((name) => name.endsWith(".json"));

test.for(files)("knows every question of %s in every language", (file) => {
  const groups: Group[] = JSON.parse(readFileSync(new URL(file, FOLDER), "utf8"));
  expect(groups.length).toBeGreaterThan(0);
  for (const { questions, answers } of groups) {
    for (const [lang, wordings] of Object.entries(questions)) {
      for (const wording of wordings) {
        const asked = { wording, ...demoAnswer(wording) };
        expect(asked).toEqual({ wording, text: answers[lang], known: true });
      }
    }
  }
});

test("finds a question whatever its case, accents, spaces and closing mark", () => {
  expect(questionKey("  ¿CUÁNTO es 2 + 2?? ")).toBe("cuanto es 2 + 2");
  expect(questionKey("1杯米要多少水？")).toBe("1杯米要多少水");
});

test("says that it is a demo model, and what was asked, when it does not know", () => {
  const { text, known } = demoAnswer("Who will win the cup in 2090?");
  expect(known).toBe(false);
  expect(text).toContain("demo model");
  expect(text).toContain('"Who will win the cup in 2090?"');
});

test("quotes at most 200 letters of an unknown question", () => {
  expect(demoAnswer("x".repeat(5000)).text.length).toBeLessThan(500);
});

test("counts one token for four letters and for one Chinese character", () => {
  expect(countTokens("abcdefgh")).toBe(2);
  expect(countTokens("三杯水")).toBe(3);
  expect(countTokens("")).toBe(1);
});

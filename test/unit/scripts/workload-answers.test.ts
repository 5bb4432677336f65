import { expect, test } from "vitest";
import { conversationKey } from "../../../scripts/local/model-server.ts";
import { answersFor } from "../../../scripts/local/workload-answers.ts";
import { type Group } from "../../../src/trainer-node/simulator/groups.ts";

const group = (
  id: string,
  questions: Readonly<Record<string, string>>,
  answer: string,
  parent?: string,
): Group => ({
  id,
  family: id,
  relation: parent === undefined ? "base" : "follow-up",
  ...(parent !== undefined && { parent }),
  questions: new Map(Object.entries(questions).map(([lang, text]) => [lang, [text]])),
  answers: new Map(Object.keys(questions).map((lang) => [lang, answer])),
});

test("every answer text tells one group and one language, also where answers are alike", () => {
  const answers = answersFor([
    group("a", { en: "9 + 9?", de: "9 und 9?" }, "18"),
    group("b", { en: "20 - 2?" }, "18"),
    group("c", { en: "Who?" }, "Only I."),
  ]);
  expect([...answers].map(([question, { text }]) => [question, text])).toEqual([
    ["9 + 9?", "18 [a/en]"],
    ["9 und 9?", "18 [a/de]"],
    ["20 - 2?", "18 [b/en]"],
    ["Who?", "Only I."],
  ]);
});

test("a follow-up is answered after its parent's question and not alone", () => {
  const answers = answersFor([
    group("p", { en: "Name a river." }, "The Rhine."),
    group("f", { en: "How long is it?" }, "1,230 km.", "p"),
  ]);
  expect(answers.get(conversationKey(["Name a river.", "How long is it?"]))?.group).toBe("f");
  expect(answers.has("How long is it?")).toBe(false);
});

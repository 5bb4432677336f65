import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, describe, expect, test } from "vitest";
import { loadDataDirectory } from "../../../../src/trainer-node/simulator/data-directory.ts";
import { loadBundled, parseBundled } from "../../../../src/trainer-node/simulator/groups.ts";

const root = mkdtempSync(join(tmpdir(), "velo-groups-"));
afterAll(() => rmSync(root, { recursive: true }));

const river = {
  id: "river",
  topic: "geography",
  questions: {
    en: ["Where does the Rhine rise?", "What is the source of the Rhine?"],
    de: ["Wo?"],
  },
  answers: { en: "In the Alps.", de: "In den Alpen." },
  changed: [{ questions: { en: "Where does the Elbe rise?" }, answers: { en: "In Bohemia." } }],
  negated: [{ questions: { en: "Where does it not rise?" }, answers: { en: "In Spain." } }],
  followUps: [{ questions: { en: "And how long is it?" }, answers: { en: "1,230 km." } }],
};

describe("bundled groups", () => {
  test("changed and negated items become groups of the same family, follow-ups name their parent", () => {
    const groups = parseBundled(JSON.stringify([river]), "rivers.json");
    expect(
      groups.map(({ id, family, relation, parent }) => [id, family, relation, parent]),
    ).toEqual([
      ["river", "river", "base", undefined],
      ["river#changed-0", "river", "changed", undefined],
      ["river#negated-0", "river", "changed", undefined],
      ["river#followUps-0", "river", "follow-up", "river"],
    ]);
    expect(groups[0]?.questions.get("en")).toHaveLength(2);
    expect(groups[1]?.answers.get("en")).toBe("In Bohemia.");
  });

  test("a question without another wording or language is a single", () => {
    const one = { id: "x", topic: "t", questions: { en: ["Why?"] }, answers: { en: "Because." } };
    expect(parseBundled(JSON.stringify([one]), "x.json")[0]?.relation).toBe("single");
  });

  test.each([
    ["[1,\n}", /^bad\.json: Unexpected token/],
    ["{}", /^bad\.json: not an array of groups/],
    [JSON.stringify([river, { topic: "t" }]), /^bad\.json: group 2: no id/],
    [
      JSON.stringify([{ ...river, questions: { en: [] } }]),
      /group 1 \(river\): questions\.en needs/,
    ],
    [
      JSON.stringify([{ ...river, answers: { en: "x" } }]),
      /group 1 \(river\): answers\.de is missing/,
    ],
    [JSON.stringify([{ ...river, changed: [7] }]), /river#changed-0 is not an object/],
  ])("a malformed file is refused with its place: %#", (text, reason) => {
    expect(() => parseBundled(text, "bad.json")).toThrow(reason);
  });

  test("two groups that ask the same are refused: no answer could be judged", () => {
    const directory = join(root, "twice");
    mkdirSync(directory);
    writeFileSync(join(directory, "a.json"), JSON.stringify([river]));
    writeFileSync(join(directory, "b.json"), JSON.stringify([{ ...river, id: "other" }]));
    expect(() => loadBundled(directory)).toThrow(/groups river and other both ask/);
    writeFileSync(join(directory, "b.json"), JSON.stringify([river]));
    expect(() => loadBundled(directory)).toThrow("group river exists twice");
  });

  test("the workload of this repository is well formed and rich enough to measure with", () => {
    const groups = loadBundled();
    const bases = groups.filter(({ relation }) => relation === "base");
    expect(bases.length).toBeGreaterThanOrEqual(200);
    expect(groups.filter(({ relation }) => relation === "changed").length).toBeGreaterThan(200);
    for (const { questions } of bases) expect([...questions.keys()]).toContain("en");
  });
});

describe("a data directory", () => {
  const nearMiss = (
    change: string,
    question: string,
    sameProblem: boolean,
    sameAnswer: boolean,
  ) => ({
    id: `seed:${change}`,
    seed_id: "seed",
    change,
    question,
    answer: sameAnswer ? "3" : "4",
    seed_question: "What is 1 + 2?",
    seed_answer: "3",
    same_answer: sameAnswer,
    same_problem: sameProblem,
  });

  function write(
    name: string,
    files: Readonly<Record<string, readonly (object | string)[]>>,
  ): string {
    const directory = join(root, name);
    for (const [file, rows] of Object.entries(files)) {
      mkdirSync(join(directory, file, ".."), { recursive: true });
      const lines = rows.map((row) => (typeof row === "string" ? row : JSON.stringify(row)));
      writeFileSync(join(directory, file), gzipSync(`${lines.join("\n")}\n`));
    }
    return directory;
  }

  test("joins near misses and translations by id and takes exact labels only", async () => {
    const directory = write("good", {
      "near-miss/gsm-plus.jsonl.gz": [
        nearMiss("problem understanding", "Add 1 and 2.", true, true),
        nearMiss("numerical substitution", "What is 1 + 3?", false, false),
        nearMiss("digit expansion", "What is 2 + 1?", false, true),
        nearMiss("distraction insertion", "It rains. What is 1 + 2?", true, true),
      ],
      "translations/mgsm.jsonl.gz": [
        { id: "seed", lang: "en", question: "What is 1 + 2?", answer: "3" },
        { id: "seed", lang: "de", question: "Was ist 1 + 2?", answer: "3" },
      ],
      "pairs/qqp.jsonl.gz": [
        { id: "q1", a: "How do magnets work?", b: "Why do magnets stick?", same: true },
        { id: "q2", a: "Why do magnets stick?", b: "Is glue a magnet?", same: false },
        { id: "q3", a: "What is 1 + 2?", b: "How old is Rome?", same: false },
      ],
    });
    const groups = await loadDataDirectory(directory);
    expect(
      groups.map(({ id, relation, questions }) => [id, relation, Object.fromEntries(questions)]),
    ).toEqual([
      ["seed", "base", { en: ["What is 1 + 2?", "Add 1 and 2."], de: ["Was ist 1 + 2?"] }],
      ["seed:numerical substitution", "changed", { en: ["What is 1 + 3?"] }],
      // One text of the three related ones; the pair with a text that is already used gives none.
      ["single:q1", "single", { en: ["How do magnets work?"] }],
    ]);
  });

  test("a text that two groups ask is left out of both", async () => {
    const row = (id: string, lang: string, question: string) => ({
      id,
      lang,
      question,
      answer: id,
    });
    const directory = write("ambiguous", {
      "translations/xquad.jsonl.gz": [
        row("a", "en", "Who?"),
        row("a", "de", "Wer in A?"),
        row("b", "en", "Who?"),
        row("b", "de", "Wer in B?"),
      ],
    });
    const groups = await loadDataDirectory(directory);
    expect(groups.map(({ questions }) => Object.fromEntries(questions))).toEqual([
      { de: ["Wer in A?"] },
      { de: ["Wer in B?"] },
    ]);
  });

  test.each([
    ["not JSON", "{", /xquad\.jsonl\.gz:2: not JSON/],
    ["a missing field", { id: "a", lang: "en" }, /xquad\.jsonl\.gz:2: question must be a text/],
    ["a list", "[]", /xquad\.jsonl\.gz:2: not an object/],
  ])("%s is refused with file and line", async (name, row, reason) => {
    const good = { id: "g", lang: "en", question: "Who?", answer: "I" };
    const directory = write(`bad-${name}`, { "translations/xquad.jsonl.gz": [good, row] });
    await expect(loadDataDirectory(directory)).rejects.toThrow(reason);
  });

  test("a file that is not gzip, and a directory without any file, are refused by name", async () => {
    const directory = write("broken", { "translations/xquad.jsonl.gz": [] });
    writeFileSync(join(directory, "translations/xquad.jsonl.gz"), "plain text");
    await expect(loadDataDirectory(directory)).rejects.toThrow(/xquad\.jsonl\.gz: unreadable/);
    await expect(loadDataDirectory(join(root, "empty"))).rejects.toThrow(/empty: holds none of/);
  });
});

import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { loadAdversarial } from "../../../../src/trainer-node/evaluation/adversarial.ts";

const DATA = join(import.meta.dirname, "../../../../data");
const root = mkdtempSync(join(tmpdir(), "velo-adversarial-"));
afterAll(() => rmSync(root, { recursive: true }));

const row = {
  id: "en-001",
  topic: "everyday",
  text: "How far is Bern?",
  paraphrases: ["What is the distance to Bern?"],
  traps: [{ category: "entity", text: "How far is Basel?" }],
};

function directoryWith(files: Readonly<Record<string, string>>): string {
  const directory = mkdtempSync(join(root, "suite-"));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(directory, name), text);
  return directory;
}

describe("reading the adversarial suite", () => {
  test("each paraphrase and each trap is a request to its stored base, in the half of its row", () => {
    // sha256("en-001") begins with 0xc1 = 193 >= 128: measured.
    const shared = { group: "en-001", lang: "en", b: row.text, half: "measured" };
    expect(loadAdversarial(directoryWith({ "en.json": JSON.stringify([row]) }))).toEqual([
      {
        ...shared,
        id: "en-001#paraphrase-0",
        a: "What is the distance to Bern?",
        same: true,
        category: "paraphrase",
      },
      { ...shared, id: "en-001#trap-0", a: "How far is Basel?", same: false, category: "entity" },
    ]);
  });

  test.each([
    ["[", /^en\.json: not JSON/],
    ["{}", /^en\.json: not an array/],
    ["[7]", /^en\.json: row 1: not an object/],
    [JSON.stringify([{ ...row, id: "de-001" }]), /^en\.json: de-001: the id does not begin/],
    [JSON.stringify([{ ...row, topic: undefined }]), /^en\.json: en-001: no topic/],
    [JSON.stringify([{ ...row, text: " " }]), /^en\.json: en-001: no text/],
    [JSON.stringify([{ ...row, paraphrases: [] }]), /^en\.json: en-001: paraphrases needs/],
    [JSON.stringify([{ ...row, traps: [] }]), /^en\.json: en-001: traps needs/],
    [
      JSON.stringify([{ ...row, traps: [{ category: "colour", text: "x" }] }]),
      /^en\.json: en-001: no trap category: "colour"/,
    ],
    [JSON.stringify([{ ...row, note: "x" }]), /^en\.json: en-001: unknown field "note"/],
    [
      JSON.stringify([{ ...row, traps: [{ category: "entity", text: "HOW far is Bern?" }] }]),
      /^en\.json: en-001: "HOW far is Bern\?" already stands in en-001/,
    ],
    [JSON.stringify([row, row]), /^en\.json: en-001: "en-001" already stands in en-001/],
  ])("a malformed file is refused with file and row: %#", (text, reason) => {
    expect(() => loadAdversarial(directoryWith({ "en.json": text }))).toThrow(reason);
  });

  test("one text in two languages' files is refused, for it would be in two groups", () => {
    const copy = JSON.stringify([{ ...row, id: "fr-001" }]);
    const directory = directoryWith({ "en.json": JSON.stringify([row]), "fr.json": copy });
    expect(() => loadAdversarial(directory)).toThrow(/^fr\.json: fr-001: ".*" already stands in/);
  });
});

describe("the shipped suite", () => {
  const pairs = loadAdversarial();
  const [header = [], ...promised] = tableOf(
    readFileSync(join(DATA, "adversarial/README.md"), "utf8"),
  );
  const langs = header.slice(1);

  test("has every category and language the README lists, and no other", () => {
    expect(new Set(promised.map(([category]) => category))).toEqual(
      new Set(pairs.map(({ category }) => category)),
    );
    expect(new Set(langs)).toEqual(new Set(pairs.map(({ lang }) => lang)));
  });

  test("holds in each category and language at least as many pairs as the README promises", () => {
    for (const [category, ...counts] of promised) {
      for (const [column, lang] of langs.entries()) {
        const held = pairs.filter((p) => p.lang === lang && p.category === category).length;
        expect(held, `${category} in ${lang}`).toBeGreaterThanOrEqual(Number(counts[column]));
      }
    }
  });

  test("holds at least 50 paraphrases and 50 traps in each language", () => {
    for (const lang of langs) {
      const paraphrases = pairs.filter((pair) => pair.lang === lang && pair.same).length;
      const traps = pairs.filter((pair) => pair.lang === lang && !pair.same).length;
      expect(Math.min(paraphrases, traps), `pairs in ${lang}`).toBeGreaterThanOrEqual(50);
    }
  });

  test("has paraphrases and traps of each language in both halves", () => {
    for (const lang of langs) {
      const kinds = pairs.filter((p) => p.lang === lang).map(({ half, same }) => `${half} ${same}`);
      expect(new Set(kinds).size, `kinds in ${lang}`).toBe(4);
    }
  });

  test("shares no text with what the shipped weights are trained on (rows are named, not shown)", () => {
    const trained = new Set(
      ["paraphrases", "workload"].flatMap((folder) => [...textsIn(join(DATA, folder))].map(bare)),
    );
    expect(trained.size).toBeGreaterThan(0);
    const shared = pairs.filter(({ a, b }) => trained.has(bare(a)) || trained.has(bare(b)));
    expect(shared.map(({ id }) => id)).toEqual([]);
  });

  test("never asks the base itself, not even with other letter case or punctuation", () => {
    expect(pairs.filter(({ a, b }) => bare(a) === bare(b))).toEqual([]);
  });
});

function bare(text: string): string {
  return text
    .toLowerCase()
    .replaceAll(/[\s?？¿!！¡.。,，:：]+/gu, " ")
    .trim();
}

/** Every string in the *.json files of a directory. */
function* textsIn(directory: string): Generator<string> {
  for (const file of readdirSync(directory).filter((name) => name.endsWith(".json"))) {
    yield* stringsOf(JSON.parse(readFileSync(join(directory, file), "utf8")));
  }
}

function* stringsOf(value: unknown): Generator<string> {
  if (typeof value === "string") yield value;
  else if (typeof value === "object" && value !== null) {
    for (const member of Object.values(value)) yield* stringsOf(member);
  }
}

/** The README's only table as cells, without the line of dashes. */
function tableOf(markdown: string): string[][] {
  return markdown
    .split("\n")
    .filter((line) => line.startsWith("|") && !line.startsWith("| -"))
    .map((line) =>
      line
        .split("|")
        .slice(1, -1)
        .map((cell) => cell.trim()),
    );
}

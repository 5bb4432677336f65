import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { isWithheld, loadParaphrases } from "../../../src/trainer-node/paraphrases.ts";

const root = mkdtempSync(join(tmpdir(), "velo-paraphrases-"));
afterAll(() => rmSync(root, { recursive: true }));

let directories = 0;
function directoryOf(files: Readonly<Record<string, unknown>>): string {
  const directory = join(root, String((directories += 1)));
  mkdirSync(directory);
  for (const [file, value] of Object.entries(files)) {
    writeFileSync(join(directory, file), typeof value === "string" ? value : JSON.stringify(value));
  }
  return directory;
}

const tea = {
  id: "pe-1",
  topic: "kitchen",
  same: ["How do I make tea?", "Best way to brew tea?"],
  different: ["How do I make coffee?"],
};

describe("paraphrases", () => {
  test("groups, words, concepts and translations are read by the names of their files", () => {
    const loaded = loadParaphrases(
      directoryOf({
        "en-groups-1.json": [tea],
        "de-groups-2.json": [
          { id: "pd-1", topic: "Küche", same: ["Wie?", "Wie denn?"], different: ["Wann?"] },
        ],
        "en-synonyms.json": { synonyms: [["buy", "purchase"]], opposites: [["buy", "sell"]] },
        "concepts.json": { concepts: [{ en: ["dog", "dogs"], de: ["Hund"] }] },
        "translations.json": { translations: [{ en: "Why?", fr: "Pourquoi ?" }] },
      }),
    );
    expect(loaded.groups).toEqual([
      { id: "pd-1", lang: "de", same: ["Wie?", "Wie denn?"], different: ["Wann?"] },
      { id: "pe-1", lang: "en", same: tea.same, different: tea.different },
    ]);
    expect(loaded.synonyms).toEqual([
      { lang: "en", synonyms: [["buy", "purchase"]], opposites: [["buy", "sell"]] },
    ]);
    expect(loaded.concepts[0]?.get("en")).toEqual(["dog", "dogs"]);
    expect(loaded.translations[0]?.get("fr")).toBe("Pourquoi ?");
  });

  test.each([
    ["{", /^en-groups-1\.json: /],
    [{}, /^en-groups-1\.json: not an array/],
    [[{ ...tea, id: "" }], /^en-groups-1\.json: group 1: no id/],
    [[{ ...tea, same: ["only one"] }], /^en-groups-1\.json: group 1 \(pe-1\): same: needs 2/],
    [[{ ...tea, different: [] }], /\(pe-1\): different: needs 1/],
    [[{ ...tea, different: [tea.same[0]] }], /\(pe-1\): "How do I make tea\?" stands twice/],
    [[tea, tea], /group pe-1 exists twice/],
    [[tea, { ...tea, id: "pe-2" }], /groups pe-1 and pe-2 both hold "How do I make tea\?"/],
  ])("a broken group file is refused with file and id (%#)", (value, message) => {
    expect(() => loadParaphrases(directoryOf({ "en-groups-1.json": value }))).toThrow(message);
  });

  test.each([
    [{ synonyms: [["one"]], opposites: [] }, /^en-synonyms\.json: synonyms 1: needs 2/],
    [{ synonyms: [["a", "a"]], opposites: [] }, /synonyms 1: "a" stands twice/],
    [{ synonyms: [] }, /^en-synonyms\.json: no array "opposites"/],
    [{ synonyms: [], opposites: [["a", "b", "c"]] }, /opposites 1: not a pair/],
    [{ synonyms: [["a", "b"]], opposites: [["b", "a"]] }, /opposites 1: "b" and "a" are also/],
  ])("a broken word list is refused with file and place (%#)", (value, message) => {
    expect(() => loadParaphrases(directoryOf({ "en-synonyms.json": value }))).toThrow(message);
  });

  test("a file of another name, or a concept in one language, is refused", () => {
    expect(() => loadParaphrases(directoryOf({ "notes.json": [] }))).toThrow(/^notes\.json: /);
    const concepts = { concepts: [{ en: ["dog"] }] };
    expect(() => loadParaphrases(directoryOf({ "concepts.json": concepts }))).toThrow(
      /^concepts\.json: concept 1: fewer than two languages/,
    );
  });

  test("the bundled English text is sound, broad, and a fifth of it is withheld", () => {
    const { groups, synonyms } = loadParaphrases();
    const english = groups.filter(({ lang }) => lang === "en");
    expect(english.length).toBeGreaterThanOrEqual(500);
    expect(english.every(({ same }) => same.length >= 3)).toBe(true);
    const words = synonyms.find(({ lang }) => lang === "en");
    expect(words?.synonyms.length).toBeGreaterThanOrEqual(600);
    expect(words?.opposites.length).toBeGreaterThanOrEqual(250);
    const withheld = english.filter(({ id }) => isWithheld(id)).length / english.length;
    expect(withheld).toBeGreaterThan(0.12);
    expect(withheld).toBeLessThan(0.28);
  });
});

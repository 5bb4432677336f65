import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, describe, expect, test } from "vitest";
import {
  answeredByAll,
  readDialogues,
} from "../../../../../../src/trainer-node/reproduction/velo/dataset/dialogues.ts";
import { InputError } from "../../../../../../src/trainer-node/evaluation/json-lines.ts";

const folder = mkdtempSync(join(tmpdir(), "velo-dialogues-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

let files = 0;
function fileOf(lines: readonly (object | string)[], ending = ".jsonl"): string {
  const path = join(folder, `${files++}${ending}`);
  const text = lines
    .map((line) => (typeof line === "string" ? line : JSON.stringify(line)))
    .join("\n");
  writeFileSync(path, ending.endsWith(".gz") ? gzipSync(text) : text);
  return path;
}

const reply = (text: string, more: object = {}) => ({ text, role: "assistant", ...more });
const tree = (id: string, text: string, replies: readonly object[], more: object = {}) => ({
  message_tree_id: id,
  tree_state: "ready_for_export",
  prompt: { text, role: "prompter", lang: "en", replies, ...more },
});

describe("a tree as oasst1 exports it", () => {
  test("gives its question, and the reply of rank 0 wherever it stands", async () => {
    const { items } = await readDialogues(
      fileOf(
        [
          tree("t1", " Why is it dark?\r\n", [
            reply("second", { rank: 1 }),
            reply("best", { rank: 0, replies: [{ text: "And now?", role: "prompter" }] }),
            reply("third", { rank: 2 }),
          ]),
        ],
        ".trees.jsonl.gz",
      ),
    );
    expect(items).toEqual([
      {
        id: "t1",
        dialogue: "t1",
        lang: "en",
        question: "Why is it dark?",
        reference: "best",
        paraphrases: [],
        answers: new Map([
          ["second-reply", "second"],
          ["last-reply", "third"],
        ]),
      },
    ]);
  });

  test.each([
    ["the next rank where the best was deleted", { rank: 0, deleted: true }, { rank: 1 }],
    ["the next where reviewers refused it", { rank: 0, review_result: false }, { rank: 1 }],
    ["a ranked one before one without a rank", {}, { rank: 3 }],
    [
      "the better quality where there are no ranks",
      { labels: { quality: { value: 0.2 } } },
      { labels: { quality: { value: 0.7 } } },
    ],
    ["a rated one before one without a rating", {}, { labels: { quality: { value: 0 } } }],
  ])("takes %s", async (_, first, second) => {
    const { items } = await readDialogues(
      fileOf([tree("t", "Q?", [reply("first", first), reply("second", second)])]),
    );
    expect(items[0]!.reference).toBe("second");
  });

  test("takes the first reply where nothing else tells", async () => {
    const { items } = await readDialogues(
      fileOf([tree("t", "Q?", [reply("first", { rank: null }), reply("second")])]),
    );
    expect(items[0]!.reference).toBe("first");
  });

  test("is left out, and counted, where it gives no pair", async () => {
    const { items, leftOut } = await readDialogues(
      fileOf([
        tree("a", "Deleted?", [reply("yes")], { deleted: true }),
        tree("b", "Refused?", [reply("yes")], { review_result: false }),
        tree("c", "Alone?", []),
        tree("d", "Only a deleted one?", [reply("no", { deleted: true })]),
        { ...tree("e", "Stopped?", [reply("yes")]), tree_state: "aborted_low_grade" },
        tree("f", "?!", [reply("yes")]),
        tree("g", "x".repeat(2_001), [reply("yes")]),
        tree("h", "Twice?", [reply("yes")]),
        tree("i", "Twice?", [reply("no")]),
        "",
      ]),
    );
    expect(items.map(({ id }) => id)).toEqual(["h"]);
    expect(Object.fromEntries(leftOut)).toEqual({
      "deleted or refused": 2,
      "no reply": 2,
      "unfinished tree": 1,
      "no words": 1,
      "too long": 1,
      "asked twice": 1,
    });
  });
});

describe("reduced files", () => {
  const trees = () =>
    fileOf([
      {
        tree_id: "t1",
        prompt: "Wie spät ist es in Lima, wenn es hier Mittag ist?",
        replies: [
          { text: "good", rank: null, quality: 0.5 },
          { text: "better", rank: null, quality: 0.75 },
        ],
      },
    ]);
  const answered = () =>
    fileOf([
      {
        id: "q1",
        lang: "de",
        tree_id: "t1",
        prompt: "Wie spät ist es in Lima, wenn es hier Mittag ist?",
        human: "other",
        answers: { m1: "one", m2: "two" },
      },
      { id: "q2", lang: "pt-BR", prompt: "Oi?", human: "Oi.", answers: { m1: "a", m2: "" } },
      {
        id: "q3",
        lang: "en",
        prompt: "Why?",
        history: [{ role: "user", text: "It is." }],
        human: "So.",
        answers: { m1: "b" },
      },
    ]);

  test("tell the language by the words where the file does not", async () => {
    const [item] = (await readDialogues(trees())).items;
    expect(item).toMatchObject({ lang: "de", reference: "better", dialogue: "t1" });
  });

  test("hold several models' answers; a follow-up is another question and left out", async () => {
    const { items, leftOut } = await readDialogues(answered());
    expect(items.map(({ id, lang, reference }) => [id, lang, reference])).toEqual([
      ["q1", "de", "other"],
      ["q2", "pt", "Oi."],
    ]);
    expect(answeredByAll(items)).toEqual(["m1", "m2"]);
    expect(Object.fromEntries(leftOut)).toEqual({ "follow-up": 1 });
  });

  test("of one dialogue are joined: the first file's reference, the answers of both", async () => {
    const { items } = await readDialogues(trees(), answered());
    expect(items).toHaveLength(2);
    expect(items[0]!.reference).toBe("better");
    expect([...items[0]!.answers.keys()].toSorted()).toEqual([
      "last-reply",
      "m1",
      "m2",
      "second-reply",
    ]);
  });
});

describe("a bad line", () => {
  const good = tree("t", "Q?", [reply("A")]);
  test.each([
    ["is no JSON", "{", /:2: not JSON/],
    ["is a single message", { message_id: "m", role: "prompter", text: "Q" }, /:2: a single mess/],
    ["is something else", { question: "Q" }, /:2: neither a message tree nor/],
    ["has no id", { ...good, message_tree_id: "" }, /:2: message_tree_id must be a text/],
    ["begins with the assistant", tree("t", "Q", [], { role: "assistant" }), /:2: a tree begins/],
    ["has a reply without text", tree("t", "Q", [{ role: "assistant" }]), /:2: a reply has no/],
    ["has a rank that is none", tree("t", "Q", [reply("A", { rank: "0" })]), /:2: a reply's rank/],
    ["has replies that are no list", tree("t", "Q", [], { replies: {} }), /:2: replies must/],
    [
      "has an answer that is no text",
      { id: "i", prompt: "Q", human: "A", answers: { m: 1 } },
      /:2: the answer of m/,
    ],
  ])("that %s is named with its number", async (_, line, message) => {
    const reading = readDialogues(fileOf([good, line]));
    await expect(reading).rejects.toThrow(InputError);
    await expect(readDialogues(fileOf([good, line]))).rejects.toThrow(message);
  });

  test("a file that is not there is named", async () => {
    await expect(readDialogues(join(folder, "none.jsonl"))).rejects.toThrow(/none\.jsonl/);
  });
});

test("the dialogues that come along are 41 trees of 24 dialogues in three languages", async () => {
  const { items, leftOut } = await readDialogues("data/dialogues/dialogues.trees.jsonl");
  expect(items).toHaveLength(41);
  expect(leftOut.size).toBe(0);
  expect(new Set(items.map(({ dialogue }) => dialogue)).size).toBe(24);
  expect(new Set(items.map(({ lang }) => lang))).toEqual(new Set(["en", "de", "es"]));
  // What was deleted or refused says that it does not know.
  const texts = items.flatMap(({ reference, answers }) => [reference, ...answers.values()]);
  expect(texts.filter((text) => /^(No idea|Keine Ahnung|No lo sé)\.$/.test(text))).toEqual([]);
  expect(answeredByAll(items)).toEqual(["second-reply", "last-reply"]);
});

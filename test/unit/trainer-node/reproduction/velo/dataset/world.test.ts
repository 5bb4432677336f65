import { describe, expect, test } from "vitest";
import { Random } from "../../../../../../src/policy/random.ts";
import {
  type DialogueItem,
  readDialogues,
} from "../../../../../../src/trainer-node/reproduction/velo/dataset/dialogues.ts";
import {
  datasetSource,
  datasetWorld,
} from "../../../../../../src/trainer-node/reproduction/velo/dataset/source.ts";
import {
  partOf,
  splitByDialogue,
} from "../../../../../../src/trainer-node/reproduction/velo/dataset/split.ts";
import { TextVectors } from "../../../../../../src/trainer-node/reproduction/velo/dataset/text-vectors.ts";
import {
  fileUpstream,
  type Upstream,
  UpstreamError,
} from "../../../../../../src/trainer-node/reproduction/velo/dataset/upstream.ts";
import { wordingsOf } from "../../../../../../src/trainer-node/reproduction/velo/dataset/wordings.ts";
import { halfOf } from "../../../../../../src/trainer-node/simulator/groups.ts";

const seed = Number(process.env["SEED"] ?? 20_261_121);
console.log(`dataset world seed ${seed}`);

const made = (id: string, more: Partial<DialogueItem> = {}): DialogueItem => ({
  id,
  dialogue: id,
  lang: "en",
  question: `What is ${id}?`,
  reference: `reference ${id}`,
  paraphrases: [],
  answers: new Map([["m", `model ${id}`]]),
  ...more,
});

/** A unit vector at so many degrees in a plane: two of them lie 2 sin(half their angle) apart. */
function at(degrees: number): Float32Array {
  const vector = new Float32Array(768);
  vector[0] = Math.cos((degrees * Math.PI) / 180);
  vector[1] = Math.sin((degrees * Math.PI) / 180);
  return vector;
}

describe("q", () => {
  // 60 degrees: 2 sin 30 = 1. 90 degrees: 2 sin 45 = sqrt 2.
  const angles: Record<string, number> = { reference: 10, near: 70, far: 100 };
  const vectors = new TextVectors((text) =>
    text in angles ? at(angles[text]!) : new Float32Array(768),
  );

  test("is the negated distance of answer and reference", () => {
    expect(vectors.quality("reference", "reference")).toBeCloseTo(0, 6);
    expect(vectors.quality("near", "reference")).toBeCloseTo(-1, 6);
    expect(vectors.quality("far", "reference")).toBeCloseTo(-Math.SQRT2, 6);
  });

  test("of an answer without words is that of an unrelated one, not the 1 of a zero vector", () => {
    expect(vectors.quality("", "reference")).toBe(-Math.SQRT2);
  });

  test("reads answer and reference up to the same length", () => {
    const lengths: number[] = [];
    new TextVectors((text) => {
      lengths.push(text.length);
      return at(0);
    }).quality("a".repeat(10_000), "b".repeat(9_000));
    expect(lengths).toEqual([4_000, 4_000]);
  });
});

describe("wordings", () => {
  test("are the file's paraphrases where there are any", () => {
    const item = made("x", { paraphrases: ["Tell me about x"] });
    for (const voice of ["training", "test"] as const)
      expect(wordingsOf(item, voice)).toEqual([
        { text: "What is x?", how: "as asked" },
        { text: "Tell me about x", how: "paraphrase" },
      ]);
  });

  test.each(["en", "de", "es", "fr", "ru", "zh"])(
    "in %s are frames around the question otherwise, other ones in the test",
    (lang) => {
      const item = made("x", { lang, question: "$& and $1?" });
      const texts = (["training", "test"] as const).map((voice) =>
        wordingsOf(item, voice).map(({ text }) => text),
      );
      expect(texts[0]).toHaveLength(4);
      expect(texts[1]).toHaveLength(4);
      expect(new Set(texts.flat()).size).toBe(7);
      for (const text of texts.flat()) expect(text).toContain("$& and $1?");
    },
  );

  test("in another language are the question alone", () => {
    expect(wordingsOf(made("x", { lang: "eu" }), "test")).toHaveLength(1);
  });
});

describe("the split", () => {
  const items = Array.from({ length: 60 }, (_, i) =>
    // Every third is a translation of the one before.
    made(`d${i}`, { dialogue: `d${i % 3 === 2 ? i - 1 : i}` }),
  );

  test("puts no dialogue in two parts, translations included, and tests on the measured half", () => {
    const parts = Object.entries(splitByDialogue(items)).map(
      ([name, own]) => [name, new Set(own.map(({ dialogue }) => dialogue))] as const,
    );
    const dialogues = parts.flatMap(([, own]) => [...own]);
    expect(dialogues).toHaveLength(new Set(dialogues).size);
    expect(parts.map(([, own]) => own.size)).not.toContain(0);
    for (const [name, own] of parts)
      for (const dialogue of own) {
        expect(partOf(dialogue)).toBe(name);
        expect(halfOf(dialogue)).toBe(name === "test" ? "measured" : "calibration");
      }
  });

  test("of too few items is an error that counts them", () => {
    const training = items.filter(({ dialogue }) => partOf(dialogue) === "training");
    expect(() => splitByDialogue(training)).toThrow(
      /items are too few: \d+ for training, 0 to begin/,
    );
  });
});

test("training, test and prefill of a world share no dialogue, and training and test no wording", async () => {
  const { items } = await readDialogues("data/dialogues/dialogues.trees.jsonl");
  const plain = items.map((item) => made(item.id, { ...item, paraphrases: [] }));
  const upstream = fileUpstream("second-reply");
  const { train, test: tested } = await datasetWorld({ items: plain, upstream, seed });
  const dialogues = (requests: typeof train.requests) =>
    new Set(requests.map(({ item }) => item.dialogue));
  const [training, testing, prefill] = [
    dialogues(train.requests),
    dialogues(tested.requests),
    dialogues(tested.prefill),
  ];
  expect(dialogues(train.prefill)).toEqual(prefill);
  const together = [...training, ...testing, ...prefill];
  expect(new Set(together).size).toBe(together.length);
  const texts = new Set(train.requests.map(({ question }) => question));
  expect(tested.requests.filter(({ question }) => texts.has(question))).toEqual([]);
  // Every request is somebody's own, however often the same words come.
  expect(new Set(tested.requests.map(({ text }) => text)).size).toBe(tested.requests.length);
  expect(tested.requests.every(({ level }) => level === "semantic")).toBe(true);
  expect(tested.wordings.frame).toBeGreaterThan(0);
  const again = await datasetWorld({ items: plain, upstream, seed });
  expect(again.test.requests).toEqual(tested.requests);
});

describe("a source", () => {
  const degrees: Record<string, number> = {
    "reference a": 0,
    "model a": 60,
    "noted a": 20,
    "reference b": 90,
    "model b": 100,
  };
  const vectors = new TextVectors((text) => at(degrees[text] ?? 45));
  const [a, b] = [made("a"), made("b")];
  const prompts: string[] = [];
  /** Says "model" in 2 s, and with notes "noted" in 5. */
  const reader: Upstream = {
    model: "reader",
    about: "",
    readsPrompt: true,
    answer({ id }, prompt) {
      prompts.push(prompt);
      const isNoted = prompt.includes("notes");
      return Promise.resolve({
        text: `${isNoted ? "noted" : "model"} ${id}`,
        seconds: isNoted ? 5 : 2,
        tokens: isNoted ? 9 : 7,
      });
    },
  };
  const open = (upstream: Upstream) =>
    datasetSource({
      name: "small",
      upstream,
      asked: [[a, [{ text: a.question, how: "as asked" }]]],
      prefill: [b],
      slots: 2,
      regions: ["one"],
      seed,
      vectors,
    });
  const random = new Random(1);

  test("takes q from the texts: the stored reference for A, the model's answer for B, that with notes for C", async () => {
    const source = await open(reader);
    const [first, second] = source.requests;
    const [stored] = source.prefill;
    expect(prompts).toEqual(["What is a?"]);
    const q = (handling: "A" | "B" | "C", of: readonly (typeof first)[]) =>
      source.paperQuality(handling, true, random, {
        request: second!,
        stored: of.map((each) => each!),
      });
    // A: b's reference lies at 90 degrees of a's; a's own earlier answer at 60.
    expect(q("A", [stored])).toBeCloseTo(-Math.SQRT2, 5);
    expect(q("A", [first])).toBeCloseTo(-1, 5);
    expect(q("B", [])).toBeCloseTo(-1, 5);
    expect(() => q("C", [stored])).toThrow(/reader was not asked about d1-one with its notes/);
    const handled = { request: second!, stored: [stored!] };
    await source.prepare!(handled);
    await source.prepare!(handled);
    expect(prompts).toHaveLength(2);
    expect(prompts[1]).toMatch(/^What is a\?\n\n/);
    expect(prompts[1]).toContain("> Question: What is b?\n> Answer: reference b");
    // 20 degrees: 2 sin 10 = 0.3473.
    expect(q("C", [stored])).toBeCloseTo(-0.3473, 4);
    expect(source.modelSeconds(second!, random)).toBe(2);
    expect(source.notesSeconds(random, handled)).toBe(3);
    expect(second!.tokensOut).toBe(7);
    expect(source.isRight(second!, first!, 0)).toBe(true);
    expect(source.isRight(second!, stored!, 0)).toBe(false);
  });

  test("over a file gives C the stored answer, and models delays from its length", async () => {
    const source = await open(fileUpstream("m"));
    const [request] = source.requests;
    const handled = { request: request!, stored: [source.prefill[0]!] };
    await source.prepare!(handled);
    expect(source.paperQuality("C", true, random, handled)).toBeCloseTo(-1, 5);
    // (68.81 / 46.36 - 1) (0.5 + 2 * 0.015) = 0.4843 * 0.53 = 0.2567.
    expect(source.notesSeconds(random, handled)).toBeCloseTo(0.2567, 4);
    // "model a" is two pieces; the time to the first token is lognormal around 0.5 s.
    expect(request!.tokensOut).toBe(2);
    const seconds = Array.from({ length: 200 }, () => source.modelSeconds(request!, random));
    expect(seconds.toSorted((x, y) => x - y)[100]).toBeGreaterThan(0.4);
    expect(seconds.toSorted((x, y) => x - y)[100]).toBeLessThan(0.7);
  });

  test("ends with the first answer that is not to be had", async () => {
    await expect(open(fileUpstream("nobody"))).rejects.toThrow(UpstreamError);
  });
});

import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { matchingOf } from "../../../../src/trainer-node/embedder/measure.ts";
import { loadBundled, onlyHalf } from "../../../../src/trainer-node/simulator/groups.ts";
import { readText } from "../../../../src/policy/embedding/features.ts";
import {
  packEmbedder,
  unpackEmbedder,
  unpackWeights,
} from "../../../../src/policy/embedding/packed-embedder.ts";
import {
  FeatureIndex,
  SubwordEmbedder,
  type SubwordWeights,
} from "../../../../src/policy/embedding/subword-embedder.ts";

const GAINS = {
  word: 1,
  number: 2,
  character: 1,
  gram: 1,
  capital: 1,
  grams: 0,
  wordPair: 0,
  characterPair: 0,
};
const hashOf = (word: string): number => readText(word).units[0]!.hash;

/** Two known words: "red" with the row [4, 0] and weight 3, "rot" with the row [0, 2] and weight 0. */
function twoWords(): SubwordWeights {
  const words = [
    { hash: hashOf("red"), weight: 3, row: [4, 0] },
    { hash: hashOf("rot"), weight: 0, row: [0, 2] },
  ].toSorted((a, b) => a.hash - b.hash);
  return {
    gains: GAINS,
    width: 2,
    features: Uint32Array.from(words, ({ hash }) => hash),
    weights: Float32Array.from(words, ({ weight }) => weight),
    rows: Int8Array.from(words.flatMap(({ row }) => row)),
    rowScale: 0.5,
  };
}

/** FNV-1a over the bits of all 768 numbers. */
function bitsOf(vector: Float32Array): string {
  let state = 0x811c9dc5;
  for (const byte of new Uint8Array(vector.buffer)) state = Math.imul(state ^ byte, 0x01000193);
  return (state >>> 0).toString(16);
}

/** Of the file beside the code: a new file has new ones, which the failing test shows. */
const GOLDEN = { english: "2056f5", mixed: "3e796098" };

const shipped = readFileSync(
  new URL("../../../../data/embedders/subword-768.bin", import.meta.url),
);

describe("a vector", () => {
  test("is the word's row beside its weighted spelling in two dimensions, at length 1", () => {
    const vector = new SubwordEmbedder(twoWords()).embed("red");
    // Row 0.5 [4, 0] = [2, 0]; spelling 3 in two dimensions; length sqrt(4 + 9 + 9) = sqrt 22.
    expect(vector[0]).toBeCloseTo(2 / Math.sqrt(22), 6);
    expect(vector[1]).toBe(0);
    const spelt = [...vector.subarray(2)].filter((value) => value !== 0).map(Math.abs);
    expect(spelt).toHaveLength(2);
    for (const value of spelt) expect(value).toBeCloseTo(3 / Math.sqrt(22), 6);
  });

  test("of a known word without weight is its row alone", () => {
    const vector = new SubwordEmbedder(twoWords()).embed("Rot!");
    expect(vector[1]).toBe(1);
    expect(vector.filter((value) => value !== 0)).toHaveLength(1);
  });

  test("gives an unknown number the weight of its kind: twice that of an unknown word", () => {
    const vector = new SubwordEmbedder(twoWords()).embed("tin 42");
    const spelt = [...vector].filter((value) => value !== 0).map(Math.abs);
    // Two dimensions each: 1, 1, 2, 2 over sqrt 10.
    expect(spelt.toSorted((a, b) => a - b).map((value) => value * Math.sqrt(10))).toEqual(
      [1, 1, 2, 2].map((value) => expect.closeTo(value, 5)),
    );
  });

  test("is all zeros for a text without letters and digits", () => {
    for (const text of ["", "?! … —"])
      expect(unpackEmbedder(shipped).embed(text)).toEqual(new Float32Array(768));
  });
});

describe("the shipped embedder", () => {
  const embedder = unpackEmbedder(shipped);
  const cosine = (a: string, b: string): number => {
    const [left, right] = [embedder.embed(a), embedder.embed(b)];
    return left.reduce((sum, value, i) => sum + value * right[i]!, 0);
  };

  test("gives unit vectors of 768 numbers under its own name", () => {
    expect(embedder).toMatchObject({ id: "velo/subword-768", dimensions: 768 });
    for (const text of [
      "a",
      "How many bits are in 3 bytes?",
      "煮3杯米需要多少杯水？",
      "x ".repeat(5000),
    ]) {
      const vector = embedder.embed(text);
      expect(vector).toHaveLength(768);
      expect(Math.hypot(...vector)).toBeCloseTo(1, 6);
    }
  });

  test("gives these very bits on every machine", () => {
    expect(bitsOf(embedder.embed("How do I boil 3 eggs?"))).toBe(GOLDEN.english);
    expect(bitsOf(embedder.embed("Сколько варить яйца? 鸡蛋要煮多久？"))).toBe(GOLDEN.mixed);
  });

  test("finds a synonym nearer than an opposite, and a typing mistake very near", () => {
    const question = "How can I purchase a used car?";
    const reworded = cosine(question, "How can I buy a used car?");
    expect(reworded).toBeGreaterThan(cosine(question, "How can I sell a used car?"));
    expect(cosine(question, "how can i purchse a used car")).toBeGreaterThan(0.8);
  });

  test("finds most translations of questions that it did not learn from", () => {
    const groups = onlyHalf(loadBundled(), "measured").filter(
      ({ questions }) => questions.size >= 4,
    );
    const vectorsOf = (lang: string) =>
      groups.flatMap(({ questions }) => {
        const [from, to] = [questions.get("en")?.[0], questions.get(lang)?.[0]];
        if (from === undefined || to === undefined) return [];
        return [[embedder.embed(from), embedder.embed(to)] as const];
      });
    const found = ["de", "es", "ru", "zh"].map((lang) => {
      const { questions, found: share } = matchingOf(vectorsOf(lang));
      expect(questions).toBeGreaterThan(100);
      return { lang, share };
    });
    expect(found.filter(({ share }) => !(share > 0.65))).toEqual([]);
  });
});

describe("the packed file", () => {
  test("comes back as it was packed", () => {
    const weights = twoWords();
    expect(unpackWeights(packEmbedder(weights))).toEqual(weights);
    // Inside a larger buffer, too, as files are read.
    const apart = Buffer.concat([Buffer.alloc(13, 7), packEmbedder(weights)]).subarray(13);
    expect(unpackWeights(apart)).toEqual(weights);
  });

  test("is refused when it is cut short, damaged or something else", () => {
    const bytes = packEmbedder(twoWords());
    expect(() => unpackEmbedder(bytes.subarray(0, -1))).toThrow(
      /15 bytes of weights instead of 16/,
    );
    const damaged = bytes.slice();
    damaged[bytes.length - 3]! ^= 1;
    expect(() => unpackEmbedder(damaged)).toThrow(/damaged/);
    for (const other of [new Uint8Array(), Buffer.from("{}\n"), Buffer.from("no line")])
      expect(() => unpackEmbedder(other)).toThrow("these bytes are no packed embedder");
  });

  test("is not made from parts of different sizes", () => {
    expect(() => packEmbedder({ ...twoWords(), rows: new Int8Array(3) })).toThrow(RangeError);
  });
});

test("an index finds what it was given and nothing else, where hashes fall into one slot, too", () => {
  const features = Uint32Array.of(3, 3 + 1024, 3 + 2048, 0xffffffff);
  const index = new FeatureIndex(features);
  expect([...features].map((hash) => index.find(hash))).toEqual([0, 1, 2, 3]);
  expect([3 + 4096, 0].map((hash) => index.find(hash))).toEqual([-1, -1]);
});

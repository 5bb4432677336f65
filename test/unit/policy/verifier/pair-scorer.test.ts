import { expect, test } from "vitest";
import { EMPTY_LEXICON } from "../../../../src/policy/verifier/lexicon.ts";
import {
  type ScorerModel,
  packScorer,
  unpackModel,
} from "../../../../src/policy/verifier/packed-scorer.ts";
import { FEATURES } from "../../../../src/policy/verifier/pair-features.ts";
import {
  calibrated,
  scorerOf,
  unpackScorer,
  verifierLimits,
} from "../../../../src/policy/verifier/pair-scorer.ts";
import { NAN_RIGHT } from "../../../../src/policy/verifier/trees.ts";
import { shippedScorer } from "../../../../src/trainer-node/verifier/shipped.ts";

const en = (text: string) => ({ text, lang: "en" });

/** One tree that asks once: cosine <= 0.5 says -2, more says 2, unknown goes with more. */
const model: ScorerModel = {
  id: "test/pairs",
  embedder: "test/embedder",
  trees: {
    bias: 0,
    roots: Int32Array.of(0),
    feature: Int16Array.of(FEATURES.indexOf("cosine") | NAN_RIGHT, -1, -1),
    threshold: Float32Array.of(0.5, 0, 0),
    left: Int32Array.of(1, 0, 0),
    right: Int32Array.of(2, 0, 0),
    value: Float32Array.of(0, -2, 2),
  },
  calibration: { margins: [-2, 2], probabilities: [0.1, 0.9] },
  coldStart: { "test/embedder": 0.3, "*": 0.2 },
  lexicon: {
    ...EMPTY_LEXICON,
    rarity: new Map([["de ei", 0.25]]),
    synonyms: new Map([
      ["bui", [0]],
      ["purchas", [0]],
    ]),
    opposites: new Map([
      ["öffn", [0]],
      ["schließ", [1]],
    ]),
  },
};

test("the margin becomes a probability, and the probability a distance: sqrt(2 - 2 p)", () => {
  const scorer = scorerOf(model);
  const near = scorer.score(en("How do I boil an egg?"), en("How are eggs boiled?"), 0.8);
  expect(near.probability).toBeCloseTo(0.9);
  expect(near.matchDistance).toBeCloseTo(Math.sqrt(0.2));
  expect(near.reasons[0]).toEqual({ feature: "distance of the embeddings", weight: 2 });
  expect(scorer.score(en("a"), en("b"), 0.2).probability).toBeCloseTo(0.1);
  expect(scorer.score(en("a"), en("b"), null).probability).toBeCloseTo(0.9);
});

test("the calibration is linear between its knots, flat outside, and takes no number for the worst", () => {
  expect([-9, -2, 0, 1, 2, 9, Number.NaN].map((margin) => calibrated(model, margin))).toEqual(
    [0.1, 0.1, 0.5, 0.7, 0.9, 0.9, 0.1].map((p) => expect.closeTo(p, 10)),
  );
});

test("a packed scorer is the same scorer", () => {
  const copy = unpackModel(packScorer(model));
  expect(copy).toEqual(model);
});

test("damaged bytes are refused, wherever the damage is", () => {
  const bytes = packScorer(model);
  const end = bytes.indexOf(10);
  expect(() => unpackScorer(bytes.subarray(0, bytes.length - 1))).toThrow(RangeError);
  expect(() => unpackScorer(new Uint8Array(0))).toThrow(RangeError);
  for (let at = end + 1; at < bytes.length; at += 7) {
    const damaged = bytes.slice();
    damaged[at]! ^= 4;
    expect(() => unpackScorer(damaged), `byte ${at}`).toThrow(RangeError);
  }
  const other = new TextDecoder().decode(bytes).replace('"cosine"', '"cosinus"');
  expect(() => unpackScorer(new TextEncoder().encode(other))).toThrow(RangeError);
});

test("an embedder that the scorer does not know gets its own threshold and no cosine", () => {
  const scorer = scorerOf(model);
  expect(verifierLimits(scorer, "test/embedder")).toEqual({
    verifier: { scorer, knowsCosine: true },
    coldStartMatch: 0.3,
    scorer: "test/pairs",
  });
  expect(verifierLimits(scorer, "another")).toMatchObject({
    verifier: { knowsCosine: false },
    coldStartMatch: 0.2,
  });
  expect(verifierLimits(null, "another")).toEqual({});
});

test("the shipped scorer does not mind which of two questions was stored", () => {
  const scorer = shippedScorer();
  const questions = [
    "How can I buy a used car without being cheated?",
    "What should I look at when purchasing a second-hand car?",
    "How do I sell my old car?",
    "¿Cómo compro un coche usado?",
    "怎么买二手车？",
    "",
    "12 + 30",
  ].map(en);
  for (const one of questions)
    for (const other of questions) {
      const there = scorer.score(one, other, 0.7);
      const back = scorer.score(other, one, 0.7);
      expect(there.probability).toBeCloseTo(back.probability, 10);
      expect(there.probability).toBeGreaterThan(0);
      expect(there.probability).toBeLessThan(1);
      expect(there.reasons.length).toBeLessThanOrEqual(3);
    }
});

test("the shipped scorer finds a rewording likelier than another question", () => {
  const scorer = shippedScorer();
  const asked = en("How do I repair a flat bicycle tyre?");
  const p = (stored: string) => scorer.score(asked, en(stored), null).probability;
  expect(p("How do I fix a flat bicycle tyre?")).toBeGreaterThan(
    p("How do I repair a broken bicycle chain?"),
  );
  expect(p("how do i repair a flat bicycle tyre")).toBeGreaterThan(
    p("Which bicycle should I buy for my daughter?"),
  );
});

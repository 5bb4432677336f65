import { expect, test } from "vitest";
import { packScorer } from "../../../../src/policy/verifier/packed-scorer.ts";
import { scorerOf } from "../../../../src/policy/verifier/pair-scorer.ts";
import { hashEmbed } from "../../../../src/dev/embedding.ts";
import { Random } from "../../../../src/policy/random.ts";
import {
  type LabelledPair,
  trainScorer,
} from "../../../../src/trainer-node/verifier/train-scorer.ts";
import { Varier } from "../../../../src/trainer-node/verifier/variants.ts";

const THINGS = "bread rice pasta coffee tea soup cake fish beans eggs".split(" ");
const PLACES = "Rome Oslo Cairo Lima Quito Delhi Paris Accra Tunis Doha".split(" ");

/** Two wordings of one question are the same, and other things or places are not. */
const pairs: readonly LabelledPair[] = THINGS.flatMap((thing, i) =>
  PLACES.flatMap((place, j) => {
    const group = `${i}-${j}`;
    const a = `Where can I buy ${thing} in ${place}?`;
    const elsewhere = PLACES[(j + 1) % PLACES.length]!;
    return [
      { id: `${group}a`, a, b: `In ${place}, which shop sells ${thing}?`, same: true, group },
      { id: `${group}b`, a, b: `Where can I buy ${thing} in ${elsewhere}?`, same: false, group },
    ];
  }),
);
const options = { embed: hashEmbed, embedder: "test", boosting: { trees: 30 }, seed: 3 };
const model = trainScorer(pairs, options);

test("a scorer learns from its pairs, and knows it of words that it has not seen", () => {
  const scorer = scorerOf(model, hashEmbed);
  const en = (text: string) => ({ text, lang: "en" });
  const asked = en("Where can I buy honey in Vienna?");
  const same = scorer.score(asked, en("In Vienna, which shop sells honey?"), null).probability;
  const other = scorer.score(asked, en("Where can I buy honey in Dublin?"), null).probability;
  expect(same).toBeGreaterThan(0.8);
  expect(other).toBeLessThan(0.2);
});

test("one seed replays the training, and calibrated probabilities rise with the margin", () => {
  expect(packScorer(trainScorer(pairs, options))).toEqual(packScorer(model));
  const { margins, probabilities } = model.calibration;
  expect(margins).toEqual(margins.toSorted((a, b) => a - b));
  expect(probabilities).toEqual(probabilities.toSorted((a, b) => a - b));
});

test("variants keep the answer where they say so, and name the same words otherwise", () => {
  const seed = 11;
  const lists = [
    { lang: "en", synonyms: [["buy", "purchase"]], opposites: [["open", "close"] as const] },
  ];
  const varier = new Varier("en", lists, ["Where is the harbour?"], new Random(seed));
  const made = varier.of("Anna to Bert: can I buy and open 3 parcels?");
  const of = (kind: string) => made.filter((variant) => variant.kind === kind);
  expect(of("synonym"), `seed ${seed}`).toEqual([
    { kind: "synonym", same: true, text: "Anna to Bert: can I purchase and open 3 parcels?" },
  ]);
  expect(of("opposite")).toEqual([
    { kind: "opposite", same: false, text: "Anna to Bert: can I buy and close 3 parcels?" },
  ]);
  expect(of("swapped")[0]?.text).toBe("Bert to Anna: can I buy and open 3 parcels?");
  expect(of("number")[0]?.text).toMatch(/open (?!3 )\d+ parcels/);
  expect(made.every(({ same, kind }) => same === /synonym|polite|typed/.test(kind))).toBe(true);
});

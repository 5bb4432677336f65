import { describe, expect, test } from "vitest";
import { SubwordEmbedder } from "../../../../src/policy/embedding/subword-embedder.ts";
import { Random } from "../../../../src/policy/random.ts";
import { drawExample, materialOf } from "../../../../src/trainer-node/embedder/examples.ts";
import { Thesaurus } from "../../../../src/trainer-node/embedder/lexicon.ts";
import { cosineOf } from "../../../../src/trainer-node/embedder/measure.ts";
import { Gradients, quantised } from "../../../../src/trainer-node/embedder/parameters.ts";
import { PlaceBook, addSum, passBack } from "../../../../src/trainer-node/embedder/sums.ts";
import {
  EMBEDDER_TRAINING,
  trainEmbedder,
} from "../../../../src/trainer-node/embedder/train-embedder.ts";
import { startingParameters } from "../../../../src/trainer-node/embedder/vocabulary.ts";
import { openBackend } from "../../../../src/trainer-node/graph/backend.ts";
import { type Paraphrases, isWithheld } from "../../../../src/trainer-node/paraphrases.ts";

/** Ids of groups that may be learnt from. */
const ids = Array.from({ length: 40 }, (_, i) => `g${i}`).filter((id) => !isWithheld(id));

const TINY: Paraphrases = {
  groups: [
    {
      id: ids[0]!,
      lang: "en",
      same: ["How do I buy a car?", "What is the way to purchase a car?"],
      different: ["How do I sell a car?"],
    },
    {
      id: ids[1]!,
      lang: "en",
      same: ["Why is the sky blue?", "What makes the sky blue?"],
      different: ["Why is the sea blue?"],
    },
    {
      id: ids[2]!,
      lang: "en",
      same: ["How many legs has a spider?", "Number of legs of a spider?"],
      different: ["How many eyes has a spider?"],
    },
  ],
  synonyms: [{ lang: "en", synonyms: [["buy", "purchase"]], opposites: [["buy", "sell"]] }],
  concepts: [
    new Map([
      ["en", ["car"]],
      ["de", ["Auto"]],
    ]),
    new Map([
      ["en", ["spider"]],
      ["de", ["Spinne"]],
    ]),
  ],
  translations: [
    new Map([
      ["en", "Why is the sky blue?"],
      ["de", "Warum ist der Himmel blau?"],
    ]),
  ],
};
const SMALL = {
  ...EMBEDDER_TRAINING,
  steps: 60,
  batch: 8,
  vocabulary: { ...EMBEDDER_TRAINING.vocabulary, width: 8, minGroups: 1, minWords: 2 },
};

test("the gradients of rows and weights are those of finite differences", () => {
  const random = new Random(5);
  const parameters = startingParameters(
    materialOf(TINY, []),
    { ...SMALL.vocabulary, spread: 0.3 },
    random,
  );
  const { width, rows, logWeights } = parameters;
  const text = new PlaceBook(parameters).read("Why buy a blue car, why a Car from 1999? 蓝色的车");
  const direction = Float32Array.from({ length: 768 }, () => random.normal());
  /** direction . sum(text): its gradient with respect to the sum is `direction`. */
  const along = (): number => {
    const x = new Float32Array(768);
    addSum(x, 0, text, parameters);
    return x.reduce((sum, value, i) => sum + value * direction[i]!, 0);
  };
  const gradients = new Gradients(parameters.features.length, width);
  passBack(direction, 0, text, parameters, gradients);

  expect(gradients.features.length).toBeGreaterThan(10);
  const slope = (array: Float32Array, at: number): number => {
    const kept = array[at]!;
    array[at] = kept + 0.01;
    const above = along();
    array[at] = kept - 0.01;
    const below = along();
    array[at] = kept;
    return (above - below) / 0.02;
  };
  for (const feature of gradients.features) {
    const row = feature * width + (feature % width);
    expect(gradients.rows[row]!).toBeCloseTo(slope(rows, row), 2);
    expect(gradients.logWeights[feature]!).toBeCloseTo(slope(logWeights, feature), 2);
  }
});

test("the sum that is learnt on, at length 1, is the vector that is served, up to rounding", () => {
  const random = new Random(6);
  const parameters = startingParameters(
    materialOf(TINY, []),
    { ...SMALL.vocabulary, spread: 0.3 },
    random,
  );
  const text = "Why is a blue Car from 1999 a spider?";
  const x = new Float32Array(768);
  addSum(x, 0, new PlaceBook(parameters).read(text), parameters);
  const served = new SubwordEmbedder(quantised(parameters)).embed(text);
  expect(cosineOf(x, served) / Math.hypot(...x)).toBeGreaterThan(0.9999);
});

describe("training on three questions", () => {
  test("lowers the loss, brings wordings together and near misses apart, the same for a seed", async () => {
    const backend = await openBackend("cpu", { threads: 1 });
    const losses: number[] = [];
    const train = () =>
      trainEmbedder(materialOf(TINY, []), { ...SMALL, steps: 300 }, backend, ({ loss }) =>
        losses.push(loss),
      );
    const weights = await train();
    expect(losses).toHaveLength(3);
    expect(losses[2]!).toBeLessThan(losses[0]! - 0.1);

    const embedder = new SubwordEmbedder(weights);
    const cosine = (a: string, b: string) => cosineOf(embedder.embed(a), embedder.embed(b));
    const { same, different } = TINY.groups[0]!;
    expect(cosine(same[0]!, same[1]!)).toBeGreaterThan(cosine(same[0]!, different[0]!));
    expect(cosine("car", "Auto")).toBeGreaterThan(cosine("car", "Spinne") + 0.1);
    expect(await train()).toEqual(weights);
  });
});

describe("examples", () => {
  test("come only from what is not withheld, and never have the near miss as the other wording", () => {
    const withheld = Array.from({ length: 40 }, (_, i) => `w${i}`).find(isWithheld)!;
    const secret = { id: withheld, lang: "en", same: ["xyzzy one", "xyzzy two"], different: ["y"] };
    const material = materialOf({ ...TINY, groups: [...TINY.groups, secret] }, []);
    const random = new Random(1);
    const examples = Array.from({ length: 300 }, () =>
      drawExample(material, EMBEDDER_TRAINING.mix, random),
    );
    expect(examples.filter(({ text, same }) => /xyzzy/.test(text + same))).toEqual([]);
    expect(examples.filter(({ same, different }) => same === different)).toEqual([]);
    expect(examples.some(({ same }) => same.includes("auto"))).toBe(true);
  });

  test("replace the longest phrase that has a synonym, and one word by its opposite", () => {
    const thesaurus = new Thesaurus({
      synonyms: [
        {
          lang: "en",
          synonyms: [
            ["how do i", "how can i"],
            ["how", "in which way"],
          ],
          opposites: [["left", "right"]],
        },
      ],
      concepts: [],
    });
    const random = new Random(1);
    const tokens = ["how", "do", "i", "turn", "left"];
    const reworded = thesaurus.reworded(tokens, { from: "en", to: "en", share: 1 }, random);
    expect(reworded).toEqual({ tokens: ["how", "can", "i", "turn", "left"], replaced: 3 });
    expect(thesaurus.opposed(tokens, "en", random)).toEqual(["how", "do", "i", "turn", "right"]);
    expect(thesaurus.opposed(["turn"], "en", random)).toBeNull();
  });
});

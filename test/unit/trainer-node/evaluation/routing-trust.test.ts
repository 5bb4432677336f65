import { describe, expect, test } from "vitest";
import { Random } from "../../../../src/policy/random.ts";
import { describer, formOf } from "../../../../src/trainer-node/evaluation/question-form.ts";
import {
  calibrationError,
  scoreCoverage,
  valueCoverage,
} from "../../../../src/trainer-node/evaluation/routing-coverage.ts";
import { fitPredictor, MEANS } from "../../../../src/trainer-node/evaluation/routing-predictors.ts";
import { lengthTrust } from "../../../../src/trainer-node/evaluation/routing-trust.ts";

const column = (values: readonly number[]) => values.map((value) => [value]);
const vector = (...values: number[]) => Float32Array.from(values);

describe("coverage", () => {
  test("counts what lies inside the intervals that the calibration half makes", () => {
    // Off by 1 ... 9: of (9 + 1) x 0.25, 0.75 and so on the 2nd and 8th for 50 %, the 1st and 9th for 80 %, none for 90 %.
    const known = {
      predicted: column(Array(9).fill(0)),
      actual: column([1, 2, 3, 4, 5, 6, 7, 8, 9]),
    };
    const measured = { predicted: column([0, 0, 0, 0]), actual: column([2, 8.5, 9, 10]) };
    const { inside, width } = valueCoverage(known, measured, 0);
    expect(inside).toEqual([0.25, 0.75, 1]);
    expect(width).toEqual([6, 8, Infinity]);
  });

  test("of scores goes by how far they were off, and ends at 0 and 1", () => {
    const known = { predicted: column([0.5, 0.5, 0.5]), actual: column([0.4, 0.7, 0.2]) };
    // |off| = 0.1, 0.2, 0.3; 4 x 0.5 is the 2nd; 4 x 0.8 is beyond the 3rd.
    const measured = { predicted: column([0.9, 0.1]), actual: column([1, 0.35]) };
    const { inside, width } = scoreCoverage(known, measured, 0);
    expect(inside).toEqual([0.5, 1, 1]);
    expect(width[0]).toBeCloseTo(0.3, 12);
    expect(width[1]).toBe(1);
  });

  test("says how far predicted shares lie from the actual ones, bin by bin", () => {
    // Ten bins of one: |0.1 - 0| each for nine, |0.9 - 1| for one.
    const predicted = column([...Array<number>(9).fill(0.1), 0.9]);
    const actual = column([...Array<number>(9).fill(0), 1]);
    expect(calibrationError({ predicted, actual }, 0)).toBeCloseTo(0.1, 12);
  });

  const seed = 5;
  test(`keeps its promise for lengths on questions it has not seen (seed ${seed})`, () => {
    const random = new Random(seed);
    const part = (count: number) => {
      const kinds = Array.from({ length: count }, () => (random.uniform() < 0.5 ? 0 : 1));
      return {
        vectors: kinds.map((kind) => vector(1 - kind, kind)),
        data: {
          models: ["m"],
          leftOut: [],
          questions: kinds.map((kind, i) => ({
            id: String(i),
            group: String(i),
            question: String(kind),
            task: null,
            answers: [{ score: 1, outputChars: 100 * 4 ** kind * Math.exp(0.5 * random.normal()) }],
          })),
        },
      };
    };
    const [known, unseen] = [part(400), part(400)];
    const learners = [
      {
        name: "kind",
        family: { ...MEANS, train: byKind },
        vectors: [known.vectors, unseen.vectors],
      },
    ];
    const folds = known.vectors.map((_, i) => i % 3);
    const trust = lengthTrust([known.data, unseen.data], learners, folds, 3)!;
    const [{ coverage, error, errorOfMean }] = trust.models as [(typeof trust.models)[number]];
    expect(trust.predictor).toBe("kind");
    for (const [l, level] of [0.5, 0.8, 0.9].entries())
      expect(Math.abs(coverage.inside[l]! - level)).toBeLessThan(0.08);
    // The kinds are a factor of 4 apart: ln 4 / 2 = 0.69 off the mean, beside 0.5 of chance.
    expect(error).toBeCloseTo(0.5, 1);
    expect(errorOfMean).toBeGreaterThan(0.75);
    const silent = known.data.questions.map((each) => ({
      ...each,
      answers: [{ score: 1, outputChars: null }],
    }));
    const untold = { ...known.data, questions: silent };
    expect(lengthTrust([untold, unseen.data], learners, folds, 3)).toBeNull();
  });
});

/** The mean of all lessons of the same kind. */
const byKind: typeof MEANS.train = ({ vectors, scores }) => [
  (questions) =>
    questions.map((asked) => {
      const same = scores.filter((_, i) => vectors[i]![0] === asked[0]);
      return [same.reduce((sum, [score]) => sum + score!, 0) / same.length];
    }),
];

describe("predictors", () => {
  test("the model's mean is the same for every question", () => {
    const lessons = { vectors: [vector(1), vector(2), vector(3)], scores: [[1], [0], [0.5]] };
    const { predict, error } = fitPredictor(MEANS, lessons, [0, 1, 2], 3);
    expect(predict([vector(9)])).toEqual([[0.5]]);
    // Each by the mean of the other two: 0.25, 0.75, 0.5.
    expect(error).toBeCloseTo((0.75 ** 2 + 0.75 ** 2 + 0) / 3, 12);
  });

  test("a question's form is counted, whatever the alphabet", () => {
    const [, words, wordLength, digits, capitals, marks, asks] = formOf("Сколько будет 17 + 5?");
    expect(words).toBeCloseTo(Math.log(6), 12);
    // 7 + 5 + 2 + 1 + 2 letters, digits and marks in five words
    expect(wordLength).toBeCloseTo(17 / 5, 12);
    expect([digits, capitals, marks].map((share) => Math.round(share! * 21))).toEqual([3, 1, 2]);
    expect(asks).toBe(1);
    expect(formOf("").every(Number.isFinite)).toBe(true);
  });

  test("descriptions of texts of one form are equal but for their meaning, and products are the kernel", () => {
    const texts = [
      "How far is it?",
      "12 + 34 = ?",
      "for (;;) {\n}",
      "Tell me a long story about nothing.",
    ];
    const embed = (text: string) =>
      vector(text.includes("far") ? 1 : 0, text.includes("far") ? 0 : 1);
    const described = describer(texts, embed, { features: 4_000, meaning: 0.5 });
    const product = (a: string, b: string) => {
      const [x, y] = [described(a), described(b)];
      return x.subarray(0, 4_000).reduce((sum, value, i) => sum + value * y[i]!, 0);
    };
    expect(described("How far is it?").subarray(4_000)).toEqual(vector(0.5, 0));
    // exp(-0) and, for another form, less.
    expect(product(texts[0]!, texts[0]!)).toBeCloseTo(1, 1);
    expect(product(texts[0]!, "How big is it?")).toBeCloseTo(1, 1);
    expect(product(texts[0]!, texts[2]!)).toBeLessThan(0.5);
  });
});

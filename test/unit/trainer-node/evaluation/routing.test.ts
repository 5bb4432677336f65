import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { Random } from "../../../../src/policy/random.ts";
import {
  compareRouting,
  type CompareRoutingOptions,
} from "../../../../src/trainer-node/evaluation/routing.ts";
import {
  readRouting,
  type RoutedQuestion,
  routingFields,
} from "../../../../src/trainer-node/evaluation/routing-file.ts";
import {
  fitPredictor,
  NEAREST_QUESTIONS,
  RIDGE,
} from "../../../../src/trainer-node/evaluation/routing-predictors.ts";
import { readModelPrices } from "../../../../src/trainer-node/evaluation/routing-prices.ts";

const directory = mkdtempSync(join(tmpdir(), "velo-routing-"));
const fileOf = (name: string, text: string): string => {
  const file = join(directory, name);
  writeFileSync(file, text);
  return file;
};
const vector = (...values: number[]) => Float32Array.from(values);

describe("predictors", () => {
  test("ridge regression around the means, by columns or by rows", () => {
    // Centred: x = -1, 1 and y = -0.5, 0.5. With lambda = 2: w = (1 + 1 + 2)^-1 * (0.5 + 0.5) = 0.25.
    const scores = [[0], [1]];
    const columns = RIDGE.train({ vectors: [vector(0), vector(2)], scores }, [2])[0]!;
    expect(columns([vector(2), vector(1)])).toEqual([[0.75], [0.5]]);
    const rows = RIDGE.train({ vectors: [vector(0, 5, 1), vector(2, 5, 1)], scores }, [2])[0]!;
    expect(rows([vector(2, 9, 9)])[0]![0]).toBeCloseTo(0.75, 12);
  });

  test("the k nearest questions vote, equal ones in the order in which they were learnt", () => {
    const vectors = [vector(1, 0), vector(0.6, 0.8), vector(0, 1), vector(0, 1), vector(-1, 0)];
    const scores = [[1], [0.5], [0], [1], [0.25]];
    const [one, two, all] = NEAREST_QUESTIONS.train({ vectors, scores }, [1, 2, 5]);
    const questions = [vector(1, 0), vector(0, 1), vector(-1, 0), vector(1, 0), vector(0, 1)];
    expect(one!(questions)).toEqual([[1], [0], [0.25], [1], [0]]);
    expect(two!(questions)[1]).toEqual([0.5]);
    expect(all!(questions)[4]![0]).toBeCloseTo(2.75 / 5, 12);
  });

  test("a lesson's own prediction comes from other folds only", () => {
    const vectors = [vector(1, 0), vector(0, 1), vector(1, 0), vector(0, 1)];
    const scores = [[1], [1], [0], [0]];
    const family = { ...NEAREST_QUESTIONS, settings: [1] };
    const { crossFitted, predict } = fitPredictor(family, { vectors, scores }, [0, 0, 1, 1], 2);
    expect(crossFitted).toEqual([[0], [0], [1], [1]]);
    expect(predict([vector(1, 0)])).toEqual([[1]]);
  });
});

/** Questions of two subjects; `scoresOf` says what the two models make of one. */
function world(
  count: number,
  scoresOf: (subject: number, random: Random) => readonly number[],
  seed: number,
): CompareRoutingOptions {
  const random = new Random(seed);
  const questions = Array.from({ length: count }, (_, i): RoutedQuestion => {
    const subject = random.uniform() < 0.5 ? 0 : 1;
    return {
      id: String(i),
      group: String(i),
      question: `${subject}`,
      task: null,
      answers: scoresOf(subject, random).map((score) => ({ score, outputChars: 400 })),
    };
  });
  return {
    source: "world",
    data: { models: ["dear", "fair"], leftOut: [], questions },
    prices: new Map([
      ["dear", { input: 1, output: 10, firstTokenSeconds: null, secondsPerToken: 0.03 }],
      ["fair", { input: 1, output: 5, firstTokenSeconds: 1, secondsPerToken: null }],
    ]),
    embed: (text) => (text === "0" ? vector(1, 0) : vector(0, 1)),
    assumptions: {
      answerTokens: 7,
      tokensOf: () => 1000,
      firstTokenSeconds: 0.5,
      secondsPerToken: 0.01,
    },
    resamples: 200,
  };
}

describe("comparison", () => {
  const seed = 11;
  test(`where each model knows a subject, routers beat the best one at lower cost (seed ${seed})`, () => {
    const report = compareRouting(
      world(400, (subject) => (subject === 0 ? [1, 0] : [0.25, 0.75]), seed),
    );
    const byName = new Map(report.routers.map((one) => [one.name, one]));
    const single = byName.get("best single model")!;
    expect(single.note).toBe("dear");
    for (const name of ["nearest questions", "ridge regression", "always right choice"]) {
      const router = byName.get(name)!;
      expect(router.figures.quality.value).toBeGreaterThan(0.8);
      expect(router.gain.quality.interval.low).toBeGreaterThan(0);
      expect(router.gain.cost!.interval.high).toBeLessThan(0);
    }
    // 1,000 prompt tokens and 400 / 4 = 100 of the answer: 1,000 x (1000 x 1 + 100 x 10) / 1e6 = 2, and 1.5 with 5.
    expect(single.figures.cost!.value).toBeCloseTo(2, 12);
    expect(byName.get("cheapest model")!.figures.cost!.value).toBeCloseTo(1.5, 12);
    expect(byName.get("random model")!.figures.cost!.value).toBeCloseTo(1.75, 12);
    // 0.5 + 100 x 0.03, and 1 + 100 x 0.01.
    expect(single.figures.delay!.value).toBeCloseTo(3.5, 12);
    expect(byName.get("cheapest model")!.figures.delay!.value).toBeCloseTo(2, 12);
    expect(report.better.gain.quality.interval.low).toBeGreaterThan(0);
    expect(report.better.gain.cost!.value).toBeLessThan(0);
    expect(report.cheaper!.gain.cost!.value).toBeLessThan(0);
  });

  test(`where the questions tell nothing, no router is surely better, and the right choice bounds all (seed ${seed})`, () => {
    const report = compareRouting(
      world(
        400,
        (_, random) => [Number(random.uniform() < 0.6), Number(random.uniform() < 0.5)],
        seed,
      ),
    );
    expect(report.better.gain.quality.interval.low).toBeLessThanOrEqual(0);
    const oracle = report.routers.at(-1)!;
    for (const { figures } of report.routers)
      expect(figures.quality.value).toBeLessThanOrEqual(oracle.figures.quality.value);
    // The more the cost counts, the less is spent and the less is got.
    for (const { points } of report.curves)
      for (const [i, { figures }] of points.entries()) {
        if (i === 0) continue;
        expect(figures.cost!.value).toBeLessThanOrEqual(points[i - 1]!.figures.cost!.value + 1e-12);
      }
    const right = report.curves.at(-1)!.points;
    expect(right[0]!.figures.quality.value).toBeGreaterThan(right.at(-1)!.figures.quality.value);
  });

  test("without prices quality alone counts, and a handful of questions is refused", () => {
    const options = world(60, (subject) => [1 - subject, subject], 3);
    const report = compareRouting({ ...options, prices: null });
    expect(report.cheaper).toBeNull();
    expect(report.routers.map(({ name }) => name)).not.toContain("cheapest model");
    expect(report.curves[0]!.points).toHaveLength(1);
    const few = { ...options.data, questions: options.data.questions.slice(0, 12) };
    expect(() => compareRouting({ ...options, data: few, source: "few.jsonl" })).toThrow(
      /few\.jsonl: each half needs 10 questions at least: \d+ to learn from, \d+ to measure on/,
    );
  });
});

describe("files", () => {
  const good = '{"id":1,"question":"a?","models":{"m":{"correct":true,"output_chars":8},"n":0.5}}';

  test("scores are read in every form, and models that some questions lack are named", async () => {
    const file = fileOf(
      "good.jsonl",
      `${good}\n\n{"id":"2","group":"g","question":"b?","models":{"n":{"score":1},"o":{"correct":false},"m":{"correct":0}}}\n` +
        '{"id":"3","question":" a?","models":{"m":1,"n":1}}\n',
    );
    const { models, leftOut, questions } = await readRouting(file);
    expect(models).toEqual(["m", "n"]);
    expect(leftOut).toEqual([{ model: "o", questions: 1 }]);
    // The same text again belongs to the first one's group.
    expect(questions.map(({ id, group }) => [id, group])).toEqual([
      ["1", "1"],
      ["2", "g"],
      ["3", "1"],
    ]);
    expect(questions[0]!.answers).toEqual([
      { score: 1, outputChars: 8 },
      { score: 0.5, outputChars: null },
    ]);
    expect(questions[1]!.answers.map(({ score }) => score)).toEqual([0, 1]);
  });

  test.for([
    ["nothing", /:2: not JSON/],
    ['{"question":"b","models":{}}', /:2: id must be/],
    ['{"id":1,"question":"b","models":{}}', /:2: the id 1 is that of .*:1 too/],
    ['{"id":2,"models":{}}', /:2: question must be a text/],
    ['{"id":2,"question":"b","models":[]}', /:2: models must be an object/],
    ['{"id":2,"question":"b","models":{"m":2}}', /:2: models.m needs "correct"/],
    ['{"id":2,"question":"b","models":{"m":{"correct":"yes"}}}', /:2: models.m needs "correct"/],
    [
      '{"id":2,"question":"b","models":{"m":{"score":1,"output_chars":-1}}}',
      /:2: models.m: output/,
    ],
    ['{"id":2,"question":"b","models":{"x":1}}', /fewer than two models/],
  ] as const)("the line %s is refused", async ([line, message]) => {
    await expect(readRouting(fileOf("bad.jsonl", `${good}\n${line}\n`))).rejects.toThrow(message);
  });

  test("fields have other names where a map says so, and no others", async () => {
    const file = fileOf("mapped.jsonl", '{"key":1,"question":"a?","scores":{"m":1,"n":0}}\n');
    const { questions } = await readRouting(file, routingFields({ id: "key", models: "scores" }));
    expect(questions[0]).toMatchObject({ id: "1", task: null });
    expect(() => routingFields({ model: "scores" })).toThrow(/model is not one of the fields/);
  });

  test("prices come as one object or as lines, with speeds beside them", async () => {
    const object = fileOf(
      "prices.json",
      '{\n"m": {"size": "7B", "input_usd_per_million_tokens": 0.2, "output_usd_per_million_tokens": 0.3}\n}',
    );
    expect((await readModelPrices(object)).get("m")).toEqual({
      input: 0.2,
      output: 0.3,
      firstTokenSeconds: null,
      secondsPerToken: null,
    });
    const lines = fileOf(
      "prices.jsonl",
      '{"model":"m","input":1,"output":2,"seconds_per_token":0.02}\n{"model":"n","input":1,"output":2}\n',
    );
    const prices = await readModelPrices(lines);
    expect([...prices.keys()]).toEqual(["m", "n"]);
    expect(prices.get("m")!.secondsPerToken).toBe(0.02);
    const bad = fileOf("bad.json", '{"m":{"input":1,"output":"2"}}');
    await expect(readModelPrices(bad)).rejects.toThrow(/bad.json: m: output must be a number/);
    await expect(readModelPrices(join(directory, "none.json"))).rejects.toThrow(
      /none.json: ENOENT/,
    );
  });
});

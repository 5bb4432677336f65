import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { embedderProfile } from "../../../../src/policy/embedders.ts";
import { comparePairs } from "../../../../src/trainer-node/evaluation/compare-pairs.ts";
import { InputError } from "../../../../src/trainer-node/evaluation/json-lines.ts";
import {
  type EvaluatedPair,
  type GroupedPairs,
  groupPairs,
  halfOfPairs,
} from "../../../../src/trainer-node/evaluation/labelled-pairs.ts";
import {
  parseFieldNames,
  readNearMisses,
  readPairs,
} from "../../../../src/trainer-node/evaluation/pair-files.ts";
import {
  gatewayDistance,
  gatewayMethod,
  gptCacheDefaults,
  learningGatewayMethod,
  type PairMethod,
  perEntryCosine,
  redisVlDefaults,
  tfIdfMethod,
} from "../../../../src/trainer-node/evaluation/pair-methods.ts";

const pair = (id: string, a: string, b: string, same: boolean | null = true): EvaluatedPair => ({
  id,
  a,
  b,
  same,
});

const fileOf = (name: string, content: string | Uint8Array): string => {
  const file = join(mkdtempSync(join(tmpdir(), "velo-pairs-")), name);
  writeFileSync(file, content);
  return file;
};

describe("components", () => {
  test("pairs that share a text, over any number of steps, are one component; a group is one by its name", () => {
    const { components } = groupPairs([
      pair("1", "a", "b"),
      pair("2", "c", "d"),
      pair("3", "b ", "c"),
      pair("4", "e", "f"),
      { ...pair("5", "e", "g"), group: "own" },
    ]);
    expect(components[0]).toBe(components[1]);
    expect(components[0]).toBe(components[2]);
    expect(components[3]).not.toBe(components[0]);
    expect(components[4]).toBe("own");
  });

  test("a component's half does not depend on the order of the pairs", () => {
    const pairs = Array.from({ length: 40 }, (_, i) =>
      pair(String(i), `text ${i}`, `text ${i + (i % 3 === 0 ? 1 : 50)}`),
    );
    const idsOf = (some: readonly EvaluatedPair[]) =>
      halfOfPairs(groupPairs(some), "measured")
        .pairs.map(({ id }) => id)
        .toSorted();
    expect(idsOf(pairs.toReversed())).toEqual(idsOf(pairs));
    expect(idsOf(pairs).length).toBeGreaterThan(5);
    expect(idsOf(pairs).length).toBeLessThan(35);
  });
});

describe("files", () => {
  test("field names can be given; labels may be true, false, 1 or 0, plain or gzip", async () => {
    const lines = [
      '{"pid":7,"question1":"one?","question2":"uno?","is_duplicate":"1","kind":"x"}',
      "",
      '{"pid":8,"question1":"two?","question2":"three?","is_duplicate":0}',
    ].join("\n");
    const names = parseFieldNames("id=pid,a=question1,b=question2,same=is_duplicate,category=kind");
    const expected = [
      { id: "7", a: "one?", b: "uno?", same: true, category: "x" },
      { id: "8", a: "two?", b: "three?", same: false },
    ];
    expect(await readPairs(fileOf("plain.jsonl", lines), names)).toEqual(expected);
    expect(await readPairs(fileOf("pairs.jsonl.gz", gzipSync(lines)), names)).toEqual(expected);
    expect(() => parseFieldNames("colour=red")).toThrow(/id, a, b, same/);
  });

  test.for([
    ['{"a":"x","b":"y","same":"maybe"}', /:2: same must be true/],
    ['{"a":"x","same":true}', /:2: b must be a text/],
    ["{broken", /:2: not JSON/],
    ["[1]", /:2: not an object/],
  ] as const)("a malformed line %s is refused with its number", async ([line, message]) => {
    const file = fileOf("bad.jsonl", `{"a":"x","b":"y","same":true}\n${line}\n`);
    const failure = await readPairs(file).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(InputError);
    expect(String(failure)).toMatch(message);
  });

  test("a file that is not there, or empty, is an input error", async () => {
    await expect(readPairs("/nowhere/pairs.jsonl")).rejects.toBeInstanceOf(InputError);
    await expect(readPairs("/nowhere/pairs.jsonl.gz")).rejects.toBeInstanceOf(InputError);
    await expect(readPairs(fileOf("empty.jsonl", ""))).rejects.toThrow(/no pairs/);
  });

  test("near misses: rewordings should hit, other problems with other answers are traps, luck is left out", async () => {
    const row = (id: string, change: string, problem: boolean, answer: boolean) =>
      JSON.stringify({
        id,
        seed_id: "s",
        change,
        question: `question ${id}`,
        seed_question: "seed",
        same_problem: problem,
        same_answer: answer,
      });
    const file = fileOf(
      "near.jsonl",
      [
        row("1", "problem understanding", true, true),
        row("2", "numerical substitution", false, false),
        row("3", "numerical substitution", false, true),
        row("4", "distraction insertion", true, true),
      ].join("\n"),
    );
    const pairs = await readNearMisses(file);
    expect(pairs.map(({ id, same, group }) => [id, same, group])).toEqual([
      ["1", true, "s"],
      ["2", false, "s"],
      ["4", null, "s"],
    ]);
    expect(pairs[0]).toMatchObject({ a: "question 1", b: "seed" });
  });
});

describe("methods", () => {
  const cosine = (value: number) => () => value;
  const embedder = embedderProfile("velo/hash-ngram-768");
  const distanceAt = (value: number) =>
    gatewayDistance({ cosine: cosine(value), embedder, scorer: null });

  test("the defaults of GPTCache serve from cosine 0.6, those of RedisVL from 0.9", () => {
    const serves = ({ score, fixedThreshold }: PairMethod) => score("a", "b") > fixedThreshold!;
    expect(serves(gptCacheDefaults(cosine(0.6)))).toBe(true);
    expect(serves(gptCacheDefaults(cosine(0.599)))).toBe(false);
    expect(serves(redisVlDefaults(cosine(0.9)))).toBe(true);
    expect(serves(redisVlDefaults(cosine(0.899)))).toBe(false);
  });

  test("the gateway refuses what guards refuse at any distance, and serves equal texts first", () => {
    const { score } = gatewayMethod({ embedder, scorer: null }, distanceAt(0.98));
    const asked = "How many grams are in 3 cups of flour?";
    expect(score(asked, "How many grams are in 2 cups of flour?")).toBe(-Infinity);
    expect(score(asked, ` ${asked}\n`)).toBe(-0);
    // sqrt(2 - 2 x 0.98) = 0.2
    expect(score(asked, "How many grams are there in 3 cups of flour?")).toBeCloseTo(-0.2, 9);
    expect(score("What is the weather today?", "What is the weather today?")).toBe(-Infinity);
  });

  test("an entry that was wrong is trusted less than one that was right, and guards stay in front", () => {
    for (const method of [perEntryCosine(cosine(0.8)), learningGatewayMethod(distanceAt(0.8))]) {
      const [good, bad, young] = ["capital of Spain", "height of Teide", "length of the Ebro"];
      const asked = (entry: string) => `What is the ${entry} in short, please?`;
      for (let i = 0; i < 5; i++) {
        method.learn!(asked(good), good, true);
        method.learn!(asked(bad), bad, false);
      }
      expect(method.score(asked(good), good)).toBeGreaterThan(method.score(asked(young), young));
      expect(method.score(asked(bad), bad)).toBeLessThan(method.score(asked(young), young));
    }
    const guarded = learningGatewayMethod(distanceAt(0.99));
    expect(guarded.score("Is 7 prime?", "Is 9 prime?")).toBe(-Infinity);
  });

  test("TF-IDF knows rare letters: an equal rare word weighs more than an equal common one", () => {
    const { score } = tfIdfMethod([
      "how tall is a giraffe",
      "how tall is a horse",
      "how tall is a house",
      "how tall is a tree",
    ]);
    expect(score("giraffe", "giraffe")).toBeCloseTo(1, 9);
    expect(score("how tall is a giraffe", "height of a giraffe")).toBeGreaterThan(
      score("how tall is a giraffe", "how tall is xyz"),
    );
    expect(score("?", "!")).toBe(0);
  });
});

describe("comparison", () => {
  const halves = (all: GroupedPairs) => ({
    calibration: halfOfPairs(all, "calibration"),
    measured: halfOfPairs(all, "measured"),
  });
  /** Components 0 to 199; scores are given by the texts themselves. */
  const pairs = groupPairs(
    Array.from({ length: 200 }, (_, i) => ({
      ...pair(String(i), `${i % 10}`, `stored ${i}`, i % 2 === 0),
      group: `g${i}`,
      category: i % 4 < 2 ? "early" : "late",
    })),
  );
  /** Even pairs are should-hits with 0, 2, 4, 6, 8, odd ones traps with 1, 3, 5, 7, 9. */
  const byDigit: PairMethod = { name: "digit", score: (a) => Number(a) };
  const perfect: PairMethod = {
    name: "perfect",
    score: (a) => Number(Number(a) % 2 === 0),
    fixedThreshold: 0.5,
  };

  test("thresholds come from the calibration half and figures from the other", () => {
    const report = comparePairs({
      ...halves(pairs),
      methods: [perfect, byDigit],
      levels: [0.01, 0.5],
      resamples: 100,
    });
    expect(report.calibration.pairs + report.measured.pairs).toBe(200);
    const [ours, theirs] = report.methods;
    expect(ours!.calibrated[0]!.hits.share).toBe(1);
    expect(ours!.calibrated[0]!.traps.share).toBe(0);
    expect(ours!.calibrated[0]!.hits.interval.high).toBe(1);
    expect(ours!.calibrated[0]!.hits.interval.low).toBeGreaterThan(0.9);
    expect(ours!.shipped!.hits.share).toBe(1);
    expect(ours!.auc!.value).toBe(1);
    // At 1 % no 9 may pass, so nothing does.
    expect(theirs!.calibrated[0]!.threshold).toBe(9);
    expect(theirs!.calibrated[0]!.hits.share).toBe(0);
    expect(theirs!.shipped).toBeNull();
    expect(report.differences[0]!.calibrated[0]!.value).toBe(1);
    expect(report.differences[0]!.auc.interval.low).toBeGreaterThan(0);
    const served = (category: string) =>
      ours!.categories.find((one) => one.category === category)!.hits[0]!;
    expect(served("early").count + served("late").count).toBe(ours!.calibrated[0]!.hits.count);
  });

  test("traps of one group count as one observation in the bound of how many are served", () => {
    const bound = (group: (i: number) => string) => {
      // A score that serves every tenth trap.
      const traps = Array.from({ length: 200 }, (_, i) => ({
        ...pair(`t${i}`, `${i % 100} of 200`, `base ${i}`, false),
        group: group(i),
      }));
      const known = new Map(traps.map(({ a }, i) => [a, i % 100 < 10 ? 1 : 0]));
      const hits = [{ ...pair("h", "hit", "base"), group: "h" }];
      const all = groupPairs([...traps, ...hits]);
      const method = {
        name: "x",
        score: (a: string) => known.get(a) ?? 1,
        fixedThreshold: 0.5,
      };
      const report = comparePairs({
        calibration: all,
        measured: all,
        methods: [method],
        levels: [0.01],
      });
      const { traps: served } = report.methods[0]!.shipped!;
      expect(served.share).toBe(0.1);
      return served.upper95!;
    };
    expect(bound((i) => `g${Math.floor((i % 100) / 10)}`)).toBeGreaterThan(bound(String) + 0.05);
  });

  test("a half without should-hits is refused with its counts", () => {
    const traps = { ...pairs, pairs: pairs.pairs.map(({ id, a, b }) => pair(id, a, b, false)) };
    expect(() => comparePairs({ ...halves(traps), methods: [byDigit], levels: [0.01] })).toThrow(
      /calibration half has 0 should-hits/,
    );
  });
});

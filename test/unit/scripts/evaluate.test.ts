import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import {
  type LogOptions,
  parseEvaluateArgs,
  UsageError,
} from "../../../scripts/evaluate/options.ts";
import { evaluateLog } from "../../../scripts/evaluate/log.ts";
import { formatLog } from "../../../scripts/evaluate/log-table.ts";
import { evaluatePairs } from "../../../scripts/evaluate/pairs.ts";
import { formatPairs } from "../../../scripts/evaluate/pairs-table.ts";
import { evaluateStream } from "../../../scripts/evaluate/stream.ts";
import { formatStream } from "../../../scripts/evaluate/stream-table.ts";
import { USAGE, usageFor } from "../../../scripts/evaluate/usage.ts";

const directory = mkdtempSync(join(tmpdir(), "velo-evaluate-"));
const fileOf = (name: string, lines: readonly string[]): string => {
  const file = join(directory, name);
  writeFileSync(file, lines.map((line) => `${line}\n`).join(""));
  return file;
};
const parse = (text: string) => parseEvaluateArgs(text.split(" "));

describe("options", () => {
  test("levels are added to the usual ones, in order", () => {
    expect(parse("pairs x.jsonl --at 30,10,2")).toMatchObject({
      levels: [0.01, 0.02, 0.05, 0.1, 0.3],
    });
  });

  test.for([
    ["", /no command/],
    ["guess x", /no command guess/],
    ["pairs", /one of FILE/],
    ["pairs x --suite adversarial", /one of FILE/],
    ["pairs --near-miss x --map a=b", /--map belongs to FILE/],
    ["pairs x --map a", /FIELD=NAME/],
    ["pairs x --at 0", /per cents/],
    ["pairs x --seed 3", /--seed is no option of pairs/],
    ["stream x --shift", /--shift draws a stream/],
    ["stream --price 1,2", /INPUT,CACHED,OUTPUT/],
    ["stream --requests many", /whole number/],
    ["log", /one FILE/],
    ["log x --price 1,1,1 --prices y", /exclude/],
    ["log x --no-such", /no-such/],
  ] as const)("%s is refused", ([text, message]) => {
    expect(() => parse(text)).toThrow(UsageError);
    expect(() => parse(text)).toThrow(message);
  });
});

test("after a wrong option the options of that command stand alone, without a known command all do", () => {
  const part = usageFor(["routing", "x", "--seed", "3"]);
  expect(part).toContain("--prices FILE");
  expect(part).toContain("--json");
  expect(part).not.toMatch(/--near-miss|--shift|--unsure|as above/);
  for (const args of [[], ["guess", "x"]]) expect(usageFor(args)).toBe(USAGE);
  expect(USAGE).toMatch(/--near-miss[^]*--shift[^]*--unsure[^]*llmrouter[^]*--json/);
});

describe("pairs", () => {
  test("a file of pairs becomes a table with every method, and the verifier can be trained on it", async () => {
    const colours = ["red", "blue", "green", "white", "black", "yellow", "brown", "grey"];
    const things = [
      "apple",
      "chair",
      "car",
      "door",
      "shirt",
      "lamp",
      "cup",
      "boat",
      "wall",
      "shoe",
    ];
    const lines = colours.flatMap((colour, i) =>
      things.map((thing, j) => {
        const isSame = (i + j) % 2 === 0;
        const other = isSame
          ? `${colour} ${thing}`
          : `${colour} ${things[(j + 1) % things.length]!}`;
        const a = `How much does a ${colour} ${thing} cost?`;
        const b = `What is the price of a ${other}?`;
        return JSON.stringify({
          id: `${i}-${j}`,
          a,
          b,
          same: isSame,
          group: `${colour} ${thing}`,
          category: colour,
        });
      }),
    );
    const file = fileOf("pairs.jsonl", lines);
    const options = parseEvaluateArgs(["pairs", file, "--resamples", "50", "--train-on", file]);
    if (options.command !== "pairs") throw new Error("not reached");
    const figures = await evaluatePairs(options);
    expect(figures.verifier).toMatch(/^trained on \d+ pairs/);
    expect(figures.measured.hits + figures.measured.traps).toBe(figures.measured.pairs);
    const table = formatPairs(figures);
    for (const name of ["velo", "verifier alone", "cosine", "GPTCache defaults", "per-entry"])
      expect(table).toContain(name);
    expect(table).toMatch(/by category/);
  });
});

describe("stream", () => {
  test("a drawn stream can be written, read again, and is answered the same", async () => {
    const file = join(directory, "stream.jsonl");
    const drawn = parse(
      `stream --requests 200 --shift --write ${file} --embedder hash --verifier none`,
    );
    const again = parse(`stream ${file} --embedder hash --verifier none`);
    if (drawn.command !== "stream" || again.command !== "stream") throw new Error("not reached");
    const first = await evaluateStream(drawn);
    const second = await evaluateStream(again);
    const { figures } = first.players[0]!;
    expect(figures.requests).toBe(200);
    // With the same families, so that the intervals are the same too.
    expect(second.players[0]!.figures).toEqual(figures);
    expect(formatStream(first)).toMatch(/second half/);
    expect(formatStream(second)).toMatch(/in the others' favour/);
  });

  test("a malformed line is refused with its number", async () => {
    const good = {
      t: 0,
      id: "1",
      group: "g",
      question: "q",
      lang: "en",
      kind: "new",
      region: "us",
    };
    for (const [bad, message] of [
      [{ ...good, t: -1 }, /:2: t must be/],
      [{ ...good, kind: "odd" }, /:2: kind must be/],
      [{ ...good, region: "mars" }, /:2: region must be/],
      [{ ...good, question: 7 }, /:2: question must be/],
      [{ ...good, question: " q", group: "h" }, /:2: the question of group g is asked in h/],
    ] as const) {
      const file = fileOf("bad-stream.jsonl", [JSON.stringify(good), JSON.stringify(bad)]);
      const options = parse(`stream ${file} --verifier none`);
      if (options.command !== "stream") throw new Error("not reached");
      await expect(evaluateStream(options)).rejects.toThrow(message);
    }
  });
});

describe("log", () => {
  const entry = (question: string, answer: string, request: object = {}, response: object = {}) =>
    JSON.stringify({
      request: {
        model: "m",
        messages: [
          { role: "system", content: "Be brief." },
          { role: "user", content: question },
        ],
        ...request,
      },
      response: {
        id: "r",
        object: "chat.completion",
        created: 1,
        model: "m",
        choices: [
          { index: 0, message: { role: "assistant", content: answer }, finish_reason: "stop" },
        ],
        usage: { prompt_tokens: 20, completion_tokens: 10, total_tokens: 30 },
        ...response,
      },
    });
  const optionsOf = (...args: readonly string[]): LogOptions => {
    const options = parseEvaluateArgs(["log", ...args, "--embedder", "hash", "--verifier", "none"]);
    if (options.command !== "log") throw new Error("not reached");
    return options;
  };
  const EIFFEL = "How tall is the Eiffel Tower?";

  test("repeats and rephrasings would be served, other prompts, tools and unfinished answers not", async () => {
    const file = fileOf("log.jsonl", [
      entry(EIFFEL, "330 m"),
      entry(EIFFEL, "330 m."),
      entry("How tall is the Eiffel Tower, please?", "324 m"),
      entry(EIFFEL, "330 m", { messages: [{ role: "user", content: EIFFEL }] }),
      entry(EIFFEL, "330 m", { tools: [{ type: "function", function: { name: "f" } }] }),
      entry(
        "How long is the Rhine?",
        "1,2",
        {},
        {
          choices: [
            { index: 0, message: { role: "assistant", content: "1,2" }, finish_reason: "length" },
          ],
        },
      ),
      entry("How long is the Rhine?", "1,233 km"),
      entry(EIFFEL, "330 m", { max_tokens: 5 }),
    ]);
    const result = await evaluateLog(optionsOf(file));
    expect(result.hits.map(({ id, kind, verdict }) => `${id} ${kind} ${verdict}`)).toEqual([
      "2<-1 exact right",
      "3<-1 semantic wrong",
    ]);
    expect(result.levels).toEqual({ bypass: 1, exact: 0, semantic: 7 });
    expect(result.semantic).toMatchObject({ hits: 1, wrong: 1, share: 1 });
    expect(result.obstacles).toMatchObject({ tools: 1 });
    // 8 requests of 20 + 10 tokens at 0.1 and 0.5; two hits save 20 x 0.01 + 10 x 0.5 each.
    expect(result.savings[0]!.withoutCacheUsd).toBeCloseTo(8 * 7e-6, 12);
    expect(result.savings[0]!.savedUsd).toBeCloseTo(2 * 5.2e-6, 12);
    expect(formatLog(result)).toMatch(/wrong, the first 1 of 1/);
  });

  test("an answer that does not fit is not served, nor another row's in its place; a newer one takes its place", async () => {
    const please = `${EIFFEL} please`;
    const json = { response_format: { type: "json_object" } };
    const file = fileOf("misfits.jsonl", [
      entry(EIFFEL, "330 metres"),
      entry(
        please,
        "330 m",
        { max_tokens: 5 },
        { usage: { prompt_tokens: 1, completion_tokens: 2, total_tokens: 3 } },
      ),
      // The nearest row's answer fits now; the row of the very same words comes before it and its answer does not.
      entry(
        EIFFEL,
        "330 m",
        { max_tokens: 5 },
        { usage: { prompt_tokens: 1, completion_tokens: 2, total_tokens: 3 } },
      ),
      entry(EIFFEL, "330 m", { max_completion_tokens: 5 }),
      entry(EIFFEL, "three hundred", json),
      entry(EIFFEL, "{}", json),
    ]);
    const result = await evaluateLog(optionsOf(file));
    expect(result.hits.map(({ id, kind }) => `${id} ${kind}`)).toEqual(["4<-3 exact"]);
    expect(result.obstacles).toMatchObject({ "max-tokens": 2, "not-json": 1 });
  });

  test("what the comparison is unsure of goes to a person, whose word counts", async () => {
    const long = (subject: string) => `It is often said that ${subject}, among many other things.`;
    const file = fileOf("unsure.jsonl", [
      entry(EIFFEL, long("it is three hundred metres tall")),
      entry("How tall is the Eiffel Tower, please?", long("its height surprises every visitor")),
    ]);
    const unsure = join(directory, "to-judge.jsonl");
    const before = await evaluateLog(optionsOf(file, "--unsure", unsure));
    expect(before.semantic).toMatchObject({ unsure: 1, share: null });
    expect(before.semantic.interval.high).toBeCloseTo(1, 9);
    const [row] = readFileSync(unsure, "utf8").trim().split("\n");
    const asked = JSON.parse(row!) as { id: string; right: null };
    expect(asked).toMatchObject({ id: "2<-1", right: null });
    const judged = fileOf("judged.jsonl", [JSON.stringify({ ...asked, right: true })]);
    const after = await evaluateLog(optionsOf(file, "--judged", judged));
    expect(after.semantic).toMatchObject({ right: 1, unsure: 0, byPerson: 1, share: 0 });
    expect((await evaluateLog(optionsOf(file, "--judged", unsure))).semantic.unsure).toBe(1);
  });

  test("each model's own price counts, and one without a price is refused", async () => {
    const file = fileOf("models.jsonl", [
      entry(EIFFEL, "330 m"),
      entry(EIFFEL, "330 m"),
      entry(EIFFEL, "330 m", { model: "other" }),
    ]);
    const prices = fileOf("prices.jsonl", ['{"model":"m","input":1,"cachedInput":0.5,"output":2}']);
    await expect(evaluateLog(optionsOf(file, "--prices", prices))).rejects.toThrow(
      /no price for other/,
    );
    const both = fileOf("both.jsonl", [
      '{"model":"m","input":1,"cachedInput":0.5,"output":2}',
      '{"model":"other","input":1,"output":2}',
    ]);
    const { savings } = await evaluateLog(optionsOf(file, "--prices", both));
    // The second line saves 20 x 0.5 + 10 x 2 millionths; another model's answer is not shared.
    expect(savings.map(({ price, savedUsd }) => [price.name, Math.round(1e6 * savedUsd)])).toEqual([
      ["m", 30],
      ["other", 0],
    ]);
  });

  test.for([
    ['{"request":{}}', /:1: response must be an object/],
    ['{"request":{"model":"m"},"response":{}}', /:1: request: /],
    [entry(EIFFEL, "x").replace("{", '{"at":"soon",'), /:1: at must be a date/],
    ["no json", /:1: not JSON/],
  ] as const)("the line %s is refused", async ([line, message]) => {
    await expect(evaluateLog(optionsOf(fileOf("bad.jsonl", [line])))).rejects.toThrow(message);
  });
});

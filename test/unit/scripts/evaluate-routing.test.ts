import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import {
  parseEvaluateArgs,
  type RoutingOptions,
  UsageError,
} from "../../../scripts/evaluate/options.ts";
import { evaluateRouting } from "../../../scripts/evaluate/routing.ts";
import {
  betterSentence,
  cheaperSentence,
  formatRouting,
} from "../../../scripts/evaluate/routing-table.ts";

const directory = mkdtempSync(join(tmpdir(), "velo-routing-"));
const fileOf = (name: string, text: string): string => {
  const file = join(directory, name);
  writeFileSync(file, text);
  return file;
};
const optionsOf = (...args: readonly string[]): RoutingOptions => {
  const options = parseEvaluateArgs([
    "routing",
    ...args,
    "--embedder",
    "hash",
    "--resamples",
    "50",
  ]);
  if (options.command !== "routing") throw new Error("not reached");
  return options;
};

/** One model for sums, one for colours, and one that nobody has a price for. */
const lines = Array.from({ length: 80 }, (_, i) => {
  const isSum = i % 2 === 0;
  const question = isSum ? `Add the numbers ${i} and ${i + 3}` : `Which colour has thing ${i}?`;
  const scores = { sums: Number(isSum), colours: Number(!isSum), other: 0.9 };
  return JSON.stringify({ id: `q${i}`, question, scores });
});
const file = fileOf("routing.jsonl", `${lines.join("\n")}\n`);
const prices = fileOf(
  "prices.json",
  '{"sums":{"input":1,"output":1},"colours":{"input":2,"output":2}}',
);

test("a file becomes a table with every router and a sentence, whichever way its fields are named", async () => {
  const names = fileOf("map.json", '{"models":"scores"}');
  const [first, ...others] = await Promise.all(
    ["models=scores", "llmrouter", names].map((map) =>
      evaluateRouting(optionsOf(file, "--map", map, "--prices", prices)),
    ),
  );
  for (const other of others) expect(other.routers).toEqual(first!.routers);
  expect(first!.unpriced).toEqual(["other"]);
  const table = formatRouting(first!);
  for (const text of [
    "best single model",
    "cheapest model",
    "random model",
    "nearest questions",
    "ridge regression",
    "form and meaning",
    "always right choice",
    "left out, because they have no price: other",
    "every answer counts 200 tokens",
    "by a model of delays, not measured",
    "% of the measured half inside intervals for 50, 80, 90 %",
  ])
    expect(table).toContain(text);
  expect(table).toMatch(/^Yes: a router beats|^A router is better than/m);
});

test("without prices there are no costs, and prices for one model alone are refused", async () => {
  const table = formatRouting(await evaluateRouting(optionsOf(file, "--map", "llmrouter")));
  expect(table).toContain("costs unknown");
  const one = fileOf("one.json", '{"sums":{"input":1,"output":1}}');
  await expect(
    evaluateRouting(optionsOf(file, "--map", "llmrouter", "--prices", one)),
  ).rejects.toThrow(/has none for 2 of 3: colours, other/);
});

test.for([
  [["--map", "nothing"], /ENOENT/],
  [["--map", "model=scores"], /model is not one of the fields/],
  [["--seed", "3"], /--seed is no option of routing/],
] as const)("the options %s are refused", async ([args, message]) => {
  const refused = async () => await evaluateRouting(optionsOf(file, ...args));
  await expect(refused()).rejects.toThrow(UsageError);
  await expect(refused()).rejects.toThrow(message);
});

test("the sentence says better, dearer, worse or not shown, as the intervals have it", () => {
  const estimate = (value: number, low: number, high: number) => ({
    value,
    interval: { low, high },
  });
  const verdict = (
    quality: readonly [number, number, number],
    cost: readonly [number, number, number],
  ) => ({
    router: "r",
    worth: 0.1,
    gain: { quality: estimate(...quality), cost: estimate(...cost), delay: null },
    costBefore: estimate(2, 2, 2),
  });
  const better = verdict([0.02, 0.01, 0.03], [-0.5, -0.6, -0.4]);
  expect(betterSentence(better, "m", true)).toBe(
    "Yes: a router beats m, the best single model, at equal or lower cost: r with a worth of 0.1, chosen on the calibration half, " +
      "has +2.0 points of quality [1.0, 3.0] at 25.0 % [20.0 %, 30.0 %] lower cost.",
  );
  const dearer = verdict([0.02, 0.01, 0.03], [0.1, -0.1, 0.3]);
  expect(betterSentence(dearer, "m", true)).toMatch(
    /^A router is better than m, .* dearer .* 5\.0 % \(its interval includes 0\) higher cost\.$/,
  );
  const worse = verdict([-0.02, -0.03, -0.01], [0, 0, 0]);
  expect(betterSentence(worse, "m", true)).toMatch(
    /^No: no router beats m, .* at the same cost\.$/,
  );
  const equal = verdict([0.01, -0.009, 0.03], [-0.5, -0.6, -0.4]);
  expect(betterSentence(equal, "m", true)).toMatch(
    /^Equal at lower cost, not shown to be better than m, .* worse by less than 1\.0 points/,
  );
  const asDear = verdict([0.01, -0.009, 0.03], [-0.5, -0.6, 0]);
  expect(betterSentence(asDear, "m", true)).toMatch(/^Not shown: /);
  expect(cheaperSentence(equal, "m")).toContain("0.9 points worse: inside the margin of 1.0");
  const unclear = verdict([0.01, -0.011, 0.03], [-0.5, -0.6, -0.4]);
  expect(betterSentence(unclear, "m", true)).toMatch(/^Not shown: /);
  expect(cheaperSentence(unclear, "m")).toMatch(
    /25\.0 % .* lower cost .* at most 1\.1 points worse: not inside the margin of 1\.0 points/,
  );
});

// npm run bench -- judge-order --data DIR [--json]: how much a judge's verdict depends on which answer it reads first, and
// what is left when only verdicts count that both orders agree on. From dialogue/qlora-answers.jsonl.gz: ratings of pairs
// of answers by one judge, each pair in both orders. Reads ratings only, no texts. Intervals: 95 %, bootstrap over prompts.
import { join } from "node:path";
import { parseArgs } from "node:util";
import { Random } from "../../src/policy/random.ts";
import { jsonLines } from "../../src/trainer-node/evaluation/json-lines.ts";
import { quantile } from "../../src/trainer-node/intervals.ts";
import { option, publish, say } from "./result.ts";

/** 1: the first is better, 2: the second, 3: neither. */
type Score = 1 | 2 | 3;

/** One pair in both orders: the second score is of the swapped order. */
interface Pair {
  readonly models: readonly [string, string];
  readonly scores: readonly [Score, Score];
}
interface Prompt {
  readonly scores: readonly Score[];
  readonly pairs: readonly Pair[];
  readonly failed: number;
}

function promptOf(row: Readonly<Record<string, unknown>>): Prompt {
  const ratings = row["ratings"] as readonly { first: string; second: string; score: number }[];
  const valid = ratings.filter(({ score }) => score >= 1 && score <= 3);
  const byOrder = new Map(valid.map((r) => [`${r.first}\n${r.second}`, r.score as Score]));
  const pairs = valid.flatMap(({ first, second, score }): Pair[] => {
    const swapped = byOrder.get(`${second}\n${first}`);
    if (swapped === undefined || first > second) return [];
    return [{ models: [first, second], scores: [score as Score, swapped] }];
  });
  return {
    scores: valid.map(({ score }) => score as Score),
    pairs,
    failed: ratings.length - valid.length,
  };
}

/** The same answer is better in both orders, or neither is. */
const agrees = ({ scores: [a, b] }: Pair): boolean => (a === 3 ? b === 3 : a + b === 3);
/** The same place is better in both orders. */
const flips = ({ scores: [a, b] }: Pair): boolean => a !== 3 && a === b;

type Measure = (prompts: readonly Prompt[]) => number;

const share =
  <T>(
    of: (prompt: Prompt) => readonly T[],
    counts: (item: T) => boolean,
    among: (item: T) => boolean = () => true,
  ): Measure =>
  (prompts) => {
    let [hits, all] = [0, 0];
    for (const prompt of prompts)
      for (const item of of(prompt)) {
        if (!among(item)) continue;
        all++;
        if (counts(item)) hits++;
      }
    return hits / all;
  };
const scores = ({ scores: all }: Prompt): readonly Score[] => all;
const pairs = ({ pairs: all }: Prompt): readonly Pair[] => all;

/** One model's wins among its decided ratings, named first, named second, or by both orders together. */
function winsOf(model: string, how: "first" | "second" | "both"): Measure {
  const views = ({ pairs: all }: Prompt) =>
    all.flatMap(({ models, scores: [a, b] }) => {
      if (!models.includes(model)) return [];
      // Where the model stands first, and where second.
      const [asFirst, asSecond] = models[0] === model ? [a, b] : [b, a];
      if (how === "both") return (asFirst === 3 ? 3 : 3 - asFirst) === asSecond ? [asFirst] : [];
      return [how === "first" ? asFirst : asSecond];
    });
  return share(
    views,
    (score) => score === (how === "second" ? 2 : 1),
    (score) => score !== 3,
  );
}

const { values } = parseArgs({
  args: process.argv.slice(3),
  options: {
    data: { type: "string" },
    json: { type: "boolean" },
    seed: { type: "string" },
    draws: { type: "string" },
  },
});
if (values.data === undefined) {
  console.error("usage: npm run bench -- judge-order --data DIR [--seed N] [--draws N] [--json]");
  process.exit(2);
}
const seed = option("seed", 1);
const draws = option("draws", 1_000);
const prompts: Prompt[] = [];
for await (const { value } of jsonLines(join(values.data, "dialogue/qlora-answers.jsonl.gz")))
  prompts.push(promptOf(value));
say(`${prompts.length} prompts`);

const random = new Random(seed);
const samples = Array.from({ length: draws }, () =>
  prompts.map(() => prompts[Math.floor(random.uniform() * prompts.length)]!),
);
const percent = (value: number): string => `${(100 * value).toFixed(1)} %`;
const row = (name: string, measure: Measure): readonly string[] => {
  const drawn = samples.map(measure);
  return [
    name,
    percent(measure(prompts)),
    percent(quantile(drawn, 0.025)),
    percent(quantile(drawn, 0.975)),
  ];
};
const decided = (score: Score): boolean => score !== 3;
const models = [
  ...new Set(prompts.flatMap(({ pairs: all }) => all.flatMap(({ models: two }) => two))),
].toSorted();
const columns = ["", "share", "from", "to"];
publish({
  bench: "judge-order",
  seed,
  settings: {
    prompts: prompts.length,
    ratings: prompts.reduce((sum, { scores: all }) => sum + all.length, 0),
    failed: prompts.reduce((sum, { failed }) => sum + failed, 0),
    pairs: prompts.reduce((sum, { pairs: all }) => sum + all.length, 0),
    draws,
  },
  tables: [
    {
      title: "One order",
      columns,
      rows: [
        row(
          "the first is better, of all ratings",
          share(scores, (s) => s === 1),
        ),
        row(
          "the second is better",
          share(scores, (s) => s === 2),
        ),
        row(
          "neither",
          share(scores, (s) => s === 3),
        ),
        row(
          "the first is better, of decided ratings (no preference: 50 %)",
          share(scores, (s) => s === 1, decided),
        ),
      ],
    },
    {
      title: "Both orders of the same pair",
      columns,
      rows: [
        row("say the same: this is what the two-order rule keeps", share(pairs, agrees)),
        row(
          "contradict each other: the better one is the one in the same place",
          share(pairs, flips),
        ),
        row(
          "one decides, the other does not",
          share(pairs, (p) => !agrees(p) && !flips(p)),
        ),
        row(
          "contradict each other, of pairs that both orders decide",
          share(pairs, flips, ({ scores: [a, b] }) => a !== 3 && b !== 3),
        ),
        row(
          "of contradictions: the first place both times",
          share(pairs, ({ scores: [a] }) => a === 1, flips),
        ),
      ],
    },
    {
      title: "Wins of a model among its decided pairs",
      columns: ["", "named first", "named second", "both orders", "from", "to"],
      rows: models.map((model) => {
        const [, wins, from, to] = row(model, winsOf(model, "both"));
        const [first, second] = (["first", "second"] as const).map((how) =>
          percent(winsOf(model, how)(prompts)),
        );
        return [model, first!, second!, wins!, from!, to!];
      }),
    },
  ],
  targets: [],
  notes: [
    "A judge that compares two answers is not one that accepts or rejects; what carries over is that the order alone turns " +
      "verdicts, and how many are left when both orders must agree. Nothing here says that what is left is right.",
  ],
});

// npm run bench -- embedder [--data DIR] [--file F] [--rounds 100] [--seed 1] [--json]: how well the built-in embedder tells
// questions with one answer from others, how near translations lie, and what a text costs. DIR holds
// pairs/qqp.jsonl.gz, translations/mgsm.jsonl.gz and xquad.jsonl.gz; without it only the project's own texts are measured.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { ROOT } from "../../scripts/local/build.ts";
import { hashEmbed } from "../../src/dev/embedding.ts";
import { foldText } from "../../src/policy/embedding/features.ts";
import { unpackEmbedder } from "../../src/policy/embedding/packed-embedder.ts";
import {
  type ScoredPair,
  cosineOf,
  matchingOf,
  orderedShareInterval,
  pairsOfGroups,
} from "../../src/trainer-node/embedder/measure.ts";
import { isWithheld, loadParaphrases } from "../../src/trainer-node/paraphrases.ts";
import { halfOf, loadBundled, onlyHalf } from "../../src/trainer-node/simulator/groups.ts";
import { type Table, atMost, option, publish, runSeed, say } from "./result.ts";

const BATCH = 10_000;
const THIRTY_WORDS =
  "Which of the larger towns along the northern coast can be reached by train within three hours from the capital, and how much does a return ticket for two adults cost there?";
/** 1 - AUC on QQP. */
const MOST_WRONG = 0.22;
const MOST_MS = 0.5;

interface LabelledPair {
  readonly a: string;
  readonly b: string;
  readonly same: boolean;
  readonly component: string;
}
type Translated = Readonly<Record<"id" | "lang" | "question", string>>;
type Score = (a: string, b: string) => number;

const data = textOption("data");
const file = textOption("file") ?? join(ROOT, "data/embedders/subword-768.bin");
const seed = runSeed();
const rounds = option("rounds", 100);
const embedder = unpackEmbedder(readFileSync(file));

const tables: Table[] = [];
const misses: { readonly name: string; readonly value: number; readonly limit: number }[] = [];

// --- pairs
const paraphrases = loadParaphrases().groups.filter(({ id }) => isWithheld(id));
const withheld = pairsOfGroups(paraphrases);
const own = [...new Set(withheld.map(({ lang }) => lang))].map((lang) => ({
  name: `withheld paraphrases, ${lang}`,
  pairs: withheld.filter((pair) => pair.lang === lang),
}));
tables.push(orderTable("near misses written against word overlap", own, cosineScores()));
if (data !== null) {
  say("questions of a forum");
  const pairs = componentsOf(rowsOf("pairs/qqp.jsonl.gz") as readonly LabelledPair[]);
  const sets = [
    { name: "all", pairs },
    ...(["calibration", "measured"] as const).map((half) => ({
      name: `${half} half`,
      pairs: pairs.filter(({ component }) => halfOf(component) === half),
    })),
  ];
  const table = orderTable("QQP", sets, [
    ...cosineScores(),
    ["n-gram TF-IDF", tfIdf(pairs.flatMap(({ a, b }) => [a, b]))],
  ]);
  tables.push(table);
}

// --- languages
const matchings: (readonly [string, string, ReturnType<typeof matchingOf>])[] = [];
const workload = onlyHalf(loadBundled(), "measured").map(({ questions }) => ({
  byLang: new Map([...questions].map(([lang, texts]) => [lang, texts[0]!])),
}));
matchings.push(...matchingsIn("workload, measured half", workload));
if (data !== null)
  for (const name of ["mgsm", "xquad"]) {
    say(`translations: ${name}`);
    const byId = new Map<string, Map<string, string>>();
    const rows = rowsOf(`translations/${name}.jsonl.gz`) as readonly Translated[];
    for (const { id, lang, question } of rows)
      byId.set(id, (byId.get(id) ?? new Map<string, string>()).set(lang, question));
    matchings.push(
      ...matchingsIn(
        name,
        [...byId.values()].map((byLang) => ({ byLang })),
      ),
    );
  }
tables.push({
  title: "from English to another language",
  columns: [
    "texts",
    "language",
    "questions",
    "cosine of translations",
    "of others",
    "found first %",
  ],
  rows: matchings.map(([name, lang, { questions, translation, unrelated, found }]) => [
    name,
    lang,
    questions,
    translation,
    unrelated,
    100 * found,
  ]),
});

// --- time
say("time");
for (let i = 0; i < BATCH / 10; i++) embedder.embed(THIRTY_WORDS);
// CPU time of this process: other work on the machine does not count.
const times = [1, 2, 3].map(() => {
  const before = process.cpuUsage();
  for (let i = 0; i < BATCH; i++) embedder.embed(THIRTY_WORDS);
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000 / BATCH;
});
const ms = times.toSorted((a, b) => a - b)[1]!;
tables.push({
  title: `milliseconds of CPU for a text of ${THIRTY_WORDS.split(" ").length} words, three batches of ${BATCH}`,
  columns: ["median", "lowest", "highest"],
  rows: [[ms, Math.min(...times), Math.max(...times)]],
});

publish({
  bench: "embedder",
  seed,
  settings: { embedder: embedder.id, rounds, data: data ?? "none" },
  tables,
  targets: [
    ...misses.map(({ name, value, limit }) => atMost(name, value, limit)),
    atMost("CPU milliseconds per text", ms, MOST_MS),
  ],
  notes: [
    "The share says how often a pair with one answer is nearer than a pair without; the interval is 95 %, over resampled connected components.",
  ],
});

/** With the embedder's share of wrong orders as a target where the table is about QQP. */
function orderTable(
  title: string,
  sets: readonly { readonly name: string; readonly pairs: readonly LabelledPair[] }[],
  methods: readonly (readonly [string, Score])[],
): Table {
  const rows = sets.flatMap(({ name, pairs }) =>
    methods.map(([method, score]) => {
      const scored: ScoredPair[] = pairs.map(({ a, b, same, component }) => ({
        same,
        component,
        score: score(a, b),
      }));
      const { value, low, high } = orderedShareInterval(scored, { rounds, seed });
      if (title === "QQP" && method === embedder.id)
        misses.push({ name: `QQP ${name}, 1 - AUC`, value: 1 - value, limit: MOST_WRONG });
      const count = pairs.filter(({ same }) => same).length;
      return [name, method, pairs.length, count, value.toFixed(4), low.toFixed(4), high.toFixed(4)];
    }),
  );
  return { title, columns: ["pairs", "method", "all", "same", "AUC", "low", "high"], rows };
}

function cosineScores(): (readonly [string, Score])[] {
  return [
    [embedder.id, (a, b) => cosineOf(embedder.embed(a), embedder.embed(b))],
    ["hashed n-grams, not learnt", (a, b) => cosineOf(hashEmbed(a), hashEmbed(b))],
  ];
}

/** Cosine of character n-grams of 3 to 5 within words, weighted by their inverse document frequency in these texts. */
function tfIdf(texts: readonly string[]): Score {
  const gramsOf = (text: string): Map<string, number> => {
    const grams = new Map<string, number>();
    for (const word of foldText(text).match(/[\p{L}\p{N}]+/gu) ?? []) {
      const padded = ` ${word} `;
      for (let n = 3; n <= 5; n++)
        for (let at = 0; at + n <= padded.length; at++) {
          const gram = padded.slice(at, at + n);
          grams.set(gram, (grams.get(gram) ?? 0) + 1);
        }
    }
    return grams;
  };
  const documents = new Map<string, number>();
  const different = new Set(texts);
  for (const text of different)
    for (const gram of gramsOf(text).keys()) documents.set(gram, (documents.get(gram) ?? 0) + 1);
  const weighted = (text: string) =>
    new Map(
      [...gramsOf(text)].map(([gram, count]) => [
        gram,
        (1 + Math.log(count)) *
          (1 + Math.log((1 + different.size) / (1 + (documents.get(gram) ?? 0)))),
      ]),
    );
  return (one, other) => {
    const [a, b] = [weighted(one), weighted(other)];
    const length = (vector: ReadonlyMap<string, number>) => Math.hypot(...vector.values()) || 1;
    let sum = 0;
    for (const [gram, weight] of a) sum += weight * (b.get(gram) ?? 0);
    return sum / length(a) / length(b);
  };
}

function matchingsIn(
  name: string,
  questions: readonly { readonly byLang: ReadonlyMap<string, string> }[],
) {
  const langs = new Set(questions.flatMap(({ byLang }) => [...byLang.keys()]));
  langs.delete("en");
  return [...langs].toSorted().map((lang) => {
    const pairs = questions.flatMap(({ byLang }) => {
      const [from, to] = [byLang.get("en"), byLang.get(lang)];
      if (from === undefined || to === undefined) return [];
      return [[embedder.embed(from), embedder.embed(to)] as const];
    });
    return [name, lang, matchingOf(pairs)] as const;
  });
}

/** Pairs with the component they belong to: its first question. */
function componentsOf(rows: readonly Omit<LabelledPair, "component">[]): readonly LabelledPair[] {
  const parents = new Map<string, string>();
  const rootOf = (text: string): string => {
    let root = text;
    for (let up = parents.get(root); up !== undefined; up = parents.get(root)) root = up;
    for (let at = text; at !== root;) {
      const up = parents.get(at)!;
      parents.set(at, root);
      at = up;
    }
    return root;
  };
  for (const { a, b } of rows) {
    const [left, right] = [rootOf(a), rootOf(b)];
    if (left !== right) parents.set(left, right);
  }
  return rows.map(({ a, b, same }) => ({ a, b, same, component: rootOf(a) }));
}

function rowsOf(path: string): readonly unknown[] {
  const text = gunzipSync(readFileSync(join(data!, path))).toString("utf8");
  return text
    .trim()
    .split("\n")
    .map((line): unknown => JSON.parse(line));
}

/** A text given as `--name text`. */
function textOption(name: string): string | null {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? null : (process.argv[at + 1] ?? null);
}

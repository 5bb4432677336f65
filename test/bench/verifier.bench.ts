// npm run bench -- verifier [--data DIR] [--json]: what the learned pair verifier is worth and what it costs. Question pairs,
// near misses and the adversarial suite by halves; only scores leave this file, never a text of the measured half.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { ROOT } from "../../scripts/local/build.ts";
import { languageOf } from "../../src/policy/cache/language.ts";
import { HARD_DISTANCE } from "../../src/policy/cache/error-budget.ts";
import { unpackEmbedder } from "../../src/policy/embedding/packed-embedder.ts";
import { unpackScorer } from "../../src/policy/verifier/pair-scorer.ts";
import {
  ComponentBootstrap,
  curveOf,
  percentileInterval,
  sortScores,
  wilsonInterval,
} from "../../src/trainer-node/evaluation/operating-curve.ts";
import { groupPairs, halfOfPairs } from "../../src/trainer-node/evaluation/labelled-pairs.ts";
import { readPairs } from "../../src/trainer-node/evaluation/pair-files.ts";
import { loadParaphrases } from "../../src/trainer-node/paraphrases.ts";
import { outcomeOf } from "../../src/trainer-node/verifier/cold-start.ts";
import {
  type TrapPair,
  adversarialPairs,
  nearMissPairs,
} from "../../src/trainer-node/verifier/traps.ts";
import {
  type BenchResult,
  type Table,
  type Target,
  atLeast,
  atMost,
  publish,
  say,
} from "./result.ts";

const CALLS = 10_000;
const CANDIDATES = 10;
const RESAMPLES = 100;
const LEVELS = [0.05, 0.1, 0.2, 0.3];

const { values } = parseArgs({
  args: process.argv.slice(3),
  options: { data: { type: "string" }, json: { type: "boolean", default: false } },
});
const data = values.data;
const embedder = unpackEmbedder(readFileSync(join(ROOT, "data/embedders/subword-768.bin")));
const vectors = new Map<string, Float32Array>();
const embed = (text: string): Float32Array => {
  const vector = vectors.get(text) ?? embedder.embed(text);
  vectors.set(text, vector);
  return vector;
};
const scorer = unpackScorer(readFileSync(join(ROOT, "data/verifier/pairs.bin")), (text) =>
  embedder.embed(text),
);
const tables: Table[] = [];
const targets: Target[] = [];

const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;

/** Higher is more alike; what a text pair is worth to the cosine and to the scorer. */
function scoresOf(pairs: readonly { readonly a: string; readonly b: string }[]): {
  readonly cosine: Float64Array;
  readonly verifier: Float64Array;
  readonly blind: Float64Array;
} {
  const cosine = new Float64Array(pairs.length);
  const verifier = new Float64Array(pairs.length);
  const blind = new Float64Array(pairs.length);
  for (const [i, { a, b }] of pairs.entries()) {
    const [x, y] = [embed(a), embed(b)];
    cosine[i] = x.reduce((sum, value, at) => sum + value * y[at]!, 0);
    const [one, other] = [a, b].map((text) => ({ text, lang: languageOf(text) }));
    verifier[i] = -scorer.score(one!, other!, cosine[i]).matchDistance;
    blind[i] = -scorer.score(one!, other!, null).matchDistance;
  }
  return { cosine, verifier, blind };
}

/** Share of all pairs that a threshold serves at which at most each share of the served are wrong. */
function coverageAt(
  scores: Float64Array,
  isHit: Uint8Array,
  order: Uint32Array,
  weights: Float64Array | null,
): readonly number[] {
  let [taken, wrong, all] = [0, 0, 0];
  const covered = LEVELS.map(() => 0);
  for (const [at, i] of order.entries()) {
    const weight = weights === null ? 1 : weights[i]!;
    all += weight;
    taken += weight;
    if (isHit[i] === 0) wrong += weight;
    const endsTie = at + 1 === order.length || scores[order[at + 1]!] !== scores[i];
    if (!endsTie) continue;
    for (const [level, share] of LEVELS.entries())
      if (wrong <= share * taken) covered[level] = taken;
  }
  return covered.map((count) => count / all);
}

async function questionPairs(file: string): Promise<void> {
  const measured = halfOfPairs(groupPairs(await readPairs(file)), "measured");
  const pairs = measured.pairs.filter(({ same }) => same !== null);
  const components = measured.components.filter((_, i) => measured.pairs[i]!.same !== null);
  say(`${pairs.length} question pairs`);
  const isHit = Uint8Array.from(pairs, ({ same }) => (same === true ? 1 : 0));
  const scores = scoresOf(pairs);
  const methods = Object.entries(scores).map(([name, of]) => ({
    name,
    of,
    sorted: sortScores(of, isHit),
  }));
  const figures = (weights: Float64Array | null) =>
    methods.map(({ of, sorted }) =>
      [curveOf(sorted, [], weights).auc, coverageAt(of, isHit, sorted.order, weights)].flat(),
    );
  const found = figures(null);
  const resampled: (readonly number[])[][] = [];
  for (const weights of new ComponentBootstrap(components).weights(RESAMPLES))
    resampled.push(figures(weights));
  const [cosine, verifier] = [0, 1];
  const interval = (of: (sample: readonly (readonly number[])[]) => number): string => {
    const { low, high } = percentileInterval(resampled.map(of));
    return `${low.toFixed(4)} to ${high.toFixed(4)}`;
  };
  tables.push({
    title: `question pairs, measured half, ${pairs.length} pairs in ${new Set(components).size} components (95 % by ${RESAMPLES} resamples of components)`,
    columns: ["", "cosine", "verifier", "without cosine", "verifier", "minus cosine, 95 %"],
    rows: ["AUC", ...LEVELS.map((level) => `served at ${100 * level} % wrong`)].map((name, k) =>
      [
        name,
        found.map((row) => row[k]!.toFixed(4)),
        interval((sample) => sample[verifier]![k]!),
        interval((sample) => sample[verifier]![k]! - sample[cosine]![k]!),
      ].flat(),
    ),
  });
  targets.push(atLeast("AUC on question pairs", found[verifier]![0]!, 0.82));
}

/** Guards, scorer and tau_0 together, as the resolver applies them to a row without labels. */
function served(name: string, pairs: readonly TrapPair[]): { traps: number; hits: number } {
  const tau = scorer.coldStartMatch(embedder.id);
  const outcomes = pairs.map((pair) => ({ pair, outcome: outcomeOf(pair, scorer, embed) }));
  const row = (same: boolean) => {
    const of = outcomes.filter(({ pair }) => pair.same === same);
    const guarded = of.filter(({ outcome }) => outcome.guard === null);
    const matched = guarded.filter(({ outcome }) => outcome.matchDistance <= tau);
    const near = matched.filter(({ outcome }) => outcome.distance <= HARD_DISTANCE);
    const { low, high } = wilsonInterval(matched.length, of.length);
    const share = matched.length / Math.max(1, of.length);
    tables.push({
      title: `${name}: ${same ? "rephrasings" : "traps"}`,
      columns: ["pairs", "pass the guards", "and the verifier", "95 %", "and lie within reach"],
      rows: [
        [
          of.length,
          percent(guarded.length / Math.max(1, of.length)),
          percent(share),
          `${percent(low)} to ${percent(high)}`,
          percent(near.length / Math.max(1, of.length)),
        ],
      ],
    });
    return share;
  };
  return { traps: row(false), hits: row(true) };
}

/** Microseconds for ten candidates: with readings remembered, and with every text new. */
function speed(): Table {
  const texts = loadParaphrases()
    .groups.filter(({ lang }) => lang === "en")
    .flatMap(({ same }) => same)
    .map((text) => ({ text, lang: "en" }));
  const time = (name: string, calls: number, run: (call: number) => void) => {
    for (let call = 0; call < calls / 10; call++) run(call);
    const started = performance.now();
    for (let call = 0; call < calls; call++) run(call);
    return [name, Math.round((1000 * (performance.now() - started)) / calls)];
  };
  const warm = (call: number): void => {
    for (let i = 0; i < CANDIDATES; i++) scorer.score(texts[call % 5]!, texts[10 + i]!, 0.8);
  };
  const cold = (call: number): void => {
    for (let i = 0; i < CANDIDATES; i++) {
      const at = (call * CANDIDATES + i) % (texts.length - 1);
      scorer.score(
        { ...texts[call % texts.length]!, text: `${texts[call % texts.length]!.text} ${call}` },
        texts[at]!,
        0.8,
      );
    }
  };
  return {
    title: `microseconds for ${CANDIDATES} candidates, ${CALLS} calls`,
    columns: ["", "us"],
    rows: [
      time("rows that were read before", CALLS, warm),
      time("rows and request read anew", CALLS, cold),
    ] as (readonly (string | number)[])[],
  };
}

const times = speed();
targets.push(
  atMost("microseconds for 10 candidates, rows read before", Number(times.rows[0]![1]), 1000),
);
targets.push(
  atMost("microseconds for 10 candidates, all read anew", Number(times.rows[1]![1]), 1000),
);
const suite = served("adversarial suite, measured half", adversarialPairs("measured"));
targets.push(atMost("adversarial traps served", suite.traps, 0.01));
targets.push(atLeast("adversarial paraphrases served", suite.hits, 0.7));
if (data !== undefined) {
  const misses = await nearMissPairs(data, "measured");
  if (misses.length > 0) {
    const found = served("near misses, measured half", misses);
    targets.push(atMost("near-miss traps served", found.traps, 0.01));
    targets.push(atLeast("near-miss rephrasings served", found.hits, 0.55));
  }
  const file = join(data, "pairs/qqp.jsonl.gz");
  if (existsSync(file)) await questionPairs(file);
}
tables.push(times);

publish({
  bench: "verifier",
  seed: 1,
  settings: {
    scorer: scorer.id,
    tau: scorer.coldStartMatch(embedder.id),
    tauWithoutCosine: scorer.coldStartMatch("*"),
  },
  tables,
  targets,
  notes:
    data === undefined
      ? ["Without --data DIR only the adversarial suite and the speed are measured."]
      : [],
} satisfies BenchResult);

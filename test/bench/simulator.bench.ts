// npm run bench -- simulator [--requests 3000] [--slots 2000] [--seed 1] [--tokens 200] [--rate 1] [--data DIR] [--json]: how
// fast the simulated world runs, for a fixed threshold and for a network, and how the baselines do in it.
// --tokens: length of every answer instead of its reference's. --rate: arrivals per second; at 10 many questions come while
// the first answer to their family is still being made, which hides hits and wrong hits alike.
import { readdirSync, readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { Forward } from "../../src/policy/network/forward.ts";
import { DEFAULT_NETWORK } from "../../src/policy/network/layout.ts";
import { unpackPolicy } from "../../src/policy/network/packed-weights.ts";
import { NetworkPolicy } from "../../src/policy/network/network-policy.ts";
import { builtInEmbed, BUILT_IN_EMBEDDER } from "../../src/trainer-node/built-in-embedder.ts";
import {
  alwaysCache,
  alwaysModel,
  bestFeasibleThreshold,
  feasibleOracle,
  greedy,
  playerOf,
  shippedDefault,
} from "../../src/trainer-node/simulator/baselines.ts";
import { loadDataDirectory } from "../../src/trainer-node/simulator/data-directory.ts";
import { Environment } from "../../src/trainer-node/simulator/environment.ts";
import { geometrySource } from "../../src/trainer-node/simulator/geometry.ts";
import { type Half, loadBundled, onlyHalf } from "../../src/trainer-node/simulator/groups.ts";
import { knotsOf } from "../../src/trainer-node/simulator/knots.ts";
import { regretOf } from "../../src/trainer-node/simulator/regret.ts";
import {
  pairedDifference,
  play,
  type Player,
  type Score,
} from "../../src/trainer-node/simulator/scoreboard.ts";
import { workloadSource } from "../../src/trainer-node/simulator/source.ts";
import { generateWorkload } from "../../src/trainer-node/simulator/workload.ts";
import { seededWeights } from "../support/golden-policy.ts";
import { option, publish, runSeed, say, type Table } from "./result.ts";

const { values } = parseArgs({
  args: process.argv.slice(3),
  options: { data: { type: "string" } },
  strict: false,
});
const seed = runSeed();
const requests = option("requests", 3000);
const slots = option("slots", 2000);
const tokens = option("tokens", 0);
const ratePerSecond = option("rate", 1);

const all = typeof values.data === "string" ? await loadDataDirectory(values.data) : loadBundled();
const workloadOf = (half: Half) => {
  const groups = onlyHalf(all, half);
  return workloadSource({
    requests: generateWorkload({ groups, requests, seed, ratePerSecond }).requests,
    groups,
    embedder: BUILT_IN_EMBEDDER,
    embed: builtInEmbed,
    ...(tokens > 0 && { answerTokens: () => tokens }),
  });
};

const network = playerOf(
  new NetworkPolicy({
    version: 0,
    name: "network",
    forward: new Forward(DEFAULT_NETWORK, seededWeights(seed)),
  }),
);

interface Timed {
  readonly score: Score;
  readonly row: readonly (string | number)[];
}

async function timed(name: string, environment: Environment, player: Player): Promise<Timed> {
  let decisions = 0;
  environment.subscribe(({ decision }) => (decisions += Number(decision !== null)));
  const wall = performance.now();
  const cpu = process.cpuUsage();
  const score = await play(environment, player);
  const { user, system } = process.cpuUsage(cpu);
  const seconds = (performance.now() - wall) / 1000;
  const cpuSeconds = (user + system) / 1e6;
  say(`${name}, ${player.name}: ${cpuSeconds.toFixed(1)} s of CPU`);
  return {
    score,
    row: [
      `${name}, ${player.name}`,
      score.requests,
      decisions,
      seconds,
      cpuSeconds,
      decisions / cpuSeconds,
    ],
  };
}

const geometry = geometrySource({ seed, slots });
const [calibration, measured] = [workloadOf("calibration"), workloadOf("measured")];
const worldOf = (source: typeof measured) => () => new Environment({ source, seed });
const speed = [
  await timed("geometry", worldOf(geometry)(), shippedDefault),
  await timed("geometry", worldOf(geometry)(), network),
  await timed("workload", worldOf(measured)(), shippedDefault),
  await timed("workload", worldOf(measured)(), network),
];

const percent = (share: number | null): number => (share === null ? Number.NaN : 100 * share);
const difference = (score: Score, base: Score): string => {
  const { mean, interval } = pairedDifference(score, base);
  return `${mean.toFixed(4)} (${interval.low.toFixed(4)} to ${interval.high.toFixed(4)})`;
};
const describe = (score: Score, base: Score, rule: Score): (string | number)[] => {
  return [
    score.player,
    score.meanUtility.toFixed(4),
    difference(score, base),
    difference(score, rule),
    percent(score.exactHits / score.requests),
    percent(score.semanticHits / score.requests),
    percent(score.shouldHits.share),
    percent(score.wrongPerRequest.share),
    percent(score.wrongPerRequest.upper95),
    percent(score.wrongPerSemanticHit.share),
    score.delaySeconds.mean,
    score.delaySeconds.p95,
  ];
};

say("thresholds on the calibration half");
const best = await bestFeasibleThreshold(worldOf(calibration));
const players = [
  alwaysModel,
  shippedDefault,
  ...(best.feasible === null ? [] : [greedy(best.feasible.theta)]),
  greedy(best.unconstrained.theta),
  alwaysCache,
  feasibleOracle,
];
const scores = new Map<string, Score>();
for (const player of players) {
  if (scores.has(player.name)) continue;
  say(player.name);
  scores.set(player.name, await play(worldOf(measured)(), player));
}
// What the gateway brings along for this embedder.
const folder = new URL("../../data/policies/", import.meta.url);
const files = readdirSync(folder).filter((name) => name.endsWith(".bin"));
const knots = await knotsOf(worldOf(calibration)());
for (const file of files.toSorted()) {
  const packed = unpackPolicy(readFileSync(new URL(file, folder)));
  const { name, network: config, weights, input, embedder } = packed;
  if (embedder !== "*" && embedder !== measured.embedder.id) continue;
  const forward = new Forward(config, weights);
  const player = playerOf(new NetworkPolicy({ version: 0, name, forward, input }));
  say(`${file} (${name})`);
  const world = new Environment({
    source: measured,
    seed,
    ...(input === "quantiles" && knots !== null && { knots }),
  });
  scores.set(file, { ...(await play(world, player)), player: file });
}
const base = scores.get(alwaysModel.name)!;
const greedyScore = scores.get(shippedDefault.name)!;
const regret = await regretOf(worldOf(measured)(), shippedDefault);
const losses = [regret.wrongHits, regret.keptBackByPolicy, regret.keptBackByGuards];
const total = losses.reduce((sum, { perRequest }) => sum + perRequest, 0);

const tables: Table[] = [
  {
    title: "speed",
    columns: [
      "world and policy",
      "requests",
      "decisions",
      "seconds",
      "CPU s",
      "decisions per CPU s",
    ],
    rows: speed.map(({ row }) => row),
  },
  {
    title: "baselines on the measured half, one stream for all; shares in percent",
    columns: [
      "policy",
      "mean U",
      "against always-model (95 %)",
      "against the fixed rule (95 %)",
      "exact",
      "semantic",
      "should-hits",
      "wrong/request",
      "upper 95",
      "wrong/hit",
      "delay s",
      "p95",
    ],
    rows: [...scores.values()].map((score) => describe(score, base, greedyScore)),
  },
  {
    title: "what the shipped default loses against an ideal choice",
    columns: ["loss", "requests", "U per request", "share"],
    rows: losses.map((loss, i) => [
      ["wrong hits", "kept back by the policy", "kept back by guards or budget"][i]!,
      loss.count,
      loss.perRequest,
      `${percent(loss.perRequest / total).toFixed(0)} %`,
    ]),
  },
];
publish({
  bench: "simulator",
  seed,
  settings: {
    requests,
    slots,
    data: typeof values.data === "string" ? values.data : "bundled",
    "tokens an answer": tokens > 0 ? tokens : "as its reference",
    "requests per second": ratePerSecond,
    "best feasible threshold": best.feasible?.theta ?? "none",
    "best threshold": best.unconstrained.theta,
  },
  tables,
  targets: [],
  notes: [
    "Delays are assumptions (simulator/delays.ts). The thresholds come from the calibration half, behind the same guards.",
  ],
});

// Trains a policy in the simulator, on the calibration half of the workload, and shows what it is worth on the other half.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { packPolicy } from "../src/policy/network/packed-weights.ts";
import { Random } from "../src/policy/random.ts";
import { BestWeights } from "../src/trainer-node/best-weights.ts";
import { builtInEmbed, BUILT_IN_EMBEDDER } from "../src/trainer-node/built-in-embedder.ts";
import { writeCheckpoint } from "../src/trainer-node/checkpoint.ts";
import { PAPER_TRAINING, PRODUCT_TRAINING } from "../src/trainer-node/config.ts";
import { trainingCurves } from "../src/trainer-node/curves.ts";
import { demonstrationsFrom } from "../src/trainer-node/demonstrations.ts";
import { openBackend } from "../src/trainer-node/graph/backend.ts";
import {
  IMITATION,
  type Tried,
  imitate,
  isUnseen,
  isWithheld,
  type Worth,
  tryBoth,
} from "../src/trainer-node/imitation.ts";
import { Mappo } from "../src/trainer-node/mappo.ts";
import { MetricsFile, progressLine } from "../src/trainer-node/metrics.ts";
import { initialActor } from "../src/trainer-node/networks.ts";
import { ServedActor } from "../src/trainer-node/served-actor.ts";
import { SimulatedRounds, gatherDemonstrations } from "../src/trainer-node/simulated-rounds.ts";
import {
  alwaysModel,
  feasibleOracle,
  playerOf,
  shippedDefault,
} from "../src/trainer-node/simulator/baselines.ts";
import { Environment } from "../src/trainer-node/simulator/environment.ts";
import { geometrySource } from "../src/trainer-node/simulator/geometry.ts";
import { type Half, onlyHalf } from "../src/trainer-node/simulator/groups.ts";
import { knotsOf } from "../src/trainer-node/simulator/knots.ts";
import {
  type PairedDifference,
  type Score,
  pairedDifference,
  play,
} from "../src/trainer-node/simulator/scoreboard.ts";
import { type RequestSource, workloadSource } from "../src/trainer-node/simulator/source.ts";
import { generateWorkload } from "../src/trainer-node/simulator/workload.ts";
import { train } from "../src/trainer-node/train.ts";
import { readFlags, refuse } from "./local/flags.ts";
import { currentCommit } from "./replay/progress.ts";
import { loadGroups } from "./replay/stream.ts";

if (process.argv.some((flag) => flag.startsWith("--edges"))) {
  await (await import("./train/live.ts")).trainLiveFromFlags();
  process.exit();
}
if (process.argv[2] === "embedder") {
  process.argv.splice(2, 1);
  await (await import("./train/embedder.ts")).trainEmbedderFromFlags();
  process.exit();
}
if (process.argv[2] === "verifier") {
  process.argv.splice(2, 1);
  await (await import("./train/verifier.ts")).trainVerifierFromFlags();
  process.exit();
}
const USAGE = `usage: npm run train -- --out DIR [options]
  embedder         learns the built-in embedder instead (embedder --help lists the options of that)
  verifier         learns the pair scorer instead (verifier --help lists the options of that)
  --edges URL      learns from running gateways instead (--edges --help lists the options of that)
  --out DIR        policy.velo, metrics.jsonl, curves.svg and checkpoints go there
  --rounds N       decisions of each agent (3000); 13500 as in the paper. An update every 300
  --seed S         replays the whole run (1)
  --world NAME     workload (default) or geometry, the synthetic one of the paper's reproduction
  --data DIR       groups of a data directory instead of the bundled workload
  --requests N     length of one pass over the workload (3000)
  --answer-tokens N  shorter answers take as long as ones of so many tokens (200)
  --input NAME     embedding (default), or quantiles: a policy for any embedder, fed quantiles of distances
  --paper          the paper's parameters, reward and resolver instead of the product's
  --backend NAME   auto (default), cpu or webgpu
  --json           print JSON`;

/** Fewer than the gateway could take: so that most answers are there when they could be used again. */
const ratePerSecond = 1;
/** Streams over the calibration half that are imitated before the policy acts itself. */
const IMITATED_PASSES = 4;
/** Of a synthetic world: 6,000 requests, a few seconds each for four policies. */
const MEASURED_SLOTS = 2000;

const options = readFlags(USAGE, {
  out: { type: "string" },
  rounds: { type: "string", default: "3000" },
  seed: { type: "string", default: "1" },
  world: { type: "string", default: "workload" },
  data: { type: "string" },
  requests: { type: "string", default: "3000" },
  "answer-tokens": { type: "string", default: "200" },
  input: { type: "string", default: "embedding" },
  paper: { type: "boolean", default: false },
  backend: { type: "string", default: "auto" },
  json: { type: "boolean", default: false },
});
const { out, world, backend: wanted, input } = options;
if (out === undefined) refuse("--out is needed", USAGE);
if (world !== "workload" && world !== "geometry") refuse(`--world ${world} is unknown`, USAGE);
if (wanted !== "auto" && wanted !== "cpu" && wanted !== "webgpu")
  refuse(`--backend ${wanted} is unknown`, USAGE);
if (input !== "embedding" && input !== "quantiles") refuse(`--input ${input} is unknown`, USAGE);
const rounds = wholeNumber("rounds", options.rounds);
const seed = wholeNumber("seed", options.seed);
const requests = wholeNumber("requests", options.requests);
const minDelayTokens = wholeNumber("answer-tokens", options["answer-tokens"]);
const say = (line: string): void => void (options.json || console.log(line));

const config = options.paper ? PAPER_TRAINING : PRODUCT_TRAINING;
const groups = world === "workload" ? await loadGroups(options.data) : [];
mkdirSync(out, { recursive: true });

// --- train, on the calibration half
const started = performance.now();
const knots: readonly number[] | null =
  input === "quantiles"
    ? ((await knotsOf(environment("calibration", seed, null))) ??
      refuse(`${requests} requests are too few for a scale of distances`, USAGE))
    : null;
const backend = await openBackend(wanted);
say(`computing on ${backend.reason}`);
const isImitating = world === "workload" && !options.paper;
const tried = isImitating ? await tryPasses() : [];
const imitated = isImitating
  ? await imitate(
      tried,
      initialActor(config.network, new Random(seed)),
      backend,
      { network: config.network, ...IMITATION },
      new Random(seed),
    )
  : null;
if (imitated) {
  say(`both handlings of ${tried.length} requests tried; imitated in ${imitated.epochs} passes:`);
  say(`  ${worthText(imitated.worth)}`);
}
const demonstrations = imitated
  ? demonstrationsFrom(
      tried.filter((one) => !isUnseen(one)),
      new Random(seed),
    ).slice(0, config.demonstrations)
  : await gatherDemonstrations(environment("calibration", seed + 1_000_000), config, seed);
say(`${demonstrations.length} demonstrations`);
const source = new SimulatedRounds({
  config,
  environment: (pass) => environment("calibration", seed + pass),
  seed,
  demonstrations,
  ...(imitated && { isWithheld }),
});
const updates = Math.max(1, Math.floor(rounds / config.samplesPerAgent));
const mappo = await Mappo.create({
  config,
  backend,
  seed,
  updates,
  ...(imitated && { actor: imitated.weights }),
});
const best = new BestWeights(tried, IMITATION.caution);
await best.consider(mappo.policy, await mappo.actorWeights(), 0);
const metrics = new MetricsFile(join(out, "metrics.jsonl"));
const history = await train({
  mappo,
  source,
  updates,
  metrics,
  checkpoint: async (trainer, seen) => {
    const { tensors, update, version, steps, values } = await trainer.state();
    const rest = { steps, values: { ...values } };
    await writeCheckpoint(out, { format: 1, update, version, tensors, seen, rest });
  },
  onUpdate: async (each, trainer) => {
    // Without unseen questions all are worth the same, and the newest are the best guess.
    const kept = imitated ? await trainer.actorWeights() : null;
    if (kept) await best.consider(trainer.policy, kept, each.update);
    if (each.status !== "updated") say(`\nupdate ${each.update} ${each.status}: ${each.reason}`);
    if (options.json) return;
    const isLive = process.stdout.isTTY;
    process.stdout.write(`${isLive ? "\r\u001b[K" : ""}${progressLine(each, updates)}`);
    if (!isLive || each.update === updates) process.stdout.write("\n");
  },
});
const trainedSeconds = (performance.now() - started) / 1000;
const weights = imitated ? best.kept.weights : await mappo.actorWeights();
const learntPolicy = imitated
  ? await ServedActor.open(config.network, weights, { version: best.kept.update })
  : mappo.policy;
if (imitated) say(`kept: update ${best.kept.update}, ${worthText(best.kept.worth)}`);
const embedder = knots ? "*" : environment("calibration", seed).source.embedder.id;
const name = `dlrs-l${config.network.steps}`;
writeFileSync(
  join(out, "policy.velo"),
  packPolicy({ name, embedder, input, network: config.network, weights }),
);
writeFileSync(
  join(out, "curves.svg"),
  trainingCurves(`${world}, ${rounds} rounds, seed ${seed}`, history),
);

// --- compare, on the half that nothing was learnt from
const scores: Score[] = [];
for (const player of [alwaysModel, shippedDefault, playerOf(learntPolicy), feasibleOracle])
  // The fixed rule reads distances, whatever the learnt policy is fed.
  scores.push(
    await play(environment("measured", seed, player === shippedDefault ? null : knots), player),
  );
const [always, greedy, learnt] = scores as [Score, Score, Score];
await mappo.close();
const report = {
  commit: currentCommit(),
  world: world === "geometry" ? world : (options.data ?? "bundled"),
  seed,
  rounds,
  updates: history.length,
  kept: history.filter(({ status }) => status === "updated").length,
  trainedSeconds,
  backend: backend.reason,
  scores,
  againstAlways: pairedDifference(learnt, always),
  againstShipped: pairedDifference(learnt, greedy),
};
if (options.json) console.log(JSON.stringify(report, withoutLists, 2));
else {
  say(`\n${report.kept} of ${report.updates} updates kept, ${trainedSeconds.toFixed(1)} s`);
  say(`on the ${world === "geometry" ? "next seed's world" : "measured half"}:`);
  for (const score of scores) say(`  ${scoreLine(score)}`);
  for (const [label, difference] of [
    ["always-model", report.againstAlways],
    [greedy.player, report.againstShipped],
  ] as const)
    say(`  ${learnt.player} - ${label}: ${differenceText(difference)}`);
}

/** Both handlings of everything that some passes over the calibration half bring. */
async function tryPasses(): Promise<readonly Tried[]> {
  const all: Tried[] = [];
  for (let pass = 0; pass < IMITATED_PASSES; pass++)
    all.push(...(await tryBoth(environment("calibration", seed + 1_000_000 + pass))));
  return all;
}

/** Thousandths of utility per request. */
function worthText({ value, rule, lower }: Worth): string {
  const text = (utility: number) => (1000 * utility).toFixed(2);
  return `worth ${text(value)} thousandths a request on unseen questions, the fixed rule ${text(rule)}, better by at least ${text(lower)}`;
}

/** A world in which nothing has happened yet. */
function environment(
  half: Half,
  worldSeed: number,
  scale: readonly number[] | null = knots,
): Environment {
  return new Environment({
    source: sourceOf(half, worldSeed),
    seed: worldSeed,
    mode: config.reward,
    epsilon: config.epsilon,
    omega: config.omega,
    ...(scale && { knots: scale }),
  });
}

function sourceOf(half: Half, worldSeed: number): RequestSource {
  if (world === "geometry")
    return half === "measured"
      ? geometrySource({ seed: worldSeed + 999, slots: MEASURED_SLOTS })
      : geometrySource({ seed: worldSeed, slots: rounds });
  const own = onlyHalf(groups, half);
  return workloadSource({
    requests: generateWorkload({ groups: own, requests, seed: worldSeed, ratePerSecond }).requests,
    groups: own,
    embedder: BUILT_IN_EMBEDDER,
    embed: builtInEmbed,
    minDelayTokens,
  });
}

function scoreLine(score: Score): string {
  const percent = (part: { readonly share: number | null }) =>
    `${(100 * (part.share ?? 0)).toFixed(2)} %`;
  return [
    score.player.padEnd(16),
    `utility ${score.meanUtility.toFixed(4)}`,
    `should-hits ${percent(score.shouldHits)}`,
    `wrong ${percent(score.wrongPerRequest)}`,
    `delay ${score.delaySeconds.mean.toFixed(2)} s`,
  ].join("  ");
}

function differenceText({ mean, interval: { low, high } }: PairedDifference): string {
  return `${mean.toFixed(4)} utility per request, 95 % interval ${low.toFixed(4)} to ${high.toFixed(4)}`;
}

/** What a score keeps of every request is for paired differences, not for reading. */
function withoutLists(key: string, value: unknown): unknown {
  return key === "utilities" || key === "families" ? undefined : value;
}

function wholeNumber(flag: string, text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1)
    refuse(`--${flag} ${text} is no whole number`, USAGE);
  return value;
}

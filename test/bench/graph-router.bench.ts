// npm run bench -- graph-router [--decisions N] [--steps N] [--json]: CPU of one decision of the graph router for eight experts,
// features included, here and inside workerd (timed from outside by the process's own counter: the runtime's clocks stand still
// while it computes), and of one gradient step of its training on one thread. Random weights: time does not depend on them.
import { InferenceSession, Tensor } from "onnxruntime-node";
import { Random } from "../../src/policy/random.ts";
import { GraphForward } from "../../src/policy/routing/graph-router/graph-forward.ts";
import { graphModel } from "../../src/policy/routing/graph-router/graph-model.ts";
import {
  graphParameters,
  inputShapes,
} from "../../src/policy/routing/graph-router/graph-network.ts";
import { decide } from "../../src/policy/routing/graph-router/graph-router.ts";
import { PaddedGraphs, graphStateOf } from "../../src/policy/routing/graph-router/graph-state.ts";
import { freshWeights } from "../../src/policy/routing/graph-router/graph-weights.ts";
import { openBackend } from "../../src/trainer-node/graph/backend.ts";
import {
  requestsOf,
  syntheticContent,
} from "../../src/trainer-node/reproduction/qos-router/quality-model.ts";
import { trainSac } from "../../src/trainer-node/reproduction/qos-router/sac.ts";
import {
  EXPERTS,
  USUAL_FLEET,
  USUAL_RATE,
} from "../../src/trainer-node/reproduction/qos-router/settings.ts";
import { poissonArrivals } from "../../src/trainer-node/reproduction/qos-router/workloads.ts";
import { startPolicyServer } from "../support/policy-server.ts";
import { drawnView } from "../unit/policy/routing/graph-router/made.ts";
import { atMost, option, publish, say } from "./result.ts";

const DECISIONS = option("decisions", 500);
const STEPS = option("steps", 20);
const SEED = option("seed", 1);
const ROUNDS = 3;
/** Requests at each of the eight experts, running and waiting. */
const LOADS = [
  [3, 1],
  [20, 20],
] as const;
const SIZE = { experts: 8, running: 17, waiting: 17 };
/** Places of the training graph, for the usual fleet. */
const TRAINED = { experts: USUAL_FLEET, running: 9, waiting: 5 };

const cpuMs = (): number => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
};

/** Milliseconds of CPU a call: median, least and most of the rounds. */
async function timed(count: number, run: () => unknown): Promise<readonly number[]> {
  for (let i = 0; i < count / 5; i++) await run();
  const rounds: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const before = cpuMs();
    for (let i = 0; i < count; i++) await run();
    rounds.push((cpuMs() - before) / count);
  }
  const [least, median, most] = rounds.toSorted((a, b) => a - b);
  return [median!, least!, most!];
}

/** The same, of decisions in an isolate: a request for many of them, the first one to warm it. */
async function timedInside(loads: string): Promise<readonly number[]> {
  const path = (count: number) => `/?loads=${encodeURIComponent(loads)}&n=${count}`;
  await isolate.get(path(DECISIONS / 5));
  const rounds: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const before = isolate.cpuMs();
    await isolate.get(path(DECISIONS));
    rounds.push((isolate.cpuMs() - before) / DECISIONS);
  }
  const [least, median, most] = rounds.toSorted((a, b) => a - b);
  return [median!, least!, most!];
}

const random = new Random(SEED);
const weights = freshWeights(graphParameters(["policy"]), () => random.normal());
const forward = new GraphForward(weights);
const session = await InferenceSession.create(graphModel(SIZE, weights), {
  intraOpNumThreads: 1,
  logSeverityLevel: 3,
});
const shapes: Readonly<Record<string, readonly number[]>> = {
  ...inputShapes(SIZE),
  closed: [SIZE.experts + 1],
};
const padded = new PaddedGraphs(SIZE, 1);

const isolate = await startPolicyServer("graph-worker");

const decisions: (readonly (string | number)[])[] = [];
for (const [running, waiting] of LOADS) {
  const everywhere = Array.from({ length: SIZE.experts }, () => `${running}+${waiting}`);
  const view = drawnView(random, everywhere.join(" "));
  const load = `${running} running, ${waiting} waiting`;
  decisions.push([
    load,
    "TypeScript",
    ...(await timed(DECISIONS, () => decide(forward, view, null))),
  ]);
  const onnx = async () => {
    padded.set(0, graphStateOf(view)!);
    const feeds = Object.entries(padded.arrays).map(([name, values]) => [
      name,
      new Tensor("float32", values, [1, ...shapes[name]!]),
    ]);
    await session.run(Object.fromEntries(feeds) as Record<string, Tensor>);
  };
  decisions.push([load, "onnxruntime-node", ...(await timed(DECISIONS, onnx))]);
  decisions.push([load, "TypeScript in workerd", ...(await timedInside(everywhere.join(" ")))]);
}
await isolate.stop();

const experts = EXPERTS.slice(0, USUAL_FLEET);
const backend = await openBackend("cpu", { threads: 1 });
const training: (readonly (string | number)[])[] = [];
for (const [encoder, batch] of [
  ["graph", 64],
  ["graph", 128],
  ["graph", 256],
  ["flat", 256],
] as const) {
  say(`training, ${encoder}, batch ${batch}`);
  const marks: number[] = [];
  const requests = requestsOf(
    poissonArrivals(USUAL_RATE, 300, random),
    syntheticContent(experts, SEED),
  );
  // The first episode is random and ends with the compilation behind it; the second has a step for every decision.
  await trainSac({
    networks: { encoder, size: TRAINED },
    view: { mayDrop: true, mostRequests: Math.min(TRAINED.running, TRAINED.waiting) - 1 },
    backend,
    seed: SEED,
    episode: () => ({ fleet: { experts }, requests }),
    decisions: requests.length + STEPS,
    randomDecisions: requests.length,
    batch,
    usualGapSeconds: 1 / USUAL_RATE,
    onEpisode: () => marks.push(cpuMs()),
  });
  training.push([encoder, batch, (marks[1]! - marks[0]!) / STEPS]);
}

const slowest = Math.max(...decisions.map((row) => Number(row[2])));
publish({
  bench: "graph-router",
  seed: SEED,
  settings: { decisions: DECISIONS, rounds: ROUNDS, steps: STEPS, experts: SIZE.experts },
  tables: [
    {
      title: "One decision for eight experts, ms CPU",
      columns: ["at each expert", "pass", "median", "least", "most"],
      rows: decisions,
    },
    {
      title: `One decision and gradient step of training, fleet of ${USUAL_FLEET}, ms CPU`,
      columns: ["encoder", "batch", "ms"],
      rows: training,
    },
  ],
  targets: [atMost("decision, ms CPU", slowest, 5)],
  notes: ["The first gradient steps of a run are slower than later ones; both are in the mean."],
});

// The networks under study: how they are trained, and where their weights lie between jobs.
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { InferenceSession, Tensor } from "onnxruntime-node";
import { type Weights, elements } from "../../../policy/network/layout.ts";
import { GraphForward } from "../../../policy/routing/graph-router/graph-forward.ts";
import { graphModel } from "../../../policy/routing/graph-router/graph-model.ts";
import { inputShapes } from "../../../policy/routing/graph-router/graph-network.ts";
import { type GraphValues } from "../../../policy/routing/graph-router/graph-router.ts";
import {
  type FleetView,
  graphStateOf,
  PaddedGraphs,
} from "../../../policy/routing/graph-router/graph-state.ts";
import { openBackend } from "../../graph/backend.ts";
import { randomOf } from "../../simulator/random-of.ts";
import { type CurvePoint, type TrainResult } from "./figures.ts";
import { type FleetRequest, simulate } from "./fleet.ts";
import { flatForward } from "./flat-router.ts";
import { actorShapes, type SacNetworks } from "./graph-training.ts";
import { requestsOf, syntheticContent } from "./quality-model.ts";
import { fleetView, type ViewOptions } from "./router-player.ts";
import { type EpisodeReport, trainSac } from "./sac.ts";
import { type RewardOptions } from "./sac-reward.ts";
import { EXPERTS, FLEET_SIZES, TRAINING, USUAL_FLEET, USUAL_RATE } from "./settings.ts";
import { poissonArrivals } from "./workloads.ts";

interface NetworkSettings {
  readonly encoder: SacNetworks["encoder"];
  readonly impact: NonNullable<RewardOptions["impact"]>;
  /** Of weights, episodes and exploration. */
  readonly seed: number;
}

export const NETWORKS = {
  graph: { encoder: "graph", impact: "penalty", seed: 1 },
  "graph-no-impact": { encoder: "graph", impact: "none", seed: 1 },
  "graph-potential": { encoder: "graph", impact: "potential", seed: 1 },
  flat: { encoder: "flat", impact: "penalty", seed: 1 },
  "graph-2": { encoder: "graph", impact: "penalty", seed: 2 },
  "flat-2": { encoder: "flat", impact: "penalty", seed: 2 },
} as const satisfies Readonly<Record<string, NetworkSettings>>;

export type NetworkName = keyof typeof NETWORKS;
export const NETWORK_NAMES = Object.keys(NETWORKS) as readonly NetworkName[];

/** All that a training depends on. */
export interface TrainParams {
  readonly network: NetworkName;
  readonly settings: NetworkSettings;
  readonly training: typeof TRAINING;
  readonly decisions: number;
  readonly randomDecisions: number;
}

const PLACES = TRAINING.mostRequests + 1;
const SIZE = { experts: TRAINING.experts, running: PLACES, waiting: PLACES };
/** Of the exported file; its weights fit any. */
const EXPORTED = { experts: Math.max(...FLEET_SIZES), running: PLACES, waiting: PLACES };

/** What a network is told: without an impact in its rewards also none among its features. */
export const viewOf = (name: NetworkName, mayDrop = true): ViewOptions => ({
  mayDrop,
  knowsImpact: NETWORKS[name].impact !== "none",
  mostRequests: TRAINING.mostRequests,
});

const shapesOf = (name: NetworkName) =>
  actorShapes({ encoder: NETWORKS[name].encoder, size: SIZE });

/** Streams of randomness of a training; worlds of its episodes are none of the tests'. */
const EPISODE = 11;
const FIRST_WORLD = 1_000_000;

/** Trains, and leaves weights in `folder`; those of a graph network as an ONNX file too. */
export async function train(
  { network, settings, training, decisions, randomDecisions }: TrainParams,
  folder: string,
): Promise<TrainResult> {
  const started = performance.now();
  const { encoder, impact, seed } = settings;
  const experts = EXPERTS.slice(0, training.experts);
  const reports: EpisodeReport[] = [];
  const { weights, updates, refused } = await trainSac({
    networks: { encoder, size: SIZE },
    view: viewOf(network),
    backend: await openBackend("cpu", { threads: 1 }),
    seed,
    decisions,
    randomDecisions,
    episode: (index) => {
      const rate = training.rates[index % training.rates.length]!;
      const random = randomOf(FIRST_WORLD + seed, index, EPISODE);
      const arrivals = poissonArrivals(rate, training.episodeRequests, random);
      const world = syntheticContent(experts, FIRST_WORLD * seed + index);
      return { fleet: { experts }, requests: requestsOf(arrivals, world) };
    },
    updatesPerDecision: training.updatesPerDecision,
    batch: training.batch,
    buffer: training.buffer,
    learningRate: training.learningRate[0],
    lastLearningRate: training.learningRate[1],
    temperatureRate: training.temperatureRate,
    gamma: training.gamma,
    usualGapSeconds: 1 / USUAL_RATE,
    polyak: training.polyak,
    targetEntropy: training.targetEntropy,
    reward: { impact },
    onEpisode: (report) => reports.push(report),
  });
  writeWeights(folder, network, weights);
  return {
    curve: curveOf(reports, training.rates.length),
    updates,
    refused,
    parameters: [...weights.values()].reduce((sum, { length }) => sum + length, 0),
    seconds: (performance.now() - started) / 1000,
    exported: encoder === "graph" ? await exported(folder, network, weights) : null,
  };
}

/** A point for each round of episodes, so that every point has met every rate. */
function curveOf(reports: readonly EpisodeReport[], round: number): readonly CurvePoint[] {
  const curve: CurvePoint[] = [];
  for (let from = 0; from < reports.length; from += round) {
    const some = reports.slice(from, from + round);
    const last = some.at(-1)!;
    if (some.length < round && curve.length > 0) break;
    const mean = (of: (one: EpisodeReport) => number) =>
      some.reduce((sum, one) => sum + of(one), 0) / some.length;
    curve.push({
      decisions: last.decisions,
      reward: mean(({ meanReward }) => meanReward),
      qos: mean(({ meanQos }) => meanQos),
      entropy: last.losses?.["entropy"] ?? null,
      temperature: last.losses?.["temperature"] ?? null,
    });
  }
  return curve;
}

const fileOf = (folder: string, name: string, ending: string): string =>
  join(folder, `${name}.${ending}`);

export const hasWeights = (folder: string, name: string): boolean =>
  existsSync(fileOf(folder, name, "bin"));

/** float32, little endian, in the order of the actor's parameters. */
function writeWeights(folder: string, name: NetworkName, weights: Weights): void {
  const parts = [...shapesOf(name).keys()].map((key) => {
    const { buffer, byteOffset, byteLength } = weights.get(key)!;
    return new Uint8Array(buffer, byteOffset, byteLength);
  });
  writeWhole(folder, fileOf(folder, name, "bin"), Buffer.concat(parts));
}

/** Another run in the same folder writes beside another name. */
function writeWhole(folder: string, file: string, bytes: Uint8Array): void {
  mkdirSync(folder, { recursive: true });
  const draft = `${file}.${process.pid}.part`;
  writeFileSync(draft, bytes);
  renameSync(draft, file);
}

/** A trained policy in plain TypeScript. Throws when its file is not there or belongs to another network. */
export function readNetwork(folder: string, name: NetworkName): GraphValues {
  const file = fileOf(folder, name, "bin");
  if (!existsSync(file))
    throw new Error(`${file} is missing: delete the result of train-${name} and run it again`);
  const bytes = readFileSync(file);
  const weights = new Map<string, Float32Array>();
  let at = bytes.byteOffset;
  for (const [key, dims] of shapesOf(name)) {
    const end = at + 4 * elements(dims);
    weights.set(key, new Float32Array(bytes.buffer.slice(at, end)));
    at = end;
  }
  if (at !== bytes.byteOffset + bytes.length)
    throw new Error(`${name}.bin has ${bytes.length} bytes: weights of another network`);
  return NETWORKS[name].encoder === "flat" ? flatForward(weights, SIZE) : new GraphForward(weights);
}

/** Decisions at which the file is compared with the TypeScript pass, half of them with experts in another order. */
const COMPARED = 40;

/** Writes the ONNX file and compares it, on fleets of every size, with what decides here. */
async function exported(
  folder: string,
  name: NetworkName,
  weights: Weights,
): Promise<TrainResult["exported"]> {
  const model = graphModel(EXPORTED, weights);
  writeWhole(folder, fileOf(folder, name, "onnx"), model);
  const session = await InferenceSession.create(model, { logSeverityLevel: 3 });
  const shapes: Readonly<Record<string, readonly number[]>> = {
    ...inputShapes(EXPORTED),
    closed: [EXPORTED.experts + 1],
  };
  const padded = new PaddedGraphs(EXPORTED, 1);
  const forward = new GraphForward(weights);
  let states = 0;
  let fileDifference = 0;
  let orderDifference = 0;
  for (const view of sampleViews(name)) {
    const state = graphStateOf(view)!;
    const values = forward.values(state);
    padded.set(0, state);
    const feeds = Object.entries(padded.arrays).map(([input, array]) => [
      input,
      new Tensor("float32", array, [1, ...shapes[input]!]),
    ]);
    const result = await session.run(Object.fromEntries(feeds) as Record<string, Tensor>);
    const logits = result["logits"]!.data as Float32Array;
    const count = view.experts.length;
    const turned = forward.values(graphStateOf({ ...view, experts: view.experts.toReversed() })!);
    for (const [i, value] of values.entries()) {
      const place = i < count ? i : EXPORTED.experts;
      fileDifference = Math.max(fileDifference, Math.abs(logits[place]! - value));
      const other = turned[i < count ? count - 1 - i : count]!;
      orderDifference = Math.max(orderDifference, Math.abs(other - value));
    }
    states++;
  }
  await session.release();
  return { states, fileDifference, orderDifference };
}

/** Moments of fleets of every size. */
function sampleViews(name: NetworkName): readonly FleetView[] {
  const views: FleetView[] = [];
  const each = Math.ceil(COMPARED / FLEET_SIZES.length);
  for (const count of FLEET_SIZES) {
    const experts = EXPERTS.slice(0, count);
    const random = randomOf(FIRST_WORLD, count, EPISODE);
    const arrivals = poissonArrivals((2 * USUAL_RATE * count) / USUAL_FLEET, 5 * each, random);
    const requests: readonly FleetRequest[] = requestsOf(arrivals, syntheticContent(experts, 1));
    simulate({ experts }, requests, {
      name: "in turn",
      choose: (arrival) => {
        const { id } = arrival.truth.request;
        if (id % 5 === 0) views.push(fleetView(arrival, viewOf(name)));
        return id % count;
      },
    });
  }
  return views;
}

// What a job does: a training, or all routers of a run, one after the other, on the same requests.
import { type Job } from "../results-folder.ts";
import { rounded } from "../velo/figures.ts";
import { randomOf } from "../../simulator/random-of.ts";
import { networkOf, type RunParams } from "./experiments.ts";
import { type Figures, type RunResult, type TrainResult } from "./figures.ts";
import { type FleetFigures, type FleetOptions, type FleetRouter, simulate } from "./fleet.ts";
import { NETWORKS, readNetwork, train, type TrainParams, viewOf } from "./networks.ts";
import { requestsOf, syntheticContent } from "./quality-model.ts";
import { networkRouter } from "./router-player.ts";
import { amongFirst, reordered, type RuleName, ruleOf } from "./rules.ts";
import { BANDWIDTH_PACE, EXPERTS, PAPER_PACE, TRAINING, USUAL_FLEET } from "./settings.ts";
import {
  type Arriving,
  atRate,
  burstyArrivals,
  poissonArrivals,
  readTrace,
  windowOf,
} from "./workloads.ts";

export interface RunnerOptions {
  /** Folder of trained weights. */
  readonly weights: string;
  /** File of the trace, where jobs need one. */
  readonly trace: string | null;
}

/** Stream of randomness of a run's arrivals. */
const ARRIVALS = 12;

export const qosRouterRunner =
  (options: RunnerOptions) =>
  async ({ kind, params }: Job): Promise<RunResult | TrainResult> => {
    switch (kind) {
      case "train":
        return rounded(await train(params as TrainParams, options.weights));
      case "run":
      case "grid":
        return run(params as RunParams, options);
      default:
        throw new Error(`no job is of the kind ${kind}`);
    }
  };

async function run(params: RunParams, { weights, trace }: RunnerOptions): Promise<RunResult> {
  const { arrivals, experts: count, latencyLimit, seed, routers } = params;
  const experts = EXPERTS.slice(0, count);
  const requests = requestsOf(await arrivalsOf(params, trace), syntheticContent(experts, seed));
  const pace = arrivals === "whole-trace" ? BANDWIDTH_PACE : PAPER_PACE;
  const fleet: FleetOptions = { experts, pace, latencyLimit };
  const figures: Record<string, Figures> = {};
  for (const name of routers)
    figures[name] = figuresOf(simulate(fleet, requests, routerOf(name, params, weights)).figures);
  const best = requests.map(({ answers }) => Math.max(...answers.map(({ score }) => score)));
  const bestScore = best.reduce((sum, score) => sum + score, 0) / best.length;
  return rounded({ figures, bestScore });
}

async function arrivalsOf(params: RunParams, file: string | null): Promise<readonly Arriving[]> {
  const { arrivals, rate: usualRate, experts, seed, requests } = params;
  const rate = (usualRate * experts) / USUAL_FLEET;
  const random = randomOf(seed, 0, ARRIVALS);
  if (arrivals === "poisson") return poissonArrivals(rate, requests, random);
  if (arrivals === "bursty") return burstyArrivals(rate, requests, random);
  if (file === null) throw new Error(`${params.trace?.name ?? "a trace"} is missing`);
  const window = atRate(windowOf(await traceIn(file), seed, requests), rate);
  return arrivals === "trace" ? window.map(({ at }) => ({ at })) : window;
}

const traces = new Map<string, Promise<readonly Required<Arriving>[]>>();

function traceIn(file: string): Promise<readonly Required<Arriving>[]> {
  const read = traces.get(file) ?? readTrace(file);
  traces.set(file, read);
  return read;
}

function routerOf(name: string, params: RunParams, weights: string): FleetRouter {
  const network = networkOf(name);
  if (network === null) return ruleOf(name as RuleName, params.latencyLimit);
  const view = viewOf(network, name !== "graph-keeps");
  const router = networkRouter(name, readNetwork(weights, network), view);
  if (name.endsWith("-reordered")) return reordered(name, router);
  const isBound = NETWORKS[network].encoder === "flat" && params.experts > TRAINING.experts;
  return isBound ? amongFirst(TRAINING.experts, router) : router;
}

function figuresOf(figures: FleetFigures): Figures {
  const { router: _, firstTokenP50Seconds: __, ...kept } = figures;
  return kept;
}

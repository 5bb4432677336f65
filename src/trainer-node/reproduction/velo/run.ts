// One algorithm in one world: it learns if it can, its server's databases fill, then everything is frozen and tested.
import { type NetworkConfig, elements, parameterShapes } from "../../../policy/network/layout.ts";
import { DEFAULT_NETWORK } from "../../../policy/network/layout.ts";
import { PAPER_TRAINING, type TrainingConfig } from "../../config.ts";
import { type Backend } from "../../graph/backend.ts";
import { type Environment } from "../../simulator/environment.ts";
import { algorithmNamed, isLearned } from "./algorithms.ts";
import { type RunParams } from "./experiments.ts";
import { type RunResult, type TestFigures } from "./figures.ts";
import { CurveMeter } from "./curve-meter.ts";
import { learn } from "./learn.ts";
import { LEARNED, type LearnedName } from "./learned.ts";
import { type Execution } from "./network-player.ts";
import { type BatchPlayer, chooseAll, greedyRule } from "./players.ts";
import { testKey } from "./results.ts";
import { OMEGA, PHI3, RECORDING_INTERVAL } from "./settings.ts";
import { testFigures } from "./test-figures.ts";
import { readWeights, writeWeights } from "./weights.ts";
import { paperEnvironment, type PaperWorld, paperWorld } from "./world.ts";

export interface RunContext {
  readonly backend: Backend;
  /** Folder of weights that are kept. */
  readonly weights: string;
}

export async function runAlgorithm(params: RunParams, context: RunContext): Promise<RunResult> {
  const started = performance.now();
  const slots = params.updates * params.learning.samplesPerAgent;
  const interval = Math.min(RECORDING_INTERVAL, slots);
  const world = paperWorld(params.world, params.seed, slots);
  const environment = paperEnvironment(world, params.seed);
  const meter = new CurveMeter(environment, interval * params.world.servers);
  const trained = isLearned(params.algorithm)
    ? await trainNetwork(params, params.algorithm, environment, context)
    : await playRule(params, environment);
  const trainingSeconds = (performance.now() - started) / 1000;
  const tests = await testAll(params, world, environment, trained);
  await trained.close();
  return {
    curve: meter.points(),
    tests,
    greedyDirect: await greedyShares(world, environment),
    demonstrations: trained.demonstrations,
    entries: environment.regions.map((region) => environment.entries(region)),
    parameters: trained.parameters,
    trainingSeconds,
  };
}

/** All of an algorithm's executions are compared at the nearest server, the paper's own everywhere. */
const PAPER_EXECUTION = "sampled";

interface Trained {
  /** A player that acts as it was trained, for each way of executing it. */
  player(execution: string): BatchPlayer;
  readonly executions: readonly string[];
  readonly parameters: number;
  readonly demonstrations: number;
  close(): Promise<void>;
}

/** Rules and the regression: every request one by one, in the order of time. */
async function playRule(
  { algorithm, seed }: RunParams,
  environment: Environment,
): Promise<Trained> {
  const player = algorithmNamed(algorithm).create({ mode: "paper", seed, directPenalty: PHI3 });
  for (let slot = await environment.next(); slot !== null; slot = await environment.next()) {
    const outputs = await chooseAll(player, slot);
    for (const [i, pending] of slot.entries())
      player.observe?.(environment.act(pending, outputs[i]!, player.actions, { greedy: true }));
  }
  player.freeze?.();
  return {
    player: () => player,
    executions: [PAPER_EXECUTION],
    parameters: 0,
    demonstrations: 0,
    close: () => Promise.resolve(),
  };
}

async function trainNetwork(
  params: RunParams,
  algorithm: LearnedName,
  environment: Environment,
  { backend, weights }: RunContext,
): Promise<Trained> {
  const { seed, updates, executions, startFrom } = params;
  const config = configOf(params, algorithm);
  const { network } = config;
  const slots = Math.ceil((4 * config.demonstrations) / params.world.servers);
  const { mappo, demonstrations } = await learn({
    config,
    backend,
    seed,
    updates,
    environment: (pass) => {
      if (pass > 0) throw new Error("the stream ended before the training");
      return environment;
    },
    // The first requests of the training's own stream, with other luck: the tests ask in wordings of their own.
    demonstrator: () => paperEnvironment(paperWorld(params.world, seed, slots), seed + 7000),
    ...(startFrom !== undefined && { actor: readWeights(weights, startFrom, network) }),
  });
  // The calls that are still under way end, as they do for a rule.
  if ((await environment.next()) !== null) throw new Error("the training ended before the stream");
  if (params.keepWeights !== undefined)
    writeWeights(weights, params.keepWeights, network, await mappo.actorWeights());
  return {
    player: (execution) =>
      algorithmNamed(algorithm).create({
        mode: "paper",
        seed,
        actor: mappo.policy,
        network,
        execution: execution as Execution,
      }),
    executions,
    parameters: [...parameterShapes(network).values()].reduce(
      (sum, dims) => sum + elements(dims),
      0,
    ),
    demonstrations,
    close: () => mappo.close(),
  };
}

/** The paper's parameters with what the job changes. */
function configOf(params: RunParams, algorithm: LearnedName): TrainingConfig {
  const { change, omegas } = params;
  const learned = LEARNED[algorithm];
  const isTaught =
    (change.demonstrations ?? learned.demonstrations) && learned.network.actions === 2;
  return {
    ...PAPER_TRAINING,
    network: changedNetwork(learned.network, change.network),
    ...params.learning,
    ...(!isTaught && { demonstrations: 0 }),
    directPenalty: PHI3,
    gamma: change.gamma ?? PAPER_TRAINING.gamma,
    teamShare: change.teamShare ?? PAPER_TRAINING.teamShare,
    chainNoise: change.chainNoise ?? PAPER_TRAINING.chainNoise,
    omega: OMEGA,
    omegaMin: Math.min(...omegas),
    omegaMax: Math.max(...omegas),
  };
}

function changedNetwork(
  network: NetworkConfig,
  change: RunParams["change"]["network"],
): NetworkConfig {
  switch (change) {
    case undefined:
      return network;
    case "recommended":
      return DEFAULT_NETWORK;
    case "raw":
      return { ...network, extractor: "raw" };
    case "wide":
      return { ...network, hidden: 384 };
    default:
      return change satisfies never;
  }
}

async function testAll(
  { testRequests, omegas }: RunParams,
  world: PaperWorld,
  environment: Environment,
  trained: Trained,
): Promise<RunResult["tests"]> {
  const tests: Record<string, TestFigures> = {};
  for (const kind of ["similar", "new"] as const) {
    const requests = world.testRequests(testRequests, kind);
    for (const method of ["nearest", "all"] as const)
      for (const execution of method === "nearest" ? trained.executions : [PAPER_EXECUTION])
        for (const omega of omegas) {
          const results = await environment.testFrozen(requests, trained.player(execution), {
            method,
            omega,
          });
          tests[testKey(`${kind}-${method}`, execution, omega)] = testFigures(results, omega);
        }
  }
  return tests;
}

/** Requests that the greedy rules are compared on. */
const GREEDY_REQUESTS = 100;

async function greedyShares(
  world: PaperWorld,
  environment: Environment,
): Promise<readonly number[]> {
  const requests = world.testRequests(GREEDY_REQUESTS, "similar");
  const shares: number[] = [];
  for (const theta of [0.1, 0.3, 0.5]) {
    const player = greedyRule(theta);
    const results = await environment.testFrozen(requests, player, { method: "nearest" });
    shares.push(results.filter(({ answer }) => answer.action === 0).length / requests.length);
  }
  return shares;
}

// What a job does: every algorithm of it, one after the other, in the same world with the same seed.
import { type Job } from "../results-folder.ts";
import { rounded } from "../velo/figures.ts";
import { type AlgorithmName, ALGORITHMS, playerOf } from "./algorithms.ts";
import { D2sac } from "./d2sac.ts";
import { type RunParams, type SpecifiedParams } from "./experiments.ts";
import { type Figures, type Tracked } from "./figures.ts";
import { plannedGuidance } from "./planned-guidance.ts";
import { BATCHING, type WorldSettings } from "./settings.ts";
import { simulate } from "./simulate.ts";

export interface RunResult {
  readonly figures: Readonly<Record<string, Figures>>;
}

export async function perllmRunner({ kind, params }: Job): Promise<RunResult> {
  switch (kind) {
    case "run":
    case "grid":
      return runAll(params as RunParams);
    case "specified":
      return runSpecified(params as SpecifiedParams);
    default:
      throw new Error(`no job is of the kind ${kind}`);
  }
}

function runAll({ world, seed, algorithms, isTracked = false }: RunParams): RunResult {
  const figures: Record<string, Figures> = {};
  for (const name of algorithms)
    figures[name] = kept(simulate({ world, seed, player: playerOf(name, world) }), isTracked);
  return { figures };
}

/** What goes into a raw file. */
function kept({ parts, soFar, ...rest }: Figures & Tracked, isTracked = false): Figures {
  return rounded(isTracked ? { ...rest, parts, soFar } : rest);
}

/** Seeds of trainings are none of the tests'. */
const TRAINING_SEED = 1_000_000;

function runSpecified({ world, seed, trainingRequests }: SpecifiedParams): RunResult {
  const { figures } = runAll({ world, seed, algorithms: PROXIES });
  const agent = new D2sac(world.edgeFactors.length, TRAINING_SEED + seed);
  simulate({
    world: { ...world, requests: trainingRequests },
    seed: TRAINING_SEED + seed,
    player: agent.learning(),
  });
  const batched: WorldSettings = { ...world, cloud: { ...world.cloud, batching: BATCHING } };
  const inBatches = (name: AlgorithmName) =>
    simulate({ world: batched, seed, player: ALGORITHMS[name](batched) });
  return {
    figures: {
      ...figures,
      "FineInfer-batched": kept(inBatches("FineInfer-gate")),
      "AGOD-D2SAC": kept(simulate({ world, seed, player: agent.frozen() })),
      "RewardlessGuidance-planned": kept(simulate({ world, seed, player: plannedGuidance() })),
      "PerLLM-batched": kept(inBatches("PerLLM")),
    },
  };
}

const PROXIES = ["FineInfer", "AGOD", "RewardlessGuidance", "PerLLM", "LPC"] as const;

// All jobs of the reproduction. A job is one world with one seed, in which every algorithm meets the same requests.
import { type Job } from "../results-folder.ts";
import { ALGORITHM_NAMES, type AlgorithmName } from "./algorithms.ts";
import { type Where } from "./figures.ts";
import {
  EDGE_MODEL_NAMES,
  FADE_SECONDS,
  LOADS,
  NETWORK_NAMES,
  PAPER_WORLD,
  type Scale,
  swingOf,
  type WorldSettings,
  worldWith,
} from "./settings.ts";
import { CHANGED_WORLDS, DRIFTS, gridWorlds } from "./worlds.ts";

/** The proxies and what they stand for, in the paper's world. */
export interface SpecifiedParams {
  readonly world: WorldSettings;
  readonly seed: number;
  readonly trainingRequests: number;
}

export interface RunParams {
  readonly world: WorldSettings;
  readonly seed: number;
  readonly algorithms: readonly AlgorithmName[];
  /** Whether the parts of a request's way are kept, and the figures on the way. */
  readonly isTracked?: boolean;
}

/** What every experiment runs, in the order of tables. */
export const COMPARED = [
  "FineInfer",
  "AGOD",
  "RewardlessGuidance",
  "PerLLM",
  "LPC",
  "LPC-measured",
] as const satisfies readonly AlgorithmName[];
const LOADED = [...COMPARED, "PerLLM-slots", "PerLLM-slots-arrival"] as const;
const DRIFTING = [
  ...COMPARED,
  "LPC-by-class",
  "LPC-corrected",
  "PerLLM-told",
  "PerLLM-by-class",
  "PerLLM-retry",
  "PerLLM-printed",
  "PerLLM-undiscounted",
  "PerLLM-no-bandit",
] as const;

const FADING = ["PerLLM", "PerLLM-retry", "LPC-measured"] as const;

const slug = (text: string): string => text.toLowerCase().replaceAll(/[^a-z0-9.]+/g, "-");

/** Without the seed. */
function experimentOf({
  model = "Yi-6B",
  network = "stable",
  users = PAPER_WORLD.users,
  drift,
  isFading = false,
  isSpecified = false,
}: Where): string {
  if (isSpecified) return "specified";
  if (drift !== undefined && isFading) return `fading-${slug(drift)}`;
  if (drift !== undefined) return `drift-${slug(drift)}`;
  if (users !== PAPER_WORLD.users) return `load-${network}-${users}`;
  return `headline-${slug(model)}-${network}`;
}

export const jobId = (where: Where, seed: number): string => `${experimentOf(where)}-${seed}`;

export function perllmJobs(scale: Scale): readonly Job[] {
  const jobs: Job[] = [];
  const { requests } = scale;
  const run = (where: Where, seed: number, params: Omit<RunParams, "seed">) =>
    jobs.push({ id: jobId(where, seed), kind: "run", params: { ...params, seed } });
  for (const seed of scale.seeds)
    for (const [place, model] of EDGE_MODEL_NAMES.entries())
      for (const network of NETWORK_NAMES)
        run({ model, network }, seed, {
          world: worldWith(model, { requests, swing: swingOf(network) }),
          ...(place === 0
            ? { algorithms: ALGORITHM_NAMES, isTracked: network === "stable" }
            : { algorithms: COMPARED }),
        });
  for (const seed of scale.driftSeeds)
    for (const [drift, change] of Object.entries(CHANGED_WORLDS))
      run({ drift }, seed, {
        world: { ...PAPER_WORLD, requests, ...change },
        algorithms: DRIFTING,
      });
  for (const seed of scale.driftSeeds)
    for (const [drift, change] of Object.entries(DRIFTS))
      run({ drift, isFading: true }, seed, {
        world: { ...PAPER_WORLD, requests, ...change, fadeSeconds: FADE_SECONDS },
        algorithms: FADING,
      });
  for (const seed of scale.sweepSeeds) {
    for (const network of NETWORK_NAMES)
      for (const users of LOADS)
        if (users !== PAPER_WORLD.users)
          run({ network, users }, seed, {
            world: { ...PAPER_WORLD, requests, users, swing: swingOf(network) },
            algorithms: LOADED,
          });
    const params: SpecifiedParams = {
      world: { ...PAPER_WORLD, requests },
      seed,
      trainingRequests: scale.trainingRequests,
    };
    jobs.push({ id: jobId({ isSpecified: true }, seed), kind: "specified", params });
  }
  for (const [index, world] of gridWorlds().entries())
    if (index % scale.gridStride === 0) {
      const params: RunParams = {
        world: { ...world, requests: scale.gridRequests },
        seed: 1,
        algorithms: COMPARED,
      };
      jobs.push({ id: `grid-${String(index).padStart(3, "0")}`, kind: "grid", params });
    }
  return jobs;
}

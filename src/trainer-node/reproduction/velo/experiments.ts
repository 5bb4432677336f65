// All jobs of the reproduction: which algorithm runs in which world, with which seed and which change.
import { createHash } from "node:crypto";
import { type Job } from "../results-folder.ts";
import { PRODUCT_ALGORITHMS } from "./product-algorithms.ts";
import {
  type Learning,
  MODELS,
  OMEGA,
  OMEGAS,
  PAPER_WORLD,
  REVISION,
  type Scale,
  SERVER_COUNTS,
  TRAINING_SIZES,
  WIDE_SIZES,
  type WorldSettings,
  gridWorlds,
} from "./settings.ts";

/** What an ablation changes in a learned algorithm. */
export interface Change {
  readonly gamma?: number;
  readonly teamShare?: number;
  readonly chainNoise?: "stored" | "fresh";
  readonly demonstrations?: boolean;
  readonly network?: "recommended" | "raw" | "wide";
}

/** One algorithm in one world, trained if it learns, then tested. */
export interface RunParams {
  readonly algorithm: string;
  readonly world: WorldSettings;
  readonly seed: number;
  readonly updates: number;
  readonly learning: Learning;
  readonly testRequests: number;
  /** Prices of time that it is trained for (log-uniform between the ends) and tested at. */
  readonly omegas: readonly number[];
  readonly change: Change;
  /** Executions of a network in the tests; "sampled" is the paper's. */
  readonly executions: readonly string[];
  /** Names of weights: to begin with, and to be kept. */
  readonly startFrom?: string;
  readonly keepWeights?: string;
}

export const HEADLINE_LEARNED = [
  "DLRS-L5",
  "DLRS-L10",
  "DLRS-L15",
  "DLRS-V5",
  "DLRS-V10",
  "DLRS-V15",
  "LRS",
  "MAPPO",
  "G-MAPPO",
  "T-MAPPO",
  "DLRS-3way",
  "value-regression",
] as const;
export const RULES = [
  "Greedy-0.1",
  "Greedy-0.3",
  "Greedy-0.5",
  "Greedy-LLM",
  "Random",
  "Always-A",
  "Always-B",
  "per-entry-thresholds",
  "oracle",
  "feasible-oracle",
] as const;
const SWEPT = ["DLRS-L10", "LRS", "T-MAPPO"] as const;
const SWEPT_RULES = ["Greedy-0.1", "Greedy-0.3", "Greedy-0.5", "Greedy-LLM"] as const;
const GRID_RULES = [
  "Greedy-0.1",
  "Greedy-0.3",
  "Greedy-0.5",
  "Greedy-LLM",
  "Always-A",
  "Always-B",
] as const;

const GRID_LEARNED = ["DLRS-L10", "LRS"] as const;

/**
 * Ablations of DLRS-L10 at equal compute, by the name they have in the report. The published algorithm itself and the MLP
 * head (LRS) have run as the three servers of the sweep, with the same seeds and as many updates.
 */
export const ABLATIONS: Readonly<
  Record<
    string,
    { readonly algorithm: string; readonly change: Change; readonly world?: Partial<WorldSettings> }
  >
> = {
  "recommended-chain": { algorithm: "DLRS-L10", change: { network: "recommended" } },
  "gamma-0": { algorithm: "DLRS-L10", change: { gamma: 0 } },
  "gamma-0.9": { algorithm: "DLRS-L10", change: { gamma: 0.9 } },
  "local-reward": { algorithm: "DLRS-L10", change: { teamShare: 0 } },
  "local-reward-gamma-0": { algorithm: "DLRS-L10", change: { teamShare: 0, gamma: 0 } },
  "raw-embedding": { algorithm: "DLRS-L10", change: { network: "raw" } },
  "no-demonstrations": { algorithm: "DLRS-L10", change: { demonstrations: false } },
  "fresh-noise": { algorithm: "DLRS-L10", change: { chainNoise: "fresh" } },
  "eviction-watermark": { algorithm: "DLRS-L10", change: {}, world: { eviction: "watermark" } },
  "eviction-none": { algorithm: "DLRS-L10", change: {}, world: { eviction: "none" } },
};

/** The experiment that the ablations are compared with. */
export const ABLATION_BASE = `servers-${PAPER_WORLD.servers}`;

export const slug = (text: string): string => text.toLowerCase().replaceAll(/[^a-z0-9.]+/g, "-");

const isIn = (list: readonly unknown[], item: unknown): boolean => list.some((one) => one === item);

/** Every execution of a chain is tested where heads are compared, the paper's own elsewhere. */
const ALL_EXECUTIONS = ["sampled", "mean-argmax", "zero-noise"] as const;

export function veloJobs(scale: Scale): readonly Job[] {
  const run = (
    id: string,
    params: Partial<RunParams> & Pick<RunParams, "algorithm" | "seed" | "updates">,
  ): Job => {
    const full: RunParams = {
      world: PAPER_WORLD,
      learning: scale.learning,
      testRequests: scale.testRequests,
      omegas: [OMEGA],
      change: {},
      executions: ["sampled"],
      ...params,
    };
    return { id, kind: "run", params: full };
  };
  const jobs: Job[] = [];
  // A name that changes with what the weights come from, so that no setting of the grid begins with old ones.
  const basis = createHash("sha256")
    .update(JSON.stringify([REVISION, PAPER_WORLD, scale.learning, scale.updates]))
    .digest("hex")
    .slice(0, 12);
  const kept = (algorithm: string) => `${slug(algorithm)}-${basis}`;

  // Figures 5, 7, 8, 9, 10 at the paper's settings, Tables IV to VI's rows at them. Further seeds come last: whoever stops
  // early has everything, with wider intervals.
  const headline = (seeds: readonly number[]) => {
    for (const seed of seeds)
      for (const algorithm of [...HEADLINE_LEARNED, ...RULES])
        jobs.push(
          run(`headline-${slug(algorithm)}-${seed}`, {
            algorithm,
            seed,
            updates: scale.updates,
            executions: ALL_EXECUTIONS,
            ...(seed === 1 && isIn(GRID_LEARNED, algorithm) && { keepWeights: kept(algorithm) }),
          }),
        );
  };
  headline(scale.seeds.filter((seed) => isIn(scale.sweepSeeds, seed)));

  const sweep = (
    name: string,
    algorithms: readonly string[],
    world: WorldSettings,
    rest: Partial<RunParams> = {},
  ) => {
    for (const seed of scale.sweepSeeds)
      for (const algorithm of algorithms)
        jobs.push(
          run(`${name}-${slug(algorithm)}-${seed}`, {
            algorithm,
            seed,
            updates: scale.sweepUpdates,
            world,
            ...rest,
          }),
        );
  };
  for (const servers of SERVER_COUNTS)
    sweep(
      `servers-${servers}`,
      [...SWEPT, ...SWEPT_RULES],
      { ...PAPER_WORLD, servers },
      servers === PAPER_WORLD.servers ? { executions: ALL_EXECUTIONS } : {},
    );
  for (const samples of TRAINING_SIZES) {
    const world = { ...PAPER_WORLD, topics: Math.round((samples * 2) / 3) };
    // The paper's 3000 samples are the point of three servers.
    if (samples !== 3000) sweep(`size-${samples}`, [...SWEPT, ...SWEPT_RULES], world);
    if (isIn(WIDE_SIZES, samples))
      sweep(`size-${samples}-wide`, ["DLRS-L10"], world, { change: { network: "wide" } });
  }
  for (const { name, modelSeconds, direct, helped } of MODELS)
    sweep(`model-${slug(name)}`, ["DLRS-L10"], {
      ...PAPER_WORLD,
      modelSeconds,
      quality: { ...PAPER_WORLD.quality, direct, helped },
    });
  sweep("omega", [...SWEPT, ...SWEPT_RULES], PAPER_WORLD, { omegas: OMEGAS });
  for (const [name, { algorithm, change, world }] of Object.entries(ABLATIONS))
    for (const seed of scale.sweepSeeds)
      jobs.push(
        run(`ablation-${name}-${seed}`, {
          algorithm,
          seed,
          change,
          updates: scale.sweepUpdates,
          world: { ...PAPER_WORLD, ...world },
        }),
      );

  const product = (seeds: readonly number[]) => {
    for (const seed of seeds)
      for (const world of ["workload", "geometry"] as const)
        for (const algorithm of PRODUCT_ALGORITHMS)
          jobs.push({
            id: `product-${world}-${slug(algorithm)}-${seed}`,
            kind: "product",
            params: {
              algorithm,
              world,
              seed,
              updates: scale.productUpdates,
              quick: scale.name === "quick",
            },
          });
  };
  product(scale.productSeeds.filter((seed) => isIn(scale.sweepSeeds, seed)));

  for (const [index, world] of gridWorlds().entries())
    if (index % scale.gridStride === 0)
      jobs.push({
        id: `grid-${String(index).padStart(3, "0")}`,
        kind: "grid",
        needs: GRID_LEARNED.map((name) => `headline-${slug(name)}-1`),
        params: {
          index,
          world,
          seed: 1,
          updates: scale.gridUpdates,
          learning: { ...scale.learning, ...scale.gridLearning },
          testRequests: Math.round(scale.testRequests / 2),
          rules: GRID_RULES,
          learned: Object.fromEntries(GRID_LEARNED.map((name) => [name, kept(name)])),
        },
      });

  jobs.push({
    id: "vector-count",
    kind: "vector-count",
    params: { counts: scale.vectorCounts, seed: 1 },
  });
  jobs.push({
    id: "overhead",
    kind: "overhead",
    params: { quick: scale.name === "quick", seed: 1 },
  });
  jobs.push({ id: "similarity", kind: "similarity", params: { seed: 1 } });
  headline(scale.seeds.filter((seed) => !isIn(scale.sweepSeeds, seed)));
  product(scale.productSeeds.filter((seed) => !isIn(scale.sweepSeeds, seed)));
  return jobs;
}

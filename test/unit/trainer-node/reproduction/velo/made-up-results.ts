// A few results of the reproduction, made up: a few algorithms, two seeds, one setting of the grid.
import { type JobRecord } from "../../../../../src/trainer-node/reproduction/results-folder.ts";
import {
  type RunResult,
  type TestFigures,
} from "../../../../../src/trainer-node/reproduction/velo/figures.ts";
import { type OverheadResult } from "../../../../../src/trainer-node/reproduction/velo/overhead.ts";
import { type ProductRow } from "../../../../../src/trainer-node/reproduction/velo/product.ts";
import { testKey } from "../../../../../src/trainer-node/reproduction/velo/results.ts";
import { OMEGAS, PAPER_WORLD } from "../../../../../src/trainer-node/reproduction/velo/settings.ts";
import { similarity } from "../../../../../src/trainer-node/reproduction/velo/similarity.ts";
import { type VectorCountRow } from "../../../../../src/trainer-node/reproduction/velo/vector-count.ts";

const SEEDS = [1, 2];

const figures = (reward: number): TestFigures => ({
  requests: 10,
  reward,
  qos: reward + 1,
  satisfaction: reward / 20,
  delay: -reward / 3,
  p95Delay: -reward,
  direct: 0.25,
  served: 0.5,
  augmented: 0.25,
  called: 0.25,
  wrongPerRequest: 0.125,
  wrongPerHit: 0.25,
  callsPerRequest: 0.5,
  oracleQos: reward + 2,
  oracleReward: reward + 2,
  feasibleQos: reward + 1.5,
  impossible: 0,
});

const record = (id: string, kind: string, params: object, result: unknown): JobRecord => ({
  id,
  kind,
  params,
  key: "",
  commit: "0a1b2c3",
  seconds: 1,
  result,
});

const TESTS = ["similar-nearest", "similar-all", "new-nearest", "new-all"] as const;

/** The same reward in every test and execution, a little more with the second seed. */
export function runs(experiment: string, algorithm: string, reward: number): JobRecord[] {
  return SEEDS.map((seed) => {
    const of = figures(reward + seed / 10);
    const result: RunResult = {
      curve: [300, 600, 900].map((requests) => ({
        requests,
        reward: reward - 300 / requests,
        satisfaction: -0.6,
        delay: 3,
        direct: 0.3,
      })),
      tests: Object.fromEntries(
        TESTS.flatMap((name) =>
          ["sampled", "mean-argmax", "zero-noise"].flatMap((execution) =>
            OMEGAS.map((omega) => [testKey(name, execution, omega), of] as const),
          ),
        ),
      ),
      entries: [100, 300],
      parameters: 10,
      greedyDirect: [0.5, 0.4, 0.3],
      demonstrations: 0,
      trainingSeconds: 1,
    };
    const name = experiment.startsWith("ablation-")
      ? `${experiment}-${seed}`
      : `${experiment}-${algorithm.toLowerCase()}-${seed}`;
    return record(name, "run", { algorithm, seed }, result);
  });
}

export const productRows = (): JobRecord[] =>
  SEEDS.flatMap((seed) =>
    (["DLRS", "LRS", "fixed-rule", "always-model", "feasible-oracle"] as const).map(
      (algorithm, i) => {
        const utility = -0.5 + i / 100;
        const row: ProductRow = {
          algorithm,
          world: "workload",
          seed,
          requests: 100,
          utility,
          wrong: 1,
          wrongPerRequest: 0.01,
          wrongUpper95: 0.05,
          hits: algorithm === "always-model" ? 0 : 10,
          wrongPerHit: algorithm === "always-model" ? null : 0.1,
          servedShare: 0.4,
          allowedShare: 0.5,
          directShare: 0.6,
          meanDelaySeconds: 2,
          p95DelaySeconds: 5,
          regretInState: 0.01,
          families: { tea: [60, 60 * utility], milk: [40, 40 * utility] },
          training: null,
          threshold: null,
          cost: i < 2 ? { parameters: 10, decisionMs: 1 } : null,
        };
        return record(
          `product-workload-${algorithm.toLowerCase()}-${seed}`,
          "product",
          { algorithm, seed },
          row,
        );
      },
    ),
  );

const delay = { p50: 0.002, p95: 0.004, processor: 0.002 };

const vectors: readonly VectorCountRow[] = [1000, 10_000].map((count) => ({
  vectors: count,
  queries: 3,
  exact: delay,
  invertedFile: {
    lists: 128,
    buildSeconds: 1,
    buildProcessorSeconds: 1,
    searches: [{ probes: 8, delay, recall: 0.9 }],
  },
  simulatorIndex: null,
  bytes: { vectors: 3072 * count, invertedFile: 400_000, formula: 400_000, process: 0 },
}));

const overhead: OverheadResult = {
  decisions: ["LRS", "DLRS-V10", "DLRS-L10"].map((algorithm) => ({
    algorithm,
    chains: 1,
    runtime: "onnxruntime-node",
    network: delay,
    paper: delay,
    product: delay,
  })),
  steps: [
    {
      algorithm: "DLRS-L10",
      samples: 60,
      demonstrations: 20,
      threads: 1,
      step: delay,
      stateBytes: 7_000_000,
      roundBytes: 1,
    },
  ],
  memory: { peakBytes: 5e8, startBytes: 1e8 },
  transfer: {
    experienceBytes: [{ chains: 1, bytes: 1800 }],
    outcomeBytes: 60,
    updateBytes: 2_500_000,
    servers: 3,
    slotSeconds: 10,
    samplesPerAgent: 300,
    experiencesKBps: 0.5,
    weightsKBps: 2.5,
  },
};

const HEADLINE = { "DLRS-L10": -10, "DLRS-V10": -11, LRS: -12, "Greedy-0.1": -13, oracle: -8 };

export const madeUpResults = (): readonly JobRecord[] => [
  ...Object.entries(HEADLINE).flatMap(([name, reward]) => runs("headline", name, reward)),
  ...["servers-2", "servers-3", "omega", "size-1500", "size-4500", "size-4500-wide"].flatMap(
    (name) => ["DLRS-L10", "LRS"].flatMap((algorithm) => runs(name, algorithm, -10)),
  ),
  ...runs("model-qwen-72b", "DLRS-L10", -14),
  ...runs("ablation-gamma-0", "DLRS-L10", -9),
  record(
    "grid-000",
    "grid",
    { seed: 1 },
    {
      world: PAPER_WORLD,
      algorithms: Object.fromEntries(
        ["DLRS-L10", "LRS", "Greedy-0.1", "Greedy-0.3", "Greedy-0.5", "Greedy-LLM"].map(
          (name, i) => [
            name,
            {
              tests: Object.fromEntries(
                TESTS.map((of) => [testKey(of, "sampled"), figures(-10 - i)]),
              ),
            },
          ],
        ),
      ),
    },
  ),
  ...productRows(),
  record("similarity", "similarity", { seed: 1 }, similarity()),
  record("vector-count", "vector-count", { seed: 1 }, vectors),
  record("overhead", "overhead", { seed: 1 }, overhead),
];

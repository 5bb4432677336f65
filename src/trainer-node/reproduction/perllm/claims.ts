// What the paper claims, as statements about one seed's figures: a number and the direction in which it must lie. Written
// before the first run. A claim about all seeds is the mean of that number with Student's interval.
import { meanOf } from "../../intervals.ts";
import { around, type Claim, greater, less, SUCCESS_BAND } from "./claim.ts";
import { type Figures, type SeedView, type Where } from "./figures.ts";
import { OWN_CLAIMS } from "./own-claims.ts";
import {
  PERLLM_NAME,
  PUBLISHED_SAVING,
  PUBLISHED_SUCCESS,
  PUBLISHED_THROUGHPUT,
  RIVALS,
} from "./published.ts";
import { EDGE_MODEL_NAMES, type EdgeModel, LOADS, NETWORK_NAMES } from "./settings.ts";

/** A published ratio of throughputs is met within that share. */
const RATIO_BAND = 0.15;

const METHODS = [...RIVALS, PERLLM_NAME] as const;
type Metric = "success" | "seconds" | "tokensPerSecond" | "joules" | "regret";

/** Of both networks, as the paper's table. */
const overNetworks = (
  seed: SeedView,
  algorithm: string,
  metric: Metric,
  where: Where = {},
): number =>
  meanOf(NETWORK_NAMES.map((network) => seed.figures(algorithm, { ...where, network })[metric]));

/** Of all models and both networks. */
const overAll = (seed: SeedView, algorithm: string, metric: Metric): number =>
  meanOf(EDGE_MODEL_NAMES.map((model) => overNetworks(seed, algorithm, metric, { model })));

/** Smallest step of a sequence: above 0 exactly when it rises throughout. */
const leastStep = (values: readonly number[]): number =>
  Math.min(...values.slice(1).map((value, i) => value - values[i]!));

/** How much less than the best rival, in `metric`; positive where PerLLM's is the least. */
const leadBelow = (figuresOf: (algorithm: string) => Figures, metric: Metric): number =>
  Math.min(...RIVALS.map((rival) => figuresOf(rival)[metric])) - figuresOf(PERLLM_NAME)[metric];

const saving = (seed: SeedView, rival: string): number =>
  1 - overAll(seed, PERLLM_NAME, "joules") / overAll(seed, rival, "joules");

const models = (claimOf: (model: EdgeModel) => readonly Claim[]): readonly Claim[] =>
  EDGE_MODEL_NAMES.flatMap(claimOf);

export const CLAIMS: readonly Claim[] = [
  // --- shapes
  ...models((model) => [
    {
      id: `S1 ${model}`,
      claim: `Success: FineInfer < AGOD < RewardlessGuidance < PerLLM (${model}, smallest step)`,
      source: "success table",
      published: METHODS.map((method) => PUBLISHED_SUCCESS[model][method]).join(", "),
      expectation: greater(),
      unit: "points",
      inGrid: false,
      value: (seed) =>
        leastStep(METHODS.map((method) => overNetworks(seed, method, "success", { model }))),
    },
  ]),
  {
    id: "S2",
    claim: "PerLLM satisfies more deadlines than every rival (against the best)",
    source: "success table",
    published: "97 to 99 % against 58 to 77 %",
    expectation: greater(),
    unit: "points",
    inGrid: true,
    value: (seed) =>
      seed.figures(PERLLM_NAME).success -
      Math.max(...RIVALS.map((rival) => seed.figures(rival).success)),
  },
  ...NETWORK_NAMES.map((network): Claim => ({
    id: `S3 ${network}`,
    claim: `PerLLM has the shortest processing time for every edge model (${network} bandwidth, smallest lead)`,
    source: "processing times",
    published: "shortest",
    expectation: greater(),
    unit: "seconds",
    inGrid: false,
    value: (seed) =>
      Math.min(
        ...EDGE_MODEL_NAMES.map((model) =>
          leadBelow((name) => seed.figures(name, { model, network }), "seconds"),
        ),
      ),
  })),
  {
    id: "S4",
    claim: "PerLLM has the shortest processing time (lead over the best rival)",
    source: "processing times",
    published: "shortest",
    expectation: greater(),
    unit: "seconds",
    inGrid: true,
    value: (seed) => leadBelow((name) => seed.figures(name), "seconds"),
  },
  {
    id: "S5",
    claim: "PerLLM needs the least energy per request (lead over the best rival)",
    source: "energy",
    published: "least",
    expectation: greater(),
    unit: "joules",
    inGrid: true,
    value: (seed) => leadBelow((name) => seed.figures(name), "joules"),
  },
  {
    id: "S6",
    claim: "PerLLM has the highest throughput (over the best rival's)",
    source: "abstract",
    published: "1.6",
    expectation: greater(1),
    unit: "ratio",
    inGrid: true,
    value: (seed) =>
      seed.figures(PERLLM_NAME).tokensPerSecond /
      Math.max(...RIVALS.map((rival) => seed.figures(rival).tokensPerSecond)),
  },
  ...NETWORK_NAMES.flatMap((network): readonly Claim[] => [
    {
      id: `S7 ${network}`,
      claim: `PerLLM has the shortest processing time at every number of services (${network} bandwidth, smallest lead)`,
      source: "Fig. 2, Fig. 4",
      published: "shortest",
      expectation: greater(),
      unit: "seconds",
      inGrid: false,
      value: (seed) =>
        Math.min(
          ...LOADS.map((users) =>
            leadBelow((name) => seed.figures(name, { users, network }), "seconds"),
          ),
        ),
    },
    {
      id: `S8 ${network}`,
      claim: `PerLLM needs the least energy per request at every number of services (${network} bandwidth, smallest lead)`,
      source: "Fig. 2, Fig. 4",
      published: "least",
      expectation: greater(),
      unit: "joules",
      inGrid: false,
      value: (seed) =>
        Math.min(
          ...LOADS.map((users) =>
            leadBelow((name) => seed.figures(name, { users, network }), "joules"),
          ),
        ),
    },
  ]),
  {
    id: "S9",
    claim: "Processing time grows with the number of services, for every method (smallest step)",
    source: "Fig. 2, Fig. 4",
    published: "grows",
    expectation: greater(),
    unit: "seconds",
    inGrid: false,
    value: (seed) =>
      Math.min(
        ...METHODS.map((method) =>
          leastStep(LOADS.map((users) => seed.figures(method, { users }).seconds)),
        ),
      ),
  },

  // --- numbers
  ...models((model) =>
    METHODS.map((method) => ({
      id: `N1 ${model} ${method}`,
      claim: `Success of ${method} with ${model}, within 5 points`,
      source: "success table",
      published: `${PUBLISHED_SUCCESS[model][method]} %`,
      expectation: around(PUBLISHED_SUCCESS[model][method] / 100, SUCCESS_BAND),
      unit: "percent",
      inGrid: false,
      value: (seed) => overNetworks(seed, method, "success", { model }),
    })),
  ),
  ...RIVALS.flatMap((rival): readonly Claim[] => [
    {
      id: `N2 ${rival}`,
      claim: `PerLLM's throughput over ${rival}'s, within 15 %`,
      source: "abstract",
      published: String(PUBLISHED_THROUGHPUT[rival]),
      expectation: around(PUBLISHED_THROUGHPUT[rival], RATIO_BAND * PUBLISHED_THROUGHPUT[rival]),
      unit: "ratio",
      inGrid: false,
      value: (seed) =>
        overAll(seed, PERLLM_NAME, "tokensPerSecond") / overAll(seed, rival, "tokensPerSecond"),
    },
    {
      id: `N3 ${rival}`,
      claim: `PerLLM needs less than half of ${rival}'s energy`,
      source: "abstract",
      published: "more than 50 % less",
      expectation: greater(PUBLISHED_SAVING),
      unit: "percent",
      inGrid: false,
      value: (seed) => saving(seed, rival),
    },
  ]),
  ...NETWORK_NAMES.map((network): Claim => ({
    id: `N4 ${network}`,
    claim: `PerLLM satisfies at least 97 % of the deadlines with every edge model (${network} bandwidth, the worst)`,
    source: "success table",
    published: "97 to 99 %",
    expectation: greater(0.97),
    unit: "percent",
    inGrid: false,
    value: (seed) =>
      Math.min(
        ...EDGE_MODEL_NAMES.map((model) => seed.figures(PERLLM_NAME, { model, network }).success),
      ),
  })),
  {
    id: "N5",
    claim: "No rival satisfies more than 77 % of the deadlines (the best of the table)",
    source: "success table",
    published: "77 %",
    expectation: less(0.77 + SUCCESS_BAND),
    unit: "percent",
    inGrid: false,
    value: (seed) =>
      Math.max(
        ...EDGE_MODEL_NAMES.flatMap((model) =>
          RIVALS.map((rival) => overNetworks(seed, rival, "success", { model })),
        ),
      ),
  },

  ...OWN_CLAIMS,
];

// Every setting of the reproduction of PerLLM (arXiv 2405.14636), fixed before the first run. What the paper says is taken;
// what it leaves open is what its own table, throughput and processing times imply together, or an assumption that is named.

/** Raised when an experiment computes something else from the same parameters: stored results of before do not count. */
export const REVISION = 1;

/** The models that the paper deploys on its edges, one at a time, and the seconds of a mean answer in one slot (inferred). */
const EDGE_MODELS = {
  "Yi-6B": 1.33,
  "LLaMA2-7B": 1.28,
  "LLaMA3-8B": 1.36,
  "Yi-9B": 1.44,
} as const;
export type EdgeModel = keyof typeof EDGE_MODELS;
export const EDGE_MODEL_NAMES = Object.keys(EDGE_MODELS) as readonly EdgeModel[];

/**
 * The simulated world. `users` send one request each and the next one when it is answered, without a pause: only so are the
 * published success rates, times and throughputs consistent with each other (throughput ~ 1 / mean time, success ~ P(deadline
 * > time)); an open loop that overloads one pool would end at no success, not at 58 %.
 */
export interface WorldSettings {
  readonly users: number;
  readonly requests: number;
  /** Lognormal: mean in megabytes (10^6), sigma of the logarithm. */
  readonly payload: { readonly megabytes: number; readonly sigma: number };
  /** Prompt tokens of a mean payload; a request's are in proportion to its payload. */
  readonly promptTokens: number;
  /** Lognormal with mean 1 and this sigma: output length and inference time relative to their means. Not known beforehand. */
  readonly lengthSigma: number;
  /** Of a mean answer. Ratios of throughputs do not depend on it. */
  readonly outputTokens: number;
  readonly responseBytesPerToken: number;
  /** Seconds, uniform. */
  readonly deadline: readonly [from: number, to: number];
  readonly edge: PoolSettings;
  /** Inference seconds of each edge relative to the pool's; its length is the number of edges. */
  readonly edgeFactors: readonly number[];
  readonly cloud: PoolSettings;
  /** A link's rate is drawn anew every so many seconds, uniformly within this share around its mean. 0: stable. */
  readonly swing: { readonly share: number; readonly seconds: number };
  readonly drift: Drift;
  /** While a request is sent (both ways), and while it waits anywhere. */
  readonly watts: { readonly transmit: number; readonly wait: number };
}

/** One FIFO link and one FIFO queue in front of `slots` a server. */
export interface PoolSettings {
  readonly megabitsPerSecond: number;
  readonly slots: number;
  readonly seconds: number;
  /** Of a server with all slots busy; a request is charged its slot's part. */
  readonly activeWatts: number;
  /** Of a server, times the share of its slots that stand idle; in no headline figure. */
  readonly idleWatts: number;
}

/**
 * none: inference takes what schedulers are told. throttled: every `seconds` another server is `factor` times slower for that
 * long, in an order of the seed. misinformed: the edges differ by `factors` from what schedulers are told.
 */
export type Drift =
  | { readonly kind: "none" }
  | { readonly kind: "throttled"; readonly seconds: number; readonly factor: number }
  | { readonly kind: "misinformed"; readonly factors: readonly number[] };

/**
 * Five edges (Xeon 4214R) and one A100; 100 and 300 Mbps, 10,000 requests, deadlines U[2, 6] s (paper). 104 users, 1.3 MB, 8
 * and 48 slots, seconds and sigma 0.3: inferred from the published figures. Sigma of the payload, tokens, bytes of an answer and
 * how often a link's rate changes are assumptions; so are 30 W and 20 W.
 */
export const PAPER_WORLD: WorldSettings = {
  users: 104,
  requests: 10_000,
  payload: { megabytes: 1.3, sigma: 0.5 },
  promptTokens: 500,
  lengthSigma: 0.3,
  outputTokens: 100,
  responseBytesPerToken: 4,
  deadline: [2, 6],
  edge: {
    megabitsPerSecond: 100,
    slots: 8,
    seconds: EDGE_MODELS["Yi-6B"],
    activeWatts: 100,
    idleWatts: 0,
  },
  edgeFactors: [1, 1, 1, 1, 1],
  cloud: { megabitsPerSecond: 300, slots: 48, seconds: 0.75, activeWatts: 250, idleWatts: 0 },
  swing: { share: 0, seconds: 1 },
  drift: { kind: "none" },
  watts: { transmit: 30, wait: 20 },
};

export const worldWith = (
  model: EdgeModel,
  rest: Partial<WorldSettings> = {},
  base: WorldSettings = PAPER_WORLD,
): WorldSettings => ({
  ...base,
  edge: { ...base.edge, seconds: EDGE_MODELS[model] },
  ...rest,
});

/** The paper's two networks. */
const NETWORKS = { stable: 0, fluctuating: 0.2 } as const;
export type Network = keyof typeof NETWORKS;
export const NETWORK_NAMES = Object.keys(NETWORKS) as readonly Network[];
export const swingOf = (network: Network): WorldSettings["swing"] => ({
  ...PAPER_WORLD.swing,
  share: NETWORKS[network],
});

/** Joules of a request with a reward of -1: about that of an edge on which nothing waits. */
export const REFERENCE_JOULES = 20;
/** PerLLM's parameters (5 % safety margin, discounted counts). */
export const PERLLM = {
  slackWeight: 1,
  exploration: 0.3,
  penalty: 1,
  margin: 0.05,
  discount: 0.995,
} as const;
/**
 * What its constraints C2 and C3 count. A server has as many places to wait as slots; a link is used by what is to be sent
 * until the deadline. The classes are four of deadlines and three of prompt lengths, about as many requests in each.
 */
export const CAPACITY = { placesPerSlot: 2 } as const;
export const CLASS_EDGES = { deadline: [3, 4, 5], prompt: [350, 550] } as const;
/** Weight of the newest measurement in what schedulers that measure know of inference times and link rates. */
export const PREDICTOR_WEIGHT = 0.1;

/**
 * Proxies. FineInfer defers each request by U[0, deferSeconds]; its own rule holds requests at an idle cloud until `gateBatch`
 * wait or the oldest waited `gateSeconds`. AGOD: softmax with this temperature over the edges' expected times as they were
 * up to a second ago. RewardlessGuidance: the same over its edges with the state of a second ago, the cloud for the rest.
 */
export const BASELINES = {
  fineInfer: { deferSeconds: 0.6, gateSeconds: 1, gateBatch: 8 },
  agod: { temperatureSeconds: 0.6, refreshSeconds: 1 },
  rewardlessGuidance: { edgeShare: 0.8, temperatureSeconds: 0.6, ageSeconds: 1 },
} as const;

/**
 * RewardlessGuidance as it is specified: rg = 1 / L + P for what is answered within `limitSeconds`, P the published accuracies,
 * plans by the cross-entropy method, curiosity by the disagreement of an ensemble. Sizes are ours.
 */
export const PLANNING = {
  limitSeconds: 6,
  accuracy: { edge: 0.189, cloud: 0.116 },
  horizon: 5,
  plans: 24,
  iterations: 3,
  elite: 6,
  leastShare: 0.02,
  members: 5,
  memberShare: 0.6,
  /** Answers between two fits of the ensemble. */
  episode: 200,
  ridge: 0.1,
  leastSeconds: 0.2,
} as const;

/**
 * AGOD as it is specified (D2SAC): five denoising steps of the VP schedule, two critics, entropy 0.05, gamma 0.95. Batch,
 * learning rate, target rate and widths are ours, smaller networks learning faster than the published ones. Reward: 1 - L /
 * limit, one less for what takes longer than the limit.
 */
export const D2SAC = {
  limitSeconds: 6,
  steps: 5,
  schedule: { kind: "vp", min: 0.1, max: 10 },
  hidden: 48,
  entropy: 0.05,
  gamma: 0.95,
  learningRate: 1e-3,
  targetRate: 0.01,
  batch: 32,
  memory: 4000,
  /** Answers before the first update, and between two of them. */
  warmUp: 200,
  updateEvery: 4,
} as const;

/** Services at a time. The paper's figures over the number of services name no values that can be read off exactly. */
export const LOADS = [26, 52, 78, 104, 130, 156, 208] as const;
/** Parts of a run at which its figures so far are kept: services in all. */
export const CHECKPOINTS = 10;

/** Worlds in which what schedulers are told is wrong, or changes. */
export const DRIFTS: Readonly<Record<string, Partial<WorldSettings>>> = {
  throttled: { drift: { kind: "throttled", seconds: 30, factor: 3 } },
  misinformed: { drift: { kind: "misinformed", factors: [0.5, 0.7, 1, 1.6, 2.4] } },
  "throttled-fluctuating": {
    drift: { kind: "throttled", seconds: 30, factor: 3 },
    swing: swingOf("fluctuating"),
  },
  "idle-power": {
    edge: { ...PAPER_WORLD.edge, idleWatts: 30 },
    cloud: { ...PAPER_WORLD.cloud, idleWatts: 60 },
  },
};

/** How much is done. `quick` runs the same code in seconds and decides little. */
export interface Scale {
  readonly name: "full" | "quick";
  readonly requests: number;
  /** Of the paper's four models and two networks. */
  readonly seeds: readonly number[];
  readonly sweepSeeds: readonly number[];
  readonly gridRequests: number;
  /** On which the AGOD of its authors is trained, before it is frozen. */
  readonly trainingRequests: number;
  /** Every how many-th setting of the grid. */
  readonly gridStride: number;
}

export const FULL: Scale = {
  name: "full",
  requests: PAPER_WORLD.requests,
  seeds: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10],
  sweepSeeds: [1, 2, 3, 4, 5],
  gridRequests: 5000,
  trainingRequests: 20_000,
  gridStride: 1,
};

export const QUICK: Scale = {
  name: "quick",
  requests: 1500,
  seeds: [1, 2],
  sweepSeeds: [1, 2],
  gridRequests: 1000,
  trainingRequests: 1000,
  gridStride: 7,
};

/** 72 settings around the paper's: every combination. */
const GRID = {
  users: [52, 78, 104, 156],
  pools: [
    { edge: 8, cloud: 48 },
    { edge: 8, cloud: 16 },
    { edge: 16, cloud: 48 },
  ],
  megabytes: [0.65, 1.3, 2.6],
  edgeFactors: [PAPER_WORLD.edgeFactors, [0.6, 0.8, 1, 1.2, 1.4]],
} as const;

export function gridWorlds(): readonly WorldSettings[] {
  const worlds: WorldSettings[] = [];
  for (const users of GRID.users)
    for (const pools of GRID.pools)
      for (const megabytes of GRID.megabytes)
        for (const edgeFactors of GRID.edgeFactors)
          worlds.push({
            ...PAPER_WORLD,
            users,
            edge: { ...PAPER_WORLD.edge, slots: pools.edge },
            cloud: { ...PAPER_WORLD.cloud, slots: pools.cloud },
            payload: { ...PAPER_WORLD.payload, megabytes },
            edgeFactors,
          });
  return worlds;
}

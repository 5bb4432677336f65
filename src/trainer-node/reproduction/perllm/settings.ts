// Every setting of the reproduction of PerLLM (arXiv 2405.14636), fixed before the first run. What the paper says is taken;
// what it leaves open is what its own table, throughput and processing times imply together, or an assumption that is named.

/** Raised when an experiment computes something else from the same parameters: stored results of before do not count. */
export const REVISION = 2;

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
  /**
   * Schedulers that know of each other only what the servers' state shows, taken at most `ageSeconds` ago, to which each adds
   * what it sent and got answered since. One and 0: everything is known at once.
   */
  readonly gateways: { readonly count: number; readonly ageSeconds: number };
  /**
   * What was measured of a server's inference goes back by half in so many seconds without an answer to what is told, so that
   * it is tried again; it never does when left out.
   */
  readonly fadeSeconds?: number;
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
  /**
   * Inference seconds times base + perRequest x batch, the batch as it is when an inference begins; the same in any batch
   * when left out.
   */
  readonly batching?: { readonly base: number; readonly perRequest: number };
}

/**
 * What schedulers are not told. none: everything is as they are told.
 * throttled: every `seconds` another server is `factor` times slower for that long, in an order of the seed.
 * congested: the same of links, which then carry `share` of their rate.
 * hidden-wait: the same of servers, at which requests then wait `wait` seconds for others' work, which nobody sees or measures.
 * misinformed: the edges differ by `factors` from what is told.
 * wandering: inference of each server takes exp(x) times as long, x normal with `sigma`, drawn anew every `seconds` with this
 * correlation to the one before (AR(1)).
 * prompt-bound: inference of an edge is in proportion to the prompt, the mean as told; the cloud's is not.
 */
export type Drift =
  | { readonly kind: "none" }
  | { readonly kind: "throttled"; readonly seconds: number; readonly factor: number }
  | { readonly kind: "congested"; readonly seconds: number; readonly share: number }
  | { readonly kind: "hidden-wait"; readonly seconds: number; readonly wait: number }
  | { readonly kind: "misinformed"; readonly factors: readonly number[] }
  | {
      readonly kind: "wandering";
      readonly seconds: number;
      readonly sigma: number;
      readonly correlation: number;
    }
  | { readonly kind: "prompt-bound" };

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
  gateways: { count: 1, ageSeconds: 0 },
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
/** Between two decisions of a scheduler that gathers requests and orders them. */
export const SLOT_SECONDS = 0.1;
/** The product's CS-UCB tries again what it has not tried for long: a count is taken for at least this. */
export const RETRY_COUNT = 0.1;
/** Half-life of measurements in the worlds that were added when the others' figures had been seen: the period of THROTTLED. */
export const FADE_SECONDS = 30;
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
 * FineInfer as it is specified: its gate in front of a cloud whose iterations grow with the batch; the usual seconds hold in
 * a batch of half its slots, half of them whatever the batch. An assumption.
 */
export const BATCHING = { base: 0.5, perRequest: 0.5 / 24 } as const;

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

/** How much is done. `quick` runs the same code in seconds and decides little. */
export interface Scale {
  readonly name: "full" | "quick";
  readonly requests: number;
  /** Of the paper's four models and two networks. */
  readonly seeds: readonly number[];
  readonly sweepSeeds: readonly number[];
  /** Of worlds with a drift: small differences are looked for there. */
  readonly driftSeeds: readonly number[];
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
  driftSeeds: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10],
  gridRequests: 5000,
  trainingRequests: 20_000,
  gridStride: 1,
};

export const QUICK: Scale = {
  name: "quick",
  requests: 1500,
  seeds: [1, 2],
  sweepSeeds: [1, 2],
  driftSeeds: [1, 2],
  gridRequests: 1000,
  trainingRequests: 1000,
  gridStride: 7,
};

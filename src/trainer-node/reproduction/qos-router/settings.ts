// Every setting of the study of QoS-aware routing (arXiv 2508.00234), fixed before anything is run. [C]: a fact of the authors'
// published code, which is older than the paper; the others are assumptions that are named. Nothing here is tuned to results but
// `PRICED_RULE`, which was added after the others had been seen and is fitted to requests of its own. The length of trainings and
// runs was cut once, after trainings had begun and before one had ended.

/** Raised when an experiment computes something else from the same parameters: stored results of before do not count. */
export const REVISION = 1;

/** Seconds of one iteration of a server: tau0 + tau1 * running + k2 * context tokens + k1 * prompt tokens read in it. */
export interface Pace {
  readonly tau0: number;
  readonly tau1: number;
  readonly k1: number;
  readonly k2: number;
}

/** [C]: k1 between 6.8e-5 and 7.2e-5, k2 = 2.5e-5. tau0 and tau1 are assumptions. */
export const PAPER_PACE: Pace = { tau0: 0.012, tau1: 0.00015, k1: 7e-5, k2: 2.5e-5 };

/**
 * What the memory of a card allows: a model of 7 billion parameters keeps 0.5 MB a context token, and at 0.9 TB/s reading
 * it takes 0.6 microseconds, 40 times less than [C]. For long prompts, which the pace above cannot serve in time at all.
 */
export const BANDWIDTH_PACE: Pace = { tau0: 0.016, tau1: 0.00015, k1: 7e-5, k2: 6e-7 };

/** One model on cards of its own. */
export interface ExpertSettings {
  readonly name: string;
  readonly gpus: number;
  /** Multiplies all times. */
  readonly slowness: number;
  /** Tokens whose keys and values fit into memory. */
  readonly kvTokens: number;
  /** Requests that are computed at a time. */
  readonly maxRunning: number;
  /** Mean score over all topics. */
  readonly skill: number;
  /** Factor on the length of answers. */
  readonly verbosity: number;
}

/** Prompt tokens that one iteration reads at most, unless a single prompt has more. */
export const MAX_PREFILL_TOKENS = 4096;

/** Share of the memory that stays free when a request is let in beside others. */
export const KV_WATERMARK = 0.01;

/**
 * The first six are the models of [C], each on one GPU; speeds, memory, skill and verbosity are assumptions. A fleet of n has
 * the first n.
 */
export const EXPERTS: readonly ExpertSettings[] = [
  expert("alpaca-7b", 1, 1, 12_000, 0.62, 0.8),
  expert("chatglm-6b", 1, 0.85, 14_000, 0.58, 1.2),
  expert("mpt-7b-instruct", 1, 1.1, 8_000, 0.66, 0.7),
  expert("koala-7b", 1, 1, 12_000, 0.6, 1.4),
  expert("baize-7b", 1, 1.05, 10_000, 0.64, 1.1),
  expert("mpt-7b", 1, 1.1, 8_000, 0.5, 1.5),
  expert("large-13b", 2, 1.3, 16_000, 0.74, 1.1),
  expert("small-3b", 1, 0.55, 24_000, 0.48, 0.9),
];

function expert(
  name: string,
  gpus: number,
  slowness: number,
  kvTokens: number,
  skill: number,
  verbosity: number,
): ExpertSettings {
  return { name, gpus, slowness, kvTokens, maxRunning: 64, skill, verbosity };
}

/** Highest seconds per output token, arrival to finish, at which a request counts [C]. */
export const LATENCY_LIMIT = 0.03;

/** Tokens of prompts and answers: lognormal, cut at `most`. Assumptions, of the size of an instruction data set's. */
export const LENGTHS = {
  prompt: { median: 55, sigma: 0.8, most: 512 },
  output: { median: 95, sigma: 0.7, most: 512 },
  /** Standard deviation of ln(length) between the experts' answers to one request. */
  expertSigma: 0.25,
} as const;

/** Scores: skill + affinity of expert and topic - difficulty + luck, within [0, 1]. Standard deviations; assumptions. */
export const QUALITY = {
  topics: 8,
  affinitySigma: 0.12,
  difficultySigma: 0.1,
  luckSigma: 0.08,
  /** Size of a request's text features, a noisy picture of its topic. */
  features: 8,
  featureSigma: 0.3,
} as const;

/** What a predictor knows: the topic's mean score with this error, and the length with this error of its logarithm. */
export const PREDICTION = { scoreSigma: 0.03, lengthSigma: 0.35 } as const;

/** Bursts: exponential periods of both kinds; the mean rate stays what was asked for. */
export const BURSTS = { factor: 3, quietSeconds: 40, burstSeconds: 10 } as const;

/** Requests per second of Poisson arrivals at a fleet of three; other fleets get n / 3 of it. 3 in [C]. */
export const RATES = [1, 2, 3, 4, 5, 6] as const;
export const USUAL_RATE = 3;
/** Of `RATES`: requests are rarely late, some are late whoever routes, more come than can be served in time. */
export const LOADS = { low: 1, medium: USUAL_RATE, high: 5 } as const;
export type Load = keyof typeof LOADS;
export const LOAD_NAMES = Object.keys(LOADS) as readonly Load[];
export const FLEET_SIZES = [3, 4, 5, 6, 8] as const;
export const USUAL_FLEET = 3;

/** r = QoS of what finished since the last decision - kappa * impact - eta * [drop] * best predicted score. */
export const REWARD = { kappa: 1, etaPaper: 0, etaProduct: 0.2 } as const;

/** A rule that prices what a request adds to the work of those that run beside it. */
export interface PricedRule {
  /** QoS for 100 predicted tokens beside 10 running requests. */
  readonly workPrice: number;
  /** Of the latency limit: later than that counts as late. */
  readonly limitShare: number;
}

/** What `npm run reproduce -- qos-router --fit` finds: seeds of its own, arrivals and rates those of trainings. */
export const PRICED_RULE: PricedRule = { workPrice: 1, limitShare: 0.95 };

/** What is tried for it, on which requests. Runs have seeds 1 to 5, trainings other streams. */
export const PRICED_RULE_FIT = {
  workPrices: [0.6, 0.8, 1, 1.2, 1.4, 1.6],
  limitShares: [0.9, 0.925, 0.95, 0.975, 1],
  seeds: [101, 102, 103, 104, 105, 106, 107, 108],
  requests: 2000,
} as const;

/** Nodes and features of the graph. `own`: of our router, which puts what belongs to request and expert on the expert. */
export const GRAPH = {
  /** [C] */
  code: { arrivedPerExpert: 3, expert: 3, request: 6, running: 10, waiting: 10 },
  own: { expert: 10, request: 6, running: 16, waiting: 16, textFeatures: 16 },
  layers: 2,
  hidden: 64,
  heads: 8,
} as const;

/** Soft actor-critic of the code, all [C] but `learningRates[1]`. What is done here is in `TRAINING`. */
export const SAC = {
  hidden: [64, 64],
  critics: 2,
  randomSteps: 25_000,
  updatesPerStep: 1,
  buffer: 100_000,
  batch: 256,
  learningRates: [3e-5, 3e-4],
  temperatureRate: 3e-4,
  gamma: 0.99,
  polyak: 0.995,
  /** Share of ln(N + 1). */
  targetEntropy: 0.5,
} as const;

/**
 * What a training is here: a twenty-fifth of the code's decisions, about 14 minutes of a busy core. The rest follows from that,
 * and from trials of at most 20 s with the flat network: with the code's discount and 3e-5 nothing is learnt in so few
 * updates, and with half of the highest entropy the policy stays close to chance.
 */
export const TRAINING = {
  /** In turn, an episode each; arrivals are Poisson. Other rates, bursts and traces are met in tests alone. */
  rates: [2, 3, 4, 5],
  experts: USUAL_FLEET,
  episodeRequests: 500,
  updatesPerDecision: 0.5,
  batch: 64,
  buffer: 50_000,
  /** From the first to the last decision, in a straight line. */
  learningRate: [1e-3, 1e-4],
  temperatureRate: 1e-3,
  gamma: 0.95,
  polyak: 0.995,
  targetEntropy: 0.15,
  /** Requests of an expert with a node of their own, running and waiting each. */
  mostRequests: 8,
} as const;

/** How much is done. `quick` runs the same code in minutes and decides little. */
export interface Scale {
  readonly name: "full" | "quick";
  /** Requests of a run; 5,000 in [C]. */
  readonly requests: number;
  readonly gridRequests: number;
  /** Decisions of a training; a million in [C]. */
  readonly trainingSteps: number;
  /** Those at random, before the first update; 25,000 in [C]. */
  readonly randomSteps: number;
  /** Of runs. Each network is trained once, two of them twice. */
  readonly seeds: readonly number[];
  /** Every how many-th setting of the grid. */
  readonly gridStride: number;
}

export const FULL: Scale = {
  name: "full",
  requests: 2000,
  gridRequests: 600,
  trainingSteps: 40_000,
  randomSteps: 3000,
  seeds: [1, 2, 3, 4, 5],
  gridStride: 1,
};

export const QUICK: Scale = {
  name: "quick",
  requests: 300,
  gridRequests: 200,
  trainingSteps: 1000,
  randomSteps: 400,
  seeds: [1, 2],
  gridStride: 12,
};

export interface GridSetting {
  readonly rate: number;
  readonly experts: number;
  readonly arrivals: "poisson" | "bursty";
  readonly latencyLimit: number;
}

/** 72 settings around the usual one: every combination. Rates are those of a fleet of three. */
export function gridSettings(): readonly GridSetting[] {
  const settings: GridSetting[] = [];
  for (const rate of RATES)
    for (const experts of [3, 5, 8])
      for (const arrivals of ["poisson", "bursty"] as const)
        for (const latencyLimit of [LATENCY_LIMIT, 0.05])
          settings.push({ rate, experts, arrivals, latencyLimit });
  return settings;
}

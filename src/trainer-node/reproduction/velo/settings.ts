// Every setting of the reproduction of VELO / DLRS, fixed before the run that is reported. What the paper says is taken, what it
// leaves open is set to what its tables imply or to an assumption that is named.

/** Raised when an experiment computes something else from the same parameters: stored results of before do not count. */
export const REVISION = 1;

/** The simulated world. Distances are L2 of unit vectors, delays seconds, qualities the paper's q in [-2, 0]. */
export interface WorldSettings {
  /** N: edge servers, each with one agent and one database. */
  readonly servers: number;
  /** Questions (topics) asked in training: two thirds of the training samples, whose other third are repetitions. */
  readonly topics: number;
  /** Topics that nobody asks in training; `prefill` of them are in every database from the start. */
  readonly strangers: number;
  readonly prefill: number;
  /** Popularity of the k-th topic is k^-zipf. */
  readonly zipf: number;
  readonly homeShare: number;
  readonly translationShare: number;
  /** Hidden distance beyond which a topic's stored answer is wrong: N(mean, sigma), a share of it told by the embedding. */
  readonly sensitivityMean: number;
  readonly sensitivitySigma: number;
  readonly learnableShare: number;
  /** Mean q of a right and a wrong stored answer, of a direct call, of a call with relevant and with irrelevant notes. */
  readonly quality: {
    readonly right: number;
    readonly wrong: number;
    readonly direct: number;
    readonly helped: number;
    readonly misled: number;
  };
  /** Medians. */
  readonly hitSeconds: number;
  readonly modelSeconds: number;
  /** Mean seconds that notes in the prompt add. */
  readonly notesSeconds: number;
  /** Every call under way slows the others by this share. */
  readonly congestion: number;
  /** Notes help where one would have been a right answer, or already where one is about the same topic. */
  readonly notesHelp: "right" | "topic";
  /** A slot: every server gets one request. */
  readonly slotSeconds: number;
  /** tau_A: a question row within it is served, a farther one becomes notes. */
  readonly serveDistance: number;
  readonly eviction: "literal" | "watermark" | "none";
  /** v of the first rows. The paper only says that it is negative. */
  readonly firstValue: number;
  /** Rows per server that the watermark rule lets be. */
  readonly capacity: number;
}

/**
 * The paper's: three desktops, 3000 samples, Qwen-7B with 7.7 s a direct call and 11.5 s with notes (Table III), tau_A as its
 * Tables III and VI imply it, literal eviction. Qualities, sensitivities and congestion are assumptions. Literal eviction
 * drops whatever lies below the mean; where the pairs that every database begins with are worth -0.5 or less, they are gone by
 * the end, and Greedy-0.3 would call the model for every new request. In Table VI it does so for 0.65 of them, so theirs
 * survived.
 */
export const PAPER_WORLD: WorldSettings = {
  servers: 3,
  topics: 2000,
  strangers: 500,
  prefill: 300,
  zipf: 1,
  homeShare: 0.7,
  translationShare: 0.25,
  sensitivityMean: 0.55,
  sensitivitySigma: 0.15,
  learnableShare: 0.5,
  quality: { right: -0.5, wrong: -1.2, direct: -0.54, helped: -0.25, misled: -0.62 },
  hitSeconds: 0.06,
  modelSeconds: 7.7,
  notesSeconds: 3.7,
  congestion: 0.15,
  notesHelp: "topic",
  slotSeconds: 10,
  serveDistance: 0.6,
  eviction: "literal",
  firstValue: -0.05,
  capacity: 2000,
};

/** Test requests near topics that were never asked: quantiles of their distance, as the shares of A and C in Table VI imply. */
export const NEW_REQUEST_KNOTS: readonly (readonly [share: number, distance: number])[] = [
  [0, 0],
  [0.1, 0.15],
  [0.35, 0.3],
  [0.74, 0.6],
  [1, 1],
];

/** omega = phi2 / phi1 of all experiments but the sweep, phi3 and the scale of rewards (paper Tables V and VI). */
export const OMEGA = 0.1;
export const PHI3 = 0.6;
export const REWARD_SCALE = 10;
/** The paper's figures name no values. */
export const OMEGAS = [0.01, 0.05, 0.1, 0.2, 0.5] as const;

/** Table V. Direct delay and quality of these models are assumptions: the paper gives only what DLRS makes of them. */
export const MODELS = [
  { name: "Qwen-72B", modelSeconds: 9, direct: -0.52, helped: -0.25 },
  { name: "DeepSeek-q", modelSeconds: 20, direct: -0.45, helped: -0.22 },
  { name: "DeepSeek-d", modelSeconds: 6, direct: -0.6, helped: -0.3 },
  { name: "GPT-3.5", modelSeconds: 1.3, direct: -0.5, helped: -0.25 },
] as const;

export const SERVER_COUNTS = [1, 2, 3, 4, 5, 6] as const;
/** Samples and the topics they come to. */
export const TRAINING_SIZES = [1500, 3000, 4500, 6000] as const;
/** Table IV has the wider network for these. */
export const WIDE_SIZES = [4500, 6000] as const;

/** Rounds between two points of a training curve. */
export const RECORDING_INTERVAL = 300;

/** Parameters of a learned algorithm's updates, by their names in the trainer's configuration. */
export interface Learning {
  readonly samplesPerAgent: number;
  readonly epochs: number;
  readonly minibatchSize: number;
  readonly maxAccesses: number;
  readonly demonstrations: number;
  /** Demonstrations beside each minibatch. */
  readonly demonstrationBatch: number;
}

/** How much is done. `quick` runs the same code in minutes and decides little. */
export interface Scale {
  readonly name: "full" | "quick";
  /** Updates of a training at the headline's settings; one follows every `samplesPerAgent` slots. */
  readonly updates: number;
  /** Updates of the trainings of sweeps and ablations. */
  readonly sweepUpdates: number;
  /** Updates that go on from the headline's weights in every setting of the grid. */
  readonly gridUpdates: number;
  readonly learning: Learning;
  /** What of it is less in the grid. */
  readonly gridLearning: Pick<Learning, "samplesPerAgent" | "demonstrations">;
  readonly seeds: readonly number[];
  readonly sweepSeeds: readonly number[];
  /** Requests of a frozen test, half as many of a setting of the grid. */
  readonly testRequests: number;
  readonly productSeeds: readonly number[];
  /** Of MAPPO behind imitation. */
  readonly productUpdates: number;
  /** Every how many-th setting of the grid. */
  readonly gridStride: number;
  readonly vectorCounts: readonly number[];
}

/**
 * 20 updates of 675 requests per server are the paper's 13,500 rounds, with its 50 accesses of the replay memory in each; a
 * test has its 500 requests. How many experiences an update waits for, and how many of them an access reads, the paper does
 * not say.
 */
export const FULL: Scale = {
  name: "full",
  updates: 20,
  sweepUpdates: 4,
  gridUpdates: 1,
  learning: {
    samplesPerAgent: 675,
    epochs: 2,
    minibatchSize: 60,
    maxAccesses: 50,
    demonstrations: 900,
    demonstrationBatch: 20,
  },
  gridLearning: { samplesPerAgent: 600, demonstrations: 300 },
  seeds: [1, 2, 3, 4, 5],
  sweepSeeds: [1, 2, 3],
  testRequests: 500,
  productSeeds: [1, 2, 3, 4, 5],
  productUpdates: 3,
  gridStride: 1,
  vectorCounts: [1_000, 10_000, 100_000, 300_000, 1_000_000],
};

export const QUICK: Scale = {
  name: "quick",
  updates: 2,
  sweepUpdates: 2,
  gridUpdates: 1,
  learning: {
    samplesPerAgent: 60,
    epochs: 2,
    minibatchSize: 60,
    maxAccesses: 6,
    demonstrations: 120,
    demonstrationBatch: 20,
  },
  gridLearning: { samplesPerAgent: 60, demonstrations: 60 },
  seeds: [1, 2],
  sweepSeeds: [1],
  testRequests: 80,
  productSeeds: [1],
  productUpdates: 1,
  gridStride: 27,
  vectorCounts: [1_000, 10_000],
};

/** 108 settings around the paper's: every combination. */
const GRID = {
  serveDistance: [0.4, 0.6, 0.8],
  wrongQuality: [-0.9, -1.2, -1.5],
  modelSeconds: [1.3, 7.7, 15],
  congestion: [0, 0.15],
  zipf: [0.7, 1.3],
} as const;

export function gridWorlds(): readonly WorldSettings[] {
  const worlds: WorldSettings[] = [];
  for (const serveDistance of GRID.serveDistance)
    for (const wrong of GRID.wrongQuality)
      for (const modelSeconds of GRID.modelSeconds)
        for (const congestion of GRID.congestion)
          for (const zipf of GRID.zipf) {
            const quality = { ...PAPER_WORLD.quality, wrong };
            worlds.push({ ...PAPER_WORLD, serveDistance, quality, modelSeconds, congestion, zipf });
          }
  return worlds;
}

// Every hyper-parameter of training in one list, with its default and meaning (DLRS Table II and section V; MAPPO
// practice: Yu et al. 2022; importance weights: Hilton et al. 2022, Espeholt et al. 2018).
import { DEFAULT_NETWORK, type NetworkConfig } from "../policy/network/layout.ts";

export interface TrainingConfig {
  readonly network: NetworkConfig;

  // --- a round of Algorithm 1
  /** l_min_m: new experiences of every agent before an update. */
  readonly samplesPerAgent: number;
  /** Passes over a round's samples; with `minibatches` at most 50 accesses of the replay memory. */
  readonly epochs: number;
  /** Samples of one gradient step. Static, because the graph is: what is left over in an epoch is dropped. */
  readonly minibatchSize: number;
  /** Gradient steps that one round's samples may be used for. */
  readonly maxAccesses: number;

  // --- returns
  /** 0: a decision is a contextual bandit; the insertion bonus then carries what a new row is worth later. */
  readonly gamma: number;
  readonly gaeLambda: number;
  /** V-trace's caps on pi_prox / mu, used when gamma > 0. */
  readonly vtraceRhoBar: number;
  readonly vtraceCBar: number;
  /** phi_ins: weight of the insertion bonus. */
  readonly insertionWeight: number;
  /** phi_3: penalty of a direct call in the paper's reward. */
  readonly directPenalty: number;
  /** Share of the team's mean in an agent's reward: 0 local, 1 as in the paper. */
  readonly teamShare: number;

  // --- policy loss
  readonly clipCoef: number;
  /** Stop using a round's samples when mean KL(pi_prox || pi_theta) exceeds it; Infinity: never. */
  readonly targetKl: number;
  /** c2: entropy bonus, annealed linearly from the first to the last update. */
  readonly entropyStart: number;
  readonly entropyEnd: number;
  /** Exploration floor: every action keeps this probability. Part of mu, of pi_prox and of pi_theta alike. */
  readonly epsilon: number;
  /**
   * "zero": one chain without noise. "stored": the experience's noise is fed again, so that the ratio is exact. "fresh":
   * noise is drawn anew for pi_prox and for every gradient step, as if a likelihood did not depend on it (an ablation).
   */
  readonly chainNoise: "zero" | "stored" | "fresh";
  /** Cap of the importance weight pi_prox / mu, outside the clip. */
  readonly rhoBar: number;
  /** Experiences of older policies are dropped. */
  readonly maxLag: number;
  /** A round whose effective sample size (sum w)^2 / sum w^2 is a smaller share of it teaches nothing. */
  readonly minEffectiveShare: number;

  // --- value loss
  /** c1. */
  readonly valueCoef: number;
  readonly huberDelta: number;
  /** How far a value may move from the one at the start of the update, in normalised units. */
  readonly valueClip: number;
  /** Forgetting of the running mean and standard deviation of returns, per update. */
  readonly valueNormBeta: number;

  // --- optimiser
  readonly actorLearningRate: number;
  readonly criticLearningRate: number;
  /** Both rates fall linearly to this share of themselves by the last update. */
  readonly finalRateShare: number;
  readonly adamEpsilon: number;
  readonly actorMaxGradNorm: number;
  readonly criticMaxGradNorm: number;

  // --- demonstrations
  /** l_g: expert demonstrations used in the first update; update u uses l_g / u. */
  readonly demonstrations: number;
  /** l_min_g: fewer than this are not worth using. */
  readonly minDemonstrations: number;
  /** lambda_0: weight of their loss, times their share of the samples. */
  readonly demonstrationWeight: number;
  /** Demonstrations beside each minibatch. Static, as the minibatch. */
  readonly demonstrationBatch: number;

  // --- guards against divergence
  /** An update that ends further than this from where it began, KL(pi_prox || pi_theta), is taken back. */
  readonly maxKl: number;
  /** A policy whose mean probability of one action is below this has collapsed. */
  readonly minActionShare: number;

  // --- reward
  readonly reward: "product" | "paper";
  /** omega = phi2 / phi1, drawn log-uniformly per episode; `omega` is the one of evaluation. */
  readonly omega: number;
  readonly omegaMin: number;
  readonly omegaMax: number;
  /** Slots of an episode, in which omega stays as it is. */
  readonly episodeSlots: number;
  /**
   * Length of the random vector that is added to the embeddings of simulated requests, which have length 1. A few hundred
   * questions asked again and again are learnt by heart otherwise.
   */
  readonly embeddingNoise: number;
}

export const PRODUCT_TRAINING: TrainingConfig = {
  network: DEFAULT_NETWORK,
  samplesPerAgent: 300,
  epochs: 10,
  minibatchSize: 180,
  maxAccesses: 50,
  gamma: 0,
  gaeLambda: 0.95,
  vtraceRhoBar: 1,
  vtraceCBar: 1,
  insertionWeight: 0.5,
  directPenalty: 0,
  teamShare: 0,
  clipCoef: 0.2,
  targetKl: 0.02,
  entropyStart: 0.01,
  entropyEnd: 0.003,
  epsilon: 0.02,
  chainNoise: "zero",
  rhoBar: 2,
  maxLag: 8,
  minEffectiveShare: 0.3,
  valueCoef: 0.5,
  huberDelta: 10,
  valueClip: 0.2,
  valueNormBeta: 0.9,
  actorLearningRate: 3e-4,
  criticLearningRate: 1e-3,
  finalRateShare: 0.2,
  adamEpsilon: 1e-5,
  actorMaxGradNorm: 0.5,
  criticMaxGradNorm: 10,
  demonstrations: 900,
  minDemonstrations: 32,
  demonstrationWeight: 1,
  demonstrationBatch: 60,
  maxKl: 0.2,
  minActionShare: 0.001,
  reward: "product",
  omega: 0.1,
  omegaMin: 0.01,
  omegaMax: 0.16,
  episodeSlots: 50,
  embeddingNoise: 1,
};

/**
 * As published where the paper says: one sampled chain of the shallow schedule with tanh, rewards in seconds, team
 * reward, gamma 0.99, all 50 accesses, nothing corrected for stale experiences. Clip and gradient norms stay.
 */
export const PAPER_TRAINING: TrainingConfig = {
  ...PRODUCT_TRAINING,
  network: {
    actions: 2,
    steps: 10,
    schedule: { kind: "linear", start: 1e-4, end: 0.02 },
    tanhEps: true,
    clipX0: null,
  },
  gamma: 0.99,
  insertionWeight: 0,
  directPenalty: 0.6,
  teamShare: 1,
  targetKl: Infinity,
  entropyEnd: 0.01,
  finalRateShare: 1,
  epsilon: 0,
  chainNoise: "stored",
  rhoBar: 1,
  maxLag: Infinity,
  minEffectiveShare: 0,
  maxKl: Infinity,
  minActionShare: 0,
  reward: "paper",
  omegaMin: 0.1,
  omegaMax: 0.1,
  embeddingNoise: 0,
};

/** What is annealed, linear from the first update (1) to the last. */
export function annealed(
  { entropyStart, entropyEnd, finalRateShare }: TrainingConfig,
  update: number,
  updates: number,
): { readonly entropyCoef: number; readonly rateShare: number } {
  const progress = updates <= 1 ? 0 : Math.min(1, (update - 1) / (updates - 1));
  return {
    entropyCoef: entropyStart + progress * (entropyEnd - entropyStart),
    rateShare: 1 + progress * (finalRateShare - 1),
  };
}

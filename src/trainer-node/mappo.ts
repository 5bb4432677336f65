// MAPPO with a diffusion policy (DLRS Algorithm 1): one update from one round of experiences. Every agent runs the same
// actor on what it sees itself; the critic sees all of them.
import { type Weights } from "../policy/network/layout.ts";
import { Random } from "../policy/random.ts";
import { type TrainingConfig, annealed } from "./config.ts";
import { type Demonstration, demonstrationCount, drawDemonstrations } from "./demonstrations.ts";
import { type Backend } from "./graph/backend.ts";
import { initialActor, initialCritic } from "./networks.ts";
import { type Rejection, type Round, type Sample, minibatches } from "./rollout-buffer.ts";
import {
  type RoundBatch,
  asked,
  executedProbabilities,
  roundBatch,
  targetsOf,
} from "./round-batch.ts";
import { type ActorAnswer, ServedActor } from "./served-actor.ts";
import { StepRunner } from "./step-runner.ts";
import { ValueNormaliser, type ValueStatistics } from "./value-normaliser.ts";

/** How an update went. Shares and means are over the round unless said otherwise. */
export interface UpdateReport {
  /** "taken-back": the weights are those from before the update again, and nothing is published. */
  readonly status: "updated" | "skipped" | "taken-back";
  /** Why not "updated"; empty otherwise. */
  readonly reason: string;
  readonly samples: number;
  readonly rejected: Readonly<Partial<Record<Rejection, number>>>;
  /** Gradient steps done, of at most `maxAccesses`. */
  readonly accesses: number;
  readonly stoppedByKl: boolean;
  /** KL(pi_prox || pi_theta) after the update, over the whole round; over its first samples where nothing is bounded by it. */
  readonly kl: number;
  /** Means over the gradient steps. */
  readonly policyLoss: number;
  readonly valueLoss: number;
  readonly entropy: number;
  readonly clipFraction: number;
  /** 1 - var(return - V) / var(return), before the update. */
  readonly explainedVariance: number;
  readonly effectiveShare: number;
  readonly demonstrations: number;
}

/** All that an update changes: what a checkpoint holds. */
export interface MappoState {
  readonly tensors: ReadonlyMap<string, Float32Array>;
  readonly update: number;
  /** The last update that was kept: the version of these weights. */
  readonly version: number;
  /** Adam's steps, for its bias correction. */
  readonly steps: number;
  readonly values: ValueStatistics;
}

export interface MappoOptions {
  readonly config: TrainingConfig;
  readonly backend: Backend;
  readonly seed: number;
  /** Updates planned: entropy is annealed over them. */
  readonly updates: number;
  /** To go on from. */
  readonly state?: MappoState;
  /** What the actor begins with, in place of random weights. */
  readonly actor?: Weights;
}

export class Mappo {
  readonly config: TrainingConfig;
  readonly #options: MappoOptions;
  readonly #step: StepRunner;
  readonly #normaliser: ValueNormaliser;
  #update: number;
  #policy: ServedActor;

  private constructor(options: MappoOptions, step: StepRunner, policy: ServedActor) {
    this.config = options.config;
    this.#options = options;
    this.#step = step;
    this.#policy = policy;
    this.#normaliser = new ValueNormaliser(options.config.valueNormBeta);
    if (options.state !== undefined) this.#normaliser.statistics = options.state.values;
    this.#update = options.state?.update ?? 0;
  }

  static async create(options: MappoOptions): Promise<Mappo> {
    const { config, backend, seed, state } = options;
    const random = new Random(seed);
    const step = await StepRunner.open(
      config,
      backend,
      state ?? {
        tensors: new Map([
          ...initialActor(config.network, random),
          ...initialCritic(random),
          ...(options.actor ?? []),
        ]),
        steps: 0,
      },
    );
    const weights = await step.actorWeights();
    const policy = await ServedActor.open(config.network, weights, {
      version: state?.version ?? 0,
    });
    return new Mappo(options, step, policy);
  }

  /** Updates done (paper: u). */
  get updates(): number {
    return this.#update;
  }

  /** Acts with the newest weights; valid until the next update. */
  get policy(): ServedActor {
    return this.#policy;
  }

  actorWeights(): Promise<Weights> {
    return this.#step.actorWeights();
  }

  async state(): Promise<MappoState> {
    return {
      ...(await this.#step.state()),
      update: this.#update,
      version: this.#policy.version,
      values: this.#normaliser.statistics,
    };
  }

  /** @param demonstrations E_g, all of them: their share of this update is drawn here */
  async update(
    round: Round,
    demonstrations: readonly Demonstration[] = [],
    rejected: ReadonlyMap<Rejection, number> = new Map(),
  ): Promise<UpdateReport> {
    const { config } = this;
    const { seed, updates } = this.#options;
    const u = ++this.#update;
    const random = new Random(seed * 1_000_003 + u);
    const count = round.samples.length;
    const report = { ...NOTHING_DONE, samples: count, rejected: Object.fromEntries(rejected) };

    if (count < config.minibatchSize)
      return skipped(report, `${count} samples do not fill a minibatch of ${config.minibatchSize}`);
    const broken = round.samples.findIndex((sample) => !isFiniteSample(sample));
    if (broken !== -1) return skipped(report, `sample ${broken} holds a number that is not finite`);

    // theta_prox <- theta; pi_prox, V and the advantages are computed with it once
    const requests = asked(round, config, random);
    const batch = roundBatch(round, await this.#policy.inferAll(requests), config);
    const { effectiveShare } = batch;
    if (effectiveShare < config.minEffectiveShare)
      return skipped(
        { ...report, effectiveShare },
        `experiences of other policies: effective sample size ${percent(effectiveShare)}`,
      );
    const value = await this.#step.values(batch.joint);
    const values = this.#normaliser.denormalise(value);
    const { advantage, returns } = targetsOf(round, values, batch.ratios, config);
    const statistics = this.#normaliser.statistics;
    this.#normaliser.update(returns);

    const chosen = drawDemonstrations(demonstrations, demonstrationCount(u, config), random);
    const before = await this.#step.state();
    const steps = await this.#step.run(
      { round, batch, advantage, value, target: this.#normaliser.normalise(returns) },
      chosen,
      {
        batches: Array.from({ length: config.epochs }, () =>
          minibatches(count, config.minibatchSize, random),
        )
          .flat()
          .slice(0, config.maxAccesses),
        ...annealed(config, u, updates),
        random,
      },
    );
    const weights = await this.#step.actorWeights();
    const next = await ServedActor.open(config.network, weights, { version: u });
    const looked = isUnbounded(config) ? requests.slice(0, PROBE) : requests;
    const change = changeOf(batch, await next.inferAll(looked), config);
    const problem = steps.problem ?? divergence(change, config);
    const figures: UpdateReport = {
      ...report,
      ...steps.figures,
      kl: change.kl,
      explainedVariance: explainedVariance(returns, values),
      effectiveShare,
      demonstrations: chosen.length,
    };
    if (problem !== null) {
      this.#step.restore(before);
      this.#normaliser.statistics = statistics;
      await next.close();
      return { ...figures, status: "taken-back", reason: problem };
    }
    await this.#policy.close();
    this.#policy = next;
    return figures;
  }

  async close(): Promise<void> {
    await this.#policy.close();
    await this.#step.close();
  }
}

const NOTHING_DONE: Omit<UpdateReport, "samples" | "rejected"> = {
  status: "updated",
  reason: "",
  accesses: 0,
  stoppedByKl: false,
  kl: 0,
  policyLoss: 0,
  valueLoss: 0,
  entropy: 0,
  clipFraction: 0,
  explainedVariance: 0,
  effectiveShare: 1,
  demonstrations: 0,
};

const skipped = (report: UpdateReport, reason: string): UpdateReport => ({
  ...report,
  status: "skipped",
  reason,
});

const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;

/** The buffer refuses such samples; a round that was made otherwise is refused whole. */
function isFiniteSample({ f, c, omega, noise, mu, probs, reward }: Sample): boolean {
  return (
    [omega, mu, reward, ...probs].every(Number.isFinite) &&
    f.every(Number.isFinite) &&
    c.every(Number.isFinite) &&
    (noise === null || noise.every(Number.isFinite))
  );
}

interface Change {
  /** Mean KL(pi_prox || pi_theta) of the executed distributions. */
  readonly kl: number;
  /** [A] mean probability of each action after the update, before the floor, over samples that could take it. */
  readonly shares: readonly number[];
}

function changeOf(
  { open, prox }: RoundBatch,
  answers: readonly ActorAnswer[],
  { network: { actions }, epsilon }: TrainingConfig,
): Change {
  let kl = 0;
  const sums = Array<number>(actions).fill(0);
  for (const [i, { probs }] of answers.entries()) {
    const isOpen = Array.from({ length: actions }, (_, a) => open[i * actions + a] === 1);
    const executed = executedProbabilities(probs, isOpen, epsilon);
    for (const [a, p] of executed.entries()) {
      const before = prox[i * actions + a]!;
      if (before > 0) kl += before * Math.log(before / Math.max(p, Number.MIN_VALUE));
      sums[a]! += probs[a]!;
    }
  }
  return { kl: kl / answers.length, shares: sums.map((sum) => sum / answers.length) };
}

/** Samples that tell whether the new policy is finite, where no bound needs the whole round. */
const PROBE = 64;

const isUnbounded = ({ maxKl, minActionShare }: TrainingConfig): boolean =>
  maxKl === Infinity && minActionShare === 0;

/** Why an update must be taken back, or null. */
function divergence(
  { kl, shares }: Change,
  { maxKl, minActionShare }: TrainingConfig,
): string | null {
  if (![kl, ...shares].every(Number.isFinite)) return "the policy is not finite";
  if (kl > maxKl) return `KL ${kl.toFixed(3)} from the last good policy is above ${maxKl}`;
  const lost = shares.findIndex((share) => share < minActionShare);
  return lost === -1
    ? null
    : `action ${lost} is hardly ever taken (${percent(shares[lost]!)}): the policy has collapsed`;
}

/** 1 - var(return - V) / var(return); 0 when all returns are the same. */
function explainedVariance(returns: Float32Array, values: Float32Array): number {
  const total = variance(returns);
  return total === 0 ? 0 : 1 - variance(returns.map((r, i) => r - values[i]!)) / total;
}

function variance(values: Float32Array): number {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
}

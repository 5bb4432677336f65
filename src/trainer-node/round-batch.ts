// A round as arrays: what the gradient steps of an update read, computed once at its start with the weights theta_prox.
import { CORRELATION_SIZE, FEATURE_SIZE } from "../policy/network/policy.ts";
import { flooredProbabilities } from "../policy/decide.ts";
import { type Random } from "../policy/random.ts";
import { type TrainingConfig } from "./config.ts";
import { gae, standardise, vtrace } from "./gae.ts";
import { JOINT_SIZE, SLOTS, SLOT_SIZE } from "./networks.ts";
import { type Round } from "./rollout-buffer.ts";
import { type ActorAnswer, type ActorRequest } from "./served-actor.ts";

/** Row-major, one row per sample in the order of the round. */
export interface RoundBatch {
  /** [B, A] 1 where the action could be drawn. */
  readonly open: Float32Array;
  /** [B, A] executed probabilities under theta_prox, floor included. */
  readonly prox: Float32Array;
  /** [B] min(rhoBar, pi_prox / mu) */
  readonly weight: Float32Array;
  /** [B, JOINT_SIZE] */
  readonly joint: Float32Array;
  /** (sum w)^2 / (n sum w^2) of the weights before their cap: 1 when the round was made by theta_prox itself. */
  readonly effectiveShare: number;
  /** [B] pi_prox / mu. */
  readonly ratios: Float32Array;
}

/** What pi_prox and the policy after the update are asked: the samples, under the noise that the configuration says. */
export function asked(
  { samples }: Round,
  { chainNoise, network: { actions, steps } }: TrainingConfig,
  random: Random,
): readonly ActorRequest[] {
  if (chainNoise !== "fresh") return samples;
  const size = (steps + 1) * actions;
  return samples.map(({ f, c, omega }) => ({
    f,
    c,
    omega,
    noise: Float32Array.from({ length: size }, () => random.normal()),
  }));
}

export function roundBatch(
  { samples, joint: slots }: Round,
  answers: readonly ActorAnswer[],
  { network: { actions }, epsilon, rhoBar }: TrainingConfig,
): RoundBatch {
  const count = samples.length;
  const open = new Float32Array(count * actions);
  const prox = new Float32Array(count * actions);
  const ratios = new Float32Array(count);
  for (const [i, sample] of samples.entries()) {
    const isOpen = openActions(sample.probs);
    const executed = executedProbabilities(answers[i]!.probs, isOpen, epsilon);
    prox.set(executed, i * actions);
    open.set(isOpen.map(Number), i * actions);
    ratios[i] = executed[sample.action]! / sample.mu;
  }
  const joint = new Float32Array(count * JOINT_SIZE);
  for (let i = 0; i < count; i++) {
    joint[(i + 1) * JOINT_SIZE - 1] = samples[i]!.omega;
    for (let slot = 0; slot < SLOTS; slot++) {
      const other = slots[i * SLOTS + slot]!;
      if (other === -1) continue;
      // [c 30 | f' 30 | 1]; f' is a number here, so that no gradient of the value reaches the extractor.
      const at = i * JOINT_SIZE + slot * SLOT_SIZE;
      joint.set(samples[other]!.c, at);
      joint.set(answers[other]!.feat, at + CORRELATION_SIZE);
      joint[at + CORRELATION_SIZE + FEATURE_SIZE] = 1;
    }
  }
  return {
    open,
    prox,
    weight: ratios.map((ratio) => Math.min(rhoBar, ratio)),
    joint,
    effectiveShare: effectiveShare(ratios),
    ratios,
  };
}

/** The two-way head never masks an action (decide.ts); of the three-way head an impossible one has probability 0. */
function openActions(probs: readonly number[]): readonly boolean[] {
  return probs.map((p) => probs.length === 2 || p > 0);
}

/** pi~: masked, renormalised, with the floor, exactly as decide.ts executes it. */
export function executedProbabilities(
  probs: ArrayLike<number>,
  open: readonly boolean[],
  epsilon: number,
): readonly number[] {
  const masked = open.map((isOpen, action) => (isOpen ? probs[action]! : 0));
  const total = masked.reduce((sum, p) => sum + p, 0);
  return flooredProbabilities(
    masked.map((p) => p / total),
    open,
    epsilon,
  );
}

/** (sum w)^2 / (n sum w^2), in (0, 1]. */
function effectiveShare(weights: Float32Array): number {
  let sum = 0;
  let squares = 0;
  for (const weight of weights) {
    sum += weight;
    squares += weight ** 2;
  }
  return sum ** 2 / (weights.length * squares);
}

export interface Targets {
  /** [B] mean 0, standard deviation 1 over the round, all agents together. */
  readonly advantage: Float32Array;
  /** [B] */
  readonly returns: Float32Array;
}

/** GAE per agent in the order of time; V-trace when what follows counts and the experiences may be old. */
export function targetsOf(
  { samples, trajectories }: Round,
  values: Float32Array,
  ratios: Float32Array,
  config: TrainingConfig,
): Targets {
  const { gamma, gaeLambda: lambda, vtraceRhoBar: rhoBar, vtraceCBar: cBar } = config;
  const advantage = new Float32Array(samples.length);
  const returns = new Float32Array(samples.length);
  for (const indices of trajectories.values()) {
    const trajectory = {
      rewards: Float32Array.from(indices, (i) => samples[i]!.reward),
      values: Float32Array.from(indices, (i) => values[i]!),
      // The next request is not known yet; the joint state it will meet is much like the last one.
      bootstrap: values[indices.at(-1)!]!,
    };
    const own =
      gamma === 0
        ? gae(trajectory, { gamma, lambda })
        : vtrace(
            trajectory,
            Float32Array.from(indices, (i) => ratios[i]!),
            { gamma, lambda, rhoBar, cBar },
          );
    for (const [t, i] of indices.entries()) {
      advantage[i] = own.advantages[t]!;
      returns[i] = own.returns[t]!;
    }
  }
  standardise(advantage);
  return { advantage, returns };
}

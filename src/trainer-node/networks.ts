// The two networks of training: the actor, which is the served one (policy/network/actor.ts), and the critic, which only
// training knows: it sees all agents at once (DLRS Table II).
import { initialWeights, orthogonal } from "../policy/network/initial-weights.ts";
import { type NetworkConfig, type Shapes, type Weights } from "../policy/network/layout.ts";
import { CORRELATION_SIZE, FEATURE_SIZE } from "../policy/network/policy.ts";
import { type Random } from "../policy/random.ts";

/** Agents that the joint state has room for; beyond them the most recent ones are kept. */
export const SLOTS = 8;
/** [c 30 | f' 30 | 1 if the slot is taken] */
export const SLOT_SIZE = CORRELATION_SIZE + FEATURE_SIZE + 1;
/**
 * s of the value network: the agent's own slot first, then the others in the order of their names, zero padded; then
 * log10 omega, without which the value of a slow call is anyone's guess while omega is drawn anew for every episode.
 */
export const JOINT_SIZE = SLOTS * SLOT_SIZE + 1;
const CRITIC_HIDDEN = 384;

export function criticShapes(): Shapes {
  return new Map<string, readonly number[]>([
    ["critic.0.w", [JOINT_SIZE, CRITIC_HIDDEN]],
    ["critic.0.b", [CRITIC_HIDDEN]],
    ["critic.1.w", [CRITIC_HIDDEN, CRITIC_HIDDEN]],
    ["critic.1.b", [CRITIC_HIDDEN]],
    ["critic.2.w", [CRITIC_HIDDEN, 1]],
    ["critic.2.b", [1]],
  ]);
}

/** What the critic computes with: a part of the operators of a training graph. */
export interface CriticOperators<T> {
  parameter(name: string): T;
  linear(x: T, w: T, b: T): T;
  tanh(x: T): T;
}

/** V(s): [B, JOINT_SIZE] -> [B, 1], in units of the value normaliser. */
export function critic<T>(ops: CriticOperators<T>, joint: T): T {
  const dense = (name: string, x: T) =>
    ops.linear(x, ops.parameter(`${name}.w`), ops.parameter(`${name}.b`));
  return dense("critic.2", ops.tanh(dense("critic.1", ops.tanh(dense("critic.0", joint)))));
}

/** Orthogonal, gain 5/3 in front of tanh and 1 at the end; biases zero. */
export function initialCritic(random: Random): Weights {
  const weights = new Map<string, Float32Array>();
  for (const [name, [inputs, outputs]] of criticShapes())
    weights.set(
      name,
      outputs === undefined
        ? new Float32Array(inputs!)
        : orthogonal(inputs!, outputs, outputs === 1 ? 1 : 5 / 3, () => random.normal()),
    );
  return weights;
}

export function initialActor(config: NetworkConfig, random: Random): Weights {
  return initialWeights(config, { normal: () => random.normal() });
}

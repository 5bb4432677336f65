// What an action was worth compared with what was expected, along one agent's experiences in time order.

export interface Trajectory {
  /** [T] */
  readonly rewards: Float32Array;
  /** [T] V(s_t), not normalised. */
  readonly values: Float32Array;
  /** V of what follows the last step. */
  readonly bootstrap: number;
}

export interface Advantages {
  /** [T] */
  readonly advantages: Float32Array;
  /** [T] what the critic should have said. */
  readonly returns: Float32Array;
}

/**
 * Generalised advantage estimation (Schulman et al. 2016; DLRS Eq. 22 with the exponent T - 1 - t):
 * delta_t = r_t + gamma V_{t+1} - V_t,  A_t = delta_t + gamma lambda A_{t+1},  R_t = A_t + V_t.
 * gamma = 0 leaves A_t = r_t - V_t and R_t = r_t.
 */
export function gae(
  { rewards, values, bootstrap }: Trajectory,
  { gamma, lambda }: { readonly gamma: number; readonly lambda: number },
): Advantages {
  const advantages = new Float32Array(rewards.length);
  const returns = new Float32Array(rewards.length);
  let next = bootstrap;
  let advantage = 0;
  for (let t = rewards.length - 1; t >= 0; t--) {
    const delta = rewards[t]! + gamma * next - values[t]!;
    advantage = delta + gamma * lambda * advantage;
    advantages[t] = advantage;
    returns[t] = advantage + values[t]!;
    next = values[t]!;
  }
  return { advantages, returns };
}

/**
 * V-trace (Espeholt et al. 2018) for experiences of an older policy mu, with GAE's lambda:
 * rho_t = min(rhoBar, pi/mu),  c_t = lambda min(cBar, pi/mu),
 * v_t = V_t + rho_t (r_t + gamma V_{t+1} - V_t) + gamma c_t (v_{t+1} - V_{t+1}),
 * A_t = r_t + gamma ((1 - lambda) V_{t+1} + lambda v_{t+1}) - V_t.
 * A_t carries no rho_t: the loss weights samples itself. With pi = mu both are those of `gae`.
 *
 * @param ratios [T] pi(a_t) / mu(a_t)
 */
export function vtrace(
  { rewards, values, bootstrap }: Trajectory,
  ratios: Float32Array,
  options: {
    readonly gamma: number;
    readonly lambda: number;
    readonly rhoBar: number;
    readonly cBar: number;
  },
): Advantages {
  const { gamma, lambda, rhoBar, cBar } = options;
  const advantages = new Float32Array(rewards.length);
  const returns = new Float32Array(rewards.length);
  let nextValue = bootstrap;
  let nextTarget = bootstrap;
  for (let t = rewards.length - 1; t >= 0; t--) {
    const rho = Math.min(rhoBar, ratios[t]!);
    const c = lambda * Math.min(cBar, ratios[t]!);
    const delta = rho * (rewards[t]! + gamma * nextValue - values[t]!);
    advantages[t] =
      rewards[t]! + gamma * ((1 - lambda) * nextValue + lambda * nextTarget) - values[t]!;
    nextTarget = values[t]! + delta + gamma * c * (nextTarget - nextValue);
    nextValue = values[t]!;
    returns[t] = nextTarget;
  }
  return { advantages, returns };
}

/** In place: mean 0 and standard deviation 1 over the batch, all agents together. */
export function standardise(values: Float32Array): void {
  let mean = 0;
  for (const value of values) mean += value / values.length;
  let variance = 0;
  for (const value of values) variance += (value - mean) ** 2 / values.length;
  const scale = 1 / (Math.sqrt(variance) + 1e-8);
  for (let i = 0; i < values.length; i++) values[i] = (values[i]! - mean) * scale;
}

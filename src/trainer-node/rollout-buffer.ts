// The replay memory of one round: experiences of all agents, the joint state that each was made in, and minibatches.
import { EMBEDDING_SIZE, CORRELATION_SIZE } from "../policy/network/policy.ts";
import { type NetworkConfig } from "../policy/network/layout.ts";
import { type Random } from "../policy/random.ts";
import { SLOTS } from "./networks.ts";
import { shuffled } from "./shuffled.ts";

/** One decision and what it was worth. */
export interface Sample {
  /** [768] and [30], as fed. */
  readonly f: Float32Array;
  readonly c: Float32Array;
  /** log10 of omega, as fed. */
  readonly omega: number;
  /** [T+1, A] as fed; null = all zero, as in the product. */
  readonly noise: Float32Array | null;
  readonly action: number;
  /** Probability of `action` under the policy that acted, exploration floor included. */
  readonly mu: number;
  /** [A] its probabilities before the floor: a masked action has 0. */
  readonly probs: readonly number[];
  readonly reward: number;
  /** The agent. */
  readonly region: string;
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly policyVersion: number;
}

/** How long an agent's last observation stands for it in the joint state of others. */
const CARRY_MS = 60_000;

/** Why a sample cannot be learnt from: see `problemOf`. */
export type Rejection = "size" | "not-finite" | "action" | "mu" | "lag";

export interface BufferLimits {
  readonly network: NetworkConfig;
  readonly epsilon: number;
  readonly maxLag: number;
}

/** Samples in the order of time, as the update needs them. */
export interface Round {
  readonly samples: readonly Sample[];
  /** [B, SLOTS] index of the sample whose observation fills the slot, own one first; -1 = empty. */
  readonly joint: Int32Array;
  /** Per agent: the indices of its samples in the order of time. */
  readonly trajectories: ReadonlyMap<string, readonly number[]>;
}

export class RolloutBuffer {
  readonly #limits: BufferLimits;
  #samples: Sample[] = [];
  #rejected = new Map<Rejection, number>();

  constructor(limits: BufferLimits) {
    this.#limits = limits;
  }

  get size(): number {
    return this.#samples.length;
  }

  /** How many samples were refused since the buffer was last emptied, and why. */
  get rejected(): ReadonlyMap<Rejection, number> {
    return this.#rejected;
  }

  /** @param version of the policy that is being trained; null: a sample of any age will do */
  add(sample: Sample, version: number | null = null): Rejection | null {
    const problem = problemOf(sample, version, this.#limits);
    if (problem === null) this.#samples.push(sample);
    else this.#rejected.set(problem, (this.#rejected.get(problem) ?? 0) + 1);
    return problem;
  }

  /** How many samples an agent has given. */
  countOf(region: string): number {
    return this.#samples.filter((sample) => sample.region === region).length;
  }

  round(): Round {
    return roundOf(this.#samples);
  }

  clear(): void {
    this.#samples = [];
    this.#rejected = new Map();
  }
}

function problemOf(
  { f, c, omega, noise, action, mu, probs, reward, at, policyVersion }: Sample,
  version: number | null,
  { network, epsilon, maxLag }: BufferLimits,
): Rejection | null {
  const { actions, steps } = network;
  const isSized =
    f.length === EMBEDDING_SIZE &&
    c.length === CORRELATION_SIZE &&
    probs.length === actions &&
    (noise === null || noise.length === (steps + 1) * actions);
  if (!isSized) return "size";
  const isFinite =
    f.every(Number.isFinite) &&
    c.every(Number.isFinite) &&
    probs.every(Number.isFinite) &&
    (noise === null || noise.every(Number.isFinite)) &&
    [omega, mu, reward, at].every(Number.isFinite);
  if (!isFinite) return "not-finite";
  if (!Number.isInteger(action) || action < 0 || action >= actions) return "action";
  // A behaviour that never explores gives weights without bound; half the floor leaves room for rounding.
  if (mu > 1 + 1e-6 || mu <= epsilon / 2) return "mu";
  if (version !== null && version - policyVersion > maxLag) return "lag";
  return null;
}

export function roundOf(unordered: readonly Sample[]): Round {
  const samples = unordered.toSorted((a, b) => a.at - b.at || compare(a.region, b.region));
  const joint = new Int32Array(samples.length * SLOTS).fill(-1);
  const trajectories = new Map<string, number[]>();
  for (const [i, { region }] of samples.entries()) {
    const own = trajectories.get(region);
    if (own === undefined) trajectories.set(region, [i]);
    else own.push(i);
  }
  // Agents of one slot act at the same instant and must see each other, whatever their order in the list: an instant's
  // samples are all entered before the first joint state is made.
  const latest = new Map<string, number>();
  for (let from = 0; from < samples.length;) {
    let to = from;
    while (to < samples.length && samples[to]!.at === samples[from]!.at)
      latest.set(samples[to]!.region, to++);
    for (let i = from; i < to; i++) joint.set(slotsOf(samples, i, latest), i * SLOTS);
    from = to;
  }
  return { samples, joint, trajectories };
}

/** Own observation, then those of the other agents of the last minute, in the order of their names. */
function slotsOf(
  samples: readonly Sample[],
  own: number,
  latest: ReadonlyMap<string, number>,
): readonly number[] {
  const { region, at } = samples[own]!;
  const others = [...latest]
    .filter(([agent, index]) => agent !== region && at - samples[index]!.at <= CARRY_MS)
    .toSorted((a, b) => samples[b[1]]!.at - samples[a[1]]!.at || compare(a[0], b[0]))
    .slice(0, SLOTS - 1)
    .toSorted((a, b) => compare(a[0], b[0]))
    .map(([, index]) => index);
  return [own, ...others];
}

const compare = (a: string, b: string): number => Number(a > b) - Number(a < b);

/** One epoch: a permutation of 0..count-1 cut into pieces of `size`; what is left over is dropped. */
export function minibatches(
  count: number,
  size: number,
  random: Random,
): readonly (readonly number[])[] {
  const order = shuffled([...Array(count).keys()], random);
  return Array.from({ length: Math.floor(count / size) }, (_, i) =>
    order.slice(i * size, (i + 1) * size),
  );
}

import { DEFAULT_NETWORK } from "../../src/policy/network/layout.ts";
import { type Random } from "../../src/policy/random.ts";
import { PRODUCT_TRAINING, type TrainingConfig } from "../../src/trainer-node/config.ts";
import { openBackend } from "../../src/trainer-node/graph/backend.ts";
import { Mappo, type MappoState } from "../../src/trainer-node/mappo.ts";
import { type Sample } from "../../src/trainer-node/rollout-buffer.ts";
import { executedProbabilities } from "../../src/trainer-node/round-batch.ts";
import { type ServedActor } from "../../src/trainer-node/served-actor.ts";

/** Small enough to learn within seconds on the CPU: a chain of three steps, two hundred samples an update. */
export const QUICK: TrainingConfig = {
  ...PRODUCT_TRAINING,
  network: { ...DEFAULT_NETWORK, steps: 3 },
  minibatchSize: 50,
  demonstrationBatch: 20,
  actorLearningRate: 1e-3,
};

interface Start {
  readonly seed?: number;
  readonly state?: MappoState;
  /** Draws the weights although they are known: for tests of the drawing itself. */
  readonly anew?: boolean;
}

export async function quickMappo(
  changes: Partial<TrainingConfig> = {},
  { seed = 1, state, anew = false }: Start = {},
): Promise<Mappo> {
  const backend = await openBackend("cpu", { threads: 1 });
  const config = { ...QUICK, ...changes };
  const options = { config, backend, seed, updates: 20 };
  const key = JSON.stringify([seed, config.network]);
  const known = state ?? (anew ? undefined : drawn.get(key));
  if (known !== undefined) return await Mappo.create({ ...options, state: known });
  const mappo = await Mappo.create(options);
  drawn.set(key, await mappo.state());
  return mappo;
}

/** What `Mappo.create` drew for a seed and a network: half a second's work, the same each time. */
const drawn = new Map<string, MappoState>();

export interface Question {
  readonly f: Float32Array;
  readonly c: Float32Array;
  readonly omega: number;
  /** Reward of [direct, cache]. */
  readonly rewards: readonly [number, number];
}

/**
 * A contextual bandit like the product's decision: a neighbour nearer than 0.5 is right (-0.35), another one wrong
 * (-1.2), and the model is slow (-0.75). Constant policies lose 0.2 (direct) and 0.225 (cache) against the best one.
 */
export function question(random: Random): Question {
  const f = Float32Array.from({ length: 768 }, () => random.normal() / Math.sqrt(768));
  const distances = Array.from({ length: 10 }, () => random.uniform()).toSorted((a, b) => a - b);
  const nearest = random.uniform();
  const c = new Float32Array(30).fill(-0.5);
  c.set([nearest, ...distances.slice(1).map((d) => nearest + d)]);
  return { f, c, omega: -1, rewards: [-0.75, nearest < 0.5 ? -0.35 : -1.2] };
}

/** What the policy does with `count` questions of each of two agents, as an edge would record it. */
export async function play(
  policy: ServedActor,
  { epsilon, chainNoise, network: { steps, actions } }: TrainingConfig,
  count: number,
  random: Random,
): Promise<Sample[]> {
  const asked = Array.from({ length: 2 * count }, () => ({
    ...question(random),
    noise:
      chainNoise === "zero"
        ? null
        : Float32Array.from({ length: (steps + 1) * actions }, () => random.normal()),
  }));
  const answers = await policy.inferAll(asked);
  return Array.from(asked, ({ rewards, ...observation }, i) => {
    const probs = [...answers[i]!.probs];
    const executed = executedProbabilities(probs, [true, true], epsilon);
    const action = random.uniform() < executed[0]! ? 0 : 1;
    return {
      ...observation,
      action,
      mu: executed[action]!,
      probs,
      reward: rewards[action],
      region: i % 2 === 0 ? "us" : "eu",
      at: 1000 * (i >> 1),
      policyVersion: policy.version,
    };
  });
}

/** Mean loss against the best action when the likelier one is taken. */
export async function regret(policy: ServedActor, random: Random, count = 400): Promise<number> {
  const asked = Array.from({ length: count }, () => question(random));
  const answers = await policy.inferAll(asked.map((each) => ({ ...each, noise: null })));
  let lost = 0;
  for (const [i, { rewards }] of asked.entries())
    lost += Math.max(...rewards) - rewards[answers[i]!.probs[1]! > 0.5 ? 1 : 0];
  return lost / count;
}

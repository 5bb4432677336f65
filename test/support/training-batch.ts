// The state and the feeds of one gradient step (src/trainer-node/training-step.ts), drawn from a seed: the same for every
// device and for the step's counterpart in PyTorch.
import { CORRELATION_SIZE, EMBEDDING_SIZE } from "../../src/policy/network/policy.ts";
import { Random } from "../../src/policy/random.ts";
import { type TrainingConfig } from "../../src/trainer-node/config.ts";
import { momentsOf } from "../../src/trainer-node/graph/adam.ts";
import { JOINT_SIZE, initialActor, initialCritic } from "../../src/trainer-node/networks.ts";
import { type StepSize } from "../../src/trainer-node/training-step.ts";

/** Fresh weights of both networks, each with its two moments at zero. */
export function freshState(
  config: TrainingConfig,
  seed: number,
): ReadonlyMap<string, Float32Array> {
  const random = new Random(seed);
  const weights = new Map([...initialActor(config.network, random), ...initialCritic(random)]);
  const state = new Map(weights);
  for (const [name, values] of weights)
    for (const moment of momentsOf(name)) state.set(moment, new Float32Array(values.length));
  return state;
}

/** Everything that a step is fed but its number; two actions. Ratios lie inside and outside of the clip. */
export function randomFeeds(
  config: TrainingConfig,
  { samples, demonstrations }: StepSize,
  seed: number,
): Readonly<Record<string, Float32Array>> {
  const random = new Random(seed);
  const rows = samples + demonstrations;
  const draws = (count: number, draw: () => number) => Float32Array.from({ length: count }, draw);
  const between = (low: number, high: number) => () => low + (high - low) * random.uniform();
  const normal = () => random.normal();
  const first = draws(samples, between(0.35, 0.65));
  const taken = Array.from({ length: rows }, () => (random.uniform() < 0.5 ? 0 : 1));
  return {
    // Embeddings have length 1.
    f: draws(rows * EMBEDDING_SIZE, () => normal() / Math.sqrt(EMBEDDING_SIZE)),
    c: draws(rows * CORRELATION_SIZE, between(0, 1)),
    omega: draws(rows, between(-2, -0.8)),
    noise: draws(rows * (config.network.steps + 1) * 2, () => 0.3 * normal()),
    action: Float32Array.from(taken.flatMap((action) => (action === 0 ? [1, 0] : [0, 1]))),
    prox: Float32Array.from([...first].flatMap((p) => [p, 1 - p])),
    weight: draws(samples, between(0.5, config.rhoBar)),
    advantage: draws(samples, normal),
    joint: draws(samples * JOINT_SIZE, between(-1, 1)),
    value: draws(samples, normal),
    target: draws(samples, normal),
    ...(demonstrations > 0 && {
      demonstrationWeight: draws(demonstrations, () => random.uniform() / demonstrations),
    }),
    entropyCoef: Float32Array.of(config.entropyStart),
    "learningRate.actor": Float32Array.of(config.actorLearningRate),
    "learningRate.critic": Float32Array.of(config.criticLearningRate),
  };
}

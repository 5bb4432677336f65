// A world of which everything is known: thirty contexts, each the distance of the nearest row, two actions, and the exact
// value of every policy. No guard stands behind the cache action.
import { flooredProbabilities } from "../../src/policy/decide.ts";
import { type Observation } from "../../src/policy/network/policy.ts";
import { Random } from "../../src/policy/random.ts";
import { utility, PRODUCT_WEIGHTS } from "../../src/policy/reward.ts";
import {
  type ActionProbabilities,
  type LoggedDecision,
} from "../../src/trainer-node/off-policy.ts";

export const EPSILON = 0.02;
const CONTEXTS = 30;
/** 0.025, 0.075, ..., 1.475. */
const DISTANCES = Array.from({ length: CONTEXTS }, (_, i) => (i + 0.5) * 0.05);
const NO_EMBEDDING = new Float32Array(768);

/** P(wrong) of an answer from a row at that distance: nearly never up to 0.75, then one in three. */
const wrongAt = (distance: number): number => (distance < 0.75 ? 0.001 : 0.35);

/** A model call takes 2, 3 or 4 s with equal chance and is right. */
const DELAYS = [2, 3, 4];
const CACHE_DELAY = 0.1;

/** Expected utility of the cache and of a direct call. */
function valueOf(action: number, distance: number): number {
  const { acceptedQuality, wrongQuality } = PRODUCT_WEIGHTS;
  if (action === 0)
    return DELAYS.reduce((sum, delay) => sum + utility(acceptedQuality, delay), 0) / DELAYS.length;
  const wrong = wrongAt(distance);
  return (
    wrong * utility(wrongQuality, CACHE_DELAY) + (1 - wrong) * utility(acceptedQuality, CACHE_DELAY)
  );
}

const observationAt = (distance: number): Observation => {
  const c = new Float32Array(30).fill(2, 0, 10);
  c[0] = distance;
  c[10] = -0.5;
  return { f: NO_EMBEDDING, c, omega: -1 };
};

const OBSERVATIONS = DISTANCES.map(observationAt);

/** P(cache) as a function of the nearest distance. */
export const byDistance =
  (cache: (distance: number) => number): ActionProbabilities =>
  ({ c }) => {
    const p = cache(c[0]!);
    return Float32Array.of(1 - p, p);
  };

/** The cache up to a distance and never beyond. */
export const upTo = (threshold: number): ActionProbabilities =>
  byDistance((distance) => (distance <= threshold ? 1 : 0));

const executed = (policy: ActionProbabilities, observation: Observation): readonly number[] =>
  flooredProbabilities([...policy(observation)], [true, true], EPSILON);

/** Exact: mean over the contexts of sum_a pi~(a|s) U(s, a). */
export function trueValue(policy: ActionProbabilities): number {
  let sum = 0;
  for (const observation of OBSERVATIONS)
    for (const [action, pi] of executed(policy, observation).entries())
      sum += pi * valueOf(action, observation.c[0]!);
  return sum / CONTEXTS;
}

/** Exact share of requests that the policy answers wrongly. */
export function trueWrong(policy: ActionProbabilities): number {
  let sum = 0;
  for (const observation of OBSERVATIONS)
    sum += executed(policy, observation)[1]! * wrongAt(observation.c[0]!);
  return sum / CONTEXTS;
}

/** n decisions of `behaviour`; of the answers from the cache a fair sample is labelled. Two regions, one tenant. */
export function syntheticLog(
  behaviour: ActionProbabilities,
  n: number,
  seed: number,
  { sampling = 0.5 }: { readonly sampling?: number } = {},
): readonly LoggedDecision[] {
  const random = new Random(seed);
  return Array.from({ length: n }, (_, i) => {
    const observation = OBSERVATIONS[Math.floor(random.uniform() * CONTEXTS)]!;
    const probs = [...behaviour(observation)];
    const pi = executed(behaviour, observation);
    const action = random.uniform() < pi[0]! ? 0 : 1;
    const isWrong = action === 1 && random.uniform() < wrongAt(observation.c[0]!);
    const delay =
      action === 1 ? CACHE_DELAY : DELAYS[Math.floor(random.uniform() * DELAYS.length)]!;
    const { acceptedQuality, wrongQuality } = PRODUCT_WEIGHTS;
    const isLabelled = action === 1 && random.uniform() < sampling;
    return {
      ...observation,
      action,
      mu: pi[action]!,
      probs,
      reward: utility(isWrong ? wrongQuality : acceptedQuality, delay),
      at: i,
      region: i % 2 === 0 ? "eu" : "us",
      tenant: "acme",
      group: String(i),
      handling: action === 1 ? "A" : "B",
      label: isLabelled ? { correct: isWrong ? 0 : 1, samplingProbability: sampling } : null,
    };
  });
}

// Questions to a policy that need no traffic: does it use both actions, and the cache less where the nearest row is far?
// They find what is broken outright (serves always, is turned round, draws lots), not what is merely worse.
import {
  CORRELATION_SIZE,
  EMBEDDING_SIZE,
  NEIGHBOURS,
  type Observation,
} from "../policy/network/policy.ts";
import { roundToHalf } from "../policy/half.ts";
import { Random } from "../policy/random.ts";
import { type ActionProbabilities } from "./off-policy.ts";

export interface ProbeReport {
  /** Mean probability of calling the model, before the floor. */
  readonly directShare: number;
  /** Mean probability of anything else with the nearest row in the nearest and in the farthest third. */
  readonly near: number;
  readonly far: number;
}

/** Distances in thirds of [0, 1.5). */
const THIRD = 0.5;
const PROBES = 1_500;
/** log10 of the product's omega. */
const OMEGA = -1;

/**
 * The same set for the same seed and embeddings. `embeddings` [768] each: those of a log, because a policy has learnt
 * nothing about directions that no question has; without any, random ones.
 */
export function probeObservations(
  seed: number,
  embeddings: readonly Float32Array[] = [],
): readonly Observation[] {
  const random = new Random(seed);
  return Array.from({ length: PROBES }, (_, i) => ({
    f: embeddings[Math.floor(random.uniform() * embeddings.length)] ?? randomDirection(random),
    c: neighbourhood((3 * THIRD * (i + 0.5)) / PROBES, random),
    omega: OMEGA,
  }));
}

export function probe(
  policy: ActionProbabilities,
  observations: readonly Observation[],
): ProbeReport {
  const share = { all: 0, near: 0, far: 0 };
  const count = { near: 0, far: 0 };
  for (const observation of observations) {
    // What is not finite is executed as a direct call.
    const direct = policy(observation)[0] ?? Number.NaN;
    const cache = Number.isFinite(direct) ? 1 - direct : 0;
    const distance = observation.c[0]!;
    const third = distance < THIRD ? "near" : distance >= 2 * THIRD ? "far" : null;
    share.all += cache;
    if (third === null) continue;
    share[third] += cache;
    count[third]++;
  }
  return {
    directShare: 1 - share.all / observations.length,
    near: share.near / count.near,
    far: share.far / count.far,
  };
}

/** Ten question rows, the nearest at `distance`, the others up to 1.6 away or as far as it. */
function neighbourhood(distance: number, random: Random): Float32Array {
  const c = new Float32Array(CORRELATION_SIZE);
  const others = Array.from(
    { length: NEIGHBOURS - 1 },
    () => distance + Math.max(0, 1.6 - distance) * random.uniform(),
  ).toSorted((a, b) => a - b);
  for (const [p, d] of [distance, ...others].entries()) {
    c[p] = d;
    c[NEIGHBOURS + p] = -0.5;
    c[2 * NEIGHBOURS + p] = Math.log1p(1 + Math.floor(3 * random.uniform())) / 3;
  }
  return c;
}

function randomDirection(random: Random): Float32Array {
  const direction = Float32Array.from({ length: EMBEDDING_SIZE }, () => random.normal());
  const length = Math.hypot(...direction);
  return roundToHalf(direction.map((value) => value / length));
}

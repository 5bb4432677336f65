// Moments and weights for tests of the graph router.
import {
  type Head,
  graphParameters,
} from "../../../../../src/policy/routing/graph-router/graph-network.ts";
import {
  type ExpertView,
  type FleetView,
  type RequestView,
} from "../../../../../src/policy/routing/graph-router/graph-state.ts";
import { freshWeights } from "../../../../../src/policy/routing/graph-router/graph-weights.ts";
import { type Weights } from "../../../../../src/policy/network/layout.ts";
import { type Random } from "../../../../../src/policy/random.ts";

/** Biases, gains and last layers far from their start: what is zero hides errors. */
export const drawnWeights = (
  random: Random,
  heads: readonly Head[] = ["policy"],
  prefix = "",
): Weights =>
  new Map(
    [...freshWeights(graphParameters(heads, prefix), () => random.normal())].map(
      ([name, values]) => [
        name,
        values.map((value) => value * (name.endsWith(".out.w") ? 50 : 1) + 0.1 * random.normal()),
      ],
    ),
  );

const drawnRequest = (random: Random): RequestView => ({
  promptTokens: 500 * random.uniform(),
  predictedScore: random.uniform(),
  predictedOutputTokens: 1 + 300 * random.uniform(),
  kvShare: 0.1 * random.uniform(),
  tokensSoFar: 200 * random.uniform(),
  secondsPerToken: 0.05 * random.uniform(),
});

const drawnExpert = (random: Random, running: number, waiting: number): ExpertView => ({
  kvUse: random.uniform(),
  runningCount: running,
  waitingCount: waiting,
  decodeSeconds: 0.03 * random.uniform(),
  predictedScore: random.uniform(),
  predictedOutputTokens: 1 + 300 * random.uniform(),
  predictedSecondsPerToken: 0.05 * random.uniform(),
  predictedPenalty: 3 * random.uniform(),
  cost: random.uniform(),
  isOpen: true,
  running: Array.from({ length: running }, () => drawnRequest(random)),
  waiting: Array.from({ length: waiting }, () => drawnRequest(random)),
});

/** @param loads "3+1 0+0": two experts, the first with 3 requests running and 1 waiting, the second with nothing */
export const drawnView = (
  random: Random,
  loads: string,
  changes: Partial<FleetView> = {},
): FleetView => ({
  promptTokens: 500 * random.uniform(),
  slack: random.uniform(),
  priority: 0,
  textFeatures: Array.from({ length: 8 }, () => random.normal()),
  latencyLimit: 0.03,
  mayDrop: true,
  experts: loads.split(" ").map((load) => {
    const [running, waiting] = load.split("+").map(Number) as [number, number];
    return drawnExpert(random, running, waiting);
  }),
  ...changes,
});

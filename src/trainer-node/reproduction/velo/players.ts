// What all algorithms of the reproduction have in common, the rules of the paper and the oracles. All of them only propose:
// resolver, guards and budget carry it out.
import { type ActionNames } from "../../../policy/action.ts";
import { type PolicyOutput } from "../../../policy/network/policy.ts";
import { alwaysCache, alwaysModel, certain, greedy, oracle } from "../../simulator/baselines.ts";
import { type Executed, type Pending } from "../../simulator/executed.ts";
import { randomOf } from "../../simulator/random-of.ts";
import { type Player } from "../../simulator/scoreboard.ts";

/** A player that may choose for many requests at once, and may learn from what became of them. */
export interface BatchPlayer extends Player {
  /** One run for all; for each the output that `choose` gives. */
  chooseAll?(pendings: readonly Pending[]): Promise<readonly PolicyOutput[]>;
  /** Tells what became of a request that was chosen for, in the order in which requests were handled. */
  observe?(executed: Executed): void;
  /** From now on it neither learns nor tries things out for learning's sake. */
  freeze?(): void;
}

/** All at once where the player can, one after the other where it cannot. */
export async function chooseAll(
  player: BatchPlayer,
  pendings: readonly Pending[],
): Promise<readonly PolicyOutput[]> {
  if (player.chooseAll !== undefined) return player.chooseAll(pendings);
  const outputs: PolicyOutput[] = [];
  for (const pending of pendings) outputs.push(await player.choose(pending));
  return outputs;
}

/** Streams of one request's randomness that belong to players; the world's are small numbers (consequences.ts). */
const STREAM = { coin: 1001, explore: 1002, action: 1003, noise: 2000 } as const;

/**
 * A server's own randomness about a request: the same in every run, whatever happened before, so that algorithms meet equal
 * luck. `chain` tells the chains of one decision apart, at most 64 of them.
 */
export function randomFor(
  seed: number,
  { request, agent }: Pending,
  stream: keyof typeof STREAM,
  chain = 0,
) {
  return randomOf(seed, request.index, STREAM[stream] + 10_000 * (64 * agent + chain));
}

/** Names a request and the server that decides on it. */
export const placeOf = ({ request, agent }: Pick<Pending, "request" | "agent">): string =>
  `${request.index}/${agent}`;

/** L2 distance of the nearest row, whatever scale the policy is fed; Infinity in an empty database. */
export const nearestDistance = ({ candidates }: Pending): number =>
  candidates.reduce((nearest, { distance }) => Math.min(nearest, distance), Infinity);

/** Greedy-theta: d_min > theta -> direct, else the cache action. */
export const greedyRule = (theta: number): BatchPlayer => ({
  ...greedy(theta),
  name: `Greedy-${theta}`,
});

/** The cache action with probability 1/2. */
export const randomRule = (seed: number): BatchPlayer => ({
  ...alwaysCache,
  name: "Random",
  choose: (pending) => certain(randomFor(seed, pending, "coin").uniform() < 0.5 ? 1 : 0),
});

export const alwaysA: BatchPlayer = { ...alwaysCache, name: "Always-A" };
export const alwaysB: BatchPlayer = { ...alwaysModel, name: "Always-B" };

export interface OracleOptions {
  readonly name: string;
  /** Never a wrong answer, even where it is worth more. */
  readonly isFeasible: boolean;
  /** phi3, charged for the action "direct" in the paper's reward; 0 for the quality of service alone. */
  readonly directPenalty: number;
}

/** The better of the two actions, as resolver, guards and budget would carry them out. */
export const oracleOf = ({ name, isFeasible, directPenalty }: OracleOptions): BatchPlayer =>
  oracle(
    name,
    ({ direct, cache }) =>
      (cache.correct || !isFeasible) && cache.utility > direct.utility - directPenalty,
  );

/** Calls the model where the observation is not made of numbers: some rules would not notice. */
export function directWhereNotFinite(player: BatchPlayer): BatchPlayer {
  const { name, actions } = player;
  return {
    name,
    actions,
    choose: (pending) => (isNumeric(pending) ? player.choose(pending) : substitute(actions)),
    async chooseAll(pendings) {
      const outputs = (await chooseAll(player, pendings.filter(isNumeric))).values();
      return pendings.map((pending) =>
        isNumeric(pending) ? outputs.next().value! : substitute(actions),
      );
    },
    observe: (executed) => player.observe?.(executed),
    freeze: () => player.freeze?.(),
  };
}

const substitute = (actions: ActionNames): PolicyOutput => ({
  ...certain(0, actions),
  isSubstitute: true,
});

function isNumeric({ observation: { f, c, omega }, candidates }: Pending): boolean {
  return (
    Number.isFinite(omega) &&
    c.every(Number.isFinite) &&
    f.every(Number.isFinite) &&
    candidates.every(({ distance }) => Number.isFinite(distance))
  );
}

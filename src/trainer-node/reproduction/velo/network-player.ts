// A network as a player. The paper executes one sampled chain; the other executions show how much of what was learnt that
// gives away (a deep or shallow chain is a noisy view of one policy).
import { type ActionNames } from "../../../policy/action.ts";
import { type NetworkConfig, completeNetwork } from "../../../policy/network/layout.ts";
import { type PolicyOutput } from "../../../policy/network/policy.ts";
import { inOrder, type Pending } from "../../simulator/executed.ts";
import { type ActorAnswer, type ActorRequest, type ServedActor } from "../../served-actor.ts";
import { type BatchPlayer, randomFor } from "./players.ts";

/**
 * sampled: one chain, and an action drawn from what it says. mean-argmax, mean-sampled: the mean of several chains'
 * probabilities, its likeliest action or a drawn one. zero-noise: one chain without noise, its likeliest action.
 */
export type Execution = "sampled" | "mean-argmax" | "mean-sampled" | "zero-noise";

/** What a player asks of a network. */
export type Actor = Pick<ServedActor, "name" | "actions" | "inferAll">;

export interface NetworkPlayerOptions {
  readonly name?: string;
  /** What the actor was opened with. */
  readonly network: NetworkConfig;
  readonly execution: Execution;
  /** Chains that are averaged, 64 at most. */
  readonly chains?: number;
  readonly seed: number;
}

/** Rows of one run of the network. */
const MOST_ROWS = 1024;

export function networkPlayer(
  actor: Actor,
  { name = actor.name, network, execution, chains = 16, seed }: NetworkPlayerOptions,
): BatchPlayer {
  const { head, steps, actions } = completeNetwork(network);
  const isMean = execution === "mean-argmax" || execution === "mean-sampled";
  const hasNoise = head === "diffusion" && execution !== "zero-noise";
  const perRequest = isMean && hasNoise ? chains : 1;
  if (!(perRequest >= 1 && perRequest <= 64))
    throw new RangeError(`${chains} chains: 1 to 64 can be averaged`);
  const requestOf = (pending: Pending, chain: number): ActorRequest => {
    const random = randomFor(seed, pending, "noise", chain);
    const noise = Float32Array.from({ length: (steps + 1) * actions }, () => random.normal());
    return { ...pending.observation, noise: hasNoise ? noise : null };
  };
  const outputOf = (pending: Pending, answers: readonly ActorAnswer[]): PolicyOutput => {
    const isDrawn = execution === "sampled" || execution === "mean-sampled";
    const draw = isDrawn ? randomFor(seed, pending, "action").uniform() : null;
    return decided(meanOf(answers), draw);
  };
  const answersFor = async (pendings: readonly Pending[]): Promise<readonly PolicyOutput[]> => {
    const answers = await actor.inferAll(
      pendings.flatMap((pending) =>
        Array.from({ length: perRequest }, (_, chain) => requestOf(pending, chain)),
      ),
    );
    return pendings.map((pending, i) =>
      outputOf(pending, answers.slice(i * perRequest, (i + 1) * perRequest)),
    );
  };
  const atOnce = Math.max(1, Math.floor(MOST_ROWS / perRequest));
  return {
    name,
    actions: actor.actions satisfies ActionNames,
    choose: async (pending) => (await answersFor([pending]))[0]!,
    async chooseAll(pendings) {
      const outputs: PolicyOutput[] = [];
      for (let from = 0; from < pendings.length; from += atOnce)
        outputs.push(...(await answersFor(pendings.slice(from, from + atOnce))));
      return outputs;
    },
  };
}

function meanOf(answers: readonly ActorAnswer[]): readonly number[] {
  const [first] = answers;
  return Array.from(
    first!.probs,
    (_, action) => answers.reduce((sum, { probs }) => sum + probs[action]!, 0) / answers.length,
  );
}

/** `draw` in [0, 1) picks an action, null takes the likeliest. */
function decided(probs: readonly number[], draw: number | null): PolicyOutput {
  const logits = Float32Array.from(probs, (p) => Math.log(Math.max(p, Number.MIN_VALUE)));
  // The decision must see what is not a number.
  if (!probs.every(Number.isFinite)) return { logits, probs: Float32Array.from(probs) };
  const order = draw === null ? byProbability(probs) : drawnOrder(probs, draw);
  return { logits, probs: inOrder(order) };
}

const byProbability = (probs: readonly number[]): number[] =>
  [...probs.keys()].toSorted((a, b) => probs[b]! - probs[a]!);

/** Drawn without replacement: whatever is masked, what comes first of the others was drawn from their renormalised shares. */
function drawnOrder(probs: readonly number[], draw: number): number[] {
  const left = [...probs.keys()];
  const order: number[] = [];
  for (let place = draw; left.length > 1;) {
    const total = left.reduce((sum, action) => sum + probs[action]!, 0);
    let below = 0;
    const at = left.findIndex((action) => (below += probs[action]! / total) > place);
    const index = at === -1 ? left.length - 1 : at;
    const share = probs[left[index]!]! / total;
    // The draw's place inside the action's share is again uniform.
    place = share > 0 ? Math.min(Math.max((place - (below - share)) / share, 0), 1 - 2 ** -53) : 0;
    order.push(...left.splice(index, 1));
  }
  return [...order, ...left];
}

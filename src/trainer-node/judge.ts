// The gate over a log of lessons: what the candidate and the policy that serves propose is computed for all of them first,
// and the candidate's answers to the probes with them.
import { FIXED_RULE } from "../policy/network/greedy.ts";
import { type NetworkConfig, type Weights } from "../policy/network/layout.ts";
import { type Observation } from "../policy/network/policy.ts";
import { gate, GATE_SETTINGS, type GateVerdict, loggedDecision, probesFor } from "./gate.ts";
import { type Lesson } from "./lessons.ts";
import { ServedActor } from "./served-actor.ts";

/** [A] probabilities before the floor for each observation. */
export type Answers = (observations: readonly Observation[]) => Promise<readonly Float32Array[]>;

/** Observations of one run of the network. */
const RUN = 250;

/** A log in a fraction of the time that one decision after the other takes. */
export const answersOf =
  (network: NetworkConfig, weights: Weights): Answers =>
  async (observations) => {
    const actor = await ServedActor.open(network, weights);
    try {
      const answers: Float32Array[] = [];
      for (let at = 0; at < observations.length; at += RUN) {
        const requests = observations.slice(at, at + RUN);
        const outputs = await actor.inferAll(
          requests.map(({ f, c, omega }) => ({ f, c, omega, noise: null })),
        );
        answers.push(...outputs.map(({ probs }) => probs));
      }
      return answers;
    } finally {
      await actor.close();
    }
  };

export const answersOfRule: Answers = async (observations) =>
  (await Promise.all(observations.map((each) => FIXED_RULE.infer(each)))).map(({ probs }) => probs);

/** What the log says of the candidate beside the policy that serves. */
export async function judge(
  { network, weights }: { readonly network: NetworkConfig; readonly weights: Weights },
  current: Answers,
  log: readonly Lesson[],
  seed: number,
): Promise<GateVerdict> {
  const settings = { ...GATE_SETTINGS, seed };
  const decisions = log.map(loggedDecision);
  const probes = probesFor(decisions, settings);
  const known = async (answers: Answers, asked: readonly Observation[]) => {
    const all = await answers(asked);
    return new Map(asked.map((each, i) => [each, all[i]!]));
  };
  const ours = await known(answersOf(network, weights), [...decisions, ...probes]);
  const theirs = await known(current, decisions);
  return gate(
    (each) => ours.get(each)!,
    (each) => theirs.get(each)!,
    decisions,
    settings,
    probes,
  );
}

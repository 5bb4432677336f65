// A few hundred requests lived through in the paper's mode: real observations, experiences and samples to measure with.
import { TWO_WAY } from "../../../policy/action.ts";
import { type Experience, type Outcome } from "../../../policy/experience.ts";
import { Random } from "../../../policy/random.ts";
import {
  type Demonstration,
  type Counterfactual,
  demonstrationsFrom,
} from "../../demonstrations.ts";
import { type Sample } from "../../rollout-buffer.ts";
import { Environment } from "../../simulator/environment.ts";
import { type Pending } from "../../simulator/executed.ts";
import { geometrySource } from "../../simulator/geometry.ts";

export interface SmallWorld {
  /** Each with ten candidates. */
  readonly pendings: readonly Pending[];
  readonly experiences: readonly Experience[];
  /** Of the experiences, in their order. */
  readonly outcomes: readonly Outcome[];
  /** Without noise: it is the network's. */
  readonly samples: readonly Sample[];
  readonly demonstrations: readonly Demonstration[];
}

/** Nobody's choice: the cache is used and filled. */
const COIN = { logits: new Float32Array(2), probs: Float32Array.of(0.5, 0.5) };
/** Answers that every server has from the start, so that there are ten candidates. */
const PREFILL = 50;

/** Three servers, one request each a slot. */
export async function smallWorld(slots: number, seed: number): Promise<SmallWorld> {
  const source = geometrySource({ seed, slots, prefillTopics: PREFILL });
  const environment = new Environment({ source, seed, mode: "paper" });
  const pendings: Pending[] = [];
  const experiences: Experience[] = [];
  const outcomes: Outcome[] = [];
  const samples: Sample[] = [];
  const tried: Counterfactual[] = [];
  for (;;) {
    const slot = await environment.next();
    if (slot === null) break;
    for (const pending of slot) {
      const { f, c, omega } = pending.observation;
      const { direct, cache } = pending.counterfactual();
      tried.push({ f, c, omega, direct: direct.utility, cache: cache.utility });
      const { experience, outcome, utility } = environment.act(pending, COIN, TWO_WAY);
      if (experience === null || pending.candidates.length < 10) continue;
      const { action, mu, probs, region, at, policyVersion } = experience;
      pendings.push(pending);
      experiences.push(experience);
      outcomes.push(outcome);
      samples.push({
        f,
        c,
        omega,
        noise: null,
        action,
        mu,
        probs,
        reward: utility,
        region,
        at,
        policyVersion,
      });
    }
  }
  const demonstrations = demonstrationsFrom(tried, new Random(seed));
  return { pendings, experiences, outcomes, samples, demonstrations };
}

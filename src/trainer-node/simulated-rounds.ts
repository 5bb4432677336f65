// Experiences from the simulator: agents act in slots with the newest weights, one episode after another.
import { type ActionNames, TWO_WAY } from "../policy/action.ts";
import { encodeFloats } from "../policy/half.ts";
import { Random } from "../policy/random.ts";
import { assertSafeWeights, paperReward, weightsFor } from "../policy/reward.ts";
import { type TrainingConfig } from "./config.ts";
import { type Counterfactual, type Demonstration, demonstrationsFrom } from "./demonstrations.ts";
import { jittered } from "./jitter.ts";
import { type RoundFigures } from "./metrics.ts";
import { ReuseLedger, drawOmega, insertionBonus, shareReward, utilityAt } from "./reward.ts";
import { type RolloutBuffer } from "./rollout-buffer.ts";
import { type ServedActor } from "./served-actor.ts";
import { type Environment } from "./simulator/environment.ts";
import { type Executed, type Pending } from "./simulator/executed.ts";
import { type ExperienceSource } from "./train.ts";

export interface SimulatedRoundsOptions {
  readonly config: TrainingConfig;
  /** The world of the n-th pass, n from 0; when its stream ends the next one begins with an empty cache. */
  readonly environment: (pass: number) => Environment;
  readonly seed: number;
  readonly demonstrations?: readonly Demonstration[];
  /** Families of questions that are asked and answered as all others, and never learnt from. */
  readonly isWithheld?: (family: string) => boolean;
}

export class SimulatedRounds implements ExperienceSource {
  readonly demonstrations: readonly Demonstration[];
  readonly #options: SimulatedRoundsOptions;
  readonly #random: Random;
  readonly #reuse = new ReuseLedger();
  #pass = 0;
  #environment: Environment;
  #slots = 0;

  /** Throws RangeError for a product's price of time at which a wrong answer at once would beat a slow one. */
  constructor(options: SimulatedRoundsOptions) {
    if (options.config.reward === "product") assertSafeWeights(weightsFor(options.config.omegaMax));
    this.#options = options;
    this.#random = new Random(options.seed);
    this.#environment = options.environment(0);
    this.demonstrations = options.demonstrations ?? [];
  }

  async collect(policy: ServedActor, buffer: RolloutBuffer): Promise<RoundFigures> {
    const { config } = this.#options;
    const wanted = config.samplesPerAgent * this.#environment.regions.length;
    const seen: Executed[] = [];
    while (buffer.size < wanted) {
      if (this.#slots % config.episodeSlots === 0) this.#environment.omega = this.#drawOmega();
      const slot = await this.#nextSlot();
      seen.push(...(await this.#play(slot, policy, buffer)));
      this.#slots++;
    }
    return figuresOf(seen, config);
  }

  async #nextSlot(): Promise<readonly Pending[]> {
    for (let empty = 0; empty < 2; empty++) {
      const slot = await this.#environment.next();
      if (slot !== null) return slot;
      const { omega } = this.#environment;
      this.#environment = this.#options.environment(++this.#pass);
      this.#environment.omega = omega;
    }
    throw new Error(`${this.#environment.source.name} has no request for a policy`);
  }

  /** All agents of a slot decide at once, in one run of the network (DLRS Algorithm 2). */
  async #play(
    slot: readonly Pending[],
    policy: ServedActor,
    buffer: RolloutBuffer,
  ): Promise<readonly Executed[]> {
    const { config } = this.#options;
    const { steps, actions } = config.network;
    const requests = slot.map(({ observation }) => ({
      f: jittered(observation.f, config.embeddingNoise, this.#random),
      c: observation.c,
      omega: observation.omega,
      noise:
        config.chainNoise === "zero"
          ? null
          : Float32Array.from({ length: (steps + 1) * actions }, () => this.#random.normal()),
    }));
    const answers = await policy.inferAll(requests);
    const done = slot.map((pending, i) => {
      const noise = requests[i]!.noise;
      return this.#environment.act(pending, answers[i]!, policy.actions, {
        noise: noise === null ? "zero" : encodeFloats(noise),
        policyVersion: policy.version,
      });
    });
    const rewards = shareReward(
      done.map((each) => this.#reward(each)),
      config.teamShare,
    );
    for (const [i, { experience }] of done.entries()) {
      if (experience === null || this.#options.isWithheld?.(slot[i]!.request.family)) continue;
      const { region, at, action, mu, probs, policyVersion } = experience;
      buffer.add({
        ...requests[i]!,
        action,
        mu,
        probs,
        reward: rewards[i]!,
        region,
        at,
        policyVersion,
      });
    }
    return done;
  }

  #reward(executed: Executed): number {
    const { config } = this.#options;
    const { quality, delaySeconds, decision, insertion } = executed;
    const { omega } = this.#environment;
    if (config.reward === "paper")
      return paperReward(quality, delaySeconds, decision?.action ?? 0, {
        phi1: 1,
        phi2: omega,
        phi3: config.directPenalty,
        scale: 10,
      });
    this.#reuse.record({
      inserted: insertion,
      used: executed.experience?.usedRows ?? [],
      quality,
      delaySeconds,
      served: executed.handling === "A",
    });
    const own = utilityAt(omega, quality, delaySeconds);
    // Also for a cache action that came to a call: two actions with the same consequence must not differ.
    return insertion === null
      ? own
      : own + insertionBonus(this.#reuse.counts(omega), config.insertionWeight);
  }

  #drawOmega(): number {
    const { omegaMin, omegaMax } = this.#options.config;
    return omegaMin === omegaMax ? omegaMin : drawOmega(this.#random, omegaMin, omegaMax);
  }
}

function figuresOf(executed: readonly Executed[], { omega }: TrainingConfig): RoundFigures {
  const mean = (value: (each: Executed) => number) =>
    executed.reduce((sum, each) => sum + value(each), 0) / executed.length;
  const isServed = ({ kind }: Executed) => kind === "HIT-SEMANTIC";
  return {
    requests: executed.length,
    utility: mean(({ quality, delaySeconds }) => utilityAt(omega, quality, delaySeconds)),
    served: mean((each) => Number(isServed(each))),
    wrong: mean((each) => Number(isServed(each) && !each.correct)),
    cacheAction: mean(({ decision }) => Number(decision !== null && decision.action > 0)),
    delay: mean(({ delaySeconds }) => delaySeconds),
  };
}

/** Nobody's choice: both actions as likely, so that the cache fills and is used. */
const COIN = { logits: new Float32Array(2), probs: Float32Array.of(0.5, 0.5) };

/**
 * E_g: both handlings of every request are tried out on paper while a coin decides what really happens, until there are
 * enough demonstrations or the world's stream ends.
 */
export async function gatherDemonstrations(
  environment: Environment,
  config: TrainingConfig,
  seed: number,
): Promise<readonly Demonstration[]> {
  const random = new Random(seed);
  const tried: Counterfactual[] = [];
  const actions: ActionNames = TWO_WAY;
  let made: readonly Demonstration[] = [];
  for (let slots = 0; made.length < config.demonstrations; slots++) {
    if (slots % config.episodeSlots === 0)
      environment.omega =
        config.omegaMin === config.omegaMax
          ? config.omegaMin
          : drawOmega(random, config.omegaMin, config.omegaMax);
    const slot = await environment.next();
    if (slot === null) break;
    for (const pending of slot) {
      const { direct, cache } = pending.counterfactual();
      const { c, omega } = pending.observation;
      const f = jittered(pending.observation.f, config.embeddingNoise, random);
      tried.push({ f, c, omega, direct: direct.utility, cache: cache.utility });
      environment.act(pending, COIN, actions);
    }
    if (slots % 100 === 99) made = demonstrationsFrom(tried, new Random(seed));
  }
  return demonstrationsFrom(tried, new Random(seed)).slice(0, config.demonstrations);
}

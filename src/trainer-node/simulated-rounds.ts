// Experiences from the simulator: agents act in slots with the newest weights, one episode after another.
import { type ActionNames, TWO_WAY } from "../policy/action.ts";
import { encodeFloats } from "../policy/half.ts";
import { Random } from "../policy/random.ts";
import { assertSafeWeights, paperReward, weightsFor } from "../policy/reward.ts";
import { type TrainingConfig } from "./config.ts";
import {
  type Counterfactual,
  type Demonstration,
  demonstrationsFrom,
  MIN_MARGIN,
} from "./demonstrations.ts";
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
      if (this.#slots % config.episodeSlots === 0)
        this.#environment.omega = omegaOfEpisode(config, this.#random);
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
    const { quality, delaySeconds, insertion } = executed;
    const { omega } = this.#environment;
    if (config.reward === "paper") return rewardInSeconds(executed, omega, config);
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
}

/** 10 (q - omega d - phi3 [direct]), of the agent itself (DLRS Eq. 12). */
function rewardInSeconds(
  { quality, delaySeconds, decision }: Executed,
  omega: number,
  { directPenalty }: TrainingConfig,
): number {
  const weights = { phi1: 1, phi2: omega, phi3: directPenalty, scale: 10 };
  return paperReward(quality, delaySeconds, decision?.action ?? 0, weights);
}

function figuresOf(executed: readonly Executed[], config: TrainingConfig): RoundFigures {
  const { omega } = config;
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
    ...(config.reward === "paper" && {
      reward: mean((each) => rewardInSeconds(each, omega, config)),
      quality: mean(({ quality }) => quality),
    }),
  };
}

/** Nobody's choice: both actions as likely, so that the cache fills and is used. */
const COIN = { logits: new Float32Array(2), probs: Float32Array.of(0.5, 0.5) };

/**
 * E_g: both handlings of every request are tried out on paper while a coin decides what really happens, until there are
 * enough demonstrations or the world's stream ends. With the paper's reward the whole stream is played, and demonstrations
 * are drawn evenly along it: from databases of every fill, and as many as there are of "direct", which its penalty makes rare.
 */
export async function gatherDemonstrations(
  environment: Environment,
  config: TrainingConfig,
  seed: number,
): Promise<readonly Demonstration[]> {
  const random = new Random(seed);
  const isPaper = config.reward === "paper";
  const tried: Counterfactual[] = [];
  const drawn = new EvenDraw(config.demonstrations, new Random(seed));
  const actions: ActionNames = TWO_WAY;
  let made: readonly Demonstration[] = [];
  for (let slots = 0; made.length < config.demonstrations; slots++) {
    if (slots % config.episodeSlots === 0) environment.omega = omegaOfEpisode(config, random);
    const slot = await environment.next();
    if (slot === null) break;
    for (const pending of slot) {
      const { direct, cache } = pending.counterfactual();
      const { c, omega } = pending.observation;
      const shown = () => {
        const f = jittered(pending.observation.f, config.embeddingNoise, random);
        return { f, c, omega, direct: direct.utility - penalty, cache: cache.utility };
      };
      const penalty = isPaper ? config.directPenalty : 0;
      if (isPaper) drawn.offer(cache.utility - direct.utility + penalty, shown);
      else tried.push(shown());
      environment.act(pending, COIN, actions);
    }
    if (!isPaper && slots % 100 === 99) made = demonstrationsFrom(tried, new Random(seed));
  }
  const all = isPaper ? drawn.all() : tried;
  return demonstrationsFrom(all, new Random(seed)).slice(0, config.demonstrations);
}

/** Keeps at most so many of each label, every one of a stream as likely as any other (reservoir sampling). */
class EvenDraw {
  readonly #most: number;
  readonly #random: Random;
  readonly #labels = [0, 1].map(() => ({ offered: 0, kept: [] as Counterfactual[] }));

  constructor(most: number, random: Random) {
    this.#most = most;
    this.#random = random;
  }

  /** @param margin how much the cache is worth more; @param make called for what is kept */
  offer(margin: number, make: () => Counterfactual): void {
    if (Math.abs(margin) <= MIN_MARGIN) return;
    const label = this.#labels[margin > 0 ? 1 : 0]!;
    const place = Math.floor(this.#random.uniform() * ++label.offered);
    if (label.kept.length < this.#most) label.kept.push(make());
    else if (place < this.#most) label.kept[place] = make();
  }

  all(): readonly Counterfactual[] {
    return this.#labels.flatMap(({ kept }) => kept);
  }
}

/** The paper's own weights may be anything; the product's are refused where they are not safe. */
function omegaOfEpisode({ reward, omegaMin, omegaMax }: TrainingConfig, random: Random): number {
  if (omegaMin === omegaMax) return omegaMin;
  return reward === "paper"
    ? omegaMin * (omegaMax / omegaMin) ** random.uniform()
    : drawOmega(random, omegaMin, omegaMax);
}

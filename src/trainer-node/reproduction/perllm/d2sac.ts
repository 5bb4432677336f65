// AGOD as it is specified: a diffusion policy over the edges, learnt by discrete soft actor-critic with two critics (D2SAC, Du
// et al. 2024). Learns while it decides; `frozen` plays without learning or noise.
import {
  diffusion,
  type StepCoefficients,
  stepCoefficients,
} from "../../../policy/network/diffusion.ts";
import { Random } from "../../../policy/random.ts";
import { type Answer, type Player, type RequestSeen, type ServerView } from "./player.ts";
import { D2SAC } from "./settings.ts";
import { SmallNetwork, type Trace } from "./small-network.ts";

interface Experience {
  readonly state: Float64Array;
  readonly action: number;
  /** State of the next decision; null until there was one. */
  next: Float64Array | null;
  /** null until the answer. */
  reward: number | null;
}

interface Denoised {
  readonly logits: Float64Array;
  /** From the first step to the last. */
  readonly steps: readonly {
    readonly trace: Trace;
    readonly epsilon: Float64Array;
    readonly x0: Float64Array;
    readonly coefficients: StepCoefficients;
  }[];
}

/** Logits stay within it: with as few updates as here they would not come back from farther away. */
const CLIP = 3;

export class D2sac {
  readonly #edges: number;
  readonly #random: Random;
  readonly #actor: SmallNetwork;
  readonly #critics: readonly SmallNetwork[];
  readonly #targets: readonly SmallNetwork[];
  /** Of the first step first. */
  readonly #steps: readonly StepCoefficients[];
  readonly #memory: Experience[] = [];
  #answers = 0;

  constructor(edges: number, seed: number) {
    this.#edges = edges;
    this.#random = new Random(seed);
    const { hidden, steps, schedule } = D2SAC;
    const state = 1 + 2 * edges;
    this.#actor = new SmallNetwork([edges + 1 + state, hidden, hidden, edges], this.#random);
    const critic = () => new SmallNetwork([state, hidden, hidden, edges], this.#random);
    this.#critics = [critic(), critic()];
    this.#targets = [critic(), critic()];
    for (const [i, target] of this.#targets.entries()) target.approach(this.#critics[i]!, 1);
    const tables = diffusion(schedule, steps);
    this.#steps = Array.from({ length: steps }, (_, i) => stepCoefficients(tables, steps - i));
  }

  learning(): Player {
    const open = new Map<number, Experience>();
    let last: Experience | null = null;
    return {
      choose: (request, servers) => {
        const state = this.#stateOf(request, servers);
        const shares = softmax(this.#denoise(state, true).logits);
        const action = drawn(shares, this.#random.uniform());
        if (last !== null) {
          last.next = state;
          this.#remember(last);
        }
        last = { state, action, next: null, reward: null };
        open.set(request.index, last);
        return { server: action };
      },
      observe: ({ request, seconds }: Answer) => {
        const experience = open.get(request.index)!;
        open.delete(request.index);
        const late = seconds > D2SAC.limitSeconds ? 1 : 0;
        experience.reward = 1 - seconds / D2SAC.limitSeconds - late;
        this.#remember(experience);
      },
    };
  }

  frozen(): Player {
    return {
      choose: (request, servers) => {
        const { logits } = this.#denoise(this.#stateOf(request, servers), false);
        return { server: logits.indexOf(Math.max(...logits)) };
      },
    };
  }

  /** Once the answer and the next decision are known, whichever comes last. */
  #remember(experience: Experience): void {
    if (experience.next === null || experience.reward === null) return;
    const { memory, warmUp, updateEvery } = D2SAC;
    this.#memory[this.#answers++ % memory] = experience;
    if (this.#answers >= warmUp && this.#answers % updateEvery === 0) this.#update();
  }

  /** One minibatch: critics towards r + gamma V(s'), the actor towards what they prefer, targets a little of the way. */
  #update(): void {
    const { batch, gamma, entropy, learningRate, targetRate } = D2SAC;
    for (let sample = 0; sample < batch; sample++) {
      const place = Math.floor(this.#random.uniform() * this.#memory.length);
      const { state, action, next, reward } = this.#memory[place]!;
      const after = softmax(this.#denoise(next!, true).logits);
      const worth = leastOf(this.#targets, next!);
      let value = 0;
      for (const [i, share] of after.entries())
        value += share * (worth[i]! - entropy * Math.log(share));
      for (const critic of this.#critics) {
        const trace = critic.forward(state);
        const by = new Float64Array(this.#edges);
        by[action] = trace.at(-1)![action]! - (reward! + gamma * value);
        critic.backward(trace, by);
      }
      this.#improve(state);
    }
    for (const critic of this.#critics) critic.update(learningRate, batch);
    this.#actor.update(learningRate, batch);
    for (const [i, target] of this.#targets.entries())
      target.approach(this.#critics[i]!, targetRate);
  }

  /**
   * Loss sum_a pi_a (alpha log pi_a - Q_a); by logit i it changes as pi_i (c_i - sum_a pi_a c_a), c = alpha log pi - Q. From
   * there back through the chain.
   */
  #improve(state: Float64Array): void {
    const denoised = this.#denoise(state, true);
    const shares = softmax(denoised.logits);
    const worth = leastOf(this.#critics, state);
    const costs = shares.map((share, i) => D2SAC.entropy * Math.log(share) - worth[i]!);
    const mean = costs.reduce((sum, cost, i) => sum + shares[i]! * cost, 0);
    let by = shares.map((share, i) => share * (costs[i]! - mean));
    for (const { trace, epsilon, x0, coefficients } of denoised.steps.toReversed()) {
      const { keep, remove, toX0, toKappa } = coefficients;
      // A clipped value only moves back inside.
      const byX0 = by.map((each, i) =>
        Math.abs(x0[i]!) < CLIP || each * x0[i]! > 0 ? each * toX0 : 0,
      );
      const byOutput = byX0.map((each, i) => -each * remove * (1 - epsilon[i]! ** 2));
      const byInput = this.#actor.backward(trace, byOutput);
      by = by.map((each, i) => each * toKappa + byX0[i]! * keep + byInput[i]!);
    }
  }

  /** kappa_T from noise, then `steps` times eps = tanh(network(kappa, tau, state)) and a step of the reverse chain. */
  #denoise(state: Float64Array, isNoisy: boolean): Denoised {
    const n = this.#edges;
    const noise = () => (isNoisy ? this.#random.normal() : 0);
    let kappa = Float64Array.from({ length: n }, noise);
    const steps = this.#steps.map((coefficients, i) => {
      const input = new Float64Array(n + 1 + state.length);
      input.set(kappa);
      input[n] = (this.#steps.length - i) / this.#steps.length;
      input.set(state, n + 1);
      const trace = this.#actor.forward(input);
      const epsilon = trace.at(-1)!.map(Math.tanh);
      const { keep, remove, toX0, toKappa, sigma } = coefficients;
      const x0 = kappa.map((each, a) =>
        Math.max(-CLIP, Math.min(CLIP, each * keep - epsilon[a]! * remove)),
      );
      kappa = kappa.map((each, a) => x0[a]! * toX0 + each * toKappa + sigma * noise());
      return { trace, epsilon, x0, coefficients };
    });
    return { logits: kappa, steps };
  }

  /** Size of the request; of each edge how full its slots and its link are. */
  #stateOf({ megabits }: RequestSeen, servers: readonly ServerView[]): Float64Array {
    const state = new Float64Array(1 + 2 * this.#edges);
    state[0] = megabits / 10;
    for (let i = 0; i < this.#edges; i++) {
      const { uploading, waiting, running, slots, uplinkMegabits } = servers[i]!;
      state[1 + 2 * i] = (uploading + waiting + running) / slots - 1;
      state[2 + 2 * i] = uplinkMegabits / 10;
    }
    return state;
  }
}

/** The lesser of the critics' values of each action. */
function leastOf(critics: readonly SmallNetwork[], state: Float64Array): Float64Array {
  const [first, second] = critics.map((critic) => critic.forward(state).at(-1)!);
  return first!.map((value, i) => Math.min(value, second![i]!));
}

function softmax(logits: Float64Array): Float64Array {
  const most = Math.max(...logits);
  const weights = logits.map((logit) => Math.exp(logit - most));
  const sum = weights.reduce((total, weight) => total + weight, 0);
  return weights.map((weight) => weight / sum);
}

function drawn(shares: Float64Array, draw: number): number {
  let left = draw;
  const place = shares.findIndex((share) => (left -= share) < 0);
  return place === -1 ? shares.length - 1 : place;
}

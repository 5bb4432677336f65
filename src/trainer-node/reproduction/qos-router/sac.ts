// Discrete soft actor-critic on a simulated fleet: the whole loop on one page. Decisions come at arrivals, so a reward that is
// dt seconds away counts gamma^(dt / tau0) (semi-Markov); what finishes between two decisions is credited to the first.
//
//   r = QoS of what finished since - kappa * impact - eta * [dropped] * best predicted score
import { type Weights } from "../../../policy/network/layout.ts";
import { Random } from "../../../policy/random.ts";
import { drawn, openSoftmax } from "../../../policy/routing/graph-router/graph-router.ts";
import {
  type GraphState,
  PaddedGraphs,
  graphStateOf,
} from "../../../policy/routing/graph-router/graph-state.ts";
import { freshWeights } from "../../../policy/routing/graph-router/graph-weights.ts";
import { momentsOf } from "../../graph/adam.ts";
import { type Backend } from "../../graph/backend.ts";
import { type Computation } from "../../graph/computation.ts";
import { Fleet, type FleetOptions, type FleetRequest } from "./fleet.ts";
import {
  CRITIC,
  LOG_TEMPERATURE,
  type SacNetworks,
  TARGET,
  actingGraph,
  actorShapes,
  criticShapes,
  sacStep,
} from "./graph-training.ts";
import { Replay } from "./sac-replay.ts";
import { type RewardOptions, immediate, potentialOf } from "./sac-reward.ts";
import { type ViewOptions, fleetView } from "./router-player.ts";
import { SAC } from "./settings.ts";

interface Episode {
  readonly fleet: FleetOptions;
  readonly requests: readonly FleetRequest[];
}

export interface SacOptions {
  readonly networks: SacNetworks;
  readonly view: ViewOptions;
  readonly backend: Backend;
  readonly seed: number;
  /** The same for the same index; asked for one after another until all decisions are made. */
  readonly episode: (index: number) => Episode;
  readonly decisions: number;
  /** Decisions at random before the first update. */
  readonly randomDecisions?: number;
  /** May be a fraction. */
  readonly updatesPerDecision?: number;
  readonly batch?: number;
  readonly buffer?: number;
  readonly learningRate?: number;
  /** What it goes to in a straight line; `learningRate` when left out. */
  readonly lastLearningRate?: number;
  readonly temperatureRate?: number;
  readonly firstTemperature?: number;
  readonly gamma?: number;
  /** tau0: after so many seconds a reward counts gamma. */
  readonly usualGapSeconds: number;
  readonly polyak?: number;
  readonly targetEntropy?: number;
  readonly maxNorm?: number;
  readonly reward?: RewardOptions;
  readonly onEpisode?: (report: EpisodeReport) => void;
}

export interface EpisodeReport {
  readonly episode: number;
  readonly decisions: number;
  /** Per decision, impact included. */
  readonly meanReward: number;
  readonly meanQos: number;
  /** Of the last update; null before the first. */
  readonly losses: Readonly<Record<string, number>> | null;
}

export interface TrainedRouter {
  /** Of the actor. */
  readonly weights: Weights;
  readonly updates: number;
  /** Updates that were thrown away because a number was not finite. */
  readonly refused: number;
}

export async function trainSac(options: SacOptions): Promise<TrainedRouter> {
  const { networks, seed, decisions, randomDecisions = SAC.randomSteps } = options;
  const { updatesPerDecision = SAC.updatesPerStep, reward = {} } = options;
  const { size } = networks;
  const random = new Random(seed);
  const learner = await Learner.open(options, random);
  const replay = new Replay(options.buffer ?? SAC.buffer);
  let made = 0;
  let owed = 0;
  for (let index = 0; made < decisions; index++) {
    const { fleet: settings, requests } = options.episode(index);
    const fleet = new Fleet(settings);
    const count = settings.experts.length;
    /** The last decision, until it is known what came of it. */
    let open: Decision | null = null;
    let rewards = 0;
    let qos = 0;
    const first = made;
    const close = (at: number, next: GraphState | null, potential: number, gained: number) => {
      if (open === null) return;
      const seconds = Math.max(0, at - open.at);
      const discount =
        next === null ? 0 : (options.gamma ?? SAC.gamma) ** (seconds / options.usualGapSeconds);
      const total = open.reward + gained + discount * potential - open.potential;
      rewards += total;
      replay.add({ ...open, reward: total, discount, next: next ?? open.state });
      open = null;
    };
    const gainedUntil = (until: number): number => {
      const gained = fleet.advance(until).reduce((sum, each) => sum + each.qos, 0);
      qos += gained;
      return gained;
    };
    for (const request of requests) {
      if (made >= decisions) break;
      const gained = gainedUntil(request.at);
      const arrival = fleet.arrivalOf(request);
      const state = graphStateOf(fleetView(arrival, options.view));
      // Without a state nothing can be learnt from this moment; the fleet goes on without the request.
      if (state === null || !state.open.includes(1)) continue;
      const potential = potentialOf(arrival, reward);
      close(request.at, state, potential, gained);
      const choice =
        made < randomDecisions
          ? drawn(uniform(state.open), random.uniform())
          : await learner.act(state);
      if (choice < count) fleet.send(request, choice);
      open = {
        state,
        action: choice < count ? choice : size.experts,
        at: request.at,
        potential,
        reward: immediate(arrival, choice < count ? choice : null, reward),
      };
      made++;
      if (made <= randomDecisions) continue;
      owed += updatesPerDecision;
      for (; owed >= 1; owed--) await learner.update(replay, made / decisions);
    }
    close(Infinity, null, 0, gainedUntil(Infinity));
    if (made === first) throw new RangeError(`episode ${index} has nothing to decide`);
    options.onEpisode?.({
      episode: index,
      decisions: made,
      meanReward: rewards / (made - first),
      meanQos: qos / (made - first),
      losses: learner.losses,
    });
  }
  return learner.finish();
}

interface Decision {
  readonly state: GraphState;
  readonly action: number;
  readonly at: number;
  readonly potential: number;
  readonly reward: number;
}

function uniform(open: Uint8Array): Float64Array {
  const count = open.reduce((sum, each) => sum + each, 0);
  return Float64Array.from(open, (each) => each / count);
}

/** The networks under training. */
class Learner {
  readonly #options: SacOptions;
  readonly #random: Random;
  readonly #step: Computation;
  readonly #acting: Computation;
  readonly #batch: number;
  readonly #now: PaddedGraphs;
  readonly #next: PaddedGraphs;
  readonly #one: PaddedGraphs;
  #updates = 0;
  #refused = 0;
  #losses: Record<string, number> | null = null;

  private constructor(options: SacOptions, random: Random, step: Computation, acting: Computation) {
    const { size } = options.networks;
    this.#options = options;
    this.#random = random;
    this.#step = step;
    this.#acting = acting;
    this.#batch = options.batch ?? SAC.batch;
    this.#now = new PaddedGraphs(size, this.#batch);
    this.#next = new PaddedGraphs(size, this.#batch);
    this.#one = new PaddedGraphs(size, 1);
  }

  static async open(options: SacOptions, random: Random): Promise<Learner> {
    const { networks, backend, batch = SAC.batch, polyak = SAC.polyak, maxNorm = 10 } = options;
    const { onnx, ...state } = sacStep({ ...networks, batch, polyak, maxNorm });
    const step = await backend.compile(onnx, state);
    const normal = () => random.normal();
    const actor = freshWeights(actorShapes(networks), normal);
    const critic = freshWeights(criticShapes(networks, CRITIC), normal);
    const values = new Map<string, Float32Array>([...actor, ...critic]);
    for (const [name, weights] of critic) values.set(TARGET + name.slice(CRITIC.length), weights);
    values.set(LOG_TEMPERATURE, Float32Array.of(Math.log(options.firstTemperature ?? 0.2)));
    // The moments of Adam start at zero.
    for (const name of [...actor.keys(), ...critic.keys(), LOG_TEMPERATURE])
      for (const moment of momentsOf(name))
        values.set(moment, new Float32Array(values.get(name)!.length));
    step.writeState(values);
    const { onnx: actingOnnx, stateful } = actingGraph(networks);
    const acting = await backend.compile(actingOnnx, { stateful, state: step.state });
    return new Learner(options, random, step, acting);
  }

  get losses(): Readonly<Record<string, number>> | null {
    return this.#losses;
  }

  /** A choice drawn from the policy, as a position in the state. */
  async act(state: GraphState): Promise<number> {
    const { size } = this.#options.networks;
    this.#one.set(0, state);
    const { values } = await this.#acting.run({ ...this.#one.arrays });
    const experts = state.open.length - 1;
    const logits = Float32Array.of(...values!.subarray(0, experts), values![size.experts]!);
    return drawn(openSoftmax(logits, state.open) ?? uniform(state.open), this.#random.uniform());
  }

  /** @param progress share of the decisions that are made */
  async update(replay: Replay, progress: number): Promise<void> {
    const { networks, targetEntropy = SAC.targetEntropy } = this.#options;
    const { learningRate: first = SAC.learningRates[1], temperatureRate = SAC.temperatureRate } =
      this.#options;
    const { lastLearningRate: last = first } = this.#options;
    const learningRate = first + progress * (last - first);
    const width = networks.size.experts + 1;
    const batch = this.#batch;
    const action = new Float32Array(batch * width);
    const reward = new Float32Array(batch);
    const discount = new Float32Array(batch);
    const entropies = new Float32Array(batch);
    for (let row = 0; row < batch; row++) {
      const each = replay.draw(this.#random);
      this.#now.set(row, each.state);
      this.#next.set(row, each.next);
      action[row * width + each.action] = 1;
      reward[row] = each.reward;
      discount[row] = each.discount;
      const open = each.state.open.reduce((sum, isOpen) => sum + isOpen, 0);
      entropies[row] = targetEntropy * Math.log(open);
    }
    const feeds: Record<string, Float32Array> = {
      ...this.#now.arrays,
      action,
      reward,
      discount,
      targetEntropy: entropies,
      step: Float32Array.of(++this.#updates - this.#refused),
      "learningRate.actor": Float32Array.of(learningRate),
      "learningRate.critic": Float32Array.of(learningRate),
      "learningRate.temperature": Float32Array.of(temperatureRate),
    };
    for (const [name, values] of Object.entries(this.#next.arrays)) feeds[`next.${name}`] = values;
    const results = await this.#step.run(feeds);
    if (results["finite"]![0] !== 1) this.#refused++;
    this.#losses = Object.fromEntries(
      Object.entries(results).map(([name, values]) => [name, values[0]!]),
    );
  }

  async finish(): Promise<TrainedRouter> {
    const state = await this.#step.readState();
    const names = [...actorShapes(this.#options.networks).keys()];
    const weights = new Map(names.map((name) => [name, state.get(name)!]));
    await this.#acting.dispose();
    await this.#step.dispose();
    return { weights, updates: this.#updates, refused: this.#refused };
  }
}

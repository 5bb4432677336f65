// RewardlessGuidance as it is specified (active inference, He et al. 2024): an ensemble of models of how long each server
// takes, and plans of the next few requests by the cross-entropy method. It knows no deadlines.
import { Random } from "../../../policy/random.ts";
import { NormalEquations } from "../velo/normal-equations.ts";
import { type Answer, type Player, type ServerView } from "./player.ts";
import { PLANNING } from "./settings.ts";

/** 1, megabits of the request, megabits before it in the link, requests that will wait for a slot. */
const FEATURES = 4;

export function plannedGuidance(): Player {
  const models = new Map<string, Ensemble>();
  const sent = new Map<number, Float64Array>();
  const modelOf = (id: string) => {
    const known = models.get(id);
    if (known !== undefined) return known;
    const made = new Ensemble();
    models.set(id, made);
    return made;
  };
  let answers = 0;
  return {
    choose: (request, servers) => {
      const random = new Random(Math.floor(request.draws[2] * 2 ** 32));
      const ensembles = servers.map(({ id }) => modelOf(id));
      const server = planned(servers, ensembles, request.megabits, random);
      sent.set(request.index, featuresOf(servers[server]!, request.megabits, 0));
      return { server };
    },
    observe: ({ request, server, seconds }: Answer) => {
      const features = sent.get(request.index)!;
      sent.delete(request.index);
      const random = new Random(Math.floor(request.draws[1] * 2 ** 32));
      modelOf(server).add(features, seconds, random);
      if (++answers % PLANNING.episode === 0) for (const model of models.values()) model.fit();
    },
  };
}

/** First action of the best plan: servers of this request and of the next ones, which are taken to be like it. */
function planned(
  servers: readonly ServerView[],
  models: readonly Ensemble[],
  megabits: number,
  random: Random,
): number {
  const { horizon, plans, iterations, elite, leastShare } = PLANNING;
  const n = servers.length;
  const shares = Array.from({ length: horizon }, () => new Float64Array(n).fill(1 / n));
  // What a server's next request, the one after it, ... are worth does not depend on the plan otherwise.
  const worths = servers.map((server, i) =>
    Array.from({ length: horizon }, (_, before) =>
      worthOf(server, models[i]!.predict(featuresOf(server, megabits, before))),
    ),
  );
  for (let iteration = 0; iteration < iterations; iteration++) {
    const sampled = Array.from({ length: plans }, () => {
      const actions = shares.map((share) => drawn(share, random.uniform()));
      const before = new Uint8Array(n);
      let score = 0;
      for (const action of actions) score += worths[action]![before[action]!++]!;
      return { actions, score };
    });
    const best = sampled.toSorted((a, b) => b.score - a.score).slice(0, elite);
    for (const [step, share] of shares.entries()) {
      share.fill(leastShare);
      for (const { actions } of best) share[actions[step]!]! += (1 - n * leastShare) / elite;
    }
  }
  return shares[0]!.indexOf(Math.max(...shares[0]!));
}

/** Expected information gain, the disagreement of the ensemble, and rg = tc (1 / L + P). */
function worthOf({ kind }: ServerView, { mean, deviation }: Prediction): number {
  const { limitSeconds, leastSeconds, accuracy } = PLANNING;
  const isCompleted = mean <= limitSeconds;
  return deviation + (isCompleted ? 1 / Math.max(leastSeconds, mean) + accuracy[kind] : 0);
}

/** @param before planned requests that go there first */
function featuresOf(server: ServerView, megabits: number, before: number): Float64Array {
  const { uplinkMegabits, uploading, waiting, running, slots } = server;
  const excess = Math.max(0, uploading + waiting + running + before + 1 - slots);
  return Float64Array.of(
    1,
    megabits / 10,
    (uplinkMegabits + before * megabits) / 10,
    excess / slots,
  );
}

function drawn(shares: Float64Array, draw: number): number {
  let left = draw;
  const place = shares.findIndex((share) => (left -= share) < 0);
  return place === -1 ? shares.length - 1 : place;
}

interface Prediction {
  readonly mean: number;
  readonly deviation: number;
}

/** Linear models of seconds, each of another part of the answers. Before the first fit all say 0: as good as nothing. */
class Ensemble {
  readonly #members = Array.from({ length: PLANNING.members }, () => new NormalEquations(FEATURES));
  #weights: readonly Float64Array[] = this.#members.map(() => new Float64Array(FEATURES));

  add(features: Float64Array, seconds: number, random: Random): void {
    for (const member of this.#members)
      if (random.uniform() < PLANNING.memberShare) member.add(features, seconds);
  }

  fit(): void {
    this.#weights = this.#members.map((member) => member.solve(PLANNING.ridge));
  }

  predict(features: Float64Array): Prediction {
    let sum = 0;
    let squares = 0;
    for (const weights of this.#weights) {
      let seconds = 0;
      for (const [i, weight] of weights.entries()) seconds += weight * features[i]!;
      sum += seconds;
      squares += seconds * seconds;
    }
    const count = this.#weights.length;
    const mean = sum / count;
    return { mean, deviation: Math.sqrt(Math.max(0, squares / count - mean * mean)) };
  }
}

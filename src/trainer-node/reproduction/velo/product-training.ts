// One pipeline for every head, the one that the shipped policies come from: imitation of requests of which both handlings were
// tried out, then MAPPO, and of all weights on the way those most surely better than the fixed rule on a withheld fifth.
import { type NetworkConfig, type Weights } from "../../../policy/network/layout.ts";
import { Random } from "../../../policy/random.ts";
import { BestWeights } from "../../best-weights.ts";
import { PRODUCT_TRAINING, type TrainingConfig } from "../../config.ts";
import { demonstrationsFrom } from "../../demonstrations.ts";
import { openBackend } from "../../graph/backend.ts";
import {
  IMITATION,
  type Tried,
  cacheAction,
  imitate,
  isUnseen,
  isWithheld,
  tryBoth,
} from "../../imitation.ts";
import { Mappo } from "../../mappo.ts";
import { initialActor } from "../../networks.ts";
import { SimulatedRounds } from "../../simulated-rounds.ts";
import { type Environment } from "../../simulator/environment.ts";
import { train } from "../../train.ts";
import { valueRegression } from "./value-regression.ts";
import { type BatchPlayer } from "./players.ts";
import { IMITATED_PASS, type ProductSize, type ProductWorld } from "./product-worlds.ts";

export interface Trained {
  readonly weights: Weights;
  /** Requests that were tried out both ways, and decisions of its own, that it learnt from: equal for all heads. */
  readonly tried: number;
  readonly samples: number;
  /** Gradient steps of MAPPO. As many for every head: nothing stops an update early. */
  readonly steps: number;
  readonly updatesKept: number;
  /** The update whose weights were kept; 0 are those of imitation. */
  readonly keptUpdate: number;
  /** Worth of the kept weights on the withheld fifth, above that of the fixed rule, U per request. */
  readonly aboveRule: number;
  readonly seconds: number;
}

/** Both handlings of everything that the imitated passes bring. */
export async function tryPasses(
  { calibration }: ProductWorld,
  { imitatedPasses }: ProductSize,
): Promise<readonly Tried[]> {
  const all: Tried[] = [];
  for (let pass = 0; pass < imitatedPasses; pass++)
    all.push(...(await tryBoth(calibration(IMITATED_PASS + pass))));
  return all;
}

/** Product training, with as many gradient steps whatever the head learns from them. */
function productConfig(network: NetworkConfig, size: ProductSize): TrainingConfig {
  const { samplesPerAgent, epochs, minibatchSize } = size;
  return {
    ...PRODUCT_TRAINING,
    network,
    samplesPerAgent,
    epochs,
    minibatchSize,
    // A head that moves faster would otherwise get fewer steps than another; far-off updates are still taken back.
    targetKl: Infinity,
  };
}

export async function trainHead(options: {
  readonly network: NetworkConfig;
  readonly world: ProductWorld;
  readonly tried: readonly Tried[];
  readonly size: ProductSize;
  readonly seed: number;
  readonly updates: number;
}): Promise<Trained> {
  const { network, world, tried, size, seed, updates } = options;
  const started = performance.now();
  const config = productConfig(network, size);
  const backend = await openBackend("cpu", { threads: 1 });
  const imitated = await imitate(
    tried,
    initialActor(network, new Random(seed)),
    backend,
    { network, ...IMITATION, epochs: size.imitationEpochs },
    new Random(seed),
  );
  const mappo = await Mappo.create({ config, backend, seed, updates, actor: imitated.weights });
  const best = new BestWeights(tried, IMITATION.caution);
  await best.consider(mappo.policy, imitated.weights, 0);
  const demonstrations = demonstrationsFrom(
    tried.filter((one) => !isUnseen(one)),
    new Random(seed),
  )
    .slice(0, config.demonstrations)
    .map((one) => Object.assign({}, one, { action: one.action === 1 ? cacheAction(network) : 0 }));
  const source = new SimulatedRounds({
    config,
    environment: world.calibration,
    seed,
    demonstrations,
    isWithheld,
  });
  const history = await train({
    mappo,
    source,
    updates,
    onUpdate: async ({ update }) =>
      void (await best.consider(mappo.policy, await mappo.actorWeights(), update)),
  });
  await mappo.close();
  const { weights, update, worth } = best.kept;
  return {
    weights,
    tried: tried.length,
    samples: history.reduce((sum, { samples }) => sum + samples, 0),
    steps: history.reduce((sum, { accesses }) => sum + accesses, 0),
    updatesKept: history.filter(({ status }) => status === "updated").length,
    keptUpdate: update,
    aboveRule: worth.value - worth.rule,
    seconds: (performance.now() - started) / 1000,
  };
}

/**
 * The regression learns from what it did itself, nothing else being known of a request in service: as many requests as the
 * heads try out, and then as many as they act on.
 */
export async function trainRegression(options: {
  readonly world: ProductWorld;
  readonly size: ProductSize;
  readonly seed: number;
  readonly updates: number;
}): Promise<{ readonly player: BatchPlayer }> {
  const { world, size, seed, updates } = options;
  const player = valueRegression({ mode: "product", seed });
  for (let pass = 0; pass < size.imitatedPasses; pass++)
    await learnFrom(world.calibration(IMITATED_PASS + pass), player, Infinity);
  let left = updates * size.samplesPerAgent * world.regions.length;
  for (let pass = 0; left > 0; pass++)
    left -= await learnFrom(world.calibration(pass), player, left);
  player.freeze?.();
  return { player };
}

/** At most so many decisions, slot by slot; how many there were. */
async function learnFrom(
  environment: Environment,
  player: BatchPlayer,
  most: number,
): Promise<number> {
  let decisions = 0;
  for (let slot = await environment.next(); slot !== null; slot = await environment.next()) {
    for (const pending of slot) {
      const output = await player.choose(pending);
      player.observe?.(environment.act(pending, output, player.actions));
      decisions++;
    }
    if (decisions >= most) break;
  }
  if (decisions === 0) throw new Error(`${environment.source.name} has no request for a policy`);
  return decisions;
}

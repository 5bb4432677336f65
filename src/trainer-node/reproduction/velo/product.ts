// Which head does the product ship? Every policy that could serve meets the same requests behind the production's resolver,
// guards, verifier and budget; the rule that picks one (shippingVerdict) was fixed before the first figure.
import { elements, parameterShapes } from "../../../policy/network/layout.ts";
import { Forward } from "../../../policy/network/forward.ts";
import { FIXED_RULE } from "../../../policy/network/greedy.ts";
import { CORRELATION_SIZE, EMBEDDING_SIZE } from "../../../policy/network/policy.ts";
import { quantile } from "../../intervals.ts";
import { type Tried } from "../../imitation.ts";
import { ServedActor } from "../../served-actor.ts";
import {
  alwaysCache,
  alwaysModel,
  bestFeasibleThreshold,
  feasibleOracle,
  greedy,
  playerOf,
} from "../../simulator/baselines.ts";
import { networkOf } from "./learned.ts";
import { type ProductAlgorithm, isHead } from "./product-algorithms.ts";
import { type Chooser, type ProductFigures, measure } from "./product-figures.ts";
import { type Trained, trainHead, tryPasses, trainRegression } from "./product-training.ts";
import {
  FULL_SIZE,
  type ProductSize,
  type ProductWorld,
  type ProductWorldName,
  QUICK_SIZE,
  productWorld,
} from "./product-worlds.ts";

export interface ProductParams {
  readonly algorithm: ProductAlgorithm;
  readonly world: ProductWorldName;
  readonly seed: number;
  /** Of MAPPO, behind imitation. */
  readonly updates: number;
  readonly quick: boolean;
}

export interface ProductRow extends ProductFigures {
  readonly algorithm: ProductAlgorithm;
  readonly world: ProductWorldName;
  readonly seed: number;
  /** Null where nothing is learnt. */
  readonly training: Omit<Trained, "weights"> | null;
  /** The threshold chosen on the calibration half. */
  readonly threshold: number | null;
  /** Of networks: weights, and the median time of one decision in TypeScript on this machine. */
  readonly cost: { readonly parameters: number; readonly decisionMs: number } | null;
}

/** Learns where there is something to learn, then plays the measured stream. Plain data, equal for equal parameters but times. */
export async function productJob(params: ProductParams): Promise<ProductRow> {
  const { algorithm, world: name, seed, quick } = params;
  const size = quick ? QUICK_SIZE : FULL_SIZE;
  const world = productWorld(name, seed, size);
  const chosen = await chooserFor(params, world, size);
  const figures = await measure(world.measured(), chosen.player);
  await chosen.close?.();
  const { training = null, threshold = null, cost = null } = chosen;
  return { algorithm, world: name, seed, ...figures, training, threshold, cost };
}

interface Chosen extends Partial<Pick<ProductRow, "training" | "threshold" | "cost">> {
  readonly player: Chooser;
  readonly close?: () => Promise<void>;
}

/** Distances that are tried as thresholds: fewer than elsewhere, since each is a whole pass. */
const THRESHOLDS = [0.2, 0.35, 0.5, 0.65, 0.95];

async function chooserFor(
  params: ProductParams,
  world: ProductWorld,
  size: ProductSize,
): Promise<Chosen> {
  const { algorithm, seed, updates } = params;
  if (isHead(algorithm)) {
    const network = networkOf(algorithm, "product");
    const tried = await triedIn(params, world, size);
    const { weights, ...training } = await trainHead({
      network,
      world,
      tried,
      size,
      seed,
      updates,
    });
    const actor = await ServedActor.open(network, weights);
    const parameters = [...parameterShapes(network).values()].reduce(
      (sum, dims) => sum + elements(dims),
      0,
    );
    const decisionMs = timeOf(new Forward(network, weights));
    return {
      player: playerOf(actor),
      training,
      cost: { parameters, decisionMs },
      close: () => actor.close(),
    };
  }
  switch (algorithm) {
    case "value-regression":
      return await trainRegression({ world, size, seed, updates });
    case "fixed-rule":
      return { player: playerOf(FIXED_RULE) };
    case "best-threshold": {
      const { feasible } = await bestFeasibleThreshold(() => world.calibration(0), THRESHOLDS);
      // Where even the least of them is wrong too often, nothing is served.
      const threshold = feasible?.theta ?? null;
      return { player: threshold === null ? alwaysModel : greedy(threshold), threshold };
    }
    case "guards-alone":
      return { player: alwaysCache };
    case "always-model":
      return { player: alwaysModel };
    case "feasible-oracle":
      return { player: feasibleOracle };
    default:
      algorithm satisfies never;
      throw new Error(`no algorithm ${String(algorithm)}`);
  }
}

/** What was tried last, for the next head of the same world: all of them learn from it. */
let lastTried: { readonly key: string; readonly tried: readonly Tried[] } | null = null;

async function triedIn(
  { world: name, seed, quick }: ProductParams,
  world: ProductWorld,
  size: ProductSize,
): Promise<readonly Tried[]> {
  const key = `${name} ${seed} ${quick}`;
  if (lastTried?.key !== key) lastTried = { key, tried: await tryPasses(world, size) };
  return lastTried.tried;
}

const TIMED = 40;

/** Milliseconds of one decision, median. */
function timeOf(forward: Forward): number {
  const { actions, steps } = forward.config;
  const f = new Float32Array(EMBEDDING_SIZE).fill(1 / Math.sqrt(EMBEDDING_SIZE));
  const c = new Float32Array(CORRELATION_SIZE);
  const noise = new Float32Array((steps + 1) * actions);
  const times = Array.from({ length: TIMED }, () => {
    const started = performance.now();
    forward.run(f, c, -1, noise);
    return performance.now() - started;
  });
  return quantile(times, 0.5);
}

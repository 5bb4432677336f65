// Where heads are compared in product mode: the questions that come with the project, whose calibration half is learnt from
// and whose other half is measured, and the synthetic world, where one world is learnt from and an unseen one measured.
import { BUILT_IN_EMBEDDER, builtInEmbed } from "../../built-in-embedder.ts";
import { Environment } from "../../simulator/environment.ts";
import { geometrySource } from "../../simulator/geometry.ts";
import { type Half, loadBundled, onlyHalf } from "../../simulator/groups.ts";
import { type RequestSource, workloadSource } from "../../simulator/source.ts";
import { generateWorkload } from "../../simulator/workload.ts";

export type ProductWorldName = "workload" | "geometry";

export interface ProductSize {
  /** Requests of the stream that figures come from, and of each pass over what is learnt from. */
  readonly requests: number;
  /** Requests of which both handlings are tried out before the policy acts, in so many passes. */
  readonly imitatedPasses: number;
  readonly imitationEpochs: number;
  /** Samples of an agent, and gradient steps, of one update. */
  readonly samplesPerAgent: number;
  readonly epochs: number;
  /** Samples of one gradient step. */
  readonly minibatchSize: number;
}

export const FULL_SIZE: ProductSize = {
  requests: 3000,
  imitatedPasses: 2,
  imitationEpochs: 24,
  samplesPerAgent: 300,
  epochs: 4,
  minibatchSize: 180,
};
/** The same code in seconds; its figures decide nothing. */
export const QUICK_SIZE: ProductSize = {
  requests: 500,
  imitatedPasses: 1,
  imitationEpochs: 7,
  samplesPerAgent: 20,
  epochs: 1,
  minibatchSize: 30,
};

export interface ProductWorld {
  /** A fresh environment to learn in; every pass has randomness of its own. */
  readonly calibration: (pass: number) => Environment;
  /** A fresh environment to measure in, always the same. */
  readonly measured: () => Environment;
}

const REGIONS = ["us", "eu", "asia"] as const;
/** As `npm run train` has it: fewer than the gateway could take, so that most answers are there when they could be used again. */
const RATE_PER_SECOND = 1;
const ANSWER_TOKENS = 200;
/** The unseen synthetic world is this many seeds away: other topics, other hidden sensitivities. */
const UNSEEN = 1000;
/** Passes that are imitated lie so far from those in which the policy acts. */
export const IMITATED_PASS = 1_000_000;

export function productWorld(
  name: ProductWorldName,
  seed: number,
  { requests }: Pick<ProductSize, "requests">,
): ProductWorld {
  if (name === "geometry") {
    const slots = Math.ceil(requests / REGIONS.length);
    // One world for all passes: what is hidden in it stays what it is, what is random about a request does not.
    const world = (worldSeed: number, seedOfPass: number) =>
      environment(geometrySource({ seed: worldSeed, slots, regions: REGIONS }), seedOfPass);
    return {
      calibration: (pass) => world(seed, seed + pass),
      measured: () => world(seed + UNSEEN, seed + UNSEEN),
    };
  }
  const bundled = loadBundled();
  const half = (which: Half, streamSeed: number) => {
    const groups = onlyHalf(bundled, which);
    const stream = { groups, requests, seed: streamSeed, ratePerSecond: RATE_PER_SECOND };
    const source = workloadSource({
      requests: generateWorkload({ ...stream, regions: REGIONS }).requests,
      groups,
      embedder: BUILT_IN_EMBEDDER,
      embed: builtInEmbed,
      minDelayTokens: ANSWER_TOKENS,
    });
    return environment(source, streamSeed);
  };
  return {
    calibration: (pass) => half("calibration", seed + pass),
    measured: () => half("measured", seed),
  };
}

const environment = (source: RequestSource, seed: number): Environment =>
  new Environment({ source, seed, mode: "product", regions: REGIONS, epsilon: 0.02, omega: 0.1 });

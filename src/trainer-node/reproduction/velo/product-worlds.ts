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
  readonly requests: Readonly<Record<ProductWorldName, number>>;
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
  // One bundled question in forty or so is ever served from the cache: it takes many to tell policies apart.
  requests: { workload: 3000, geometry: 1500 },
  imitatedPasses: 2,
  imitationEpochs: 16,
  samplesPerAgent: 150,
  epochs: 4,
  minibatchSize: 90,
};
/** The same code in seconds; its figures decide nothing. */
export const QUICK_SIZE: ProductSize = {
  requests: { workload: 500, geometry: 300 },
  imitatedPasses: 1,
  imitationEpochs: 7,
  samplesPerAgent: 20,
  epochs: 1,
  minibatchSize: 30,
};

export interface ProductWorld {
  readonly regions: readonly string[];
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
  size: Pick<ProductSize, "requests">,
): ProductWorld {
  const requests = size.requests[name];
  // Sources never change: one serves as many environments as are asked for.
  const sources = new Map<string, RequestSource>();
  const environment = (half: Half, sourceSeed: number, worldSeed: number): Environment => {
    const key = `${half} ${sourceSeed}`;
    const source =
      sources.get(key) ??
      (name === "geometry"
        ? geometrySource({
            seed: sourceSeed,
            slots: Math.ceil(requests / REGIONS.length),
            regions: REGIONS,
          })
        : questions(half, requests, sourceSeed));
    sources.set(key, source);
    const options = { source, seed: worldSeed, regions: REGIONS, epsilon: 0.02, omega: 0.1 };
    return new Environment({ ...options, mode: "product" });
  };
  return name === "geometry"
    ? {
        regions: REGIONS,
        // One world for all passes: what is hidden in it stays what it is, what is random about a request does not.
        calibration: (pass) => environment("calibration", seed, seed + pass),
        measured: () => environment("measured", seed + UNSEEN, seed + UNSEEN),
      }
    : {
        regions: REGIONS,
        calibration: (pass) => environment("calibration", seed + pass, seed + pass),
        measured: () => environment("measured", seed, seed),
      };
}

function questions(half: Half, requests: number, seed: number): RequestSource {
  const groups = onlyHalf(loadBundled(), half);
  const stream = { groups, requests, seed, ratePerSecond: RATE_PER_SECOND, regions: REGIONS };
  return workloadSource({
    requests: generateWorkload(stream).requests,
    groups,
    embedder: BUILT_IN_EMBEDDER,
    embed: builtInEmbed,
    minDelayTokens: ANSWER_TOKENS,
  });
}

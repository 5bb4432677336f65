// The settings of a world as the simulator's options.
import { Environment } from "../../simulator/environment.ts";
import { type GeometrySource, geometrySource, serverNames } from "../../simulator/geometry.ts";
import { NEW_REQUEST_KNOTS, type WorldSettings } from "./settings.ts";

export interface PaperWorld extends Pick<GeometrySource, "testRequests"> {
  readonly settings: WorldSettings;
  readonly source: GeometrySource;
}

/** @param slots requests of each server */
export function paperWorld(settings: WorldSettings, seed: number, slots: number): PaperWorld {
  const source = geometrySource({
    seed,
    slots,
    regions: serverNames(settings.servers),
    slotSeconds: settings.slotSeconds,
    topics: settings.topics,
    strangers: settings.strangers,
    prefill: settings.prefill,
    zipf: settings.zipf,
    homeShare: settings.homeShare,
    translationShare: settings.translationShare,
    sensitivity: { mean: settings.sensitivityMean, sigma: settings.sensitivitySigma },
    learnableShare: settings.learnableShare,
    quality: settings.quality,
    hitSeconds: settings.hitSeconds,
    modelSeconds: settings.modelSeconds,
    notesSeconds: settings.notesSeconds,
    notesHelp: settings.notesHelp,
    congestion: settings.congestion,
    newDistances: NEW_REQUEST_KNOTS,
  });
  return { settings, source, testRequests: (count, kind) => source.testRequests(count, kind) };
}

/** Two periods of eviction: so long a new row is safe from the watermark rule. */
const GRACE_SLOTS = 600;

/** The paper's mode: raw correlation matrix, no guards, no exploration beside the policy's own draws. */
export function paperEnvironment({ settings, source }: PaperWorld, seed: number): Environment {
  const { eviction, firstValue, serveDistance, capacity, slotSeconds } = settings;
  return new Environment({
    source,
    seed,
    mode: "paper",
    epsilon: 0,
    limits: { paperServeDistance: serveDistance },
    paperCache:
      eviction === "watermark"
        ? { eviction, value: "relative", capacity, graceMs: 1000 * GRACE_SLOTS * slotSeconds }
        : { eviction, value: "literal", firstValue },
  });
}

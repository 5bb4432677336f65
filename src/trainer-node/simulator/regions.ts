// The regions of a world, by name.
import { type RegionSettings } from "../../durable/region-core.ts";
import { type ResolverLimits } from "../../policy/cache/resolver.ts";
import { type AgentRegion } from "./agent-region.ts";
import { ExactIndex } from "./index-search.ts";
import { PaperRegion } from "./paper-region.ts";
import { type PaperCacheOptions, PaperRows } from "./paper-rows.ts";
import { SimulatedRegion } from "./simulated-region.ts";
import { type RequestSource, type SimulatedRequest } from "./source.ts";
import { type StoredAnswers } from "./stored-answers.ts";

interface Given {
  readonly regions: readonly string[];
  /** Milliseconds since the epoch. */
  readonly now: number;
  readonly source: RequestSource;
  readonly answers: StoredAnswers;
  readonly limits: ResolverLimits;
}

/** One index for all, as in production; regions of one cache domain search one namespace. */
export function productRegions(
  { regions, now, source, answers, limits }: Given,
  settings: Partial<RegionSettings>,
): ReadonlyMap<string, AgentRegion> {
  const { coldStartDistance, coldStartMatch, deltaHit, scorer } = limits;
  const shared = {
    now,
    settings,
    index: new ExactIndex((embedding) => source.toSearchSpace(embedding)),
    vectorOf: (request: SimulatedRequest) => source.searchVectorOf(request),
    objects: answers.objects,
    coldStart: { distance: coldStartDistance, deltaHit },
    ...(scorer !== undefined &&
      coldStartMatch !== undefined && { scorer: { id: scorer, coldStart: coldStartMatch } }),
  };
  return new Map(
    regions.map((name) => [
      name,
      new SimulatedRegion({ ...shared, name, namespace: answers.namespaceOf(name) }),
    ]),
  );
}

/** Regions of one cache domain have one database. */
export function paperRegions(
  { regions, now, source, answers }: Given,
  options: PaperCacheOptions,
): ReadonlyMap<string, AgentRegion> {
  const vectorOf = (request: SimulatedRequest) => source.searchVectorOf(request);
  const databases = new Map<string, PaperRows>();
  return new Map(
    regions.map((name) => {
      const namespace = answers.namespaceOf(name);
      const database =
        databases.get(namespace) ?? new PaperRows(options, (ansId) => answers.drop(ansId));
      databases.set(namespace, database);
      return [name, new PaperRegion({ now, database, vectorOf })];
    }),
  );
}

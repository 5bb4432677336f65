// What the gateway logged, as the trainer gets it: leased from the three regions over signed requests, joined, and
// acknowledged after a checkpoint holds what was learnt from it.
import { RESOLVER_VERSION } from "../../src/policy/cache/resolver.ts";
import { type TrainerPack } from "../../src/durable/leases.ts";
import { type EdgeClient } from "../../src/trainer-node/edge-client.ts";
import {
  type Lesson,
  type Lessons,
  lessonsFrom,
  NO_LESSONS,
} from "../../src/trainer-node/lessons.ts";
import { packSources, type PullCounts, Puller } from "../../src/trainer-node/pull.ts";
import { type HttpReplay } from "./http-replay.ts";
import { EMBEDDER } from "./world.ts";

export interface Pulled {
  readonly lessons: readonly Lesson[];
  readonly omitted: Lessons["omitted"];
  readonly counts: PullCounts;
  /** Runs `write` with the ids of what was pulled, then acknowledges it. */
  readonly save: Puller["save"];
}

/** Everything that the regions hold now. */
export async function pullExperiences(
  edges: readonly EdgeClient[],
  replay: HttpReplay,
): Promise<Pulled> {
  const puller = new Puller({ sources: edges.flatMap((edge) => packSources(edge, 1, "demo")) });
  const seconds = delaysOf(replay);
  const packs: TrainerPack[] = [];
  for (let batch = await puller.next(); batch !== null; batch = await puller.next()) {
    const outcomes = batch.outcomes.map((outcome) =>
      Object.assign({}, outcome, {
        delaySeconds: seconds.get(outcome.expId) ?? outcome.delaySeconds,
      }),
    );
    packs.push({ packId: `${batch.place} ${packs.length}`, ...batch, outcomes });
  }
  const { lessons, omitted } = lessonsFrom(packs, NO_LESSONS, {
    now: Date.now(),
    tenant: null,
    embedder: EMBEDDER.id,
    resolverVersion: RESOLVER_VERSION,
    version: null,
    // Whoever labels has done so already.
    waitMs: 0,
    maxWaiting: 0,
  });
  return { lessons, omitted, counts: puller.counts, save: (write) => puller.save(write) };
}

/**
 * Unscaled seconds by decision. The gateway saw a model that answered fifty times faster than assumed, so that the replay
 * ends; whoever learnt from that would learn that the cache saves next to nothing.
 */
function delaysOf({ outcomes }: HttpReplay): ReadonlyMap<string, number> {
  return new Map(
    outcomes.flatMap(({ decision, delaySeconds }) =>
      decision === undefined ? [] : [[decision, delaySeconds]],
    ),
  );
}

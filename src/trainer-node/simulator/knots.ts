import { distanceKnots, withDistances } from "../../policy/distance-quantiles.ts";
import { FIXED_RULE } from "../../policy/network/greedy.ts";
import { type Environment } from "./environment.ts";

/** The scale of distances that a region would have learnt from a world's stream under the fixed rule; null: too short. */
export async function knotsOf(world: Environment): Promise<readonly number[] | null> {
  const { id: embedder } = world.source.embedder;
  const seen: { readonly embedder: string; readonly nearest: number }[] = [];
  for (let slot = await world.next(); slot !== null; slot = await world.next())
    for (const pending of slot) {
      const nearest = Math.min(2, ...pending.candidates.map(({ distance }) => distance));
      seen.push({ embedder, nearest });
      world.act(pending, await FIXED_RULE.infer(pending.observation), FIXED_RULE.actions);
    }
  return distanceKnots(withDistances(null, seen) ?? { embedder, counts: [] });
}

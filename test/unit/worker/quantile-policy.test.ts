// A policy that serves with any embedder: fed quantiles of distances, and nothing before the region knows them.
import { expect, test } from "vitest";
import { TWO_WAY } from "../../../src/policy/action.ts";
import {
  distanceKnots,
  quantileOf,
  withDistances,
} from "../../../src/policy/distance-quantiles.ts";
import { decodeHalf } from "../../../src/policy/half.ts";
import { greedyPolicy } from "../../../src/policy/network/greedy.ts";
import { type Observation, type Policy } from "../../../src/policy/network/policy.ts";
import { World } from "../../support/world.ts";

const CAPITAL = "What is the capital of France?";
const REPHRASED = "Tell me the capital of France";
/** sqrt(2 - 2 * 0.97). */
const DISTANCE = Math.sqrt(0.06);

const knotsFor = (embedder: string) => {
  const seen = Array.from({ length: 600 }, (_, i) => ({ embedder, nearest: (i + 1) / 600 }));
  return { embedder, knots: distanceKnots(withDistances(null, seen)!)! };
};

/** A world in which version 7, which wants quantiles, is the stable policy. */
async function worldOf(embedder: string | null) {
  const fed: Observation[] = [];
  const seven: Policy = {
    version: 7,
    name: "any-7",
    actions: TWO_WAY,
    input: "quantiles",
    infer: (observation) => {
      fed.push(observation);
      return greedyPolicy(2).infer(observation);
    },
  };
  const builtIn = greedyPolicy(0.95);
  const world = new World();
  world.policies = () => ({
    policy: (versions) => (versions[0] === 0 ? builtIn : seven),
    refreshPolicies: () => Promise.resolve(),
  });
  world.alike(REPHRASED, CAPITAL, 0.97);
  await world.ask(CAPITAL);
  await world.settleAll();
  for (const region of world.regions.values()) {
    region.policy = { stable: 7, candidate: null, share: 0 };
    if (embedder !== null) region.distances = knotsFor(embedder);
  }
  // The region's word is asked for again after a minute.
  await world.clock.advance(61_000);
  await world.ask("Something else entirely?");
  await world.settleAll();
  fed.length = 0;
  await world.ask(REPHRASED);
  await world.settleAll();
  return { fed, experience: world.reported.experiences.at(-1)! };
}

test("is fed quantiles and no embedding, and what is stored is what was fed, with the distance beside it", async () => {
  const { fed, experience } = await worldOf("test/embedder");
  expect(experience).toMatchObject({ policyVersion: 7, sub: "A" });
  expect(experience.nearest).toBeCloseTo(DISTANCE, 5);
  const quantile = quantileOf(knotsFor("test/embedder").knots, experience.nearest!);
  // 2 F(0.245) with F = 0.95 * 0.245 + 0.05 * 0.245 / 2.
  expect(quantile).toBeCloseTo(2 * (0.95 * DISTANCE + (0.05 * DISTANCE) / 2), 2);
  expect(fed).toHaveLength(1);
  expect(fed[0]!.c[0]).toBeCloseTo(quantile, 6);
  expect(fed[0]!.f.every((value) => value === 0)).toBe(true);
  expect(experience.c).toEqual([...fed[0]!.c]);
  expect(decodeHalf(experience.f)).toEqual(fed[0]!.f);
});

test.each([
  ["before the region knows the embedder's distances", null],
  ["while the region only knows another embedder's", "other/embedder"],
])("gives way to the built-in rule %s", async (_, embedder) => {
  const { fed, experience } = await worldOf(embedder);
  expect(fed).toEqual([]);
  expect(experience).toMatchObject({ policyVersion: 0, sub: "A" });
  expect(experience.c[0]).toBeCloseTo(DISTANCE, 5);
  expect(experience.nearest).toBeCloseTo(DISTANCE, 5);
});

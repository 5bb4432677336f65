// What a region says of a slice, and what it is told so that it can: language, scorer, match.
import { expect, test } from "vitest";
import { type PairScorer } from "../../../../src/policy/verifier/pair-scorer.ts";
import { REPHRASED, examinedWorld } from "../../../support/examined-world.ts";

/** Finds every pair to fit with 0.98: matchDistance 0.2. */
const SCORER: PairScorer = {
  id: "always-98",
  score: () => ({ probability: 0.98, matchDistance: 0.2, reasons: [] }),
  coldStartMatch: () => 0.25,
  knowsCosine: () => true,
};

test("a slice's reach keeps rows without labels from being served farther out, on whichever axis serves", async () => {
  for (const [scorer, near, far] of [
    // Cosine 0.97 is a distance of 0.245.
    [null, 0.25, 0.24],
    [SCORER, 0.21, 0.19],
  ] as const) {
    const { world, key } = await examinedWorld();
    world.scorer = scorer;
    world.draws = () => 0.9;
    for (const [reach, result] of [
      [near, /^HIT-SEMANTIC/],
      [far, /^MISS/],
    ] as const) {
      world.region().orders = { slices: { "acme/en": { reach, examine: 0.05 } } };
      await world.clock.advance(61_000);
      const reply = await world.ask(REPHRASED, { key: key() });
      expect(reply.headers.get("x-velo-cache")).toMatch(result);
    }
  }
});

test("labels of every kind name the scorer and its match; outcomes name the language, reports the scorer that serves", async () => {
  const { world, key } = await examinedWorld();
  world.scorer = SCORER;
  const hit = await world.ask(REPHRASED, { key: key(), body: { user: "ann" } });
  await world.ask(REPHRASED, { key: key(), body: { user: "ann" } });
  await world.settleAll();
  const about = { expId: hit.headers.get("x-velo-decision"), match: 0.2, scorer: "always-98" };
  expect(world.reported.labels).toMatchObject([
    { ...about, source: "regenerate" },
    // p = 0.98 and a first reuse: 4 * 0.5 * sqrt(0.98 * 0.02) = 0.28.
    { ...about, source: "shadow", samplingProbability: expect.closeTo(0.28, 6) },
  ]);
  expect(world.reported.outcomes.map(({ lang }) => lang)).toEqual(["en", "en", "en"]);
  const { received } = world.region();
  expect(received[0]).not.toHaveProperty("scorer");
  expect(received.at(-1)!.scorer).toEqual({ id: "always-98", coldStart: 0.25 });
});

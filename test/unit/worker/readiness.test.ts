// What anybody may ask without a key must not cost more the more often it is asked.
import { expect, test } from "vitest";
import { readinessOf } from "../../../src/worker/readiness.ts";
import { World } from "../../support/world.ts";

test("readiness is found out twice a second at most, however often it is asked for", async () => {
  const world = new World();
  const ask = () =>
    readinessOf(world.config.regions[0]!, world.ports(world.isolate, world.clock.wait));
  const [first] = await world.clock.run(Promise.all([ask(), ask(), ask()]));
  expect(first).toEqual({
    embed: "ok 10 ms",
    vectors: "ok 20 ms",
    store: "ok 5 ms",
    region: "ok 15 ms",
  });
  world.faults.embed = "down";
  expect(await world.clock.run(ask())).toEqual(first);
  expect(world.embedded).toEqual(["ready"]);
  await world.clock.advance(600);
  expect(await world.clock.run(ask())).toMatchObject({ embed: "error" });
});

// Whose time it was: of the backend that answers, of the one that was asked before it, or of the client that reads.
import { expect, test, vi } from "vitest";
import { believed, forecastsOf } from "../../../src/durable/backend-state.ts";
import { World } from "../../support/world.ts";

const backend = (name: string, auto: Readonly<Record<string, unknown>>) => ({
  name,
  kind: "openai",
  baseUrl: "http://127.0.0.1:9/v1",
  firstByteTimeoutMs: 5_000,
  models: [{ id: "m", inputUsdPerMillionTokens: 1, outputUsdPerMillionTokens: 1, auto }],
});
const GUESS = { firstTokenSeconds: 0.2, secondsPerToken: 0.01 };
const newWorld = () =>
  new World({
    config: {
      upstreams: [
        backend("good", { quality: 0.9, ...GUESS }),
        backend("other", { quality: 0.5, ...GUESS }),
      ],
    },
  });
const stream = { body: { model: "velo/auto", stream: true, temperature: 1 } };
const known = (world: World) => {
  const now = world.clock.now();
  const { state } = world.isolate.desk("region/us/0").backendsAt(now);
  return { ...believed(state, "good/m", GUESS, now), calls: forecastsOf(state).view("good/m") };
};

/** Asks, and waits so long before it reads each next piece. */
async function readSlowly(world: World, prompt: string, pauseMs: number): Promise<void> {
  const response = await world.clock.run(world.open(prompt, stream));
  const reader = response.body!.getReader();
  while (!(await world.clock.run(reader.read())).done) await world.clock.advance(pauseMs);
  await world.settleAll();
}

test("a client that reads slowly makes nobody's answers look slow, and no failure", async () => {
  const world = newWorld();
  world.model.script = () => ({ text: "12345678", pieceMs: 20, firstByteMs: 200 });
  await readSlowly(world, "slow", 10_000);
  const slow = known(world);
  // Its first byte is known, and how long it took is not.
  expect(slow.firstTokenSeconds!.deviation).toBeGreaterThan(0);
  expect(slow.secondsPerToken).toEqual({ mean: 0.01, deviation: 0 });
  expect([slow.calls, slow.failureShare]).toEqual([null, 0]);
  await readSlowly(world, "quick", 0);
  expect(known(world).calls?.calls).toBe(1);
  // A tenth of the time is no matter.
  await readSlowly(world, "nearly as quick", 1);
  expect(known(world).calls?.calls).toBe(2);
});

test("what one backend lost is not the next one's time", async () => {
  const world = newWorld();
  const observe = vi.spyOn(world.isolate.selection(world.config), "observe");
  world.model.script = ({ upstream: { name } }) => ({
    text: "12345678",
    pieceMs: 20,
    firstByteMs: name === "good" ? 60_000 : 200,
  });
  await world.ask("failing over", stream);
  await world.settleAll();
  const [lost, answered] = observe.mock.calls.map(([outcome]) => outcome);
  expect([lost!.backend, lost!.succeeded, lost!.seconds]).toEqual(["good/m", false, 5]);
  expect([answered!.backend, answered!.succeeded]).toEqual(["other/m", true]);
  expect(answered!.seconds).toBeLessThan(2);
});

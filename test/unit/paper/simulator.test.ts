// The paper's world: what each handling takes (Eq. 3), and that nobody beats whoever knows both outcomes.
import { describe, expect, test } from "vitest";
import { TWO_WAY } from "../../../src/policy/action.ts";
import { Random } from "../../../src/policy/random.ts";
import {
  alwaysCache,
  alwaysModel,
  certain,
  feasibleOracle,
  greedy,
  unconstrainedOracle,
} from "../../../src/trainer-node/simulator/baselines.ts";
import { Environment } from "../../../src/trainer-node/simulator/environment.ts";
import { type Pending } from "../../../src/trainer-node/simulator/executed.ts";
import { geometrySource } from "../../../src/trainer-node/simulator/geometry.ts";
import { play, type Player } from "../../../src/trainer-node/simulator/scoreboard.ts";
import { near } from "../../support/near.ts";

const SEED = Number(process.env["SEED"] ?? 20_261_121);
console.log(`seed ${SEED}`);

describe("delay (Eq. 3)", () => {
  // Topics with an answer are served, the others get notes.
  const paperWorld = (congestion: number) =>
    new Environment({
      source: {
        ...geometrySource({ seed: SEED, slots: 20, topics: 20, prefillTopics: 10 }),
        edgeDelay: () => ({ exact: 0.01, lookUp: 0.05, answer: 0.01 }),
        modelSeconds: () => 7.7,
        notesSeconds: () => 3.8,
        congestion,
      },
      seed: SEED,
      mode: "paper",
    });

  test("Eq. 3: A takes d^e = 0.06 s, B the call of 7.7 s besides the look-up, C the notes' 3.8 s more", async () => {
    const environment = paperWorld(0);
    const taken = { A: 0.05 + 0.01, B: 0.05 + 7.7, C: 0.05 + 7.7 + 3.8 };
    const seen = new Set<string>();
    for (let slot = await environment.next(); slot !== null; slot = await environment.next())
      for (const pending of slot) {
        const { direct, cache } = pending.counterfactual();
        for (const { handling, delaySeconds } of [direct, cache]) {
          expect(delaySeconds).toBeCloseTo(taken[handling], 9);
          seen.add(handling);
        }
        environment.act(pending, certain(0), TWO_WAY);
      }
    expect(seen).toEqual(new Set(["A", "B", "C"]));
  });

  test("each call under way makes the next one 15 % slower: 7.7, 8.855 and 10.01 s", async () => {
    const environment = paperWorld(0.15);
    const slot = (await environment.next())!;
    const seconds = slot.map((pending) => {
      const { delaySeconds } = pending.counterfactual().direct;
      environment.act(pending, certain(0), TWO_WAY);
      return delaySeconds - 0.05;
    });
    expect(seconds).toEqual(near([7.7, 8.855, 10.01], 9));
  });
});

describe("with the paper's reward at omega 0.1 and a model of 7.7 s", () => {
  const source = geometrySource({ seed: SEED, slots: 30, topics: 100, prefillTopics: 30 });
  const world = (mode: "paper" | "product") => new Environment({ source, seed: SEED, mode });
  const random = new Random(SEED);
  const coin: Player = {
    name: "random",
    actions: TWO_WAY,
    choose: () => certain(random.uniform() < 0.5 ? 0 : 1),
  };
  const everybody = [alwaysCache, alwaysModel, greedy(0.1), greedy(0.3), greedy(0.5), coin];

  /** What the likelier action of a player would come to. */
  async function worthOf(player: Player, pending: Pending): Promise<number> {
    const { probs } = await player.choose(pending);
    const { direct, cache } = pending.counterfactual();
    return (probs[1]! > probs[0]! ? cache : direct).utility;
  }

  test.each(["paper", "product"] as const)(
    "nobody beats the oracle on any request of the same world (%s)",
    async (mode) => {
      const environment = world(mode);
      const sums = new Map<string, number>();
      const better: string[] = [];
      let best = 0;
      for (let slot = await environment.next(); slot !== null; slot = await environment.next())
        for (const pending of slot) {
          const oracle = await worthOf(unconstrainedOracle, pending);
          best += oracle;
          for (const player of [...everybody, feasibleOracle]) {
            const worth = await worthOf(player, pending);
            if (worth > oracle) better.push(player.name);
            sums.set(player.name, (sums.get(player.name) ?? 0) + worth);
          }
          environment.act(pending, await coin.choose(pending), TWO_WAY);
        }
      expect(better).toEqual([]);
      console.log(mode, "oracle", best, Object.fromEntries(sums));
      // Not for want of a difference.
      expect(best).toBeGreaterThan(Math.max(sums.get("always-cache")!, sums.get("always-model")!));
    },
  );

  test("Always-A beats Always-B although it answers wrongly", async () => {
    const [cache, model] = [
      await play(world("paper"), alwaysCache),
      await play(world("paper"), alwaysModel),
    ];
    console.log(`mean utility: cache ${cache.meanUtility}, model ${model.meanUtility}`);
    expect(cache.meanUtility).toBeGreaterThan(model.meanUtility);
    expect(cache.wrongPerRequest.count).toBeGreaterThan(0);
    expect(model.wrongPerRequest.count).toBe(0);
  });
});

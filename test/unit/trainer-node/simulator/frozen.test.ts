import { describe, expect, test } from "vitest";
import { THREE_WAY } from "../../../../src/policy/action.ts";
import { Random } from "../../../../src/policy/random.ts";
import {
  alwaysCache,
  alwaysModel,
  certain,
  greedy,
} from "../../../../src/trainer-node/simulator/baselines.ts";
import { Environment } from "../../../../src/trainer-node/simulator/environment.ts";
import { type Pending } from "../../../../src/trainer-node/simulator/executed.ts";
import { type FrozenPlayer } from "../../../../src/trainer-node/simulator/frozen.ts";
import { geometrySource } from "../../../../src/trainer-node/simulator/geometry.ts";
import { meanOf } from "../../../../src/trainer-node/intervals.ts";

const seed = Number(process.env["SEED"] ?? 20_261_121);
console.log(`frozen seed ${seed}`);

const source = geometrySource({ seed, slots: 330, topics: 150, strangers: 60, prefill: 40 });
const similar = source.testRequests(75, "similar");
const unknown = source.testRequests(75, "new");

/** A world whose databases a fixed rule has filled. */
async function trained(paperServeDistance = 0.6): Promise<Environment> {
  const environment = new Environment({
    source,
    seed,
    mode: "paper",
    limits: { paperServeDistance },
    paperCache: { eviction: "none" },
  });
  const rule = greedy(0.4);
  for (let slot = 0; slot < 300; slot++)
    for (const pending of (await environment.next())!)
      environment.act(pending, await rule.choose(pending), rule.actions, { greedy: true });
  return environment;
}

const environment = await trained();
const players = [greedy(0.1), greedy(0.3), greedy(0.5), alwaysModel, alwaysCache];
/** All three actions, by a coin that is the request's and the server's own. */
const threeWay: FrozenPlayer = {
  actions: THREE_WAY,
  choose: ({ request, agent }) =>
    certain(Math.floor(3 * new Random(7 * request.index + agent).uniform()), THREE_WAY),
};

describe("a frozen test", () => {
  test("changes nothing: the databases are the same before and after, and so is what follows", async () => {
    const [tested, untouched] = [await trained(), await trained()];
    const rows = () => tested.regions.map((region) => tested.rows(region));
    const before = structuredClone(rows());
    for (const player of [...players, threeWay])
      for (const method of ["nearest", "all"] as const)
        await tested.testFrozen([...similar, ...unknown], player, { method });
    expect(rows()).toEqual(before);
    const rest = async (world: Environment) => {
      const heard: unknown[] = [];
      world.subscribe(({ request, utility, delaySeconds, decision }) =>
        heard.push([request.id, utility, delaySeconds, decision?.selected?.id]),
      );
      for (let slot = await world.next(); slot !== null; slot = await world.next())
        for (const pending of slot)
          world.act(pending, await alwaysCache.choose(pending), alwaysCache.actions);
      return heard;
    };
    expect(await rest(tested)).toEqual(await rest(untouched));
  });

  test("gives a request to its own server, or to all of them, of which the fastest answers", async () => {
    for (const player of players)
      for (const requests of [similar, unknown]) {
        const nearest = await environment.testFrozen(requests, player, { method: "nearest" });
        const all = await environment.testFrozen(requests, player, { method: "all" });
        for (const [i, one] of nearest.entries()) {
          const every = all[i]!;
          expect(one.responses.map(({ server }) => server)).toEqual([requests[i]!.region]);
          expect(every.responses.map(({ server }) => server)).toEqual(environment.regions);
          // The nearest server says the same whoever else is asked.
          expect(every.responses[one.answer.agent]).toEqual(one.answer);
          expect(every.answer.delaySeconds).toBeLessThanOrEqual(one.answer.delaySeconds);
          expect(every.best.utility).toBeGreaterThanOrEqual(every.answer.utility);
          const right = every.responses.filter(({ correct }) => correct);
          expect(every.fastestCorrect?.delaySeconds).toBe(
            right.length === 0 ? undefined : Math.min(...right.map((each) => each.delaySeconds)),
          );
          expect(every.tokensIn).toBe(
            every.responses.reduce((sum, each) => sum + each.tokensIn, 0),
          );
        }
      }
  });

  test("has no policy above the better of both actions, request by request", async () => {
    for (const player of players)
      for (const { responses } of await environment.testFrozen(unknown, player, { method: "all" }))
        for (const { utility, direct, cache } of responses)
          expect(utility).toBeLessThanOrEqual(Math.max(direct.utility, cache.utility));
    for (const { responses } of await environment.testFrozen(similar, threeWay, { method: "all" }))
      for (const { utility, direct, cache, noted } of responses)
        expect(utility).toBeLessThanOrEqual(
          Math.max(direct.utility, cache.utility, noted?.utility ?? -Infinity),
        );
  });

  test("has fewer direct calls the farther a greedy rule reaches", async () => {
    const direct = async (theta: number, requests: typeof similar) => {
      const results = await environment.testFrozen(requests, greedy(theta), { method: "nearest" });
      return meanOf(results.map(({ answer }) => Number(answer.action === 0)));
    };
    for (const requests of [similar, unknown]) {
      const shares = [];
      for (const theta of [0.1, 0.3, 0.5]) shares.push(await direct(theta, requests));
      expect(shares[0]).toBeGreaterThanOrEqual(shares[1]!);
      expect(shares[1]).toBeGreaterThan(shares[2]!);
    }
  });

  test("is worth q - omega d at the omega asked for, with the same luck at each", async () => {
    const at = (omega: number) =>
      environment.testFrozen(similar, alwaysModel, { method: "nearest", omega });
    const [cheap, dear] = [await at(0.01), await at(0.5)];
    for (const [i, { answer }] of cheap.entries()) {
      const { quality, delaySeconds, utility } = dear[i]!.answer;
      expect([quality, delaySeconds]).toEqual([answer.quality, answer.delaySeconds]);
      expect(utility).toBeCloseTo(quality - 0.5 * delaySeconds, 12);
      expect(answer.utility).toBeCloseTo(quality - 0.01 * delaySeconds, 12);
    }
  });

  test("asks a player that can about many requests at once, and the size of a batch is no matter", async () => {
    const sizes: number[] = [];
    const batched: FrozenPlayer = {
      ...greedy(0.3),
      chooseAll: (pendings: readonly Pending[]) => {
        sizes.push(pendings.length);
        return pendings.map(({ observation }) => certain(observation.c[0]! <= 0.3 ? 1 : 0));
      },
    };
    const results = await environment.testFrozen(similar, batched, { method: "all", batch: 30 });
    expect(sizes).toEqual([90, 90, 45]);
    expect(results).toEqual(await environment.testFrozen(similar, greedy(0.3), { method: "all" }));
  });

  test("serves up to the distance tau_A that the world has, and gives notes beyond it", async () => {
    const near = await trained(0.4);
    const results = await near.testFrozen(similar, alwaysCache, { method: "nearest" });
    const far = results.filter(({ answer }) => answer.nearest > 0.4);
    expect(new Set(far.map(({ answer }) => answer.handling))).toEqual(new Set(["C"]));
    expect(results.some(({ answer }) => answer.handling === "A")).toBe(true);
    expect(results.some(({ answer: { nearest } }) => nearest > 0.4 && nearest < 0.6)).toBe(true);
  });

  test("slows every call by the load that it is given: 1 + 0.15 * 2 times the idle delay", async () => {
    const model = async (load: number) =>
      (await environment.testFrozen(similar, alwaysModel, { method: "nearest", load })).map(
        ({ answer }) => answer.delaySeconds,
      );
    const [idle, busy] = [await model(0), await model(2)];
    // The look-up, about 0.06 s, is not slowed.
    for (const [i, seconds] of busy.entries()) expect(seconds / idle[i]!).toBeCloseTo(1.3, 1);
  });
});

/** Always the cache, with the distance of the nearest row of each request's own server. */
async function served(requests: typeof similar) {
  const results = await environment.testFrozen(requests, alwaysCache, { method: "nearest" });
  return { results, distances: results.map(({ answer }) => answer.nearest) };
}

describe("test requests", () => {
  test("share no place in the stream with training, and none with each other", () => {
    const places = [...source.requests, ...similar, ...unknown].map(({ index }) => index);
    expect(new Set(places).size).toBe(places.length);
    expect(source.testRequests(20, "new")).toEqual(unknown.slice(0, 20));
  });

  test("are of topics that were asked, or lie near a question that their own server stored", async () => {
    const asked = new Set(source.requests.map(({ group }) => group));
    expect(similar.every(({ group }) => asked.has(group))).toBe(true);
    expect(unknown.some(({ group }) => asked.has(group))).toBe(false);
    const { distances } = await served(source.testRequests(1000, "new"));
    // Table VI's shares; five standard errors of 1000 requests are at most 0.08. Beyond 0.9 other rows may lie nearer.
    for (const [share, distance] of [
      [0.1, 0.15],
      [0.35, 0.3],
      [0.74, 0.6],
    ] as const) {
      const within = distances.filter((each) => each <= distance + 1e-4).length / 1000;
      expect(Math.abs(within - share)).toBeLessThan(0.08);
    }
  });

  test("near a stranger's question are right as far as its hidden distance lets them", async () => {
    const { distances, results } = await served(source.testRequests(600, "new"));
    const right = (from: number, to: number) => {
      const some = results.filter(
        ({ answer }, i) => answer.handling === "A" && distances[i]! >= from && distances[i]! < to,
      );
      expect(some.length).toBeGreaterThan(50);
      return meanOf(some.map(({ answer }) => Number(answer.correct)));
    };
    // t ~ N(0.55, 0.15): almost all within 0.25, fewer beyond 0.45.
    expect(right(0, 0.25)).toBeGreaterThan(0.9);
    expect(right(0.45, 0.6)).toBeLessThan(0.85);
  });
});

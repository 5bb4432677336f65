import { describe, expect, test } from "vitest";
import { TWO_WAY } from "../../../../../src/policy/action.ts";
import { type PolicyOutput } from "../../../../../src/policy/network/policy.ts";
import { Random } from "../../../../../src/policy/random.ts";
import {
  ALGORITHMS,
  type Algorithm,
  algorithmNamed,
  isLearned,
  type Mode,
} from "../../../../../src/trainer-node/reproduction/velo/algorithms.ts";
import { networkOf } from "../../../../../src/trainer-node/reproduction/velo/learned.ts";
import {
  type BatchPlayer,
  chooseAll,
} from "../../../../../src/trainer-node/reproduction/velo/players.ts";
import { certain } from "../../../../../src/trainer-node/simulator/baselines.ts";
import { Environment } from "../../../../../src/trainer-node/simulator/environment.ts";
import {
  type Branch,
  type Counterfactual,
  type Pending,
} from "../../../../../src/trainer-node/simulator/executed.ts";
import { geometrySource } from "../../../../../src/trainer-node/simulator/geometry.ts";
import { type ServedActor } from "../../../../../src/trainer-node/served-actor.ts";
import { actionOf, pendingWith } from "../../../../support/paper-pending.ts";
import { randomActor } from "../../../../support/random-network.ts";

const seed = Number(process.env["SEED"] ?? 20_261_121);
console.log(`algorithms seed ${seed}`);

const MODES: readonly Mode[] = ["paper", "product"];
const inMode = (mode: Mode) => ALGORITHMS.filter(({ modes }) => modes.includes(mode));

/** One session for all algorithms of equal shape. */
const actors = new Map<string, Promise<ServedActor>>();

async function make(algorithm: Algorithm, mode: Mode): Promise<BatchPlayer> {
  const { name } = algorithm;
  if (!isLearned(name)) return algorithm.create({ mode, seed });
  const network = networkOf(name, mode);
  const key = JSON.stringify(network);
  const actor = actors.get(key) ?? randomActor(network, seed);
  actors.set(key, actor);
  return algorithm.create({ mode, seed, actor: await actor });
}

const SLOTS = 70;
const source = geometrySource({ seed, slots: SLOTS, topics: 40, prefillTopics: 10 });
const empty = geometrySource({ seed, slots: 1, topics: 3, regions: ["us"] });
const worldOf = (mode: Mode) => new Environment({ source, seed, mode, scorer: null });

interface Asked {
  /** For every request, asked for a whole slot at once. */
  readonly all: readonly PolicyOutput[];
  /** The same requests asked for at once, one by one, and again in reverse order; of networks a fifth of the slots. */
  readonly batch: readonly PolicyOutput[];
  readonly one: readonly PolicyOutput[];
  readonly again: readonly PolicyOutput[];
}

interface Recorded {
  readonly would: readonly Counterfactual[];
  /** How often asking changed what a request looks like. */
  readonly changed: number;
  readonly happened: readonly string[];
  /** By algorithm. */
  readonly asked: ReadonlyMap<string, Asked>;
}

/** What a request looks like, to the last bit. */
const looks = ({ request, agent, at, observation, candidates }: Pending): string =>
  JSON.stringify([request, agent, at, [...observation.f], [...observation.c], candidates]);

const recordings = new Map<Mode, Promise<Recorded>>();
const recordingOf = (mode: Mode): Promise<Recorded> => {
  const known = recordings.get(mode) ?? record(mode, inMode(mode));
  recordings.set(mode, known);
  return known;
};

/** Asks all algorithms about every request of a stream, three times, while a coin decides what happens. */
async function record(mode: Mode, algorithms: readonly Algorithm[]): Promise<Recorded> {
  const environment = worldOf(mode);
  const coin = new Random(seed);
  const would: Counterfactual[] = [];
  const happened: string[] = [];
  const players: { readonly name: string; readonly by: readonly BatchPlayer[] }[] = [];
  const asked = new Map<string, Record<keyof Asked, PolicyOutput[]>>();
  for (const algorithm of algorithms) {
    const by = [
      await make(algorithm, mode),
      await make(algorithm, mode),
      await make(algorithm, mode),
    ];
    players.push({ name: algorithm.name, by });
    asked.set(algorithm.name, { all: [], batch: [], one: [], again: [] });
  }
  let changed = 0;
  let slots = 0;
  for (let slot = await environment.next(); slot !== null; slot = await environment.next()) {
    const before = slot.map(looks);
    for (const { name, by } of players) {
      const outputs = asked.get(name)!;
      const batch = await chooseAll(by[2]!, slot);
      outputs.all.push(...batch);
      if (isLearned(name) && slots % 5 > 0) continue;
      outputs.batch.push(...batch);
      for (const pending of slot) outputs.one.push(await by[0]!.choose(pending));
      const back: PolicyOutput[] = [];
      for (const pending of slot.toReversed()) back.unshift(await by[1]!.choose(pending));
      outputs.again.push(...back);
    }
    slots++;
    would.push(...slot.map((pending) => pending.counterfactual()));
    for (const [i, pending] of slot.entries()) {
      changed += Number(looks(pending) !== before[i]);
      const output = certain(coin.uniform() < 0.4 ? 1 : 0);
      const executed = environment.act(pending, output, TWO_WAY, { greedy: true });
      const { kind, quality, delaySeconds, request } = executed;
      happened.push(`${request.id} ${kind} ${quality} ${delaySeconds}`);
      for (const { by } of players) for (const player of by) player.observe?.(executed);
    }
  }
  return { would, changed, happened, asked };
}

describe("the registry", () => {
  test("has every algorithm once, the paper's first", () => {
    const names = ALGORITHMS.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    const published = ALGORITHMS.filter((algorithm) => algorithm.published).map(({ name }) => name);
    const inOrder =
      "Greedy-0.1 Greedy-0.3 Greedy-0.5 Greedy-LLM Random MAPPO G-MAPPO T-MAPPO LRS " +
      "DLRS-V5 DLRS-V10 DLRS-V15 DLRS-L5 DLRS-L10 DLRS-L15";
    expect(published).toEqual(inOrder.split(" "));
    expect(names.slice(0, published.length)).toEqual(published);
    expect(algorithmNamed("LRS").name).toBe("LRS");
    expect(() => algorithmNamed("LRT")).toThrow("no algorithm LRT; there are Greedy-0.1, ");
  });

  test("tells what is missing: a mode, or a network's actor", () => {
    expect(() => algorithmNamed("MAPPO").create({ mode: "product", seed })).toThrow(
      "MAPPO does not exist in product mode",
    );
    expect(() => algorithmNamed("DLRS-L10").create({ mode: "paper", seed })).toThrow(
      "it plays with a trained actor",
    );
  });
});

describe.each(MODES)("in %s mode", (mode) => {
  describe.each(inMode(mode))("$name", ({ name, ...algorithm }) => {
    const player = () => make({ name, ...algorithm }, mode);

    test("puts out a distribution over its own actions", async () => {
      const { asked, would } = await recordingOf(mode);
      const { actions } = await player();
      const { all } = asked.get(name)!;
      expect(all).toHaveLength(would.length);
      for (const { logits, probs } of all) {
        expect([logits.length, probs.length]).toEqual([actions.length, actions.length]);
        expect([...logits, ...probs].every(Number.isFinite)).toBe(true);
        expect(probs.every((p) => p >= 0)).toBe(true);
        expect(probs.reduce((a, b) => a + b, 0)).toBeCloseTo(1, 6);
      }
    });

    test("says the same for one request, again, and among many", async () => {
      const { asked } = await recordingOf(mode);
      const { one, again, batch } = asked.get(name)!;
      expect(one.length).toBeGreaterThan(40);
      const probsOf = (outputs: readonly PolicyOutput[]) => outputs.map(({ probs }) => [...probs]);
      expect(probsOf(again)).toEqual(probsOf(one));
      expect(probsOf(batch)).toEqual(probsOf(one));
    });

    test("calls the model where the observation is not made of numbers", async () => {
      const fine = pendingWith([0.1, 0.2]);
      const { observation, candidates } = fine;
      const broken = (values: Float32Array, at: number, value: number) => values.with(at, value);
      const pendings: readonly Pending[] = [
        { ...fine, observation: { ...observation, f: broken(observation.f, 700, Number.NaN) } },
        { ...fine, observation: { ...observation, c: broken(observation.c, 0, Infinity) } },
        { ...fine, observation: { ...observation, omega: -Infinity } },
        { ...fine, candidates: [{ ...candidates[0]!, distance: Number.NaN }] },
      ];
      const some = await player();
      const direct = pendings.map(() => 0);
      const alone: PolicyOutput[] = [];
      for (const pending of pendings) alone.push(await some.choose(pending));
      expect(alone.map(actionOf)).toEqual(direct);
      const mixed = await chooseAll(some, [...pendings, fine]);
      expect(mixed.slice(0, -1).map(actionOf)).toEqual(direct);
      expect(mixed.at(-1)!.isSubstitute).toBeUndefined();
    });

    test("calls the model in an empty database", async () => {
      const environment = new Environment({ source: empty, seed, mode, regions: ["us"] });
      const [pending] = (await environment.next())!;
      const some = await player();
      expect(pending!.candidates).toEqual([]);
      const output = await some.choose(pending!);
      const executed = environment.act(pending!, output, some.actions, { greedy: true });
      expect(executed).toMatchObject({ handling: "B", kind: "MISS" });
    });
  });

  test("asking changes neither the requests nor what happens to them", async () => {
    const { changed, happened } = await recordingOf(mode);
    expect(changed).toBe(0);
    expect(happened.length).toBeGreaterThan(200);
    expect((await record(mode, [])).happened).toEqual(happened);
  });

  /** What the likeliest of two actions would come to. */
  const branchesOf = ({ would }: Recorded, outputs: readonly PolicyOutput[]): Branch[] =>
    outputs.map((output, i) => (actionOf(output) === 1 ? would[i]!.cache : would[i]!.direct));

  test("no algorithm with two actions does better on any request than the oracle", async () => {
    const recorded = await recordingOf(mode);
    const best = branchesOf(recorded, recorded.asked.get("oracle")!.all);
    const compared = [...recorded.asked].filter(([, { all }]) => all[0]!.probs.length === 2);
    const better = compared.map(([name, { all }]) => ({
      name,
      better: branchesOf(recorded, all).filter(({ utility }, i) => utility > best[i]!.utility)
        .length,
    }));
    expect(better).toEqual(compared.map(([name]) => ({ name, better: 0 })));
    expect(better.length).toBeGreaterThan(10);
  });

  test("the feasible oracle serves nothing wrong where there is something wrong to serve", async () => {
    const recorded = await recordingOf(mode);
    expect(recorded.would.some(({ cache }) => !cache.correct)).toBe(true);
    const feasible = [...recorded.asked].filter(([name]) => name.startsWith("feasible"));
    expect(feasible.length).toBeGreaterThan(0);
    for (const [, { all }] of feasible)
      expect(branchesOf(recorded, all).every(({ correct }) => correct)).toBe(true);
  });

  test("a smaller threshold calls the model wherever a larger one does", async () => {
    const { asked } = await recordingOf(mode);
    const [a, b, c] = ["Greedy-0.1", "Greedy-0.3", "Greedy-0.5"].map((name) =>
      asked.get(name)!.all.map(actionOf),
    );
    for (const [i, action] of c!.entries()) {
      expect(b![i]).toBeLessThanOrEqual(action);
      expect(a![i]).toBeLessThanOrEqual(b![i]!);
    }
    expect(new Set([a, b, c].map((actions) => actions!.join(""))).size).toBe(3);
  });
});

test("the oracle of the paper's reward is never behind in it", async () => {
  const { would, asked } = await recordingOf("paper");
  const rewards = (outputs: readonly PolicyOutput[]) =>
    outputs.map((output, i) =>
      actionOf(output) === 1 ? would[i]!.cache.utility : would[i]!.direct.utility - 0.6,
    );
  const best = rewards(asked.get("oracle-reward")!.all);
  for (const { all } of [...asked.values()].filter((each) => each.all[0]!.probs.length === 2))
    expect(rewards(all).every((reward, i) => reward <= best[i]!)).toBe(true);
  const plain = rewards(asked.get("oracle")!.all);
  expect(plain.some((reward, i) => reward < best[i]!)).toBe(true);
});

// What every selector promises, whatever its rule.
import { beforeEach, describe, expect, it } from "vitest";
import { Random } from "../../../../src/policy/random.ts";
import {
  bestSingle,
  fixedOrder,
  greedyScore,
  random,
  roundRobin,
  shortestQueue,
} from "../../../../src/policy/routing/baselines.ts";
import { csUcb } from "../../../../src/policy/routing/cs-ucb.ts";
import { graphRouter } from "../../../../src/policy/routing/graph-router/graph-router.ts";
import { leastCompletion } from "../../../../src/policy/routing/least-completion.ts";
import { neighbourQuality } from "../../../../src/policy/routing/neighbour-quality.ts";
import {
  type Backend,
  type Choice,
  type RoutingRequest,
  type Selector,
} from "../../../../src/policy/routing/selector.ts";
import { virtualQueue } from "../../../../src/policy/routing/virtual-queue.ts";
import { drawnWeights } from "./graph-router/made.ts";
import { backend, estimates, outcome, request, stored } from "./made.ts";

const GRAPH_WEIGHTS = drawnWeights(new Random(1));
const SELECTORS: Readonly<Record<string, () => Selector>> = {
  "cs-ucb": () => csUcb({ referenceCost: 1 }),
  "least-completion": () => leastCompletion(),
  "best-single": () => bestSingle(),
  "greedy-score": () => greedyScore(0.02),
  "neighbour-quality": () => neighbourQuality({ neighbours: 3, capacity: 20, qualityPerUsd: 10 }),
  "shortest-queue": () => shortestQueue(),
  "round-robin": () => roundRobin(),
  random: () => random(),
  "fixed-order": () => fixedOrder(["c", "a", "b"]),
  "virtual-queue": () => virtualQueue({ target: 0.9, costWeight: 100 }),
  "graph-router": () =>
    graphRouter({ weights: GRAPH_WEIGHTS, latencyLimit: 0.03, referenceUsd: 0.001 }),
};

const SEED = Number(process.env["SELECTOR_SEED"] ?? 20_261_121);
const IDS = ["a", "b", "c", "d"];
const DIMENSION = 8;

/** Breaks a server for good: whoever is asked, it must not be chosen beside one that is whole. */
const BROKEN: Readonly<Record<string, Partial<Backend>>> = {
  "an open breaker": { breaker: "open" },
  "a context window that is too small": { contextWindow: 150 },
  "a price above the budget": { outputPrice: 1_000 },
  "no place left": { maxConcurrent: 2, ownInFlight: 2 },
  "no throughput left": { throughput: { limit: 1_000, used: 900 } },
  "its answers after the deadline": { secondsPerToken: { mean: 1, deviation: 0 } },
  "no measurement": { firstTokenSeconds: null },
  "a time of NaN": { secondsPerToken: { mean: NaN, deviation: 0 } },
  "an infinite time": { firstTokenSeconds: { mean: Infinity, deviation: 0 } },
  "a negative time": { firstTokenSeconds: { mean: -9, deviation: 0 } },
  "a queue of NaN": { load: { running: NaN, waiting: 0, ageMs: 0 } },
  "a negative queue": { load: { running: 0, waiting: -50, ageMs: 0 } },
  "own calls of -Infinity": { ownInFlight: -Infinity },
  "a report of unknown age": { load: { running: 0, waiting: 0, ageMs: NaN } },
  "failures of more than all": { failureShare: 1.5 },
  "a price of NaN": { inputPrice: NaN },
  "a negative price": { inputPrice: -1_000 },
  "a context window of NaN": { contextWindow: NaN },
};
const BOUND = { deadlineSeconds: 10, budgetUsd: 0.01 };

const unit = (generator: Random): Float32Array => {
  const vector = Float32Array.from({ length: DIMENSION }, () => generator.normal());
  const norm = Math.hypot(...vector);
  return vector.map((part) => part / norm);
};

/** Mostly sane, sometimes anything. */
function anyNumber(generator: Random, usual: number): number {
  const kind = generator.uniform();
  if (kind < 0.9) return usual * generator.uniform() * 2;
  return [NaN, Infinity, -Infinity, -1, 0, -0, 1e308][Math.floor(generator.uniform() * 7)]!;
}

function anyBackend(generator: Random, id: string): Backend {
  const number = (usual: number) => anyNumber(generator, usual);
  const perhaps = <T>(value: T) => (generator.uniform() < 0.5 ? null : value);
  const spread = (usual: number) =>
    generator.uniform() < 0.05 ? null : { mean: number(usual), deviation: number(usual / 4) };
  return backend(id, {
    inputPrice: number(1),
    outputPrice: number(2),
    contextWindow: perhaps(number(1_000)),
    maxConcurrent: perhaps(number(8)),
    slots: perhaps(number(4)),
    throughput: perhaps({ limit: number(2_000), used: number(500) }),
    load: perhaps({ running: number(3), waiting: number(2), ageMs: number(5_000) }),
    ownInFlight: number(2),
    firstTokenSeconds: spread(0.5),
    secondsPerToken: spread(0.01),
    breaker: (["closed", "closed", "half-open", "open"] as const)[
      Math.floor(generator.uniform() * 4)
    ]!,
    failureShare: number(0.1),
  });
}

function anyRequest(generator: Random, id: string): RoutingRequest {
  const number = (usual: number) => anyNumber(generator, usual);
  return request({
    id,
    class: Math.floor(generator.uniform() * 12),
    promptTokens: number(200),
    estimates: estimates(
      Object.fromEntries(
        IDS.filter(() => generator.uniform() < 0.95).map((server) => [
          server,
          {
            outputTokens: number(100),
            quality: generator.uniform() < 0.1 ? null : number(0.5),
            ...(generator.uniform() < 0.2 && { transferSeconds: number(0.2) }),
          },
        ]),
      ),
    ),
    deadlineSeconds: generator.uniform() < 0.3 ? null : number(4),
    budgetUsd: generator.uniform() < 0.3 ? null : number(0.001),
    only: generator.uniform() < 0.2 ? ["a", "c"] : null,
    draw: generator.uniform(),
    embedding: generator.uniform() < 0.2 ? null : unit(generator),
  });
}

/** Decisions and outcomes of a while, some of them nonsense. */
function teach(selector: Selector, generator: Random, steps = 60): void {
  for (let step = 0; step < steps; step++) {
    const asked = anyRequest(generator, `taught-${step}`);
    const servers = IDS.map((id) => anyBackend(generator, id));
    const { backend: chosen } = selector.choose(asked, servers);
    if (chosen === null) continue;
    selector.observe(
      outcome({
        requestId: asked.id,
        backend: chosen,
        class: asked.class,
        succeeded: generator.uniform() < 0.9,
        seconds: anyNumber(generator, 2),
        deadlineSeconds: asked.deadlineSeconds,
        cost: anyNumber(generator, 1),
        quality: generator.uniform() < 0.2 ? null : anyNumber(generator, 0.5),
        embedding: asked.embedding,
      }),
    );
  }
}

const shuffled = <T>(items: readonly T[], generator: Random): readonly T[] =>
  items
    .map((item) => ({ item, place: generator.uniform() }))
    .toSorted((x, y) => x.place - y.place)
    .map(({ item }) => item);

const ids = (choices: readonly Choice[]) => choices.map((choice) => choice.backend);

describe.each(Object.entries(SELECTORS))("%s", (name, fresh) => {
  let generator: Random;
  beforeEach(() => {
    generator = new Random(SEED);
  });
  const taught = (): Selector => {
    const selector = fresh();
    teach(selector, new Random(SEED + 1));
    return selector;
  };

  it("says its name", () => {
    expect(fresh().name).toBe(name);
  });

  it.each(Object.entries(BROKEN))(
    "does not choose a server that has %s beside a whole one",
    (_, broken) => {
      for (const selector of [fresh(), taught()]) {
        for (const bad of ["a", "b"]) {
          const good = bad === "a" ? "b" : "a";
          const servers = [backend(bad, broken), backend(good)];
          const ranking = selector.rank(request({ ...BOUND, embedding: unit(generator) }), servers);
          expect(ids(ranking), `seed ${SEED}`).toEqual([good, bad]);
          expect(ranking[0]).toMatchObject({ feasible: true, reasons: [] });
          expect(ranking[1]!.feasible).toBe(false);
        }
      }
    },
  );

  it("names the reason when there is nothing else", () => {
    for (const [title, broken] of Object.entries(BROKEN)) {
      const choice = fresh().choose(request(BOUND), [backend("a", broken)]);
      expect({ title, ...choice }).toMatchObject({ title, backend: "a", feasible: false });
      expect(choice.reasons).not.toEqual([]);
    }
  });

  it("would rather be late or full than over budget, and never asks a model that cannot read the prompt", () => {
    const servers = [
      backend("a", BROKEN["a context window that is too small"]),
      backend("b", BROKEN["an open breaker"]),
      backend("c", BROKEN["a price above the budget"]),
      backend("d", BROKEN["its answers after the deadline"]),
    ];
    expect(ids(taught().rank(request(BOUND), servers))).toEqual(["d", "c", "b", "a"]);
  });

  it("never reroutes a request that admits one model", () => {
    const selector = taught();
    const servers = [backend("a", { breaker: "open" }), backend("b")];
    expect(ids(selector.rank(request({ only: ["a"] }), servers))).toEqual(["a"]);
    expect(selector.choose(request({ only: ["gone"] }), servers)).toMatchObject({
      backend: null,
      feasible: false,
      reasons: ["no-backend"],
    });
    expect(selector.rank(request(), [])).toEqual([]);
  });

  it("ranks every server once, feasible ones first, and never throws", () => {
    const selector = taught();
    let feasible = 0;
    for (let round = 0; round < 300; round++) {
      const servers = IDS.map((id) => anyBackend(generator, id));
      const asked = anyRequest(generator, `r${round}`);
      const ranking = selector.rank(asked, servers);
      const admitted = IDS.filter((id) => asked.only === null || asked.only.includes(id));
      expect(new Set(ids(ranking)), `seed ${SEED}, round ${round}`).toEqual(new Set(admitted));
      expect(ranking).toHaveLength(admitted.length);
      const flags = ranking.map((choice) => Number(choice.feasible));
      expect(flags, `seed ${SEED}, round ${round}`).toEqual(flags.toSorted((x, y) => y - x));
      for (const choice of ranking) {
        expect(choice.feasible).toBe(choice.reasons.length === 0);
        expect([choice.satisfaction, choice.predictedSeconds]).not.toContain(NaN);
      }
      for (const choice of ranking.filter((one) => one.feasible)) {
        feasible++;
        expect(brokenBy(choice, asked, servers), `seed ${SEED}, round ${round}`).toEqual([]);
      }
    }
    // The worlds are broken, but not so much that nothing was looked at.
    expect(feasible, `seed ${SEED}`).toBeGreaterThan(50);
  });

  it("chooses the same for equal state and draws, in whatever order the servers come", () => {
    const one = taught();
    const other = taught();
    for (let round = 0; round < 100; round++) {
      // Two servers are twins, so that ties come up.
      const twin = anyBackend(generator, "a");
      const servers = [
        twin,
        { ...twin, id: "b" },
        anyBackend(generator, "c"),
        { ...twin, id: "d" },
      ];
      const asked = anyRequest(generator, `r${round}`);
      const ranking = one.rank(asked, servers);
      const again = other.rank(asked, shuffled(servers, generator));
      expect(again, `seed ${SEED}, round ${round}`).toEqual(ranking);
    }
  });

  it("goes on without a server that vanishes, and with one that appears", () => {
    const selector = taught();
    for (let round = 0; round < 60; round++) {
      const present = IDS.filter(() => generator.uniform() < 0.6);
      const { backend: chosen, feasible } = selector.choose(
        request({ draw: generator.uniform(), embedding: unit(generator) }),
        present.map((id) => backend(id)),
      );
      const possible: readonly (string | null)[] = present.length === 0 ? [null] : present;
      expect(possible, `seed ${SEED}, round ${round}`).toContain(chosen);
      expect(feasible).toBe(present.length > 0);
      if (chosen !== null) selector.observe(outcome({ backend: chosen, quality: 0.5 }));
    }
  });

  it("goes on from its stored state as if nothing had happened", () => {
    const original = taught();
    const restored = fresh();
    expect(restored.restore(stored(original.snapshot()))).toBe(true);
    expect(restored.snapshot()).toEqual(original.snapshot());
    for (const selector of [original, restored]) teach(selector, new Random(SEED + 2), 30);
    expect(restored.snapshot()).toEqual(original.snapshot());
    for (let round = 0; round < 50; round++) {
      const servers = IDS.map((id) => anyBackend(generator, id));
      const asked = anyRequest(generator, `r${round}`);
      expect(restored.rank(asked, servers)).toEqual(original.rank(asked, servers));
    }
  });

  it("keeps its state when it is given another's", () => {
    const selector = taught();
    const before = stored(selector.snapshot());
    const foreign = [
      NaN,
      -1,
      true,
      { arms: [["0/a", { count: "1" }]] },
      [["a", { mean: "x" }]],
      [1],
    ];
    for (const state of foreign) {
      expect([state, selector.restore(state)]).toEqual([state, false]);
      expect(stored(selector.snapshot())).toEqual(before);
    }
  });
});

/** The constraints once more, from the fields alone: those that break. */
function brokenBy(
  choice: Choice,
  asked: RoutingRequest,
  servers: readonly Backend[],
): readonly string[] {
  const server = servers.find(({ id }) => id === choice.backend)!;
  const { outputTokens } = asked.estimates[server.id]!;
  const tokens = asked.promptTokens + outputTokens;
  const usd = (asked.promptTokens * server.inputPrice + outputTokens * server.outputPrice) / 1e6;
  const { contextWindow, load, maxConcurrent, ownInFlight, throughput } = server;
  const kept = {
    breaker: server.breaker !== "open",
    context: contextWindow === null || tokens <= contextWindow,
    deadline: choice.predictedSeconds <= (asked.deadlineSeconds ?? Infinity),
    seconds: choice.predictedSeconds >= 0,
    budget: asked.budgetUsd === null || usd <= asked.budgetUsd,
    places: load !== null || maxConcurrent === null || ownInFlight + 1 <= maxConcurrent,
    throughput: throughput === null || throughput.used + tokens <= throughput.limit * (1 + 1e-9),
  };
  return Object.entries(kept)
    .filter(([, isKept]) => !isKept)
    .map(([constraint]) => constraint);
}

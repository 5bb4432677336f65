import { describe, expect, it } from "vitest";
import { Random } from "../../../../src/policy/random.ts";
import {
  bestSingle,
  fixedOrder,
  greedyScore,
  random,
  roundRobin,
  shortestQueue,
} from "../../../../src/policy/routing/baselines.ts";
import { leastCompletion } from "../../../../src/policy/routing/least-completion.ts";
import {
  type Backend,
  type RoutingRequest,
  type Selector,
} from "../../../../src/policy/routing/selector.ts";
import { backend, estimates, outcome, request } from "./made.ts";

const ranking = (
  selector: Selector,
  servers: readonly Backend[],
  asked: Partial<RoutingRequest> = {},
) =>
  selector
    .rank(request(asked), servers)
    .map((choice) => choice.backend)
    .join("");
const named = (ids: string) => Array.from(ids, (id) => backend(id));

describe("least completion", () => {
  it("chooses who will be done first, waiting included", () => {
    const servers = [
      // 1.5 s, and (5 - 2 + 1) x 1.5 / 2 = 3 s of waiting
      backend("a", { slots: 2, load: { running: 2, waiting: 3, ageMs: 0 } }),
      // 0.2 + 100 x 0.03
      backend("b", {
        firstTokenSeconds: { mean: 0.2, deviation: 0 },
        secondsPerToken: { mean: 0.03, deviation: 0 },
      }),
      // 2 + 100 x 0.005
      backend("c", {
        firstTokenSeconds: { mean: 2, deviation: 0 },
        secondsPerToken: { mean: 0.005, deviation: 0 },
      }),
    ];
    const choices = leastCompletion().rank(request(), servers);
    expect(choices.map((choice) => [choice.backend, choice.predictedSeconds])).toEqual([
      ["c", expect.closeTo(2.5, 12)],
      ["b", expect.closeTo(3.2, 12)],
      ["a", expect.closeTo(4.5, 12)],
    ]);
    // A short answer is another matter: b 0.2 + 10 x 0.03
    const short = estimates({
      a: { outputTokens: 10 },
      b: { outputTokens: 10 },
      c: { outputTokens: 10 },
    });
    expect(leastCompletion().choose(request({ estimates: short }), servers).backend).toBe("b");
  });

  it("does not fall for a server that is fast because it fails", () => {
    const servers = [
      backend("a"),
      backend("b", { firstTokenSeconds: { mean: 0, deviation: 0 }, failureShare: 0.5 }),
    ];
    // 1.5 s against 1 / 0.5
    expect(ranking(leastCompletion(), servers)).toBe("ab");
  });
});

describe("fixed order", () => {
  it("is the order of configuration, the rest by id", () => {
    expect(ranking(fixedOrder(["c", "a"]), named("abcd"))).toBe("cabd");
  });
});

describe("round robin", () => {
  it("gives each its turn", () => {
    const selector = roundRobin();
    const turns = Array.from({ length: 5 }, () => ranking(selector, named("cab")));
    expect(turns).toEqual(["abc", "bca", "cab", "abc", "bca"]);
  });

  it("goes on after the last one, whoever came or went", () => {
    const selector = roundRobin();
    expect(ranking(selector, named("abd"))).toBe("abd");
    expect(ranking(selector, named("abd"))).toBe("bda");
    expect(ranking(selector, named("acd"))).toBe("cda");
    expect(ranking(selector, named("ab"))).toBe("ab");
  });

  it("passes over who cannot serve", () => {
    const selector = roundRobin();
    const servers = [backend("a"), backend("b", { breaker: "open" }), backend("c")];
    const chosen = Array.from({ length: 4 }, () => selector.choose(request(), servers).backend);
    expect(chosen).toEqual(["a", "c", "a", "c"]);
  });
});

describe("random", () => {
  it("chooses each of the servers as often, by the draw alone", () => {
    const seed = 20_261_121;
    const generator = new Random(seed);
    const counts = { a: 0, b: 0, c: 0 };
    for (let i = 0; i < 3_000; i++) {
      const draw = generator.uniform();
      const order = ranking(random(), named("abc"), { draw });
      expect(ranking(random(), named("cba"), { draw })).toBe(order);
      counts[order[0] as keyof typeof counts]++;
    }
    // 1000 each; the standard deviation is sqrt(3000 x 2 / 9) = 26
    for (const count of Object.values(counts))
      expect(Math.abs(count - 1_000), `seed ${seed}`).toBeLessThan(105);
  });
});

describe("shortest queue", () => {
  it("counts calls there, running or waiting, and own ones since", () => {
    const servers = [
      backend("a", { load: { running: 4, waiting: 1, ageMs: 0 } }),
      backend("b", { load: { running: 2, waiting: 0, ageMs: 0 }, ownInFlight: 2 }),
      backend("c", { load: { running: 6, waiting: 0, ageMs: 0 }, ownInFlight: -3 }),
      backend("d", { load: null, ownInFlight: 9 }),
    ];
    // 5, 4, 3, 9
    expect(ranking(shortestQueue(), servers)).toBe("cbad");
  });

  it("leaves equal queues to the faster", () => {
    const slow = backend("a", { firstTokenSeconds: { mean: 3, deviation: 0 } });
    expect(ranking(shortestQueue(), [slow, backend("b")])).toBe("ba");
  });
});

describe("best single", () => {
  it("is the server with the best mean quality, whatever is asked", () => {
    const selector = bestSingle();
    const judge = (id: string, ...qualities: readonly number[]) => {
      for (const quality of qualities) selector.observe(outcome({ backend: id, quality }));
    };
    judge("a", 1, 0, 0);
    judge("b", 0.5, 0.5);
    judge("c", 0.4);
    selector.observe(outcome({ backend: "d", quality: null }));
    selector.observe(outcome({ backend: "d", quality: NaN }));
    selector.observe(outcome({ backend: "d", quality: 7 }));
    expect(ranking(selector, named("abcd"))).toBe("bcad");
    expect(ranking(selector, named("acd"))).toBe("cad");
  });
});

describe("greedy score", () => {
  it("is the best predicted quality among those that are fast enough per token", () => {
    const asked = {
      estimates: estimates({ a: { quality: 0.9 }, b: { quality: 0.6 }, c: { quality: 0.7 } }),
    };
    // 1.5 s for 100 tokens are 0.015 s each; a takes 2.5 s
    const servers = [
      backend("a", { secondsPerToken: { mean: 0.02, deviation: 0 } }),
      backend("b"),
      backend("c"),
    ];
    expect(ranking(greedyScore(0.02), servers, asked)).toBe("cba");
    expect(ranking(greedyScore(0.03), servers, asked)).toBe("acb");
    // None is fast enough: all are worth 0, the fastest comes first
    expect(ranking(greedyScore(0.001), servers, asked)).toBe("bca");
  });

  it("puts a quality that nobody predicts last", () => {
    const asked = {
      estimates: estimates({ a: { quality: null }, b: { quality: NaN }, c: { quality: 0 } }),
    };
    expect(ranking(greedyScore(1), named("abc"), asked)).toBe("cab");
  });
});

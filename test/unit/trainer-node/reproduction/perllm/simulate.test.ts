import { describe, expect, test } from "vitest";
import {
  ALGORITHM_NAMES,
  ALGORITHMS,
  playerOf,
} from "../../../../../src/trainer-node/reproduction/perllm/algorithms.ts";
import {
  type Player,
  type RequestSeen,
} from "../../../../../src/trainer-node/reproduction/perllm/player.ts";
import {
  EDGE_MODEL_NAMES,
  PAPER_WORLD,
  swingOf,
  type WorldSettings,
  worldWith,
} from "../../../../../src/trainer-node/reproduction/perllm/settings.ts";
import { simulate } from "../../../../../src/trainer-node/reproduction/perllm/simulate.ts";
import { DRIFTS } from "../../../../../src/trainer-node/reproduction/perllm/worlds.ts";
import { workload } from "../../../../../src/trainer-node/reproduction/perllm/workload.ts";

/** One edge and one cloud, a slot each; 10 megabits a request, 0.1 s and 0.05 s of sending, 1 s and 0.5 s of inference. */
const TWO: WorldSettings = {
  ...PAPER_WORLD,
  users: 3,
  requests: 4,
  payload: { megabytes: 1.25, sigma: 0 },
  lengthSigma: 0,
  responseBytesPerToken: 0,
  edge: { megabitsPerSecond: 100, slots: 1, seconds: 1, activeWatts: 100, idleWatts: 10 },
  edgeFactors: [1],
  cloud: { megabitsPerSecond: 200, slots: 1, seconds: 0.5, activeWatts: 250, idleWatts: 0 },
};

/** [asked at, seconds] of each request, by its index, and joules in all. */
function ways(world: WorldSettings, player: Player, seed = 1) {
  const found: (readonly [askedAt: number, seconds: number])[] = [];
  const figures = simulate({
    world,
    seed,
    player,
    onAnswered: (request, askedAt, way) => {
      found[request.index] = [round(askedAt), round(way.answered - askedAt)];
    },
  });
  return { ways: found, figures };
}
const round = (value: number) => Number(value.toFixed(9));
const always = (server: number): Player => ({ choose: () => ({ server }) });

describe("two servers by hand", () => {
  test("requests queue for the link, then for the slot, and users ask again when they are answered", () => {
    const { ways: edge, figures } = ways(TWO, always(0));
    // Sent 0-0.1, 0.1-0.2, 0.2-0.3; answered 0.1-1.1, 1.1-2.1, 2.1-3.1. The first user asks again at 1.1: sent 1.1-1.2,
    // answered 3.1-4.1.
    expect(edge).toEqual([
      [0, 1.1],
      [0, 2.1],
      [0, 3.1],
      [1.1, 3],
    ]);
    // Transmission 0.1 s x 30 W and inference 1 s x 100 W each; waiting 0, 0.1 + 0.9, 0.2 + 1.8, 1.9 s x 20 W.
    expect(figures.joules).toBeCloseTo((4 * 103 + 20 * (0 + 1 + 2 + 1.9)) / 4, 9);
    expect(figures.seconds).toBeCloseTo((1.1 + 2.1 + 3.1 + 3) / 4, 9);
    expect(figures.tokensPerSecond).toBeCloseTo(400 / 4.1, 9);
    // Idle for 0.1 s of 4.1 at 10 W.
    expect(figures.idleJoules).toBeCloseTo(1 / 4, 9);
    expect(figures.mostOutstanding).toBe(3);
    expect(figures.cloudShare).toBe(0);
  });

  test("servers do not wait for each other", () => {
    let turn = 0;
    const { ways: both } = ways(TWO, { choose: () => ({ server: turn++ % 2 }) });
    // Edge: 0 and 2 (sent 0-0.1, 0.1-0.2; answered at 1.1, 2.1). Cloud: 1 (sent 0-0.05, answered at 0.55), then 3, asked at
    // 0.55 by the same user: sent until 0.6, answered at 1.1.
    expect(both).toEqual([
      [0, 1.1],
      [0, 0.55],
      [0, 2.1],
      [0.55, 0.55],
    ]);
  });

  test("a deferred request is sent later, and the wait is its own", () => {
    const { ways: deferred, figures } = ways(
      { ...TWO, users: 1, requests: 2 },
      { choose: () => ({ server: 1, deferSeconds: 0.25 }) },
    );
    expect(deferred).toEqual([
      [0, 0.8],
      [0.8, 0.8],
    ]);
    expect(figures.parts).toMatchObject({ deferred: 0.25, queue: 0 });
    expect(figures.joules).toBeCloseTo(30 * 0.05 + 250 * 0.5 + 20 * 0.25, 9);
  });

  test("an idle cloud holds requests until enough wait, or the first waited long enough", () => {
    const gate = { batch: 2, seconds: 1 };
    const { ways: gated } = ways(TWO, { choose: () => ({ server: 1, gate }) });
    // Two of three make a batch at once; the third joins it. Sent 0-0.05-0.1-0.15, answered 0.55, 1.05, 1.55. The next, asked
    // at 0.55 while the batch runs, joins too: answered at 2.05.
    expect(gated).toEqual([
      [0, 0.55],
      [0, 1.05],
      [0, 1.55],
      [0.55, 1.5],
    ]);
    const alone = ways({ ...TWO, users: 1 }, { choose: () => ({ server: 1, gate }) });
    expect(alone.ways.map(([, seconds]) => seconds)).toEqual([1.55, 1.55, 1.55, 1.55]);
  });

  test("what was measured fades towards what is told while a server answers nothing", () => {
    const lasting: WorldSettings = {
      ...TWO,
      users: 1,
      drift: { kind: "misinformed", factors: [3] },
    };
    const seen: number[] = [];
    const player: Player = {
      choose: (_, [edge]) => ({ server: seen.push(edge!.measured.seconds) === 1 ? 0 : 1 }),
    };
    simulate({ world: { ...lasting, fadeSeconds: 0.55 }, seed: 1, player });
    // The edge takes 3 s in place of 1: 1 + 0.1 x 2. Then the cloud answers three times, every 0.55 s.
    expect(seen.map(round)).toEqual([1, 1.2, 1.1, 1.05]);
    seen.length = 0;
    simulate({ world: lasting, seed: 1, player });
    expect(seen.map(round)).toEqual([1, 1.2, 1.2, 1.2]);
  });

  test("in slots requests wait for the border and go in the player's order", () => {
    const orders: (readonly number[])[] = [];
    const player: Player = {
      slot: {
        seconds: 0.25,
        inOrder: (requests) => {
          orders.push(requests.map(({ index }) => index));
          return requests.map((_, place) => requests.length - 1 - place);
        },
      },
      choose: () => ({ server: 0 }),
    };
    const { ways: slotted, figures } = ways(TWO, player);
    // Three gather until 0.25 and go last first: sent 0.25-0.35-0.45-0.55, answered 1.35, 2.35, 3.35. The next, asked at 1.35,
    // waits for 1.5 and is answered after the others, at 4.35.
    expect(slotted).toEqual([
      [0, 3.35],
      [0, 2.35],
      [0, 1.35],
      [1.35, 3],
    ]);
    expect(orders).toEqual([[0, 1, 2], [3]]);
    expect(figures.parts.deferred).toBeCloseTo((3 * 0.25 + 0.15) / 4, 9);
    expect(figures.mostOutstanding).toBe(3);
  });

  test("in slots PerLLM serves the tightest deadline first", () => {
    const world = { ...TWO, requests: 3, edge: { ...TWO.edge, slots: 3 } };
    const deadlines = workload(world, 1).map(({ deadlineSeconds }) => deadlineSeconds);
    const sent: number[] = [];
    simulate({
      world,
      seed: 1,
      player: {
        ...ALGORITHMS["PerLLM-slots"](world),
        choose: ({ index }) => {
          sent.push(index);
          return { server: 0 };
        },
      },
    });
    expect(sent.map((index) => deadlines[index]!)).toEqual(deadlines.toSorted((a, b) => a - b));
    expect(new Set(deadlines).size).toBe(3);
  });

  test("regret is what the other server would have earned more in the same state", () => {
    const world = { ...TWO, users: 1, requests: 2, deadline: [5, 5] as const };
    const { figures } = ways(world, always(0));
    // Nothing waits, nothing is late: 103 J at the edge, 1.5 + 125 at the cloud. The edge is the better one.
    expect(figures.regret).toBe(0);
    expect(ways(world, always(1)).figures.regret).toBeCloseTo((126.5 - 103) / 20, 9);
    // With 0.4 s to answer both are late, by 0.7 / 0.4 and 0.15 / 0.4.
    const hurried = ways({ ...world, deadline: [0.4, 0.4] }, always(1)).figures;
    expect(hurried.regret).toBe(Math.max(0, 126.5 / 20 + 0.375 - (103 / 20 + 1.75)));
    expect(hurried.success).toBe(0);
  });
});

describe("the paper's world", () => {
  const small = { ...PAPER_WORLD, requests: 600 };

  test.each(ALGORITHM_NAMES)(
    "%s: every request ends once, never more than users are under way",
    (name) => {
      const seed = 1 + Math.floor(Math.random() * 1e6);
      console.log(`${name}: seed ${seed}`);
      const world = {
        ...small,
        ...DRIFTS["throttled-fluctuating"],
        gateways: DRIFTS["old-news"].gateways,
      };
      const changes: (readonly [at: number, by: number])[] = [];
      const answered = new Map<number, number>();
      const figures = simulate({
        world,
        seed,
        player: playerOf(name, world),
        onAnswered: ({ index }, askedAt, way) => {
          answered.set(index, (answered.get(index) ?? 0) + 1);
          changes.push([askedAt, 1], [way.answered, -1]);
          expect(way.sentAt).toBeGreaterThanOrEqual(askedAt);
          expect(way.uplinkStart).toBeGreaterThanOrEqual(way.sentAt);
          expect(way.arrival).toBeGreaterThan(way.uplinkStart);
          expect(way.start).toBeGreaterThanOrEqual(way.arrival);
          expect(way.done).toBeGreaterThan(way.start);
        },
      });
      expect(answered.size).toBe(600);
      expect([...answered.values()].every((times) => times === 1)).toBe(true);
      expect(figures).toMatchObject({ requests: 600, lost: 0 });
      // Ends before beginnings where they fall together: a user asks when it is answered.
      changes.sort((a, b) => a[0] - b[0] || a[1] - b[1]);
      let under = 0;
      let most = 0;
      for (const [, by] of changes) most = Math.max(most, (under += by));
      expect(most).toBe(104);
      expect(figures.mostOutstanding).toBe(104);
      expect(figures.littleError).toBeLessThan(1e-9);
      expect(figures.partsError).toBeLessThan(1e-9);
      expect(figures.earlyRegret).toBeGreaterThanOrEqual(0);
    },
  );

  test("a slot never answers two requests at a time", () => {
    const world = { ...small, requests: 400 };
    const byServer = new Map<string, [at: number, by: number][]>();
    simulate({
      world,
      seed: 3,
      player: ALGORITHMS["LPC"](world),
      onAnswered: (_, __, way, { id }) => {
        byServer.set(id, [...(byServer.get(id) ?? []), [way.start, 1], [way.done, -1]]);
      },
    });
    expect(byServer.size).toBe(6);
    const most = [...byServer.values()].map((changes) => {
      changes.sort((one, other) => one[0] - other[0] || one[1] - other[1]);
      let busy = 0;
      return Math.max(...changes.map(([, by]) => (busy += by)));
    });
    const cloud = [...byServer.keys()].indexOf("cloud");
    // The cloud's link is full before its slots are.
    expect(most[cloud]).toBeLessThanOrEqual(48);
    expect(most.toSpliced(cloud, 1)).toEqual([8, 8, 8, 8, 8]);
  });

  test("a full loop: rate x processing time is the number of users (Little's law), but for its end", () => {
    const world = { ...PAPER_WORLD, requests: 4000 };
    const { tokensPerSecond, seconds } = simulate({
      world,
      seed: 5,
      player: ALGORITHMS["LPC"](world),
    });
    const rate = tokensPerSecond / world.outputTokens;
    // The last 104 requests are not replaced: 2 s of about 70.
    expect(rate * seconds).toBeGreaterThan(0.96 * 104);
    expect(rate * seconds).toBeLessThan(1.01 * 104);
  });

  test("the same seed gives the same figures; another one others", () => {
    const run = (seed: number) =>
      simulate({ world: small, seed, player: ALGORITHMS["PerLLM"](small) });
    expect(run(2)).toEqual(run(2));
    expect(run(3)).not.toEqual(run(2));
  });

  test("every algorithm meets the same requests, whatever the servers are", () => {
    const seen = (name: keyof typeof ALGORITHMS, world: WorldSettings) => {
      const player = ALGORITHMS[name](world);
      const requests: RequestSeen[] = [];
      const listening: Player = {
        choose: (request, servers, now) => {
          requests.push(request);
          return player.choose(request, servers, now);
        },
      };
      simulate({ world, seed: 4, player: listening });
      return requests;
    };
    const requests = seen("random", small);
    expect(requests).toHaveLength(600);
    expect(requests[0]).not.toHaveProperty("relativeLength");
    expect(seen("PerLLM", { ...small, ...DRIFTS["throttled"] })).toEqual(requests);
    expect(seen("FineInfer", worldWith("Yi-9B", {}, small))).toEqual(requests);
  });

  test("requests are as the settings say", () => {
    const requests = workload({ ...PAPER_WORLD, requests: 20_000 }, 6);
    const mean = (of: (request: (typeof requests)[number]) => number) =>
      requests.reduce((sum, request) => sum + of(request), 0) / requests.length;
    // Standard errors: 10.4 x 0.53 / 141 = 0.04, 0.3 / 141 = 0.002, 1.15 / 141 = 0.008.
    expect(Math.abs(mean(({ megabits }) => megabits) - 10.4)).toBeLessThan(0.16);
    expect(Math.abs(mean(({ relativeLength }) => relativeLength) - 1)).toBeLessThan(0.009);
    expect(Math.abs(mean(({ deadlineSeconds }) => deadlineSeconds) - 4)).toBeLessThan(0.033);
    expect(Math.min(...requests.map(({ deadlineSeconds }) => deadlineSeconds))).toBeGreaterThan(2);
    expect(Math.max(...requests.map(({ deadlineSeconds }) => deadlineSeconds))).toBeLessThan(6);
  });

  test("FineInfer's result does not change with the edge model, PerLLM's does", () => {
    const run = (name: "FineInfer" | "FineInfer-gate" | "PerLLM") =>
      EDGE_MODEL_NAMES.map((model) => {
        const world = worldWith(model, { requests: 600, swing: swingOf("fluctuating") });
        const {
          success,
          seconds,
          p95Seconds,
          tokensPerSecond: tokens,
          joules,
          parts,
        } = simulate({ world, seed: 7, player: ALGORITHMS[name](world) });
        return JSON.stringify({ success, seconds, p95Seconds, tokens, joules, parts });
      });
    expect(new Set(run("FineInfer")).size).toBe(1);
    expect(new Set(run("FineInfer-gate")).size).toBe(1);
    expect(new Set(run("PerLLM")).size).toBe(4);
  });

  test("PerLLM keeps at least 95 % of the deadlines, least predicted completion is within 2 %, cloud or edges alone are far below", () => {
    const world = { ...PAPER_WORLD, requests: 3000 };
    const success = (name: keyof typeof ALGORITHMS) =>
      simulate({ world, seed: 8, player: ALGORITHMS[name](world) }).success;
    const perllm = success("PerLLM");
    expect(perllm).toBeGreaterThanOrEqual(0.95);
    expect(Math.abs(success("LPC") - perllm)).toBeLessThanOrEqual(0.02);
    expect(success("FineInfer")).toBeLessThan(0.75);
    expect(success("AGOD")).toBeLessThan(0.75);
  });
});

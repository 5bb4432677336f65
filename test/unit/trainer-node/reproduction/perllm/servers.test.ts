import { describe, expect, test } from "vitest";
import { Random } from "../../../../../src/policy/random.ts";
import {
  carriedOf,
  hiddenWaitOf,
  slowdownOf,
} from "../../../../../src/trainer-node/reproduction/perllm/drift.ts";
import { EventQueue } from "../../../../../src/trainer-node/reproduction/perllm/event-queue.ts";
import { Link } from "../../../../../src/trainer-node/reproduction/perllm/link.ts";
import {
  expected,
  type ServerView,
  totalOf,
} from "../../../../../src/trainer-node/reproduction/perllm/player.ts";
import { Server } from "../../../../../src/trainer-node/reproduction/perllm/server.ts";
import {
  type Drift,
  PAPER_WORLD,
} from "../../../../../src/trainer-node/reproduction/perllm/settings.ts";
import { type ServiceRequest } from "../../../../../src/trainer-node/reproduction/perllm/workload.ts";

test("events come by time, and equal times in the order in which they were added", () => {
  const queue = new EventQueue<string>();
  for (const [at, event] of [
    [3, "d"],
    [1, "b"],
    [2, "c"],
    [1, "b2"],
    [0, "a"],
    [1, "b3"],
  ] as const)
    queue.add(at, event);
  const events = [];
  for (let item = queue.next(); item !== undefined; item = queue.next()) events.push(item.event);
  expect(events).toEqual(["a", "b", "b2", "b3", "c", "d"]);
});

describe("link", () => {
  test("sends one request after the other, and knows what is still to be sent", () => {
    const link = new Link(100, { share: 0, seconds: 1 }, new Random(1));
    const first = link.plan(50, 0);
    expect(first).toEqual({ start: 0, end: 0.5 });
    link.take(first);
    // Handed over at 0.2 s: it begins when the first is through.
    const second = link.plan(20, 0.2);
    expect(second).toEqual({ start: 0.5, end: 0.7 });
    link.take(second);
    // At 0.4 s: 10 of the first and 20 of the second.
    expect(link.backlog(0.4)).toBeCloseTo(30, 10);
    expect(link.backlog(0.7)).toBe(0);
    // Planning takes nothing.
    expect(link.plan(10, 5)).toEqual({ start: 5, end: 5.1 });
    expect(link.plan(10, 0.1).start).toBe(0.7);
  });

  test("a changing rate is added up over its periods, within its share of the mean", () => {
    const swing = { share: 0.2, seconds: 1 };
    const rates = Array.from({ length: 200 }, (_, period) => {
      // Period by period: 1 megabit that begins with it.
      const link = new Link(100, swing, new Random(7));
      return 1 / (link.endOf(period, 1) - period);
    });
    expect(Math.min(...rates)).toBeGreaterThan(80);
    expect(Math.max(...rates)).toBeLessThan(120);
    expect(rates.reduce((sum, rate) => sum + rate, 0) / 200).toBeCloseTo(100, -0.5);
    // What the first three periods carry in all, half a period more, ends in the middle of the fourth.
    const link = new Link(100, swing, new Random(7));
    const megabits = rates[0]! + rates[1]! + rates[2]! + rates[3]! / 2;
    const sending = link.plan(megabits, 0);
    expect(sending.end).toBeCloseTo(3.5, 9);
    link.take(sending);
    expect(link.backlog(2.5)).toBeCloseTo(rates[2]! / 2 + rates[3]! / 2, 9);
  });
});

test("the wait is what stands before the slots when the request will have arrived", () => {
  const view: ServerView = {
    id: "edge-1",
    kind: "edge",
    slots: 2,
    uplinkMegabits: 20,
    uploading: 2,
    waiting: 3,
    running: 2,
    told: { seconds: 1, megabitsPerSecond: 100 },
    measured: { seconds: 2, megabitsPerSecond: 50 },
    // Deadline 4-5 s and 350-550 tokens is class 2 x 3 + 1.
    secondsByClass: Array.from({ length: 12 }, (_, k) => (k === 7 ? 2.5 : 2)),
    lateSeconds: -0.4,
  };
  const request = { megabits: 10, promptTokens: 500, deadlineSeconds: 4 };
  // 7 ahead: (7 + 1 - 2) / 2 = 3 s of work, 0.3 s of which pass while 20 + 10 megabits are sent.
  expect(expected(view, request, "told")).toEqual({
    transferSeconds: 0.3,
    waitSeconds: 2.7,
    serviceSeconds: 1,
  });
  // As measured: 0.6 s of sending, 6 - 0.6 s of waiting, 2 s of inference; of its class 2.5 s.
  expect(totalOf(expected(view, request, "measured"))).toBeCloseTo(8, 10);
  expect(totalOf(expected(view, request, "by-class"))).toBeCloseTo(8.5, 10);
  expect(totalOf(expected(view, { ...request, deadlineSeconds: 5 }, "by-class"))).toBeCloseTo(
    8,
    10,
  );
  // What was predicted was 0.4 s too much lately; a wait is never less than none.
  expect(totalOf(expected(view, request, "corrected"))).toBeCloseTo(7.6, 10);
  const idle = { ...view, uplinkMegabits: 0, uploading: 0, waiting: 0, running: 1 };
  expect(expected(idle, request, "told").waitSeconds).toBe(0);
  expect(expected(idle, request, "corrected").waitSeconds).toBe(0);
});

describe("what schedulers are not told", () => {
  const request: ServiceRequest = {
    index: 0,
    megabits: 10,
    promptTokens: 750,
    deadlineSeconds: 4,
    relativeLength: 1,
    draws: [0, 0, 0],
  };
  const order = [1, 0];
  const slowdown = (drift: Drift, kind: "edge" | "cloud", index: number, seed = 1) => {
    const at = slowdownOf({ drift, promptTokens: 500 }, { kind, index }, order, seed);
    return (time: number) => at(time, request);
  };

  test("one server after the other is throttled, or its link", () => {
    const drift = { kind: "throttled", seconds: 30, factor: 3 } as const;
    expect([0, 29.9, 30, 59.9, 60].map(slowdown(drift, "edge", 0))).toEqual([1, 1, 3, 3, 1]);
    expect([0, 29.9, 30, 59.9, 60].map(slowdown(drift, "cloud", 1))).toEqual([3, 3, 1, 1, 3]);
    const congested = { kind: "congested", seconds: 30, share: 0.25 } as const;
    const carried = carriedOf(congested, { kind: "edge", index: 0 }, order)!;
    expect([0, 29.9, 30, 59.9, 60].map(carried)).toEqual([1, 1, 0.25, 0.25, 1]);
    expect(slowdown(congested, "edge", 0)(30)).toBe(1);
    expect(carriedOf(drift, { kind: "edge", index: 0 }, order)).toBeNull();
  });

  test("a hidden wait comes before inference, which takes no longer", () => {
    const hidden = { kind: "hidden-wait", seconds: 30, wait: 2 } as const;
    const waits = hiddenWaitOf(hidden, { kind: "edge", index: 1 }, order);
    expect([0, 29.9, 30].map(waits)).toEqual([2, 2, 0]);
    const server = new Server({
      id: "edge-2",
      kind: "edge",
      index: 1,
      pool: { megabitsPerSecond: 100, slots: 1, seconds: 1, activeWatts: 0, idleWatts: 0 },
      factor: 1,
      slowdown: () => 1,
      hiddenWait: waits,
      link: new Link(100, { share: 0, seconds: 1 }, new Random(1)),
      world: { ...PAPER_WORLD, responseBytesPerToken: 0 },
    });
    const first = server.plan(request, 0);
    expect([first.arrival, first.start, first.done]).toEqual([0.1, 2.1, 3.1]);
    server.take(first);
    // Sent until 0.2, the slot is free at 3.1: another 2 s.
    expect(server.plan(request, 0)).toMatchObject({ start: 5.1, done: 6.1 });
    expect(server.plan(request, 40)).toMatchObject({ start: 40.1, done: 41.1 });
  });

  test("misinformed edges keep their factors", () => {
    const wrong = { kind: "misinformed", factors: [0.5, 2] } as const;
    expect(slowdown(wrong, "edge", 1)(9)).toBe(2);
    expect(slowdown(wrong, "cloud", 1)(9)).toBe(1);
  });

  test("at prompt-bound edges a prompt half as long again takes half as long again", () => {
    expect(slowdown({ kind: "prompt-bound" }, "edge", 0)(0)).toBe(1.5);
    expect(slowdown({ kind: "prompt-bound" }, "cloud", 1)(0)).toBe(1);
  });

  test("a wandering server stays as it is for a period, and has the spread and the memory that are set", () => {
    const drift = { kind: "wandering", seconds: 5, sigma: 0.5, correlation: 0.9 } as const;
    const at = slowdown(drift, "edge", 3, 11);
    expect(at(4.9)).toBe(at(0));
    expect(at(5)).not.toBe(at(0));
    expect(slowdown(drift, "edge", 3, 11)(700)).toBe(at(700));
    const logs = Array.from({ length: 20_000 }, (_, period) => Math.log(at(5 * period)));
    const mean = (values: readonly number[]) =>
      values.reduce((sum, value) => sum + value, 0) / values.length;
    // Of 20,000 correlated by 0.9 about 1,000 count: standard errors 0.015 and 0.008; seed 11.
    expect(Math.abs(mean(logs))).toBeLessThan(0.06);
    expect(Math.abs(mean(logs.map((x) => x * x)) - 0.25)).toBeLessThan(0.03);
    const products = logs.slice(1).map((x, i) => x * logs[i]!);
    expect(mean(products) / mean(logs.map((x) => x * x))).toBeCloseTo(0.9, 1);
  });

  test("a congested link needs four times as long for what it sends then", () => {
    const congested = { kind: "congested", seconds: 30, share: 0.25 } as const;
    const carried = carriedOf(congested, { kind: "edge", index: 1 }, order);
    const link = new Link(100, { share: 0, seconds: 1 }, new Random(1), carried);
    expect(link.plan(10, 1)).toEqual({ start: 1, end: 1.4 });
    expect(link.plan(10, 31)).toEqual({ start: 31, end: 31.1 });
    // 5 megabits until 30 s at 25 megabits a second, the other 5 in 0.05 s.
    const sending = link.plan(10, 29.8);
    expect(sending.end).toBeCloseTo(30.05, 12);
    link.take(sending);
    expect(link.backlog(29.8)).toBeCloseTo(10, 9);
    expect(link.backlog(30)).toBeCloseTo(5, 9);
  });
});

test("a batch slows what begins in it", () => {
  const pool = { megabitsPerSecond: 1000, slots: 4, seconds: 1, activeWatts: 0, idleWatts: 0 };
  const server = new Server({
    id: "cloud",
    kind: "cloud",
    index: 0,
    pool: { ...pool, batching: { base: 0.5, perRequest: 0.25 } },
    factor: 1,
    slowdown: () => 1,
    link: new Link(1000, { share: 0, seconds: 1 }, new Random(1)),
    world: { ...PAPER_WORLD, responseBytesPerToken: 0 },
  });
  const send = (now: number) => {
    const request: ServiceRequest = {
      index: 0,
      megabits: 0,
      promptTokens: 500,
      deadlineSeconds: 4,
      relativeLength: 2,
      draws: [0, 0, 0],
    };
    const way = server.plan(request, now);
    server.take(way);
    return way.done - way.start;
  };
  // Twice the usual length: alone 2 x (0.5 + 0.25), as the second 2 x (0.5 + 0.5), as the third 2 x 1.25.
  expect([send(0), send(0), send(0)]).toEqual([1.5, 2, 2.5]);
  // At 2 s only the third is still there; at 9 s nobody.
  expect([send(2), send(9)]).toEqual([2, 1.5]);
});

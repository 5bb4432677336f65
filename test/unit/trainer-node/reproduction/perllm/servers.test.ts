import { describe, expect, test } from "vitest";
import { Random } from "../../../../../src/policy/random.ts";
import { EventQueue } from "../../../../../src/trainer-node/reproduction/perllm/event-queue.ts";
import { Link } from "../../../../../src/trainer-node/reproduction/perllm/link.ts";
import {
  expected,
  type ServerView,
  totalOf,
} from "../../../../../src/trainer-node/reproduction/perllm/player.ts";
import { slowdownOf } from "../../../../../src/trainer-node/reproduction/perllm/server.ts";

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
  };
  // 7 ahead: (7 + 1 - 2) / 2 = 3 s of work, 0.3 s of which pass while 20 + 10 megabits are sent.
  expect(expected(view, 10, "told")).toEqual({
    transferSeconds: 0.3,
    waitSeconds: 2.7,
    serviceSeconds: 1,
  });
  // As measured: 0.6 s of sending, 6 - 0.6 s of waiting, 2 s of inference.
  expect(totalOf(expected(view, 10, "measured"))).toBeCloseTo(8, 10);
  const idle = { ...view, uplinkMegabits: 0, uploading: 0, waiting: 0, running: 1 };
  expect(expected(idle, 10, "told").waitSeconds).toBe(0);
});

test("one server after the other is throttled, and the misinformed edges keep their factors", () => {
  const drift = { kind: "throttled", seconds: 30, factor: 3 } as const;
  const order = [1, 0];
  const first = slowdownOf(drift, { kind: "edge", index: 0 }, order);
  const second = slowdownOf(drift, { kind: "cloud", index: 1 }, order);
  expect([0, 29.9, 30, 59.9, 60].map(first)).toEqual([1, 1, 3, 3, 1]);
  expect([0, 29.9, 30, 59.9, 60].map(second)).toEqual([3, 3, 1, 1, 3]);
  const wrong = { kind: "misinformed", factors: [0.5, 2] } as const;
  expect(slowdownOf(wrong, { kind: "edge", index: 1 }, order)(9)).toBe(2);
  expect(slowdownOf(wrong, { kind: "cloud", index: 1 }, order)(9)).toBe(1);
});

import { expect, test } from "vitest";
import { throughGateways } from "../../../../../src/trainer-node/reproduction/perllm/gateways.ts";
import {
  type Answer,
  type RequestSeen,
  type ServerView,
} from "../../../../../src/trainer-node/reproduction/perllm/player.ts";

const SPEED = { seconds: 1, megabitsPerSecond: 100 };
const server = (uplinkMegabits: number, uploading: number, running: number): ServerView => ({
  id: "edge-1",
  kind: "edge",
  slots: 8,
  uplinkMegabits,
  uploading,
  waiting: 0,
  running,
  told: SPEED,
  measured: SPEED,
  secondsByClass: [],
  lateSeconds: 0,
});
const request = (index: number): RequestSeen => ({
  index,
  megabits: 10,
  promptTokens: 500,
  deadlineSeconds: 4,
  draws: [0, 0, 0],
});
const answerTo = (index: number): Answer => ({
  request: request(index),
  server: "edge-1",
  seconds: 1,
  inferenceSeconds: 1,
  outputTokens: 100,
  joules: 20,
});

test("a gateway reckons with what it saw and with its own requests, and not with the others'", () => {
  const seen: (readonly [gateway: number, megabits: number, uploading: number, running: number])[] =
    [];
  const answered: (readonly [gateway: number, index: number])[] = [];
  let made = 0;
  const player = throughGateways({ count: 2, ageSeconds: 1 }, () => {
    const gateway = made++;
    return {
      choose: (_, [view]) => {
        seen.push([gateway, view!.uplinkMegabits, view!.uploading, view!.running]);
        return { server: 0 };
      },
      observe: ({ request: { index } }) => answered.push([gateway, index]),
    };
  });
  const choose = (index: number, now: number, view: ServerView) =>
    player.choose(request(index), [view], now);
  choose(0, 0, server(20, 2, 3));
  // The other gateway looks for itself, at what is there by now.
  choose(1, 0.05, server(25, 3, 3));
  // 0.1 s later: 20 + 10 - 10 megabits; it sent one. That the servers changed it does not see.
  choose(2, 0.1, server(99, 9, 8));
  player.observe!(answerTo(0));
  // 0.5 s later: all is sent, one more sent, one answered.
  choose(4, 0.5, server(99, 9, 8));
  choose(6, 1, server(7, 1, 1));
  expect(seen).toEqual([
    [0, 20, 2, 3],
    [1, 25, 3, 3],
    [0, 20, 3, 3],
    [0, 0, 4, 2],
    [0, 7, 1, 1],
  ]);
  expect(answered).toEqual([[0, 0]]);
  expect(made).toBe(2);
});

import { expect, test } from "vitest";
import {
  agod,
  fineInfer,
  rewardlessGuidance,
} from "../../../../../src/trainer-node/reproduction/perllm/baselines.ts";
import {
  type RequestSeen,
  type ServerView,
} from "../../../../../src/trainer-node/reproduction/perllm/player.ts";

const request = (first: number, second = 0.5): RequestSeen => ({
  index: 0,
  megabits: 10,
  promptTokens: 500,
  deadlineSeconds: 4,
  draws: [first, second, 0.5],
});

/** Edges with so many requests waiting, eight slots busy, and an idle cloud. */
const servers = (...waiting: readonly number[]): readonly ServerView[] =>
  waiting
    .map((count, i) => serverWith(`edge-${i + 1}`, "edge", count))
    .concat(serverWith("cloud", "cloud", 0, 0));
const SPEED = { seconds: 0.8, megabitsPerSecond: 100 };
const serverWith = (
  id: string,
  kind: ServerView["kind"],
  waiting: number,
  running = 8,
): ServerView => ({
  id,
  kind,
  waiting,
  running,
  slots: 8,
  uplinkMegabits: 0,
  uploading: 0,
  told: SPEED,
  measured: SPEED,
  secondsByClass: [],
  lateSeconds: 0,
});

test("FineInfer sends everything to the cloud, up to 0.6 s later", () => {
  const player = fineInfer();
  expect(player.choose(request(0), servers(0, 0), 0)).toEqual({ server: 2, deferSeconds: 0 });
  expect(player.choose(request(0.5), servers(0, 0), 0)).toEqual({ server: 2, deferSeconds: 0.3 });
});

test("AGOD draws an edge by its expected time, and looks at the queues once a second", () => {
  const player = agod();
  // One more in the queue is 0.1 s: waiting (ahead + 1 - 8) 0.8 / 8 less 0.1 of sending. 0 and 6 waiting: 0.6 s apart, so that
  // the first is e times as likely: draws below e / (1 + e) = 0.731.
  const views = servers(0, 6);
  expect(player.choose(request(0.73), views, 0)).toEqual({ server: 0 });
  expect(player.choose(request(0.732), views, 0)).toEqual({ server: 1 });
  // The queues have turned round, which it sees at 1 s.
  expect(player.choose(request(0.73), servers(6, 0), 0.99)).toEqual({ server: 0 });
  expect(player.choose(request(0.27), servers(6, 0), 1)).toEqual({ server: 1 });
  expect(player.choose(request(0.26), servers(6, 0), 1)).toEqual({ server: 0 });
});

test("RewardlessGuidance sends four of five to the edges as they were a second ago", () => {
  const player = rewardlessGuidance();
  expect(player.choose(request(0.5, 0.8), servers(0, 6), 0)).toEqual({ server: 2 });
  expect(player.choose(request(0.73, 0.79), servers(6, 0), 0.5)).toEqual({ server: 0 });
  // At 1.4 s it knows the state of 0, at 1.5 that of 0.5.
  expect(player.choose(request(0.73, 0), servers(6, 0), 1.4)).toEqual({ server: 0 });
  expect(player.choose(request(0.3, 0), servers(0, 6), 1.5)).toEqual({ server: 1 });
});

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { encodeHalf } from "../../../src/policy/half.ts";
import { DEFAULT_NETWORK } from "../../../src/policy/network/layout.ts";
import { readCheckpoint, writeCheckpoint } from "../../../src/trainer-node/checkpoint.ts";
import { lockDirectory } from "../../../src/trainer-node/directory-lock.ts";
import { LiveRounds, type LiveState } from "../../../src/trainer-node/live-rounds.ts";
import { fromCheckpoint, NOTHING_YET, toCheckpoint } from "../../../src/trainer-node/live-state.ts";
import { type PulledBatch } from "../../../src/trainer-node/pull.ts";
import { RolloutBuffer } from "../../../src/trainer-node/rollout-buffer.ts";
import { type ServedActor } from "../../../src/trainer-node/served-actor.ts";
import { experienceOf, outcomeOf } from "../../support/region-rig.ts";

const AT = 1_795_132_800_000;
const MINUTE = 60_000;

/** Decisions with their outcomes, unless these are left out. */
function batchOf(region: string, ids: readonly string[], hasOutcomes = true): PulledBatch {
  const f = encodeHalf(new Float32Array(768).fill(0.125));
  return {
    place: `${region}/0`,
    experiences: ids.map((id) => experienceOf(id, { region, f, at: AT, embedder: "e" })),
    outcomes: hasOutcomes ? ids.map((id) => outcomeOf(id)) : [],
    labels: [],
  };
}

const idsOf = (region: string, count: number, first = 0): string[] =>
  Array.from({ length: count }, (_, i) => `${region}${first + i}`);

/** Looks at the regions: each brings what is scripted, and the clock moves on by a minute between two of them. */
function roundsOf(
  looks: readonly (readonly PulledBatch[])[],
  options: { once?: boolean; state?: LiveState; labelWaitMs?: number; stopAfter?: number } = {},
) {
  const { once = false, state = NOTHING_YET, labelWaitMs = 0, stopAfter = Infinity } = options;
  const scripted = looks.map((batches) => [...batches]);
  const stop = new AbortController();
  const log = { looks: 1, saves: 0 };
  const buffer = new RolloutBuffer({ network: DEFAULT_NETWORK, epsilon: 0.02, maxLag: 8 });
  const rounds = new LiveRounds({
    puller: {
      next: async () => scripted[log.looks - 1]?.shift() ?? null,
      save: async (write) => {
        log.saves++;
        await write(new Set());
      },
    },
    state,
    settings: () => ({
      tenant: null,
      embedder: "e",
      resolverVersion: 1,
      version: null,
      waitMs: labelWaitMs,
    }),
    perRegion: 4,
    atLeast: 3,
    waitMs: once ? 0 : 10 * MINUTE,
    once,
    write: async () => {},
    signal: stop.signal,
    sleep: async () => {
      if (++log.looks > stopAfter) stop.abort();
    },
    now: () => AT + 20 * MINUTE + (log.looks - 1) * MINUTE,
  });
  const collect = async () => {
    buffer.clear();
    // The policy that is being trained does not act here.
    const figures = await rounds.collect({} as ServedActor, buffer);
    return figures === null ? null : figures.requests;
  };
  return { rounds, collect, log };
}

describe("a round of running gateways", () => {
  test("begins when every region that gives anything gave enough; a region without traffic keeps nobody waiting", async () => {
    const { collect, log } = roundsOf([
      [batchOf("us", idsOf("us", 6)), batchOf("eu", idsOf("eu", 3))],
      [],
      [batchOf("eu", ["eu3"])],
    ]);
    // us 6 of 4, eu 3 of 4 until its fourth comes with the third look.
    expect(await collect()).toBe(10);
    expect(log.looks).toBe(3);
  });

  test("begins with half as many when the wait is over", async () => {
    const { collect, log } = roundsOf([
      [batchOf("us", idsOf("us", 3)), batchOf("eu", idsOf("eu", 1))],
    ]);
    // 2 regions of 4 each make 8; 3 + 1 is half of it. The wait of 10 minutes is over with the eleventh look.
    expect(await collect()).toBe(4);
    expect(log.looks).toBe(11);
  });

  test("what is too little is saved and counts in the next process", async () => {
    const first = roundsOf([[batchOf("us", ["us0", "us1"])]], { once: true });
    expect(await first.collect()).toBe(null);
    expect(first.log.saves).toBe(1);
    expect(first.rounds.state.fresh).toBe(2);

    const second = roundsOf([[batchOf("us", ["us2", "us3"])]], {
      once: true,
      state: first.rounds.state,
    });
    expect(await second.collect()).toBe(4);
    expect(second.rounds.state).toMatchObject({ fresh: 0, log: { length: 4 } });
  });

  test("learns from nothing twice: the log keeps what a round was made of, the next round begins empty", async () => {
    const { rounds, collect } = roundsOf([[batchOf("us", idsOf("us", 4))]], { stopAfter: 3 });
    expect(await collect()).toBe(4);
    expect(await collect()).toBe(null);
    expect(rounds.state.log.map(({ expId }) => expId)).toEqual(["us0", "us1", "us2", "us3"]);
  });

  test("a decision waits for its outcome, through a checkpoint too", async () => {
    const waiting = roundsOf([[batchOf("us", idsOf("us", 4), false)]], {
      once: true,
      labelWaitMs: 30 * MINUTE,
    });
    expect(await waiting.collect()).toBe(null);
    expect(waiting.rounds.state.joining.waiting).toHaveLength(4);

    const folder = mkdtempSync(join(tmpdir(), "velo-live-"));
    try {
      const training = {
        purpose: { embedder: "e", input: "embedding", network: DEFAULT_NETWORK } as const,
        mappo: {
          tensors: new Map([["w", Float32Array.of(1.5, -2)]]),
          update: 7,
          version: 6,
          steps: 350,
          values: { mean: 0.5, meanSquare: 1, weight: 1 },
        },
        live: waiting.rounds.state,
        published: 3,
        seen: new Set(["us0"]),
      };
      await writeCheckpoint(folder, toCheckpoint(training));
      const restored = fromCheckpoint((await readCheckpoint(folder))!);
      expect(restored).toEqual(training);

      const outcomes = idsOf("us", 4).map((id) => outcomeOf(id));
      const late = { ...batchOf("us", []), outcomes };
      const next = roundsOf([[late]], { once: true, state: restored.live });
      expect(await next.collect()).toBe(4);

      const live = next.rounds.state;
      await writeCheckpoint(folder, toCheckpoint({ ...training, live }));
      expect(fromCheckpoint((await readCheckpoint(folder))!).live).toEqual(live);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test("told to stop, it saves what it has and begins no update", async () => {
    const { collect, log } = roundsOf([[batchOf("us", ["us0"])]], { stopAfter: 1 });
    expect(await collect()).toBe(null);
    expect(log.saves).toBe(1);
  });
});

test("a directory has one trainer at a time; what a crash left behind locks nobody out", () => {
  const folder = mkdtempSync(join(tmpdir(), "velo-lock-"));
  try {
    writeFileSync(join(folder, "trainer.pid"), String(process.ppid));
    expect(() => lockDirectory(folder)).toThrow(`in use by process ${process.ppid}`);
    // No process has this number.
    writeFileSync(join(folder, "trainer.pid"), String(2 ** 30));
    const unlock = lockDirectory(folder);
    unlock();
    lockDirectory(folder)();
  } finally {
    rmSync(folder, { recursive: true });
  }
});

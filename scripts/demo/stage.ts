// Everything the demo runs on, and how it is taken down again: whatever happens, no process and no folder stays.
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type KillSwitches } from "../../src/durable/report.ts";
import { openClient } from "../replay/client.ts";
import { type RequestSource } from "../../src/trainer-node/simulator/source.ts";
import { startLocalStack, type LocalStack } from "../replay/local-stack.ts";
import { loadGroups, type Stream, streamsOf } from "../replay/stream.ts";
import { MODEL, SCALE } from "./http-replay.ts";
import { type DemoOptions } from "./options.ts";
import { REGIONS, simulated } from "./world.ts";

/** The shares of production; its stages take hours, these end after a few decisions in each region. */
const ROLLOUT = {
  shares: [0.01, 0.1, 1],
  minDecisions: [1, 10, 30],
  minMs: [1_000, 1_000, 1_000],
  pointerEveryMs: 1_000,
};

const TRAINING_STREAMS = 5;

/** Arrivals per second, all regions together: as over HTTP, an answer is there when its question comes again in other words. */
const RATE = 1;

/**
 * Share of the decisions of each action while the log is made: from 3,000 requests the gate can judge another policy only
 * when both actions were tried often. Afterwards it is production's again.
 */
const EXPLORATION = 0.2;

export interface Stage {
  /** Rules, thresholds and weights are made with this one. */
  readonly calibration: Stream;
  /** More streams of the calibration half, for the simulator; the first is `calibration`. */
  readonly training: readonly Stream[];
  /** Figures come from this one. */
  readonly heldOut: Stream;
  readonly stack: LocalStack;
  /** The same questions in the simulator. */
  readonly simulated: (stream: Stream) => RequestSource;
  /** Weights, checkpoints and metrics. */
  readonly folder: string;
  /** From now on the gateway explores as little as in production. */
  readonly endExploration: () => Promise<void>;
  /** Makes every region do at once what it has put off, so that all it was told can be leased. */
  readonly flush: () => Promise<void>;
  readonly setKillSwitches: (change: Partial<KillSwitches>) => Promise<void>;
  /** Resolves when every region's requests are decided by this version. */
  readonly awaitPolicy: (version: number) => Promise<void>;
}

export class Curtain {
  readonly #stops: (() => Promise<void> | void)[] = [];

  /** Ctrl-C ends what was started, then the process. */
  constructor() {
    for (const signal of ["SIGINT", "SIGTERM"] as const)
      process.once(signal, () => void this.fall().finally(() => process.exit(130)));
  }

  onFall(stop: () => Promise<void> | void): void {
    this.#stops.push(stop);
  }

  /** Stops everything, the newest first. */
  async fall(): Promise<void> {
    for (let stop = this.#stops.pop(); stop !== undefined; stop = this.#stops.pop()) await stop();
  }
}

export async function setStage(options: DemoOptions, curtain: Curtain): Promise<Stage> {
  const { answerTokens, requests, seed, out } = options;
  const groups = await loadGroups(options.data);
  const [heldOut, ...training] = streamsOf(groups, [
    { half: "measured", requests, seed, ratePerSecond: RATE },
    ...Array.from({ length: TRAINING_STREAMS }, (_, i) => ({
      half: "calibration" as const,
      requests,
      seed: seed + 1 + i,
      ratePerSecond: RATE,
    })),
  ]);
  const [calibration] = training;
  if (calibration === undefined || heldOut === undefined) throw new Error("no stream was drawn");
  const folder = out === undefined ? mkdtempSync(join(tmpdir(), "velo-demo-")) : resolve(out);
  mkdirSync(folder, { recursive: true });
  if (out === undefined)
    // Also on a signal: miniflare ends the process before everything could be awaited.
    process.once("exit", () => rmSync(folder, { recursive: true, force: true, maxRetries: 3 }));
  const stack = await startLocalStack({
    answers: calibration.answers,
    profile: "edge",
    scale: SCALE,
    minDelayTokens: answerTokens,
    seed,
    vars: {
      // What serves before is the fixed rule, not the network that the gateway brings along.
      BASELINE: "greedy",
      ROLLOUT: JSON.stringify(ROLLOUT),
      VELO: JSON.stringify({ epsilon: EXPLORATION }),
    },
  });
  curtain.onFall(stack.stop);
  const everyRegion = async (method: string, ...args: readonly unknown[]) => {
    for (const region of REGIONS) await callRegion(stack, region, method, args);
  };
  return {
    calibration,
    training,
    heldOut,
    stack,
    simulated: (stream) => simulated(stream, answerTokens),
    folder,
    endExploration: () => stack.gateway.restart({ VELO: "" }),
    flush: async () => {
      // Isolates gather what they report for a moment.
      await sleep(1_000);
      await everyRegion("flush");
    },
    setKillSwitches: (change) => everyRegion("setKillSwitches", change),
    awaitPolicy: async (version) => {
      for (const region of REGIONS) await awaitPolicy(stack, region, version);
    },
  };
}

const MAX_PROBES = 100;

/** Asks until the policy's name in the header ends with the version: isolates hear of it with a report's reply. */
async function awaitPolicy(stack: LocalStack, region: string, version: number): Promise<void> {
  const client = openClient(stack.url, stack.key, 1);
  try {
    for (let probe = 0; probe < MAX_PROBES; probe++) {
      const { headers } = await client.ask(`/${region}/v1/chat/completions`, {
        model: MODEL,
        messages: [{ role: "user", content: `Which policy decides about question ${probe}?` }],
        cache: { namespace: `probe-${version}`, "no-store": true },
      });
      if (String(headers["x-velo-policy"]).endsWith(`@${version}`)) return;
      await sleep(100);
    }
  } finally {
    client.close();
  }
  throw new Error(`region ${region} is not served by version ${version}`);
}

/** A region object's own method, through the local gateway's back door. */
async function callRegion(
  { url }: LocalStack,
  region: string,
  method: string,
  args: readonly unknown[],
): Promise<unknown> {
  const response = await fetch(`${url}/__dev/region`, {
    method: "POST",
    body: JSON.stringify({ object: `region/${region}/0`, method, args }),
  });
  if (!response.ok) throw new Error(`${method} of region ${region}: ${await response.text()}`);
  return await response.json();
}

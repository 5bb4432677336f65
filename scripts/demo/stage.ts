// Everything the demo runs on, and how it is taken down again: whatever happens, no process and no folder stays.
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { type KillSwitches } from "../../src/durable/report.ts";
import { startLocalStack, type LocalStack } from "../replay/local-stack.ts";
import { loadGroups, type Stream, streamsOf } from "../replay/stream.ts";
import { SCALE } from "./http-replay.ts";
import { type DemoOptions } from "./options.ts";

export const REGIONS = ["us", "eu", "asia"] as const;

export interface Stage {
  /** Rules, thresholds and weights are made with this one. */
  readonly calibration: Stream;
  /** Figures come from this one. */
  readonly heldOut: Stream;
  readonly stack: LocalStack;
  /** Weights, checkpoints and metrics. */
  readonly folder: string;
  /** Makes every region do at once what it has put off, so that all it was told can be leased. */
  readonly flush: () => Promise<void>;
  readonly setKillSwitches: (change: Partial<KillSwitches>) => Promise<void>;
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
  const { requests, seed, out } = options;
  const groups = await loadGroups(options.data);
  const [calibration, heldOut] = streamsOf(groups, [
    { half: "calibration", requests, seed },
    { half: "measured", requests, seed: seed + 1 },
  ]);
  if (calibration === undefined || heldOut === undefined)
    throw new Error("two streams were asked for");
  const folder = out === undefined ? mkdtempSync(join(tmpdir(), "velo-demo-")) : resolve(out);
  mkdirSync(folder, { recursive: true });
  if (out === undefined)
    curtain.onFall(() => rmSync(folder, { recursive: true, force: true, maxRetries: 3 }));
  const stack = await startLocalStack({
    answers: calibration.answers,
    profile: "edge",
    scale: SCALE,
    seed,
  });
  curtain.onFall(stack.stop);
  const everyRegion = async (method: string, ...args: readonly unknown[]) => {
    for (const region of REGIONS) await callRegion(stack, region, method, args);
  };
  return {
    calibration,
    heldOut,
    stack,
    folder,
    flush: () => everyRegion("flush"),
    setKillSwitches: (change) => everyRegion("setKillSwitches", change),
  };
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

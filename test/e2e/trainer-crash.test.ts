// Trainer and workerd are killed in the middle of everything, again and again, with signed requests between them and
// checkpoints on a real disk: what a region acknowledged is learnt once. VELO_KILLS=n kills, SEED=n repeats their moments.
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Gateway, startGateway } from "../../scripts/local/gateway.ts";
import { type ReportReply } from "../../src/durable/report.ts";
import { Random } from "../../src/policy/random.ts";
import { readCheckpoint } from "../../src/trainer-node/checkpoint.ts";
import { control, printedSeed, quantile } from "../support/gateway-client.ts";
import { experienceOf, reportOf } from "../support/region-rig.ts";

const KILLS = Number(process.env["VELO_KILLS"] ?? 4);
const REGIONS = ["us", "eu"];
const HOLD_MS = 2_000;
const PROGRAM = new URL("../support/pulling-trainer.ts", import.meta.url);

const seed = printedSeed(`${KILLS} kills`);
const random = new Random(seed);

let gateway: Gateway;
let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "velo-trainer-"));
  gateway = await startGateway({ quiet: true });
});
afterAll(async () => {
  await gateway.stop();
  await rm(directory, { recursive: true });
});

const onRegion = <T>(region: string, method: string, ...args: unknown[]): Promise<T> =>
  control<T>(gateway, "/__dev/region", { object: `region/${region}/0`, method, args });

async function startTrainer(): Promise<ChildProcess> {
  const settings = {
    url: gateway.url,
    keys: gateway.secrets.TRAINER_KEYS,
    regions: REGIONS,
    directory,
    holdMs: HOLD_MS,
  };
  const child = fork(PROGRAM, [JSON.stringify(settings)]);
  await once(child, "message");
  return child;
}

async function killTrainer(child: ChildProcess): Promise<void> {
  const gone = once(child, "exit");
  child.kill("SIGKILL");
  await gone;
}

/** What the newest checkpoint holds. The trainer may replace two of them while they are read: then once more. */
async function learnt(): Promise<readonly string[]> {
  try {
    const checkpoint = await readCheckpoint(directory, { onDamage: () => {} });
    return (checkpoint?.rest ?? []) as readonly string[];
  } catch {
    await sleep(20);
    return ((await readCheckpoint(directory))?.rest ?? []) as readonly string[];
  }
}

interface Sent {
  stop: boolean;
  readonly acknowledged: Set<string>;
  failures: number;
}

/** Sends batches until told to stop, each again and again until it is acknowledged, and packs now and then. */
async function keepReporting(region: string, sent: Sent, draw: Random): Promise<void> {
  for (let n = 0; !sent.stop; n++) {
    const ids = Array.from({ length: 1 + (draw.next() % 8) }, (_, i) => `${region}-${n}-${i}`);
    const report = reportOf({
      batchId: `${region}-${n}`,
      experiences: ids.map((id) => experienceOf(id, { region, f: "A".repeat(2048) })),
    });
    for (let done = false; !done;) {
      try {
        await onRegion<ReportReply>(region, "report", report);
        for (const id of ids) sent.acknowledged.add(id);
        done = true;
      } catch {
        sent.failures++;
        await sleep(25);
      }
    }
    if (n % 10 === 9) await onRegion(region, "flush").catch(() => {});
  }
}

test(
  `after ${KILLS} kills of trainer and runtime every acknowledged experience is learnt exactly once`,
  { timeout: 90_000 + KILLS * 8_000 },
  async () => {
    const sent: Sent = { stop: false, acknowledged: new Set(), failures: 0 };
    const load = Promise.all(
      REGIONS.map((region, i) => keepReporting(region, sent, new Random(seed + i))),
    );
    // A load that fails must fail the test, but not before it is awaited.
    load.catch(() => {});
    let trainer = await startTrainer();
    const kills = { trainer: 0, runtime: 0 };
    const recoveries: number[] = [];
    for (let kill = 0; kill < KILLS; kill++) {
      await sleep(100 + random.uniform() * 900);
      const before = (await learnt()).length;
      const which = kill % 2 === 0 ? "trainer" : "runtime";
      kills[which]++;
      const startedAt = performance.now();
      if (which === "trainer") {
        await killTrainer(trainer);
        trainer = await startTrainer();
      } else {
        await gateway.kill();
        await gateway.restart();
      }
      // Back to work: another checkpoint holds more than the last one before the kill.
      while ((await learnt()).length <= before) {
        await sleep(20);
        if (performance.now() - startedAt > 30_000)
          throw new Error(`no progress after kill ${kill}`);
      }
      recoveries.push(performance.now() - startedAt);
    }
    sent.stop = true;
    await load;

    // Packs that were leased three times to trainers that died are set aside for an operator.
    const reopen = async (region: string) => (
      await onRegion<number>(region, "flush"),
      await onRegion<number>(region, "reopenPacks")
    );
    let reopened = 0;
    const until = performance.now() + 60_000;
    const missing = async () => {
      const have = new Set(await learnt());
      return [...sent.acknowledged].filter((id) => !have.has(id));
    };
    while ((await missing()).length > 0 && performance.now() < until) {
      for (const region of REGIONS) reopened += await reopen(region);
      await sleep(200);
    }
    // Were a pack to come again now, it would be learnt a second time.
    await sleep(2 * HOLD_MS);
    await killTrainer(trainer);

    const all = await learnt();
    console.log(
      `${KILLS} kills (${kills.trainer} of the trainer, ${kills.runtime} of workerd): ` +
        `${sent.acknowledged.size} experiences acknowledged, ${all.length} learnt, ${sent.failures} reports failed, ` +
        `${reopened} packs had been set aside; from kill to the next checkpoint p50 ${quantile(recoveries, 0.5).toFixed(0)} ms, ` +
        `slowest ${Math.max(...recoveries).toFixed(0)} ms`,
    );
    expect(sent.acknowledged.size).toBeGreaterThan(10 * KILLS);
    expect(await missing()).toEqual([]);
    expect(all.length - new Set(all).size).toBe(0);
  },
);

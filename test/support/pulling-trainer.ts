// A trainer process without the learning: it pulls, keeps what it got in its checkpoint, and acknowledges. Killed and
// started again by test/e2e/trainer-crash.test.ts.
//   node test/support/pulling-trainer.ts '<settings as JSON>'
import { setTimeout as sleep } from "node:timers/promises";
import { parseTrainerKeys } from "../../src/durable/signed-request.ts";
import { readCheckpoint, writeCheckpoint } from "../../src/trainer-node/checkpoint.ts";
import { EdgeClient } from "../../src/trainer-node/edge-client.ts";
import { keepLeases, packSources, Puller } from "../../src/trainer-node/pull.ts";

interface Settings {
  readonly url: string;
  /** As in the Worker's setting. */
  readonly keys: string;
  readonly regions: readonly string[];
  readonly directory: string;
  readonly holdMs: number;
}

const { url, keys, regions, directory, holdMs } = JSON.parse(process.argv[2] ?? "") as Settings;
const setting = parseTrainerKeys(keys);
if (setting.state !== "on") throw new Error("no keys");
const sources = setting.keys
  .filter(({ region }) => regions.includes(region))
  .flatMap((key) =>
    packSources(new EdgeClient({ url, key, timeoutMs: 3_000, attempts: 1 }), 1, "test", holdMs),
  );

const last = await readCheckpoint(directory);
const learnt: string[] = [...((last?.rest ?? []) as string[])];
let update = last?.update ?? 0;
const puller = new Puller({ sources, seen: last?.seen ?? [], max: 60, backOffMs: [50, 200] });
keepLeases(puller, holdMs / 3);
process.send?.("ready");

for (;;) {
  let news = 0;
  for (let i = 0; i < 3; i++) {
    const batch = await puller.next();
    if (batch === null) break;
    learnt.push(...batch.experiences.map(({ expId }) => expId));
    news++;
    // Learning takes a moment: time enough to be killed between lease and checkpoint.
    await sleep(30);
  }
  if (news === 0) await sleep(50);
  else {
    update++;
    await puller.save((seen) =>
      writeCheckpoint(directory, {
        format: 1,
        update,
        version: 0,
        tensors: new Map([["weights", Float32Array.from({ length: 10_000 }, () => update)]]),
        seen,
        rest: learnt,
      }),
    );
  }
}

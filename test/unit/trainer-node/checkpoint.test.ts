import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Random } from "../../../src/policy/random.ts";
import {
  type Checkpoint,
  readCheckpoint,
  writeCheckpoint,
} from "../../../src/trainer-node/checkpoint.ts";
import { PowerCut, PowerCutDisk } from "../../support/power-cut-disk.ts";

const checkpointOf = (update: number): Checkpoint => ({
  format: 1,
  update,
  version: update - 1,
  tensors: new Map([
    ["actor.weight", Float32Array.of(update, Number.NaN, -0, 1e-45)],
    ["empty", new Float32Array(0)],
    ["critic.bias", Float32Array.of(-update)],
  ]),
  seen: new Set([`d${update}`, "élan", "d0"]),
  rest: { note: "über", list: [1, null, true, { deep: "x" }] },
});

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "velo-checkpoint-"));
});
afterEach(() => rm(directory, { recursive: true }));

describe("a checkpoint", () => {
  it("comes back as it was written, floats bit for bit, ids in their order", async () => {
    const below = join(directory, "made", "when missing");
    await writeCheckpoint(below, checkpointOf(3));
    const read = await readCheckpoint(below);
    expect(read).toEqual(checkpointOf(3));
    expect([...read!.seen]).toEqual(["d3", "élan", "d0"]);
    expect(Object.is(read!.tensors.get("actor.weight")![2], -0)).toBe(true);
  });

  it("holds of a tensor that is a part of a larger buffer only this part", async () => {
    const part = Float32Array.of(1, 2, 3, 4).subarray(1, 3);
    await writeCheckpoint(directory, { ...checkpointOf(1), tensors: new Map([["part", part]]) });
    expect((await readCheckpoint(directory))!.tensors.get("part")).toEqual(Float32Array.of(2, 3));
  });

  it("is null where there never was one", async () => {
    expect(await readCheckpoint(directory)).toBeNull();
  });

  it("is null where the first one was never finished", async () => {
    await writeFile(join(directory, "checkpoint-000000000001.partial"), "velo");
    expect(await readCheckpoint(directory)).toBeNull();
  });

  it("leaves itself and the one before it", async () => {
    for (const update of [1, 2, 3, 4]) await writeCheckpoint(directory, checkpointOf(update));
    expect(await readdir(directory)).toEqual([
      "checkpoint-000000000003",
      "checkpoint-000000000004",
    ]);
  });

  it("that was half written is not seen, and swept away by the next", async () => {
    await writeCheckpoint(directory, checkpointOf(1));
    const whole = await readFile(join(directory, "checkpoint-000000000001"));
    await writeFile(join(directory, "checkpoint-000000000002.partial"), whole.subarray(0, 50));
    await writeFile(join(directory, "checkpoint-000000000007.partial"), whole.subarray(0, 50));
    const told: string[] = [];
    const onDamage = (message: string) => told.push(message);
    expect((await readCheckpoint(directory, { onDamage }))!.update).toBe(1);
    expect(told).toEqual([]);
    await writeCheckpoint(directory, checkpointOf(2));
    expect(await readdir(directory)).toEqual([
      "checkpoint-000000000001",
      "checkpoint-000000000002",
    ]);
  });

  it("with any byte changed or cut off is passed over for the one before, which is said", async () => {
    await writeCheckpoint(directory, checkpointOf(1));
    await writeCheckpoint(directory, checkpointOf(2));
    const path = join(directory, "checkpoint-000000000002");
    const whole = await readFile(path);
    for (let at = 0; at < whole.length; at++) {
      const damaged = Buffer.from(whole);
      damaged[at]! ^= 1;
      await writeFile(path, at % 2 === 0 ? damaged : whole.subarray(0, at));
      const told: string[] = [];
      const read = await readCheckpoint(directory, { onDamage: (message) => told.push(message) });
      expect(read!.update, `byte ${at}`).toBe(1);
      expect(told).toEqual([
        expect.stringMatching(
          /000002 is damaged: .*Going on from .*000001: what was learnt after update 1 is lost/,
        ),
      ]);
    }
  });

  it("is never begun again silently: with all files damaged, reading fails", async () => {
    await writeFile(join(directory, "checkpoint-000000000001"), "x");
    await expect(readCheckpoint(directory)).rejects.toThrow(/no checkpoint can be read/);
  });
});

describe("a power cut at any step of writing", () => {
  /** write, sync, rename, sync, remove the oldest; a partial file of an earlier cut is removed too. */
  const STEPS = 5;

  it(`leaves the old checkpoint or the new one, and the new one once it was promised`, async () => {
    const outcomes = new Set<string>();
    for (let seed = 1; seed <= 200; seed++) {
      for (let failAt = 1; failAt <= STEPS; failAt++) {
        const disk = new PowerCutDisk(new Random(seed));
        for (const update of [1, 2]) await writeCheckpoint("d", checkpointOf(update), { disk });
        disk.failAt = disk.steps + failAt;
        await expect(writeCheckpoint("d", checkpointOf(3), { disk })).rejects.toThrow(PowerCut);
        const read = await readCheckpoint("d", { disk, onDamage: () => outcomes.add("damaged") });
        const update = read!.update;
        expect([2, 3], `seed ${seed}, step ${failAt}`).toContain(update);
        expect(read).toEqual(checkpointOf(update));
        outcomes.add(`${failAt <= 4 ? "before" : "after"} the last sync: ${update}`);
        // The next one can be written and read whatever was left lying about.
        await writeCheckpoint("d", checkpointOf(4), { disk });
        expect((await readCheckpoint("d", { disk }))!.update).toBe(4);
      }
    }
    expect([...outcomes].toSorted()).toEqual([
      "after the last sync: 3",
      "before the last sync: 2",
      "before the last sync: 3",
    ]);
  });

  it("is seen by this test: without the sync before the rename, a file with its name is damaged", async () => {
    let damaged = 0;
    for (let seed = 1; seed <= 50; seed++) {
      const disk = new PowerCutDisk(new Random(seed));
      await writeCheckpoint("d", checkpointOf(1), { disk });
      const hasty = {
        list: (path: string) => disk.list(path),
        read: (path: string) => disk.read(path),
        write: (path: string, chunks: readonly Uint8Array[]) => disk.write(path, chunks),
        sync: async (path: string) => (path === "d" ? await disk.sync(path) : undefined),
        rename: (from: string, to: string) => disk.rename(from, to),
        remove: (path: string) => disk.remove(path),
      };
      disk.failAt = disk.steps + 3;
      await expect(writeCheckpoint("d", checkpointOf(2), { disk: hasty })).rejects.toThrow(
        PowerCut,
      );
      await readCheckpoint("d", { disk, onDamage: () => damaged++ });
    }
    expect(damaged).toBeGreaterThan(0);
  });
});

it("a bit that rots on the disk costs the newest checkpoint and no more", async () => {
  for (let seed = 1; seed <= 50; seed++) {
    const disk = new PowerCutDisk(new Random(seed));
    for (const update of [1, 2]) await writeCheckpoint("d", checkpointOf(update), { disk });
    disk.rot("d/checkpoint-000000000002");
    expect((await readCheckpoint("d", { disk, onDamage: () => {} }))!.update).toBe(1);
  }
});

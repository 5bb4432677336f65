import { describe, expect, it } from "vitest";
import { type TrainerLease, type TrainerPack } from "../../../src/durable/leases.ts";
import { type Label } from "../../../src/durable/report.ts";
import { type Experience, type NotesArm } from "../../../src/policy/experience.ts";
import { type PackSource, type PullOptions, Puller } from "../../../src/trainer-node/pull.ts";
import { experienceOf, outcomeOf } from "../../support/region-rig.ts";

const packOf = (
  packId: string,
  ids: readonly string[],
  more: Partial<TrainerPack> = {},
): TrainerPack => ({
  packId,
  experiences: ids.map((id) => experienceOf(id)),
  outcomes: ids.map((id) => outcomeOf(id)),
  labels: [],
  ...more,
});

/** A region object that gives its leases in order and writes down what it is asked. */
class ScriptedSource implements PackSource {
  readonly place: string;
  readonly calls: string[] = [];
  readonly leases: (TrainerLease["packs"] | Error)[];
  isStale = false;
  isDown = false;

  constructor(place: string, ...leases: (TrainerLease["packs"] | Error)[]) {
    this.place = place;
    this.leases = leases;
  }

  async lease(): Promise<TrainerLease> {
    this.#call("lease");
    const packs = this.leases.shift() ?? [];
    if (packs instanceof Error) throw packs;
    return {
      leaseToken: packs.length > 0 ? `token-${this.calls.length}` : "",
      expiresAt: 0,
      packs,
    };
  }
  async heartbeat(token: string): Promise<number | null> {
    this.#call(`beat ${token}`);
    return this.isStale ? null : 1;
  }
  async ack(token: string, ids: readonly string[]) {
    this.#call(`ack ${token} ${ids.join(" ")}`);
    return this.isStale
      ? ({ ok: false, reason: "stale token" } as const)
      : ({ ok: true, acked: ids.length } as const);
  }
  #call(call: string): void {
    this.calls.push(call);
    if (this.isDown) throw new Error("down");
  }
}

const pullerOf = (sources: readonly PackSource[], more: Partial<PullOptions> = {}) =>
  new Puller({ sources, now: () => 0, ...more });
const nextIds = async (puller: Puller) =>
  (await puller.next())?.experiences.map(({ expId }) => expId) ?? null;
const saved = async (puller: Puller): Promise<string[]> => {
  let ids: readonly string[] = [];
  await puller.save(async (seen) => {
    ids = [...seen];
  });
  return ids.filter((id) => !id.startsWith("pack:"));
};

describe("pulling", () => {
  it("asks each place in turn, passes over the empty ones and ends when all are", async () => {
    const places = [
      new ScriptedSource("us/0", [packOf("1-1", ["a"])], [packOf("2-2", ["b"])]),
      new ScriptedSource("eu/0"),
      new ScriptedSource("eu/1", [packOf("1-1", ["c"])]),
    ];
    const puller = pullerOf(places);
    expect([
      await nextIds(puller),
      await nextIds(puller),
      await nextIds(puller),
      await nextIds(puller),
    ]).toEqual([["a"], ["c"], ["b"], null]);
  });

  it("acknowledges after the checkpoint was written, and not at all when that fails", async () => {
    const source = new ScriptedSource("eu/0", [packOf("1-1", ["a"]), packOf("2-2", ["b"])]);
    const puller = pullerOf([source]);
    expect(await nextIds(puller)).toEqual(["a", "b"]);
    await puller.next();
    await expect(puller.save(() => Promise.reject(new Error("disk full")))).rejects.toThrow(
      "disk full",
    );
    expect(source.calls).toEqual(["lease", "lease"]);
    await puller.save(async () => {
      source.calls.push("written");
    });
    expect(source.calls).toEqual(["lease", "lease", "written", "ack token-1 1-1 2-2"]);
    expect(puller.counts).toMatchObject({ experiences: 2, acked: 2, repeated: 0 });
  });

  it("hands a pack that comes again on once, and acknowledges it at once when a checkpoint holds it", async () => {
    const pack = packOf("1-1", ["a", "b"]);
    const source = new ScriptedSource("eu/0", [pack], [pack], [pack]);
    const puller = pullerOf([source]);
    expect(await nextIds(puller)).toEqual(["a", "b"]);
    // Its lease ended before the checkpoint: nothing of it is handed on, and nothing is acknowledged.
    expect(await nextIds(puller)).toBeNull();
    expect(source.calls).toEqual(["lease", "lease"]);
    source.isStale = true;
    expect(await saved(puller)).toEqual(["a", "b"]);
    expect(puller.counts.lapsed).toBe(2);
    source.isStale = false;
    expect(await nextIds(puller)).toBeNull();
    expect(source.calls.at(-1)).toBe("ack token-5 1-1");
    expect(puller.counts).toMatchObject({ experiences: 2, repeated: 4, acked: 1 });
  });

  it("knows after a restart what the checkpoint holds, outcomes and labels included", async () => {
    const pack = packOf("1-1", ["a"]);
    let ids: ReadonlySet<string> = new Set();
    const before = pullerOf([new ScriptedSource("eu/0", [pack])]);
    expect((await before.next())?.outcomes).toHaveLength(1);
    await before.save(async (seen) => {
      ids = seen;
    });
    const source = new ScriptedSource("eu/0", [pack, packOf("2-2", ["b"])]);
    const batch = await pullerOf([source], { seen: ids }).next();
    expect(batch?.experiences.map(({ expId }) => expId)).toEqual(["b"]);
    expect(batch?.outcomes.map(({ expId }) => expId)).toEqual(["b"]);
  });

  it("learns an experience once that lies in two packs, and tells packs of two places apart", async () => {
    const sources = [
      new ScriptedSource("eu/0", [packOf("1-1", ["a", "b"])]),
      new ScriptedSource("eu/1", [packOf("1-1", ["b", "c"])]),
    ];
    const puller = pullerOf(sources);
    expect([await nextIds(puller), await nextIds(puller)]).toEqual([["a", "b"], ["c"]]);
  });

  it("takes what a region sends that lost its storage and numbers its packs from one again", async () => {
    const source = new ScriptedSource("eu/0", [packOf("1-1", ["a"])], [packOf("1-1", ["b"])]);
    const puller = pullerOf([source]);
    expect([await nextIds(puller), await nextIds(puller)]).toEqual([["a"], ["b"]]);
  });

  it("leaves out and counts what cannot be an experience, and goes on with the others", async () => {
    const spoil = (field: keyof Experience, value: unknown) => ({
      ...experienceOf("bad"),
      [field]: value,
    });
    const bad: readonly unknown[] = [
      null,
      "text",
      [],
      {},
      spoil("omega", Number.NaN),
      spoil("omega", null),
      spoil("mu", 0),
      spoil("mu", 1.01),
      spoil("probs", [0.9, 0.2]),
      spoil("probs", [1]),
      spoil("probs", [Number.NaN, 1]),
      spoil("action", 2),
      spoil("action", -1),
      spoil(
        "c",
        Array.from({ length: 29 }, () => 0),
      ),
      spoil(
        "c",
        Array.from({ length: 30 }, () => "0"),
      ),
      spoil("f", "AAAA"),
      spoil("f", "!".repeat(2048)),
      spoil("noise", "one"),
      spoil("expId", ""),
      spoil("expId", "x".repeat(201)),
      spoil("sub", "D"),
      spoil("share", 1),
      spoil("policyVersion", 1.5),
      spoil("usedRows", "r1"),
    ];
    const good = { ...experienceOf("good"), f: "A".repeat(2048), question: "left out" };
    const poison = { ...packOf("1-1", []), experiences: [...bad, good] as Experience[] };
    const source = new ScriptedSource("eu/0", [poison, packOf("2-2", ["b"])]);
    const puller = pullerOf([source]);
    const batch = await puller.next();
    expect(batch?.experiences.map(({ expId }) => expId)).toEqual(["good", "b"]);
    expect(batch?.experiences[0]).not.toHaveProperty("question");
    expect(puller.counts.rejected).toBe(bad.length);
    // The pack is done with: it would be as bad the next time.
    await saved(puller);
    expect(source.calls.at(-1)).toBe("ack token-1 1-1 2-2");
  });

  it("leaves out outcomes and labels whose part in the trial of notes is none", async () => {
    const arm = { arm: "C", probability: 0.5, lang: "en" };
    const arms = [
      arm,
      { ...arm, arm: "D" },
      { ...arm, probability: 0 },
      { ...arm, lang: "x".repeat(201) },
      "C",
    ];
    const label = {
      labelId: "l",
      expId: "e",
      tenant: "t1",
      source: "judge",
      correct: 1,
      weight: 1,
    };
    const parts = [
      ...arms.map((notes) => ({ notes })),
      { plain: 0, noteRows: ["r1"] },
      { plain: 2 },
      { noteRows: "r1" },
      { noteRows: Array.from({ length: 101 }, () => "r1") },
    ];
    const pack = packOf("1-1", ["a"], {
      outcomes: arms.map((notes, i) => outcomeOf(`o${i}`, { notes: notes as NotesArm })),
      labels: parts.map((part, i) =>
        Object.assign({ ...label, labelId: `l${i}` }, part),
      ) as Label[],
    });
    const puller = pullerOf([new ScriptedSource("eu/0", [pack])]);
    const batch = await puller.next();
    expect(batch?.outcomes.map(({ expId }) => expId)).toEqual(["o0"]);
    expect(batch?.labels.map(({ labelId }) => labelId)).toEqual(["l0", "l5"]);
    expect(puller.counts.rejected).toBe(4 + 4 + 3);
  });

  it("leaves a place that fails alone, longer each time, and goes on with the others", async () => {
    let now = 0;
    const down = new ScriptedSource("eu/0");
    down.isDown = true;
    const up = new ScriptedSource("us/0", [packOf("1-1", ["a"])]);
    const told: string[] = [];
    const options = {
      now: () => now,
      backOffMs: [1_000, 4_000] as const,
      onFailure: (place: string) => told.push(place),
    };
    const puller = pullerOf([down, up], options);
    expect(await nextIds(puller)).toEqual(["a"]);
    const asked: number[] = [];
    for (now = 0; now < 16_000; now += 500) {
      const before = down.calls.length;
      await puller.next();
      if (down.calls.length > before) asked.push(now);
    }
    // Failed at 0, then after pauses of 1, 2, 4, 4, 4 s.
    expect(asked).toEqual([1_000, 3_000, 7_000, 11_000, 15_000]);
    expect(told).toEqual(Array.from({ length: 6 }, () => "eu/0"));
  });

  it("acknowledges later what could not be acknowledged", async () => {
    let now = 0;
    const source = new ScriptedSource("eu/0", [packOf("1-1", ["a"])]);
    const puller = pullerOf([source], { now: () => now });
    await puller.next();
    source.isDown = true;
    await saved(puller);
    source.isDown = false;
    now = 60_000;
    await puller.next();
    expect(source.calls).toEqual(["lease", "ack token-1 1-1", "ack token-1 1-1", "lease"]);
    expect(puller.counts).toMatchObject({ acked: 1, failures: 1 });
  });

  it("keeps its leases by heartbeats, and lets go of one that ended", async () => {
    const source = new ScriptedSource("eu/0", [packOf("1-1", ["a"])]);
    const puller = pullerOf([source]);
    await puller.next();
    await puller.heartbeat();
    source.isStale = true;
    await puller.heartbeat();
    await puller.heartbeat();
    expect(source.calls).toEqual(["lease", "beat token-1", "beat token-1"]);
    expect(puller.counts.lapsed).toBe(1);
  });

  it("remembers a bounded number of ids, oldest first out, but for packs whose ack is not confirmed", async () => {
    const old = new ScriptedSource("eu/0", [packOf("1-1", ["old1", "old2"])]);
    const busy = new ScriptedSource(
      "us/0",
      ...Array.from({ length: 4 }, (_, i) => [packOf(`${i}-${i}`, [`n${2 * i}`, `n${2 * i + 1}`])]),
    );
    // Two ids and a digest per pack: room for two packs.
    const puller = pullerOf([old, busy], { seenLimit: 6 });
    await puller.next();
    old.isDown = true;
    for (let i = 0; i < 4; i++) {
      await puller.next();
      expect(await saved(puller)).toContain("old1");
    }
    expect(await saved(puller)).toEqual(["n6", "n7", "old1", "old2"]);
  });
});

// The way of an experience from edge to trainer under drops, duplicates, delays, reordering, crashes, power cuts and clock
// jumps, in one thread and from one seed. The region object is the production core on real SQLite, the trainer pulls and
// keeps its checkpoints with the production code; edge and network are the few lines below. The broken variants show that
// the simulator would see a fault.
//   VELO_SEEDS=10000 npx vitest run --project unit test/unit/durable/exactly-once.test.ts
import { expect, it } from "vitest";
import { type Report } from "../../../src/durable/report.ts";
import { Random } from "../../../src/policy/random.ts";
import { readCheckpoint, writeCheckpoint } from "../../../src/trainer-node/checkpoint.ts";
import { type PackSource, Puller } from "../../../src/trainer-node/pull.ts";
import { newRig } from "../../support/node-rig.ts";
import { PowerCut, PowerCutDisk } from "../../support/power-cut-disk.ts";
import { Crash, experienceOf, Fault, reportOf } from "../../support/region-rig.ts";

const SEEDS = Number(process.env["VELO_SEEDS"] ?? 150);

type Variant = "whole" | "ack before checkpoint" | "delete on pull" | "no dedupe" | "no batch id";

interface Verdict {
  /** Acknowledged to the edge, and never learnt. */
  readonly lost: number;
  /** Learnt more than once. */
  readonly twice: number;
  /** In the region's packs more than once: its cache book counted them as often. */
  readonly packedTwice: number;
  /** Packs still open when everything was quiet. */
  readonly stuck: number;
}

class Simulation {
  readonly #random: Random;
  readonly #variant: Variant;
  readonly #rig = newRig({ pack: { experiences: 5, ageMs: 20_000 } });
  /** Edge: batches that nobody acknowledged. */
  readonly #unsent: Report[] = [];
  readonly #acknowledged = new Set<string>();
  /** Network: requests on their way, delivered in any order. */
  #inFlight: { report: Report; at: number }[] = [];
  /** Trainer: its disk, and what its process knows. */
  readonly #disk: PowerCutDisk;
  #puller = new Puller({ sources: [] });
  #applied: string[] = [];
  #mayFail = true;
  #made = 0;

  constructor(seed: number, variant: Variant) {
    this.#random = new Random(seed);
    this.#variant = variant;
    this.#disk = new PowerCutDisk(this.#random);
  }

  async run(): Promise<Verdict> {
    await this.#startTrainer();
    for (let step = 0; step < 150; step++) {
      this.#rig.now += Math.floor(this.#random.uniform() * 8_000);
      const dice = this.#random.uniform();
      if (dice < 0.25) this.#produce();
      else if (dice < 0.5) this.#send();
      else if (dice < 0.7) this.#deliver();
      else if (dice < 0.82) await this.#survive(() => this.#rig.core.work());
      else if (dice < 0.97) await this.#train();
      // The object's clock is set by hand, forwards or backwards; or the object restarts.
      else if (dice < 0.985)
        this.#rig.now += Math.floor((this.#random.uniform() - 0.5) * 1_200_000);
      else this.#rig.restart();
    }
    await this.#settle();
    const learnt = new Set(this.#applied);
    const packed = [...this.#rig.objects.objects]
      .filter(([key]) => key.startsWith("e/"))
      .flatMap(([, body]) => (JSON.parse(body) as Pick<Report, "experiences">).experiences);
    return {
      lost: [...this.#acknowledged].filter((id) => !learnt.has(id)).length,
      twice: this.#applied.length - learnt.size,
      packedTwice: packed.length - new Set(packed.map(({ expId }) => expId)).size,
      stuck: this.#rig.rows("SELECT first FROM pack WHERE status <> 'acked'").length,
    };
  }

  #produce(): void {
    const experiences = Array.from({ length: 1 + Math.floor(this.#random.uniform() * 3) }, () =>
      experienceOf(`d${++this.#made}`),
    );
    this.#unsent.push(reportOf({ experiences }));
  }

  #send(): void {
    const report = this.#unsent[Math.floor(this.#random.uniform() * this.#unsent.length)];
    if (report === undefined) return;
    // Lost, once, or twice; each copy arrives whenever it likes.
    const copies = Math.floor(this.#random.uniform() * 3);
    for (let i = 0; i < copies; i++) this.#inFlight.push({ report, at: this.#random.uniform() });
    this.#inFlight.sort((a, b) => a.at - b.at);
  }

  #deliver(): void {
    const arriving = this.#inFlight.shift();
    if (arriving === undefined) return;
    // The broken edge makes another id for every attempt.
    const report =
      this.#variant === "no batch id"
        ? { ...arriving.report, batchId: `again-${this.#random.next()}` }
        : arriving.report;
    this.#mayCrash(0.15);
    try {
      this.#rig.core.report(report);
    } catch (error) {
      this.#afterCrash(error);
      return;
    } finally {
      this.#rig.setFault(new Fault());
    }
    // The reply may be lost: then the edge does not know, and sends again.
    if (this.#random.uniform() < 0.3) return;
    for (const { expId } of report.experiences) this.#acknowledged.add(expId);
    const at = this.#unsent.indexOf(arriving.report);
    if (at >= 0) this.#unsent.splice(at, 1);
  }

  /** Another process: it knows what its checkpoint holds. */
  async #startTrainer(): Promise<void> {
    const checkpoint = await readCheckpoint("d", { disk: this.#disk });
    this.#applied = [...((checkpoint?.rest ?? []) as string[])];
    this.#puller = new Puller({
      sources: [this.#source()],
      seen: this.#variant === "no dedupe" ? [] : (checkpoint?.seen ?? []),
      max: 8,
      now: () => this.#rig.now,
      backOffMs: [1_000, 8_000],
    });
  }

  /** A call may be lost on its way, or its reply. */
  #source(): PackSource {
    const over = async <T>(call: () => T | Promise<T>): Promise<T> => {
      if (this.#fails(0.1)) throw new Error("the call was lost");
      const result = await call();
      if (this.#fails(0.1)) throw new Error("the reply was lost");
      return result;
    };
    return {
      place: "eu/0",
      lease: (max) =>
        over(async () => {
          const lease = await this.#rig.core.lease(max);
          if (this.#variant === "delete on pull")
            this.#rig.core.ack(
              lease.leaseToken,
              lease.packs.map(({ packId }) => packId),
            );
          return lease;
        }),
      heartbeat: (token) => over(() => this.#rig.core.heartbeat(token)),
      ack: (token, ids) => over(() => this.#rig.core.ack(token, ids)),
    };
  }

  #fails(share: number): boolean {
    return this.#mayFail && this.#random.uniform() < share;
  }

  async #train(): Promise<void> {
    if (this.#fails(0.15)) await this.#startTrainer();
    const batch = await this.#puller.next();
    if (batch) this.#applied.push(...batch.experiences.map(({ expId }) => expId));
    // Learning takes time; a slow trainer sometimes forgets its heartbeat.
    this.#rig.now += Math.floor(this.#random.uniform() * 20_000);
    if (!this.#fails(0.3)) await this.#puller.heartbeat();
    this.#rig.now += Math.floor(this.#random.uniform() * 50_000);
    // Sometimes one checkpoint holds the batches of several leases.
    if (this.#fails(0.3)) return;
    if (this.#fails(0.25))
      this.#disk.failAt = this.#disk.steps + 1 + Math.floor(this.#random.uniform() * 5);
    try {
      await this.#save();
    } catch (error) {
      if (!(error instanceof PowerCut)) throw error;
      await this.#startTrainer();
    } finally {
      this.#disk.failAt = Number.POSITIVE_INFINITY;
    }
  }

  async #save(): Promise<void> {
    const write = (seen: ReadonlySet<string>) =>
      writeCheckpoint(
        "d",
        { format: 1, update: 0, version: 0, tensors: new Map(), seen, rest: [...this.#applied] },
        { disk: this.#disk },
      );
    if (this.#variant !== "ack before checkpoint") return await this.#puller.save(write);
    let ids: ReadonlySet<string> = new Set();
    await this.#puller.save(async (seen) => {
      ids = seen;
    });
    await write(ids);
  }

  /** Everything that is due happens, without further faults. */
  async #settle(): Promise<void> {
    this.#mayFail = false;
    for (const report of this.#unsent.splice(0)) {
      this.#rig.core.report(report);
      for (const { expId } of report.experiences) this.#acknowledged.add(expId);
    }
    for (const { report } of this.#inFlight) this.#rig.core.report(report);
    this.#rig.now += 1_300_000;
    for (let i = 0; i < 60; i++) {
      // Three trainers that died in a row look like a poison pack: an operator puts those back.
      if (i % 10 === 0) this.#rig.core.reopenPacks();
      await this.#rig.core.work(true);
      await this.#train();
      this.#rig.now += 61_000;
    }
  }

  #mayCrash(share: number): void {
    if (this.#random.uniform() < share)
      this.#rig.setFault(new Fault(1 + Math.floor(this.#random.uniform() * 12)));
  }

  async #survive(work: () => Promise<void>): Promise<void> {
    this.#mayCrash(0.4);
    try {
      await work();
    } catch (error) {
      this.#afterCrash(error);
    } finally {
      this.#rig.setFault(new Fault());
    }
  }

  #afterCrash(error: unknown): void {
    if (!(error instanceof Crash)) throw error;
    this.#rig.setFault(new Fault());
    this.#rig.restart();
  }
}

async function sweep(
  variant: Variant,
  seeds: number,
): Promise<Verdict & { firstSeed: number | null }> {
  let [lost, twice, packedTwice, stuck] = [0, 0, 0, 0];
  let firstSeed: number | null = null;
  for (let seed = 1; seed <= seeds; seed++) {
    const verdict = await new Simulation(seed, variant).run();
    const isClean = Object.values(verdict).every((count) => count === 0);
    if (!isClean) firstSeed ??= seed;
    lost += verdict.lost;
    twice += verdict.twice;
    packedTwice += verdict.packedTwice;
    stuck += verdict.stuck;
  }
  return { lost, twice, packedTwice, stuck, firstSeed };
}

it(
  `loses nothing after the ack and learns nothing twice in seeds 1 to ${SEEDS}`,
  async () => {
    const clean = { lost: 0, twice: 0, packedTwice: 0, stuck: 0, firstSeed: null };
    expect(await sweep("whole", SEEDS)).toEqual(clean);
  },
  60_000 + 200 * SEEDS,
);

it.each([
  ["ack before checkpoint", "lost"],
  ["delete on pull", "lost"],
  ["no dedupe", "twice"],
] as const)("sees that a trainer with %s has experiences %s", async (variant, fault) => {
  expect((await sweep(variant, 20))[fault]).toBeGreaterThan(0);
});

it("sees that an edge with no batch id has experiences stored twice, and that the trainer still learns each once", async () => {
  const { packedTwice, twice } = await sweep("no batch id", 20);
  expect(packedTwice).toBeGreaterThan(0);
  expect(twice).toBe(0);
});

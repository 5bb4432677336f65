// workerd is killed in the middle of everything, again and again: what a region object acknowledged is delivered to the
// trainer once, neither lost nor doubled. VELO_KILLS=n kills, SEED=n repeats their moments.
import { afterAll, beforeAll, expect, test } from "vitest";
import { setTimeout as sleep } from "node:timers/promises";
import { type Gateway, startGateway } from "../../scripts/local/gateway.ts";
import { type AckReply, type TrainerLease } from "../../src/durable/leases.ts";
import { type Report, type ReportReply } from "../../src/durable/report.ts";
import { type Experience } from "../../src/policy/experience.ts";
import { Random } from "../../src/policy/random.ts";
import {
  chat,
  control,
  post,
  printedSeed,
  quantile,
  unlikeWords,
} from "../support/gateway-client.ts";

const KILLS = Number(process.env["VELO_KILLS"] ?? 10);
const REPORTERS = 4;
const CHATTERS = 2;
const OBJECT = "region/us/0";

const seed = printedSeed(`${KILLS} kills`);
const random = new Random(seed);

let gateway: Gateway;
beforeAll(async () => {
  gateway = await startGateway({
    quiet: true,
    vars: { DEMO_DELAY_SCALE: "0.02", VELO: '{"epsilon":0}' },
  });
});
afterAll(() => gateway.stop());

const region = <T>(method: string, ...args: unknown[]): Promise<T> =>
  control<T>(gateway, "/__dev/region", { object: OBJECT, method, args });

function experience(expId: string): Experience {
  return {
    expId,
    tenant: "crash",
    region: "us",
    at: Date.now(),
    f: "",
    c: Array.from({ length: 30 }, () => 0),
    omega: -1,
    noise: "zero",
    action: 0,
    mu: 1,
    probs: [1, 0],
    sub: "B",
    policyVersion: 0,
    resolverVersion: 1,
    embedder: "test",
    share: false,
    usedRows: [],
  };
}

const reportOf = (batchId: string, experiences: readonly Experience[]): Report => ({
  batchId,
  experiences,
  outcomes: [],
  receipts: [],
  inserts: [],
  uses: [],
  labels: [],
  freshCursor: 0,
});

/** Sends batches until told to stop, each again and again until it is acknowledged, as an isolate would. */
async function keepReporting(name: string, sent: Sent, draw: Random): Promise<void> {
  for (let n = 0; !sent.stop; n++) {
    const ids = Array.from({ length: 1 + (draw.next() % 8) }, (_, i) => `${name}-${n}-${i}`);
    const report = reportOf(`${name}-${n}`, ids.map(experience));
    for (;;) {
      try {
        const { duplicate, dropped } = await region<ReportReply>("report", report);
        if (dropped !== undefined) throw new RangeError(`${dropped} records refused`);
        if (duplicate) sent.repeated += ids.length;
        for (const id of ids) sent.acknowledged.add(id);
        break;
      } catch (error) {
        if (error instanceof RangeError) throw error;
        sent.failures++;
        await sleep(25);
      }
    }
  }
}

interface Sent {
  stop: boolean;
  readonly acknowledged: Set<string>;
  /** Experiences that had been stored although their sender saw an error. */
  repeated: number;
  failures: number;
}

interface Answered {
  count: number;
  /** Streams that were cut off and yet came to a clean end. */
  looksWhole: number;
}

async function keepChatting(sent: Sent, draw: Random, answered: Answered): Promise<void> {
  while (!sent.stop) {
    const question = unlikeWords(() => draw.uniform());
    const stream = draw.next() % 2 === 0;
    const reply = await post(`${gateway.url}/v1/chat/completions`, {
      body: chat("velo-demo", question, stream),
    });
    const isComplete = reply.status === 200 && reply.end === "complete";
    if (isComplete && stream && !reply.bytes.includes("[DONE]")) answered.looksWhole++;
    if (isComplete) answered.count++;
    else await sleep(25);
  }
}

/** Leases and acknowledges until nothing is left; every experience in the order of delivery, those of a chat included. */
async function drain(): Promise<string[]> {
  const delivered: string[] = [];
  for (;;) {
    await region("flush");
    const lease = await region<TrainerLease>("lease", { trainer: "test", max: 5_000 });
    if (lease.packs.length === 0) return delivered;
    for (const pack of lease.packs) delivered.push(...pack.experiences.map(({ expId }) => expId));
    const ack = await region<AckReply>(
      "ack",
      lease.leaseToken,
      lease.packs.map(({ packId }) => packId),
    );
    expect(ack).toMatchObject({ ok: true });
  }
}

test(
  `after ${KILLS} kills every acknowledged experience is delivered exactly once`,
  { timeout: 60_000 + KILLS * 6_000 },
  async () => {
    const sent: Sent = { stop: false, acknowledged: new Set(), repeated: 0, failures: 0 };
    const answered: Answered = { count: 0, looksWhole: 0 };
    const load = Promise.all([
      ...Array.from({ length: REPORTERS }, (_, i) =>
        keepReporting(`r${i}`, sent, new Random(seed + 1 + i)),
      ),
      ...Array.from({ length: CHATTERS }, (_, i) =>
        keepChatting(sent, new Random(seed + 101 + i), answered),
      ),
    ]);
    // A load that fails must fail the test, but not before it is awaited.
    load.catch(() => {});
    const recoveries: number[] = [];
    for (let kill = 0; kill < KILLS; kill++) {
      await sleep(50 + random.uniform() * 500);
      // Some kills meet the object while it packs.
      if (kill % 3 === 0) region("flush").catch(() => {});
      await gateway.kill();
      const startedAt = performance.now();
      await gateway.restart();
      const reply = await post(`${gateway.url}/v1/chat/completions`, {
        body: chat("velo-demo", `Is anybody there after kill ${kill}?`),
      });
      expect(reply.status).toBe(200);
      recoveries.push(performance.now() - startedAt);
    }
    sent.stop = true;
    await load;

    const delivered = await drain();
    const own = delivered.filter((id) => sent.acknowledged.has(id));
    console.log(
      `${KILLS} kills: ${sent.acknowledged.size} experiences acknowledged, ${own.length} delivered; ` +
        `${sent.failures} reports failed, ${sent.repeated} experiences were stored before their ack was lost; ` +
        `${answered.count} chats answered meanwhile, ${delivered.length - own.length} of their experiences delivered; ` +
        `from start to first answer p50 ${quantile(recoveries, 0.5).toFixed(0)} ms, slowest ${Math.max(...recoveries).toFixed(0)} ms`,
    );
    expect(sent.acknowledged.size).toBeGreaterThan(KILLS);
    expect(sent.failures).toBeGreaterThan(0);
    expect(answered.count).toBeGreaterThan(0);
    expect(answered.looksWhole).toBe(0);
    expect(new Set(own).size).toBe(sent.acknowledged.size);
    expect(delivered.length).toBe(new Set(delivered).size);
  },
);

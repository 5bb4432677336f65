// npm run bench -- ttfb [--requests 1000] [--connections 2] [--seed 1] [--json]: the time that the gateway adds before the
// first byte of a miss. Every question is new and asked twice, of the gateway and of the model server directly, in
// random order; the bindings are as slow as the profile "edge" assumes. Times are taken by the client.
import { startGateway } from "../../scripts/local/gateway.ts";
import { startModelServer } from "../../scripts/local/model-server.ts";
import { openClient } from "../../scripts/replay/client.ts";
import { Random } from "../../src/policy/random.ts";
import {
  chat,
  control,
  inParallel,
  LOCAL_KEY,
  quantile,
  unlikeWords,
} from "../support/gateway-client.ts";
import { atMost, option, publish, runSeed, say } from "./result.ts";

const LIMIT_MS = 150;
const WARM_UP = 30;

interface Sample {
  readonly decision: string;
  readonly reason: string;
  readonly directMs: number;
  readonly throughMs: number;
  readonly overheadMs: number;
}

const seed = runSeed();
const requests = option("requests", 1_000);
const connections = option("connections", 2);
const random = new Random(seed);

const model = await startModelServer({ delays: null });
const gateway = await startGateway({
  quiet: true,
  vars: { UPSTREAM_BASE_URL: model.url, LATENCY_PROFILE: "edge" },
});
const through = openClient(`${gateway.url}/v1`, LOCAL_KEY, connections);
const direct = openClient(model.url, LOCAL_KEY, connections);
try {
  const samples: Sample[] = [];
  await inParallel(WARM_UP + requests, connections, async (i) => {
    const sample = await pair();
    if (i >= WARM_UP) samples.push(sample);
    if (i % 200 === 0) say(`${i} of ${requests} pairs`);
  });
  const hops = await hopsOf(samples);
  report(samples, hops);
} finally {
  through.close();
  direct.close();
  await gateway.stop();
  await model.stop();
}

/** One new question, asked both ways. */
async function pair(): Promise<Sample> {
  const body = chat(
    "bench",
    unlikeWords(() => random.uniform()),
    true,
  );
  const ask = async (client: typeof through) => {
    const reply = await client.ask("/chat/completions", body);
    if (reply.status !== 200 || !reply.complete)
      throw new Error(`status ${reply.status}, complete: ${reply.complete}`);
    return reply;
  };
  const directFirst = random.uniform() < 0.5;
  const before = directFirst ? await ask(direct) : null;
  const reply = await ask(through);
  const { firstByteMs: directMs } = before ?? (await ask(direct));
  const [result, reason = ""] = String(reply.headers["x-velo-cache"]).split("; reason=");
  if (result !== "MISS") throw new Error(`a new question was answered by ${result}`);
  return {
    decision: String(reply.headers["x-velo-decision"]),
    reason,
    directMs,
    throughMs: reply.firstByteMs,
    overheadMs: Number(reply.headers["x-velo-overhead-ms"]),
  };
}

/** Milliseconds of each hop, from the receipts of all decisions. */
async function hopsOf(samples: readonly Sample[]): Promise<ReadonlyMap<string, number[]>> {
  say("reading receipts");
  await control(gateway, "/__dev/profile", { profile: "none" });
  const object = `region/${samples[0]?.decision.split("-").at(-1)}/0`;
  await control(gateway, "/__dev/region", { object, method: "flush" });
  const hops = new Map<string, number[]>();
  await inParallel(samples.length, 4, async (i) => {
    const path = `/admin/decisions/${samples[i]!.decision}`;
    const { body } = await control<{ body: { hops: Record<string, number> } }>(gateway, path);
    for (const [hop, ms] of Object.entries(body.hops)) {
      const all = hops.get(hop) ?? [];
      all.push(ms);
      hops.set(hop, all);
    }
  });
  return hops;
}

function report(samples: readonly Sample[], hops: ReadonlyMap<string, number[]>): void {
  const added = samples.map(({ throughMs, directMs }) => throughMs - directMs);
  const overhead = samples.map(({ overheadMs }) => overheadMs);
  const times = (name: string, values: readonly number[]) => [
    name,
    values.length,
    ...[0.5, 0.95, 0.99].map((q) => quantile(values, q)),
    Math.max(...values),
    (100 * values.filter((ms) => ms > LIMIT_MS).length) / values.length,
  ];
  const reasons = Map.groupBy(samples, ({ reason }) => reason);
  publish({
    bench: "ttfb",
    seed,
    settings: { requests, connections, profile: "edge", "model's delay": "none" },
    tables: [
      {
        title: "Milliseconds",
        columns: ["", "n", "p50", "p95", "p99", "max", `% above ${LIMIT_MS}`],
        rows: [
          ...[...hops]
            .toSorted(([a], [b]) => a.localeCompare(b))
            .map(([hop, ms]) => times(`hop ${hop}`, ms)),
          times("decision, x-velo-overhead-ms", overhead),
          times(
            "first byte, direct",
            samples.map(({ directMs }) => directMs),
          ),
          times(
            "first byte, through velo",
            samples.map(({ throughMs }) => throughMs),
          ),
          times("added, pair by pair", added),
          times(
            "added beside the decision",
            added.map((ms, i) => ms - overhead[i]!),
          ),
        ],
      },
      {
        title: "Why the model was asked",
        columns: ["reason", "requests"],
        rows: [...reasons].map(([reason, some]) => [reason, some.length]),
      },
    ],
    targets: [
      atMost("added to the first byte, p50 in ms", quantile(added, 0.5), 80),
      atMost("added to the first byte, max in ms", Math.max(...added), LIMIT_MS),
      atMost("time to the decision, max in ms", Math.max(...overhead), LIMIT_MS),
    ],
    notes: [
      "The hops exact and embed run side by side, vectors follows embed. The delays of the profile are assumptions (src/dev/latency.ts), not measurements; the policy's computing shows only in the times taken outside, because a Worker's clock stands still while it computes.",
    ],
  });
}

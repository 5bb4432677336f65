// npm run bench -- memory [--streams 64] [--json]: memory of the policy's runtime alone, through a thousand swaps, and of
// the whole gateway with a policy in onnxruntime, a hot swap and open streams.
import { setTimeout as sleep } from "node:timers/promises";
import { Miniflare, convertV4MiniflareOptions } from "miniflare";
import { startGateway } from "../../scripts/local/gateway.ts";
import { DEFAULT_NETWORK } from "../../src/policy/network/layout.ts";
import { actorModel } from "../../src/policy/network/onnx-graph.ts";
import { Random } from "../../src/policy/random.ts";
import { chat, inParallel, post, unlikeWords } from "../support/gateway-client.ts";
import { seededWeights } from "../support/golden-policy.ts";
import { startPlainModel } from "../support/plain-model.ts";
import { publishSeeded } from "../support/policy-publishing.ts";
import { startPolicyServer, workerds } from "../support/policy-server.ts";
import { heapUsageOf } from "./inspector.ts";
import { memoryOf } from "./process-usage.ts";
import { atMost, option, publish, runSeed, say, type Table } from "./result.ts";

const SWAPS = 1000;
const MIB = 2 ** 20;
const TARGET_MIB = 100;
const DECISIONS = 300;
/** An answer of the model while streams are held open: long enough to look at all of them at once. */
const STREAM = { firstByteMs: 0, chunkMs: 250, words: 40 };

interface GatewaySample extends Sample {
  readonly heap: number;
  readonly buffers: number;
}

interface Sample {
  readonly when: string;
  readonly resident: number;
  readonly anonymous: number;
}

const seed = runSeed();
const streams = option("streams", 64);
const runtime = await measureRuntime();
const idle = await measureIdle();
const samples = await measureGateway();
const above = (sample: Sample, kind: "resident" | "anonymous") => sample[kind] - idle[kind];
const most = (kind: "resident" | "anonymous") =>
  Math.max(...samples.map((sample) => above(sample, kind)));

publish({
  bench: "memory",
  seed,
  settings: { streams, swaps: SWAPS },
  tables: [
    runtime.table,
    {
      title: "The whole gateway, MiB",
      columns: ["", "heap", "buffers", "resident", "above idle", "anonymous", "above idle"],
      rows: samples.map((sample) => [
        sample.when,
        sample.heap,
        sample.buffers,
        sample.resident,
        above(sample, "resident"),
        sample.anonymous,
        above(sample, "anonymous"),
      ]),
    },
  ],
  targets: [
    atMost(
      "isolate's heap, buffers and onnxruntime's linear memory, MiB",
      runtime.linear + Math.max(...samples.map(({ heap, buffers }) => heap + buffers)),
      TARGET_MIB,
    ),
    atMost("gateway's resident memory above an idle Worker, MiB", most("resident"), TARGET_MIB),
    atMost("gateway's anonymous memory above an idle Worker, MiB", most("anonymous"), TARGET_MIB),
  ],
  notes: [
    `Memory of the workerd process: the gateway's isolate together with the local index, the built-in embedder, the demo model's answers and the simulated bucket, which do not exist in production: an upper bound. heap and buffers are live ones of the gateway's isolate after a collection; they leave out WebAssembly, whose linear memory the first table has and whose machine code only resident memory shows. resident is taken before the collection, so it holds garbage that V8 keeps while nothing presses it, and pages of the program's file. The idle Worker has ${idle.resident.toFixed(0)} MiB resident.`,
  ],
});

function mib(when: string, pid: number): Sample {
  const { resident, anonymous } = memoryOf(pid);
  return { when, resident: resident / MIB, anonymous: anonymous / MIB };
}

/** The policy worker alone: nothing but network and runtime in the isolate. */
async function measureRuntime(): Promise<{ readonly table: Table; readonly linear: number }> {
  const model = actorModel(DEFAULT_NETWORK, seededWeights(1));
  const body = { method: "POST", body: model };
  const server = await startPolicyServer();
  try {
    const rows: (string | number)[][] = [];
    let start: number | undefined;
    let linear = 0;
    const sample = async (when: string) => {
      const { memoryBytes } = await server.get("/status");
      const resident = server.residentBytes() / MIB;
      start ??= resident;
      linear = Number(memoryBytes) / MIB; // never shrinks
      rows.push([when, resident, resident - start, linear]);
    };
    await sample("isolate started");
    await server.get("/model", body);
    await server.get("/decisions?n=100");
    await sample("TypeScript pass in use");
    await server.get("/boot", body);
    await server.get("/decisions?n=1000");
    await sample("onnxruntime booted, in use");
    await server.get("/swap", body);
    await sample("after one swap");
    for (let swap = 2; swap <= SWAPS; swap++) {
      await server.get("/swap", body);
      if (swap === 100 || swap === 500) await sample(`after ${swap} swaps`);
    }
    await server.get("/decisions?n=1000");
    await sample(`after ${SWAPS} swaps`);
    const columns = ["", "resident", "above start", "onnxruntime's linear memory"];
    return { table: { title: "The policy's runtime alone, MiB", columns, rows }, linear };
  } finally {
    await server.stop();
  }
}

/** A Worker that does nothing, after a request. */
async function measureIdle(): Promise<Sample> {
  const pids = new Set(workerds());
  const miniflare = new Miniflare(
    convertV4MiniflareOptions({
      cf: false,
      modules: true,
      compatibilityDate: "2026-10-23",
      script: `export default { fetch: () => new Response("idle") }`,
    }),
  );
  try {
    const url = await miniflare.ready;
    await (await fetch(url)).text();
    await sleep(1_000);
    const pid = workerds().find((candidate) => !pids.has(candidate));
    if (pid === undefined) throw new Error("workerd is not among this process's children");
    return mib("idle Worker", pid);
  } finally {
    await miniflare.dispose();
  }
}

async function measureGateway(): Promise<readonly GatewaySample[]> {
  const random = new Random(seed);
  let slow = false;
  const model = await startPlainModel({
    firstByteMs: STREAM.firstByteMs,
    chunkMs: STREAM.chunkMs,
    words: () => (slow ? STREAM.words : 1),
  });
  const gateway = await startGateway({
    quiet: true,
    inspect: true,
    vars: { UPSTREAM_BASE_URL: model.url },
  });
  const taken: GatewaySample[] = [];
  const sample = async (when: string) => {
    await sleep(1_000);
    const memory = mib(when, gateway.workerdPid());
    const { used, buffers } = await heapUsageOf(gateway.inspectorUrl(), async () =>
      (await fetch(`${gateway.url}/health`)).text(),
    );
    taken.push({ ...memory, heap: used / MIB, buffers: buffers / MIB });
    say(when);
  };
  const ask = async (stream = false) => {
    const body = chat(
      "bench",
      unlikeWords(() => random.uniform()),
      stream,
    );
    const { status, end } = await post(`${gateway.url}/v1/chat/completions`, { body });
    if (status !== 200 || end !== "complete") throw new Error(`status ${status}, ${end}`);
  };
  const decisions = () => inParallel(DECISIONS, 8, () => ask());
  try {
    await ask();
    await sample("gateway, one request");
    await decisions();
    await sample(`${DECISIONS} requests, greedy rule`);
    const first = await publishSeeded(gateway, 1, null, ask);
    await decisions();
    await sample("policy in onnxruntime");
    await publishSeeded(gateway, 2, first, ask);
    await decisions();
    await sample("after a hot swap");
    slow = true;
    const open = Array.from({ length: streams }, () => ask(true));
    await sleep((STREAM.chunkMs * STREAM.words) / 2);
    const running = model.open();
    if (running < streams) throw new Error(`${running} of ${streams} streams were open`);
    await sample(`${streams} open streams`);
    await Promise.all(open);
    await sample("streams ended");
    return taken;
  } finally {
    await gateway.stop();
    await model.stop();
  }
}

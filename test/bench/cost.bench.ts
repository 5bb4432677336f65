// npm run bench -- cost [--stored 10000] [--seed 1] [--json]: what velo's own operations cost per million requests, counted
// at the bindings over the real Worker, times the price list of src/worker/prices.ts; and what the hits save.
import { setTimeout as sleep } from "node:timers/promises";
import { startGateway } from "../../scripts/local/gateway.ts";
import { type KnownAnswer, startModelServer } from "../../scripts/local/model-server.ts";
import { encodeFloats } from "../../src/policy/half.ts";
import { Random } from "../../src/policy/random.ts";
import { PRICES } from "../../src/worker/prices.ts";
import {
  cacheResult,
  chat,
  control,
  makeTenant,
  post,
  unlikeWords,
} from "../support/gateway-client.ts";
import {
  cronCost,
  costPerMillion,
  DIMENSIONS,
  EMBEDDER,
  indexCost,
  MONTHLY_REQUESTS,
  objectRequestsOf,
  type OperationCounts,
} from "./operation-prices.ts";
import { cpuMsOf } from "./process-usage.ts";
import { atMost, option, publish, runSeed, say } from "./result.ts";

/** The size the prices are shown for, whatever was filled in. */
const STORED = 100_000;
const MIX = { exact: 0.1, rephrased: 0.15, changed: 0.05, fresh: 0.7 } as const;
const KINDS = {
  exact: "HIT-EXACT",
  rephrased: "HIT-SEMANTIC",
  changed: "AUGMENTED",
  fresh: "MISS",
};
type Kind = keyof typeof MIX;
/** Requests that arrive together, then nothing until their alarm has run: [size, number of groups]. */
const GROUPS = [
  [1, 40],
  [4, 20],
  [16, 15],
] as const;
const APART_MS = 1_700;
const BASES = 60;
/** US dollars per million tokens, in and out. */
const MODEL_PRICES = [
  [0.15, 0.6],
  [1, 4],
  [5, 15],
] as const;

const seed = runSeed();
const stored = option("stored", 10_000);
const random = new Random(seed);
const uniform = () => random.uniform();

const answers = new Map<string, KnownAnswer>();
await using gateway = await startGatewayOver(answers);
const { model, url, adminToken } = gateway;
const at = { url, adminToken };
const tenant = await makeTenant(at, { serve: "semantic", cacheSampled: true, augment: true });

const object = "region/us/0";
const region = (method: string, ...args: unknown[]): Promise<unknown> =>
  control(at, "/__dev/region", { object, method, args });

await fill(stored);
const bases = Array.from({ length: BASES }, () => {
  const [a, b, c] = unlikeWords(uniform, 3).split(" ");
  return `How do I ${a} the ${b} with 12 ${c}?`;
});
for (const question of bases) await ask(question);
await settled();

const phases: Phase[] = [];
for (const [size, groups] of GROUPS) {
  say(`groups of ${size}...`);
  phases.push(
    await measure(`groups of ${size}`, size * groups, async (kinds) => {
      const results: Promise<string>[] = [];
      for (let from = 0; from < kinds.length; from += size) {
        results.push(...kinds.slice(from, from + size).map((kind) => ask(questionOf(kind))));
        await sleep(APART_MS);
      }
      return await Promise.all(results);
    }),
  );
}
say("cron...");
const hourlyCron = await runCron();
const usualCron = await runCron();
const cronUsd = cronCost(hourlyCron, usualCron);

const { requests, promptTokens, completionTokens } = model.stats();
const tokens = { in: promptTokens / requests, out: completionTokens / requests };
const standing = indexCost(STORED);
const row = (name: string, of: (phase: Phase) => number): readonly (string | number)[] =>
  [name as string | number].concat(phases.map(of));

publish({
  bench: "cost",
  seed,
  settings: {
    stored,
    "priced for stored": STORED,
    "requests per month": MONTHLY_REQUESTS,
    embedder: EMBEDDER,
    "prices of": PRICES.asOf,
  },
  tables: [
    {
      title: "Realised mix, shares",
      columns: ["", ...phases.map(({ name }) => name)],
      rows: Object.values(KINDS).map((kind) =>
        row(kind, ({ results }) => results.filter((r) => r === kind).length / results.length),
      ),
    },
    {
      title: "Operations per request",
      columns: ["", ...phases.map(({ name }) => name)],
      rows: [
        row("requests", ({ results }) => results.length),
        ...Object.keys(phases[0]!.counts).map((name) =>
          row(name, (phase) => perRequest(phase)[name]!),
        ),
        row("object requests", objectRequests),
        row("cpuMs, with stand-ins", ({ cpuMs }) => cpuMs),
      ],
    },
    {
      title: "US dollars per million requests",
      columns: ["", ...phases.map(({ name }) => name)],
      rows: [
        row("operations", (phase) => costOf(phase).operationsUsd),
        row(`${STORED} stored vectors, a month`, () => standing),
        row("cron, a month", () => cronUsd),
        row("together", (phase) => costOf(phase).operationsUsd + standing + cronUsd),
        row("embedding, apart", (phase) => costOf(phase).embeddingUsd),
      ],
    },
    {
      title: `Model cost not paid per million requests (${Math.round(tokens.in)} tokens in, ${Math.round(tokens.out)} out)`,
      columns: ["price in/out per million tokens", ...phases.map(({ name }) => name)],
      rows: MODEL_PRICES.map(([input, output]) =>
        row(`${input}/${output}`, ({ results }) => {
          const hits = results.filter((result) => result.startsWith("HIT")).length;
          return (hits / results.length) * (tokens.in * input + tokens.out * output);
        }),
      ),
    },
    {
      title: "One cron run over all region objects",
      columns: ["", "once an hour", "every five minutes"],
      rows: Object.entries(hourlyCron)
        .filter(([, count]) => count > 0)
        .map(([name, count]) => [name, count, usualCron[name] ?? 0]),
    },
  ],
  targets: phases.flatMap((phase) => [
    atMost(`rows written a request, ${phase.name}`, perRequest(phase)["rowsWritten"]!, 2),
    atMost(`object requests a request, ${phase.name}`, objectRequests(phase), 2),
    atMost(
      `dollars per million requests, ${phase.name}`,
      costOf(phase).operationsUsd + standing + cronUsd,
      15,
    ),
  ]),
  notes: [
    `Object requests are calls and alarms of region objects and calls of the tenants object. Rows written include one for each alarm that is set. A pack is forced at the end of each column. Not in the price list and not counted: time that objects stay in memory, gigabytes in R2 and in objects.`,
    `CPU time is that of the whole local runtime, the exact vector search and the built-in embedder included: an upper bound. ${stored} rows were really stored; what the index asks a month for ${STORED} is computed, what the cron costs goes with the rows really stored.`,
  ],
});

interface Phase {
  readonly name: string;
  readonly results: readonly string[];
  readonly counts: OperationCounts;
  /** Per request. */
  readonly cpuMs: number;
}

async function startGatewayOver(known: ReadonlyMap<string, KnownAnswer>) {
  const server = await startModelServer({ answers: known, delays: null });
  // Exploration is part of what runs in production; its share of the mix shows in the table.
  const started = await startGateway({ quiet: true, vars: { UPSTREAM_BASE_URL: server.url } });
  return {
    model: server,
    url: started.url,
    adminToken: started.adminToken,
    pid: () => started.workerdPid(),
    async [Symbol.asyncDispose]() {
      await started.stop();
      await server.stop();
    },
  };
}

/** Stores rows the way isolates do. They lie in a namespace of their own: the local search stays fast, the counts equal. */
async function fill(rows: number): Promise<void> {
  const now = Date.now();
  for (let from = 0; from < rows; from += 64) {
    const inserts = Array.from({ length: Math.min(64, rows - from) }, (_, i) => ({
      id: `fill${String(from + i).padStart(48, "0")}`,
      tenant: tenant.id,
      namespace: "f".repeat(52),
      ansId: `fill${String(from + i).padStart(48, "0")}`,
      role: 1,
      fp: "f".repeat(26),
      lang: "en",
      question: `stored question ${from + i}`,
      createdAt: now,
      expiresAt: now + 86_400_000,
      vector: encodeFloats(unitVector()),
    }));
    const batch = { experiences: [], outcomes: [], receipts: [], uses: [], labels: [] };
    const batchId = `fill-${seed}-${from}`;
    await region("report", { ...batch, batchId, inserts, freshCursor: Number.MAX_SAFE_INTEGER });
    if (from % 6_400 === 0) {
      say(`stored ${from} of ${rows}`);
      await region("flush");
    }
  }
  await region("flush");
  await settled();
}

function unitVector(): Float32Array {
  const vector = Float32Array.from({ length: DIMENSIONS }, () => random.normal());
  const norm = Math.hypot(...vector);
  return vector.map((x) => x / norm);
}

function questionOf(kind: Kind): string {
  const base = bases[Math.floor(uniform() * bases.length)]!;
  if (kind === "fresh") return unlikeWords(uniform);
  if (kind === "exact") return base;
  return kind === "changed"
    ? base.replace("12", String(13 + Math.floor(uniform() * 80)))
    : `Please tell me: ${base} (${["thanks", "thank you", "please"][Math.floor(uniform() * 3)]})`;
}

/** The kind of answer that the gateway gave. */
async function ask(question: string): Promise<string> {
  if (!answers.has(question))
    answers.set(question, { text: unlikeWords(uniform, 60), group: question });
  const reply = await post(`${url}/v1/chat/completions`, {
    body: chat("bench", question, true),
    key: tenant.key,
  });
  if (reply.status !== 200 || reply.end !== "complete")
    throw new Error(`${reply.status} ${reply.end}: ${reply.bytes.toString().slice(0, 300)}`);
  return cacheResult(reply);
}

async function measure(
  name: string,
  total: number,
  run: (kinds: readonly Kind[]) => Promise<readonly string[]>,
): Promise<Phase> {
  const kinds = (Object.keys(MIX) as Kind[]).flatMap((kind) =>
    Array.from({ length: Math.round(MIX[kind] * total) }, () => kind),
  );
  for (let i = kinds.length - 1; i > 0; i--) {
    const j = Math.floor(uniform() * (i + 1));
    [kinds[i], kinds[j]] = [kinds[j]!, kinds[i]!];
  }
  await fetch(`${url}/__dev/operations`, { method: "DELETE" });
  const cpuBefore = cpuMsOf(gateway.pid());
  const results = await run(kinds);
  const cpuMs = (cpuMsOf(gateway.pid()) - cpuBefore) / results.length;
  await settled();
  await region("flush");
  await settled();
  const hits = results.filter((result) => result === KINDS.rephrased).length;
  if (hits < (MIX.rephrased * total) / 2)
    throw new Error(
      `${hits} of ${total} requests were semantic hits: this is not the mix to price`,
    );
  return { name, results, counts: await counts(), cpuMs };
}

function counts(): Promise<OperationCounts> {
  return control(at, "/__dev/operations");
}

/** Waits until nothing has been counted for three seconds: batches are sent, applied and in the index. */
async function settled(): Promise<void> {
  let before = "";
  for (let tries = 0; tries < 100; tries++) {
    const now = JSON.stringify(await counts());
    if (now === before) return;
    before = now;
    await sleep(3_000);
  }
  throw new Error("the region object does not come to rest");
}

/** Operations of one request. */
function perRequest({ counts: counted, results }: Phase): OperationCounts {
  return Object.fromEntries(
    Object.entries(counted).map(([name, count]) => [name, count / results.length]),
  );
}

function costOf(phase: Phase) {
  return costPerMillion(perRequest(phase), phase.cpuMs);
}

function objectRequests(phase: Phase): number {
  return objectRequestsOf(perRequest(phase));
}

async function runCron(): Promise<OperationCounts> {
  await fetch(`${url}/__dev/operations`, { method: "DELETE" });
  const schedule = encodeURIComponent("*/5 * * * *");
  const { status } = await fetch(`${url}/cdn-cgi/local/scheduled?cron=${schedule}`);
  if (status !== 200) throw new Error(`the cron answered ${status}`);
  return await counts();
}

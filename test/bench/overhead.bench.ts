// npm run bench -- overhead [--seconds 8] [--json]: requests a second and their times through the gateway, for repeats served
// from the cache and for requests that the cache has no part in, beside the same calls of the model server itself.
import { spawn } from "node:child_process";
import { createRequire } from "node:module";
import { text } from "node:stream/consumers";
import { startGateway } from "../../scripts/local/gateway.ts";
import { startModelServer } from "../../scripts/local/model-server.ts";
import { cacheResult, chat, LOCAL_KEY, post } from "../support/gateway-client.ts";
import { cpuMsOf } from "./process-usage.ts";
import { option, publish, say } from "./result.ts";

const QUESTION = "How many ounces are in one pound?";
const CONNECTIONS = [10, 64] as const;
const seconds = option("seconds", 8);

const model = await startModelServer({
  delays: null,
  answers: new Map([
    [QUESTION, { text: "There are sixteen ounces in one pound.", group: "pound" }],
  ]),
});
const gateway = await startGateway({ quiet: true, vars: { UPSTREAM_BASE_URL: model.url } });
try {
  const repeat = chat("bench", QUESTION);
  const bypass = { ...repeat, n: 1, logit_bias: { "50256": -100 } };
  const cases = [
    ["model server, direct", model.url, repeat, null],
    ["gateway, repeat from the cache", `${gateway.url}/v1`, repeat, "HIT-EXACT"],
    ["gateway, not for the cache", `${gateway.url}/v1`, bypass, "BYPASS"],
  ] as const;
  await ask(repeat);
  const rows: (string | number)[][] = [];
  for (const connections of CONNECTIONS)
    for (const [name, url, body, kind] of cases) {
      say(`${name}, ${connections} connections`);
      if (kind !== null) {
        const seen = await ask(body);
        if (seen !== kind) throw new Error(`${name}: answered by ${seen}, not ${kind}`);
      }
      await load(url, body, connections, 2);
      const cpuBefore = cpuMsOf(gateway.workerdPid());
      const run = await load(url, body, connections, seconds);
      const cpuMs = cpuMsOf(gateway.workerdPid()) - cpuBefore;
      rows.push([
        `${name}, ${connections} connections`,
        run.requests.average,
        run.latency.p50,
        run.latency.p99,
        run.latency.max,
        kind === null ? "-" : cpuMs / run.requests.total,
      ]);
    }
  publish({
    bench: "overhead",
    seed: null,
    settings: { seconds, "model's delay": "none" },
    tables: [
      {
        title: "One question over and over, not streamed",
        columns: ["", "requests/s", "p50 ms", "p99 ms", "max ms", "gateway CPU ms"],
        rows,
      },
    ],
    targets: [],
    notes: [
      "Load, gateway and model server share this machine's processors. autocannon counts whole milliseconds. CPU is that of the whole local runtime for each request, the region object's work included.",
    ],
  });
} finally {
  await gateway.stop();
  await model.stop();
}

async function ask(body: object): Promise<string> {
  const reply = await post(`${gateway.url}/v1/chat/completions`, { body });
  if (reply.status !== 200) throw new Error(`${reply.status}: ${reply.bytes.toString()}`);
  return cacheResult(reply);
}

interface Run {
  readonly requests: { readonly average: number; readonly total: number };
  readonly latency: { readonly p50: number; readonly p99: number; readonly max: number };
  readonly errors: number;
  readonly timeouts: number;
  readonly non2xx: number;
}

/** autocannon in a process of its own, so that it does not take the model server's time. */
async function load(
  url: string,
  body: object,
  connections: number,
  duration: number,
): Promise<Run> {
  const program = createRequire(import.meta.url).resolve("autocannon/autocannon.js");
  const options = {
    c: String(connections),
    d: String(duration),
    m: "POST",
    b: JSON.stringify(body),
  };
  const child = spawn(
    process.execPath,
    [
      program,
      "--json",
      ...Object.entries(options).flatMap(([name, value]) => [`-${name}`, value]),
      "-H",
      "content-type=application/json",
      "-H",
      `authorization=Bearer ${LOCAL_KEY}`,
      `${url}/chat/completions`,
    ],
    { stdio: ["ignore", "pipe", "ignore"] },
  );
  const output = await text(child.stdout);
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- autocannon's documented result
  const run = JSON.parse(output) as Run;
  if (run.errors + run.timeouts + run.non2xx > 0)
    throw new Error(`${run.errors} errors, ${run.timeouts} timeouts, ${run.non2xx} not 2xx`);
  return run;
}

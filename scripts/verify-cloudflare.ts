// npm run verify:cloudflare [-- --edge]: checks the promises that this project makes about Cloudflare's own services
// against an account. Everything else is tested without one.
import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { parseArgs } from "node:util";
import { unstable_startWorker as startWorker } from "wrangler";
import { VECTORIZE_CONTRACT } from "../test/support/vectorize-contract.ts";
import {
  type CallWorker,
  callWorkerWith,
  settledBy,
  vectorizeOverHttp,
} from "../test/support/vectorize-over-http.ts";
import { CONFIG_PATH, OFFLINE, ROOT, wranglerBin } from "./local/build.ts";

const HELP = `usage: npm run verify:cloudflare [-- --edge] [-- --rounds 50]

Runs the contract of the vector index against a real Vectorize index, embeds through Workers AI, boots onnxruntime, and
prints a table of delays. The same contract runs against the local stand-in in npm test.

  default   the Worker runs on this machine; its bindings reach the account. Delays include the way from here.
  --edge    the Worker runs in a preview on Cloudflare: delays as a deployment sees them, and the answer to whether
            production lets onnxruntime use its WebAssembly memory.

It needs
  1. an account on the Workers Paid plan: npx wrangler login, or CLOUDFLARE_API_TOKEN and CLOUDFLARE_ACCOUNT_ID
  2. an index of its own:
       npx wrangler vectorize create velo-verify --dimensions=768 --metric=cosine
       npx wrangler vectorize create-metadata-index velo-verify --property-name=fp --type=string
       npx wrangler vectorize create-metadata-index velo-verify --property-name=role --type=number

It writes about 20 small vectors and costs less than a cent. It has not been run by the authors of this project, who had
no account: what it reports is news, and a difference is worth reporting.`;

const { values } = parseArgs({
  options: {
    edge: { type: "boolean", default: false },
    rounds: { type: "string", default: "50" },
    help: { type: "boolean", default: false },
  },
});
if (values.help) {
  console.log(HELP);
  process.exit(0);
}

const missing = await missingLogin();
if (missing !== null) {
  console.error(`${missing}\n\n${HELP}`);
  process.exit(2);
}

Object.assign(process.env, OFFLINE);
const worker = await startWorker({
  config: CONFIG_PATH,
  env: "remote",
  dev: { remote: values.edge, inspector: false, watch: false, server: { port: 0 } },
});
let failures = 0;
try {
  await worker.ready;
  const call = callWorkerWith((path, init) => worker.fetch(new URL(path, "http://verify"), init));
  await check("Workers AI embeds with 768 dimensions", async () => {
    const { shape } = await call<{ shape: number[] }>("/embed", ["one", "two"]);
    if (shape.join() !== "2,768") throw new Error(`shape ${shape.join()}`);
  });
  await checkContract(call);
  await check(
    `onnxruntime boots ${values.edge ? "on Cloudflare" : "in workerd here"}`,
    async () => {
      const logits = await call("/onnx");
      if (String(logits) !== "0,0") throw new Error(`logits ${String(logits)}`);
    },
  );
  await printDelays(call, Number(values.rounds));
} finally {
  await worker.dispose();
}
process.exitCode = failures === 0 ? 0 : 1;

async function checkContract(call: CallWorker): Promise<void> {
  const index = vectorizeOverHttp(call);
  const run = `v${randomBytes(4).toString("hex")}`;
  const settled = settledBy(index, { timeoutMs: 180_000, pollMs: 1000 });
  for (const contract of VECTORIZE_CONTRACT) {
    await check(`Vectorize ${contract.title}`, () => contract.check({ index, run, settled }));
  }
}

async function check(title: string, run: () => Promise<void>): Promise<void> {
  try {
    await run();
    console.log(`ok      ${title}`);
  } catch (error) {
    failures++;
    console.log(
      `DIFFERS ${title}\n        ${error instanceof Error ? error.message : String(error)}`,
    );
  }
}

async function printDelays(call: CallWorker, rounds: number): Promise<void> {
  const delays = await call<Record<string, number[]>>(`/delays?rounds=${rounds}`);
  console.log(`\n${values.edge ? "From a preview on Cloudflare" : "From this machine"}, ms:`);
  console.log("dependency      p50    p99    calls");
  for (const [name, measured] of Object.entries(delays)) {
    const sorted = measured.toSorted((a, b) => a - b);
    const at = (share: number) => String(sorted[Math.ceil(share * sorted.length) - 1]).padStart(6);
    console.log(`${name.padEnd(12)} ${at(0.5)} ${at(0.99)} ${String(sorted.length).padStart(8)}`);
  }
}

/** Why no account can be reached, or null. */
async function missingLogin(): Promise<string | null> {
  const output = await new Promise<string>((done) => {
    const env = { ...process.env, ...OFFLINE, NO_COLOR: "1" };
    execFile(process.execPath, [wranglerBin(), "whoami"], { cwd: ROOT, env }, (error, out, err) =>
      done(`${out}${err}${error === null ? "" : error.message}`),
    );
  });
  if (/not authenticated/i.test(output)) return "No Cloudflare login was found.";
  if (!/logged in|associated with/i.test(output)) return `wrangler whoami said:\n${output.trim()}`;
  return null;
}

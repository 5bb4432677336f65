// npm start [-- --port 8787]: the gateway on this machine, in workerd, with no account, key or network. State and secrets
// stay in .velo; delete the folder to start afresh. Ctrl-C ends workerd with this process (Miniflare's exit hook).
import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { ROOT } from "./local/build.ts";
import { type Gateway, startGateway } from "./local/gateway.ts";

/** One of data/workload, so that the demo model knows it. */
const DEMO_QUESTION = "Which city is the capital of Australia?";

const CRON_INTERVAL_MS = 5 * 60_000;

/** Variables of the Worker that this shell may set: an upstream, the configuration document, and what is imitated. */
const PASSED_ON = [
  "UPSTREAM_BASE_URL",
  "UPSTREAM_API_KEY",
  "VELO",
  "LATENCY_PROFILE",
  "VECTORIZE_LAG_MS",
  "DEMO_DELAY_SCALE",
  "VELO_FAULTS",
];

const { values } = parseArgs({
  options: {
    port: { type: "string", default: "8787" },
    folder: { type: "string", default: ".velo" },
    help: { type: "boolean", default: false },
  },
});
if (values.help) {
  console.log(
    `usage: npm start -- [--port 8787] [--folder .velo]\nEnvironment: ${PASSED_ON.join(", ")} (README and docs explain them)`,
  );
  process.exit(0);
}

const vars = Object.fromEntries(
  PASSED_ON.flatMap((name) => {
    const value = process.env[name];
    return value === undefined || value === "" ? [] : [[name, value]];
  }),
);

try {
  const gateway = await startGateway({
    port: Number(values.port),
    persistTo: resolve(ROOT, values.folder),
    vars,
  });
  console.log(banner(gateway));
  runCron(gateway);
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}

function banner({ url, adminToken }: Gateway): string {
  const upstream = vars["UPSTREAM_BASE_URL"];
  const model = upstream === undefined ? "velo-demo" : "MODEL-OF-YOUR-UPSTREAM";
  const localUrl = url.replace("127.0.0.1", "localhost");
  return `
  velo is running

  Base URL    ${localUrl}/v1
  API key     sk-velo-local
  Dashboard   ${localUrl}/#token=${adminToken}
  Answers     ${upstream ?? "the demo model velo-demo, which knows the bundled questions (set UPSTREAM_BASE_URL for a real one)"}

  Try it twice, the second answer comes from the cache:

    curl ${localUrl}/v1/chat/completions -H "authorization: Bearer sk-velo-local" \\
      -H "content-type: application/json" \\
      -d '{"model":"${model}","messages":[{"role":"user","content":"${DEMO_QUESTION}"}]}'

  Ctrl-C stops it.
`;
}

/** The schedule of wrangler.toml, which workerd alone does not keep. */
function runCron({ url }: Gateway): void {
  const timer = setInterval(() => {
    fetch(`${url}/cdn-cgi/local/scheduled?cron=${encodeURIComponent("*/5 * * * *")}`).catch(
      (error: unknown) => console.error("cron:", error),
    );
  }, CRON_INTERVAL_MS);
  timer.unref();
}

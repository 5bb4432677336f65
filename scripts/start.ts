// npm start [-- --port 8787]: the gateway on this machine, in workerd, with no account, key or network. State and secrets
// stay in .velo; delete the folder to start afresh. Ctrl-C ends workerd with this process (Miniflare's exit hook).
import { resolve } from "node:path";
import { parseConfig } from "../src/worker/config.ts";
import { ROOT } from "./local/build.ts";
import { readFlags, refuse } from "./local/flags.ts";
import { type Gateway, startGateway } from "./local/gateway.ts";

/** One of data/workload, so that the demo model knows it. */
const DEMO_QUESTION = "Which city is the capital of Australia?";

const CRON_INTERVAL_MS = 5 * 60_000;

/** Variables of the Worker that this shell may set: an upstream, the configuration document, and what is imitated. */
const PASSED_ON = {
  UPSTREAM_BASE_URL:
    "an OpenAI-compatible server in place of the demo model, like https://api.openai.com/v1",
  UPSTREAM_API_KEY: "its key",
  VELO: "the configuration document as JSON (docs/deploy.md)",
  LATENCY_PROFILE: "none (default) or edge: delays of the stand-ins for Cloudflare's services",
  VECTORIZE_LAG_MS: "time until a write shows in the index (200)",
  DEMO_DELAY_SCALE: "factor on the demo model's delays: 1 (default) is realistic, 0 is none",
  VELO_FAULTS:
    'what is broken or slow, like {"vectors":{"mode":"slow","delayMs":300}} or {"embed":{"mode":"down"}}',
};

const USAGE = `usage: npm start -- [options]
  --port N           (8787) 0 takes any free one
  --folder DIR       state and secrets (.velo)
environment
${Object.entries(PASSED_ON)
  .map(([name, meaning]) => `  ${name.padEnd(18)} ${meaning}`)
  .join("\n")}`;

const values = readFlags(USAGE, {
  port: { type: "string", default: "8787" },
  folder: { type: "string", default: ".velo" },
});
const port = /^\d+$/.test(values.port) ? Number(values.port) : Number.NaN;
if (!(port <= 65_535)) refuse(`--port must be a number from 0 to 65535, got ${values.port}`, USAGE);

const vars = Object.fromEntries(
  Object.keys(PASSED_ON).flatMap((name) => {
    const value = process.env[name];
    return value === undefined || value === "" ? [] : [[name, value]];
  }),
);

try {
  // The Worker would refuse every request; here it is told before the first one.
  const upstreamBaseUrl = vars["UPSTREAM_BASE_URL"];
  parseConfig(vars["VELO"], { environment: "local", upstreamBaseUrl });
  const gateway = await startGateway({
    port,
    persistTo: resolve(ROOT, values.folder),
    vars,
  });
  // What is imitated is read by the Worker alone.
  const settings = await fetch(`${gateway.url}/__dev/settings`);
  if (!settings.ok) {
    await gateway.stop();
    throw new Error(await settings.text());
  }
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

// Runs the gateway of [env.local] in workerd on this machine: for `npm start`, replays, benches and the e2e tests. State
// survives `kill` and `restart`, so that a test can break the runtime and look at what was kept.
import { AsyncLocalStorage } from "node:async_hooks";
import { ChildProcess } from "node:child_process";
import { channel } from "node:diagnostics_channel";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { convertV4MiniflareOptions, Miniflare, type V4MiniflareOptions } from "miniflare";
import { unstable_getMiniflareWorkerOptions as readWorkerOptions } from "wrangler";
import { buildLocalWorker, CONFIG_PATH } from "./build.ts";
import { type LocalSecrets, localSecrets } from "./secrets.ts";

export interface GatewayOptions {
  /** 0 takes any free port. */
  readonly port?: number;
  /** Folder for state and secrets; without it they live in a temporary folder until `stop`. */
  readonly persistTo?: string;
  /** Added to, or put in place of, the variables of wrangler.toml. */
  readonly vars?: Readonly<Record<string, string>>;
  /** Keeps the Worker's log lines off the terminal; `logs()` has them either way. */
  readonly quiet?: boolean;
  /** Opens V8's inspector, for heap sizes and CPU profiles. */
  readonly inspect?: boolean;
}

export interface Gateway {
  /** Without a slash at the end. */
  readonly url: string;
  readonly port: number;
  readonly adminToken: string;
  readonly secrets: LocalSecrets;
  /** Process id of the runtime that serves now. */
  workerdPid(): number;
  /** WebSocket of the inspector of the Worker's isolate; throws unless `inspect` was asked for. */
  inspectorUrl(): string;
  /** The newest log lines of the Worker, at most 1,000. */
  logs(): readonly string[];
  /** SIGKILL to workerd, as a crash would end it. The port is closed until `restart`. */
  kill(): Promise<void>;
  /** Starts workerd again on the same port and state. `changes`: variables that are other ones from now on. */
  restart(changes?: Readonly<Record<string, string>>): Promise<void>;
  stop(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

const HOST = "127.0.0.1";
const MAX_LOG_LINES = 1000;

/** Resolves when the port answers. Rejects when the bundle, the configuration or the port is at fault. */
export async function startGateway(options: GatewayOptions = {}): Promise<Gateway> {
  const { persistTo, quiet = false, inspect = false } = options;
  let { vars = {} } = options;
  const folder = persistTo ?? (await mkdtemp(join(tmpdir(), "velo-gateway-")));
  const [modules, secrets] = await Promise.all([buildLocalWorker(), localSecrets(folder)]);
  const { SIGNING_PRIVATE_KEY: _, ...workerSecrets } = secrets;
  const { workerOptions } = readWorkerOptions(CONFIG_PATH, "local");
  const configured = workerOptions["bindings"];
  const logs: string[] = [];

  const runtimeOptions = (port: number) =>
    convertV4MiniflareOptions({
      host: HOST,
      port,
      cf: false,
      ...(inspect && { inspectorPort: 0 }),
      unsafeTriggerHandlers: true, // /cdn-cgi/local/scheduled runs the cron
      resourcePersistencePath: join(folder, "state"),
      handleStructuredLogs({ level, message }) {
        // Locally the index and the model are RPC services; in production their results hold nothing to dispose of.
        if (message.startsWith("An RPC result was not disposed properly")) return;
        logs.push(message);
        if (logs.length > MAX_LOG_LINES) logs.shift();
        if (!quiet) (level === "error" ? console.error : console.log)(message);
      },
      workers: [
        {
          ...workerOptions,
          name: "velo",
          modules: [...modules],
          bindings: Object.assign({}, configured, workerSecrets, vars),
        },
      ],
    } satisfies V4MiniflareOptions);

  let runtime = await startRuntime(runtimeOptions(options.port ?? 0));
  const { port } = runtime;
  const restart: Gateway["restart"] = async (changes = {}) => {
    vars = { ...vars, ...changes };
    await runtime.dispose();
    runtime = await startRuntime(runtimeOptions(port));
  };
  const stop = async () => {
    await runtime.dispose();
    if (persistTo === undefined) await rm(folder, { recursive: true, force: true });
  };
  return {
    url: `http://${HOST}:${port}`,
    port,
    adminToken: secrets.ADMIN_TOKEN,
    secrets,
    workerdPid: () => runtime.pid,
    inspectorUrl: () => {
      if (runtime.inspectorUrl === null) throw new Error("started without the inspector");
      return runtime.inspectorUrl;
    },
    logs: () => logs,
    async kill() {
      process.kill(runtime.pid, "SIGKILL");
      // Miniflare restarts a runtime that crashed; a killed gateway stays down until it is told otherwise.
      await runtime.dispose();
    },
    restart,
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

interface Runtime {
  readonly port: number;
  readonly pid: number;
  readonly inspectorUrl: string | null;
  dispose(): Promise<void>;
}

async function startRuntime(options: ReturnType<typeof convertV4MiniflareOptions>) {
  const children: ChildProcess[] = [];
  const miniflare = spawnedInto.run(children, () => new Miniflare(options));
  let disposed: Promise<void> | undefined;
  const dispose = () => (disposed ??= miniflare.dispose());
  try {
    const { port } = await miniflare.ready;
    const pid = children.findLast(({ spawnfile }) => spawnfile.includes("workerd"))?.pid;
    if (pid === undefined) throw new Error("workerd started, but its process was not seen");
    const inspectorUrl =
      options.inspectorPort === undefined
        ? null
        : String(new URL("/core:user:velo", await miniflare.getInspectorURL()));
    return { port: Number(port), pid, inspectorUrl, dispose } satisfies Runtime;
  } catch (error) {
    await dispose().catch(() => undefined);
    throw error;
  }
}

// Miniflare does not tell the process id of workerd. Node publishes every child process, in the asynchronous context of
// the code that started it: two gateways that start at the same time each see their own.
const spawnedInto = new AsyncLocalStorage<ChildProcess[]>();
channel("child_process").subscribe((message) => {
  if (message instanceof Object && "process" in message && message.process instanceof ChildProcess)
    spawnedInto.getStore()?.push(message.process);
});

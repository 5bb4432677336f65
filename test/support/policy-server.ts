// Runs the policy worker, or another one of test/support, in a workerd of its own.
import { execFile } from "node:child_process";
import { readFileSync, readdirSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Miniflare, convertV4MiniflareOptions } from "miniflare";
import { OFFLINE, wranglerBin } from "../../scripts/local/build.ts";

export interface PolicyServer {
  readonly url: string;
  readonly workerdPid: number;
  get(path: string, init?: RequestInit): Promise<Record<string, unknown>>;
  /** User and system CPU of workerd so far, milliseconds. */
  cpuMs(): number;
  /** Resident memory of workerd, bytes. */
  residentBytes(): number;
  stop(): Promise<void>;
}

export async function startPolicyServer(worker = "policy-worker"): Promise<PolicyServer> {
  const config = join(import.meta.dirname, worker, "wrangler.toml");
  const out = await mkdtemp(join(tmpdir(), "velo-policy-"));
  await new Promise<void>((done, fail) => {
    const args = [wranglerBin(), "deploy", "--dry-run", "--config", config, "--outdir", out];
    execFile(process.execPath, args, { env: { ...process.env, ...OFFLINE } }, (error, _, stderr) =>
      error === null ? done() : fail(new Error(stderr || error.message)),
    );
  });
  const read = (name: string): Uint8Array<ArrayBuffer> =>
    new Uint8Array(readFileSync(join(out, name)));
  const wasm = readdirSync(out).filter((name) => name.endsWith(".wasm"));
  const before = new Set(workerds());
  const miniflare = new Miniflare(
    convertV4MiniflareOptions({
      host: "127.0.0.1",
      port: 0,
      cf: false,
      name: "velo-policy",
      compatibilityDate: "2026-10-23",
      modules: [
        {
          type: "ESModule",
          path: "worker.js",
          contents: Buffer.from(read("worker.js")).toString(),
        },
        ...wasm.map((path) => ({ type: "CompiledWasm" as const, path, contents: read(path) })),
      ],
    }),
  );
  const url = (await miniflare.ready).origin;
  const pid = workerds().find((candidate) => !before.has(candidate));
  if (pid === undefined) throw new Error("workerd is not among this process's children");
  return {
    url,
    workerdPid: pid,
    get: async (path, init) => {
      const response = await fetch(url + path, init);
      if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the worker beside this file answers with objects
      return (await response.json()) as Record<string, unknown>;
    },
    cpuMs: () => {
      // Fields 14 and 15 of stat, in ticks of 10 ms; the name before them may hold spaces.
      const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]!.split(" ");
      return 10 * (Number(fields[11]) + Number(fields[12]));
    },
    residentBytes: () =>
      1024 * Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]),
    stop: async () => {
      await miniflare.dispose();
      await rm(out, { recursive: true, force: true });
    },
  };
}

/** Process ids of this process's workerd children. */
export function workerds(): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .filter((name) => {
      try {
        const stat = readFileSync(`/proc/${name}/stat`, "utf8");
        const [, program, , parent] = /^\d+ \((.*)\) (\S) (\d+)/.exec(stat) ?? [];
        return program === "workerd" && Number(parent) === process.pid;
      } catch {
        return false; // it ended meanwhile
      }
    })
    .map(Number);
}

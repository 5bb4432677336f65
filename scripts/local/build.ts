// Bundles [env.local] of wrangler.toml with wrangler itself, so that there is one configuration and one bundler.
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, readdir, readFile, rename, rm } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, extname, join, resolve } from "node:path";

export const ROOT = resolve(import.meta.dirname, "../..");
export const CONFIG_PATH = join(ROOT, "wrangler.toml");

/** No network: neither usage statistics nor the request for a sample of `request.cf`. */
export const OFFLINE = {
  WRANGLER_SEND_METRICS: "false",
  CLOUDFLARE_CF_FETCH_ENABLED: "false",
  WRANGLER_HIDE_BANNER: "true",
};

/** How the rules of wrangler type what a bundle imports. */
const MODULE_TYPES = {
  ".js": "ESModule",
  ".wasm": "CompiledWasm",
  ".bin": "Data",
  ".txt": "Text",
  ".html": "Text",
  ".sql": "Text",
} as const;

export interface WorkerModule {
  readonly type: (typeof MODULE_TYPES)[keyof typeof MODULE_TYPES];
  readonly path: string;
  readonly contents: string | Uint8Array<ArrayBuffer>;
}

let build: Promise<readonly WorkerModule[]> | undefined;

/**
 * The modules of the local Worker, the entry first; bundled once per process, or once for all processes that have the same
 * folder in VELO_LOCAL_BUNDLE (a test run's). Rejects with wrangler's own message.
 */
export function buildLocalWorker(): Promise<readonly WorkerModule[]> {
  const folder = process.env["VELO_LOCAL_BUNDLE"] ?? "";
  return (build ??= folder === "" ? bundle() : sharedBundle(folder));
}

async function bundle(): Promise<readonly WorkerModule[]> {
  const outdir = await mkdtemp(join(tmpdir(), "velo-build-"));
  try {
    await bundleInto(outdir);
    return await readModules(outdir);
  } finally {
    await rm(outdir, { recursive: true, force: true });
  }
}

/** Whoever comes first makes it; when two do at the same time, the later one takes what is there. */
async function sharedBundle(folder: string): Promise<readonly WorkerModule[]> {
  if (!existsSync(folder)) {
    const outdir = await mkdtemp(`${folder}-`);
    try {
      await bundleInto(outdir);
      await rename(outdir, folder).catch((error: unknown) => {
        if (!existsSync(folder)) throw error;
      });
    } finally {
      await rm(outdir, { recursive: true, force: true });
    }
  }
  return await readModules(folder);
}

const bundleInto = (outdir: string): Promise<void> =>
  wrangler("deploy", "--dry-run", "--env", "local", "--outdir", outdir);

export function wranglerBin(): string {
  const manifest = createRequire(import.meta.url).resolve("wrangler/package.json");
  return join(dirname(manifest), "bin/wrangler.js");
}

async function wrangler(...args: string[]): Promise<void> {
  const env = { ...process.env, ...OFFLINE, NO_COLOR: "1", FORCE_COLOR: "0" };
  const command = [wranglerBin(), ...args, "--config", CONFIG_PATH];
  await new Promise<void>((done, fail) => {
    execFile(process.execPath, command, { cwd: ROOT, env }, (error, _stdout, stderr) => {
      if (error === null) done();
      else fail(new Error(`wrangler ${args.join(" ")} failed\n${stderr || error.message}`));
    });
  });
}

async function readModules(folder: string): Promise<WorkerModule[]> {
  const modules: WorkerModule[] = [];
  for (const path of await readdir(folder)) {
    const type = Object.entries(MODULE_TYPES).find(([ext]) => ext === extname(path))?.[1];
    if (type === undefined) continue; // the source map and wrangler's note
    const bytes = await readFile(join(folder, path));
    const text = type === "ESModule" || type === "Text";
    const module = { type, path, contents: text ? bytes.toString("utf8") : new Uint8Array(bytes) };
    if (path === "index.js") modules.unshift(module);
    else modules.push(module);
  }
  return modules;
}

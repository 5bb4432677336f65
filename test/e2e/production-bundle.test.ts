// What `wrangler deploy` would publish, made by the command itself.
import { execFile } from "node:child_process";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { OFFLINE, ROOT } from "../../scripts/local/build.ts";

/** Each is in the local bundle; none may be in the other. */
const LOCAL_ONLY = [
  "LocalVectorize",
  "LocalVectorStore",
  "LocalAi",
  "/__dev/",
  "local fault plan",
  "velo's demo model",
  "sk-velo-local",
];
const MAX_GZIPPED_BYTES = 10e6; // of a Worker on a paid plan

let folder: string;
let local: Bundle;
let production: Bundle;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "velo-bundle-"));
  [local, production] = await Promise.all([bundle("local"), bundle("production")]);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

interface Bundle {
  /** All modules as text; source maps do not ship. */
  readonly code: string;
  readonly printed: string;
}

async function bundle(environment: string): Promise<Bundle> {
  const outdir = join(folder, environment);
  const wrangler = join(ROOT, "node_modules/wrangler/bin/wrangler.js");
  const { stdout } = await promisify(execFile)(
    process.execPath,
    [wrangler, "deploy", "--dry-run", "--env", environment, "--outdir", outdir],
    { cwd: ROOT, env: { ...process.env, ...OFFLINE, NO_COLOR: "1" } },
  );
  const files = (await readdir(outdir)).filter((name) => !/\.(map|md)$/.test(name));
  const parts = await Promise.all(files.map((name) => readFile(join(outdir, name), "latin1")));
  return { code: parts.join("\n"), printed: stdout };
}

const found = ({ code, printed }: Bundle) =>
  LOCAL_ONLY.filter((marker) => (code + printed).includes(marker));

test("production is built without a line, key or binding of the local platform", () => {
  expect(found(local)).toEqual(LOCAL_ONLY);
  expect(production.code).toContain("/v1/chat/completions");
  expect(found(production)).toEqual([]);
});

test("production fits into a Worker and binds what it needs", () => {
  const { printed } = production;
  const gzipped = /gzip: ([\d.]+) KiB/.exec(printed)?.[1];
  console.log(`production bundle: ${gzipped} KiB gzipped`);
  expect(Number(gzipped) * 1024).toBeLessThan(MAX_GZIPPED_BYTES);
  for (const binding of ["env.REGION", "env.TENANTS", "env.VECTORIZE", "env.STORE", "env.AI"])
    expect(printed).toContain(binding);
});

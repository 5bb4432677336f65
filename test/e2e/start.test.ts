// `npm start`, as a newcomer types it, and what Ctrl-C leaves behind: nothing.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ROOT } from "../../scripts/local/build.ts";
import { chat, post } from "../support/gateway-client.ts";

const READY_WITHIN_MS = 20_000;

let folder: string;
let child: ChildProcess | undefined;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "velo-newcomer-"));
});
afterEach(async () => {
  if (child?.pid !== undefined && isAlive(-child.pid)) process.kill(-child.pid, "SIGKILL");
  await rm(folder, { recursive: true, force: true });
});

/** Whether a process, or with a negative number any process of its group, exists. */
function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

/**
 * Starts it in a process group of its own, as a terminal does, with nothing built before, and resolves to what it prints up
 * to the banner's end.
 */
async function start(): Promise<string> {
  child = spawn("npm", ["start", "--", "--port", "0", "--folder", folder], {
    cwd: ROOT,
    detached: true,
    env: { ...process.env, VELO_LOCAL_BUNDLE: "" },
    stdio: ["ignore", "pipe", "inherit"],
  });
  let printed = "";
  for await (const chunk of child.stdout!) {
    printed += String(chunk);
    if (printed.includes("Ctrl-C")) break;
  }
  return printed;
}

test("a cold start answers within 20 s, tells key and dashboard, refuses other keys, and ends with Ctrl-C", async () => {
  const startedAt = performance.now();
  const banner = await start();
  const base = /Base URL +(\S+)/.exec(banner)?.[1] ?? "";
  const health = await fetch(new URL("/health", base));
  const readyMs = performance.now() - startedAt;
  console.log(`npm start: answers after ${readyMs.toFixed(0)} ms`);
  expect(health.status).toBe(200);
  expect(readyMs).toBeLessThan(READY_WITHIN_MS);

  expect(banner).toMatch(/API key +sk-velo-local\n/);
  const dashboard = /Dashboard +(\S+)/.exec(banner)?.[1] ?? "";
  const page = await fetch(dashboard);
  expect([page.status, page.headers.get("content-type")]).toEqual([
    200,
    expect.stringContaining("text/html"),
  ]);
  const { ADMIN_TOKEN } = JSON.parse(await readFile(join(folder, "secrets.json"), "utf8"));
  expect(new URL(dashboard).hash).toBe(`#token=${ADMIN_TOKEN}`);

  const body = chat("velo-demo", "How many bits are in 3 bytes?");
  const url = `${base}/chat/completions`;
  expect((await post(url, { body })).status).toBe(200);
  const refused = await post(url, { body, key: "sk-velo-other" });
  expect(refused.status).toBe(401);
  expect(JSON.parse(refused.bytes.toString())).toMatchObject({
    error: { code: "invalid_api_key" },
  });

  // A terminal sends Ctrl-C to the whole group.
  const group = child!.pid!;
  const ended = once(child!, "exit");
  process.kill(-group, "SIGINT");
  await ended;
  await expect.poll(() => isAlive(-group), { timeout: 10_000 }).toBe(false);
  await expect(fetch(new URL("/health", base))).rejects.toThrow(/fetch failed/);
});

describe("a wrong", () => {
  /** What it prints to people, and its exit status. */
  async function refusal(args: readonly string[], vars: Readonly<Record<string, string>> = {}) {
    child = spawn("npm", ["start", "--", "--port", "0", "--folder", folder, ...args], {
      cwd: ROOT,
      detached: true,
      env: { ...process.env, ...vars },
      stdio: ["ignore", "ignore", "pipe"],
    });
    const ended = once(child, "exit");
    let printed = "";
    for await (const chunk of child.stderr!) printed += String(chunk);
    const [status] = await ended;
    return { status, printed };
  }

  test.each([
    [["--prot", "1"], "'--prot'"],
    [["--port", "http"], "--port must be a number from 0 to 65535, got http"],
  ])("flag %j is named above the usage", async (args, problem) => {
    const { status, printed } = await refusal(args);
    expect(status).toBe(2);
    expect(printed).toContain(problem);
    expect(printed).toContain("usage: npm start");
  });

  test.each([
    ["VELO", '{"bogus":1}', "VELO.bogus is not a known setting"],
    ["UPSTREAM_BASE_URL", "localhost", "UPSTREAM_BASE_URL is not usable"],
    ["LATENCY_PROFILE", "fast", "latency profile must be one of none, edge"],
  ])("%s=%s ends it, with the setting named", async (name, value, problem) => {
    const { status, printed } = await refusal([], { [name]: value });
    expect(status).toBe(1);
    expect(printed).toContain(problem);
  });
});

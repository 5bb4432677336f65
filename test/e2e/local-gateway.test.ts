// The launcher that every other end-to-end test, replay and bench stands on, over real TCP and real processes.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { ROOT } from "../../scripts/local/build.ts";
import { type Gateway, startGateway } from "../../scripts/local/gateway.ts";

const isRunning = (pid: number): boolean => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

describe("startGateway", () => {
  let gateway: Gateway;
  beforeAll(async () => {
    // An embedder that can break: the built-in one is no dependency.
    const vars = { DEMO_DELAY_SCALE: "0", EMBEDDER: "@cf/google/embeddinggemma-300m" };
    gateway = await startGateway({ quiet: true, vars });
  });
  afterAll(() => gateway.stop());

  const call = async (path: string, init?: RequestInit): Promise<unknown> => {
    const response = await fetch(gateway.url + path, init);
    return await response.json();
  };
  const post = (path: string, body: unknown) =>
    call(path, { method: "POST", body: JSON.stringify(body) });

  test("answers with the variables that were passed", async () => {
    expect(await call("/health")).toMatchObject({ status: "ok" });
    expect(await call("/__dev/settings")).toMatchObject({ demoDelayScale: 0, profile: "none" });
  });

  test("keeps what was stored when workerd is killed, and comes back on the same port", async () => {
    const admin = {
      authorization: `Bearer ${gateway.adminToken}`,
      "content-type": "application/json",
    };
    const body = JSON.stringify({ name: "survivor" });
    const created = await call("/admin/tenants", { method: "POST", headers: admin, body });
    expect(created).toMatchObject({ name: "survivor" });
    const pid = gateway.workerdPid();
    expect(isRunning(pid)).toBe(true);

    await gateway.kill();
    expect(isRunning(pid)).toBe(false);
    await expect(call("/health")).rejects.toThrow(/fetch failed/);

    await gateway.restart();
    expect(gateway.workerdPid()).not.toBe(pid);
    const tenants = await call("/admin/tenants", { headers: admin });
    expect(tenants).toMatchObject({
      data: expect.arrayContaining([expect.objectContaining({ name: "survivor" })]),
    });
  });

  test("two gateways at the same time have their own processes and states, and one stops without leaving its own behind", async () => {
    await using other = await startGateway({ quiet: true });
    const pid = other.workerdPid();
    expect(other.port).not.toBe(gateway.port);
    expect(pid).not.toBe(gateway.workerdPid());
    expect(other.adminToken).not.toBe(gateway.adminToken);
    await other.stop();
    expect(isRunning(pid)).toBe(false);
    expect(isRunning(gateway.workerdPid())).toBe(true);
  });

  describe("faults on demand", () => {
    const dependencies = async (): Promise<Record<string, string>> => {
      // What was found out is told again for half a second.
      await new Promise((resolve) => setTimeout(resolve, 600));
      const response = await fetch(`${gateway.url}/ready`);
      const body: { dependencies: Record<string, string> } = JSON.parse(await response.text());
      return body.dependencies;
    };
    const failing = async (): Promise<string[]> =>
      Object.entries(await dependencies())
        .filter(([, state]) => !state.startsWith("ok"))
        .map(([name]) => name);
    afterEach(() => post("/__dev/faults", {}));

    test.for([
      ["embed", "embed"],
      ["vectors", "vectors"],
      ["r2", "store"],
      ["region", "region"],
    ] as const)("%s down makes %s fail in /ready, and only that", async ([fault, name]) => {
      expect(await failing()).toEqual([]);
      await post("/__dev/faults", { [fault]: { mode: "down" } });
      expect(await failing()).toEqual([name]);
    });

    test("a plan with a wrong name or mode is refused and changes nothing", async () => {
      expect(await post("/__dev/faults", { disk: { mode: "down" } })).toMatchObject({
        error: expect.stringContaining('unknown dependency "disk"'),
      });
      expect(await post("/__dev/faults", { r2: { mode: "broken" } })).toMatchObject({
        error: expect.stringContaining("mode of r2"),
      });
      expect(await call("/__dev/settings")).toMatchObject({ faults: {} });
    });

    test("slow adds its delay to every call", async () => {
      await post("/__dev/faults", { r2: { mode: "slow", delayMs: 150 } });
      const took = /ok (\d+) ms/.exec((await dependencies())["store"] ?? "")?.[1];
      expect(Number(took)).toBeGreaterThanOrEqual(150);
    });
  });
});

describe("npm start", () => {
  let child: ChildProcess | undefined;
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "velo-start-"));
  });
  afterAll(async () => {
    child?.kill("SIGKILL");
    await rm(folder, { recursive: true, force: true });
  });

  test("prints links that work, and Ctrl-C ends everything", async () => {
    const startedAt = performance.now();
    child = spawn(
      process.execPath,
      [join(ROOT, "scripts/start.ts"), "--port", "0", "--folder", folder],
      { stdio: ["ignore", "pipe", "inherit"] },
    );
    let banner = "";
    for await (const chunk of child.stdout!) {
      banner += String(chunk);
      if (banner.includes("Ctrl-C")) break;
    }
    const base = /Base URL +(\S+)/.exec(banner)![1]!;
    const health = await fetch(new URL("/health", base));
    expect(health.status).toBe(200);
    expect(performance.now() - startedAt).toBeLessThan(20_000);

    const token = /#token=(\S+)/.exec(banner)![1]!;
    const live = await fetch(new URL("/admin/live", base), {
      headers: { authorization: `Bearer ${token}` },
    });
    expect(live.status).toBe(200);

    const body = /-d '(.*)'/.exec(banner)![1]!;
    const answer = await fetch(`${base}/chat/completions`, {
      method: "POST",
      headers: { authorization: "Bearer sk-velo-local", "content-type": "application/json" },
      body,
    });
    expect(await answer.text()).toContain("Canberra");

    const { mode } = await stat(join(folder, "secrets.json"));
    expect((mode & 0o777).toString(8)).toBe("600");

    child.kill("SIGINT");
    await once(child, "exit");
    await expect(fetch(new URL("/health", base))).rejects.toThrow(/fetch failed/);
  });
});

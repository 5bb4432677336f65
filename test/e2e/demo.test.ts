// The demo with little traffic and little training: every act takes place and everything it began has ended. What the
// figures are like is for the long runs to say.
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text as readText } from "node:stream/consumers";
import { afterAll, afterEach, describe, expect, test } from "vitest";

/** Temporary folders of everything the demo starts go here, so that what stays can be seen. */
const temporary = mkdtempSync(join(tmpdir(), "velo-demo-test-"));
afterAll(() => rmSync(temporary, { recursive: true, force: true }));

let child: ChildProcess | undefined;
afterEach(() => void child?.kill("SIGKILL"));

function start(...args: string[]) {
  const spawned = spawn(process.execPath, ["scripts/demo.ts", ...args], {
    env: { ...process.env, TMPDIR: temporary },
  });
  child = spawned;
  return spawned;
}

/** Other tools leave notes of their own there. */
const leftBehind = () => readdirSync(temporary).filter((name) => name.startsWith("velo-"));

/** Half a minute on an idle machine. */
const LONG_MS = 400_000;

interface Score {
  readonly requests: number;
}

describe("a short demo", () => {
  test(
    "ends with all its rows, and the new policy decided about requests",
    async () => {
      const demo = start("--requests", "100", "--rounds", "600", "--seed", "3", "--json");
      const [stdout, stderr, code] = await Promise.all([
        readText(demo.stdout),
        readText(demo.stderr),
        new Promise<number | null>((resolve) => demo.once("close", resolve)),
      ]);
      expect(stderr).toContain("Over HTTP, on the held-out half");
      expect(stderr).toContain("In the simulator, on the held-out half");
      expect(code).toBe(0);
      const report = JSON.parse(stdout);

      // By the header that callers see, while the candidate was tried and afterwards.
      const decided: Record<string, number>[] = [
        ...report.canary.steps.map((step: { policies: Record<string, number> }) => step.policies),
        report.http.policies.after,
      ];
      const versions = decided.flatMap((policies) =>
        Object.entries(policies).map(([policy, count]) => [policy.split("@")[1], count]),
      );
      expect(versions).toContainEqual(["1", expect.any(Number)]);
      expect(Object.keys(report.http.policies.before)).toEqual(["greedy-0.95@0"]);

      const scores: Score[] = [
        report.http.before,
        report.http.after,
        ...Object.values<Score>(report.simulator.scores),
      ];
      expect(scores.map(({ requests }) => requests)).toEqual(Array(8).fill(100));
      expect(report.targets.map(({ verdict }: { verdict: string }) => verdict)).toEqual(
        Array(5).fill(expect.stringMatching(/^(holds|undecided|fails)$/)),
      );
      // 600 rounds are two updates; everything that the gateway logged was leased and acknowledged.
      expect(report.learning.simulated.updates).toHaveLength(2);
      expect(report.learning.pulled.experiences).toBeGreaterThan(50);
      expect(report.learning.pulled.acked).toBe(report.learning.pulled.packs);
      expect(report.acts).toHaveLength(6);
      expect(leftBehind()).toEqual([]);
    },
    LONG_MS,
  );

  test("Ctrl-C ends it with everything it started, and leaves no folder behind", async () => {
    const demo = start("--requests", "150");
    const closed = new Promise<number | null>((resolve) => demo.once("close", resolve));
    let seen = "";
    for await (const piece of demo.stdout) {
      seen += String(piece);
      // The gateway is up.
      if (seen.includes("2. ")) break;
    }
    const [, url] = /gateway (\S+)/.exec(seen) ?? [];
    demo.kill("SIGINT");
    expect(await closed).toBe(130);
    await expect(fetch(`${url}/health`)).rejects.toThrow("fetch failed");
    expect(leftBehind()).toEqual([]);
  });
});

test("a data directory that is not there is named, with exit status 2", async () => {
  const demo = start("--data", "/nowhere");
  const [stderr, code] = await Promise.all([
    readText(demo.stderr),
    new Promise<number | null>((resolve) => demo.once("close", resolve)),
  ]);
  expect(stderr).toMatch(/^\/nowhere: holds none of near-miss/m);
  expect(code).toBe(2);
});

// npm run bench -- training [--rounds 13500] [--seed S] [--json]: wall time of a whole training in the simulator, on the CPU:
// demonstrations, rounds, updates, checkpoints, and the comparison at the end. Processor time stands beside it, because
// wall time says little on a busy machine.
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ROOT } from "../../scripts/local/build.ts";
import { cpuMsOf, memoryOf } from "./process-usage.ts";
import { atMost, option, publish, runSeed, say } from "./result.ts";

/** Rounds of the paper's experiment: three agents, one request each. */
const ROUNDS = 13_500;
const LIMIT_SECONDS = 180;
const SAMPLE_MS = 500;

/** What this bench reads of the report of scripts/train.ts. */
interface TrainingReport {
  readonly trainedSeconds: number;
  readonly updates: number;
  readonly kept: number;
  readonly backend: string;
}

const seed = runSeed();
const rounds = option("rounds", ROUNDS);
const folder = mkdtempSync(join(tmpdir(), "training-"));
say(`training ${rounds} rounds`);
try {
  const start = performance.now();
  const flags = ["--rounds", String(rounds), "--seed", String(seed), "--backend", "cpu", "--json"];
  const child = spawn(process.execPath, ["scripts/train.ts", "--out", folder, ...flags], {
    cwd: ROOT,
    stdio: ["ignore", "pipe", "inherit"],
  });
  let cpuMs = 0;
  let peakBytes = 0;
  const timer = setInterval(() => {
    try {
      cpuMs = cpuMsOf(child.pid!);
      peakBytes = Math.max(peakBytes, memoryOf(child.pid!).resident);
    } catch {
      // It has just ended.
    }
  }, SAMPLE_MS);
  const ended = new Promise<number | null>((resolve) => child.on("close", resolve));
  let printed = "";
  for await (const chunk of child.stdout.setEncoding("utf8")) printed += String(chunk);
  const status = await ended;
  clearInterval(timer);
  if (status !== 0) throw new Error(`the training ended with status ${status}`);
  const seconds = (performance.now() - start) / 1000;
  const report = JSON.parse(printed) as TrainingReport;

  publish({
    bench: "training",
    seed,
    settings: { rounds, updates: report.updates, kept: report.kept, backend: report.backend },
    tables: [
      {
        title: "One training",
        columns: ["", "figure"],
        rows: [
          ["training, wall seconds", report.trainedSeconds],
          ["with start and comparison, wall seconds", seconds],
          ["processor seconds, all cores", cpuMs / 1000],
          ["peak memory, MiB", peakBytes / 2 ** 20],
        ],
      },
    ],
    targets:
      rounds === ROUNDS
        ? [atMost(`seconds of training for ${rounds} rounds`, report.trainedSeconds, LIMIT_SECONDS)]
        : [],
    notes: [],
  });
} finally {
  rmSync(folder, { recursive: true });
}

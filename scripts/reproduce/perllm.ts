// npm run reproduce -- perllm: runs what is not there yet, judges the claims, writes the report.
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { dirname, join, relative } from "node:path";
import { constructionChecks } from "../../src/trainer-node/reproduction/perllm/checks.ts";
import { perllmJobs } from "../../src/trainer-node/reproduction/perllm/experiments.ts";
import { judge } from "../../src/trainer-node/reproduction/perllm/judge.ts";
import { perllmReport } from "../../src/trainer-node/reproduction/perllm/perllm-report.ts";
import { PerllmResults } from "../../src/trainer-node/reproduction/perllm/results.ts";
import { FULL, QUICK, REVISION } from "../../src/trainer-node/reproduction/perllm/settings.ts";
import { renderReport } from "../../src/trainer-node/reproduction/report/markdown-report.ts";
import { ResultsFolder } from "../../src/trainer-node/reproduction/results-folder.ts";
import { runJobs } from "../../src/trainer-node/reproduction/run-jobs.ts";
import { readFlags, refuse } from "../local/flags.ts";
import { currentCommit, progressBar } from "../replay/progress.ts";
import { claimsTable, countsLine, countsOf } from "./claims-table.ts";
import { folderProblem } from "./results-path.ts";

/** @param pathOf a path as it was typed, from where it was typed */
export async function reproducePerllm(
  usage: string,
  pathOf: (path: string) => string,
): Promise<void> {
  const options = readFlags(usage, {
    quick: { type: "boolean", default: false },
    results: { type: "string" },
    only: { type: "string" },
    workers: { type: "string", default: String(availableParallelism()) },
    json: { type: "boolean", default: false },
  });
  const { quick, only, json } = options;
  const workers = Number(options.workers);
  if (!Number.isInteger(workers) || workers < 1)
    refuse(`--workers ${options.workers} is no number of processes`, usage);

  const scale = quick ? QUICK : FULL;
  const folder = pathOf(
    options.results ?? join(".velo/reproduce", quick ? "perllm-quick" : "perllm"),
  );
  const problem = folderProblem(folder);
  if (problem !== null) refuse(problem, usage);
  const jobs = perllmJobs(scale).filter(({ id }) => only === undefined || id.startsWith(only));
  if (jobs.length === 0) refuse(`no job begins with ${only}`, usage);
  const bar = progressBar("perllm ", 1);
  const started = performance.now();
  let ran = 0;
  const records = await runJobs({
    jobs,
    folder: new ResultsFolder(join(folder, "raw"), REVISION),
    worker: new URL("perllm-worker.ts", import.meta.url),
    workers,
    commit: currentCommit(),
    onDone: ({ id, seconds }, { done, of, wasStored }) => {
      if (!wasStored) ran++;
      if (bar !== undefined) bar(done, of);
      else if (!wasStored) process.stderr.write(`${done}/${of} ${id} ${seconds.toFixed(1)} s\n`);
    },
  });
  const wallSeconds = (performance.now() - started) / 1000;
  if (only !== undefined) {
    process.stderr.write(`${ran} jobs ran, ${records.length - ran} were there\n`);
    return;
  }

  const results = new PerllmResults(records);
  const claims = judge(results);
  const checks = constructionChecks(results);
  const all = [...claims, ...checks];
  const coreSeconds = records.reduce((sum, { seconds }) => sum + seconds, 0);
  const command = `npm run reproduce -- perllm${quick ? " --quick" : ""}${options.results === undefined ? "" : ` --results ${relative(process.cwd(), folder)}`}`;
  const run = `${quick ? "A quick run, which decides little: " : ""}${records.length} jobs took ${coreSeconds.toFixed(0)} seconds by the clock of their processes, which others may have slowed.`;
  const report = join(folder, "README.md");
  // Plots of an earlier report, of experiments that are gone, must not stay.
  rmSync(join(folder, "plots"), { recursive: true, force: true });
  for (const [name, text] of renderReport(perllmReport({ results, claims: all, command, run }))) {
    const path = join(folder, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
  }
  if (json) {
    const commit = [...new Set(records.map((record) => record.commit))].toSorted().join(", ");
    const counts = countsOf(all);
    const jobsRun = { jobs: records.length, ran, wallSeconds, coreSeconds };
    const said = { command, commit, scale: scale.name, ...jobsRun, report, counts, claims, checks };
    console.log(JSON.stringify(said, null, 2));
  } else {
    console.log(claimsTable(all));
    console.log(`${countsLine(all)}\n${run}\nReport: ${report}`);
  }
  if (checks.some(({ verdict }) => verdict === "fail")) process.exitCode = 1;
}

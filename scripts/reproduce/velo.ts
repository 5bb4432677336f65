// npm run reproduce -- velo: runs what is not there yet, judges the claims, writes the report.
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { dirname, join, relative } from "node:path";
import { renderReport } from "../../src/trainer-node/reproduction/report/markdown-report.ts";
import { ResultsFolder } from "../../src/trainer-node/reproduction/results-folder.ts";
import { runJobs } from "../../src/trainer-node/reproduction/run-jobs.ts";
import { constructionChecks } from "../../src/trainer-node/reproduction/velo/checks.ts";
import { type RunParams, veloJobs } from "../../src/trainer-node/reproduction/velo/experiments.ts";
import { judgeClaims } from "../../src/trainer-node/reproduction/velo/judge.ts";
import { ownClaims } from "../../src/trainer-node/reproduction/velo/own-claims.ts";
import { grouped } from "../../src/trainer-node/reproduction/velo/report/summary.ts";
import { VeloResults } from "../../src/trainer-node/reproduction/velo/results.ts";
import { FULL, QUICK, REVISION } from "../../src/trainer-node/reproduction/velo/settings.ts";
import { veloReport } from "../../src/trainer-node/reproduction/velo/velo-report.ts";
import { hasWeights } from "../../src/trainer-node/reproduction/velo/weights.ts";
import { readFlags, refuse } from "../local/flags.ts";
import { currentCommit, progressBar } from "../replay/progress.ts";
import { claimsTable, countsLine, countsOf } from "./claims-table.ts";
import { reproduceDataset } from "./dataset.ts";
import { folderProblem } from "./results-path.ts";

/** @param pathOf a path as it was typed, from where it was typed */
export async function reproduceVelo(
  usage: string,
  pathOf: (path: string) => string,
): Promise<void> {
  const options = readFlags(usage, {
    quick: { type: "boolean", default: false },
    results: { type: "string" },
    only: { type: "string" },
    workers: { type: "string" },
    dataset: { type: "string" },
    upstream: { type: "string" },
    seed: { type: "string" },
    json: { type: "boolean", default: false },
  });
  const { quick, only, json } = options;
  const workers = Number(options.workers ?? availableParallelism());
  const most = 4 * availableParallelism();
  if (!Number.isInteger(workers) || workers < 1 || workers > most)
    refuse(`--workers ${options.workers} is no number of processes from 1 to ${most}`, usage);
  const seed = Number(options.seed ?? 1);
  if (!Number.isSafeInteger(seed) || seed < 0)
    refuse(`--seed ${options.seed} is no whole number`, usage);
  if ((options.dataset === undefined) !== (options.upstream === undefined))
    refuse("--dataset and --upstream go together", usage);
  const others =
    options.dataset === undefined ? (["seed"] as const) : (["results", "only", "workers"] as const);
  const stray = others.find((name) => options[name] !== undefined);
  if (stray !== undefined)
    refuse(`--${stray} is no option ${stray === "seed" ? "without" : "with"} --dataset`, usage);
  if (options.dataset !== undefined) {
    const { dataset: file, upstream } = options;
    await reproduceDataset({
      file: pathOf(file),
      upstream: upstream!,
      quick,
      json,
      seed,
    });
    return;
  }

  const scale = quick ? QUICK : FULL;
  const folder = pathOf(options.results ?? join(".velo/reproduce", quick ? "velo-quick" : "velo"));
  const problem = folderProblem(folder);
  if (problem !== null) refuse(problem, usage);
  const results = new ResultsFolder(join(folder, "raw"), REVISION);
  const weights = join(folder, "weights");
  if (only === "") refuse("--only needs the beginning of a job's name", usage);
  const jobs = veloJobs(scale).filter(({ id }) => only === undefined || id.startsWith(only));
  if (jobs.length === 0) refuse(`no job begins with ${only}`, usage);
  const isGridDone = jobs.every((job) => job.kind !== "grid" || results.read(job) !== null);
  const bar = progressBar("velo ", 1);
  const started = performance.now();
  let ran = 0;
  const records = await runJobs({
    jobs,
    folder: results,
    worker: new URL("worker.ts", import.meta.url),
    workerArguments: [weights],
    workers,
    commit: currentCommit(),
    // The grid begins with what these have left: without it they are run again.
    isUsable: ({ params }) => {
      const { keepWeights } = params as Partial<RunParams>;
      return keepWeights === undefined || isGridDone || hasWeights(weights, keepWeights);
    },
    onDone: ({ id, seconds }, { done, of, wasStored }) => {
      if (!wasStored) ran++;
      if (bar !== undefined) bar(done, of);
      else if (!wasStored) process.stderr.write(`${done}/${of} ${id} ${seconds.toFixed(1)} s\n`);
    },
  });
  const wallSeconds = (performance.now() - started) / 1000;
  if (only !== undefined) {
    if (json) console.log(JSON.stringify({ ran, stored: records.length - ran }));
    else process.stderr.write(`${ran} jobs ran, ${records.length - ran} were there\n`);
    return;
  }

  const found = new VeloResults(records);
  const claims = [...judgeClaims(found), ...ownClaims(found)];
  const checks = constructionChecks(found);
  const all = grouped([...claims, ...checks]);
  const coreSeconds = records.reduce((sum, { seconds }) => sum + seconds, 0);
  const command = `npm run reproduce -- velo${quick ? " --quick" : ""}${options.results === undefined ? "" : ` --results ${relative(process.cwd(), folder)}`}`;
  const run = `${quick ? "A quick run, which decides little: " : ""}${records.length} jobs took ${(coreSeconds / 60).toFixed(0)} minutes of processes with one thread each, at most ${workers} at a time.`;
  const report = join(folder, "README.md");
  writeReport(folder, renderReport(veloReport({ results: found, claims: all, command, run })));
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

/** In place of an earlier one: plots of experiments that are gone must not stay. */
function writeReport(folder: string, files: ReadonlyMap<string, string>): void {
  rmSync(join(folder, "plots"), { recursive: true, force: true });
  for (const [name, text] of files) {
    const path = join(folder, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
  }
}

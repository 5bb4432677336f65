// npm run reproduce -- qos-router: trains and runs what is not there yet, judges the claims, writes the report.
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { basename, dirname, join, relative } from "node:path";
import { constructionChecks } from "../../src/trainer-node/reproduction/qos-router/checks.ts";
import {
  qosRouterJobs,
  type TraceName,
  trainingId,
} from "../../src/trainer-node/reproduction/qos-router/experiments.ts";
import { fitPricedRule } from "../../src/trainer-node/reproduction/qos-router/fit-priced-rule.ts";
import { judge } from "../../src/trainer-node/reproduction/qos-router/judge.ts";
import {
  hasWeights,
  NETWORK_NAMES,
  type TrainParams,
} from "../../src/trainer-node/reproduction/qos-router/networks.ts";
import { qosRouterReport } from "../../src/trainer-node/reproduction/qos-router/qos-router-report.ts";
import { QosRouterResults } from "../../src/trainer-node/reproduction/qos-router/results.ts";
import { FULL, QUICK, REVISION } from "../../src/trainer-node/reproduction/qos-router/settings.ts";
import { readTrace } from "../../src/trainer-node/reproduction/qos-router/workloads.ts";
import { renderReport } from "../../src/trainer-node/reproduction/report/markdown-report.ts";
import { type Job, ResultsFolder } from "../../src/trainer-node/reproduction/results-folder.ts";
import { runJobs } from "../../src/trainer-node/reproduction/run-jobs.ts";
import { readFlags, refuse } from "../local/flags.ts";
import { currentCommit, progressBar } from "../replay/progress.ts";
import { claimsTable, countsLine, countsOf } from "./claims-table.ts";
import { folderProblem } from "./results-path.ts";

/** @param pathOf a path as it was typed, from where it was typed */
export async function reproduceQosRouter(
  usage: string,
  pathOf: (path: string) => string,
): Promise<void> {
  const options = readFlags(usage, {
    quick: { type: "boolean", default: false },
    results: { type: "string" },
    only: { type: "string" },
    workers: { type: "string", default: String(availableParallelism()) },
    trace: { type: "string" },
    fit: { type: "boolean", default: false },
    json: { type: "boolean", default: false },
  });
  const { quick, only, json } = options;
  if (options.fit) {
    printFit(json);
    return;
  }
  const workers = Number(options.workers);
  const most = 4 * availableParallelism();
  if (!Number.isInteger(workers) || workers < 1 || workers > most)
    refuse(`--workers ${options.workers} is no number of processes from 1 to ${most}`, usage);
  const file = options.trace === undefined ? null : pathOf(options.trace);
  const trace = file === null ? null : await traceNameOf(file, usage);

  const scale = quick ? QUICK : FULL;
  const folder = pathOf(
    options.results ?? join(".velo/reproduce", quick ? "qos-router-quick" : "qos-router"),
  );
  const problem = folderProblem(folder);
  if (problem !== null) refuse(problem, usage);
  if (only === "") refuse("--only needs the beginning of a job's name", usage);
  const results = new ResultsFolder(join(folder, "raw"), REVISION);
  const weights = join(folder, "weights");
  const jobs = qosRouterJobs({ scale, trace }).filter(
    ({ id }) => only === undefined || id.startsWith(only),
  );
  if (jobs.length === 0) refuse(`no job begins with ${only}`, usage);
  // Once all runs are there nobody reads weights.
  const isRun = jobs.every((job) => job.kind === "train" || results.read(job) !== null);
  const ids = new Set(jobs.map(({ id }) => id));
  const waiting = jobs.filter((job) => results.read(job) === null);
  const untrained = NETWORK_NAMES.find(
    (name) =>
      !ids.has(trainingId(name)) &&
      !hasWeights(weights, name) &&
      waiting.some(({ needs = [] }) => needs.includes(trainingId(name))),
  );
  if (untrained !== undefined)
    refuse(
      `--only ${only}: there are no weights of ${untrained} in ${weights}: run --only train first`,
      usage,
    );
  if (trace === null && results.ids().some((id) => id.startsWith("trace-")))
    process.stderr.write(
      "the results that lie there were made with a trace: without --trace FILE others are made beside them\n",
    );
  const stale = results.ids().filter((id) => waiting.some((job) => job.id === id)).length;
  if (stale > 0)
    process.stderr.write(`${stale} results were made with other settings, and are made again\n`);
  const retrained = isRun
    ? 0
    : jobs.filter((job) => isLost(job, weights) && !waiting.includes(job)).length;
  if (retrained > 0)
    process.stderr.write(
      `${retrained} trainings are made again: their weights are not in ${weights}\n`,
    );
  const bar = progressBar("qos-router ", 1);
  const started = performance.now();
  let ran = 0;
  const records = await runJobs({
    jobs,
    folder: results,
    worker: new URL("qos-router-worker.ts", import.meta.url),
    workerArguments: [weights, ...(file === null ? [] : [file])],
    workers,
    commit: currentCommit(),
    isUsable: (job) => isRun || !isLost(job, weights),
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

  const found = new QosRouterResults(records);
  const claims = judge(found);
  const checks = constructionChecks(found);
  const all = [...claims, ...checks];
  const coreSeconds = records.reduce((sum, { seconds }) => sum + seconds, 0);
  const command = [
    "npm run reproduce -- qos-router",
    ...(quick ? ["--quick"] : []),
    ...(trace === null ? [] : [`--trace ${trace.name}`]),
    ...(options.results === undefined ? [] : [`--results ${relative(process.cwd(), folder)}`]),
  ].join(" ");
  const run = `${quick ? "A quick run, which decides little: " : ""}${records.length} jobs took ${(coreSeconds / 60).toFixed(0)} minutes of processes with one thread each, at most ${workers} at a time.`;
  const report = join(folder, "README.md");
  // Plots of an earlier report, of experiments that are gone, must not stay.
  rmSync(join(folder, "plots"), { recursive: true, force: true });
  const pages = renderReport(qosRouterReport({ results: found, claims: all, command, run }));
  for (const [name, text] of pages) {
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

/** A training whose weights are gone. */
const isLost = ({ kind, params }: Job, weights: string): boolean =>
  kind === "train" && !hasWeights(weights, (params as TrainParams).network);

function printFit(json: boolean): void {
  const tried = fitPricedRule();
  if (json) {
    console.log(JSON.stringify(tried, null, 2));
    return;
  }
  console.log("price of work  share of the limit  mean QoS");
  for (const { workPrice, limitShare, meanQos } of tried)
    console.log(`${workPrice}\t${limitShare}\t${meanQos.toFixed(4)}`);
}

/** Read once here, so that a file that is no trace is refused before anything is trained. */
async function traceNameOf(file: string, usage: string): Promise<TraceName> {
  try {
    await readTrace(file);
  } catch (error) {
    refuse(`--trace: ${(error as Error).message}`, usage);
  }
  const digest = createHash("sha256").update(readFileSync(file)).digest("hex").slice(0, 12);
  return { name: basename(file), digest };
}

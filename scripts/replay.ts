// npm run replay: sends a labelled request stream through the gateway over HTTP, in three regions, and prints what was
// served from the cache, what was served wrongly, how long it took and what it saved. --help lists the options.
import { WorkloadDataError } from "../src/trainer-node/simulator/groups.ts";
import { DEFAULT_DELAYS, describeDelays } from "./local/delays.ts";
import { type KnownAnswer, type ModelCall } from "./local/model-server.ts";
import { alwaysModel } from "./replay/baseline.ts";
import { openClient } from "./replay/client.ts";
import { startLocalStack } from "./replay/local-stack.ts";
import { parseReplayArgs, type ReplayOptions, USAGE, UsageError } from "./replay/options.ts";
import { currentCommit, progressBar } from "./replay/progress.ts";
import { runReplay } from "./replay/run.ts";
import { loadGroups, streamsOf } from "./replay/stream.ts";
import { summarise } from "./replay/summary.ts";
import { formatReport, type ModelUse, type Report } from "./replay/table.ts";

const MODEL = "velo-local";

/** What is replayed against: a running server, or a gateway and a model of our own. */
interface Target {
  readonly url: string;
  readonly key: string;
  readonly takeCall: (question: string) => ModelCall | undefined;
  readonly modelUse: () => ModelUse | null;
  readonly stop: () => Promise<void>;
}

async function replay(options: ReplayOptions): Promise<Report> {
  const stream = streamsOf(await loadGroups(options.data), [options])[0]!;
  const delays = options.target ? null : DEFAULT_DELAYS;
  const target = await openTarget(options, stream.answers);
  const client = openClient(target.url, target.key, options.concurrency);
  const interrupted = () => void target.stop().finally(() => process.exit(130));
  process.once("SIGINT", interrupted);
  process.once("SIGTERM", interrupted);
  try {
    const regional = await hasRegions(target);
    const begin = performance.now();
    const onProgress = progressBar();
    const outcomes = await runReplay({
      requests: stream.requests,
      client,
      pathOf: (region) => `${regional ? `/${region}` : ""}/v1/chat/completions`,
      familyOf: stream.familyOf,
      concurrency: options.concurrency,
      domain: options.domain,
      model: MODEL,
      seed: options.seed,
      answerWith: stream.answerWith,
      takeCall: target.takeCall,
      scale: options.scale,
      ...(onProgress && { onProgress }),
    });
    return {
      commit: currentCommit(),
      seed: options.seed,
      target: options.target?.url ?? "local gateway and model",
      workload: {
        source: options.data ?? "data/workload",
        half: options.half,
        groups: stream.groups,
        domain: options.domain,
        planned: stream.workload.planned,
        realised: stream.workload.realised,
      },
      concurrency: options.concurrency,
      profile: options.target ? null : options.profile,
      delayAssumptions: delays && describeDelays(delays, options.scale),
      wallSeconds: (performance.now() - begin) / 1000,
      summary: summarise(outcomes),
      model: target.modelUse(),
      alwaysModel: alwaysModel(stream.requests, stream.answerTo, delays, options.seed),
    };
  } finally {
    process.off("SIGINT", interrupted);
    process.off("SIGTERM", interrupted);
    client.close();
    await target.stop();
  }
}

async function openTarget(
  options: ReplayOptions,
  answers: ReadonlyMap<string, KnownAnswer>,
): Promise<Target> {
  if (options.target === undefined) return await startLocalStack({ ...options, answers });
  return {
    // Chat clients are given a base URL that ends in /v1; both forms are understood.
    url: options.target.url.replace(/\/v1$/, ""),
    key: options.target.key,
    takeCall: () => undefined,
    modelUse: () => null,
    stop: () => Promise.resolve(),
  };
}

/** A server without region prefixes is asked at /v1. */
async function hasRegions({ url, key }: Target): Promise<boolean> {
  const response = await fetch(`${url}/eu/v1/models`, {
    headers: { authorization: `Bearer ${key}` },
  });
  await response.arrayBuffer();
  return response.status !== 404;
}

if (process.argv.includes("--help")) {
  console.log(USAGE);
} else {
  try {
    const options = parseReplayArgs(process.argv.slice(2));
    const report = await replay(options);
    console.log(options.json ? JSON.stringify(report, null, 2) : formatReport(report));
    if (report.summary.all.failures > 0) process.exitCode = 1;
  } catch (error) {
    if (error instanceof UsageError) {
      console.error(`${error.message}\n\n${USAGE}`);
      process.exitCode = 2;
    } else if (error instanceof WorkloadDataError) {
      console.error(error.message);
      process.exitCode = 2;
    } else {
      throw error;
    }
  }
}

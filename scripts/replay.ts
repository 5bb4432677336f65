// npm run replay: sends a labelled request stream through the gateway over HTTP, in three regions, and prints what was
// served from the cache, what was served wrongly, how long it took and what it saved. --help lists the options.
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadDataDirectory } from "../src/trainer-node/simulator/data-directory.ts";
import {
  type Group,
  loadBundled,
  onlyHalf,
  WorkloadDataError,
} from "../src/trainer-node/simulator/groups.ts";
import { type WorkloadRequest } from "../src/trainer-node/simulator/request.ts";
import { generateWorkload } from "../src/trainer-node/simulator/workload.ts";
import { DEFAULT_DELAYS, describeDelays } from "./local/delays.ts";
import {
  conversationKey,
  type KnownAnswer,
  type ModelCall,
  startModelServer,
} from "./local/model-server.ts";
import { answersFor } from "./local/workload-answers.ts";
import { alwaysModel } from "./replay/baseline.ts";
import { openClient } from "./replay/client.ts";
import { parseReplayArgs, type ReplayOptions, USAGE, UsageError } from "./replay/options.ts";
import { runReplay } from "./replay/run.ts";
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
  const groups = onlyHalf(await loadGroups(options), options.half);
  const workload = generateWorkload({ ...options, groups });
  const asked = new Set(workload.requests.map(({ group }) => group));
  const answers = answersFor(withParents(groups, asked));
  const byText = new Map([...answers.values()].map((answer) => [answer.text, answer]));
  const families = new Map(groups.map(({ id, family }) => [id, family]));
  const delays = options.target ? null : DEFAULT_DELAYS;

  const target = await openTarget(options, answers);
  const client = openClient(target.url, target.key, options.concurrency);
  const interrupted = () => void target.stop().finally(() => process.exit(130));
  process.once("SIGINT", interrupted);
  process.once("SIGTERM", interrupted);
  try {
    const regional = await hasRegions(target);
    const begin = performance.now();
    const outcomes = await runReplay({
      requests: workload.requests,
      client,
      pathOf: (region) => `${regional ? `/${region}` : ""}/v1/chat/completions`,
      familyOf: (group) => families.get(group) ?? group,
      concurrency: options.concurrency,
      domain: options.domain,
      model: MODEL,
      seed: options.seed,
      answerWith: (text) => byText.get(text),
      takeCall: target.takeCall,
      scale: options.scale,
      ...(process.stderr.isTTY && { onProgress: showProgress }),
    });
    return {
      commit: currentCommit(),
      seed: options.seed,
      target: options.target?.url ?? "local gateway and model",
      workload: {
        source: options.data ?? "data/workload",
        half: options.half,
        groups: asked.size,
        domain: options.domain,
        planned: workload.planned,
        realised: workload.realised,
      },
      concurrency: options.concurrency,
      profile: options.target ? null : options.profile,
      delayAssumptions: delays && describeDelays(delays, options.scale),
      wallSeconds: (performance.now() - begin) / 1000,
      summary: summarise(outcomes),
      model: target.modelUse(),
      alwaysModel: alwaysModel(
        workload.requests,
        (request) => answers.get(keyOf(request))?.text ?? "",
        delays,
        options.seed,
      ),
    };
  } finally {
    process.off("SIGINT", interrupted);
    process.off("SIGTERM", interrupted);
    client.close();
    await target.stop();
  }
}

function loadGroups({ data }: ReplayOptions): Promise<readonly Group[]> | readonly Group[] {
  return data === undefined ? loadBundled() : loadDataDirectory(data);
}

/** The asked groups, and the parents of asked follow-ups. */
function withParents(groups: readonly Group[], asked: ReadonlySet<string>): readonly Group[] {
  const parents = new Set(
    groups.flatMap(({ id, parent }) => (asked.has(id) ? (parent ?? []) : [])),
  );
  return groups.filter(({ id }) => asked.has(id) || parents.has(id));
}

function keyOf({ history = [], question }: WorkloadRequest): string {
  const turns = history.filter(({ role }) => role === "user").map(({ content }) => content);
  return conversationKey([...turns, question]);
}

async function openTarget(
  options: ReplayOptions,
  answers: ReadonlyMap<string, KnownAnswer>,
): Promise<Target> {
  if (options.target) {
    return {
      // Chat clients are given a base URL that ends in /v1; both forms are understood.
      url: options.target.url.replace(/\/v1$/, ""),
      key: options.target.key,
      takeCall: () => undefined,
      modelUse: () => null,
      stop: () => Promise.resolve(),
    };
  }
  const calls = new Map<string, ModelCall[]>();
  const model = await startModelServer({
    answers,
    delays: DEFAULT_DELAYS,
    scale: options.scale,
    seed: options.seed,
    onCall: (call) => calls.set(call.question, [...(calls.get(call.question) ?? []), call]),
  });
  // Also when the process is interrupted: miniflare ends it on a signal before `stop` could tidy up.
  const persistTo = mkdtempSync(join(tmpdir(), "velo-replay-"));
  process.once("exit", () => rmSync(persistTo, { recursive: true, force: true, maxRetries: 3 }));
  // Miniflare takes half a second to load: not needed for --help, --url or a wrong argument.
  const { startGateway } = await import("./local/gateway.ts");
  try {
    const gateway = await startGateway({
      quiet: true,
      persistTo,
      vars: { UPSTREAM_BASE_URL: model.url, LATENCY_PROFILE: options.profile },
    });
    return {
      url: gateway.url,
      key: "sk-velo-local",
      takeCall: (question) => calls.get(question)?.shift(),
      modelUse: () => {
        const { requests, promptTokens, completionTokens } = model.stats();
        return { calls: requests, promptTokens, completionTokens };
      },
      stop: async () => {
        await gateway.stop();
        await model.stop();
      },
    };
  } catch (error) {
    await model.stop();
    throw error;
  }
}

/** A server without region prefixes is asked at /v1. */
async function hasRegions({ url, key }: Target): Promise<boolean> {
  const response = await fetch(`${url}/eu/v1/models`, {
    headers: { authorization: `Bearer ${key}` },
  });
  await response.arrayBuffer();
  return response.status !== 404;
}

function showProgress(done: number, total: number): void {
  if (done % 20 !== 0 && done !== total) return;
  const width = 40;
  const full = Math.round((width * done) / total);
  const bar = "#".repeat(full) + "-".repeat(width - full);
  process.stderr.write(`\r[${bar}] ${done}/${total}${done === total ? "\n" : ""}`);
}

function currentCommit(): string {
  try {
    const git = (...args: string[]) =>
      execFileSync("git", args, {
        cwd: import.meta.dirname,
        encoding: "utf8",
        stdio: ["ignore", "pipe", "ignore"],
      }).trim();
    return git("rev-parse", "--short", "HEAD") + (git("status", "--porcelain") ? "+changes" : "");
  } catch {
    return "unknown";
  }
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

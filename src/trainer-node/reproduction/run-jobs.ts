// Runs jobs in worker processes, longest first is up to the caller. A worker is a process of its own, not a thread: the
// runtime under the networks keeps its memory, and a crash of one job must not take the others with it.
import { type ChildProcess, fork } from "node:child_process";
import { type Job, type JobRecord, type ResultsFolder } from "./results-folder.ts";

export interface RunJobsOptions {
  readonly jobs: readonly Job[];
  readonly folder: ResultsFolder;
  /** Module that answers each message `Job` with `WorkerReply`; null runs `inProcess` instead. */
  readonly worker: URL | null;
  readonly workerArguments?: readonly string[];
  readonly inProcess?: (job: Job) => Promise<unknown>;
  readonly workers: number;
  readonly commit: string;
  /** Whether a stored result will do: what it left beside its record may be gone. */
  readonly isUsable?: (job: Job) => boolean;
  /** Hears of every job when it is done or was found done. */
  readonly onDone?: (
    record: JobRecord,
    state: { readonly done: number; readonly of: number; readonly wasStored: boolean },
  ) => void;
}

type WorkerReply =
  | { readonly id: string; readonly result: unknown }
  | { readonly id: string; readonly error: string };

/** All records, in the order of `jobs`. Throws the first job's error after the others under way have ended. */
export async function runJobs(options: RunJobsOptions): Promise<readonly JobRecord[]> {
  const {
    jobs,
    folder,
    worker,
    workerArguments = [],
    inProcess,
    workers,
    commit,
    isUsable = () => true,
    onDone,
  } = options;
  const ids = new Set(jobs.map(({ id }) => id));
  if (ids.size !== jobs.length) throw new Error("two jobs have the same id");
  const records = new Map<string, JobRecord>();
  const done = (record: JobRecord, wasStored: boolean) => {
    records.set(record.id, record);
    onDone?.(record, { done: records.size, of: jobs.length, wasStored });
  };
  const waiting: Job[] = [];
  for (const job of jobs) {
    const stored = folder.read(job);
    if (stored === null || !isUsable(job)) waiting.push(job);
    else done(stored, true);
  }
  const failures: Error[] = [];
  let underWay = 0;
  let sleepers: (() => void)[] = [];
  /** The first job that waits for no other, which is under way from now on; null when none is left. */
  const next = async (): Promise<Job | null> => {
    while (failures.length === 0 && waiting.length > 0) {
      const at = waiting.findIndex(({ needs = [] }) =>
        needs.every((id) => records.has(id) || !ids.has(id)),
      );
      if (at !== -1) {
        underWay++;
        return waiting.splice(at, 1)[0]!;
      }
      if (underWay === 0) throw new Error(`${waiting[0]!.id} waits for what never comes`);
      await new Promise<void>((resolve) => sleepers.push(resolve));
    }
    return null;
  };
  const ended = (): void => {
    underWay--;
    for (const wake of sleepers) wake();
    sleepers = [];
  };
  const runOne = async (job: Job, process: Worker | null): Promise<void> => {
    const started = performance.now();
    const result = process === null ? await inProcess!(job) : await process.run(job);
    const seconds = Math.round(performance.now() - started) / 1000;
    const { id, kind, params } = job;
    const record = { id, kind, params, key: folder.keyOf(job), commit, seconds, result };
    folder.write(record);
    done(record, false);
  };
  const lane = async () => {
    const process = worker === null ? null : new Worker(worker, workerArguments);
    try {
      for (let job = await next(); job !== null; job = await next()) {
        try {
          await runOne(job, process);
        } catch (error) {
          failures.push(error as Error);
        }
        ended();
      }
    } catch (error) {
      failures.push(error as Error);
    } finally {
      process?.end();
    }
  };
  await Promise.all(Array.from({ length: Math.max(1, Math.min(workers, waiting.length)) }, lane));
  if (failures[0] !== undefined) throw failures[0];
  return jobs.map(({ id }) => records.get(id)!);
}

/** Nobody else stops them when this process is told to stop: one that computes does not hear that its parent is gone. */
const running = new Set<ChildProcess>();
function stopAll(): void {
  for (const child of running) child.kill("SIGKILL");
  process.exit(143);
}

class Worker {
  readonly #process: ChildProcess;

  constructor(module: URL, given: readonly string[]) {
    // Its standard output goes where errors go: what a command prints there may be JSON.
    const child = fork(module, given, { stdio: ["ignore", 2, 2, "ipc"] });
    this.#process = child;
    if (running.size === 0) process.once("SIGTERM", stopAll);
    running.add(child);
    child.once("exit", () => {
      running.delete(child);
      if (running.size === 0) process.off("SIGTERM", stopAll);
    });
    // A process that has ended is told twice; with nobody listening the second time would end the parent.
    this.#process.on("error", () => undefined);
  }

  run(job: Job): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const onExit = (code: number | null, signal: string | null) =>
        settle(() => reject(new Error(`job ${job.id}: its process ended (${signal ?? code})`)));
      const onError = (error: Error) =>
        settle(() => reject(new Error(`job ${job.id}: its process is gone (${error.message})`)));
      const onMessage = (message: unknown) => {
        const reply = message as WorkerReply;
        settle(() =>
          "error" in reply
            ? reject(new Error(`job ${job.id}: ${reply.error}`))
            : resolve(reply.result),
        );
      };
      const settle = (then: () => void) => {
        this.#process.off("exit", onExit);
        this.#process.off("error", onError);
        this.#process.off("message", onMessage);
        then();
      };
      this.#process.once("exit", onExit);
      this.#process.once("error", onError);
      this.#process.once("message", onMessage);
      this.#process.send(job);
    });
  }

  end(): void {
    this.#process.kill();
  }
}

/** The other end: answers jobs one after the other until the parent goes. */
export function answerJobs(run: (job: Job) => Promise<unknown>): void {
  process.on("message", (message) => {
    const job = message as Job;
    // Whoever asked may be gone.
    const reply = (part: object) =>
      void process.send?.({ id: job.id, ...part }, undefined, undefined, () => undefined);
    run(job).then(
      (result) => reply({ result }),
      (error: unknown) =>
        reply({ error: error instanceof Error ? (error.stack ?? error.message) : String(error) }),
    );
  });
  process.on("disconnect", () => process.exit());
}

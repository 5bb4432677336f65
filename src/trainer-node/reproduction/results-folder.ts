// One raw JSON file per job, so that a long reproduction can be interrupted at any time and goes on where it was, and so that
// every figure of a report can be followed to the file it came from.
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** A piece of work whose result depends on nothing but `kind` and `params`. */
export interface Job {
  /** Unique among the jobs of a reproduction; a file name without its ending. */
  readonly id: string;
  readonly kind: string;
  readonly params: unknown;
  /** Jobs whose weights it begins with; no part of its result's key. */
  readonly needs?: readonly string[];
}

export interface JobRecord<R = unknown> extends Job {
  /** Of kind, params and `revision`: a changed setting or a changed experiment makes a job anew. */
  readonly key: string;
  /** Commit of the working tree when the job ran; ends in "+changes" when something was not committed. */
  readonly commit: string;
  readonly seconds: number;
  readonly result: R;
}

const SAFE_ID = /^[a-z0-9][a-z0-9._-]{0,120}$/;

export class ResultsFolder {
  readonly path: string;
  readonly #revision: number;

  /** @param revision raised by whoever changes what a job computes without changing its parameters */
  constructor(path: string, revision: number) {
    this.path = path;
    this.#revision = revision;
    mkdirSync(path, { recursive: true });
  }

  keyOf({ kind, params }: Job): string {
    const text = JSON.stringify([this.#revision, kind, params]);
    return createHash("sha256").update(text).digest("hex").slice(0, 16);
  }

  /** The stored result of exactly this job; null when there is none, or it belongs to other settings, or is torn. */
  read<R>(job: Job): JobRecord<R> | null {
    let text: string;
    try {
      text = readFileSync(this.#fileOf(job.id), "utf8");
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
      throw error;
    }
    try {
      const record = JSON.parse(text) as JobRecord<R>;
      return record.key === this.keyOf(job) ? record : null;
    } catch {
      return null;
    }
  }

  /** Whole or not at all: a file is written beside its place, where no other run writes, and then renamed. */
  write(record: JobRecord): void {
    const file = this.#fileOf(record.id);
    const draft = `${file}.${process.pid}.part`;
    try {
      writeFileSync(draft, `${JSON.stringify(record)}\n`);
      renameSync(draft, file);
    } catch (error) {
      rmSync(draft, { force: true });
      throw error;
    }
  }

  /** Ids of all stored results, sorted, whatever settings they belong to. */
  ids(): readonly string[] {
    return readdirSync(this.path)
      .filter((name) => name.endsWith(".json"))
      .map((name) => name.slice(0, -".json".length))
      .toSorted();
  }

  #fileOf(id: string): string {
    if (!SAFE_ID.test(id)) throw new RangeError(`"${id}" is no file name for a result`);
    return join(this.path, `${id}.json`);
  }
}

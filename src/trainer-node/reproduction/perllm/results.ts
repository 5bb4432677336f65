// The stored results by algorithm, world and seed.
import { type JobRecord } from "../results-folder.ts";
import { jobId, type RunParams } from "./experiments.ts";
import { MissingResult } from "../report/judge-claims.ts";
import { type Figures, type SeedView, type Where } from "./figures.ts";
import { type RunResult } from "./run-job.ts";

export class PerllmResults {
  readonly #byId: ReadonlyMap<string, JobRecord>;

  constructor(records: readonly JobRecord[]) {
    this.#byId = new Map(records.map((record) => [record.id, record]));
  }

  records(): readonly JobRecord[] {
    return [...this.#byId.values()];
  }

  /** Settings of the grid. */
  grid(): readonly (JobRecord<RunResult> & { readonly params: RunParams })[] {
    return this.records().filter(({ kind }) => kind === "grid") as (JobRecord<RunResult> & {
      readonly params: RunParams;
    })[];
  }

  /** Throws MissingResult when the job is not there. */
  record(id: string): JobRecord<RunResult> {
    const record = this.#byId.get(id);
    if (record === undefined) throw new MissingResult(`no result of job ${id}`);
    return record as JobRecord<RunResult>;
  }

  /** Seeds that any run had. */
  allSeeds(): readonly number[] {
    const seeds = this.records()
      .filter(({ kind }) => kind !== "grid")
      .map(({ params }) => (params as RunParams).seed);
    return [...new Set(seeds)].toSorted((a, b) => a - b);
  }

  seeds(where: Where): readonly number[] {
    return this.allSeeds().filter((seed) => this.#byId.has(jobId(where, seed)));
  }

  /** @param onRead hears of the jobs that are looked at */
  view(seed: number, onRead?: (id: string) => void): SeedView {
    return {
      figures: (algorithm, where = {}) => {
        const id = jobId(where, seed);
        const figures = figuresIn(this.record(id).result, algorithm);
        onRead?.(id);
        return figures;
      },
    };
  }
}

/** A setting of the grid, as a claim looks at a seed. */
export const gridView = (result: RunResult): SeedView => ({
  figures: (algorithm) => figuresIn(result, algorithm),
});

function figuresIn({ figures }: RunResult, algorithm: string): Figures {
  const found = figures[algorithm];
  if (found === undefined) throw new MissingResult(`${algorithm} did not run`);
  return found;
}

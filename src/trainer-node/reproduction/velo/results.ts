// The stored results by experiment, algorithm, seed and test.
import { MissingResult } from "../report/judge-claims.ts";
import { type JobRecord } from "../results-folder.ts";
import { type RunParams, slug } from "./experiments.ts";
import { type CurvePoint, type RunResult, type TestFigures } from "./figures.ts";
import { OMEGA } from "./settings.ts";

export type TestName = "similar-nearest" | "similar-all" | "new-nearest" | "new-all";

export interface Which {
  /** "headline" when left out. */
  readonly experiment?: string;
  readonly test?: TestName;
  /** "sampled", as the paper executes, when left out. */
  readonly execution?: string;
  readonly omega?: number;
}

/** What one seed of the experiments measured; a setting of the grid looks the same. */
export interface SeedView {
  figures(algorithm: string, which?: Which): TestFigures;
  curve(algorithm: string, which?: Which): readonly CurvePoint[];
}

export const testKey = (test: TestName, execution: string, omega: number = OMEGA): string =>
  omega === OMEGA ? `${test}/${execution}` : `${test}/${execution}/${omega}`;

export class VeloResults {
  readonly #byId: ReadonlyMap<string, JobRecord>;

  constructor(records: readonly JobRecord[]) {
    this.#byId = new Map(records.map((record) => [record.id, record]));
  }

  /** Throws when the job is not there. */
  record<R = RunResult>(id: string): JobRecord<R> {
    const record = this.#byId.get(id);
    if (record === undefined) throw new MissingResult(`no result of job ${id}`);
    return record as JobRecord<R>;
  }

  records(): readonly JobRecord[] {
    return [...this.#byId.values()];
  }

  /** An ablation has one algorithm alone, which its jobs do not name. */
  idOf(experiment: string, algorithm: string, seed: number): string {
    if (experiment.startsWith("ablation-")) return `${experiment}-${seed}`;
    return `${experiment}-${slug(algorithm)}-${seed}`;
  }

  has(experiment: string, algorithm: string, seed: number): boolean {
    return this.#byId.has(this.idOf(experiment, algorithm, seed));
  }

  /** Seeds that any run had. */
  allSeeds(): readonly number[] {
    const seeds = this.records()
      .filter(({ kind }) => kind === "run")
      .map(({ params }) => (params as RunParams).seed);
    return [...new Set(seeds)].toSorted((a, b) => a - b);
  }

  /** Seeds that an experiment ran with for an algorithm. */
  seeds(experiment: string, algorithm: string): readonly number[] {
    return this.allSeeds().filter((seed) => this.has(experiment, algorithm, seed));
  }

  view(seed: number): SeedView {
    const run = (algorithm: string, { experiment = "headline" }: Which = {}) =>
      this.record(this.idOf(experiment, algorithm, seed)).result;
    return {
      figures: (algorithm, which = {}) => figuresIn(run(algorithm, which), algorithm, which),
      curve: (algorithm, which) => run(algorithm, which).curve,
    };
  }
}

export function figuresIn(
  { tests }: Pick<RunResult, "tests">,
  algorithm: string,
  { test = "similar-nearest", execution = "sampled", omega = OMEGA }: Which,
): TestFigures {
  const key = testKey(test, execution, omega);
  const found = tests[key];
  if (found === undefined) throw new Error(`${algorithm} has no test ${key}`);
  return found;
}

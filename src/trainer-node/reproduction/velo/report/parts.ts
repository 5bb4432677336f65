// Estimates over seeds, as the tables and plots of the report need them, with what they were made from.
import { type Point, type Provenance, barOf, pointOf, type Bar } from "../../report/plot.ts";
import { type Cell, type Table } from "../../report/report.ts";
import { type Estimate, meanEstimate } from "../../report/statistics.ts";
import { type TestFigures } from "../figures.ts";
import { type VeloResults, type Which } from "../results.ts";

export type Metric = Exclude<keyof TestFigures, "greedyDirect">;

/** Per request, what the best action in the same state would have earned more (reward without phi3, scaled). */
export type Derived = "regret";

export class ReportParts {
  readonly results: VeloResults;
  readonly #command: string;

  constructor(results: VeloResults, command: string) {
    this.results = results;
    this.#command = command;
  }

  has(algorithm: string, experiment = "headline"): boolean {
    return this.results.seeds(experiment, algorithm).length > 0;
  }

  estimate(algorithm: string, metric: Metric | Derived, which: Which = {}): Estimate | null {
    const { experiment = "headline" } = which;
    const values = this.results.seeds(experiment, algorithm).flatMap((seed) => {
      const figures = this.results.view(seed).figures(algorithm, which);
      const value = metric === "regret" ? figures.oracleQos - figures.qos : figures[metric];
      return value === null ? [] : [value];
    });
    return values.length === 0 ? null : meanEstimate(values);
  }

  bar(algorithm: string, metric: Metric | Derived, which: Which = {}): Bar | null {
    const estimate = this.estimate(algorithm, metric, which);
    return estimate === null ? null : barOf(estimate);
  }

  point(x: number, algorithm: string, metric: Metric | Derived, which: Which = {}): Point[] {
    const estimate = this.estimate(algorithm, metric, which);
    return estimate === null ? [] : [pointOf(x, estimate)];
  }

  /** Rows: algorithms; columns: metrics. */
  table(
    title: string,
    algorithms: readonly string[],
    columns: readonly {
      readonly title: string;
      readonly metric: Metric | Derived;
      readonly isPercent?: boolean;
      readonly digits?: number;
    }[],
    which: Which = {},
    before: (algorithm: string) => readonly Cell[] = () => [],
    extra: readonly string[] = [],
  ): Table {
    const present = algorithms.filter((name) => this.has(name, which.experiment));
    return {
      title,
      columns: [
        "Algorithm",
        ...extra,
        ...columns.map(({ title: column, isPercent = false, digits }) => ({
          title: column,
          isPercent,
          ...(digits !== undefined && { digits }),
        })),
      ],
      rows: present.map((name) => [
        name,
        ...before(name),
        ...columns.map(({ metric }) => this.estimate(name, metric, which)),
      ]),
      provenance: this.provenance(present.map((name) => [which.experiment ?? "headline", name])),
    };
  }

  /** Of all seeds of these runs. */
  provenance(runs: readonly (readonly [experiment: string, algorithm: string])[]): Provenance {
    const seeds = new Set<number>();
    const ids: string[] = [];
    for (const [experiment, algorithm] of runs)
      for (const seed of this.results.seeds(experiment, algorithm)) {
        seeds.add(seed);
        ids.push(this.results.idOf(experiment, algorithm, seed));
      }
    return this.provenanceOf(
      ids,
      [...seeds].toSorted((a, b) => a - b),
    );
  }

  provenanceOf(ids: readonly string[], seeds: readonly number[]): Provenance {
    const commits = new Set(ids.map((id) => this.results.record(id).commit));
    return {
      command: this.#command,
      seeds,
      commit: [...commits].toSorted().join(", "),
      raw: ids.map((id) => `${id}.json`),
    };
  }
}

// Estimates over seeds, as the tables and plots of the report need them, with what they were made from.
import { type Point, type Provenance, barOf, pointOf, type Bar } from "../../report/plot.ts";
import { type Table } from "../../report/report.ts";
import { type Estimate, meanEstimate } from "../../report/statistics.ts";
import { type ClaimResult } from "../../report/verdict.ts";
import { meanOf } from "../../../intervals.ts";
import { type TestFigures } from "../figures.ts";
import { type VeloResults, type Which } from "../results.ts";

export type Metric = keyof TestFigures;

/**
 * regret: per request, what the best action in the same state would have earned more (reward without phi3, scaled). rows:
 * per server, what its database held after training.
 */
export type Derived = "regret" | "rows";

export interface PartsOf {
  readonly results: VeloResults;
  readonly claims: readonly ClaimResult[];
  readonly command: string;
}

/** A run by its algorithm, and which of its tests. */
export type Run = readonly [algorithm: string, which?: Which];

export class ReportParts {
  readonly results: VeloResults;
  readonly claims: readonly ClaimResult[];
  readonly #command: string;

  constructor({ results, claims, command }: PartsOf) {
    this.results = results;
    this.claims = claims;
    this.#command = command;
  }

  has(algorithm: string, experiment = "headline"): boolean {
    return this.results.seeds(experiment, algorithm).length > 0;
  }

  estimate(algorithm: string, metric: Metric | Derived, which: Which = {}): Estimate | null {
    const values = this.results
      .seeds(which.experiment ?? "headline", algorithm)
      .flatMap((seed) => this.#value(metric, [algorithm, which], seed) ?? []);
    return values.length === 0 ? null : meanEstimate(values);
  }

  /** Of a run less another, over the seeds that both have. */
  difference(metric: Metric | Derived, run: Run, base: Run): Estimate | null {
    const [of, less] = [run, base].map(([algorithm, { experiment = "headline" } = {}]) =>
      this.results.seeds(experiment, algorithm),
    );
    const values = of!
      .filter((seed) => less!.includes(seed))
      .flatMap((seed) => {
        const [ours, theirs] = [run, base].map((each) => this.#value(metric, each, seed));
        return ours == null || theirs == null ? [] : [ours - theirs];
      });
    return values.length === 0 ? null : meanEstimate(values);
  }

  #value(metric: Metric | Derived, [algorithm, which = {}]: Run, seed: number): number | null {
    if (metric === "rows") {
      const { experiment = "headline" } = which;
      const id = this.results.idOf(experiment, algorithm, seed);
      return meanOf(this.results.record(id).result.entries);
    }
    const figures = this.results.view(seed).figures(algorithm, which);
    return metric === "regret" ? figures.oracleQos - figures.qos : figures[metric];
  }

  /**
   * `Claims: **agrees** S1b, S5a; **differs** S1a.`; no line where none was judged.
   * @param of numbers of claims: S1 is all of S1a to S1d, N9 all that compare with a baseline
   */
  verdicts(...of: readonly string[]): readonly string[] {
    const some = this.claims.filter(({ id }) => {
      const number = id.split(" ")[0]!;
      return of.includes(number) || of.includes(number.replace(/[a-z]$/, ""));
    });
    if (some.length === 0) return [];
    const groups = [...Map.groupBy(some, ({ verdict }) => verdict)].map(
      ([verdict, those]) => `**${verdict}** ${those.map(({ id }) => id).join(", ")}`,
    );
    return [`[Claims](README.md#claims): ${groups.join("; ")}.`];
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
      /** Without its interval. */
      readonly isBare?: boolean;
    }[],
    which: Which = {},
  ): Table {
    const present = algorithms.filter((name) => this.has(name, which.experiment));
    return {
      title,
      columns: [
        "Algorithm",
        ...columns.map(({ title: column, isPercent = false, digits }) => ({
          title: column,
          isPercent,
          ...(digits !== undefined && { digits }),
        })),
      ],
      rows: present.map((name) => [
        name,
        ...columns.map(({ metric, isBare = false }) => {
          const estimate = this.estimate(name, metric, which);
          return isBare ? (estimate?.mean ?? null) : estimate;
        }),
      ]),
      provenance: this.provenance(present.map((name) => [which.experiment ?? "headline", name])),
    };
  }

  /** Of all seeds of these runs. */
  provenance(runs: readonly (readonly [experiment: string, algorithm: string])[]): Provenance {
    return this.provenanceOf(
      runs.flatMap(([experiment, algorithm]) =>
        this.results
          .seeds(experiment, algorithm)
          .map((seed) => this.results.idOf(experiment, algorithm, seed)),
      ),
    );
  }

  /** Of jobs, named as often as one likes. */
  provenanceOf(jobs: readonly string[]): Provenance {
    const ids = [...new Set(jobs)];
    const records = ids.map((id) => this.results.record<unknown>(id));
    const seeds = records.map(({ params }) => (params as { readonly seed: number }).seed);
    return {
      command: this.#command,
      seeds: [...new Set(seeds)].toSorted((a, b) => a - b),
      commit: [...new Set(records.map(({ commit }) => commit))].toSorted().join(", "),
      raw: ids.map((id) => `${id}.json`),
    };
  }
}

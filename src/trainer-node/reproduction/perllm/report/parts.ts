// Estimates over seeds, as the tables and plots of the report need them, with what they were made from.
import { type Point, pointOf, type Provenance } from "../../report/plot.ts";
import { type Estimate, meanEstimate } from "../../report/statistics.ts";
import { type ClaimResult } from "../../report/verdict.ts";
import { jobId, type RunParams } from "../experiments.ts";
import { MissingResult } from "../../report/judge-claims.ts";
import { type Figures, type SeedView, type Where } from "../figures.ts";
import { type PerllmResults } from "../results.ts";

export interface PartsOf {
  readonly results: PerllmResults;
  readonly claims: readonly ClaimResult[];
  readonly command: string;
}

export class ReportParts {
  readonly results: PerllmResults;
  readonly claims: readonly ClaimResult[];
  readonly #command: string;

  constructor({ results, claims, command }: PartsOf) {
    this.results = results;
    this.claims = claims;
    this.#command = command;
  }

  /** Over the seeds that ran everything that is asked for. */
  over(value: (seed: SeedView) => number): Estimate | null {
    const values = this.results.allSeeds().flatMap((seed) => {
      try {
        return [value(this.results.view(seed))];
      } catch (error) {
        if (error instanceof MissingResult) return [];
        throw error;
      }
    });
    return values.length === 0 ? null : meanEstimate(values);
  }

  estimate(
    algorithm: string,
    metric: (figures: Figures) => number,
    where: Where = {},
  ): Estimate | null {
    return this.over((seed) => metric(seed.figures(algorithm, where)));
  }

  /** How much more one algorithm has than another, seed by seed. */
  lead(
    algorithm: string,
    other: string,
    metric: (figures: Figures) => number,
    where: Where = {},
  ): Estimate | null {
    return this.over(
      (seed) => metric(seed.figures(algorithm, where)) - metric(seed.figures(other, where)),
    );
  }

  point(
    x: number,
    algorithm: string,
    metric: (figures: Figures) => number,
    where: Where = {},
  ): readonly Point[] {
    const estimate = this.estimate(algorithm, metric, where);
    return estimate === null ? [] : [pointOf(x, estimate)];
  }

  has(where: Where): boolean {
    return this.results.seeds(where).length > 0;
  }

  /** Those that ran there, in the order given. */
  present<A extends string>(algorithms: readonly A[], where: Where = {}): readonly A[] {
    return algorithms.filter((name) => this.estimate(name, ({ seconds }) => seconds, where));
  }

  /** `Claims: **agrees** S1; **differs** N2.`; no line where none was judged. @param of beginnings of ids */
  verdicts(...of: readonly string[]): readonly string[] {
    const some = this.claims.filter(({ id }) => of.includes(id.split(" ")[0]!));
    if (some.length === 0) return [];
    const groups = [...Map.groupBy(some, ({ verdict }) => verdict)].map(
      ([verdict, those]) => `**${verdict}** ${those.map(({ id }) => id).join(", ")}`,
    );
    return [`[Claims](README.md#claims): ${groups.join("; ")}.`];
  }

  /** Of all seeds of these experiments. */
  provenance(wheres: readonly Where[]): Provenance {
    return this.provenanceOf(
      wheres.flatMap((where) => this.results.seeds(where).map((seed) => jobId(where, seed))),
    );
  }

  provenanceOf(jobs: readonly string[]): Provenance {
    const ids = [...new Set(jobs)];
    const records = ids.map((id) => this.results.record(id));
    const seeds = records.map(({ params }) => (params as RunParams).seed);
    return {
      command: this.#command,
      seeds: [...new Set(seeds)].toSorted((a, b) => a - b),
      commit: [...new Set(records.map(({ commit }) => commit))].toSorted().join(", "),
      raw: ids.map((id) => `${id}.json`),
    };
  }
}

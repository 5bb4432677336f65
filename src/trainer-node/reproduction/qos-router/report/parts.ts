// Estimates over seeds, as the tables and plots of the report need them, with what they were made from.
import { type Point, pointOf, type Provenance } from "../../report/plot.ts";
import { type Cell, type Column, type Table } from "../../report/report.ts";
import { type Estimate, meanEstimate } from "../../report/statistics.ts";
import { type ClaimResult } from "../../report/verdict.ts";
import { type JobRecord } from "../../results-folder.ts";
import { type RunParams } from "../experiments.ts";
import { MissingResult } from "../../report/judge-claims.ts";
import { type Figures, type SeedView, type Where } from "../figures.ts";
import { type QosRouterResults } from "../results.ts";
import { ORACLE } from "../rules.ts";

export interface PartsOf {
  readonly results: QosRouterResults;
  readonly claims: readonly ClaimResult[];
  readonly command: string;
}

/** What readers see: the rule that knows the truth is below the network in many places, and so no bound. */
export const labelOf = (router: string): string =>
  router === ORACLE ? "impact-or-drop, told the truth" : router;

export type Metric = (figures: Figures) => number;

interface MetricColumn extends Column {
  readonly of: Metric;
}

export class ReportParts {
  readonly results: QosRouterResults;
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
    // A router that finished nothing has no figure there.
    const finite = values.filter((each) => Number.isFinite(each));
    return finite.length === 0 ? null : meanEstimate(finite);
  }

  estimate(router: string, metric: Metric, where: Where = {}): Estimate | null {
    return this.over((seed) => metric(seed.figures(router, where)));
  }

  point(x: number, router: string, metric: Metric, where: Where): readonly Point[] {
    const estimate = this.estimate(router, metric, where);
    return estimate === null ? [] : [pointOf(x, estimate)];
  }

  has(where: Where): boolean {
    return this.results.at(where).length > 0;
  }

  /** Those that ran there, in the order given. */
  present<R extends string>(routers: readonly R[], where: Where = {}): readonly R[] {
    return routers.filter((name) => this.estimate(name, ({ meanQos }) => meanQos, where));
  }

  table(
    title: string,
    routers: readonly string[],
    where: Where,
    metrics: readonly MetricColumn[],
  ): Table {
    return {
      title,
      columns: ["router", ...metrics],
      rows: this.present(routers, where).map((name) =>
        [labelOf(name) as Cell].concat(metrics.map(({ of }) => this.estimate(name, of, where))),
      ),
      provenance: this.provenance([where]),
    };
  }

  /** `Claims: **agrees** T1; **differs** O1.`; no line where none was judged. @param of first words of ids */
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
    return this.provenanceOf(wheres.flatMap((where) => this.results.at(where)));
  }

  provenanceOf(records: readonly JobRecord[]): Provenance {
    const seeds = records.flatMap(({ params }) => (params as Partial<RunParams>).seed ?? []);
    return {
      command: this.#command,
      seeds: [...new Set(seeds)].toSorted((a, b) => a - b),
      commit: [...new Set(records.map(({ commit }) => commit))].toSorted().join(", "),
      raw: [...new Set(records.map(({ id }) => `${id}.json`))],
    };
  }
}

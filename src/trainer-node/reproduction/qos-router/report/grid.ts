// In how many settings of the simulator the claims hold, and in which.
import { type Cell, type Section } from "../../report/report.ts";
import { CLAIMS } from "../claims.ts";
import { type RunParams } from "../experiments.ts";
import { holdsIn } from "../../report/judge-claims.ts";
import { gridView } from "../results.ts";
import { type ReportParts } from "./parts.ts";

/** What varies over the grid: a column for each of its values. */
const AXES: readonly (readonly [name: string, of: (params: RunParams) => string])[] = [
  ["rate", ({ rate }) => String(rate)],
  ["experts", ({ experts }) => String(experts)],
  ["arrivals", ({ arrivals }) => arrivals],
  ["limit", ({ latencyLimit }) => `${1000 * latencyLimit} ms`],
];

export function grid(parts: ReportParts): readonly Section[] {
  const jobs = parts.results.grid();
  const judged = CLAIMS.filter(({ inGrid }) => inGrid);
  if (jobs.length === 0) return [];
  const columns = AXES.flatMap(([name, of]) =>
    [...Map.groupBy(jobs, ({ params }) => of(params))].map(([value, some]) => ({
      title: `${name} ${value}`,
      views: some.map(({ result }) => gridView(result)),
    })),
  );
  const all = jobs.map(({ result }) => gridView(result));
  const share = (claim: (typeof CLAIMS)[number], views: typeof all) =>
    views.filter((view) => holdsIn(claim, view)).length / views.length;
  return [
    {
      id: "grid",
      page: "grid",
      title: "Where the claims hold",
      text: [
        `${jobs.length} settings: requests per second (of three experts; others in proportion), experts, arrivals, limit of the latency per token. The networks are those trained with three experts, Poisson arrivals and 30 ms. One seed: a share of settings, not an interval.`,
      ],
      tables: [
        {
          title: "Per cent of the settings in which a claim holds",
          columns: [
            "claim",
            { title: "all", isPercent: true, digits: 0 },
            ...columns.map(({ title }) => ({ title, isPercent: true, digits: 0 })),
          ],
          rows: judged.map((claim) =>
            [claim.id as Cell, share(claim, all)].concat(
              columns.map(({ views }) => share(claim, views)),
            ),
          ),
          provenance: parts.provenanceOf(jobs),
        },
      ],
      plots: [],
    },
  ];
}

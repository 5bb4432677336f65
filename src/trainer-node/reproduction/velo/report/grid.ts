// In how many settings of the simulator the claims hold, and in which.
import { type Cell, type Section } from "../../report/report.ts";
import { CLAIMS } from "../claims.ts";
import { type GridResult } from "../grid.ts";
import { holdsIn } from "../../report/judge-claims.ts";
import { gridView } from "../judge.ts";
import { type WorldSettings } from "../settings.ts";
import { type ReportParts } from "./parts.ts";

/** What varies over the grid: a column for each of its values. */
const AXES: readonly (readonly [name: string, of: (world: WorldSettings) => number])[] = [
  ["tau_A", ({ serveDistance }) => serveDistance],
  ["bad q", ({ quality }) => quality.wrong],
  ["call s", ({ modelSeconds }) => modelSeconds],
  ["slower by", ({ congestion }) => congestion],
  ["Zipf", ({ zipf }) => zipf],
];

export function grid(parts: ReportParts): readonly Section[] {
  const jobs = parts.results.records().filter(({ kind }) => kind === "grid");
  const judged = parts.claims.filter(
    ({ gridShare }) => gridShare !== null && gridShare !== undefined,
  );
  if (jobs.length === 0 || judged.length === 0) return [];
  const settings = jobs.map(({ result }) => result as GridResult);
  const columns = AXES.flatMap(([name, of]) =>
    [...new Set(settings.map(({ world }) => of(world)))]
      .toSorted((a, b) => a - b)
      .map((value) => ({
        title: `${name} ${value}`,
        views: settings.filter(({ world }) => of(world) === value).map(gridView),
      })),
  );
  const provenance = parts.provenanceOf(jobs.map(({ id }) => id));
  return [
    {
      id: "grid",
      page: "grid",
      title: "Where the claims hold",
      text: [
        `${jobs.length} settings: the resolver's threshold tau_A, q of a wrong answer (bad q), seconds of a direct call, by what share each call under way makes the others slower, Zipf exponent of the questions. In each DLRS and LRS go on learning from the weights of the paper's settings, and the rules play. Its databases are one update old, those at the paper's settings as many as a training has: claims on new requests (N17) hang on that age. One seed: a share of settings, not an interval.`,
      ],
      tables: [
        {
          title: "Claims at the paper's settings and in the others",
          columns: [
            "claim",
            "published",
            "at the paper's settings",
            "verdict",
            { title: "holds in, % of settings", isPercent: true, digits: 0 },
          ],
          rows: judged.map(({ id, claim, published, ours, verdict, gridShare }) => [
            `${id}: ${claim}`,
            published,
            ours,
            verdict,
            gridShare!.holds / gridShare!.of,
          ]),
          provenance,
        },
        {
          title: "Per cent of the settings with one value in which the claim holds",
          columns: [
            "claim",
            ...columns.map(({ title }) => ({ title, isPercent: true, digits: 0 })),
          ],
          rows: CLAIMS.filter(({ id }) => judged.some((one) => one.id === id)).map((claim) =>
            [claim.id as Cell].concat(
              columns.map(
                ({ views }) => views.filter((view) => holdsIn(claim, view)).length / views.length,
              ),
            ),
          ),
          provenance,
        },
      ],
      plots: [],
    },
  ];
}

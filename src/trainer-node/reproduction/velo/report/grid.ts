// In how many settings of the simulator the claims hold.
import { type Section } from "../../report/report.ts";
import { type ClaimResult } from "../../report/verdict.ts";
import { type ReportParts } from "./parts.ts";

export function grid(parts: ReportParts, claims: readonly ClaimResult[]): readonly Section[] {
  const jobs = parts.results.records().filter(({ kind }) => kind === "grid");
  const judged = claims.filter(({ gridShare }) => gridShare !== null && gridShare !== undefined);
  if (jobs.length === 0) return [];
  return [
    {
      id: "grid",
      page: "grid",
      title: "Where the claims hold",
      text: [
        `${jobs.length} settings: the resolver's threshold tau_A 0.4, 0.6, 0.8; q of a wrong answer -0.9, -1.2, -1.5; seconds of a direct call 1.3, 7.7, 15; congestion 0, 0.15; Zipf exponent 0.7, 1.3. In each DLRS and LRS go on learning from the weights of the paper's settings, and the rules play. One seed: a share of settings, not an interval.`,
      ],
      tables: [
        {
          title: "Share of the settings in which a claim's direction holds",
          columns: [
            "claim",
            "published",
            "at the paper's settings",
            { title: "holds in", isPercent: true },
          ],
          rows: judged.map(({ id, claim, published, ours, gridShare }) => [
            `${id}: ${claim}`,
            published,
            ours,
            gridShare!.holds / gridShare!.of,
          ]),
          provenance: parts.provenanceOf(
            jobs.map(({ id }) => id),
            [1],
          ),
        },
      ],
      plots: [],
    },
  ];
}

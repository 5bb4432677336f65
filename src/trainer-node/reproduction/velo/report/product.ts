// Which policy the product ships.
import { type Section } from "../../report/report.ts";
import { productTable, shippingVerdict } from "../product-verdict.ts";
import { type ProductRow } from "../product.ts";
import { type ReportParts } from "./parts.ts";

export function product(parts: ReportParts): readonly Section[] {
  const jobs = parts.results.records().filter(({ kind }) => kind === "product");
  if (jobs.length === 0) return [];
  const rows = jobs.map(({ result }) => result as ProductRow);
  const { ships, reason, tied } = shippingVerdict(rows);
  const seeds = [...new Set(rows.map(({ seed }) => seed))];
  const withFamilies = (value: { mean: number; overFamilies: readonly [number, number] } | null) =>
    value === null ? null : { mean: value.mean, interval: value.overFamilies, n: rows.length };
  return [
    {
      id: "product",
      page: "product",
      title: "Product mode: which policy is shipped",
      text: [
        'Production resolver, guards, verifier and error budget; reward U = q - 0.5 min(d, 10 s) / 10 s. World "workload": the bundled questions, learnt on one half and measured on the other. World "geometry": a synthetic world with hidden sensitivities, measured in another one than it was trained in.',
        `By the rule that was fixed before the figures the product ships **${ships}**: ${reason}. Heads that tie with it, the quickest first: ${tied.join(", ")}.`,
      ],
      tables: (["workload", "geometry"] as const).map((world) => ({
        title: `Product mode, ${world}`,
        columns: [
          "policy",
          { title: "U", digits: 4 },
          { title: "U - fixed rule", digits: 4 },
          { title: "U - shipped", digits: 4 },
          { title: "wrong / request", isPercent: true },
          { title: "wrong / hit", isPercent: true },
          { title: "served of what could be", isPercent: true },
          { title: "model calls", isPercent: true },
          { title: "p95 delay, s", digits: 2 },
          { title: "regret in state", digits: 4 },
        ],
        rows: productTable(rows)
          .filter((row) => row.world === world)
          .map((row) => [
            row.algorithm,
            { mean: row.utility, interval: row.utilityInterval, n: seeds.length },
            withFamilies(row.againstRule),
            withFamilies(row.againstShipped),
            row.wrongPerRequest,
            row.wrongPerHit,
            row.servedShare,
            row.directShare,
            row.p95DelaySeconds,
            row.regretInState,
          ]),
        provenance: parts.provenanceOf(
          jobs.filter(({ id }) => id.includes(world)).map(({ id }) => id),
          seeds,
        ),
      })),
      plots: [],
    },
  ];
}

// Which policy the product ships.
import { barOf, type BarPlot } from "../../report/plot.ts";
import { type Section, type Table } from "../../report/report.ts";
import { type Estimate } from "../../report/statistics.ts";
import { SHIPPED } from "../product-algorithms.ts";
import { type ProductRow } from "../product.ts";
import { type ProductSummary, productTable, shippingVerdict } from "../product-verdict.ts";
import { type ProductWorldName } from "../product-worlds.ts";
import { type VeloResults } from "../results.ts";
import { type ReportParts } from "./parts.ts";

const WORLDS = ["workload", "geometry"] as const;

/** Of the seeds that every algorithm of a world was run with: only they can be compared. */
export function productRows(results: VeloResults): readonly ProductRow[] {
  const all = results
    .records()
    .filter(({ kind }) => kind === "product")
    .map(({ result }) => result as ProductRow);
  return [...Map.groupBy(all, ({ world }) => world).values()].flatMap((rows) => {
    const seeds = [...Map.groupBy(rows, ({ algorithm }) => algorithm).values()].map(
      (own) => new Set(own.map(({ seed }) => seed)),
    );
    return rows.filter(({ seed }) => seeds.every((own) => own.has(seed)));
  });
}

/** What the product ships and why, one sentence; null where that was not measured. */
export function shippingSentence(rows: readonly ProductRow[]): string | null {
  if (!rows.some(({ world, algorithm }) => world === "workload" && algorithm === SHIPPED))
    return null;
  const { ships, reason, tied } = shippingVerdict(rows);
  return `By the rule that was fixed before the figures the product ships **${ships}**: ${reason}. Heads that tie with it, the quickest first: ${tied.join(", ")}.`;
}

/** How often MAPPO's updates were better than what imitation had left. */
function keptStart(rows: readonly ProductRow[]): readonly string[] {
  const said = WORLDS.flatMap((name) => {
    const trained = rows.filter(({ world, training }) => world === name && training !== null);
    const kept = trained.filter(({ training }) => training!.keptUpdate === 0);
    return trained.length === 0 ? [] : [`${kept.length} of ${trained.length} in ${name}`];
  });
  return said.length === 0
    ? []
    : [
        `Networks begin by imitating the fixed rule, and keep the weights that are best on withheld families. Trainings that kept what imitation had left, before any update of MAPPO: ${said.join(", ")}.`,
      ];
}

export function product(parts: ReportParts): readonly Section[] {
  const rows = productRows(parts.results);
  if (rows.length === 0) return [];
  const summaries = productTable(rows);
  const ships = shippingSentence(rows);
  const worlds = WORLDS.filter((world) => rows.some((row) => row.world === world));
  const ofWorld = (world: ProductWorldName) => {
    const some = summaries.filter((summary) => summary.world === world);
    const jobs = parts.results
      .records()
      .filter(({ kind, result }) => kind === "product" && rows.includes(result as ProductRow))
      .filter(({ result }) => (result as ProductRow).world === world);
    return { world, some, provenance: parts.provenanceOf(jobs.map(({ id }) => id)) };
  };
  const all = worlds.map(ofWorld);
  return [
    {
      id: "product",
      page: "product",
      title: "Product mode: which policy is shipped",
      text: [
        'Production resolver, guards, verifier and error budget; reward U = q - 0.5 min(d, 10 s) / 10 s. World "workload": the bundled questions, learnt on one half and measured on the other. World "geometry": a synthetic world with hidden sensitivities, measured in another one than it was trained in. Intervals of U are over seeds (Student), those of differences over families of questions (bootstrap).',
        ...(ships === null ? [] : [ships]),
        ...keptStart(rows),
        "Served is counted among the requests that have a right answer in the cache; the feasible oracle shows how many of them guards and verifier leave.",
        ...parts.verdicts("S8"),
      ],
      tables: all.flatMap((one) => [worth(one), behaviour(one)]),
      plots: all.flatMap((one) => againstRule(one)),
    },
  ];
}

interface World {
  readonly world: ProductWorldName;
  readonly some: readonly ProductSummary[];
  readonly provenance: Table["provenance"];
}

function worth({ world, some, provenance }: World): Table {
  return {
    title: `What it is worth, ${world}`,
    columns: [
      "policy",
      { title: "U", digits: 4 },
      { title: "U more than fixed-rule", digits: 4 },
      { title: `U more than ${SHIPPED}`, digits: 4 },
      { title: "regret in the same state", digits: 4 },
    ],
    rows: some.map((row) => [
      row.algorithm,
      { mean: row.utility, interval: row.utilityInterval, n: row.seeds.length },
      overFamilies(row, "againstRule"),
      overFamilies(row, "againstShipped"),
      row.regretInState,
    ]),
    provenance,
  };
}

function behaviour({ world, some, provenance }: World): Table {
  return {
    title: `What it does, ${world}`,
    columns: [
      "policy",
      { title: "wrong answers, % of requests", isPercent: true, digits: 2 },
      { title: "at most (95 %)", isPercent: true, digits: 2 },
      { title: "wrong answers, % of hits", isPercent: true, digits: 1 },
      { title: "served, % of what could be", isPercent: true, digits: 1 },
      { title: "model calls, % of requests", isPercent: true, digits: 1 },
      { title: "p95 delay, s", digits: 2 },
    ],
    rows: some.map((row) => [
      row.algorithm,
      row.wrongPerRequest,
      row.wrongUpper95,
      row.wrongPerHit,
      row.servedShare,
      row.directShare,
      row.p95DelaySeconds,
    ]),
    provenance,
  };
}

function againstRule({ world, some, provenance }: World): readonly BarPlot[] {
  const compared = some.flatMap((row) => {
    const difference = overFamilies(row, "againstRule");
    return difference === null ? [] : [{ name: row.algorithm, bar: barOf(difference) }];
  });
  if (compared.length === 0) return [];
  return [
    {
      id: `product-${world}`,
      title: `U more than the fixed rule's, ${world}`,
      xLabel: "",
      yLabel: "U per request",
      categories: compared.map(({ name }) => name),
      series: [{ name: "U more than fixed-rule", bars: compared.map(({ bar }) => bar) }],
      provenance,
    },
  ];
}

function overFamilies(
  row: ProductSummary,
  against: "againstRule" | "againstShipped",
): Estimate | null {
  const difference = row[against];
  return difference === null
    ? null
    : { mean: difference.mean, interval: difference.overFamilies, n: row.seeds.length };
}

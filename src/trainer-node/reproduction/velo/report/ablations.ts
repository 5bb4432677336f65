// What each piece of DLRS is worth, and how a trained policy is executed.
import { type Section } from "../../report/report.ts";
import { type Estimate, meanEstimate } from "../../report/statistics.ts";
import { ABLATIONS, ABLATION_BASE, HEADLINE_LEARNED } from "../experiments.ts";
import { type Which } from "../results.ts";
import { type ReportParts } from "./parts.ts";

export function ablations(parts: ReportParts): readonly Section[] {
  if (!parts.has("DLRS-L10", ABLATION_BASE)) return [];
  const base = { experiment: ABLATION_BASE } as const;
  const listed: readonly (readonly [name: string, algorithm: string, which: Which])[] = [
    ["DLRS-L10 as published", "DLRS-L10", base],
    ["MLP head (LRS)", "LRS", base],
    ["no demonstrations and MLP head (T-MAPPO)", "T-MAPPO", base],
    ...(["mean-argmax", "zero-noise"] as const).map(
      (execution) =>
        [
          `executed: ${execution === "mean-argmax" ? "mean of 16 chains" : "no noise"}`,
          "DLRS-L10",
          { ...base, execution },
        ] as const,
    ),
    ...Object.entries(ABLATIONS).map(
      ([name, { algorithm }]) => [name, algorithm, { experiment: `ablation-${name}` }] as const,
    ),
  ];
  const present = listed.filter(([, algorithm, { experiment }]) =>
    parts.has(algorithm, experiment),
  );
  return [
    {
      id: "ablations",
      page: "ablations",
      title: "Ablations",
      text: [
        "One thing changed at a time, same data, updates and gradient steps as the three servers of the sweep. The MLP head has 0.6 % fewer weights than the chain's. Similar requests, nearest server, one sampled chain unless said otherwise; difference = against DLRS as published, seed by seed.",
      ],
      tables: [
        {
          title: "DLRS-L10 with one thing changed",
          columns: [
            "variant",
            "reward",
            "difference",
            "without phi3",
            { title: "satisfaction q", digits: 3 },
            { title: "delay, s", digits: 2 },
            { title: "direct", isPercent: true },
            { title: "wrong / request", isPercent: true },
            "rows per server",
          ],
          rows: present.map(([name, algorithm, which]) => [
            name,
            parts.estimate(algorithm, "reward", which),
            difference(parts, algorithm, which, base),
            ...(["qos", "satisfaction", "delay", "direct", "wrongPerRequest"] as const).map(
              (metric) => parts.estimate(algorithm, metric, which),
            ),
            rowsHeld(parts, algorithm, which.experiment!),
          ]),
          provenance: parts.provenance(
            present.map(([, algorithm, { experiment }]) => [experiment!, algorithm]),
          ),
        },
      ],
      plots: [],
    },
  ];
}

function difference(
  { results }: ReportParts,
  algorithm: string,
  which: Which,
  base: Which,
): Estimate | null {
  const seeds = results.seeds(which.experiment!, algorithm);
  const values = seeds.map(
    (seed) =>
      results.view(seed).figures(algorithm, which).reward -
      results.view(seed).figures("DLRS-L10", base).reward,
  );
  return values.length === 0 ? null : meanEstimate(values);
}

function rowsHeld({ results }: ReportParts, algorithm: string, experiment: string): Estimate {
  return meanEstimate(
    results.seeds(experiment, algorithm).map((seed) => {
      const { entries } = results.record(results.idOf(experiment, algorithm, seed)).result;
      return entries.reduce((sum, n) => sum + n, 0) / entries.length;
    }),
  );
}

export function executions(parts: ReportParts): readonly Section[] {
  const networks = HEADLINE_LEARNED.filter(
    (name) => name !== "value-regression" && parts.has(name),
  );
  if (networks.length === 0) return [];
  return [
    {
      id: "executions",
      page: "ablations",
      title: "How a trained policy is executed",
      text: [
        "The same weights and databases: one sampled chain and a drawn action (the paper), the likelier action of the mean of 16 chains, and one chain without noise.",
      ],
      tables: [
        {
          title: "Reward on similar requests, nearest server",
          columns: [
            "Algorithm",
            "one sampled chain",
            "mean of 16, likelier action",
            "no noise, likelier action",
          ],
          rows: networks.map((name) => [
            name,
            ...["sampled", "mean-argmax", "zero-noise"].map((execution) =>
              parts.estimate(name, "reward", { execution }),
            ),
          ]),
          provenance: parts.provenance(networks.map((name) => ["headline", name])),
        },
      ],
      plots: [],
    },
  ];
}

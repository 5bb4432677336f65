// What each piece of DLRS is worth, and how a trained policy is executed.
import { formatEstimate } from "../../report/figures.ts";
import { type Bar, barOf } from "../../report/plot.ts";
import { type Cell, type Section } from "../../report/report.ts";
import { ABLATIONS, ABLATION_BASE, HEADLINE_LEARNED } from "../experiments.ts";
import { type Which } from "../results.ts";
import { type ReportParts, type Run } from "./parts.ts";

const BASE: Run = ["DLRS-L10", { experiment: ABLATION_BASE }];

interface Variant {
  readonly name: string;
  readonly changed: string;
  readonly algorithm: string;
  readonly which: Which & { readonly experiment: string };
}

/** By their names among the experiments. */
const CHANGED: Readonly<Record<string, string>> = {
  "recommended-chain": "the product's chain: more noise (0.05 to 0.5), no tanh, clipped",
  "gamma-0": "gamma 0: no future rewards",
  "gamma-0.9": "gamma 0.9",
  "local-reward": "reward of the agent's own requests instead of the team's",
  "local-reward-gamma-0": "own reward and gamma 0: a contextual bandit",
  "raw-embedding": "raw embedding in place of the transformer",
  "no-demonstrations": "no demonstrations",
  "fresh-noise": "new noise of the chain in every update instead of the stored one",
  "eviction-watermark": "eviction above a watermark instead of the literal rule",
  "eviction-none": "nothing is evicted",
};

const variants = (): readonly Variant[] => [
  { name: "LRS", changed: "MLP head", algorithm: "LRS", which: { experiment: ABLATION_BASE } },
  {
    name: "T-MAPPO",
    changed: "MLP head and no demonstrations",
    algorithm: "T-MAPPO",
    which: { experiment: ABLATION_BASE },
  },
  {
    name: "mean-of-16",
    changed: "executed: likelier action of the mean of 16 chains",
    algorithm: "DLRS-L10",
    which: { experiment: ABLATION_BASE, execution: "mean-argmax" },
  },
  {
    name: "no-noise",
    changed: "executed: likelier action of one chain without noise",
    algorithm: "DLRS-L10",
    which: { experiment: ABLATION_BASE, execution: "zero-noise" },
  },
  ...Object.entries(ABLATIONS).map(([name, { algorithm }]) => ({
    name,
    changed: CHANGED[name] ?? "",
    algorithm,
    which: { experiment: `ablation-${name}` },
  })),
];

export function ablations(parts: ReportParts): readonly Section[] {
  if (!parts.has(BASE[0], ABLATION_BASE)) return [];
  const present = variants().filter(({ algorithm, which }) =>
    parts.has(algorithm, which.experiment),
  );
  if (present.length === 0) return [];
  const provenance = parts.provenance([
    [ABLATION_BASE, BASE[0]],
    ...present.map(({ algorithm, which }) => [which.experiment, algorithm] as const),
  ]);
  const published = {
    name: "as published",
    changed: "nothing",
    algorithm: BASE[0],
    which: { experiment: ABLATION_BASE },
  };
  const rows = [published, ...present];
  const bars = (metric: "reward" | "qos") =>
    present.map(({ algorithm, which }): Bar | null => {
      const found = parts.difference(metric, [algorithm, which], BASE);
      return found === null ? null : barOf(found);
    });
  return [
    {
      id: "ablations",
      page: "ablations",
      title: "Ablations of DLRS-L10",
      text: [
        "One thing changed at a time, same data, updates and gradient steps as the three servers of the sweep. The MLP head has 0.9 % fewer weights than the chain's. Similar requests, nearest server, one sampled chain unless said otherwise. Differences are against DLRS-L10 as published, seed by seed: above 0, it is better without what the paper has. Executions without noise meet the databases that the noise has filled.",
        ...sameChoices(parts, present),
        ...afterwards(parts),
      ],
      tables: [
        {
          title: "What a change is worth",
          columns: [
            "variant",
            "changed",
            { title: "reward", digits: 2 },
            { title: "more than published", digits: 2 },
            { title: "more, without phi3", digits: 2 },
          ],
          rows: rows.map(({ name, changed, algorithm, which }) => [
            name,
            changed,
            parts.estimate(algorithm, "reward", which),
            ...(["reward", "qos"] as const).map((metric) =>
              name === published.name ? null : parts.difference(metric, [algorithm, which], BASE),
            ),
          ]),
          provenance,
        },
        {
          title: "What it does",
          columns: [
            "variant",
            { title: "satisfaction q", digits: 3 },
            { title: "delay, s", digits: 2 },
            { title: "direct calls, %", isPercent: true, digits: 1 },
            { title: "served and wrong, %", isPercent: true, digits: 1 },
            { title: "rows per server", digits: 0 },
          ],
          rows: rows.map(({ name, algorithm, which }) =>
            [name as Cell].concat(
              (["satisfaction", "delay", "direct", "wrongPerRequest"] as const).map((metric) =>
                parts.estimate(algorithm, metric, which),
              ),
              parts.estimate(algorithm, "rows", which)?.mean ?? null,
            ),
          ),
          provenance,
        },
      ],
      plots: [
        {
          id: "ablations",
          title: "Reward more than DLRS-L10's as published",
          xLabel: "",
          yLabel: "difference of rewards",
          categories: present.map(({ name }) => name),
          series: [
            { name: "reward", bars: bars("reward") },
            { name: "without phi3", bars: bars("qos") },
          ],
          provenance,
        },
      ],
    },
  ];
}

/** Variants that called as often as the base in every seed chose the same for every request: nothing was compared. */
function sameChoices(parts: ReportParts, present: readonly Variant[]): readonly string[] {
  const seeds = parts.results.seeds(ABLATION_BASE, BASE[0]);
  const direct = (algorithm: string, which: Which) =>
    seeds.map((seed) => parts.results.view(seed).figures(algorithm, which).direct);
  const own = direct(BASE[0], BASE[1]!);
  const same = present.filter(
    ({ algorithm, which }) =>
      which.execution === undefined &&
      parts.results.seeds(which.experiment, algorithm).length === seeds.length &&
      direct(algorithm, which).every((share, i) => share === own[i]),
  );
  return same.length === 0
    ? []
    : [
        `${same.map(({ name }) => name).join(", ")}: direct calls are to the last one those of DLRS-L10, in every seed, because both networks prefer the cache throughout and the rest is the same noise. About what was changed in learning these rows say nothing; differences between them come from the databases.`,
      ];
}

/** The comparison of heads with the headline's many more updates. */
function afterwards(parts: ReportParts): readonly string[] {
  const [reward, qos] = (["reward", "qos"] as const).map((metric) =>
    parts.difference(metric, ["LRS", {}], ["DLRS-L10", {}]),
  );
  return reward == null || qos == null
    ? []
    : [
        `These are the few updates of the sweeps. With the headline's many, LRS less DLRS-L10 is ${formatEstimate(reward, { digits: 2 })}, without phi3 ${formatEstimate(qos, { digits: 2 })}.`,
      ];
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

// One setting of the world after the other: weight ratio, servers, training data.
import { type LinePlot, pointOf } from "../../report/plot.ts";
import { type Cell, type Section } from "../../report/report.ts";
import { type Estimate } from "../../report/statistics.ts";
import { type Which } from "../results.ts";
import { OMEGAS, SERVER_COUNTS, TRAINING_SIZES, WIDE_SIZES } from "../settings.ts";
import { type Metric, type ReportParts } from "./parts.ts";
import { PUBLISHED_SIZES, asPrinted, percentPrinted } from "./published.ts";

const SWEPT = [
  "DLRS-L10",
  "LRS",
  "T-MAPPO",
  "Greedy-0.1",
  "Greedy-0.3",
  "Greedy-0.5",
  "Greedy-LLM",
];

export function weights(parts: ReportParts): readonly Section[] {
  if (!parts.has("DLRS-L10", "omega")) return [];
  const sweep: Sweep = {
    name: "omega",
    xLabel: "omega = phi2 / phi1",
    xs: OMEGAS,
    whichOf: (omega) => ({ experiment: "omega", omega }),
    logX: true,
  };
  return [
    {
      id: "weights",
      page: "weights",
      title: "Weight ratios (Fig. 7 and 8)",
      text: [
        "One network per algorithm that reads omega, trained with omega drawn log-uniformly for every episode and tested at five values; the paper trains one for each. Rewards of different omega have different units, so that what is drawn is by how much DLRS-L10 earns more than the others at the same omega and with the same seed.",
      ],
      tables: [],
      plots: METHODS.flatMap((test) => [
        leadPlot(parts, sweep, test),
        sweepPlot(parts, sweep, test, "satisfaction"),
        sweepPlot(parts, sweep, test, "delay"),
      ]),
    },
  ];
}

export function servers(parts: ReportParts): readonly Section[] {
  if (!parts.has("DLRS-L10", "servers-3")) return [];
  return [
    {
      id: "servers",
      page: "servers",
      title: "Number of servers (Fig. 9 and 10)",
      text: [
        "Trained anew for every number, with fewer updates than at the paper's settings.",
        ...parts.verdicts("S5b", "N13", "N14"),
      ],
      tables: [],
      plots: sweepPlots(parts, {
        name: "servers",
        xLabel: "servers",
        xs: SERVER_COUNTS,
        whichOf: (n) => ({ experiment: `servers-${n}` }),
      }),
    },
  ];
}

const sizeExperiment = (samples: number): string =>
  samples === 3000 ? "servers-3" : `size-${samples}`;

export function sizes(parts: ReportParts): readonly Section[] {
  if (!parts.has("DLRS-L10", "size-1500")) return [];
  const rows = WIDE_SIZES.flatMap((samples) =>
    (["", "-wide"] as const).flatMap((suffix): readonly (readonly Cell[])[] => {
      const experiment = `size-${samples}${suffix}`;
      const width = suffix === "" ? 256 : 384;
      const { q, d, direct } = PUBLISHED_SIZES[`${samples}/${width}`]!;
      const of = (metric: Metric) => parts.estimate("DLRS-L10", metric, { experiment });
      return [
        [
          `${samples} samples, width ${width}`,
          "published",
          ...asPrinted(q, d),
          percentPrinted(direct),
        ],
        ["", "here", of("satisfaction"), of("delay"), of("direct")],
      ];
    }),
  );
  return [
    {
      id: "sizes",
      page: "sizes",
      title: "Size of the training set and of the network (Fig. 11 and 12, Table IV)",
      text: [
        "S samples are requests about 2 S / 3 topics. Similar requests, nearest server.",
        ...parts.verdicts("S6", "N15"),
      ],
      tables: [
        {
          title: "DLRS-L10 by samples and width",
          columns: [
            "",
            "",
            { title: "satisfaction q", digits: 3 },
            { title: "delay, s", digits: 2 },
            { title: "direct calls, %", isPercent: true },
          ],
          rows,
          provenance: parts.provenance(
            WIDE_SIZES.flatMap((samples) =>
              ["", "-wide"].map((suffix) => [`size-${samples}${suffix}`, "DLRS-L10"] as const),
            ),
          ),
        },
      ],
      plots: sweepPlots(parts, {
        name: "size",
        xLabel: "training samples",
        xs: TRAINING_SIZES,
        whichOf: (samples) => ({ experiment: sizeExperiment(samples) }),
      }),
    },
  ];
}

/** A setting of the world that takes one value after the other. */
interface Sweep {
  readonly name: string;
  readonly xLabel: string;
  readonly xs: readonly number[];
  readonly whichOf: (x: number) => Which;
  readonly logX?: boolean;
}

const METHODS = ["similar-nearest", "similar-all"] as const;
type Method = (typeof METHODS)[number];

const METRICS = {
  reward: { title: "Reward", yLabel: "reward" },
  satisfaction: { title: "Satisfaction", yLabel: "satisfaction q" },
  delay: { title: "Delay", yLabel: "seconds" },
} as const;

const sweepPlots = (parts: ReportParts, sweep: Sweep): readonly LinePlot[] =>
  METHODS.flatMap((test) =>
    (["reward", "satisfaction", "delay"] as const).map((metric) =>
      sweepPlot(parts, sweep, test, metric),
    ),
  );

function sweepPlot(
  parts: ReportParts,
  sweep: Sweep,
  test: Method,
  metric: keyof typeof METRICS,
): LinePlot {
  const { title, yLabel } = METRICS[metric];
  return {
    ...plotOf(parts, sweep, SWEPT, (algorithm, which) =>
      parts.estimate(algorithm, metric, { ...which, test }),
    ),
    id: `${sweep.name}-${metric}-${test.replace("similar-", "")}`,
    title: `${title}, ${nameOf(test)}`,
    yLabel,
  };
}

/** DLRS-L10's reward less that of the others, seed by seed. */
function leadPlot(parts: ReportParts, sweep: Sweep, test: Method): LinePlot {
  const others = SWEPT.filter((name) => name !== "DLRS-L10");
  return {
    ...plotOf(parts, sweep, others, (algorithm, which) =>
      parts.difference("reward", ["DLRS-L10", { ...which, test }], [algorithm, { ...which, test }]),
    ),
    id: `${sweep.name}-lead-${test.replace("similar-", "")}`,
    title: `Reward of DLRS-L10 less that of the others, ${nameOf(test)}`,
    yLabel: "reward more than theirs",
  };
}

const nameOf = (test: Method): string =>
  `similar requests, ${test.endsWith("all") ? "all servers" : "nearest server"}`;

function plotOf(
  parts: ReportParts,
  { xLabel, xs, whichOf, logX = false }: Sweep,
  names: readonly string[],
  estimate: (algorithm: string, which: Which) => Estimate | null,
): Pick<LinePlot, "xLabel" | "logX" | "series" | "provenance"> {
  const series = names
    .map((name) => ({
      name,
      points: xs.flatMap((x) => {
        const found = estimate(name, whichOf(x));
        return found === null ? [] : [pointOf(x, found)];
      }),
    }))
    .filter(({ points }) => points.length > 0);
  return {
    xLabel,
    logX,
    series,
    provenance: parts.provenance(
      xs.flatMap((x) => SWEPT.map((name) => [whichOf(x).experiment ?? "headline", name] as const)),
    ),
  };
}

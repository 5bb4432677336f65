// One setting of the world after the other: weight ratio, servers, training data.
import { type Plot } from "../../report/plot.ts";
import { type Section } from "../../report/report.ts";
import { type Which } from "../results.ts";
import { OMEGAS, SERVER_COUNTS, TRAINING_SIZES, WIDE_SIZES } from "../settings.ts";
import { type ReportParts } from "./parts.ts";
import { PUBLISHED_SIZES } from "./published.ts";

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
  return [
    {
      id: "weights",
      page: "weights",
      title: "Weight ratios (Fig. 7 and 8)",
      text: [
        "One network per algorithm that reads omega, trained with omega drawn log-uniformly for every episode and tested at five values; the paper trains one for each. Rewards of different omega have different units: compare within one.",
      ],
      tables: [],
      plots: sweepPlots(
        parts,
        "omega",
        "omega = phi2 / phi1",
        OMEGAS,
        (omega) => ({ experiment: "omega", omega }),
        true,
      ),
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
      text: ["Trained anew for every number, with fewer updates than the headline."],
      tables: [],
      plots: sweepPlots(parts, "servers", "servers", SERVER_COUNTS, (n) => ({
        experiment: `servers-${n}`,
      })),
    },
  ];
}

const sizeExperiment = (samples: number): string =>
  samples === 3000 ? "servers-3" : `size-${samples}`;

export function sizes(parts: ReportParts): readonly Section[] {
  if (!parts.has("DLRS-L10", "size-1500")) return [];
  const rows = WIDE_SIZES.flatMap((samples) =>
    (["", "-wide"] as const).map((suffix) => {
      const experiment = `size-${samples}${suffix}`;
      const width = suffix === "" ? 256 : 384;
      const of = (metric: "satisfaction" | "delay" | "direct") =>
        parts.estimate("DLRS-L10", metric, { experiment });
      return [
        `${samples} / ${width}`,
        PUBLISHED_SIZES[`${samples}/${width}`] ?? "",
        of("satisfaction"),
        of("delay"),
        of("direct"),
      ] as const;
    }),
  );
  return [
    {
      id: "sizes",
      page: "sizes",
      title: "Size of the training set and of the network (Fig. 11 and 12, Table IV)",
      text: ["S samples are requests about 2 S / 3 topics."],
      tables: [
        {
          title: "DLRS by samples and width",
          columns: [
            "samples / width",
            "published q / d / direct",
            { title: "satisfaction q", digits: 3 },
            { title: "delay, s", digits: 2 },
            { title: "direct", isPercent: true },
          ],
          rows,
          provenance: parts.provenance(
            WIDE_SIZES.flatMap((samples) =>
              ["", "-wide"].map((suffix) => [`size-${samples}${suffix}`, "DLRS-L10"] as const),
            ),
          ),
        },
      ],
      plots: sweepPlots(parts, "size", "training samples", TRAINING_SIZES, (samples) => ({
        experiment: sizeExperiment(samples),
      })),
    },
  ];
}

function sweepPlots(
  parts: ReportParts,
  name: string,
  xLabel: string,
  xs: readonly number[],
  whichOf: (x: number) => Which,
  logX = false,
): readonly Plot[] {
  const algorithms = SWEPT.filter((algorithm) =>
    xs.some((x) => parts.has(algorithm, whichOf(x).experiment)),
  );
  return (["similar-nearest", "similar-all"] as const).flatMap((test) =>
    (
      [
        ["reward", "reward"],
        ["satisfaction", "satisfaction q"],
        ["delay", "seconds"],
      ] as const
    ).map(([metric, yLabel]): Plot => ({
      id: `${name}-${metric}-${test.replace("similar-", "")}`,
      title: `${metric[0]!.toUpperCase()}${metric.slice(1)}, ${test.endsWith("all") ? "all servers" : "nearest server"}`,
      xLabel,
      yLabel,
      logX,
      series: algorithms.map((algorithm) => ({
        name: algorithm,
        points: xs.flatMap((x) => parts.point(x, algorithm, metric, { ...whichOf(x), test })),
      })),
      provenance: parts.provenance(
        algorithms.flatMap((algorithm) =>
          [...new Set(xs.map((x) => whichOf(x).experiment ?? "headline"))].map(
            (experiment) => [experiment, algorithm] as const,
          ),
        ),
      ),
    })),
  );
}

// Every router at every load: what answers were worth, and what they cost.
import { type LinePlot } from "../../report/plot.ts";
import { type Cell, type Section, type Table } from "../../report/report.ts";
import { AGAIN, USUAL } from "../experiments.ts";
import { type Figures, type Where } from "../figures.ts";
import { LOAD_NAMES, LOADS, PRICED_RULE, RATES } from "../settings.ts";
import { labelOf, type Metric, type ReportParts } from "./parts.ts";

export const METRICS = [
  { title: "QoS", of: ({ meanQos }: Figures) => meanQos, digits: 3 },
  { title: "QoS per busy GPU-second", of: (one: Figures) => one.qosPerGpuSecond, digits: 3 },
  { title: "late, %", of: ({ violations }: Figures) => violations, isPercent: true, digits: 1 },
  { title: "dropped, %", of: ({ dropped }: Figures) => dropped, isPercent: true, digits: 1 },
  { title: "score of answers", of: ({ meanScore }: Figures) => meanScore, digits: 3 },
  { title: "ms per token", of: (one: Figures) => 1000 * one.meanSecondsPerToken, digits: 1 },
  { title: "GPUs busy, %", of: (one: Figures) => one.utilisation, isPercent: true, digits: 0 },
] as const;

/** Few enough for a plot. */
const PLOTTED = [
  "graph",
  "graph-no-impact",
  "flat",
  "priced-or-drop",
  "impact-or-drop",
  "greedy-or-drop",
  "greedy-score",
  "least-completion",
  "shortest-queue",
  "best-score",
  "oracle",
] as const;

const WORKLOADS = ["poisson", "real"] as const;

/** What "real" arrivals were. */
const realName = ({ results }: ReportParts): string =>
  results.realArrivals === "trace" ? "trace" : "bursty";

const nameOf = (parts: ReportParts, arrivals: (typeof WORKLOADS)[number]): string =>
  arrivals === "real" ? realName(parts) : arrivals;

/** The whole in one table. */
export function summary(parts: ReportParts): readonly Section[] {
  const wheres = WORKLOADS.flatMap((arrivals) =>
    LOAD_NAMES.map((load): Where => ({ arrivals, rate: LOADS[load] })),
  );
  if (!wheres.every((where) => parts.has(where))) return [];
  const titles = WORKLOADS.flatMap((arrivals) =>
    LOAD_NAMES.map((load) => ({ title: `${nameOf(parts, arrivals)} ${load}`, digits: 3 })),
  );
  const table: Table = {
    title: `Mean QoS at ${LOAD_NAMES.map((load) => `${load} (${LOADS[load]} requests/s)`).join(", ")} load`,
    columns: ["router", ...titles],
    rows: USUAL.map((name) =>
      [labelOf(name) as Cell].concat(
        wheres.map((where) => parts.estimate(name, qos, where)?.mean ?? null),
      ),
    ),
    provenance: parts.provenance(wheres),
  };
  return [{ id: "summary", title: "Mean QoS in short", text: [NAMES], tables: [table], plots: [] }];
}

const qos: Metric = ({ meanQos }) => meanQos;

const NAMES = `The first six never drop a request; \`greedy-score\` takes the best predicted score among the experts that are predicted to be fast enough. \`greedy-or-drop\` is the same rule with the right to drop what no expert can answer in time; \`impact-or-drop\` subtracts the predicted impact too; told the truth, it has true scores and lengths, and is still no upper bound. \`priced-or-drop\` takes the highest s [l <= ${PRICED_RULE.limitShare} L] - ${PRICED_RULE.workPrice} x tokens / 100 x running / 10 (predicted score, latency and tokens; requests running there), and drops where that is not above 0: its two constants are fitted (\`npm run reproduce -- qos-router --fit\`), those of the other rules are not. QoS per busy GPU-second counts the time in which a GPU computes: who drops more gains. \`flat\` is soft actor-critic without a graph, \`graph-no-impact\` without the estimator in rewards and features, \`graph-potential\` with the impact as a difference of potentials, \`graph-keeps\` is \`graph\` without the right to drop.`;

export function loads(parts: ReportParts): readonly Section[] {
  const sections = WORKLOADS.flatMap((arrivals): readonly Section[] => {
    const wheres = LOAD_NAMES.map((load) => ({ load, where: { arrivals, rate: LOADS[load] } }));
    const present = wheres.filter(({ where }) => parts.has(where));
    if (present.length === 0) return [];
    const name = nameOf(parts, arrivals);
    return [
      {
        id: name,
        page: "loads",
        title: `${ABOUT[name]![0]} arrivals`,
        text: [ABOUT[name]![1], ...verdictsAt(parts, arrivals)],
        tables: present.map(({ load, where }) =>
          parts.table(
            `${load} load, ${where.rate} requests/s`,
            [...USUAL, ...AGAIN],
            where,
            METRICS,
          ),
        ),
        plots: [
          overRates(parts, arrivals, "qos", "Mean QoS", "QoS", qos),
          overRates(
            parts,
            arrivals,
            "per-gpu",
            "QoS per busy GPU-second",
            "QoS per busy GPU-second",
            ({ qosPerGpuSecond }) => qosPerGpuSecond,
          ),
          overRates(
            parts,
            arrivals,
            "late",
            "Late or dropped",
            "per cent of requests",
            ({ violations, dropped }) => 100 * (violations + dropped),
          ),
        ],
      },
    ];
  });
  return [...sections, ...others(parts)];
}

const ABOUT: Readonly<Record<string, readonly [title: string, text: string]>> = {
  poisson: ["Poisson", "Independent exponential gaps; the networks were trained on these."],
  trace: [
    "Trace",
    "The times of a real trace, a window of it for each seed, played so that requests come at the rate that is named; prompts and answers are those of the other workloads.",
  ],
  bursty: [
    "Bursty",
    "A process that changes between quiet times (40 s on average) and bursts (10 s) at three times the mean rate.",
  ],
  "whole-trace": [
    "Whole-trace",
    "Times and lengths of the trace. Its prompts are far longer than those of the other workloads, which the pace of the authors' code cannot serve in time at all: here the pace is what the bandwidth of a card's memory allows. Nothing was trained on it.",
  ],
};

const verdictsAt = (parts: ReportParts, arrivals: string): readonly string[] => {
  const some = parts.claims.filter(({ id }) => id.split(" ")[1] === arrivals);
  if (some.length === 0) return [];
  const groups = [...Map.groupBy(some, ({ verdict }) => verdict)].map(
    ([verdict, those]) => `**${verdict}** ${those.map(({ id }) => id).join(", ")}`,
  );
  return [`[Claims](README.md#claims): ${groups.join("; ")}.`];
};

/** Workloads without claims. */
function others(parts: ReportParts): readonly Section[] {
  return (["bursty", "whole-trace"] as const)
    .filter((arrivals) => arrivals !== parts.results.realArrivals)
    .flatMap((arrivals): readonly Section[] => {
      const present = LOAD_NAMES.filter((load) => parts.has({ arrivals, rate: LOADS[load] }));
      if (present.length === 0) return [];
      return [
        {
          id: arrivals,
          page: "loads",
          title: `${ABOUT[arrivals]![0]} arrivals`,
          text: [ABOUT[arrivals]![1]],
          tables: present.map((load) => {
            const where = { arrivals, rate: LOADS[load] };
            return parts.table(`${load} load, ${where.rate} requests/s`, USUAL, where, METRICS);
          }),
          plots: [],
        },
      ];
    });
}

function overRates(
  parts: ReportParts,
  arrivals: (typeof WORKLOADS)[number],
  id: string,
  title: string,
  yLabel: string,
  of: Metric,
): LinePlot {
  const wheres = RATES.map((rate) => ({ arrivals, rate }));
  const shown = PLOTTED.filter((name) => wheres.some((where) => parts.estimate(name, of, where)));
  return {
    id: `${id}-${nameOf(parts, arrivals)}`,
    title: `${title}, ${nameOf(parts, arrivals)} arrivals`,
    xLabel: "requests per second, three experts",
    yLabel,
    series: shown.map((name) => ({
      name: labelOf(name),
      points: wheres.flatMap((where) => parts.point(where.rate, name, of, where)),
    })),
    provenance: parts.provenance(wheres),
  };
}

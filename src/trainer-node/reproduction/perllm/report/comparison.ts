// The paper's own settings: success rates beside the published ones, ratios, and what stands behind them.
import { type Cell, type Section, type Table } from "../../report/report.ts";
import { type Provenance } from "../../report/plot.ts";
import { meanOf } from "../../../intervals.ts";
import { ALGORITHM_NAMES } from "../algorithms.ts";
import { COMPARED } from "../experiments.ts";
import { type Figures, PARTS, type SeedView, type Where } from "../figures.ts";
import {
  PERLLM_NAME,
  PUBLISHED_SUCCESS,
  PUBLISHED_THROUGHPUT,
  type Rival,
  RIVALS,
} from "../published.ts";
import { EDGE_MODEL_NAMES, type EdgeModel, NETWORK_NAMES } from "../settings.ts";
import { type ReportParts } from "./parts.ts";

const METRICS = [
  { title: "success, %", of: (one: Figures) => one.success, isPercent: true },
  { title: "time, s", of: (one: Figures) => one.seconds, digits: 2 },
  { title: "95th percentile, s", of: (one: Figures) => one.p95Seconds, digits: 2 },
  { title: "tokens/s", of: (one: Figures) => one.tokensPerSecond, digits: 0 },
  { title: "energy, J", of: (one: Figures) => one.joules, digits: 1 },
  { title: "to the cloud, %", of: (one: Figures) => one.cloudShare, isPercent: true },
  { title: "regret", of: (one: Figures) => one.regret, digits: 2 },
] as const;

export function comparison(parts: ReportParts): readonly Section[] {
  const wheres = everywhere();
  if (!wheres.some((where) => parts.has(where))) return [];
  const provenance = parts.provenance(wheres);
  return [
    {
      id: "success",
      page: "comparison",
      title: "Success, throughput and energy beside the paper's",
      text: [
        "104 users in a closed loop, deadlines of 2 to 6 s. Success is the mean of the stable and the fluctuating network, as in the paper's table; throughput and energy are over all four edge models and both networks. LPC, least predicted completion, learns nothing; LPC-measured predicts from measured times.",
        "FineInfer, AGOD and RewardlessGuidance are proxies here: their constants were chosen so that the published numbers can all be true at once, which says nothing of the methods.",
        ...parts.verdicts("S1", "S2", "S3", "N1", "N2", "N3", "N4", "N5", "O1", "O2", "O3"),
      ],
      tables: [
        {
          title: "Requests answered within their deadline, %",
          columns: ["", ...COMPARED.map((title) => ({ title, isPercent: true, digits: 1 }))],
          rows: EDGE_MODEL_NAMES.flatMap((model) => [
            [`${model}, paper`, ...COMPARED.map((name) => publishedSuccess(model, name))],
            [
              `${model}, here`,
              ...COMPARED.map((name) =>
                parts.over((seed) => overNetworks(seed, name, ({ success }) => success, model)),
              ),
            ],
          ]),
          provenance,
        },
        networksTable(parts, provenance),
        {
          title: "PerLLM against each: throughput (ratio) and energy saved (share)",
          columns: ["", ...OTHERS.map((title) => ({ title, digits: 2 }))],
          rows: [
            ["throughput, paper", ...OTHERS.map(publishedRatio)],
            ["throughput, here", ...OTHERS.map((name) => throughputRatio(parts, name))],
            ["energy saved, paper", ...OTHERS.map((name) => (isRival(name) ? "> 0.50" : null))],
            ["energy saved, here", ...OTHERS.map((name) => energySaved(parts, name))],
          ],
          provenance,
        },
      ],
      plots: [],
    },
    {
      id: "all",
      page: "comparison",
      title: "Every algorithm",
      text: [
        'Yi-6B at the edges. Regret: per request, what the best server in the very same state would have earned more, in units of 20 J and of a deadline missed by its own length. "told" predicts from what operators say, "printed" has the sign of Eq. 6 as it is printed, "undiscounted" never forgets, "no-bandit" neither explores nor punishes, "retry" tries again what it left long ago, as the product does, "by-class" predicts inference by server and class of request (the specification of Algorithm 1; the others by server, as the product measures), "slots" decides every tenth of a second. "FineInfer-gate" holds requests only while the cloud is idle, as its code does.',
        "Over a run PerLLM's regret grows in line with the requests, as that of a bandit that forgets must; by how much a request has less of it in the last half says O7.",
        ...parts.verdicts("S4", "S5", "S6", "O7"),
      ],
      tables: NETWORK_NAMES.flatMap((network) => [
        metricsTable(parts, `${network} bandwidth`, ALGORITHM_NAMES, { network }),
        ...(network === "stable" ? [partsTable(parts, { network })] : []),
      ]),
      plots: [timesPlot(parts)],
    },
  ];
}

/** The same, network by network. */
const networksTable = (parts: ReportParts, provenance: Provenance): Table => ({
  title: "Network by network, %",
  columns: ["", ...COMPARED.map((title) => ({ title, isPercent: true, digits: 1 }))],
  rows: everywhere().map((where) =>
    [`${where.model}, ${where.network}` as Cell].concat(
      COMPARED.map((name) => parts.estimate(name, ({ success }) => success, where)),
    ),
  ),
  provenance,
});

export function metricsTable(
  parts: ReportParts,
  title: string,
  algorithms: readonly string[],
  where: Where,
): Table {
  const present = parts.present(algorithms, where);
  return {
    title,
    columns: [
      "algorithm",
      ...METRICS.map((metric) => ({
        title: metric.title,
        ...("isPercent" in metric ? { isPercent: true, digits: 1 } : { digits: metric.digits }),
      })),
    ],
    rows: present.map((name) =>
      [name as Cell].concat(METRICS.map(({ of }) => parts.estimate(name, of, where))),
    ),
    provenance: parts.provenance([where]),
  };
}

/** The proxies beside what they stand for. */
export function specified(parts: ReportParts): readonly Section[] {
  const where = { isSpecified: true };
  if (!parts.has(where)) return [];
  return [
    {
      id: "specified",
      page: "comparison",
      title: "The rivals as they are specified",
      text: [
        'FineInfer-batched: requests are held only while the cloud is idle, until eight wait or the first waited a second, and join the batch after that; an inference takes longer the larger the batch is in which it begins ("batched", as far as that is fixed by its beginning). AGOD-D2SAC: a diffusion policy over the edges, trained in the simulator by soft actor-critic and frozen. RewardlessGuidance-planned: plans of the cross-entropy method over an ensemble of models that it learns as it goes; it knows no deadlines, and sees the servers as they are, not a second ago. Networks and ensembles are far smaller than what their authors train. PerLLM-batched is PerLLM with that cloud. Yi-6B, stable bandwidth.',
        ...parts.verdicts("O8", "O9", "O10"),
      ],
      tables: [metricsTable(parts, "Proxies and specified forms", SPECIFIED, where)],
      plots: [],
    },
  ];
}

const SPECIFIED = [
  "FineInfer",
  "FineInfer-batched",
  "AGOD",
  "AGOD-D2SAC",
  "RewardlessGuidance",
  "RewardlessGuidance-planned",
  PERLLM_NAME,
  "PerLLM-batched",
  "LPC",
] as const;

function partsTable(parts: ReportParts, where: Where): Table {
  const present = parts.present(ALGORITHM_NAMES, where);
  return {
    title: "Where the time goes, seconds of a request",
    columns: ["algorithm", ...PARTS.map((title) => ({ title, digits: 2 }))],
    rows: present.map((name) =>
      [name as Cell].concat(
        PARTS.map((part) => parts.estimate(name, (one) => one.parts![part], where)?.mean ?? null),
      ),
    ),
    provenance: parts.provenance([where]),
  };
}

function timesPlot(parts: ReportParts) {
  const shown = parts.present(COMPARED);
  return {
    id: "processing-times",
    title: "Mean processing time by edge model, stable bandwidth",
    xLabel: "",
    yLabel: "seconds",
    categories: EDGE_MODEL_NAMES,
    series: shown.map((name) => ({
      name,
      bars: EDGE_MODEL_NAMES.map((model) => {
        const estimate = parts.estimate(name, ({ seconds }) => seconds, { model });
        if (estimate === null) return null;
        const { mean: y, interval } = estimate;
        return interval === null ? { y } : { y, low: interval[0], high: interval[1] };
      }),
    })),
    provenance: parts.provenance(EDGE_MODEL_NAMES.map((model) => ({ model }))),
  };
}

const OTHERS = COMPARED.filter((name) => name !== PERLLM_NAME);
const isRival = (name: string): name is Rival => RIVALS.some((rival) => rival === name);

const everywhere = (): readonly Required<Pick<Where, "model" | "network">>[] =>
  EDGE_MODEL_NAMES.flatMap((model) => NETWORK_NAMES.map((network) => ({ model, network })));

const publishedSuccess = (model: EdgeModel, name: string): Cell =>
  isRival(name) || name === PERLLM_NAME ? PUBLISHED_SUCCESS[model][name] / 100 : null;

const publishedRatio = (name: string): Cell => (isRival(name) ? PUBLISHED_THROUGHPUT[name] : null);

const overNetworks = (
  seed: SeedView,
  name: string,
  metric: (figures: Figures) => number,
  model: EdgeModel,
): number => meanOf(NETWORK_NAMES.map((network) => metric(seed.figures(name, { model, network }))));

const overAll = (seed: SeedView, name: string, metric: (figures: Figures) => number): number =>
  meanOf(EDGE_MODEL_NAMES.map((model) => overNetworks(seed, name, metric, model)));

const throughputRatio = (parts: ReportParts, name: string): Cell =>
  parts.over((seed) => {
    const of = ({ tokensPerSecond }: Figures) => tokensPerSecond;
    return overAll(seed, PERLLM_NAME, of) / overAll(seed, name, of);
  });

const energySaved = (parts: ReportParts, name: string): Cell =>
  parts.over((seed) => {
    const of = ({ joules }: Figures) => joules;
    return 1 - overAll(seed, PERLLM_NAME, of) / overAll(seed, name, of);
  });

// The report of the reproduction: what was run, what came out, and the published numbers beside it.
import { type Cell, type Report, type Section, type Table } from "../report/report.ts";
import { type LinePlot, type Plot } from "../report/plot.ts";
import { type Estimate, meanEstimate } from "../report/statistics.ts";
import { type ClaimResult } from "../report/verdict.ts";
import { ABLATIONS, ABLATION_BASE, HEADLINE_LEARNED, RULES, slug } from "./experiments.ts";
import { type OverheadResult } from "./overhead.ts";
import { type ProductRow } from "./product.ts";
import { productTable, shippingVerdict } from "./product-verdict.ts";
import { PUBLISHED_NEW, PUBLISHED_MODELS, PUBLISHED_SIZES, PUBLISHED_FORMS } from "./published.ts";
import { ReportParts } from "./report-parts.ts";
import { type TestName, type VeloResults, type Which } from "./results.ts";
import { MODELS, OMEGAS, SERVER_COUNTS, TRAINING_SIZES, WIDE_SIZES } from "./settings.ts";
import { type SimilarityResult } from "./similarity.ts";
import { type VectorCountRow } from "./vector-count.ts";

const SWEPT = [
  "DLRS-L10",
  "LRS",
  "T-MAPPO",
  "Greedy-0.1",
  "Greedy-0.3",
  "Greedy-0.5",
  "Greedy-LLM",
];
const ALL = [...HEADLINE_LEARNED, ...RULES];

const COLUMNS = [
  { title: "reward", metric: "reward" },
  { title: "without phi3", metric: "qos" },
  { title: "satisfaction q", metric: "satisfaction", digits: 3 },
  { title: "delay, s", metric: "delay", digits: 2 },
  { title: "direct", metric: "direct", isPercent: true },
  { title: "A", metric: "served", isPercent: true },
  { title: "C", metric: "augmented", isPercent: true },
  { title: "wrong / request", metric: "wrongPerRequest", isPercent: true },
  { title: "regret", metric: "regret" },
] as const;

export interface VeloReportInput {
  readonly results: VeloResults;
  readonly claims: readonly ClaimResult[];
  readonly command: string;
  /** Wall-clock and core seconds, and where. */
  readonly run: string;
}

export function veloReport({ results, claims, command, run }: VeloReportInput): Report {
  const parts = new ReportParts(results, command);
  return {
    title: "VELO / DLRS reproduced",
    introduction: introduction(run),
    claims,
    sections: [
      ...trainingCurves(parts),
      ...comparison(parts),
      ...weights(parts),
      ...servers(parts),
      ...sizes(parts),
      ...models(parts),
      ...ablations(parts),
      ...executions(parts),
      ...grid(parts, claims),
      ...product(parts),
      ...similarityOf(parts),
      ...vectorCounts(parts),
      ...overhead(parts),
    ],
  };
}

const introduction = (run: string): readonly string[] => [
  "Every policy and every experiment of the VELO / DLRS paper (IEEE TSC 2025), run in this project's simulator by the production's own observation, resolver, cache value and eviction. The paper used a real Qwen-7B, Milvus and the oasst1 dialogues; here both are simulated, so that orders and directions can be compared, not digits. Settings ([settings.ts](../../../src/trainer-node/reproduction/velo/settings.ts)) and claims ([claims.ts](../../../src/trainer-node/reproduction/velo/claims.ts)) were committed before the first training and nothing was tuned afterwards.",
  "A claim `agrees` when the 95 % interval over seeds (Student) lies where the paper says, `differs` when it lies on the other side, and is `undecided` when it touches both. `pass` is for what must hold by construction. The grid column says in how many of 108 other settings of the simulator the claim's direction holds, with DLRS and LRS trained on for a short while in each. Rewards are 10 (q - 0.1 d - 0.6 [a = direct]) as in the paper's figures; \"without phi3\" leaves the penalty of direct calls out and is the quality of service itself.",
  run,
];

function trainingCurves(parts: ReportParts): readonly Section[] {
  const learned = HEADLINE_LEARNED.filter((name) => parts.has(name));
  if (learned.length === 0) return [];
  const families: readonly (readonly [id: string, title: string, names: readonly string[]])[] = [
    [
      "chains",
      "reverse chains",
      learned.filter((name) => name.startsWith("DLRS-") && name !== "DLRS-3way"),
    ],
    [
      "others",
      "DLRS beside the others",
      learned.filter((name) => name === "DLRS-L10" || !/^DLRS-[LV]/.test(name)),
    ],
  ];
  const plots = (
    id: string,
    title: string,
    yLabel: string,
    of: "reward" | "satisfaction" | "delay" | "direct",
  ): readonly LinePlot[] =>
    families.map(([family, which, names]) => ({
      id: `${id}-${family}`,
      title: `${title}: ${which}`,
      xLabel: "requests",
      yLabel,
      series: names.map((name) => ({ name, points: meanCurve(parts, name, of) })),
      provenance: parts.provenance(names.map((name) => ["headline", name])),
    }));
  return [
    {
      id: "training",
      page: "training",
      title: "Training curves (Fig. 5)",
      text: [
        "Means over seeds, one point an update; what is drawn is the acting policy itself, exploration and all. G-MAPPO, LRS and DLRS learn from demonstrations as well, the three-way head does not.",
      ],
      tables: [],
      plots: [
        ...plots("curve-reward", "Reward while training", "reward", "reward"),
        ...plots(
          "curve-satisfaction",
          "Satisfaction while training",
          "satisfaction q",
          "satisfaction",
        ),
        ...plots("curve-delay", "Delay while training", "seconds", "delay"),
        ...plots("curve-direct", "Direct calls while training", "share of decisions", "direct"),
      ],
    },
  ];
}

function meanCurve(
  parts: ReportParts,
  algorithm: string,
  of: "reward" | "satisfaction" | "delay" | "direct",
): readonly { x: number; y: number }[] {
  const curves = parts.results
    .seeds("headline", algorithm)
    .map((seed) => parts.results.view(seed).curve(algorithm));
  const length = Math.min(...curves.map((curve) => curve.length));
  return Array.from({ length }, (_, i) => ({
    x: curves[0]![i]!.requests,
    y: curves.reduce((sum, curve) => sum + curve[i]![of], 0) / curves.length,
  }));
}

function comparison(parts: ReportParts): readonly Section[] {
  const present = ALL.filter((name) => parts.has(name));
  if (present.length === 0) return [];
  const published = (name: string) => {
    const row = PUBLISHED_NEW[name];
    return [row === undefined ? "" : `${row.reward} / ${row.q} / ${row.d} / ${row.direct}`];
  };
  const bars = (id: string, title: string, test: TestName): Plot => ({
    id,
    title,
    xLabel: "",
    yLabel: "reward",
    categories: present,
    series: [
      { name: "reward", bars: present.map((name) => parts.bar(name, "reward", { test })) },
      { name: "without phi3", bars: present.map((name) => parts.bar(name, "qos", { test })) },
    ],
    provenance: parts.provenance(present.map((name) => ["headline", name])),
  });
  return [
    {
      id: "comparison",
      page: "comparison",
      title: "All algorithms at the paper's settings (Fig. 7 to 10 at omega 0.1 and three servers)",
      text: [
        '500 test requests per seed, databases and policies frozen. "Regret" is what the better action of every request, in the very same state, would have earned more (without phi3). The oracles are the ones that played from the beginning with their own database: their regret is 0 by construction for the unconstrained one, while the feasible one gives reward away, because a wrong answer at once is worth more than a slow call at these weights.',
      ],
      tables: [
        parts.table("Similar requests, nearest server", present, COLUMNS, {
          test: "similar-nearest",
        }),
        parts.table("Similar requests, all servers asked, the fastest answers", present, COLUMNS, {
          test: "similar-all",
        }),
      ],
      plots: [
        bars("reward-nearest", "Similar requests, nearest server", "similar-nearest"),
        bars("reward-all", "Similar requests, all servers", "similar-all"),
      ],
    },
    {
      id: "new-requests",
      page: "comparison",
      title: "New requests (Table VI)",
      text: [
        "Requests near stored questions that were never asked in training; their distances follow what the paper's own shares imply.",
      ],
      tables: [
        parts.table(
          "New requests, nearest server",
          present,
          COLUMNS,
          { test: "new-nearest" },
          published,
          ["published reward / q / d / direct"],
        ),
      ],
      plots: [bars("reward-new", "New requests, nearest server", "new-nearest")],
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

function weights(parts: ReportParts): readonly Section[] {
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

function servers(parts: ReportParts): readonly Section[] {
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

function sizes(parts: ReportParts): readonly Section[] {
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

function models(parts: ReportParts): readonly Section[] {
  const experiments = MODELS.map(({ name }) => `model-${slug(name)}`);
  if (!parts.has("DLRS-L10", experiments[0])) return [];
  const table: Table = {
    title: "DLRS with other models, similar requests, nearest server",
    columns: [
      "model",
      "assumed direct delay, s",
      "published reward / q / d / direct",
      "reward",
      { title: "satisfaction q", digits: 3 },
      { title: "delay, s", digits: 2 },
      { title: "direct", isPercent: true },
    ],
    rows: MODELS.map(({ name, modelSeconds }, i) => {
      const experiment = experiments[i]!;
      return [
        name,
        String(modelSeconds),
        PUBLISHED_MODELS[name],
        parts.estimate("DLRS-L10", "reward", { experiment }),
        parts.estimate("DLRS-L10", "satisfaction", { experiment }),
        parts.estimate("DLRS-L10", "delay", { experiment }),
        parts.estimate("DLRS-L10", "direct", { experiment }),
      ];
    }),
    provenance: parts.provenance(experiments.map((experiment) => [experiment, "DLRS-L10"])),
  };
  return [
    {
      id: "models",
      page: "models",
      title: "Other models (Table V)",
      text: [
        "The paper gives only what DLRS makes of each model; how long and how good a direct answer of it is, is assumed here.",
      ],
      tables: [table],
      plots: [],
    },
  ];
}

function ablations(parts: ReportParts): readonly Section[] {
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

function executions(parts: ReportParts): readonly Section[] {
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

function grid(parts: ReportParts, claims: readonly ClaimResult[]): readonly Section[] {
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

function product(parts: ReportParts): readonly Section[] {
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

function similarityOf(parts: ReportParts): readonly Section[] {
  const found = parts.results.records().find(({ kind }) => kind === "similarity");
  if (found === undefined) return [];
  const { matrix, ownMean, otherMean, nearestIsOwn, forms } = found.result as SimilarityResult;
  const provenance = parts.provenanceOf([found.id], []);
  return [
    {
      id: "similarity",
      page: "similarity",
      title: "Similar wordings (Fig. 6, Table III)",
      text: [
        `Eight requests against a paraphrase of each in the space of the built-in embedder, L2 distance: own paraphrase ${ownMean.toFixed(2)} on average, others' ${otherMean.toFixed(2)}; the nearest is the own one for ${nearestIsOwn} of ${matrix.length}.`,
        "Satisfaction and delay of A, B and C in Table III come from a real model; in the simulator they are assumptions taken from that table (A 0.06 s, B 7.7 s, C 11.4 s), so that nothing about them is reproduced here. `--dataset` measures them with a model.",
      ],
      tables: [
        {
          title: "Distance of requests (rows) to paraphrases (columns)",
          columns: ["", ...matrix.map((_, i) => String(i + 1))],
          rows: matrix.map((row, i) => ([String(i + 1)] as Cell[]).concat(row)),
          provenance,
        },
        {
          title: "One request in six forms",
          columns: [
            "form",
            "distance to the English one",
            "published q of A = B / C",
            "published delay A / B / C, s",
          ],
          rows: forms.map(({ form, distance }) => [
            form,
            distance,
            PUBLISHED_FORMS[form]?.q ?? "",
            PUBLISHED_FORMS[form]?.delay ?? "",
          ]),
          provenance,
        },
      ],
      plots: [],
    },
  ];
}

function vectorCounts(parts: ReportParts): readonly Section[] {
  const found = parts.results.records().find(({ kind }) => kind === "vector-count");
  if (found === undefined) return [];
  const rows = found.result as readonly VectorCountRow[];
  const provenance = parts.provenanceOf([found.id], [1]);
  const probes = rows[0]?.invertedFile.searches.map((search) => search.probes) ?? [];
  return [
    {
      id: "vectors",
      page: "vectors",
      title: "Cached vectors, query delay and memory (Table I)",
      text: [
        "Published: 3.64, 9.62, 10.60, 11.34 million vectors, query on the edge 0.82, 0.84, 0.83, 0.81 s, in the cloud 1.05, 1.08, 1.03, 1.05 s, answer of the cloud's model 3.34 s, memory 4, 10.4, 11.4, 12.2 GB (Milvus, 128 lists). Here: 10 nearest of unit vectors of 768 float32, one thread of this machine, search alone without embedding or network.",
      ],
      tables: [
        {
          title: "Milliseconds of a query (median), recall of the ten nearest, memory",
          columns: [
            "vectors",
            { title: "exact", digits: 2 },
            ...probes.flatMap((n) => [
              { title: `${n} of 128 lists`, digits: 2 },
              { title: "recall", isPercent: true },
            ]),
            { title: "vectors, MiB", digits: 1 },
            { title: "lists beside them, MiB", digits: 2 },
            { title: "building, s", digits: 1 },
          ],
          rows: rows.map((row) => [
            row.vectors.toLocaleString("en"),
            1000 * row.exact.p50,
            ...row.invertedFile.searches.flatMap(({ delay, recall }) => [1000 * delay.p50, recall]),
            row.bytes.vectors / 2 ** 20,
            row.bytes.invertedFile / 2 ** 20,
            row.invertedFile.buildSeconds,
          ]),
          provenance,
        },
      ],
      plots: [
        {
          id: "vectors",
          title: "Query delay against cached vectors",
          xLabel: "vectors",
          yLabel: "ms",
          logX: true,
          logY: true,
          series: [
            {
              name: "exact",
              points: rows.map(({ vectors, exact }) => ({ x: vectors, y: 1000 * exact.p50 })),
            },
            ...probes.map((n, i) => ({
              name: `${n} of 128 lists`,
              points: rows.map(({ vectors, invertedFile }) => ({
                x: vectors,
                y: 1000 * invertedFile.searches[i]!.delay.p50,
              })),
            })),
          ],
          provenance,
        },
      ],
    },
  ];
}

function overhead(parts: ReportParts): readonly Section[] {
  const found = parts.results.records().find(({ kind }) => kind === "overhead");
  if (found === undefined) return [];
  const { decisions, steps, memory, transfer } = found.result as OverheadResult;
  const provenance = parts.provenanceOf([found.id], [1]);
  const ms = (title: string) => ({ title, digits: 2 });
  return [
    {
      id: "overhead",
      page: "overhead",
      title: "Overhead (section V)",
      text: [
        "Published: decisions LRS 24.1, DLRS-V10 25.5, DLRS 26.2 ms; a training step 16.04 ms on a GPU; 421 MB of GPU memory, 3021 MB of memory; experiences 5.0 KB/s, weights 21,213.9 KB/s while they are sent. Here: one thread. What a decision takes inside workerd is `npm run bench -- decision`.",
        `Memory at most ${(memory.peakBytes / 1e6).toFixed(0)} MB (${(memory.startBytes / 1e6).toFixed(0)} MB before anything was measured). An update of the weights is ${transfer.updateBytes.toLocaleString("en")} bytes; an experience adds ${transfer.experienceBytes.map(({ chains, bytes }) => `${bytes.toFixed(0)} bytes ${chains === 0 ? "without noise (product)" : `with the noise of ${chains} ${chains === 1 ? "chain" : "chains"}`}`).join(", ")} to a pack, its outcome ${transfer.outcomeBytes.toFixed(0)}. With ${transfer.servers} servers and a request every ${transfer.slotSeconds} s that is ${transfer.experiencesKBps.toFixed(2)} KB/s of experiences and ${transfer.weightsKBps.toFixed(2)} KB/s of weights.`,
      ],
      tables: [
        {
          title: "Milliseconds of a decision, median and 95th percentile",
          columns: [
            "head",
            "chains",
            "runtime",
            ms("network p50"),
            ms("p95"),
            ms("as in the paper p50"),
            ms("p95"),
            ms("with guards and verifier p50"),
            ms("p95"),
          ],
          rows: decisions.map(
            ({ algorithm, chains, runtime, network, paper, product: inProduct }) => [
              algorithm,
              String(chains),
              runtime,
              1000 * network.p50,
              1000 * network.p95,
              1000 * paper.p50,
              1000 * paper.p95,
              1000 * inProduct.p50,
              1000 * inProduct.p95,
            ],
          ),
          provenance,
        },
        {
          title: "Milliseconds of a training step",
          columns: [
            "head",
            "samples + demonstrations",
            "threads",
            ms("p50"),
            ms("p95"),
            { title: "weights and moments, MB", digits: 1 },
          ],
          rows: steps.map(({ algorithm, samples, demonstrations, threads, step, stateBytes }) => [
            algorithm,
            `${samples} + ${demonstrations}`,
            String(threads),
            1000 * step.p50,
            1000 * step.p95,
            stateBytes / 1e6,
          ]),
          provenance,
        },
      ],
      plots: [],
    },
  ];
}

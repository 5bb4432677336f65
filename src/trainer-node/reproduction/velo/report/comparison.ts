// All algorithms at the paper's settings, on similar and on new requests.
import { markdownTable } from "../../report/markdown.ts";
import { type BarPlot } from "../../report/plot.ts";
import { type Section } from "../../report/report.ts";
import { HEADLINE_LEARNED, RULES } from "../experiments.ts";
import { type TestName } from "../results.ts";
import { type ReportParts } from "./parts.ts";
import { PUBLISHED_NEW } from "./published.ts";

export const ALL = [...HEADLINE_LEARNED, ...RULES];

/** What the paper prints. */
const PRINTED = [
  { title: "reward", metric: "reward" },
  { title: "satisfaction q", metric: "satisfaction", digits: 3 },
  { title: "delay, s", metric: "delay", digits: 2 },
  { title: "direct calls, %", metric: "direct", isPercent: true },
] as const;

/** What it does not. */
const BEHIND = [
  { title: "reward without phi3", metric: "qos" },
  { title: "regret", metric: "regret" },
  { title: "served (A), %", metric: "served", isPercent: true },
  { title: "wrong, %", metric: "wrongPerRequest", isPercent: true },
] as const;
const ROWS = { title: "rows held", metric: "rows", digits: 0, isBare: true } as const;

const TESTS = {
  "similar-nearest": "similar requests, nearest server",
  "similar-all": "similar requests, all servers",
  "new-nearest": "new requests, nearest server",
} as const;
type Shown = keyof typeof TESTS;

export function comparison(parts: ReportParts): readonly Section[] {
  const present = ALL.filter((name) => parts.has(name));
  if (present.length === 0) return [];
  const tables = (test: Shown) => [
    parts.table(`What the paper prints: ${TESTS[test]}`, present, PRINTED, { test }),
    parts.table(
      `What stands behind it: ${TESTS[test]}`,
      present,
      test === "similar-nearest" ? [...BEHIND, ROWS] : BEHIND,
      { test },
    ),
  ];
  return [
    {
      id: "rewards",
      page: "comparison",
      title: "All algorithms at the paper's settings",
      text: [
        "Fig. 7 to 10 at omega 0.1 and three servers, Table VI. 500 test requests per seed (fewer in a quick run), databases and policies frozen. The best stand first; without phi3 the penalty of direct calls is left out.",
        ...parts.verdicts("S3", "S4", "S5a", "S7", "N8", "N10", "N12", "N17", "N20"),
      ],
      tables: [],
      plots: (Object.keys(TESTS) as readonly Shown[]).map((test) => rewards(parts, present, test)),
    },
    {
      id: "satisfaction-gains",
      page: "comparison",
      title: "How much more DLRS satisfies",
      text: [
        "DLRS-L10's satisfaction against each baseline's, per cent of the baseline's: what the paper gives, and ours.",
        ...parts.verdicts("N9", "N11"),
      ],
      tables: [],
      plots: [
        ...gains(parts, "N9", "nearest server (Fig. 7)"),
        ...gains(parts, "N11", "all servers (Fig. 8)"),
      ],
    },
    {
      id: "comparison",
      page: "comparison",
      title: "Similar requests in figures",
      text: [
        '"Regret" is what the better action of every request, in the very same state, would have earned more (without phi3). The oracles are the ones that played from the beginning with their own database: the unconstrained one has no regret by construction, while the feasible one gives reward away, because a wrong answer at once is worth more than a slow call at these weights. "Wrong" are stored answers served though they were wrong, of all requests. "Rows held" are what a database holds after training: an algorithm that hardly ever calls the model directly stores little, and literal eviction takes the rest.',
      ],
      tables: [...tables("similar-nearest"), ...tables("similar-all")],
      plots: [],
    },
    {
      id: "new-requests",
      page: "comparison",
      title: "New requests in figures (Table VI)",
      text: [
        "Requests near stored questions that were never asked in training; their distances follow what the paper's own shares imply. Published in Table VI:",
        tableSix(),
        "The published reward of LRS does not follow from its own q, d and share of direct calls with any phi3 that fits the other rows, nor does DLRS's quite.",
      ],
      tables: tables("new-nearest"),
      plots: [],
    },
  ];
}

/** The best first. */
function rewards(parts: ReportParts, present: readonly string[], test: TestName & Shown): BarPlot {
  const rewardOf = (name: string) => parts.estimate(name, "reward", { test })?.mean ?? -Infinity;
  const ranked = present.toSorted((a, b) => rewardOf(b) - rewardOf(a));
  return {
    id: `reward-${test === "new-nearest" ? "new" : test.replace("similar-", "")}`,
    title: `Reward on ${TESTS[test]}`,
    xLabel: "",
    yLabel: "reward",
    categories: ranked,
    series: [
      { name: "reward", bars: ranked.map((name) => parts.bar(name, "reward", { test })) },
      { name: "without phi3", bars: ranked.map((name) => parts.bar(name, "qos", { test })) },
    ],
    provenance: parts.provenance(ranked.map((name) => ["headline", name])),
  };
}

/** Of the claims that begin with `id` and name a baseline; none where they were not judged. */
function gains(parts: ReportParts, id: string, where: string): readonly BarPlot[] {
  const claims = parts.claims.filter((claim) => claim.id.startsWith(`${id} `));
  if (claims.length === 0) return [];
  return [
    {
      id: `satisfaction-gain-${id.toLowerCase()}`,
      title: `DLRS-L10's satisfaction over each baseline's, ${where}`,
      xLabel: "",
      yLabel: "per cent",
      categories: claims.map((claim) => claim.id.slice(id.length + 1)),
      series: [
        { name: "published", bars: claims.map((claim) => ({ y: percentIn(claim.published) })) },
        {
          name: "measured",
          bars: claims.map(({ estimate, interval }) => {
            if (estimate === null) return null;
            const bar = { y: 100 * estimate };
            return interval === null
              ? bar
              : { ...bar, low: 100 * interval[0], high: 100 * interval[1] };
          }),
        },
      ],
      provenance: parts.provenanceOf(claims.flatMap((claim) => claim.jobs)),
    },
  ];
}

/** 6.4 of "+6.4 %". */
const percentIn = (published: string): number => Number.parseFloat(published);

function tableSix(): string {
  return markdownTable(
    ["algorithm", "reward", "satisfaction q", "delay, s", "direct calls, %"],
    Object.entries(PUBLISHED_NEW).map(([name, { reward, q, d, direct }]) => [
      name,
      reward.toFixed(2),
      q.toFixed(2),
      d.toFixed(2),
      (100 * direct).toFixed(0),
    ]),
    [false, true, true, true, true],
  );
}

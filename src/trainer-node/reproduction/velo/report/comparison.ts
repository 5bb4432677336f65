// All algorithms at the paper's settings, on similar and on new requests.
import { type Plot } from "../../report/plot.ts";
import { type Section } from "../../report/report.ts";
import { HEADLINE_LEARNED, RULES } from "../experiments.ts";
import { type TestName } from "../results.ts";
import { type ReportParts } from "./parts.ts";
import { PUBLISHED_NEW } from "./published.ts";

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

export function comparison(parts: ReportParts): readonly Section[] {
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

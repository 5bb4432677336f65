// What happens with more services, and in worlds where what schedulers know is wrong.
import { type LinePlot } from "../../report/plot.ts";
import { type Cell, type Section, type Table } from "../../report/report.ts";
import { ALGORITHM_NAMES } from "../algorithms.ts";
import { COMPARED } from "../experiments.ts";
import { type Figures, type SoFar } from "../figures.ts";
import {
  CHECKPOINTS,
  FADE_SECONDS,
  LOADS,
  type Network,
  NETWORK_NAMES,
  SLOT_SECONDS,
} from "../settings.ts";
import { CHANGED_WORLDS } from "../worlds.ts";
import { metricsTable } from "./comparison.ts";
import { type ReportParts } from "./parts.ts";
import { bestSimple, leadOverBest, SIMPLE_RULES, simpleSuccess } from "./simple-rules.ts";

const OVER_LOAD = [
  ["seconds", "Mean processing time", "seconds", (one: Figures) => one.seconds],
  ["energy", "Energy of a request", "joules", (one: Figures) => one.joules],
  ["success", "Answered within the deadline", "per cent", (one: Figures) => 100 * one.success],
] as const;

export function services(parts: ReportParts): readonly Section[] {
  if (!LOADS.some((users) => parts.has({ users, network: "fluctuating" }))) return [];
  return [
    {
      id: "services",
      page: "services",
      title: "Against the number of services",
      text: [
        `Fig. 2 and Fig. 4. Services at a time: ${LOADS.join(", ")} users in a closed loop, Yi-6B at the edges. Services so far: the figures after each tenth of a run of 104 users.`,
        ...parts.verdicts("S7", "S8", "S9"),
      ],
      tables: NETWORK_NAMES.flatMap((network) =>
        OVER_LOAD.map(([, title, unit, of]) => loadTable(parts, network, `${title}, ${unit}`, of)),
      ),
      plots: [
        ...NETWORK_NAMES.flatMap((network) =>
          OVER_LOAD.map(([id, title, unit, of]) => overLoad(parts, network, id, title, unit, of)),
        ),
        soFar(parts, "seconds", "Mean processing time so far", "seconds", ({ seconds }) => seconds),
        soFar(parts, "regret", "Regret so far, in all", "units of 20 J", ({ regret }) => regret),
      ],
    },
  ];
}

function loadTable(
  parts: ReportParts,
  network: Network,
  title: string,
  of: (figures: Figures) => number,
): Table {
  const wheres = LOADS.map((users) => ({ users, network }));
  const shown = COMPARED.filter((name) => wheres.some((where) => parts.estimate(name, of, where)));
  return {
    title: `${title}, ${network} bandwidth, by services at a time`,
    columns: ["", ...LOADS.map((users) => ({ title: String(users), digits: 2 }))],
    rows: shown.map((name) =>
      [name as Cell].concat(wheres.map((where) => parts.estimate(name, of, where)?.mean ?? null)),
    ),
    provenance: parts.provenance(wheres),
  };
}

/** Who goes first among requests that are decided together. */
export function order(parts: ReportParts): readonly Section[] {
  const names = ["PerLLM", "PerLLM-slots-arrival", "PerLLM-slots"] as const;
  const wheres = NETWORK_NAMES.flatMap((network) =>
    LOADS.map((users) => ({ users, network })).filter((where) => parts.has(where)),
  );
  if (wheres.length === 0) return [];
  const success = ({ success: share }: Figures) => share;
  return [
    {
      id: "order",
      page: "services",
      title: "Processing order",
      text: [
        `Algorithm 1 sorts the services that wait. Where each is decided as it comes there is nothing to sort; here PerLLM gathers them for ${SLOT_SECONDS} s, and assigns them in the order of arrival or the one with the least slack first. Gathering costs half a slot.`,
        ...parts.verdicts("O14"),
      ],
      tables: [
        {
          title: "Answered within the deadline, %",
          columns: [
            "services at a time",
            ...["as they come", "slots, in order of arrival", "slots, tightest first"].map(
              (title) => ({ title, isPercent: true, digits: 1 }),
            ),
            { title: "tightest first less arrival, points", isPercent: true, digits: 2 },
          ],
          rows: wheres.map((where) =>
            [`${where.users}, ${where.network}` as Cell].concat(
              names.map((name) => parts.estimate(name, success, where)),
              parts.lead("PerLLM-slots", "PerLLM-slots-arrival", success, where),
            ),
          ),
          provenance: parts.provenance(wheres),
        },
      ],
      plots: [],
    },
  ];
}

function overLoad(
  parts: ReportParts,
  network: Network,
  id: string,
  title: string,
  unit: string,
  of: (figures: Figures) => number,
): LinePlot {
  const wheres = LOADS.map((users) => ({ users, network }));
  const shown = COMPARED.filter((name) => wheres.some((where) => parts.estimate(name, of, where)));
  return {
    id: `services-${id}-${network}`,
    title: `${title}, ${network} bandwidth`,
    xLabel: "services at a time",
    yLabel: unit,
    series: shown.map((name) => ({
      name,
      points: wheres.flatMap((where) => parts.point(where.users, name, of, where)),
    })),
    provenance: parts.provenance(wheres),
  };
}

function soFar(
  parts: ReportParts,
  id: string,
  title: string,
  unit: string,
  of: (part: SoFar) => number,
): LinePlot {
  return {
    id: `so-far-${id}`,
    title,
    xLabel: "services so far",
    yLabel: unit,
    series: parts.present(COMPARED).map((name) => ({
      name,
      points: Array.from({ length: CHECKPOINTS }, (_, i) => i).flatMap((i) => {
        const at = parts.estimate(name, (one) => one.soFar![i]!.requests);
        return at === null ? [] : parts.point(at.mean, name, (one) => of(one.soFar![i]!));
      }),
    })),
    provenance: parts.provenance([{}]),
  };
}

const WORLDS: Readonly<Record<string, string>> = {
  throttled: "every 30 s another server is three times slower for 30 s",
  misinformed: "the edges take 0.5 to 2.4 times what schedulers are told",
  "throttled-fluctuating": "throttled, on a fluctuating network",
  wandering: "inference times of each server wander (exp of an AR(1), sigma 0.5, every 5 s)",
  "prompt-bound":
    "an edge's inference takes as long as the prompt, relative to the mean; schedulers are told the mean",
  congested: "every 30 s another link carries a quarter of its rate for 30 s",
  "hidden-wait":
    "every 30 s another server lets requests wait 2 s for work of others, which no queue and no measured inference shows",
  "old-news":
    "four gateways, each with a bandit of its own, see the servers up to a second late and add their own requests",
  "throttled-old-news": "throttled, through those gateways",
  "throttled-quiet": "throttled, with 26 users: no queue shows who is slow",
  "misinformed-quiet": "misinformed, with 26 users",
  "idle-power": "the paper's world; idle servers draw power (30 W an edge, 60 W the cloud)",
};

export function drifts(parts: ReportParts): readonly Section[] {
  const present = Object.keys(CHANGED_WORLDS).filter((drift) => parts.has({ drift }));
  if (present.length === 0) return [];
  return [
    {
      id: "drifts",
      page: "drifts",
      title: "Where what schedulers know is wrong, changes, or is late",
      text: [
        "Here a bandit could earn its place. LPC predicts from what it is told, LPC-measured and PerLLM from what was measured lately of each server and link; PerLLM-told has its bandit alone; LPC-corrected adds by how much its predictions were wrong lately. All meet the same requests, so that differences are paired by seed. With as many worlds, one comparison in forty would agree by chance.",
        present.map((drift) => `- ${drift}: ${WORLDS[drift] ?? ""}.`).join("\n"),
        `What was measured of a server stays true until it answers again: one that was slow is left, and nobody learns that it has recovered, unless by trying it. In the third table what was measured goes back to what is told by half in ${FADE_SECONDS} s without an answer. It was added when the figures of the first had been seen, and so was the table of the best LPC, which is picked in each world after the fact.`,
        ...parts.verdicts("O4", "O5", "O6", "O11", "O12", "O13", "O15", "O16"),
      ],
      tables: [leads(parts, present), bestTable(parts, present)]
        .concat(fadingTable(parts, present))
        .concat(present.map((drift) => metricsTable(parts, drift, ALGORITHM_NAMES, { drift })))
        .concat(present.includes("idle-power") ? [idleTable(parts, "idle-power")] : []),
      plots: [],
    },
  ];
}

/** What the bandit is worth, knowing as much and as little as what it is compared with. */
function leads(parts: ReportParts, present: readonly string[]): Table {
  const success = ({ success: share }: Figures) => share;
  const seconds = ({ seconds: mean }: Figures) => mean;
  const joules = ({ joules: mean }: Figures) => mean;
  const columns = [
    ["PerLLM - LPC-measured: success, points", "PerLLM", "LPC-measured", success],
    ["time, s", "PerLLM", "LPC-measured", seconds],
    ["energy, J", "PerLLM", "LPC-measured", joules],
    ["PerLLM-retry - LPC-measured: success, points", "PerLLM-retry", "LPC-measured", success],
    ["PerLLM-told - LPC: success, points", "PerLLM-told", "LPC", success],
    ["PerLLM - LPC-corrected: success, points", "PerLLM", "LPC-corrected", success],
    ["PerLLM-by-class - LPC-by-class: success, points", "PerLLM-by-class", "LPC-by-class", success],
  ] as const;
  return {
    title: "PerLLM less least predicted completion, the same requests",
    columns: [
      "world",
      ...columns.map(([title, , , of]) => ({ title, isPercent: of === success, digits: 2 })),
    ],
    rows: present.map((drift) =>
      [drift as Cell].concat(
        columns.map(([, name, other, of]) => parts.lead(name, other, of, { drift })),
      ),
    ),
    provenance: parts.provenance(present.map((drift) => ({ drift }))),
  };
}

/** PerLLM beside the LPC that turned out best. */
const bestTable = (parts: ReportParts, present: readonly string[]): Table => ({
  title: "Every LPC, answered within the deadline, %; and PerLLM less the best of them, points",
  columns: [
    "world",
    ...SIMPLE_RULES.map((title) => ({ title, isPercent: true, digits: 1 })),
    "best",
    ...["PerLLM - best", "PerLLM-retry - best"].map((title) => ({
      title,
      isPercent: true,
      digits: 2,
    })),
  ],
  rows: present.map((drift) => [
    drift,
    ...simpleSuccess(parts, drift),
    bestSimple(parts, drift),
    leadOverBest(parts, "PerLLM", drift),
    leadOverBest(parts, "PerLLM-retry", drift),
  ]),
  provenance: parts.provenance(present.map((drift) => ({ drift }))),
});

/** What is left of PerLLM's lead when nobody has to try in order to forget; no table before it ran. */
function fadingTable(parts: ReportParts, present: readonly string[]): readonly Table[] {
  const ran = present.filter((drift) => parts.has({ drift, isFading: true }));
  if (ran.length === 0) return [];
  const success = ({ success: share }: Figures) => share;
  const wheres = ran.map((drift) => ({ drift, isFading: true }));
  return [
    {
      title: "The same, where measurements fade: answered within the deadline, %",
      columns: [
        "world",
        ...["LPC-measured, not fading", "LPC-measured", "PerLLM", "PerLLM-retry"].map((title) => ({
          title,
          isPercent: true,
          digits: 1,
        })),
        { title: "PerLLM - LPC-measured, points", isPercent: true, digits: 2 },
        { title: "PerLLM-retry - LPC-measured, points", isPercent: true, digits: 2 },
      ],
      rows: wheres.map((where) => [
        where.drift,
        parts.estimate("LPC-measured", success, { drift: where.drift }),
        parts.estimate("LPC-measured", success, where),
        parts.estimate("PerLLM", success, where),
        parts.estimate("PerLLM-retry", success, where),
        parts.lead("PerLLM", "LPC-measured", success, where),
        parts.lead("PerLLM-retry", "LPC-measured", success, where),
      ]),
      provenance: parts.provenance(wheres),
    },
  ];
}

const idleTable = (parts: ReportParts, drift: string): Table => ({
  title: "Energy of a request with that of idle slots, J",
  columns: ["algorithm", { title: "busy", digits: 1 }, { title: "busy and idle", digits: 1 }],
  rows: parts
    .present(ALGORITHM_NAMES, { drift })
    .map((name) => [
      name,
      parts.estimate(name, ({ joules }) => joules, { drift }),
      parts.estimate(name, ({ joules, idleJoules }) => joules + idleJoules, { drift }),
    ]),
  provenance: parts.provenance([{ drift }]),
});

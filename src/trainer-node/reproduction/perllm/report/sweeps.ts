// What happens with more services, and in worlds where what schedulers know is wrong.
import { type LinePlot } from "../../report/plot.ts";
import { type Section, type Table } from "../../report/report.ts";
import { ALGORITHM_NAMES } from "../algorithms.ts";
import { COMPARED } from "../experiments.ts";
import { type Figures, type SoFar } from "../figures.ts";
import { CHECKPOINTS, LOADS, type Network, NETWORK_NAMES } from "../settings.ts";
import { CHANGED_WORLDS } from "../worlds.ts";
import { metricsTable } from "./comparison.ts";
import { type ReportParts } from "./parts.ts";

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
      tables: [],
      plots: [
        ...NETWORK_NAMES.flatMap((network) =>
          OVER_LOAD.map(([id, title, unit, of]) => overLoad(parts, network, id, title, unit, of)),
        ),
        soFar(parts, "seconds", "Mean processing time so far", "seconds", ({ seconds }) => seconds),
        soFar(parts, "regret", "Regret so far, in all", "20 J", ({ regret }) => regret),
      ],
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
        const at = parts.estimate(name, (one) => one.soFar[i]!.requests);
        return at === null ? [] : parts.point(at.mean, name, (one) => of(one.soFar[i]!));
      }),
    })),
    provenance: parts.provenance([{}]),
  };
}

const WORLDS: Readonly<Record<string, string>> = {
  throttled: "Every 30 s another server is three times slower for 30 s.",
  misinformed: "The edges take 0.5 to 2.4 times what schedulers are told.",
  "throttled-fluctuating": "Throttled, on a fluctuating network.",
  "idle-power":
    "The paper's world, in which idle servers draw power (30 W an edge, 60 W the cloud).",
};

export function drifts(parts: ReportParts): readonly Section[] {
  const present = Object.keys(CHANGED_WORLDS).filter((drift) => parts.has({ drift }));
  if (present.length === 0) return [];
  return [
    {
      id: "drifts",
      page: "drifts",
      title: "Where inference times are unknown, or change",
      text: [
        "Here a bandit could earn its place: LPC predicts from what it is told, LPC-measured and PerLLM from what was measured lately.",
        present.map((drift) => `- ${drift}: ${WORLDS[drift] ?? ""}`).join("\n"),
        ...parts.verdicts("O4", "O5", "O6"),
      ],
      tables: present
        .map((drift) => metricsTable(parts, drift, ALGORITHM_NAMES, { drift }))
        .concat(present.includes("idle-power") ? [idleTable(parts, "idle-power")] : []),
      plots: [],
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

// What the parts of the router are worth, and what happens to it in fleets that it was not trained with.
import { type LinePlot } from "../../report/plot.ts";
import { type Cell, type Section, type Table } from "../../report/report.ts";
import { AGAIN, COMPARED, ORDERS } from "../experiments.ts";
import { type Where } from "../figures.ts";
import { FLEET_SIZES, LOAD_NAMES, LOADS, USUAL_FLEET } from "../settings.ts";
import { METRICS } from "./loads.ts";
import { labelOf, type ReportParts } from "./parts.ts";

const ABLATED = ["graph", "graph-no-impact", "graph-potential", "flat", ...AGAIN] as const;
const IN_FLEETS = [
  "graph",
  "graph-no-impact",
  "flat",
  "priced-or-drop",
  "impact-or-drop",
  "greedy-or-drop",
  "greedy-score",
  "least-completion",
  "shortest-queue",
  "oracle",
] as const;

export function ablations(parts: ReportParts): readonly Section[] {
  const wheres = LOAD_NAMES.map((load) => ({ load, where: { rate: LOADS[load] } }));
  const present = wheres.filter(({ where }) => parts.has(where));
  if (present.length === 0) return [];
  return [
    {
      id: "ablations",
      page: "ablations",
      title: "Without the impact estimator, without the graph",
      text: [
        "Poisson arrivals. `graph-2` and `flat-2` are the same networks trained again from another start, with other episodes: what lies between a network and its twin is what a single training cannot decide. `graph-no-impact` learns from QoS alone and is not told of impacts. `flat` reads the features of the padded graph side by side.",
        ...parts.verdicts("T2", "T2q", "O4", "O5"),
      ],
      tables: present.map(({ load, where }) =>
        parts.table(`${load} load`, ABLATED, where, METRICS),
      ),
      plots: [],
    },
    ...order(parts),
    ...fleets(parts),
  ];
}

function order(parts: ReportParts): readonly Section[] {
  const shown = parts.present(["graph", "flat", ...ORDERS]);
  if (shown.length < 4) return [];
  return [
    {
      id: "order",
      page: "ablations",
      title: "The same experts in another order",
      text: ["Medium load. Nothing but the order in which the network meets the experts differs."],
      tables: [parts.table("Order of the experts", shown, {}, METRICS)],
      plots: [],
    },
  ];
}

function fleets(parts: ReportParts): readonly Section[] {
  const wheres = FLEET_SIZES.map((experts): Where => ({ experts }));
  if (!wheres.every((where) => parts.has(where))) return [];
  const table: Table = {
    title: "Mean QoS by number of experts",
    columns: ["router", ...FLEET_SIZES.map((count) => ({ title: String(count), digits: 3 }))],
    rows: COMPARED.map((name) =>
      [labelOf(name) as Cell].concat(
        wheres.map((where) => parts.estimate(name, ({ meanQos }) => meanQos, where)),
      ),
    ),
    provenance: parts.provenance(wheres),
  };
  const plot: LinePlot = {
    id: "fleets",
    title: `Mean QoS by number of experts, trained with ${USUAL_FLEET}`,
    xLabel: "experts",
    yLabel: "QoS",
    series: parts.present(IN_FLEETS).map((name) => ({
      name: labelOf(name),
      points: wheres.flatMap((where) =>
        parts.point(where.experts!, name, ({ meanQos }) => meanQos, where),
      ),
    })),
    provenance: parts.provenance(wheres),
  };
  return [
    {
      id: "fleets",
      page: "ablations",
      title: "More experts without training again",
      text: [
        "Medium load: requests come in proportion to the number of experts. The graph network takes any number; `flat` has places for three and sends everything to the first three of a larger fleet, so what it loses there follows from what it is.",
        ...parts.verdicts("T3", "O3"),
      ],
      tables: [table],
      plots: [plot],
    },
  ];
}

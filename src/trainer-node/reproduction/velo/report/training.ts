// Training curves.
import { type LinePlot } from "../../report/plot.ts";
import { type Section } from "../../report/report.ts";
import { HEADLINE_LEARNED } from "../experiments.ts";
import { RECORDING_INTERVAL } from "../settings.ts";
import { type ReportParts } from "./parts.ts";

export function trainingCurves(parts: ReportParts): readonly Section[] {
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
    families
      .filter(([, , names]) => names.length > 0)
      .map(([family, which, names]) => ({
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
        `Means over seeds, one point every ${RECORDING_INTERVAL} rounds (a request at each server); what is drawn is the acting policy itself, exploration and all. G-MAPPO, LRS and DLRS learn from demonstrations as well, MAPPO, T-MAPPO and the three-way head do not.`,
        ...parts.verdicts("S1", "S2"),
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

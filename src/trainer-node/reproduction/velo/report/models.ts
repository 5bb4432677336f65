// Other models behind the gateway.
import { type Cell, type Section, type Table } from "../../report/report.ts";
import { slug } from "../experiments.ts";
import { MODELS } from "../settings.ts";
import { type Metric, type ReportParts } from "./parts.ts";
import { PUBLISHED_MODELS, asPrinted, percentPrinted } from "./published.ts";

export function models(parts: ReportParts): readonly Section[] {
  const experiments = MODELS.map(({ name }) => `model-${slug(name)}`);
  if (!parts.has("DLRS-L10", experiments[0])) return [];
  const table: Table = {
    title: "DLRS-L10 with other models, similar requests, nearest server",
    columns: [
      "model",
      "",
      { title: "reward", digits: 2 },
      { title: "satisfaction q", digits: 3 },
      { title: "delay, s", digits: 2 },
      { title: "direct calls, %", isPercent: true, digits: 0 },
    ],
    rows: MODELS.flatMap(({ name }, i): readonly (readonly Cell[])[] => {
      const { reward, q, d, direct } = PUBLISHED_MODELS[name];
      const of = (metric: Metric) =>
        parts.estimate("DLRS-L10", metric, { experiment: experiments[i]! });
      return [
        [name, "published", ...asPrinted(reward, q, d), percentPrinted(direct)],
        ["", "here", of("reward"), of("satisfaction"), of("delay"), of("direct")],
      ];
    }),
    provenance: parts.provenance(experiments.map((experiment) => [experiment, "DLRS-L10"])),
  };
  const assumed = MODELS.map(
    ({ name, modelSeconds, direct, helped }) =>
      `${name} ${modelSeconds} s, q ${direct} (${helped} with notes)`,
  );
  return [
    {
      id: "models",
      page: "models",
      title: "Other models (Table V)",
      text: [
        `The paper gives only what DLRS makes of each model. How long and how good a direct answer of it is, is assumed here: ${assumed.join("; ")}.`,
        ...parts.verdicts("N16"),
      ],
      tables: [table],
      plots: [],
    },
  ];
}

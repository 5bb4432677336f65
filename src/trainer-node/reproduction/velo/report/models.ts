// Other models behind the gateway.
import { type Section, type Table } from "../../report/report.ts";
import { slug } from "../experiments.ts";
import { MODELS } from "../settings.ts";
import { type ReportParts } from "./parts.ts";
import { PUBLISHED_MODELS } from "./published.ts";

export function models(parts: ReportParts): readonly Section[] {
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

// How the networks learnt, and how long it took.
import { type LinePlot } from "../../report/plot.ts";
import { type Section } from "../../report/report.ts";
import { type CurvePoint } from "../figures.ts";
import { NETWORK_NAMES } from "../networks.ts";
import { TRAINING } from "../settings.ts";
import { type ReportParts } from "./parts.ts";

export function training(parts: ReportParts): readonly Section[] {
  const trained = NETWORK_NAMES.flatMap((name) => {
    const record = parts.results.training(name);
    return record === null ? [] : [{ name, record }];
  });
  if (trained.length === 0) return [];
  const provenance = parts.provenanceOf(trained.map(({ record }) => record));
  const plot = (
    id: string,
    title: string,
    yLabel: string,
    of: (point: CurvePoint) => number | null,
  ): LinePlot => ({
    id,
    title,
    xLabel: "decisions",
    yLabel,
    series: trained
      .map(({ name, record }) => ({
        name,
        points: record.result.curve.flatMap((point) => {
          const y = of(point);
          return y === null ? [] : [{ x: point.decisions, y }];
        }),
      }))
      .filter(({ points }) => points.length > 0),
    provenance,
  });
  const entropy = plot("curve-entropy", "Entropy of the policy", "nats", (one) => one.entropy);
  return [
    {
      id: "training",
      page: "training",
      title: "Training",
      text: [
        `Discrete soft actor-critic on three experts. Episodes of ${TRAINING.episodeRequests} requests at ${TRAINING.rates.join(", ")} requests per second in turn; a point of the curves is the mean of an episode at each rate, of the acting policy with its exploration. Rewards of different networks are not the same thing: with the penalty they are lower by what was broken.`,
      ],
      tables: [
        {
          title: "Trainings, each a process with one thread",
          columns: [
            "network",
            { title: "minutes", digits: 1 },
            { title: "decisions", digits: 0 },
            { title: "updates", digits: 0 },
            { title: "parameters of the actor", digits: 0 },
          ],
          rows: trained.map(({ name, record: { result } }) => [
            name,
            result.seconds / 60,
            result.curve.at(-1)?.decisions ?? null,
            result.updates,
            result.parameters,
          ]),
          provenance,
        },
      ],
      plots: [
        plot("curve-qos", "QoS while training", "QoS", ({ qos }) => qos),
        plot("curve-reward", "Reward while training", "reward", ({ reward }) => reward),
        ...(entropy.series.length > 0 ? [entropy] : []),
      ],
    },
  ];
}

// The printed form of `evaluate routing`.
import { LEVELS } from "../../src/trainer-node/evaluation/routing-coverage.ts";
import {
  NON_INFERIORITY_MARGIN,
  type RoutingReport,
  type Verdict,
} from "../../src/trainer-node/evaluation/routing.ts";
import {
  type Estimate,
  type RouteFigures,
} from "../../src/trainer-node/evaluation/routing-meter.ts";
import { columns, percent, percentRange, points } from "./columns.ts";

export interface RoutingFigures extends RoutingReport {
  readonly source: string;
  readonly embedder: string;
  readonly commit: string;
  readonly seconds: number;
  /** Of answers whose length the file does not tell. */
  readonly answerTokens: number;
  readonly hasLengths: boolean;
  /** Models left out because they have no price. */
  readonly unpriced: readonly string[];
}

export function formatRouting(report: RoutingFigures): string {
  const { calibration, measured, leftOut, unpriced, models, routers } = report;
  return [
    `routing of ${report.source}, commit ${report.commit}, ${report.seconds.toFixed(1)} s`,
    `embedder ${report.embedder}, ${models.length} models`,
    ...(leftOut.length === 0
      ? []
      : [
          `left out, because some questions lack them: ${leftOut.map(({ model }) => model).join(", ")}`,
        ]),
    ...(unpriced.length === 0
      ? []
      : [`left out, because they have no price: ${unpriced.join(", ")}`]),
    `learnt from ${calibration.questions} questions, measured on ${measured.questions}`,
    report.hasLengths
      ? "tokens of answers are a quarter of their characters"
      : `the file tells no lengths: every answer counts ${report.answerTokens} tokens`,
    "",
    "Quality (%), US dollars per 1,000 requests, and seconds by a model of delays, not measured; 95 % intervals",
    columns([
      ["", "", "quality", "cost", "seconds", "quality against the best single"],
      ...routers.map(({ name, note, figures, gain }, i) =>
        [name, note].concat(
          cells(figures),
          i === 0 ? "" : `${points(gain.quality.value)} ${percentRange(gain.quality.interval)}`,
        ),
      ),
    ]),
    "",
    "Models alone, best of the calibration half first",
    columns([
      ["model", "quality", "cost", "seconds"],
      ...models.map(({ name, figures }) => [name].concat(cells(figures))),
    ]),
    ...curveLines(report),
    ...trustLines(report),
    "",
    ...verdictLines(report),
  ].join("\n");
}

const cells = ({ quality, cost, delay }: RouteFigures): readonly string[] => [
  `${percent(quality.value)} ${percentRange(quality.interval)}`,
  cost === null ? "-" : dollars(cost.value),
  delay === null ? "-" : delay.value.toFixed(2),
];

const dollars = (value: number): string => value.toPrecision(3);

function curveLines({ curves }: RoutingFigures): readonly string[] {
  const worths = curves[0]!.points.map(({ worth }) => worth);
  if (worths.length < 2) return [];
  return [
    "",
    "Quality (%) against cost (US dollars per 1,000 requests), by what the dearest model's extra cost is worth in quality",
    columns([
      ["worth", ...curves.map(({ name }) => name)],
      ...worths.map((worth, w) =>
        [String(worth)].concat(
          curves.map(({ points: curve }) => {
            const { quality, cost } = curve[w]!.figures;
            return `${percent(quality.value)} at ${dollars(cost!.value)}`;
          }),
        ),
      ),
    ]),
  ];
}

function trustLines({ trust: { scores, lengths } }: RoutingFigures): readonly string[] {
  const shares = ({ inside }: { readonly inside: readonly number[] }) =>
    inside.map((share) => percent(share)).join(" ");
  const mean = (values: readonly number[]) => values.reduce((sum, v) => sum + v, 0) / values.length;
  const middle = (
    models: readonly { readonly coverage: { readonly inside: readonly number[] } }[],
  ) =>
    LEVELS.map((_, l) => percent(mean(models.map(({ coverage }) => coverage.inside[l]!)))).join(
      " ",
    );
  const levels = LEVELS.map((level) => 100 * level).join(", ");
  return [
    "",
    `Predicted scores (${scores.predictor}): % of the measured half inside intervals for ${levels} %; width is that of 80 %`,
    columns([
      ["model", "inside", "width", "calibration error"],
      ...scores.models.map(({ name, coverage, calibrationError }) => [
        name,
        shares(coverage),
        coverage.width[1]!.toFixed(2),
        calibrationError.toFixed(3),
      ]),
      ["mean of the models", middle(scores.models), "", ""],
    ]),
    ...(lengths === null
      ? []
      : [
          "",
          `Predicted lengths of answers (${lengths.predictor}): the same; width of 80 % as longest over shortest, error as ln`,
          columns([
            ["model", "inside", "width", "error", "of the model's mean"],
            ...lengths.models.map(({ name, coverage, error, errorOfMean }) => [
              name,
              shares(coverage),
              Math.exp(coverage.width[1]!).toFixed(2),
              error.toFixed(3),
              errorOfMean.toFixed(3),
            ]),
            ["mean of the models", middle(lengths.models), "", "", ""],
          ]),
        ]),
  ];
}

function verdictLines({ better, cheaper, routers, curves }: RoutingFigures): readonly string[] {
  const single = routers[0]!.note;
  const hasCosts = curves[0]!.points[0]!.figures.cost !== null;
  return [
    ...wrapped(betterSentence(better, single, hasCosts)),
    ...(cheaper === null ? [] : wrapped(cheaperSentence(cheaper, single))),
  ];
}

/** Whether a router beats the best single model at equal or lower cost, in plain words. */
export function betterSentence(
  { router, worth, gain, costBefore }: Verdict,
  single: string,
  hasCosts: boolean,
): string {
  const { low, high } = gain.quality.interval;
  const quality = `${points(gain.quality.value)} points of quality ${percentRange(gain.quality.interval)}`;
  const isDearer = (gain.cost?.value ?? 0) > 0;
  const price = hasCosts ? ` at ${relative(gain.cost!, costBefore!)} cost` : "";
  const how = `${router}${hasCosts ? ` with a worth of ${worth}` : ""}, chosen on the calibration half, has ${quality}${price}`;
  if (isDearer && low > 0)
    return `A router is better than ${single}, the best single model, but dearer on the measured half: ${how}.`;
  if (low > 0)
    return `Yes: a router beats ${single}, the best single model${hasCosts ? ", at equal or lower cost" : " (costs unknown)"}: ${how}.`;
  if (high < 0)
    return `No: no router beats ${single}, the best single model; the best one is worse: ${how}.`;
  const isCheaper = hasCosts && gain.cost!.interval.high < 0;
  if (isCheaper && low >= -NON_INFERIORITY_MARGIN)
    return (
      `Equal at lower cost, not shown to be better than ${single}, the best single model: ${how}; even at the lower end it is worse by less than ` +
      `${percent(NON_INFERIORITY_MARGIN)} points, the margin fixed beforehand.`
    );
  return `Not shown: no router is surely better than ${single}, the best single model: ${how}.`;
}

/** What can be saved without losing quality. */
export function cheaperSentence(
  { router, worth, gain, costBefore }: Verdict,
  single: string,
): string {
  const { low, high } = gain.quality.interval;
  const change = `${relative(gain.cost!, costBefore!)} cost`;
  const verdict =
    high < 0
      ? "which is worse"
      : low >= 0
        ? "which is no worse"
        : `which is at most ${percent(-low)} points worse: ${-low <= NON_INFERIORITY_MARGIN ? "inside" : "not inside"} the margin of ${percent(NON_INFERIORITY_MARGIN)} points that counts as equal`;
  return (
    `The cheapest router that was no worse than ${single} on the calibration half, ${router} with a worth of ${worth}, has ${change} ` +
    `and ${points(gain.quality.value)} points of quality ${percentRange(gain.quality.interval)}, ${verdict}.`
  );
}

/** "12 % lower", "the same": a difference of costs and its interval, as a share of what it is compared with. */
function relative({ value, interval }: Estimate, { value: before }: Estimate): string {
  if (value === 0) return "the same";
  const share = (amount: number) => `${percent(Math.abs(amount) / before)} %`;
  const [near, far] = value < 0 ? [interval.high, interval.low] : [interval.low, interval.high];
  const isSure = near * value > 0;
  const range = isSure ? ` [${share(near)}, ${share(far)}]` : " (its interval includes 0)";
  return `${share(value)}${range} ${value < 0 ? "lower" : "higher"}`;
}

function wrapped(text: string, width = 120): readonly string[] {
  const lines: string[] = [];
  for (const word of text.split(" ")) {
    const line = lines.at(-1);
    if (line !== undefined && line.length + word.length < width)
      lines[lines.length - 1] += ` ${word}`;
    else lines.push(word);
  }
  return lines;
}

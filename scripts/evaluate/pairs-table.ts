// The printed form of `evaluate pairs`.
import {
  type CategoryReport,
  type MethodReport,
  type OperatingPoint,
  type PairsReport,
} from "../../src/trainer-node/evaluation/compare-pairs.ts";
import { columns, percent, percentRange, points } from "./columns.ts";

export interface PairsFigures extends PairsReport {
  readonly source: string;
  readonly embedder: string;
  /** Id of the verifier, or null where there is none. */
  readonly verifier: string | null;
  readonly commit: string;
  readonly seconds: number;
}

export function formatPairs(report: PairsFigures): string {
  const { calibration, measured, levels, methods } = report;
  const titles = levels.map((level) => `${Number(percent(level, 6))} %`);
  const ranked = methods.filter(({ auc }) => auc !== null);
  const fixed = methods.filter(({ shipped }) => shipped !== null);
  return [
    `pairs of ${report.source}, commit ${report.commit}, ${report.seconds.toFixed(1)} s`,
    `embedder ${report.embedder}, verifier ${report.verifier ?? "none"}`,
    `thresholds from ${countsLine(calibration)}`,
    `measured on ${countsLine(measured)}`,
    "",
    "Should-hits served (%, 95 % interval) with thresholds that serve at most so many traps of the calibration half; after the",
    "slash, traps served on the measured half (%, upper 95 % bound)",
    columns([
      ["method", ...titles],
      ...ranked.map((one) => [one.name, ...one.calibrated.map(pointCell)]),
    ]),
    "",
    "Area under the curve, and should-hits served (%) where so many of the measured half's own traps are",
    columns([
      ["method", "AUC", ...titles],
      ...ranked.map((one) => [
        one.name,
        `${one.auc!.value.toFixed(4)} [${one.auc!.interval.low.toFixed(4)}, ${one.auc!.interval.high.toFixed(4)}]`,
        ...one.atLevel.map(({ share, interval }) => `${percent(share)} ${percentRange(interval)}`),
      ]),
    ]),
    ...differenceLines(report, titles),
    "",
    "Without calibration: as shipped, and others' documented defaults on the same embeddings",
    columns([
      ["method", "should-hits served %", "traps served %"],
      ...fixed.map(({ name, shipped }) => [
        name,
        `${percent(shipped!.hits.share)} ${percentRange(shipped!.hits.interval)}`,
        `${percent(shipped!.traps.share, 2)} (<= ${percent(shipped!.traps.upper95, 2)})`,
      ]),
    ]),
    ...untargetedLines(ranked, titles),
    ...categoryLines(methods[0]!, titles),
  ].join("\n");
}

const countsLine = ({ pairs, hits, traps, untargeted, components }: PairsReport["measured"]) =>
  `${pairs} pairs in ${components} components: ${hits} should-hits, ${traps} traps` +
  (untargeted > 0 ? `, ${untargeted} without a target` : "");

const pointCell = ({ hits, traps }: OperatingPoint): string =>
  `${percent(hits.share)} ${percentRange(hits.interval)} / ${percent(traps.share, 2)} (<= ${percent(traps.upper95, 2)})`;

function differenceLines(
  { methods, differences }: PairsReport,
  titles: readonly string[],
): string[] {
  const cell = ({ value, interval }: { value: number; interval: { low: number; high: number } }) =>
    `${points(value)} ${percentRange(interval)}`;
  return [
    "",
    `${methods[0]!.name} minus the others, should-hits served at those thresholds, in points (95 % interval, bootstrap over components)`,
    columns([
      ["against", "AUC x 100", ...titles],
      ...differences.map((one) => [one.against, cell(one.auc), ...one.calibrated.map(cell)]),
    ]),
  ];
}

function untargetedLines(methods: readonly MethodReport[], titles: readonly string[]): string[] {
  if (methods.every(({ calibrated }) => calibrated.every(({ untargeted }) => untargeted.of === 0)))
    return [];
  return [
    "",
    "Served of the pairs without a target (%)",
    columns([
      ["method", ...titles],
      ...methods.map((one) => [
        one.name,
        ...one.calibrated.map(({ untargeted }) => percent(untargeted.share)),
      ]),
    ]),
  ];
}

function categoryLines({ name, categories }: MethodReport, titles: readonly string[]): string[] {
  if (categories.length === 0) return [];
  const kinds = (["hits", "traps", "untargeted"] as const).filter((kind) =>
    categories.some((one) => one[kind].some((counted) => counted !== null && counted.of > 0)),
  );
  const cell = (counted: CategoryReport["hits"][number]) =>
    counted === null || counted.of === 0 ? "-" : `${counted.count}/${counted.of}`;
  const names = { hits: "should-hits", traps: "traps", untargeted: "without a target" };
  return [
    "",
    `${name} by category: ${kinds.map((kind) => names[kind]).join(" | ")} served, at each threshold and as shipped (--json: all methods)`,
    columns([
      ["category", ...titles, "as shipped"],
      ...categories.map((one) => [
        one.category,
        ...one.hits.map((_, t) => kinds.map((kind) => cell(one[kind][t]!)).join(" | ")),
      ]),
    ]),
  ];
}

// Scores side by side: one column a policy, one row a figure.
import { wilsonUpper } from "../../src/trainer-node/intervals.ts";
import { REQUEST_KINDS } from "../../src/trainer-node/simulator/request.ts";
import {
  type Interval,
  type KindScore,
  type Score,
  type Share,
} from "../../src/trainer-node/simulator/scoreboard.ts";

export interface Column {
  readonly title: string;
  readonly score: Score;
}

type Row = readonly [title: string, cell: (score: Score) => string];

export function scoreTable(columns: readonly Column[]): string {
  const kinds = REQUEST_KINDS.filter((kind) =>
    columns.some(({ score }) => (kindOf(score, kind)?.semanticHits ?? 0) > 0),
  );
  const rows: readonly Row[] = [
    ["reward per request", ({ meanUtility }) => meanUtility.toFixed(4)],
    ["  95 % interval", ({ utilityInterval }) => describeInterval(utilityInterval)],
    ["exact hits", ({ exactHits }) => String(exactHits)],
    ["semantic hits", ({ semanticHits }) => String(semanticHits)],
    ...kinds.map((kind): Row => [
      `  ${kind}`,
      (score) => String(kindOf(score, kind)?.semanticHits ?? 0),
    ]),
    ["repeats served", (score) => describeShare(repeatsServed(score))],
    ["other should-hits served", ({ shouldHits }) => describeShare(shouldHits)],
    ["wrong per request", ({ wrongPerRequest }) => describeShare(wrongPerRequest)],
    ["  at most (95 %)", ({ wrongPerRequest }) => percent(wrongPerRequest.upper95)],
    ["wrong per semantic hit", ({ wrongPerSemanticHit }) => describeShare(wrongPerSemanticHit)],
    ["  at most (95 %)", ({ wrongPerSemanticHit }) => percent(wrongPerSemanticHit.upper95)],
    ["delay mean, s", ({ delaySeconds }) => delaySeconds.mean.toFixed(3)],
    ["delay p95, s", ({ delaySeconds }) => delaySeconds.p95.toFixed(3)],
    ["model calls", ({ modelCalls }) => String(modelCalls)],
    ["tokens", ({ tokensIn, tokensOut }) => String(tokensIn + tokensOut)],
  ];
  const cells = [
    ["", ...columns.map(({ title }) => title)],
    ...rows.map((row) => cellsOf(row, columns)),
  ];
  return aligned(cells);
}

const cellsOf = ([title, cell]: Row, columns: readonly Column[]): string[] => [
  title,
  ...columns.map(({ score }) => cell(score)),
];

const kindOf = ({ kinds }: Score, kind: KindScore["kind"]): KindScore | undefined =>
  kinds.find((each) => each.kind === kind);

/** Texts that were asked before in the region: served rightly from the cache, by exact match or not. */
export function repeatsServed(score: Score): Share {
  const repeats = kindOf(score, "repeat");
  const of = repeats?.requests ?? 0;
  if (repeats === undefined || of === 0) return { count: 0, of: 0, share: null, upper95: null };
  const count = repeats.exactHits + repeats.semanticHits - repeats.wrong;
  return { count, of, share: count / of, upper95: wilsonUpper(count, of) };
}

/** The first column left, the others right. */
function aligned(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  const padded = (cell: string, column: number) =>
    column === 0 ? cell.padEnd(widths[0]!) : cell.padStart(widths[column]!);
  return rows.map((row) => row.map(padded).join("  ")).join("\n");
}

export function describeInterval({ low, high }: Interval): string {
  return `${low.toFixed(4)}..${high.toFixed(4)}`;
}

export function describeShare({ share, of }: Share): string {
  return share === null ? "-" : `${percent(share)} of ${of}`;
}

export function percent(share: number | null): string {
  return share === null ? "-" : `${(100 * share).toFixed(2)} %`;
}

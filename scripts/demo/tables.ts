// Figures side by side: one column a policy, one row a figure.
import { REQUEST_KINDS } from "../../src/trainer-node/simulator/request.ts";
import { type Share } from "../replay/summary.ts";
import { type Figures, type Mean } from "./figures.ts";

export interface Column {
  readonly title: string;
  readonly figures: Figures;
}

type Row = readonly [title: string, cell: (figures: Figures) => string];

export function figureTable(columns: readonly Column[]): string {
  const kinds = REQUEST_KINDS.filter((kind) =>
    columns.some(({ figures }) => figures.semanticByKind[kind] !== undefined),
  );
  const rows: readonly Row[] = [
    ["reward", ({ reward }) => reward.mean.toFixed(4)],
    ["  95 % interval", ({ reward }) => interval(reward)],
    ["exact hits", ({ exactHits }) => String(exactHits)],
    ["semantic hits", ({ semanticHits }) => String(semanticHits)],
    ...kinds.map((kind): Row => [
      `  ${kind}`,
      ({ semanticByKind }) => String(semanticByKind[kind] ?? 0),
    ]),
    ["repeats served", ({ repeatsServed }) => percentOf(repeatsServed)],
    ["rephrasings served", ({ rephrasingsServed }) => percentOf(rephrasingsServed)],
    ["translations served", ({ translationsServed }) => percentOf(translationsServed)],
    ["wrong per request", ({ wrongPerRequest }) => percentOf(wrongPerRequest)],
    ["  at most (95 %)", ({ wrongPerRequest }) => percent(wrongPerRequest.upper95)],
    ["wrong per semantic hit", ({ wrongPerSemanticHit }) => percentOf(wrongPerSemanticHit)],
    ["  at most (95 %)", ({ wrongPerSemanticHit }) => percent(wrongPerSemanticHit.upper95)],
    ["delay mean, s", ({ delayMean }) => delayMean.toFixed(3)],
    ["delay p95, s", ({ delayP95 }) => delayP95.toFixed(3)],
    ["model calls", ({ modelCalls }) => String(modelCalls)],
    ["tokens", ({ tokens }) => String(tokens)],
  ];
  return aligned([
    ["", ...columns.map(({ title }) => title)],
    ...rows.map(([title, cell]) => [title, ...columns.map(({ figures }) => cell(figures))]),
  ]);
}

/** The first column left, the others right. */
function aligned(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows
    .map((row) =>
      row
        .map((cell, at) => (at === 0 ? cell.padEnd(widths[at]!) : cell.padStart(widths[at]!)))
        .join("  "),
    )
    .join("\n");
}

export function interval({ low, high }: Mean): string {
  return `${low.toFixed(4)} .. ${high.toFixed(4)}`;
}

function percentOf({ share, of }: Share): string {
  return share === null ? "-" : `${percent(share)} of ${of}`;
}

export function percent(share: number | null): string {
  return share === null ? "-" : `${(100 * share).toFixed(2)} %`;
}

// The printed form of a replay.
import { type Baseline } from "./baseline.ts";
import { type KindSummary, type Share, type Summary, type WrongHit } from "./summary.ts";

export interface Report {
  readonly commit: string;
  readonly seed: number;
  readonly target: string;
  readonly workload: {
    readonly source: string;
    readonly half: string;
    readonly groups: number;
    readonly domain: string;
    readonly planned: Readonly<Record<string, number>>;
    readonly realised: Readonly<Record<string, number>>;
  };
  readonly concurrency: number;
  readonly profile: string | null;
  /** null when the delays are the target's own. */
  readonly delayAssumptions: string | null;
  readonly wallSeconds: number;
  readonly summary: Summary;
  /** Calls and tokens of the model; null when replay did not run the model and cannot count them. */
  readonly model: ModelUse | null;
  readonly alwaysModel: Baseline;
}

export interface ModelUse {
  readonly calls: number;
  readonly promptTokens: number;
  readonly completionTokens: number;
}

export function formatReport(report: Report): string {
  const { summary, workload } = report;
  return [
    `replay of ${summary.all.requests} requests, seed ${report.seed}, commit ${report.commit}, ${report.wallSeconds.toFixed(1)} s`,
    `target ${report.target}, ${report.concurrency} in flight${report.profile === null ? "" : `, latency profile ${report.profile}`}`,
    `workload ${workload.source}, half ${workload.half}, ${workload.groups} groups, cache domain ${workload.domain}`,
    ...shortages(workload),
    report.delayAssumptions ?? "delays as measured",
    "",
    kindTable([...summary.kinds, summary.all]),
    "",
    shareLine("repeats served", summary.repeatsServed, "repeats of an answered text"),
    shareLine("  by exact match", summary.repeatsServedExactly, "repeats of a model's answer"),
    shareLine("rephrasings served", summary.rephrasingsServed, "rephrasings"),
    shareLine("translations served", summary.translationsServed, "translations"),
    shareLine("changed questions served wrongly", summary.changedServedWrongly, "changed"),
    boundLine("wrong per request", summary.wrongPerRequest, "requests"),
    boundLine("wrong per semantic hit", summary.wrongPerSemanticHit, "semantic hits"),
    `${pad("wrong exact hits")}${summary.wrongExactHits}`,
    "",
    ...modelLines(report),
    summary.overheadMs === null
      ? "no x-velo-overhead-ms header seen"
      : `gateway overhead: p50 ${summary.overheadMs.p50} ms, p95 ${summary.overheadMs.p95} ms`,
    ...tallyLines("not served from the cache because", summary.reasons),
    ...tallyLines("failures", summary.failures),
    ...wrongLines(summary.wrongHits),
  ].join("\n");
}

function shortages({ planned, realised }: Report["workload"]): string[] {
  const kinds = Object.keys(realised).filter((kind) => (realised[kind] ?? 0) > 0);
  return [
    `kinds (planned): ${kinds.map((kind) => `${kind} ${realised[kind]} (${planned[kind]})`).join(", ")}`,
  ];
}

const COLUMNS: readonly (readonly [title: string, cell: (kind: KindSummary) => string | number])[] =
  [
    ["kind", ({ kind }) => kind],
    ["requests", ({ requests }) => requests],
    ["exact", ({ exactHits }) => exactHits],
    ["semantic", ({ semanticHits }) => semanticHits],
    ["with notes", ({ augmented }) => augmented],
    ["model", ({ modelAnswers }) => modelAnswers],
    ["failed", ({ failures }) => failures],
    ["wrong", ({ wrong }) => wrong],
    ["other lang", ({ otherLanguage }) => otherLanguage],
    ["mean s", ({ delaySeconds }) => seconds(delaySeconds?.mean)],
    ["p50 s", ({ delaySeconds }) => seconds(delaySeconds?.p50)],
    ["p95 s", ({ delaySeconds }) => seconds(delaySeconds?.p95)],
  ];

function kindTable(kinds: readonly KindSummary[]): string {
  const rows = [
    COLUMNS.map(([title]) => title),
    ...kinds.map((kind) => COLUMNS.map(([, cell]) => String(cell(kind)))),
  ];
  const widths = COLUMNS.map((_, column) =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0)),
  );
  return rows
    .map((row) =>
      row
        .map((cell, column) => {
          const width = widths[column] ?? 0;
          return column === 0 ? cell.padEnd(width) : cell.padStart(width);
        })
        .join("  "),
    )
    .join("\n");
}

function modelLines({ model, alwaysModel, summary }: Report): string[] {
  const { calls, promptTokens, completionTokens, delayMeanSeconds } = alwaysModel;
  const always = `always calling the model: ${calls} calls, ${promptTokens} + ${completionTokens} tokens`;
  const lines =
    model === null
      ? [`model answers: ${summary.all.modelAnswers} (the target's own calls are not visible)`]
      : [
          `model calls: ${model.calls} (${percent(model.calls / calls)} of always), ` +
            `${model.promptTokens} + ${model.completionTokens} tokens ` +
            `(${percent((model.promptTokens + model.completionTokens) / (promptTokens + completionTokens))})`,
        ];
  const delay =
    delayMeanSeconds === null ? "" : `, mean delay ${delayMeanSeconds.toFixed(3)} s as assumed`;
  return [...lines, always + delay];
}

function shareLine(name: string, { count, of, share }: Share, what: string): string {
  return `${pad(name)}${share === null ? "-" : percent(share)} (${count} of ${of} ${what})`;
}

function boundLine(name: string, share: Share, what: string): string {
  const bound = share.upper95 === null ? "" : `, 95 % upper bound ${percent(share.upper95)}`;
  return shareLine(name, share, what) + bound;
}

function tallyLines(
  title: string,
  tally: readonly { readonly reason: string; readonly count: number }[],
): string[] {
  if (tally.length === 0) return [];
  return [`${title}:`, ...tally.slice(0, 12).map(({ reason, count }) => `  ${count} x ${reason}`)];
}

const SHOWN_WRONG_HITS = 5;

function wrongLines(hits: readonly WrongHit[]): string[] {
  if (hits.length === 0) return [];
  return [
    `wrong hits, the first ${Math.min(SHOWN_WRONG_HITS, hits.length)} of ${hits.length} (--json lists all):`,
    ...hits
      .slice(0, SHOWN_WRONG_HITS)
      .map(
        ({ id, kind, similarity, question, group, servedGroup }) =>
          `  ${id} ${kind}, similarity ${similarity ?? "-"}: "${question}" (${group}) got ${servedGroup}`,
      ),
  ];
}

function pad(name: string): string {
  return `${name}:`.padEnd(36);
}

function percent(share: number): string {
  return `${(100 * share).toFixed(2)} %`;
}

function seconds(value: number | undefined): string {
  return value === undefined ? "-" : value.toFixed(3);
}

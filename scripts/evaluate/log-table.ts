// The printed form of `evaluate log`.
import {
  type JudgedHit,
  type WrongEstimate,
} from "../../src/trainer-node/evaluation/judged-hits.ts";
import { columns, percent, percentRange } from "./columns.ts";
import { type LogResult } from "./log.ts";

const EXAMPLES = 5;
const EXCERPT = 100;

export function formatLog(result: LogResult): string {
  const { requests, levels } = result;
  const share = (count: number) => `${count} (${percent(count / requests)} %)`;
  return [
    `log ${result.source}: ${requests} requests, commit ${result.commit}, ${result.seconds.toFixed(1)} s`,
    `embedder ${result.embedder}, verifier ${result.verifier ?? "none"}`,
    `the rules allow ${levels.semantic} everything, ${levels.exact} repeats alone, ${levels.bypass} nothing`,
    `would have been served: ${share(result.exactHits)} as repeats, ${share(result.semanticHits)} in other words`,
    "",
    "The answer that would have been served beside the one that was given",
    columns([
      ["", "hits", "right", "wrong", "unsure", "by a person", "wrong, %", "95 % interval"],
      estimateRow("other words", result.semantic),
      estimateRow("repeats (the model beside itself)", result.exact),
    ]),
    ...(result.semantic.unsure > 0
      ? [
          "unsure ones: --unsure FILE writes them for a person to judge, --judged FILE reads the verdicts",
        ]
      : []),
    "",
    "Net saving in US dollars, saved input at the provider's cached price",
    columns([
      ["price", "without cache", "saved", "operations", "embedding", "net", "net, %"],
      ...result.savings.map(
        ({ price, withoutCacheUsd, savedUsd, operationsUsd, embeddingUsd, netUsd, netShare }) => [
          `${price.name} ${price.input}/${price.cachedInput}/${price.output}`,
          withoutCacheUsd.toFixed(4),
          savedUsd.toFixed(4),
          (-operationsUsd).toFixed(4),
          (-embeddingUsd).toFixed(4),
          netUsd.toFixed(4),
          percent(netShare),
        ],
      ),
    ]),
    "",
    "Not served because",
    columns(
      Object.entries(result.obstacles)
        .toSorted(([, a], [, b]) => b - a)
        .slice(0, 12)
        .map(([reason, count]) => [reason, String(count)]),
    ),
    ...exampleLines(result.hits),
  ].join("\n");
}

function estimateRow(name: string, one: WrongEstimate): string[] {
  const counts = [one.hits, one.right, one.wrong, one.unsure, one.byPerson].map(String);
  return [name, ...counts, percent(one.share), one.hits === 0 ? "-" : percentRange(one.interval)];
}

/** Wrong ones first: they are what a reader should see. */
function exampleLines(hits: readonly JudgedHit[]): string[] {
  return (["wrong", "unsure", "right"] as const).flatMap((verdict) => {
    const some = hits.filter((hit) => hit.kind === "semantic" && hit.verdict === verdict);
    if (some.length === 0) return [];
    const title = `${verdict}, the first ${Math.min(EXAMPLES, some.length)} of ${some.length} (--json lists all)`;
    return ["", title, some.slice(0, EXAMPLES).map(exampleOf).join("\n")];
  });
}

function exampleOf(hit: JudgedHit): string {
  const likely = hit.probability === null ? "" : `, fits with ${hit.probability.toFixed(3)}`;
  return [
    `  ${hit.id}  distance ${hit.distance.toFixed(3)}${likely}; ${hit.why}`,
    `    asked   ${excerpt(hit.question)}`,
    `    stored  ${excerpt(hit.storedQuestion)}`,
    `    served  ${excerpt(hit.served)}`,
    `    given   ${excerpt(hit.logged)}`,
  ].join("\n");
}

function excerpt(text: string): string {
  const line = text.replaceAll(/\s+/g, " ").trim();
  return line.length <= EXCERPT ? line : `${line.slice(0, EXCERPT - 3)}...`;
}

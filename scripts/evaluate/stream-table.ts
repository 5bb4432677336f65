// The printed form of `evaluate stream`.
import { type FamilyShare } from "../../src/trainer-node/evaluation/answered.ts";
import { type PlayerReport } from "../../src/trainer-node/evaluation/compare-stream.ts";
import { type NetSaving } from "../../src/trainer-node/evaluation/net-saving.ts";
import { columns, percent, percentRange, points } from "./columns.ts";
import { type StreamResult } from "./stream.ts";

export function formatStream(result: StreamResult): string {
  const { players, thresholds } = result;
  const kinds = Object.entries(result.kinds).filter(([, count]) => count > 0);
  return [
    `stream of ${players[0]!.figures.requests} requests from ${result.source}, seed ${result.seed}, commit ${result.commit}, ${result.seconds.toFixed(1)} s`,
    `embedder ${result.embedder}, verifier ${result.verifier ?? "none"}; labels for shadow-sampled requests alone`,
    kinds.map(([kind, count]) => `${kind} ${count}`).join(", ") +
      (result.shifted ? "; shares and popularity change half-way" : ""),
    `an answer counts ${result.answerTokens} tokens at least`,
    `cosine thresholds from ${result.thresholdsFrom}: ${thresholds.plain}, behind the guards ${thresholds.guarded}`,
    "",
    ...figuresTable(result, "all"),
    ...(result.shifted
      ? [
          "",
          "first half",
          ...figuresTable(result, 0),
          "",
          "second half",
          ...figuresTable(result, 1),
        ]
      : []),
    "",
    "velo minus the others, in points (95 % interval, paired, bootstrap over families of questions)",
    columns([
      ["against", "rephrasings served", "repeats and rephrasings", "wrong per request"],
      ...result.differences.map(({ against, rephrasings, shouldHits, wrongPerRequest }) => [
        against,
        `${points(rephrasings.value)} ${percentRange(rephrasings.interval)}`,
        `${points(shouldHits.value)} ${percentRange(shouldHits.interval)}`,
        `${points(wrongPerRequest.value, 2)} ${percentRange(wrongPerRequest.interval, 2)}`,
      ]),
    ]),
    "",
    "Net saving in US dollars per 1,000 requests, saved input at the provider's cached price (share of the bill without a cache)",
    columns([
      ["", ...players[0]!.savings.map(({ price }) => priceName(price))],
      ...players.map(({ figures, savings }) => [
        figures.name,
        ...savings.map((saving) => netCell(saving, figures.requests)),
      ]),
    ]),
    "",
    "Of it for velo, US dollars per 1,000 requests; not looked up: requests after look-ups had stopped because they did not pay",
    columns([
      [
        "price point",
        "saved",
        "operations",
        "embedding",
        "labels",
        "judge",
        "net",
        "not looked up",
      ],
      ...players[0]!.savings.map((one, p) => costRow(one, players[0]!, p)),
    ]),
  ].join("\n");
}

function costRow(saving: NetSaving, player: PlayerReport, p: number): string[] {
  const { savedUsd, operationsUsd, embeddingUsd, labelUsd, judgeUsd, netUsd } = saving;
  const parts = [savedUsd, -operationsUsd, -embeddingUsd, -labelUsd, -judgeUsd, netUsd];
  const perThousand = parts.map((usd) => ((1000 * usd) / player.figures.requests).toFixed(4));
  return [saving.price.name, ...perThousand, String(player.stopped[p]!)];
}

function figuresTable({ players }: StreamResult, part: "all" | 0 | 1): string[] {
  return [
    columns([
      [
        "%",
        "exact",
        "semantic",
        "model",
        "wrong/request",
        "wrong/semantic hit",
        "repeats",
        "rephrasings",
        "both",
        "changed wrong",
        "translations",
        "labels",
      ],
      ...players.map((player) => {
        const one = part === "all" ? player.figures : player.halves[part];
        return [
          one.name,
          String(one.exactHits),
          String(one.semanticHits),
          String(one.modelCalls),
          bounded(one.wrongPerRequest),
          bounded(one.wrongPerSemanticHit),
          percent(one.repeatsServed.share),
          ranged(one.rephrasingsServed),
          ranged(one.shouldHits),
          percent(one.changedServedWrongly.share),
          percent(one.translationsServed.share),
          String(one.labels),
        ];
      }),
    ]),
  ];
}

const bounded = ({ share, upper95 }: FamilyShare): string =>
  share === null ? "-" : `${percent(share, 2)} (<= ${percent(upper95, 2)})`;

const ranged = ({ share, interval }: FamilyShare): string =>
  share === null ? "-" : `${percent(share)} ${percentRange(interval)}`;

const priceName = ({ name, input, cachedInput, output }: NetSaving["price"]): string =>
  `${name}: ${input}/${cachedInput}/${output}`;

const netCell = ({ netUsd, netShare }: NetSaving, requests: number): string =>
  `${((1000 * netUsd) / requests).toFixed(4)} (${percent(netShare)} %)`;

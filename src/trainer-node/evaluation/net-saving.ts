// What a cache is worth in money after everything it costs.
import { type Answered } from "./answered.ts";

/** US dollars per million tokens. */
export interface PricePoint {
  readonly name: string;
  readonly input: number;
  /** What the provider charges for input it has seen before; equal to `input` where it has no such price. */
  readonly cachedInput: number;
  readonly output: number;
}

/** List prices of three sizes of model, September 2026 (docs/evaluate.md says from where). */
export const PRICE_POINTS: readonly PricePoint[] = [
  { name: "small (GPT-6 Luna)", input: 0.1, cachedInput: 0.01, output: 0.5 },
  { name: "middle (GPT-6 Sol)", input: 2, cachedInput: 0.2, output: 10 },
  { name: "large (GPT-6 Astra)", input: 10, cachedInput: 1, output: 50 },
];

/** What the gateway's own operations cost for one request, its embedding apart. */
export interface OperationCosts {
  readonly operationsUsd: (one: Pick<Answered, "by" | "asked">) => number;
  readonly embeddingUsd: (one: Pick<Answered, "tokensIn" | "by" | "asked">) => number;
}

export interface NetSaving {
  readonly price: PricePoint;
  /** What all requests would cost without a cache. */
  readonly withoutCacheUsd: number;
  /** Calls that were not made, their input at the cached price: the provider would have asked that little at least. */
  readonly savedUsd: number;
  readonly operationsUsd: number;
  readonly embeddingUsd: number;
  /** Second calls made only to get a label, and the judge that compares the answers. */
  readonly labelUsd: number;
  readonly judgeUsd: number;
  readonly netUsd: number;
  /** Of what would have been paid without a cache. */
  readonly netShare: number;
}

/**
 * A judge reads rubric, question and two answers in both orders and says a word each time; asked at the same price, which
 * is dear, for a smaller model would do.
 */
const RUBRIC_TOKENS = 300;
const VERDICT_TOKENS = 10;

export function netSaving(
  answered: readonly Answered[],
  price: PricePoint,
  { operationsUsd, embeddingUsd }: OperationCosts,
): NetSaving {
  const sums = { without: 0, saved: 0, operations: 0, embedding: 0, labels: 0, judge: 0 };
  for (const one of answered) {
    const { tokensIn, tokensOut, by, label } = one;
    const call = (tokensIn * price.input + tokensOut * price.output) / 1e6;
    sums.without += call;
    if (by !== "model")
      sums.saved += (tokensIn * price.cachedInput + tokensOut * price.output) / 1e6;
    sums.operations += operationsUsd(one);
    sums.embedding += embeddingUsd(one);
    if (label === "second-call") sums.labels += call;
    if (label !== null)
      sums.judge +=
        (2 * (RUBRIC_TOKENS + tokensIn + 2 * tokensOut) * price.input +
          2 * VERDICT_TOKENS * price.output) /
        1e6;
  }
  const netUsd = sums.saved - sums.operations - sums.embedding - sums.labels - sums.judge;
  return {
    price,
    withoutCacheUsd: sums.without,
    savedUsd: sums.saved,
    operationsUsd: sums.operations,
    embeddingUsd: sums.embedding,
    labelUsd: sums.labels,
    judgeUsd: sums.judge,
    netUsd,
    netShare: sums.without === 0 ? 0 : netUsd / sums.without,
  };
}

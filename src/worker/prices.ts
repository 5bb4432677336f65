// What velo's own operations cost, so that savings are shown net. Cloudflare's list prices beyond the included amounts,
// Workers Paid plan, as read on 2026-11-01. US dollars.

export const PRICES = {
  asOf: "2026-11-01",
  workerRequest: 0.3 / 1e6,
  workerCpuMs: 0.02 / 1e6,
  objectRequest: 0.15 / 1e6,
  objectRowWritten: 1.0 / 1e6,
  objectRowRead: 0.001 / 1e6,
  storeWrite: 4.5 / 1e6,
  storeRead: 0.36 / 1e6,
  /** Per dimension of every query, and of every stored vector once a month. */
  vectorDimensionQueried: 0.01 / 1e6,
  vectorDimensionStoredMonth: 0.05 / 100e6,
  /** Per token; the dearest of the embedders offered, where a model's own price is not listed here. */
  embeddingToken: { "velo/subword-768": 0, "@cf/baai/bge-m3": 0.012 / 1e6, other: 0.067 / 1e6 },
} as const;

/**
 * What a request shares with others of its batch, as `npm run bench -- cost` counts it at groups of 4, and its CPU as
 * `npm run bench -- decision` and overhead measure it.
 */
export const SHARED_OPERATIONS = { objectRequests: 0.4, rowsWritten: 1.8, cpuMs: 3 } as const;

/** Operations of one request. Rows and object requests are shared by a batch, so they may be fractions. */
export interface Operations {
  readonly storeReads: number;
  readonly storeWrites: number;
  readonly vectorQueries: number;
  readonly dimensions: number;
  readonly embeddedTokens: number;
  readonly objectRequests: number;
  readonly rowsWritten: number;
  readonly cpuMs: number;
}

/** Cost of the operations without the embedding, and of the embedding. */
export function costOfOperations(
  operations: Operations,
  usdPerToken: number,
): { readonly operationsUsd: number; readonly embeddingUsd: number } {
  return {
    operationsUsd:
      PRICES.workerRequest +
      operations.cpuMs * PRICES.workerCpuMs +
      operations.storeReads * PRICES.storeRead +
      operations.storeWrites * PRICES.storeWrite +
      operations.vectorQueries * operations.dimensions * PRICES.vectorDimensionQueried +
      operations.objectRequests * PRICES.objectRequest +
      operations.rowsWritten * PRICES.objectRowWritten,
    embeddingUsd: operations.embeddedTokens * usdPerToken,
  };
}

/** US dollars of embedding a question and asking the index for its neighbours. */
export const costOfLookUp = (
  queries: number,
  dimensions: number,
  tokens: number,
  usdPerToken: number,
): number => queries * dimensions * PRICES.vectorDimensionQueried + tokens * usdPerToken;

/** US dollars per token, of an embedder that the configuration gives no price of its own. */
export const embeddingPrice = (embedder: string): number =>
  embedder in PRICES.embeddingToken
    ? PRICES.embeddingToken[embedder as keyof typeof PRICES.embeddingToken]
    : PRICES.embeddingToken.other;

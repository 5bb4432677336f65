// What counted operations cost per million requests, in US dollars (src/worker/prices.ts).
import { costOfOperations, embeddingPrice, PRICES } from "../../src/worker/prices.ts";

export const EMBEDDER = "@cf/google/embeddinggemma-300m";
export const DIMENSIONS = 768;
/** What costs the same a month whatever the traffic is shared by so many requests. */
export const MONTHLY_REQUESTS = 1_000_000;
/** Every five minutes for thirty days. */
const MONTHLY_CRONS = 30 * 24 * 12;

/** As GET /__dev/operations names them (src/dev/operations.ts). */
export type OperationCounts = Readonly<Record<string, number>>;

/** Calls and alarms of region objects, calls of the tenants object. */
export const objectRequestsOf = (counts: OperationCounts): number =>
  ["regionCalls", "regionAlarms", "tenantsCalls"].reduce(
    (sum, name) => sum + count(counts, name),
    0,
  );

/** @param counts operations of one request */
export function costPerMillion(
  counts: OperationCounts,
  cpuMs: number,
): { readonly operationsUsd: number; readonly embeddingUsd: number } {
  const cost = costOfOperations(
    {
      storeReads: count(counts, "storeReads"),
      storeWrites: count(counts, "storeWrites"),
      vectorQueries: count(counts, "vectorQueries"),
      dimensions: DIMENSIONS,
      embeddedTokens: count(counts, "embeddedTokens"),
      objectRequests: objectRequestsOf(counts),
      rowsWritten: count(counts, "rowsWritten"),
      cpuMs,
    },
    embeddingPrice(EMBEDDER),
  );
  const rowsReadUsd = count(counts, "rowsRead") * PRICES.objectRowRead;
  return {
    operationsUsd: (cost.operationsUsd + rowsReadUsd) * 1e6,
    embeddingUsd: cost.embeddingUsd * 1e6,
  };
}

/** A month of cron runs: one an hour reads all rows, the others find that it was done. */
export function cronCost(hourly: OperationCounts, usual: OperationCounts): number {
  const hours = 30 * 24;
  const cost = (run: OperationCounts) => costPerMillion(run, 0).operationsUsd;
  return (cost(hourly) * hours + cost(usual) * (MONTHLY_CRONS - hours)) / MONTHLY_REQUESTS;
}

/** The index for being there: its vectors count once a month as queried, and as stored. */
export function indexCost(vectors: number): number {
  const perDimension = PRICES.vectorDimensionStoredMonth + PRICES.vectorDimensionQueried;
  return (vectors * DIMENSIONS * perDimension * 1e6) / MONTHLY_REQUESTS;
}

const count = (counts: OperationCounts, name: string): number => counts[name] ?? Number.NaN;

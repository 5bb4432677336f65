// What the gateway itself costs, by the same list prices that it subtracts from its savings when it serves.
import { type OperationCosts } from "../../src/trainer-node/evaluation/net-saving.ts";
import { costOfOperations, SHARED_OPERATIONS } from "../../src/worker/prices.ts";

/** A reply that takes longer than 1 ms (embedder) or 20 ms (store) is asked for a second time: nearly every one. */
export const CALLS_EACH = 2;

/** `embeddingPrice`: US dollars per million tokens; 0 for the built-in embedder, whose work is CPU time. */
export function operationCosts(dimensions: number, embeddingPrice: number): OperationCosts {
  return {
    operationsUsd: ({ by, asked }) =>
      costOfOperations(
        {
          ...SHARED_OPERATIONS,
          storeReads: CALLS_EACH * Number(asked !== "nothing") + Number(by === "semantic"),
          storeWrites: Number(by === "model" && asked !== "nothing"),
          vectorQueries: Number(asked === "rows"),
          dimensions,
          embeddedTokens: 0,
        },
        0,
      ).operationsUsd,
    // A repeat is embedded while its answer is read: who waits first for one and then for the other waits twice.
    embeddingUsd: ({ tokensIn, by, asked }) =>
      asked === "rows" || by === "exact" ? (CALLS_EACH * tokensIn * embeddingPrice) / 1e6 : 0,
  };
}

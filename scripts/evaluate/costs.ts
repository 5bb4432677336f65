// What the gateway itself costs, by the same list prices that it subtracts from its savings when it serves.
import { type OperationCosts } from "../../src/trainer-node/evaluation/net-saving.ts";
import { costOfOperations, SHARED_OPERATIONS } from "../../src/worker/prices.ts";

/** `embeddingPrice`: US dollars per million tokens; 0 for the built-in embedder, whose work is CPU time. */
export function operationCosts(dimensions: number, embeddingPrice: number): OperationCosts {
  return {
    operationsUsd: ({ by, lookedUp }) =>
      costOfOperations(
        {
          ...SHARED_OPERATIONS,
          storeReads: Number(lookedUp) + Number(by === "semantic"),
          storeWrites: Number(by === "model" && lookedUp),
          vectorQueries: Number(lookedUp),
          dimensions,
          embeddedTokens: 0,
        },
        0,
      ).operationsUsd,
    embeddingUsd: ({ tokensIn, lookedUp }) => (lookedUp ? (tokensIn * embeddingPrice) / 1e6 : 0),
  };
}

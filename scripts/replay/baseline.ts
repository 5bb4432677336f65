import { type WorkloadRequest } from "../../src/trainer-node/simulator/request.ts";
import { roughTokens, usageOf } from "../local/chat-wire.ts";
import { type DelayAssumptions, delaySampler } from "../local/delays.ts";

/** What the same stream costs without a cache. */
export interface Baseline {
  readonly calls: number;
  readonly promptTokens: number;
  readonly completionTokens: number;
  /** Drawn from the assumptions; null without them. */
  readonly delayMeanSeconds: number | null;
}

/** Every request calls the model once and gets the text that `answerTo` gives for it. */
export function alwaysModel(
  requests: readonly WorkloadRequest[],
  answerTo: (request: WorkloadRequest) => string,
  delays: DelayAssumptions | null,
  seed: number,
): Baseline {
  const sample = delaySampler(delays, seed);
  let promptTokens = 0;
  let completionTokens = 0;
  let delay = 0;
  for (const request of requests) {
    const messages = [...(request.history ?? []), { role: "user", content: request.question }];
    const tokens = roughTokens(answerTo(request)).length;
    promptTokens += usageOf({ model: "", messages }, 0).prompt_tokens;
    completionTokens += tokens;
    delay += sample(tokens).total;
  }
  return {
    calls: requests.length,
    promptTokens,
    completionTokens,
    delayMeanSeconds: delays === null || requests.length === 0 ? null : delay / requests.length,
  };
}

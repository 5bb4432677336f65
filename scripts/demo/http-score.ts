// What HTTP showed, on the same scoreboard as the simulator.
import { PRODUCT_WEIGHTS, utility } from "../../src/policy/reward.ts";
import { type Score, scoreOf } from "../../src/trainer-node/simulator/scoreboard.ts";
import { type CacheResult } from "../replay/run.ts";
import { type Stream } from "../replay/stream.ts";
import { type HttpReplay } from "./http-replay.ts";

/**
 * Correct means: the served answer belongs to the asked group. Delays are those that users would have seen: the model's
 * as assumed, the rest as measured. Calls and tokens are the model server's own counts.
 */
export function scoreOverHttp(
  player: string,
  { outcomes, model }: HttpReplay,
  { familyOf }: Stream,
): Score {
  const score = scoreOf(
    player,
    outcomes.map(({ cache, delaySeconds, request, servedGroup }, index) => {
      const correct = servedGroup === request.group;
      const quality = correct ? PRODUCT_WEIGHTS.acceptedQuality : PRODUCT_WEIGHTS.wrongQuality;
      return {
        request: { index, kind: request.kind, family: familyOf(request.group) },
        kind: kindOf(cache),
        correct,
        utility: utility(quality, delaySeconds),
        delaySeconds,
        outcome: { tokensIn: 0, tokensOut: 0, costUsd: 0 },
        shadow: null,
      };
    }),
  );
  return {
    ...score,
    modelCalls: model.calls,
    tokensIn: model.promptTokens,
    tokensOut: model.completionTokens,
  };
}

const kindOf = (cache: CacheResult) => (cache === "NONE" ? "MISS" : cache);

// Where a policy's worth goes: wrong answers it let through, right ones it kept back, right ones that guards or budget kept
// back. Only the first two can be learnt by a policy.
import { type Environment } from "./environment.ts";
import { type Counterfactual, type Executed, type Pending } from "./executed.ts";
import { type Player } from "./scoreboard.ts";

/** Utility lost per request of the stream, and how many requests lost it. */
export interface Regret {
  readonly requests: number;
  /** Served a wrong answer, against calling the model. */
  readonly wrongHits: Loss;
  /** Called the model although the cache action would have served a right answer. */
  readonly keptBackByPolicy: Loss;
  /** A right answer was among the neighbours, and the cache action would not have served it. */
  readonly keptBackByGuards: Loss;
}

interface Loss {
  readonly count: number;
  readonly perRequest: number;
}

/** Runs a whole stream. Later requests meet the cache that this player's choices left. */
export async function regretOf(environment: Environment, player: Player): Promise<Regret> {
  const sums = { wrongHits: [0, 0], keptBackByPolicy: [0, 0], keptBackByGuards: [0, 0] };
  let requests = 0;
  const unsubscribe = environment.subscribe(() => requests++);
  for (let slot = await environment.next(); slot !== null; slot = await environment.next())
    for (const pending of slot) {
      const would = pending.counterfactual();
      const executed = await act(environment, player, pending);
      const loss = lossOf(executed, would);
      if (loss === null) continue;
      sums[loss.kind][0]! += 1;
      sums[loss.kind][1]! += loss.utility;
    }
  unsubscribe();
  const lossFrom = ([count, total]: readonly number[]): Loss => ({
    count: count!,
    perRequest: total! / requests,
  });
  return {
    requests,
    wrongHits: lossFrom(sums.wrongHits),
    keptBackByPolicy: lossFrom(sums.keptBackByPolicy),
    keptBackByGuards: lossFrom(sums.keptBackByGuards),
  };
}

async function act(environment: Environment, player: Player, pending: Pending): Promise<Executed> {
  const output = await player.choose(pending);
  return environment.act(pending, output, player.actions, { greedy: true });
}

function lossOf(
  executed: Executed,
  { direct, cache, ideal }: Counterfactual,
): { kind: "wrongHits" | "keptBackByPolicy" | "keptBackByGuards"; utility: number } | null {
  if (executed.kind === "HIT-SEMANTIC" && !executed.correct)
    return { kind: "wrongHits", utility: direct.utility - executed.utility };
  if (executed.kind === "HIT-SEMANTIC") return null;
  if (cache.handling === "A" && cache.correct && cache.utility > direct.utility)
    return { kind: "keptBackByPolicy", utility: cache.utility - direct.utility };
  if (ideal !== null && ideal.utility > direct.utility)
    return { kind: "keptBackByGuards", utility: ideal.utility - direct.utility };
  return null;
}

// What a policy is worth in product mode, and where it loses against a choice that never serves a wrong answer.
import { quantile, wilsonUpper } from "../../intervals.ts";
import { type Environment } from "../../simulator/environment.ts";
import { type Executed, type Pending } from "../../simulator/executed.ts";
import { type Player } from "../../simulator/scoreboard.ts";

export interface ProductFigures {
  readonly requests: number;
  /** Mean U of the product's reward at omega = 0.1, per request. */
  readonly utility: number;
  readonly wrong: number;
  readonly wrongPerRequest: number;
  /** Upper end of its one-sided 95 % interval. */
  readonly wrongUpper95: number;
  readonly hits: number;
  /** Null without semantic hits. */
  readonly wrongPerHit: number | null;
  /** Rightly served of the requests that had a right answer among their neighbours; null when none had. */
  readonly servedShare: number | null;
  /** Rightly served of those of them that guards, verifier and budget would have let through; null when there were none. */
  readonly allowedShare: number | null;
  /** Requests that the model answered. */
  readonly directShare: number;
  readonly meanDelaySeconds: number;
  readonly p95DelaySeconds: number;
  /**
   * U lost per request against the feasible choice in the very same state: the better action, never a wrong answer. Not
   * below 0. What a choice changes for later requests is not in it; calls that the error budget makes for a label are, so
   * that even an oracle may lose some.
   */
  readonly regretInState: number;
  /** By family of questions: its requests and the sum of their U. All that a clustered difference needs. */
  readonly families: FamilySums;
}

type FamilySums = Readonly<Record<string, readonly [requests: number, utility: number]>>;

/** A player that may learn from what became of its choices; nobody does while figures are taken. */
export type Chooser = Pick<Player, "actions" | "choose">;

/** Plays the whole stream, the likeliest action each time. */
export async function measure(world: Environment, player: Chooser): Promise<ProductFigures> {
  const delays: number[] = [];
  const families = new Map<string, [number, number]>();
  const count = { wrong: 0, hits: 0, right: 0, served: 0, allowed: 0, direct: 0 };
  let utility = 0;
  let regret = 0;
  const unsubscribe = world.subscribe((executed) => {
    const { request, correct, kind, handling } = executed;
    const isHit = kind === "HIT-SEMANTIC";
    delays.push(executed.delaySeconds);
    utility += executed.utility;
    const family = families.get(request.family) ?? [0, 0];
    families.set(request.family, [family[0] + 1, family[1] + executed.utility]);
    count.wrong += Number(!correct);
    count.hits += Number(isHit);
    count.right += Number(executed.shouldHit);
    count.served += Number(isHit && correct);
    count.direct += Number(handling === "B" && kind !== "HIT-EXACT");
  });
  for (let slot = await world.next(); slot !== null; slot = await world.next())
    for (const pending of slot) {
      const { best, isAllowed } = feasible(pending);
      count.allowed += Number(isAllowed);
      const executed: Executed = world.act(pending, await player.choose(pending), player.actions, {
        greedy: true,
      });
      regret += best - executed.utility;
    }
  unsubscribe();
  const requests = delays.length;
  const share = (part: number, of: number) => (of === 0 ? null : part / of);
  return {
    requests,
    utility: utility / requests,
    wrong: count.wrong,
    wrongPerRequest: count.wrong / requests,
    wrongUpper95: wilsonUpper(count.wrong, requests),
    hits: count.hits,
    wrongPerHit: share(count.wrong, count.hits),
    servedShare: share(count.served, count.right),
    allowedShare: share(count.served, count.allowed),
    directShare: count.direct / requests,
    meanDelaySeconds: delays.reduce((sum, delay) => sum + delay, 0) / requests,
    p95DelaySeconds: quantile(delays, 0.95),
    regretInState: regret / requests,
    families: Object.fromEntries(
      [...families].map(([name, [n, sum]]) => [name, [n, Number(sum.toFixed(6))]]),
    ),
  };
}

/** The better of the two handlings that guards and budget leave, a wrong answer never being one. */
function feasible(pending: Pending): { readonly best: number; readonly isAllowed: boolean } {
  const { direct, cache } = pending.counterfactual();
  const isAllowed = cache.handling === "A" && cache.correct;
  return { best: isAllowed ? Math.max(direct.utility, cache.utility) : direct.utility, isAllowed };
}

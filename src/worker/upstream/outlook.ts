// What calling a model would come to for a request that leaves the choice to velo, before it is decided whether one is called: the
// cache is weighed against the backend that would answer this very request, not against a fixed one.
import { type Life } from "../gateway.ts";
import { type ModelCall } from "../ports.ts";
import { type BackendConfig } from "./backends.ts";
import { askOf, isAuto, isKeepable, usualBudgetOf } from "./request-limits.ts";
import { type Ask } from "./selection.ts";

export interface Outlook {
  readonly backend: BackendConfig;
  /** Predicted until the last byte; null: nothing is known of it. */
  readonly seconds: number | null;
  readonly usd: number | null;
  /** The request's draw: a rule of chance chooses the same when it comes to the call. */
  readonly draw: number;
}

/** null: the caller has named its model, or no backend may be called. Decides nothing. */
export function outlookOf(life: Life): Outlook | null {
  if (!isAuto(life)) return null;
  const draw = life.ports.random();
  return foreseen(life, askOf(life, draw));
}

/**
 * The call by which a stored answer is judged: to the backend that a caller without deadline and price of its own gets, since it is
 * those whom the answer is kept for. null: there is none, or none now whose answer would be kept.
 */
export function referenceCall(life: Life): ModelCall | null {
  const { call, outlook } = life;
  if (!isAuto(life)) return call;
  const unhurried = foreseen(life, {
    ...askOf(life, outlook?.draw ?? life.ports.random()),
    deadlineSeconds: null,
    budgetUsd: usualBudgetOf(life),
  });
  if (unhurried === null || !isKeepable(life, unhurried.backend)) return null;
  const { upstream, model } = unhurried.backend;
  return { ...call, upstream, model };
}

function foreseen({ ports, desk }: Life, ask: Ask): Outlook | null {
  const now = ports.now();
  const found = ports.isolate.selection(ports.config).foresee(ask, desk.backendsAt(now), now);
  if (found === null) return null;
  const { predictedSeconds, predictedUsd } = found.choice;
  return {
    backend: found.backend,
    seconds: Number.isFinite(predictedSeconds) ? predictedSeconds : null,
    usd: Number.isFinite(predictedUsd) ? predictedUsd : null,
    draw: ask.draw,
  };
}

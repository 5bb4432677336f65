// Several backends for one request: the next one is called when the one before it failed and the caller has not had a
// byte. Calls beyond the first come out of one budget over all backends, so that one that is down costs the others a tenth.
import { GatewayError } from "../openai/errors.ts";
import { type CircuitBreaker } from "./breaker.ts";
import {
  type UpstreamDeps,
  type UpstreamRequest,
  type UpstreamResponse,
  callUpstream,
} from "./call.ts";
import { RetryBudget, readRetryAfter } from "./retry.ts";
import { DEFAULT_TIMEOUTS, type UpstreamTarget } from "./target.ts";

export interface PlannedCall {
  readonly target: UpstreamTarget;
  readonly request: UpstreamRequest;
  readonly breaker: CircuitBreaker;
}

type FailoverDeps = Pick<UpstreamDeps, "fetch" | "now" | "random" | "wait">;

export interface FailoverLimits {
  readonly budget: RetryBudget;
  /** Until the first byte, over all calls; null: each target's own limit. */
  readonly deadlineMs: number | null;
  /** The call at this place of the plan goes out. */
  readonly onBegin: (place: number) => void;
  /** It failed. */
  readonly onFailure: (place: number, failure: CallFailure) => void;
  /** Which place to call when these have failed and so much time is left; left out: one after the other. */
  readonly next?: (tried: ReadonlySet<number>, leftMs: number) => number | null;
  /**
   * Milliseconds without a first byte after which the call at this place is left for another one, if the budget has room,
   * because the deadline could not be met otherwise; null: it is waited for. The others to go to are all but `blocked`.
   */
  readonly patienceMs?: (
    place: number,
    blocked: ReadonlySet<number>,
    leftMs: number,
  ) => number | null;
}

export interface CallFailure {
  /** Status or code of the error. */
  readonly why: string;
  /** It says that the backend is out of order: neither a caller in a hurry nor a full server does. */
  readonly isBlamed: boolean;
  /** It answered 429, and wants to be left alone for so long if it said so. */
  readonly rateLimit?: { readonly retryAfterMs: number | null };
}

/** Backends that one request is tried at, at most. */
const MAX_CALLS = 3;

/**
 * Refusals that another backend may not share. The caller named no model, so a key, an account without money or a model that
 * one backend refuses is the configuration's fault and not the caller's.
 */
const OWN_FAULT: ReadonlySet<number> = new Set([401, 402, 403, 404, 408, 429]);

const isWorthAnother = (status: number): boolean => status >= 500 || OWN_FAULT.has(status);

/**
 * The first answer of the plan and its place. Where none does better the last upstream's own error is the answer; without
 * any response the last error is thrown. A backend that is alone is tried again as any upstream is.
 */
export async function callInOrder(
  plan: readonly PlannedCall[],
  deps: FailoverDeps,
  { budget, deadlineMs, onBegin, onFailure, next = inTurn(plan), patienceMs }: FailoverLimits,
): Promise<{ readonly response: UpstreamResponse; readonly place: number }> {
  const endsAt =
    deps.now() + (deadlineMs ?? plan.reduce((sum, each) => sum + firstByteMs(each), 0));
  let refusal: { readonly response: UpstreamResponse; readonly place: number } | null = null;
  let lastError: unknown = new GatewayError("unavailable", "No backend is configured.");
  let called = 0;
  let isPaid = true;
  const tried = new Set<number>();
  const blockedAt = (now: number): ReadonlySet<number> =>
    new Set([...plan.keys()].filter((each) => tried.has(each) || !plan[each]!.breaker.admits(now)));
  if (plan.length > 1) budget.countRequest(deps.now());
  while (called < MAX_CALLS) {
    const now = deps.now();
    const leftMs = endsAt - now;
    const place = leftMs > 0 ? next(tried, leftMs) : null;
    if (place === null) break;
    tried.add(place);
    const planned = plan[place]!;
    const { target, request, breaker } = planned;
    // An open breaker costs no call; with nothing else to say its own error is told.
    if (!breaker.admits(now) && (called > 0 || tried.size < plan.length)) continue;
    if (!isPaid && !budget.takeRetry(now)) break;
    isPaid = false;
    onBegin(place);
    try {
      const response = await patiently(
        (signal) =>
          callUpstream(
            target,
            { ...request, signal, deadlineMs: leftMs },
            {
              ...deps,
              breakerFor: () => breaker,
              // With another backend to go to nobody waits for this one.
              budgetFor: () => (plan.length > 1 ? new RetryBudget(0) : budget),
            },
          ),
        {
          signal: request.signal,
          wait: deps.wait,
          patienceMs:
            called < MAX_CALLS - 1 ? (patienceMs?.(place, blockedAt(now), leftMs) ?? null) : null,
          mayLeave: () => blockedAt(deps.now()).size < plan.length && budget.takeRetry(deps.now()),
        },
      );
      if (response === "left") {
        called++;
        isPaid = true;
        lastError = tooSlow(target);
        onFailure(place, { why: "slow", isBlamed: false });
        continue;
      }
      discard(refusal?.response);
      if (!isWorthAnother(response.status)) return { response, place };
      refusal = { response, place };
      called++;
      onFailure(place, failureOf(response, deps.now()));
    } catch (error) {
      if (!(error instanceof GatewayError && error.isRetryable)) {
        discard(refusal?.response);
        throw error;
      }
      lastError = error;
      const wasCalled = error.code !== "breaker_open";
      if (wasCalled) called++;
      else isPaid = true;
      const isHurry = error.code === "upstream_timeout" && leftMs < firstByteMs(planned);
      onFailure(place, { why: error.code, isBlamed: wasCalled && !isHurry });
    }
  }
  if (refusal !== null) return refusal;
  throw lastError;
}

const inTurn =
  (plan: readonly PlannedCall[]) =>
  (tried: ReadonlySet<number>): number | null =>
    tried.size < plan.length ? tried.size : null;

/** The call's response, or "left" when it had no first byte in time and another call may be made. */
async function patiently(
  begin: (signal: AbortSignal) => Promise<UpstreamResponse>,
  {
    signal,
    wait,
    patienceMs,
    mayLeave,
  }: {
    readonly signal: AbortSignal;
    readonly wait: FailoverDeps["wait"];
    readonly patienceMs: number | null;
    readonly mayLeave: () => boolean;
  },
): Promise<UpstreamResponse | "left"> {
  if (patienceMs === null) return begin(signal);
  const leaving = new AbortController();
  const answered = new AbortController();
  const call = begin(AbortSignal.any([signal, leaving.signal]));
  const first = await Promise.race([
    call.then(
      () => "answered",
      () => "answered",
    ),
    wait(patienceMs, answered.signal).then(() => "late"),
  ]);
  answered.abort();
  if (first === "answered" || signal.aborted || !mayLeave()) return call;
  leaving.abort();
  // It may have come at this very moment; then nobody reads it.
  call.then(discard, () => {});
  return "left";
}

function failureOf({ status, headers }: UpstreamResponse, now: number): CallFailure {
  const why = String(status);
  if (status !== 429) return { why, isBlamed: true };
  return { why, isBlamed: false, rateLimit: { retryAfterMs: readRetryAfter(headers, now) } };
}

const tooSlow = ({ name }: UpstreamTarget): GatewayError =>
  new GatewayError("upstream_timeout", `The upstream '${name}' sent nothing in time.`);

const firstByteMs = ({ target }: PlannedCall): number =>
  target.timeouts?.firstByteMs ?? DEFAULT_TIMEOUTS.firstByteMs;

function discard(response: UpstreamResponse | undefined): void {
  response?.body?.cancel().catch(() => {});
}

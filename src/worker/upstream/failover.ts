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
import { RetryBudget } from "./retry.ts";
import { DEFAULT_TIMEOUTS, type UpstreamTarget } from "./target.ts";

export interface PlannedCall {
  readonly target: UpstreamTarget;
  readonly request: UpstreamRequest;
  readonly breaker: CircuitBreaker;
}

export interface FailoverLimits {
  readonly budget: RetryBudget;
  /** Until the first byte, over all calls; null: each target's own limit. */
  readonly deadlineMs: number | null;
  /** The call at this place of the plan goes out. */
  readonly onBegin: (place: number) => void;
  /** It failed; `isBlamed`: which says something about the backend and not about a caller in a hurry. */
  readonly onFailure: (place: number, why: string, isBlamed: boolean) => void;
}

/**
 * Failures that another backend may not share. The caller named no model, so a key or a model that one backend refuses is
 * the configuration's fault and not the caller's.
 */
const WORTH_ANOTHER: ReadonlySet<number> = new Set([
  401, 403, 404, 408, 429, 500, 502, 503, 504, 529,
]);

/**
 * The first answer of the plan and its place. Where none does better the last upstream's own error is the answer; without
 * any response the last error is thrown. A backend that is alone is tried again as any upstream is.
 */
export async function callInOrder(
  plan: readonly PlannedCall[],
  deps: Pick<UpstreamDeps, "fetch" | "now" | "random" | "wait">,
  { budget, deadlineMs, onBegin, onFailure }: FailoverLimits,
): Promise<{ readonly response: UpstreamResponse; readonly place: number }> {
  const endsAt =
    deps.now() + (deadlineMs ?? plan.reduce((sum, each) => sum + firstByteMs(each), 0));
  let refusal: { readonly response: UpstreamResponse; readonly place: number } | null = null;
  let lastError: unknown = new GatewayError("unavailable", "No backend is configured.");
  let called = 0;
  if (plan.length > 1) budget.countRequest(deps.now());
  for (const [place, planned] of plan.entries()) {
    const { target, request, breaker } = planned;
    const now = deps.now();
    const leftMs = endsAt - now;
    if (leftMs <= 0) break;
    // An open breaker costs no call; with nothing else to say its own error is told.
    const isShut = breaker.retryInMs(now) > 0;
    if (isShut && (called > 0 || place < plan.length - 1)) continue;
    if (called > 0 && !budget.takeRetry(now)) break;
    onBegin(place);
    try {
      const response = await callUpstream(
        target,
        { ...request, deadlineMs: leftMs },
        {
          ...deps,
          breakerFor: () => breaker,
          // With another backend to go to nobody waits for this one.
          budgetFor: () => (plan.length > 1 ? new RetryBudget(0) : budget),
        },
      );
      discard(refusal?.response);
      if (!WORTH_ANOTHER.has(response.status)) return { response, place };
      refusal = { response, place };
      called++;
      onFailure(place, String(response.status), true);
    } catch (error) {
      if (!(error instanceof GatewayError && error.isRetryable)) {
        discard(refusal?.response);
        throw error;
      }
      lastError = error;
      const wasCalled = error.code !== "breaker_open";
      if (wasCalled) called++;
      const isHurry = error.code === "upstream_timeout" && leftMs < firstByteMs(planned);
      onFailure(place, error.code, wasCalled && !isHurry);
    }
  }
  if (refusal !== null) return refusal;
  throw lastError;
}

const firstByteMs = ({ target }: PlannedCall): number =>
  target.timeouts?.firstByteMs ?? DEFAULT_TIMEOUTS.firstByteMs;

function discard(response: UpstreamResponse | undefined): void {
  response?.body?.cancel().catch(() => {});
}

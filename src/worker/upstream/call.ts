// One call of one named upstream, from the outgoing headers to a body with limits. Until the first byte of the body has
// come a failure may be repeated, here or at another upstream; after it, never.
import { GatewayError } from "../openai/errors.ts";
import { type CircuitBreaker } from "./breaker.ts";
import { type Wait, withDeadline } from "./deadline.ts";
import { limitedBody } from "./limited-body.ts";
import { type RetryBudget, delayBeforeRetry, readRetryAfter } from "./retry.ts";
import {
  DEFAULT_TIMEOUTS,
  type UpstreamFetch,
  type UpstreamTarget,
  type UpstreamTimeouts,
  outgoingHeaders,
  returnedHeaders,
} from "./target.ts";

export interface UpstreamRequest {
  /** Below the target's base URL, like `/chat/completions`; from our own routes, never from the caller's URL. */
  readonly path: string;
  readonly method?: "POST" | "GET";
  readonly body: Uint8Array<ArrayBuffer> | null;
  /** The caller's headers; only those on the allow-list are sent on. */
  readonly headers: Headers;
  /** The caller's; its abort closes the upstream connection. */
  readonly signal: AbortSignal;
  /** The caller's own limit until the first byte; can only shorten the target's. */
  readonly deadlineMs?: number;
}

export interface UpstreamResponse {
  /** Name of the target that answered. */
  readonly upstream: string;
  /** Never 3xx. An upstream's own 4xx and 5xx are responses like any other, to be passed on unchanged. */
  readonly status: number;
  readonly headers: Headers;
  /** Bytes the body will have, where that is known. */
  readonly contentLength: number | null;
  /** Cancel it or read it to its end. Errors are GatewayErrors. */
  readonly body: ReadableStream<Uint8Array> | null;
  /** From the start of the call, retries included, to the first byte of the body. */
  readonly firstByteMs: number;
  /** Milliseconds of the body's time that its reader has taken. */
  readonly heldBackMs: () => number;
  /** Number of times this target was called, at least 1. */
  readonly attempts: number;
}

export interface UpstreamDeps {
  readonly fetch: UpstreamFetch;
  /** Milliseconds. */
  readonly now: () => number;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  readonly wait: Wait;
  readonly breakerFor: (target: UpstreamTarget) => CircuitBreaker;
  readonly budgetFor: (target: UpstreamTarget) => RetryBudget;
}

/**
 * Errors: `breaker_open`, `upstream_timeout` (nothing before the deadline), `upstream_error` (no connection, redirect),
 * `client_closed`, `invalid_request` (a header that cannot be sent).
 */
export async function callUpstream(
  target: UpstreamTarget,
  request: UpstreamRequest,
  deps: UpstreamDeps,
): Promise<UpstreamResponse> {
  const startedAt = deps.now();
  const timeouts = { ...DEFAULT_TIMEOUTS, ...target.timeouts };
  const limitMs = Math.min(timeouts.firstByteMs, request.deadlineMs ?? Number.POSITIVE_INFINITY);
  const headers = outgoingHeaders(target, request.headers);
  const breaker = deps.breakerFor(target);
  const budget = deps.budgetFor(target);
  budget.countRequest(startedAt);
  for (let retries = 0; ; retries++) {
    const permit = breaker.enter(deps.now());
    if (permit === null) throw breakerOpen(target, breaker.retryInMs(deps.now()));
    const remainingMs = startedAt + limitMs - deps.now();
    const attempt = await attemptOnce(
      { target, request, headers, timeouts, startedAt, remainingMs },
      deps,
    );
    const now = deps.now();
    if (request.signal.aborted) {
      discard(attempt);
      throw clientClosed(request.signal);
    }
    if (!isOutage(attempt)) breaker.succeeded(permit, now);
    // A caller in a hurry says nothing about the upstream's health.
    else if (attempt.status !== "timeout" || limitMs >= timeouts.firstByteMs)
      breaker.failed(permit, now);
    const delayMs =
      breaker.retryInMs(now) > 0
        ? null
        : delayBeforeRetry(
            {
              status: attempt.ok ? attempt.status : null,
              retryAfterMs: attempt.ok ? readRetryAfter(attempt.headers, now) : null,
              isFinal: attempt.ok
                ? attempt.headers.get("x-should-retry") === "false"
                : attempt.status !== "broken",
            },
            retries,
            startedAt + limitMs - now,
            budget,
            { now, random: deps.random },
          );
    if (delayMs === null) {
      if (!attempt.ok) throw attempt.error;
      return { ...attempt.response, attempts: retries + 1 };
    }
    discard(attempt);
    await deps.wait(delayMs, request.signal);
    if (request.signal.aborted) throw clientClosed(request.signal);
  }
}

/** Answers of one upstream that another may do better on; what stands before it has codes of its own (520 to 530). */
const isWorthAnother = (status: number): boolean => status === 429 || status >= 500;

/**
 * Tries the targets in order until one answers, all within one deadline (the caller's, else the longest target's). If
 * none does, the last upstream's own error is returned as its response; without any response the last error is thrown.
 */
export async function callFirstAvailable(
  targets: readonly UpstreamTarget[],
  requestFor: (target: UpstreamTarget) => UpstreamRequest,
  deps: UpstreamDeps,
): Promise<UpstreamResponse> {
  const startedAt = deps.now();
  const longestMs = Math.max(
    ...targets.map((t) => t.timeouts?.firstByteMs ?? DEFAULT_TIMEOUTS.firstByteMs),
  );
  let refusal: UpstreamResponse | null = null;
  let lastError = new GatewayError("unavailable", "No upstream is configured for this model.");
  for (const target of targets) {
    const request = requestFor(target);
    const deadlineMs = startedAt + (request.deadlineMs ?? longestMs) - deps.now();
    if (deadlineMs <= 0) break;
    try {
      const response = await callUpstream(target, { ...request, deadlineMs }, deps);
      refusal?.body?.cancel().catch(() => {});
      if (!isWorthAnother(response.status)) return response;
      refusal = response;
    } catch (error) {
      if (!(error instanceof GatewayError && error.isRetryable)) {
        refusal?.body?.cancel().catch(() => {});
        throw error;
      }
      lastError = error;
    }
  }
  if (refusal !== null) return refusal;
  throw lastError;
}

type AttemptResult =
  | {
      readonly ok: true;
      readonly status: number;
      /** The upstream's headers before the allow-list. */
      readonly headers: Headers;
      readonly response: Omit<UpstreamResponse, "attempts">;
    }
  | {
      readonly ok: false;
      readonly status: "broken" | "timeout" | "redirect";
      readonly error: GatewayError;
    };

interface AttemptInput {
  readonly target: UpstreamTarget;
  readonly request: UpstreamRequest;
  readonly headers: Headers;
  readonly timeouts: UpstreamTimeouts;
  readonly startedAt: number;
  readonly remainingMs: number;
}

async function attemptOnce(input: AttemptInput, deps: UpstreamDeps): Promise<AttemptResult> {
  const { target, request, timeouts, startedAt, remainingMs } = input;
  const { name } = target;
  const connection = new AbortController();
  const outcome = await withDeadline(
    async (signal) => {
      signal.addEventListener("abort", () => connection.abort(signal.reason));
      const response = await (target.fetch ?? deps.fetch)(target.baseUrl + request.path, {
        method: request.method ?? "POST",
        headers: input.headers,
        body: request.body,
        signal: connection.signal,
        redirect: "manual",
      });
      const reader = (response.body as ReadableStream<Uint8Array> | null)?.getReader() ?? null;
      // An upstream that cannot be interrupted may answer after the deadline.
      if (signal.aborted) reader?.cancel(signal.reason).catch(() => {});
      return { response, reader, first: (await reader?.read()) ?? null };
    },
    remainingMs,
    deps.wait,
    request.signal,
  );
  if (!outcome.ok) {
    const isTimeout = outcome.reason === "timeout";
    const error = isTimeout
      ? new GatewayError(
          "upstream_timeout",
          `The upstream '${name}' sent nothing before the deadline.`,
        )
      : new GatewayError("upstream_error", `The upstream '${name}' could not be reached.`, {
          cause: outcome.error,
        });
    return { ok: false, status: isTimeout ? "timeout" : "broken", error };
  }
  const { response, reader, first } = outcome.value;
  const release = (reason: unknown) => connection.abort(reason);
  if (response.status >= 300 && response.status < 400) {
    release(undefined);
    // Following it would send the prompt, and perhaps the key, to an address nobody configured.
    const message = `The upstream '${name}' answered with a redirect.`;
    return { ok: false, status: "redirect", error: new GatewayError("upstream_error", message) };
  }
  const limited =
    reader === null || first === null
      ? null
      : limitedBody({
          name,
          first,
          reader,
          idleMs: timeouts.idleMs,
          endsAt: startedAt + timeouts.totalMs,
          now: deps.now,
          wait: deps.wait,
          signal: request.signal,
          release,
        });
  return {
    ok: true,
    status: response.status,
    headers: response.headers,
    response: {
      upstream: name,
      status: response.status,
      headers: returnedHeaders(response.headers),
      contentLength: plainLength(response.headers),
      body: limited?.body ?? null,
      heldBackMs: limited?.heldBackMs ?? (() => 0),
      firstByteMs: deps.now() - startedAt,
    },
  };
}

function isOutage(attempt: AttemptResult): boolean {
  return !attempt.ok || attempt.status >= 500;
}

function discard(attempt: AttemptResult): void {
  if (attempt.ok) attempt.response.body?.cancel().catch(() => {});
}

/** Of a compressed body the header counts other bytes than we see. */
function plainLength(headers: Headers): number | null {
  const length = headers.get("content-length");
  if (length === null || headers.has("content-encoding")) return null;
  return /^\d+$/.test(length) ? Number(length) : null;
}

function breakerOpen(target: UpstreamTarget, retryInMs: number): GatewayError {
  const message = `The upstream '${target.name}' has failed repeatedly and is not being called for now.`;
  // At least a second: between two probes of a half-open breaker the remaining time is 0.
  return new GatewayError("breaker_open", message, {
    retryAfterSeconds: Math.max(1, retryInMs / 1000),
  });
}

function clientClosed(signal: AbortSignal): GatewayError {
  return new GatewayError("client_closed", "The caller closed the connection.", {
    cause: signal.reason,
  });
}

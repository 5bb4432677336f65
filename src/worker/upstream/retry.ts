// When a call may be made again. Only before the first byte, because after it a second call is billed and its text
// would be mixed with the first one's.

const WINDOW_MS = 60_000;
const BUCKET_MS = 5_000;

/** Most retries per request, the first attempt not counted. */
const MAX_RETRIES = 2;
const MAX_RETRIES_ON_429 = 1;

/** Share of recent requests that may be repeated; less where the upstream itself asks for less load. */
const RETRY_SHARE = 0.2;
const RETRY_SHARE_ON_429 = 0.1;

/** Requests and retries of the last minute, in buckets. One per upstream and isolate. */
export class RetryBudget {
  readonly #minPerMinute: number;
  readonly #mostShare: number;
  readonly #buckets: { readonly at: number; requests: number; retries: number }[] = [];

  /** @param mostShare where less than the share that is asked for may be repeated */
  constructor(minPerMinute = 3, mostShare = 1) {
    this.#minPerMinute = minPerMinute;
    this.#mostShare = mostShare;
  }

  countRequest(now: number): void {
    this.#bucket(now).requests++;
  }

  /** Takes one retry if the last minute's retries stay within max(minimum, share of the last minute's requests). */
  takeRetry(now: number, share = RETRY_SHARE): boolean {
    if (!this.hasRoom(now, share)) return false;
    this.#bucket(now).retries++;
    return true;
  }

  /** Whether `takeRetry` would take one. */
  hasRoom(now: number, share = RETRY_SHARE): boolean {
    this.#bucket(now);
    let requests = 0;
    let retries = 0;
    for (const recent of this.#buckets) {
      requests += recent.requests;
      retries += recent.retries;
    }
    return retries + 1 <= Math.max(this.#minPerMinute, Math.min(share, this.#mostShare) * requests);
  }

  #bucket(now: number) {
    const at = Math.floor(now / BUCKET_MS) * BUCKET_MS;
    while (this.#buckets[0] !== undefined && this.#buckets[0].at <= at - WINDOW_MS) {
      this.#buckets.shift();
    }
    let last = this.#buckets.at(-1);
    if (last === undefined || last.at < at) {
      last = { at, requests: 0, retries: 0 };
      this.#buckets.push(last);
    }
    return last;
  }
}

/** What an attempt came to, as far as a retry is concerned. */
export interface FailedAttempt {
  /** HTTP status, or null when no response came: refused, reset, broken before the first byte. */
  readonly status: number | null;
  /** The upstream's wish, if it gave one. */
  readonly retryAfterMs: number | null;
  /** `x-should-retry: false` */
  readonly isFinal: boolean;
}

export interface RetryPlan {
  readonly baseMs?: number;
  readonly maxMs?: number;
  /** Longest `retry-after` that is waited for instead of being passed to the caller. */
  readonly maxRetryAfterMs?: number;
}

/**
 * Milliseconds to wait before the next attempt, or null to give up. Full jitter: uniform in
 * [0, min(maxMs, baseMs * 2^retries)]. Takes from the budget only when the wait fits `remainingMs`.
 */
export function delayBeforeRetry(
  failed: FailedAttempt,
  retries: number,
  remainingMs: number,
  budget: RetryBudget,
  { now, random }: { readonly now: number; readonly random: () => number },
  { baseMs = 200, maxMs = 2_000, maxRetryAfterMs = 10_000 }: RetryPlan = {},
): number | null {
  const isLimited = failed.status === 429;
  // A limit without a date gives nothing to wait for.
  if (failed.isFinal || (isLimited && failed.retryAfterMs === null)) return null;
  if (!isLimited && !isTransient(failed.status)) return null;
  if (retries >= (isLimited ? MAX_RETRIES_ON_429 : MAX_RETRIES)) return null;
  const asked = failed.retryAfterMs ?? 0;
  if (asked > maxRetryAfterMs) return null;
  const delay = asked + random() * Math.min(maxMs, baseMs * 2 ** retries);
  if (delay >= remainingMs) return null;
  return budget.takeRetry(now, isLimited ? RETRY_SHARE_ON_429 : RETRY_SHARE) ? delay : null;
}

/** Failures of a moment: no response, or a server that says it could not. */
function isTransient(status: number | null): boolean {
  return status === null || status === 500 || status === 502 || status === 503;
}

/** `retry-after-ms`, or `retry-after` in seconds or as an HTTP date; milliseconds from now, or null. */
export function readRetryAfter(headers: Headers, now: number): number | null {
  const precise = headers.get("retry-after-ms");
  if (precise !== null && /^\d+(\.\d+)?$/.test(precise)) return Number(precise);
  const value = headers.get("retry-after");
  if (value === null) return null;
  if (/^\d+(\.\d+)?$/.test(value)) return Number(value) * 1000;
  const date = Date.parse(value);
  return Number.isNaN(date) ? null : Math.max(0, date - now);
}

// Every failure that a caller may see, as one class and one table. Expected outcomes (a miss, a timeout of the cache
// path) are values and never come here.

/** Code of the envelope -> status, type, and whether the same request may succeed if sent again. */
const KINDS = {
  invalid_request: { status: 400, type: "invalid_request_error", isRetryable: false },
  invalid_api_key: { status: 401, type: "invalid_request_error", isRetryable: false },
  invalid_signature: { status: 401, type: "invalid_request_error", isRetryable: false },
  // A permanent quota is never 429: clients repeat every 429.
  insufficient_quota: { status: 402, type: "insufficient_quota", isRetryable: false },
  permission_denied: { status: 403, type: "permission_error", isRetryable: false },
  not_found: { status: 404, type: "invalid_request_error", isRetryable: false },
  model_not_found: { status: 404, type: "invalid_request_error", isRetryable: false },
  request_timeout: { status: 408, type: "invalid_request_error", isRetryable: true },
  conflict: { status: 409, type: "invalid_request_error", isRetryable: false },
  precondition_failed: { status: 412, type: "invalid_request_error", isRetryable: false },
  request_too_large: { status: 413, type: "invalid_request_error", isRetryable: false },
  unprocessable: { status: 422, type: "invalid_request_error", isRetryable: false },
  rate_limit_exceeded: { status: 429, type: "rate_limit_error", isRetryable: true },
  // The caller hung up; nobody reads this answer, but the decision's record needs a name for it.
  client_closed: { status: 499, type: "invalid_request_error", isRetryable: false },
  internal_error: { status: 500, type: "server_error", isRetryable: false },
  upstream_error: { status: 502, type: "upstream_error", isRetryable: true },
  breaker_open: { status: 503, type: "upstream_error", isRetryable: true },
  unavailable: { status: 503, type: "server_error", isRetryable: true },
  upstream_timeout: { status: 504, type: "upstream_error", isRetryable: true },
  // What RFC 9111 wants for only-if-cached; no upstream had a part in it.
  not_cached: { status: 504, type: "invalid_request_error", isRetryable: false },
} as const;

export type ErrorCode = keyof typeof KINDS;

interface ErrorOptionals {
  /** Path of the offending field, like `messages[2].role`. */
  readonly param?: string;
  readonly retryAfterSeconds?: number;
  /** Of the response that tells of it. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly cause?: unknown;
}

export class GatewayError extends Error {
  override readonly name = "GatewayError";
  readonly status: number;
  readonly type: string;
  readonly code: ErrorCode;
  readonly param: string | null;
  readonly retryAfterSeconds: number | undefined;
  readonly headers: Readonly<Record<string, string>>;
  readonly isRetryable: boolean;

  /** `message` goes to the caller as it is: no secrets, no upstream URL, no prompt text. */
  constructor(code: ErrorCode, message: string, options: ErrorOptionals = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    const kind = KINDS[code];
    this.status = kind.status;
    this.type = kind.type;
    this.code = code;
    this.param = options.param ?? null;
    this.retryAfterSeconds = options.retryAfterSeconds;
    this.headers = options.headers ?? {};
    this.isRetryable = kind.isRetryable;
  }
}

/** What was thrown as a GatewayError; anything that is not one becomes a 500 that says nothing about its origin. */
export function asGatewayError(error: unknown): GatewayError {
  if (error instanceof GatewayError) return error;
  return new GatewayError("internal_error", "The gateway failed to handle this request.", {
    cause: error,
  });
}

/** The same error, whose response says what became of the request. */
export function withHeaders(
  error: unknown,
  headers: Readonly<Record<string, string>>,
): GatewayError {
  const { code, message, param, retryAfterSeconds, cause } = asGatewayError(error);
  return new GatewayError(code, message, {
    ...(param !== null && { param }),
    ...(retryAfterSeconds !== undefined && { retryAfterSeconds }),
    headers,
    cause,
  });
}

/** The same for a route that does not exist and for one that is off. */
export function unknownUrl({ method, url }: Request): GatewayError {
  return new GatewayError(
    "not_found",
    `Unknown request URL: ${method} ${new URL(url).pathname.slice(0, 200)}.`,
  );
}

/** The OpenAI envelope, for a response body or for the last event of a broken stream. */
export function errorEnvelope(error: GatewayError) {
  const { message, type, param, code } = error;
  return { error: { message, type, param, code } };
}

export function errorResponse(error: unknown, requestId: string): Response {
  const known = asGatewayError(error);
  const headers = new Headers({
    ...known.headers,
    "content-type": "application/json",
    "cache-control": "private, no-store",
    "x-request-id": requestId,
  });
  if (known.retryAfterSeconds !== undefined) {
    headers.set("retry-after", String(Math.max(0, Math.ceil(known.retryAfterSeconds))));
  }
  return new Response(JSON.stringify(errorEnvelope(known)), { status: known.status, headers });
}

// A named upstream, and which headers cross the gateway. Targets come from configuration only; nothing in a request can
// name a URL.
import { GatewayError } from "../openai/errors.ts";

/** The part of `fetch` that a call needs; an upstream that is not reached by HTTP brings its own. */
export type UpstreamFetch = (
  url: string,
  init: {
    readonly method: "POST" | "GET";
    readonly headers: Headers;
    readonly body: Uint8Array<ArrayBuffer> | null;
    readonly signal: AbortSignal;
    readonly redirect: "manual";
  },
) => Promise<Response>;

export interface UpstreamTimeouts {
  /** Until the first byte of the body, retries included. */
  readonly firstByteMs: number;
  /** Between two chunks, counted only while someone is waiting for the next. */
  readonly idleMs: number;
  /** From the call to the last byte. */
  readonly totalMs: number;
}

export const DEFAULT_TIMEOUTS: UpstreamTimeouts = {
  firstByteMs: 60_000,
  idleMs: 30_000,
  totalMs: 600_000,
};

export interface UpstreamTarget {
  readonly name: string;
  /** Without a trailing slash, like `https://api.openai.com/v1`. */
  readonly baseUrl: string;
  /** Sent as a bearer token. */
  readonly apiKey?: string;
  /** Fixed headers from the configuration, for providers that want another scheme than a bearer token. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly timeouts?: Partial<UpstreamTimeouts>;
  readonly fetch?: UpstreamFetch;
}

/**
 * Checks a base URL when the configuration is read: https on its own port, a host name rather than an address, no
 * credentials. `allowLocal` admits http and addresses, for a model server on the same machine. Returns it without a
 * trailing slash, or throws with the reason.
 */
export function checkBaseUrl(baseUrl: string, { allowLocal = false } = {}): string {
  const url = new URL(baseUrl);
  if (url.username !== "" || url.password !== "")
    throw new Error("an upstream URL holds no credentials");
  if (url.search !== "" || url.hash !== "")
    throw new Error("an upstream URL has no query or fragment");
  if (url.protocol !== "https:" && !(allowLocal && url.protocol === "http:")) {
    throw new Error("an upstream URL must use https");
  }
  if (!allowLocal) {
    // The URL parser has already turned every spelling of an IPv4 address into dotted decimals.
    if (/^[\d.]+$/.test(url.hostname) || url.hostname.startsWith("[")) {
      throw new Error("an upstream URL names a host, not an address");
    }
    if (!url.hostname.includes(".") || /\.(local|internal|localhost)\.?$/.test(url.hostname)) {
      throw new Error("an upstream URL names a public host");
    }
    if (url.port !== "") throw new Error("an upstream URL uses port 443");
  }
  return url.href.replace(/\/+$/, "");
}

/** Request headers worth passing on. Authorization, cookies, addresses and everything hop-by-hop stay behind. */
const FORWARDED = ["accept", "traceparent", "tracestate", "idempotency-key", "openai-beta"];

/** Headers for the upstream, built anew. Throws 400 when a value cannot be sent. */
export function outgoingHeaders(target: UpstreamTarget, incoming: Headers): Headers {
  try {
    const headers = new Headers({ "content-type": "application/json", "user-agent": "velo" });
    for (const name of FORWARDED) {
      const value = incoming.get(name);
      if (value !== null) headers.set(name, value);
    }
    for (const [name, value] of Object.entries(target.headers ?? {})) headers.set(name, value);
    if (target.apiKey !== undefined) headers.set("authorization", `Bearer ${target.apiKey}`);
    return headers;
  } catch (cause) {
    // A line break inside a value; the platform refuses it, and it is the sender's mistake.
    throw new GatewayError(
      "invalid_request",
      "A request header holds a character that cannot be sent.",
      {
        cause,
      },
    );
  }
}

const RETURNED = new Set(["content-type", "retry-after", "retry-after-ms", "x-should-retry"]);
const RETURNED_PREFIXES = ["x-ratelimit-", "openai-"];
/** These name the operator's account, which is not the caller's to know. */
const WITHHELD = new Set(["openai-organization", "openai-project"]);

/**
 * Response headers for the caller. Lengths and encodings are dropped because the body is passed on decoded; the
 * upstream's request id is kept under a name of its own.
 */
export function returnedHeaders(upstream: Headers): Headers {
  const headers = new Headers();
  for (const [name, value] of upstream) {
    if (WITHHELD.has(name)) continue;
    if (RETURNED.has(name) || RETURNED_PREFIXES.some((prefix) => name.startsWith(prefix))) {
      headers.set(name, value);
    }
  }
  const requestId = upstream.get("x-request-id");
  if (requestId !== null) headers.set("x-upstream-request-id", requestId);
  return headers;
}

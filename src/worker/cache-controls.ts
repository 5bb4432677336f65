// What a caller may ask of the cache: less of it, never more. No control lowers a threshold, widens a scope or exceeds
// the tenant's longest time to live.

export interface CacheControls {
  /** Do not read from the cache (the answer may still be stored). */
  readonly noCache: boolean;
  /** Do not store the answer. */
  readonly noStore: boolean;
  /** Serve nothing older. Seconds. */
  readonly maxAgeSeconds: number | null;
  /** 504 instead of a model call when the cache cannot answer. */
  readonly onlyIfCached: boolean;
  /** Seconds the answer may live. */
  readonly ttlSeconds: number | null;
  /** The caller's own partition inside the tenant. */
  readonly namespace: string | null;
}

const seconds = (value: unknown): number | null => {
  const number = typeof value === "string" && value !== "" ? Number(value) : value;
  return typeof number === "number" && Number.isFinite(number) && number >= 0
    ? Math.floor(number)
    : null;
};

const truthy = (value: unknown): boolean => value === true || value === "true" || value === "1";

const smaller = (a: number | null, b: number | null): number | null =>
  a === null ? b : b === null ? a : Math.min(a, b);

/**
 * Reads `Cache-Control`, `x-velo-cache`, the body's `cache` object (LiteLLM's form) and the aliases of Cloudflare AI
 * Gateway and Portkey. Where they differ the stricter one holds; a word that is not understood is ignored.
 */
export function cacheControlsOf(headers: Headers, bodyCache: unknown): CacheControls {
  let noCache = truthy(headers.get("cf-aig-skip-cache"));
  let noStore = noCache;
  let onlyIfCached = false;
  let maxAge: number | null = null;
  let ttl = seconds(headers.get("cf-aig-cache-ttl"));
  let namespace =
    headers.get("cf-aig-cache-key") ?? headers.get("x-portkey-cache-namespace") ?? null;
  if (truthy(headers.get("x-portkey-cache-force-refresh"))) noCache = true;

  for (const header of ["cache-control", "x-velo-cache"]) {
    for (const directive of (headers.get(header) ?? "").split(",")) {
      const [rawName = "", ...rest] = directive.split("=");
      const value = rest.join("=").trim().replaceAll('"', "");
      switch (rawName.trim().toLowerCase()) {
        case "no-cache":
          noCache = true;
          break;
        case "no-store":
          noStore = true;
          break;
        case "only-if-cached":
          onlyIfCached = true;
          break;
        case "max-age":
          // An age that cannot be read is no age at all (RFC 9111, 4.2.1): nothing stored is young enough.
          maxAge = smaller(maxAge, seconds(value) ?? 0);
          break;
        case "ttl":
          if (header === "x-velo-cache") ttl = smaller(ttl, seconds(value));
          break;
        case "namespace":
          if (header === "x-velo-cache" && value !== "") namespace = value;
          break;
        default:
      }
    }
  }
  if (typeof bodyCache === "object" && bodyCache !== null) {
    const cache = bodyCache as Record<string, unknown>;
    if (truthy(cache["no-cache"])) noCache = true;
    if (truthy(cache["no-store"])) noStore = true;
    ttl = smaller(ttl, seconds(cache["ttl"]));
    maxAge = smaller(maxAge, seconds(cache["s-maxage"]));
    if (typeof cache["namespace"] === "string" && cache["namespace"] !== "")
      namespace = cache["namespace"];
  }
  return {
    noCache,
    noStore,
    maxAgeSeconds: maxAge,
    onlyIfCached,
    ttlSeconds: ttl,
    // Any text is allowed: it is hashed into the namespace, never used as one.
    namespace,
  };
}

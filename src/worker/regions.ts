// Which regional endpoint a request belongs to: host, then route prefix, then where Cloudflare says the caller is.
import type { DurableObjectLocationHint } from "@cloudflare/workers-types";

export interface RegionConfig {
  readonly name: string;
  /** Exact host names of this region's endpoint. */
  readonly hosts: readonly string[];
  /** Path prefix without slashes, e.g. "eu" for /eu/v1/... */
  readonly route: string;
  /** Continent codes of request.cf. */
  readonly continents: readonly string[];
  readonly locationHint: DurableObjectLocationHint;
  /** Region objects per region; raise it above about 300 reports a second. */
  readonly shards: number;
}

/** Splits the region prefix off a path: `/eu/v1/models` is `/v1/models` in region eu. */
export function regionOf(
  request: { readonly hostname: string; readonly pathname: string; readonly continent?: string },
  regions: readonly RegionConfig[],
): { readonly region: RegionConfig; readonly pathname: string } {
  const fallback = regions[0];
  if (fallback === undefined) throw new Error("the configuration names no region");
  const byRoute = regions.find((region) => request.pathname.startsWith(`/${region.route}/`));
  const pathname = byRoute ? request.pathname.slice(byRoute.route.length + 1) : request.pathname;
  const region =
    regions.find((candidate) => candidate.hosts.includes(request.hostname)) ??
    byRoute ??
    regions.find((candidate) => candidate.continents.includes(request.continent ?? "")) ??
    fallback;
  return { region, pathname };
}

/** Name of the region object that keeps a tenant's rows: all rows of a tenant in one shard. */
export function regionObjectName(region: RegionConfig, tenant: string): string {
  let hash = 0;
  for (let i = 0; i < tenant.length; i++) hash = (Math.imul(hash, 31) + tenant.charCodeAt(i)) >>> 0;
  return `region/${region.name}/${hash % region.shards}`;
}

// A tenant's settings and keys, as the Tenants object stores them and isolates copy them for 60 s.

/** Who a request belongs to; made only by verifying a key. */
export type TenantId = string & { readonly __brand: "TenantId" };

export interface TenantSettings {
  /** observe decides and records but serves nothing from the cache; exact serves only repeats. */
  readonly serve: "observe" | "exact" | "semantic";
  /** Cache domain: one per region (the paper) or shared by all regions. */
  readonly domain: "region" | "shared";
  /** Entries are kept per end user (body field `user`) instead of per tenant. */
  readonly userScope: boolean;
  /** Serve although temperature is unset or above 0. */
  readonly cacheSampled: boolean;
  /** Exact match for requests with tools, images or other content that is otherwise bypassed. */
  readonly exactForTools: boolean;
  /** Action C (notes from the cache in the prompt). */
  readonly augment: boolean;
  /** Experiences may train weights that other tenants use. */
  readonly shareExperiences: boolean;
  /** Upper bound for a caller's ttl, and the default. Seconds. */
  readonly maxTtlSeconds: number;
  /** Go on reading the model's answer for the cache when the client has left. */
  readonly finishForCache: boolean;
  /** Wrong answers per semantic hit and per request the tenant accepts. */
  readonly deltaHit: number;
  readonly deltaRequest: number;
  /**
   * Compare some answers with a second one, of the model and by the judge: questions and answers then also go to the
   * judge's upstream. Without it nothing but what users do and say tells whether a hit was right.
   */
  readonly examine: boolean;
  /** For requests that name none. 0: no deadline. */
  readonly deadlineMs: number;
  /** Most that one request for `velo/auto` may cost as foreseen. 0: no limit. */
  readonly maxCostUsd: number;
  /** Put the decision headers on responses. */
  readonly decisionHeaders: boolean;
}

export interface Tenant {
  readonly id: TenantId;
  readonly name: string;
  readonly settings: TenantSettings;
}

export type KeyScope =
  | "infer"
  | "feedback"
  // Feedback that says how likely its answer was to be judged, and so weighs for all that were not.
  | "judge"
  | "admin:read"
  | "admin:write"
  | "trainer";

export interface VerifiedKey {
  readonly keyId: string;
  readonly tenant: Tenant;
  readonly scopes: readonly KeyScope[];
}

export type AddedKey = "added" | "unknown-tenant" | "too-many-keys";

/** The Tenants object's RPC surface. Secrets never cross it in clear: callers send HMAC digests. */
export interface TenantsRpc {
  /** null when the key id is unknown, expired, revoked, or the digest differs. */
  verify(keyId: string, digestHex: string): Promise<VerifiedKey | null>;
  createTenant(name: string, settings?: Partial<TenantSettings>): Promise<Tenant>;
  /** null when the tenant is unknown. */
  updateSettings(tenant: string, settings: Partial<TenantSettings>): Promise<Tenant | null>;
  listTenants(): Promise<readonly Tenant[]>;
  /** Stores a key made by the caller. */
  addKey(key: {
    keyId: string;
    tenant: string;
    digestHex: string;
    scopes: readonly KeyScope[];
    expiresAt?: number;
  }): Promise<AddedKey>;
  revokeKey(keyId: string): Promise<boolean>;
}

export const DEFAULT_SETTINGS: TenantSettings = {
  serve: "observe",
  domain: "region",
  userScope: false,
  cacheSampled: false,
  exactForTools: false,
  augment: false,
  shareExperiences: false,
  maxTtlSeconds: 7 * 86_400,
  finishForCache: false,
  deltaHit: 0.02,
  deltaRequest: 0.01,
  examine: false,
  deadlineMs: 0,
  maxCostUsd: 0,
  decisionHeaders: true,
};

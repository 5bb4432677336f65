// Tenants, their settings and their keys: one object, named `tenants`, copied into isolates for 60 s. It never sees a key
// in clear, only its id and the HMAC of its secret.
import { DurableObject } from "cloudflare:workers";
import { migrate, type SqlStore, TENANTS_SCHEMA } from "./rows.ts";
import { sqlStoreOf } from "./sql-storage.ts";
import {
  type AddedKey,
  DEFAULT_SETTINGS,
  type KeyScope,
  type Tenant,
  type TenantId,
  type TenantSettings,
  type TenantsRpc,
  type VerifiedKey,
} from "./tenant.ts";

/** Two are needed to change keys without a gap; more than this is a mistake. */
const MAX_LIVE_KEYS = 32;
/** Compared with when a key id is unknown, so that the answer takes as long. */
const NO_DIGEST = "0".repeat(64);

type TenantRow = { id: string; name: string; settings: string };
type KeyRow = {
  key_id: string;
  tenant: string;
  digest: string;
  scopes: string;
  expires_at: number | null;
  revoked_at: number | null;
};

export class Tenants extends DurableObject<unknown> implements TenantsRpc {
  readonly #store: SqlStore;

  constructor(ctx: DurableObjectState, env: unknown) {
    super(ctx, env);
    this.#store = sqlStoreOf(ctx.storage);
    migrate(this.#store, TENANTS_SCHEMA);
  }

  async verify(keyId: string, digestHex: string): Promise<VerifiedKey | null> {
    const [key] = this.#store.exec<KeyRow>("SELECT * FROM api_key WHERE key_id = ?", keyId);
    const same = await areEqual(key?.digest ?? NO_DIGEST, digestHex);
    if (key === undefined || !same || !isLive(key, Date.now())) return null;
    const tenant = this.#find(key.tenant);
    return tenant && { keyId, tenant, scopes: JSON.parse(key.scopes) as KeyScope[] };
  }

  async createTenant(name: string, settings: Partial<TenantSettings> = {}): Promise<Tenant> {
    if (name.trim() === "") throw new TypeError("a tenant needs a name");
    const id = `t${crypto.randomUUID().replaceAll("-", "").slice(0, 20)}`;
    this.#store.exec(
      "INSERT INTO tenant (id, name, settings) VALUES (?, ?, ?)",
      id,
      name,
      JSON.stringify(known(settings)),
    );
    return this.#find(id)!;
  }

  async updateSettings(tenant: string, settings: Partial<TenantSettings>): Promise<Tenant | null> {
    const [row] = this.#rows("WHERE id = ?", tenant);
    if (row === undefined) return null;
    const changed = { ...(JSON.parse(row.settings) as object), ...known(settings) };
    this.#store.exec(
      "UPDATE tenant SET settings = ? WHERE id = ?",
      JSON.stringify(changed),
      tenant,
    );
    return this.#find(tenant);
  }

  async listTenants(): Promise<readonly Tenant[]> {
    return this.#rows("ORDER BY name, id").map(tenantOf);
  }

  async addKey(key: {
    keyId: string;
    tenant: string;
    digestHex: string;
    scopes: readonly KeyScope[];
    expiresAt?: number;
  }): Promise<AddedKey> {
    if (!/^[0-9a-f]{64}$/.test(key.digestHex))
      throw new TypeError("a digest is 64 lower-case hexadecimal digits");
    if (this.#find(key.tenant) === null) return "unknown-tenant";
    const now = Date.now();
    return this.#store.transaction(() => {
      const live = this.#store
        .exec<KeyRow>("SELECT * FROM api_key WHERE tenant = ?", key.tenant)
        .filter((row) => isLive(row, now));
      if (live.length >= MAX_LIVE_KEYS) return "too-many-keys";
      // A key id that exists already fails here: ids are random, and a key is never replaced.
      this.#store.exec(
        `INSERT INTO api_key (key_id, tenant, digest, scopes, expires_at, created_at) VALUES (?, ?, ?, ?, ?, ?)`,
        key.keyId,
        key.tenant,
        key.digestHex,
        JSON.stringify(key.scopes),
        key.expiresAt ?? null,
        now,
      );
      return "added";
    });
  }

  async revokeKey(keyId: string): Promise<boolean> {
    const revoked = this.#store.exec(
      "UPDATE api_key SET revoked_at = ? WHERE key_id = ? AND revoked_at IS NULL RETURNING key_id",
      Date.now(),
      keyId,
    );
    return revoked.length > 0;
  }

  #find(id: string): Tenant | null {
    const [row] = this.#rows("WHERE id = ?", id);
    return row === undefined ? null : tenantOf(row);
  }

  #rows(clause: string, ...values: string[]): TenantRow[] {
    return this.#store.exec<TenantRow>(
      `SELECT id, name, settings FROM tenant ${clause}`,
      ...values,
    );
  }
}

const isLive = (key: KeyRow, now: number): boolean =>
  key.revoked_at === null && (key.expires_at === null || key.expires_at > now);

/** Only what was chosen is stored: a default that changes later reaches everybody who did not choose. */
const tenantOf = ({ id, name, settings }: TenantRow): Tenant => ({
  id: id as TenantId,
  name,
  settings: { ...DEFAULT_SETTINGS, ...(JSON.parse(settings) as Partial<TenantSettings>) },
});

/** Refuses names that are not settings and values of another type than the default's. */
function known(settings: Partial<TenantSettings>): Partial<TenantSettings> {
  for (const [name, value] of Object.entries(settings)) {
    const standard = Object.entries(DEFAULT_SETTINGS).find(([setting]) => setting === name);
    if (standard === undefined) throw new TypeError(`unknown setting ${name}`);
    if (typeof value !== typeof standard[1] || (typeof value === "number" && !(value >= 0)))
      throw new TypeError(`setting ${name} must be a ${typeof standard[1]}`);
  }
  return settings;
}

/** Equal texts, in a time that tells nothing: both are hashed first, so that their lengths are the same. */
async function areEqual(a: string, b: string): Promise<boolean> {
  const encoder = new TextEncoder();
  const [left, right] = await Promise.all(
    [a, b].map((text) => crypto.subtle.digest("SHA-256", encoder.encode(text))),
  );
  return left !== undefined && right !== undefined && crypto.subtle.timingSafeEqual(left, right);
}

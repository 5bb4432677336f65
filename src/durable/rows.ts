// SQLite as the state machines see it, the schemas of both objects, and their migrations. A table's primary key starts
// with the tenant wherever a row belongs to one.

export type SqlValue = string | number | null;
export type SqlRow = Record<string, SqlValue>;

/** Synchronous SQL storage: a Durable Object's own, or node:sqlite in tests and the simulator. */
export interface SqlStore {
  exec<T extends SqlRow>(query: string, ...values: SqlValue[]): T[];
  /** All or nothing: a throw inside undoes every statement since it began. Never nested. */
  transaction<T>(work: () => T): T;
  /** Size of the database in use, in bytes. */
  bytes(): number;
}

/** One step of a schema: applied whole in one transaction, so that a crash leaves a known version. */
export type Migration = readonly string[];

/** Only ever append: a step that was once released is part of somebody's database. */
export const REGION_SCHEMA: readonly Migration[] = [
  [
    // One row per received batch, deleted when it is packed and its rows are visible in the index.
    `CREATE TABLE batch (
      seq INTEGER PRIMARY KEY, id TEXT NOT NULL, received_at INTEGER NOT NULL, body TEXT NOT NULL
    )`,
    // One row per pack in R2; \`ids\` remembers the batches in it, so that a late duplicate still changes nothing.
    `CREATE TABLE pack (
      first INTEGER PRIMARY KEY, last INTEGER NOT NULL, ids TEXT NOT NULL,
      experiences INTEGER NOT NULL, receipts INTEGER NOT NULL,
      from_at INTEGER NOT NULL, to_at INTEGER NOT NULL, made_at INTEGER NOT NULL,
      status TEXT NOT NULL, leases INTEGER NOT NULL DEFAULT 0, token TEXT, lease_until INTEGER
    )`,
  ],
  [
    `CREATE TABLE entry (
      tenant TEXT NOT NULL, id TEXT NOT NULL, ans_id TEXT NOT NULL,
      created_at INTEGER NOT NULL, expires_at INTEGER NOT NULL,
      uses INTEGER NOT NULL, last_used_at INTEGER NOT NULL, value REAL NOT NULL, value_n INTEGER NOT NULL,
      quarantined INTEGER NOT NULL, decisions TEXT NOT NULL, observations TEXT NOT NULL,
      PRIMARY KEY (tenant, id)
    ) WITHOUT ROWID`,
    // Rows the index refused while it took others: tried again alone, quarantined after three attempts.
    `CREATE TABLE refused (
      tenant TEXT NOT NULL, id TEXT NOT NULL, body TEXT NOT NULL, attempts INTEGER NOT NULL, retry_at INTEGER NOT NULL,
      error TEXT NOT NULL, PRIMARY KEY (tenant, id)
    ) WITHOUT ROWID`,
  ],
  // Nonces of trainers' requests; a trainer belongs to no tenant.
  [`CREATE TABLE nonce (nonce TEXT PRIMARY KEY, kept_until INTEGER NOT NULL) WITHOUT ROWID`],
  [
    `ALTER TABLE entry ADD COLUMN lang TEXT NOT NULL DEFAULT 'und'`,
    // The record of a tenant's traffic in one language (JSON), and the labels that its rows' prior is estimated from.
    `CREATE TABLE slice (
      tenant TEXT NOT NULL, lang TEXT NOT NULL, head TEXT NOT NULL, pool TEXT NOT NULL, PRIMARY KEY (tenant, lang)
    ) WITHOUT ROWID`,
    // A tenant's requests by language, and the money of its last day, JSON.
    `CREATE TABLE account (tenant TEXT PRIMARY KEY, body TEXT NOT NULL) WITHOUT ROWID`,
  ],
  [
    // The space of the row's vector ('': written by a release that did not say), and its ids in other spaces.
    `ALTER TABLE entry ADD COLUMN embedder TEXT NOT NULL DEFAULT ''`,
    `ALTER TABLE entry ADD COLUMN moved_from TEXT NOT NULL DEFAULT ''`,
  ],
];

export const TENANTS_SCHEMA: readonly Migration[] = [
  [
    `CREATE TABLE tenant (id TEXT PRIMARY KEY, name TEXT NOT NULL, settings TEXT NOT NULL) WITHOUT ROWID`,
    // Looked up by key id before the tenant is known: the one key that cannot start with the tenant.
    `CREATE TABLE api_key (
      key_id TEXT PRIMARY KEY, tenant TEXT NOT NULL, digest TEXT NOT NULL, scopes TEXT NOT NULL,
      expires_at INTEGER, revoked_at INTEGER, created_at INTEGER NOT NULL
    ) WITHOUT ROWID`,
  ],
];

/**
 * Brings a database to the newest known version. A database written by a newer release is left alone: the caller then
 * only reads.
 */
export function migrate(
  store: SqlStore,
  schema: readonly Migration[],
): { readonly version: number; readonly readOnly: boolean } {
  store.exec(
    "CREATE TABLE IF NOT EXISTS _meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
  );
  let version = Number(readMeta(store, "schema_version") ?? 0);
  for (; version < schema.length; version++) {
    store.transaction(() => {
      for (const statement of schema[version] ?? []) store.exec(statement);
      writeMeta(store, "schema_version", String(version + 1));
    });
  }
  return { version, readOnly: version > schema.length };
}

export function readMeta(store: SqlStore, key: string): string | null {
  return (
    store.exec<{ value: string }>("SELECT value FROM _meta WHERE key = ?", key)[0]?.value ?? null
  );
}

export function writeMeta(store: SqlStore, key: string, value: string): void {
  store.exec(
    "INSERT INTO _meta (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
    key,
    value,
  );
}

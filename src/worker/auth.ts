// Identity fails closed: the tenant comes from a verified key and from nothing else. A key that was good a moment ago
// stays good while the Tenants object is down; an unknown key then gets 503, not 401.
import { digestOf, parseKey } from "../durable/keys.ts";
import {
  DEFAULT_SETTINGS,
  type KeyScope,
  type TenantId,
  type TenantsRpc,
  type VerifiedKey,
} from "../durable/tenant.ts";
import { type Isolate } from "./isolate.ts";
import { GatewayError } from "./openai/errors.ts";
import { type Wait, withDeadline } from "./upstream/deadline.ts";

/** A copy of a key's record is used this long without asking, and this long when asking fails. */
const FRESH_MS = 60_000;
const STALE_MS = 15 * 60_000;
/** An unknown key is asked about again after this. */
const UNKNOWN_MS = 5_000;
/** How long the Tenants object may take: little where a copy can stand in for its word. */
const REFRESH_WITHIN_MS = 150;
const VERIFY_WITHIN_MS = 2_000;

/** The tenant behind `sk-velo-local`, which exists only in the local environment. */
const LOCAL_KEY: VerifiedKey = {
  keyId: "local",
  tenant: {
    id: "local" as TenantId,
    name: "local",
    settings: {
      ...DEFAULT_SETTINGS,
      serve: "semantic",
      cacheSampled: true,
      shareExperiences: true,
      examine: true,
    },
  },
  scopes: ["infer", "feedback", "judge"],
};

export interface AuthPorts {
  readonly isolate: Isolate;
  readonly tenants: TenantsRpc;
  /** Secret under which keys are hashed; unset means that no key but the local one can exist. */
  readonly pepper: string | undefined;
  readonly localKey: string | undefined;
  readonly now: () => number;
  readonly wait: Wait;
}

/** @throws GatewayError 401 unknown key, 403 missing scope, 503 when keys cannot be checked */
export async function authenticate(
  headers: Headers,
  scope: KeyScope,
  ports: AuthPorts,
): Promise<VerifiedKey> {
  const presented = bearerOf(headers);
  if (presented === null)
    throw new GatewayError(
      "invalid_api_key",
      "You didn't provide an API key. Send it as `Authorization: Bearer sk-velo-...`.",
    );
  const key = await verify(presented, ports);
  if (!key.scopes.includes(scope))
    throw new GatewayError("permission_denied", `This API key lacks the scope "${scope}".`);
  return key;
}

async function verify(presented: string, ports: AuthPorts): Promise<VerifiedKey> {
  if (ports.localKey && presented === ports.localKey) return LOCAL_KEY;
  const parsed = parseKey(presented);
  if (parsed === null || !ports.pepper) throw unknownKey();
  const digest = await digestOf(crypto, ports.pepper, parsed.secret);

  const copy = ports.isolate.keys.get(parsed.keyId);
  const known = copy?.digest === digest ? copy : undefined;
  const age = known ? ports.now() - known.at : Number.POSITIVE_INFINITY;
  if (known?.verified && age < FRESH_MS) return known.verified;
  if (known && !known.verified && age < UNKNOWN_MS) throw unknownKey();
  const usable = known?.verified && age < STALE_MS ? known.verified : null;
  const asked = await withDeadline(
    () => ports.tenants.verify(parsed.keyId, digest),
    usable ? REFRESH_WITHIN_MS : VERIFY_WITHIN_MS,
    ports.wait,
  );
  if (asked.ok) {
    const verified = asked.value;
    // A guessed secret must not push out the copy of the right one, which is all there is while Tenants is down.
    if (verified !== null || copy?.verified == null)
      ports.isolate.keys.set(parsed.keyId, { digest, verified, at: ports.now() });
    if (verified !== null) return verified;
    throw unknownKey();
  }
  if (usable) return usable;
  throw new GatewayError("unavailable", "API keys cannot be checked at the moment.", {
    retryAfterSeconds: 5,
    cause: asked.error,
  });
}

const unknownKey = (): GatewayError =>
  new GatewayError("invalid_api_key", "Incorrect API key provided.");

function bearerOf(headers: Headers): string | null {
  const header = headers.get("authorization") ?? "";
  const match = /^Bearer +(\S{1,512})$/i.exec(header.trim());
  return match?.[1] ?? null;
}

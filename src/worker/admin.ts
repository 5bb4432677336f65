// The operator's routes of this deployment: what happened, and who may call. No default token: with ADMIN_TOKEN unset
// these routes do not exist.
import { digestOf, makeKey } from "../durable/keys.ts";
import { DEFAULT_SETTINGS, type KeyScope, type TenantSettings } from "../durable/tenant.ts";
import { type World } from "./bindings.ts";
import { readJsonBody } from "./openai/body.ts";
import { GatewayError, unknownUrl } from "./openai/errors.ts";

const SCOPES: readonly KeyScope[] = [
  "infer",
  "feedback",
  "judge",
  "admin:read",
  "admin:write",
  "trainer",
];

/** @throws 404 when the deployment has no admin token, 401 when the presented one differs */
async function requireAdmin(world: World): Promise<void> {
  if (!world.adminToken) throw unknownUrl(world.request);
  const presented = /^Bearer +(\S+)$/i.exec(world.request.headers.get("authorization") ?? "")?.[1];
  const encoder = new TextEncoder();
  const digest = async (text: string): Promise<ArrayBuffer> =>
    crypto.subtle.digest("SHA-256", encoder.encode(text));
  // Digests have one length: the comparison takes the same time whatever was presented.
  const [a, b] = await Promise.all([digest(presented ?? ""), digest(world.adminToken)]);
  if (presented === undefined || !crypto.subtle.timingSafeEqual(a, b))
    throw new GatewayError("invalid_api_key", "Incorrect admin token.");
}

/** Totals, newest decisions and policies of every region, for the dashboard and for whoever publishes policies. */
export async function liveView(world: World): Promise<Response> {
  await requireAdmin(world);
  const views = await Promise.allSettled(
    world.regionObjects().map(async (object) => object.live()),
  );
  return json(world, {
    at: world.ports.now(),
    embedder: world.ports.embedder.id,
    policy: {
      name: world.ports.policy([]).name,
      version: world.ports.policy([]).version,
      loading: world.ports.policyStatus(),
    },
    isolate: {
      ...world.ports.isolate.counters,
      examinations: world.ports.isolate.examinations.counts,
    },
    regions: views.flatMap((view) => (view.status === "fulfilled" ? [view.value] : [])),
    unreachable: views.filter((view) => view.status === "rejected").length,
  });
}

/** One decision explained: neighbours, distances, verdicts, probabilities, hops. */
export async function decisionReceipt(world: World, id: string): Promise<Response> {
  await requireAdmin(world);
  const region = world.ports.config.regions.find(({ name }) => id.endsWith(`-${name}`));
  for (let shard = 0; shard < (region?.shards ?? 0); shard++) {
    const receipt = await world.regionObject(region!, shard).receipt(id);
    if (receipt !== null) return json(world, receipt);
  }
  throw new GatewayError("not_found", `No decision ${id.slice(0, 80)} is known.`);
}

/**
 * Tenants: GET lists, POST creates `{name, settings?}`, PATCH /:id changes settings.
 * Keys: POST creates `{tenant, scopes?, expires_at?}` and shows the key once, DELETE /:id revokes.
 */
export async function tenantsAndKeys(
  world: World,
  kind: "tenants" | "keys",
  id: string | undefined,
): Promise<Response> {
  await requireAdmin(world);
  const { request, tenants } = world;
  const body = async (): Promise<Record<string, unknown>> =>
    (await readJsonBody(request, world.ports.wait, { maxBytes: 16_384 })).json;
  switch (`${request.method} ${kind}${id === undefined ? "" : "/:id"}`) {
    case "GET tenants":
      return json(world, { object: "list", data: await tenants.listTenants() });
    case "POST tenants": {
      const { name, settings } = await body();
      if (typeof name !== "string" || !/^[\w .-]{1,64}$/.test(name))
        throw invalid("name", "must be 1 to 64 letters, digits, spaces, dots or dashes");
      return json(world, await tenants.createTenant(name, settingsOf(settings ?? {})), 201);
    }
    case "PATCH tenants/:id": {
      const tenant = await tenants.updateSettings(id ?? "", settingsOf(await body()));
      if (tenant === null) throw unknownTenant(id ?? "");
      return json(world, tenant);
    }
    case "POST keys":
      return json(world, await createKey(world, await body()), 201);
    case "DELETE keys/:id": {
      const revoked = await tenants.revokeKey(id ?? "");
      world.ports.isolate.keys.delete(id ?? "");
      return json(world, { id, revoked });
    }
    default:
      throw unknownUrl(request);
  }
}

async function createKey(world: World, body: Readonly<Record<string, unknown>>): Promise<unknown> {
  const pepper = world.auth.pepper;
  if (!pepper) throw new GatewayError("unavailable", "The secret KEY_PEPPER is not set.");
  const { tenant, scopes = ["infer", "feedback"], expires_at: expiresAt } = body;
  if (typeof tenant !== "string") throw invalid("tenant", "must be a tenant's id");
  if (!Array.isArray(scopes) || !scopes.every((scope) => SCOPES.includes(scope as KeyScope)))
    throw invalid("scopes", `must be a list of ${SCOPES.join(", ")}`);
  if (expiresAt !== undefined && (typeof expiresAt !== "number" || expiresAt <= 0))
    throw invalid("expires_at", "must be seconds since the epoch");
  const key = makeKey(crypto);
  const outcome = await world.tenants.addKey({
    keyId: key.keyId,
    tenant,
    digestHex: await digestOf(crypto, pepper, key.secret),
    scopes: scopes as KeyScope[],
    ...(typeof expiresAt === "number" && { expiresAt: expiresAt * 1000 }),
  });
  if (outcome === "unknown-tenant") throw unknownTenant(tenant);
  if (outcome === "too-many-keys")
    throw new GatewayError("conflict", "This tenant has as many keys as it may: revoke one first.");
  return { id: key.keyId, tenant, scopes, key: key.text };
}

/** Known settings with values of the right type; anything else is refused by name. */
function settingsOf(value: unknown): Partial<TenantSettings> {
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw invalid("settings", "must be an object");
  for (const [name, setting] of Object.entries(value)) {
    const known: unknown = Object.hasOwn(DEFAULT_SETTINGS, name)
      ? DEFAULT_SETTINGS[name as keyof TenantSettings]
      : undefined;
    if (known === undefined) throw invalid(`settings.${name}`, "is not a known setting");
    if (typeof setting !== typeof known)
      throw invalid(`settings.${name}`, `must be a ${typeof known}`);
    const words: readonly string[] | undefined = {
      serve: ["observe", "exact", "semantic"],
      domain: ["region", "shared"],
    }[name];
    if (words && !words.includes(setting as string))
      throw invalid(`settings.${name}`, `must be one of ${words.join(", ")}`);
    if (typeof setting === "number" && !(setting >= 0 && Number.isFinite(setting)))
      throw invalid(`settings.${name}`, "must be 0 or more");
  }
  return value;
}

const invalid = (param: string, what: string): GatewayError =>
  new GatewayError("invalid_request", `'${param}' ${what}.`, { param });

const unknownTenant = (id: string): GatewayError =>
  new GatewayError("not_found", `No tenant ${id.slice(0, 80)} is known.`);

function json(world: World, body: unknown, status = 200): Response {
  return Response.json(body, {
    status,
    headers: { "cache-control": "private, no-store", "x-request-id": world.requestId },
  });
}

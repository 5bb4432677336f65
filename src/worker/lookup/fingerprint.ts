// The hard fingerprint: everything that must be equal before an answer may be shared, except the last question's text,
// which is compared exactly or by distance.
import { type TenantId, type TenantSettings } from "../../durable/tenant.ts";
import { base32, lengthPrefixed, sha256 } from "./digest.ts";
import { FIELDS } from "./eligibility.ts";

/** What a scope is made of, whatever the embedder: from this it can be named for another one. */
export interface Origin {
  /** base32(SHA-256(tenant, domain, user scope, caller namespace)). */
  readonly place: string;
  /** base32 hash over the canonical request without the question. */
  readonly request: string;
  /** The embedder's space. */
  readonly embedder: string;
}

export interface Scope {
  readonly tenant: TenantId;
  /** base32(SHA-256(place, embedder)), 52 characters: an index namespace. */
  readonly namespace: string;
  /** base32(SHA-256(request, embedder)). */
  readonly fingerprint: string;
  /** First 26 characters of the fingerprint: indexed metadata. */
  readonly fp: string;
  readonly origin: Origin;
}

const hashOf = async (parts: readonly string[]): Promise<string> =>
  base32(await sha256(lengthPrefixed(parts)));

/** Namespace and fingerprint of an origin: the embedder is in both, so that nothing of one is ever found by another. */
export async function scopeIn(tenant: TenantId, origin: Origin): Promise<Scope> {
  const { place, request, embedder } = origin;
  const namespace = (await hashOf([place, embedder])).slice(0, 52);
  const fingerprint = await hashOf([request, embedder]);
  return { tenant, namespace, fingerprint, fp: fingerprint.slice(0, 26), origin };
}

/** JSON with sorted keys: equal values give equal text. */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(",")}]`;
  if (typeof value === "object" && value !== null) {
    const entries = Object.entries(value).filter(([, item]) => item !== undefined);
    return `{${entries
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, item]) => `${JSON.stringify(key)}:${canonicalJson(item)}`)
      .join(",")}}`;
  }
  return JSON.stringify(value) ?? "null";
}

export async function scopeOf(input: {
  readonly tenant: TenantId;
  readonly settings: TenantSettings;
  readonly region: string;
  readonly user: string | null;
  readonly callerNamespace: string | null;
  readonly embedder: string;
  readonly locale: string | null;
  readonly body: Readonly<Record<string, unknown>>;
}): Promise<Scope> {
  const { tenant, settings, body } = input;
  const place = await hashOf([
    tenant,
    settings.domain === "region" ? `region:${input.region}` : "shared",
    settings.userScope ? `user:${input.user ?? ""}` : "tenant",
    input.callerNamespace ?? "",
  ]);

  const keyed = Object.entries(body).filter(([field, value]) => {
    const rule = FIELDS[field]?.rule;
    return (rule === "key" || rule === "tools") && field !== "messages" && value !== null;
  });
  const messages = body["messages"] as readonly Record<string, unknown>[];
  const { content: _question, ...asked } = messages.at(-1) ?? {};
  const canonical = canonicalJson({
    fields: Object.fromEntries(keyed),
    earlier: messages.slice(0, -1),
    asked,
    locale: input.locale,
  });
  const request = await hashOf([canonical]);
  return await scopeIn(tenant, { place, request, embedder: input.embedder });
}

/** Primary language subtag of Accept-Language, or null when the client names none. */
export function localeOf(header: string | null): string | null {
  const first = header?.split(",")[0]?.split(/[;-]/)[0]?.trim().toLowerCase();
  return first && /^[a-z]{2,3}$/.test(first) ? first : null;
}

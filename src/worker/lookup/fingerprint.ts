// The hard fingerprint: everything that must be equal before an answer may be shared, except the last question's text,
// which is compared exactly or by distance.
import { type TenantId, type TenantSettings } from "../../durable/tenant.ts";
import { base32, lengthPrefixed, sha256 } from "./digest.ts";
import { FIELDS } from "./eligibility.ts";

export interface Scope {
  readonly tenant: TenantId;
  /** base32(SHA-256(tenant, domain, user scope, caller namespace, embedder)), 52 characters: an index namespace. */
  readonly namespace: string;
  /** base32 hash over the canonical request without the question. */
  readonly fingerprint: string;
  /** First 26 characters of the fingerprint: indexed metadata. */
  readonly fp: string;
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
  const namespace = base32(
    await sha256(
      lengthPrefixed([
        tenant,
        settings.domain === "region" ? `region:${input.region}` : "shared",
        settings.userScope ? `user:${input.user ?? ""}` : "tenant",
        input.callerNamespace ?? "",
        input.embedder,
      ]),
    ),
  ).slice(0, 52);

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
    embedder: input.embedder,
  });
  const fingerprint = base32(await sha256(lengthPrefixed([canonical])));
  return { tenant, namespace, fingerprint, fp: fingerprint.slice(0, 26) };
}

/** Primary language subtag of Accept-Language, or null when the client names none. */
export function localeOf(header: string | null): string | null {
  const first = header?.split(",")[0]?.split(/[;-]/)[0]?.trim().toLowerCase();
  return first && /^[a-z]{2,3}$/.test(first) ? first : null;
}

// Neighbours of a question. The index is a hint: every row it returns is checked again, and rows that it does not show
// yet come from the region's replies.
import { type EntryInsert } from "../../durable/report.ts";
import { type TenantId } from "../../durable/tenant.ts";
import { type Candidate, type Evidence } from "../../policy/cache/candidate.ts";
import { NEIGHBOURS } from "../../policy/network/policy.ts";
import { distanceFromCosine } from "../../policy/observation.ts";
import { type Scope } from "./fingerprint.ts";

/** The part of the Vectorize binding that a look-up needs. */
export type VectorQuery = Pick<Vectorize, "query">;

/** A row another request just stored, with its vector decoded once per isolate. */
export interface FreshRow {
  readonly entry: EntryInsert;
  readonly vector: Float32Array;
}

/** Raised when a row of another tenant comes back: counted, dropped, never served. */
export type ForeignRow = { readonly id: string; readonly why: string };

/**
 * @param embedding unit vector
 * @returns at most 10 rows of this scope by distance, closest first
 */
export async function neighboursOf(
  index: VectorQuery,
  scope: Scope,
  embedding: Float32Array,
  onForeign: (row: ForeignRow) => void,
): Promise<readonly Candidate[]> {
  const { matches } = await index.query(embedding, {
    topK: NEIGHBOURS,
    namespace: requireNamespace(scope.namespace),
    filter: { fp: { $eq: scope.fp } },
    // Without this the scores are approximations, and thresholds rest on distances.
    returnValues: true,
    returnMetadata: "all",
  });
  return matches.flatMap((match) => {
    const metadata = (match.metadata ?? {}) as Record<string, unknown>;
    if (match.namespace !== scope.namespace || metadata["t"] !== scope.tenant) {
      onForeign({ id: match.id, why: "tenant or namespace differs" });
      return [];
    }
    if (metadata["fp"] !== scope.fp) return [];
    const candidate = candidateOf(match.id, match.score, metadata);
    return candidate === null ? [] : [candidate];
  });
}

/** A query without a namespace would search every tenant: that must never happen quietly. */
function requireNamespace(namespace: string): string {
  if (namespace.length !== 52) throw new Error(`vector query without a namespace: "${namespace}"`);
  return namespace;
}

function candidateOf(
  id: string,
  cosine: number,
  metadata: Readonly<Record<string, unknown>>,
): Candidate | null {
  const { ansId, role, n, fp, lang, q, at, exp, ev, qr } = metadata;
  if (typeof ansId !== "string" || typeof fp !== "string" || typeof q !== "string") return null;
  if (!Number.isFinite(cosine) || typeof at !== "number" || typeof exp !== "number") return null;
  const evidence = evidenceOf(ev);
  return {
    id,
    ansId,
    role: role === 2 ? 2 : 1,
    distance: distanceFromCosine(cosine),
    useCount: typeof n === "number" && n >= 1 ? n : 1,
    fp,
    lang: typeof lang === "string" ? lang : "und",
    question: q,
    createdAt: at,
    expiresAt: exp,
    ...(evidence && { evidence }),
    ...(qr === true && { quarantined: true }),
  };
}

/** Evidence travels as JSON text: metadata values cannot be nested lists. */
function evidenceOf(value: unknown): Evidence | null {
  if (typeof value !== "string") return null;
  try {
    const { labels, alpha } = JSON.parse(value) as Partial<Evidence>;
    return typeof labels === "number" && Array.isArray(alpha) && alpha.length === 32
      ? { labels, alpha: alpha.map(Number) }
      : null;
  } catch {
    return null;
  }
}

/** Adds fresh rows of the same scope, drops tombstones, sorts by distance, keeps ten. */
export function mergeFresh(
  rows: readonly Candidate[],
  fresh: Iterable<FreshRow>,
  tombstones: ReadonlySet<string>,
  scope: { readonly tenant: TenantId; readonly namespace: string; readonly fp: string },
  embedding: Float32Array,
): readonly Candidate[] {
  const byId = new Map(rows.map((row) => [row.id, row]));
  for (const { entry, vector } of fresh) {
    if (entry.tenant !== scope.tenant || entry.namespace !== scope.namespace) continue;
    if (entry.fp !== scope.fp || byId.has(entry.id)) continue;
    let cosine = 0;
    for (let i = 0; i < vector.length; i++) cosine += vector[i]! * embedding[i]!;
    byId.set(entry.id, {
      id: entry.id,
      ansId: entry.ansId,
      role: entry.role,
      distance: distanceFromCosine(cosine),
      useCount: 1,
      fp: entry.fp,
      lang: entry.lang,
      question: entry.question,
      createdAt: entry.createdAt,
      expiresAt: entry.expiresAt,
    });
  }
  return [...byId.values()]
    .filter((row) => !tombstones.has(row.id))
    .toSorted((a, b) => a.distance - b.distance)
    .slice(0, NEIGHBOURS);
}

// Rows as the decision sees them: out of the index's metadata, and rows that the index does not show yet out of the region's
// replies.
import { type Candidate, type Evidence } from "../policy/cache/candidate.ts";
import { NEIGHBOURS } from "../policy/network/policy.ts";
import { distanceFromCosine } from "../policy/observation.ts";
import { type EntryInsert } from "./report.ts";
import { type TenantId } from "./tenant.ts";

/** A row another request just stored, with its vector decoded once per isolate. */
export interface FreshRow {
  readonly entry: EntryInsert;
  readonly vector: Float32Array;
}

/** A row from its metadata (report.ts says what is in it); null when something it needs is missing. */
export function candidateOf(
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
    const { labels, alpha, scorer, wrong } = JSON.parse(value) as Partial<Evidence>;
    if (typeof labels !== "number" || !Array.isArray(alpha) || alpha.length !== 32) return null;
    return {
      labels,
      alpha: alpha.map(Number),
      ...(typeof scorer === "string" && { scorer }),
      ...(typeof wrong === "number" && { wrong }),
    };
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

// Neighbours of a question. The index is a hint: every row it returns is checked again.
import { candidateOf } from "../../durable/candidates.ts";
import { type Candidate } from "../../policy/cache/candidate.ts";
import { NEIGHBOURS } from "../../policy/network/policy.ts";
import { type Scope } from "./fingerprint.ts";

/** The part of the Vectorize binding that a look-up needs. */
export type VectorQuery = Pick<Vectorize, "query">;

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

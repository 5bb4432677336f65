// The vector index as a region object uses it, and one way to write to it that finds the rows it refuses.

/** The part of the Vectorize binding that a region object uses. */
export interface VectorIndex {
  upsert(vectors: IndexedVector[]): Promise<{ readonly mutationId: string }>;
  deleteByIds(ids: string[]): Promise<unknown>;
  getByIds(ids: string[]): Promise<readonly IndexedVector[]>;
  describe(): Promise<{
    /** The service returns strings where its types say numbers. */
    readonly processedUpToMutation: unknown;
    readonly processedUpToDatetime: unknown;
  }>;
}

export interface IndexedVector {
  id: string;
  values: number[] | Float32Array | Float64Array;
  namespace?: string;
  metadata?: Record<string, IndexedValue>;
}

type Scalar = string | number | boolean | string[];
type IndexedValue = Scalar | Record<string, Scalar>;

/** Most rows one upsert may carry. */
export const MAX_UPSERT = 1_000;
/** Halving 1,000 rows down to one bad one takes 20 calls. */
const MAX_CALLS = 64;

export interface UpsertResult {
  /** The last write the index accepted; null when it accepted none. */
  readonly mutationId: string | null;
  /** Error by id of the rows it refused. */
  readonly refused: ReadonlyMap<string, string>;
  /** Set when the index is down: then no row is to blame and nothing may count as written. */
  readonly outage: Error | null;
}

/** Writes at most `MAX_UPSERT` rows. A call that fails is halved until the rows to blame stand alone. */
export async function upsertAll(
  index: VectorIndex,
  vectors: readonly IndexedVector[],
): Promise<UpsertResult> {
  const refused = new Map<string, string>();
  let mutationId: string | null = null;
  let lastError: unknown = null;
  const groups = vectors.length > 0 ? [vectors] : [];
  for (let calls = 0; calls < groups.length; calls++) {
    const group = groups[calls] ?? [];
    try {
      if (calls >= MAX_CALLS) throw new Error("too many bad rows in one write");
      ({ mutationId } = await index.upsert([...group]));
    } catch (error) {
      lastError = error;
      if (calls === 0 && !(await answers(index))) break;
      const half = Math.ceil(group.length / 2);
      if (group.length > 1 && calls < MAX_CALLS)
        groups.push(group.slice(0, half), group.slice(half));
      else for (const { id } of group) refused.set(id, String(error));
    }
  }
  // One row alone may be bad; when each of several fails, the index refuses writes altogether.
  const down =
    mutationId === null && lastError !== null && (refused.size === 0 || vectors.length > 1);
  return down
    ? {
        mutationId: null,
        refused: new Map(),
        outage: new Error("the index is down", { cause: lastError }),
      }
    : { mutationId, refused, outage: null };
}

async function answers(index: VectorIndex): Promise<boolean> {
  try {
    await index.describe();
    return true;
  } catch {
    return false;
  }
}

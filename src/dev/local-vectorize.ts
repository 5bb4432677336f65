// Stand-in for the Vectorize binding, which has no local simulator. `implements Vectorize` keeps the surface equal at
// compile time; the limits are the service's, so that a misuse fails here and not after the first deployment.
// https://developers.cloudflare.com/vectorize/platform/limits/
import { WorkerEntrypoint } from "cloudflare:workers";
import { type DevEnv } from "./settings.ts";
import { byteLength, compileFilter, type IndexedProperties } from "./vector-filter.ts";

/** From `props` of the service binding: what `wrangler vectorize create` and `create-metadata-index` fix. */
export interface VectorIndexProps {
  readonly dimensions: number;
  readonly metric: "cosine";
  readonly indexed: IndexedProperties;
  /** Name of the index; two bindings with the same name share it. */
  readonly index?: string;
}

export interface StoredVector {
  readonly id: string;
  readonly values: Float32Array;
  readonly namespace?: string;
  readonly metadata?: Readonly<Record<string, VectorizeVectorMetadata>>;
}

const MAX_BATCH = 1000;
const MAX_ID_BYTES = 64;
const MAX_NAMESPACE_BYTES = 64;
const MAX_METADATA_BYTES = 10_240;
const MAX_FILTER_BYTES = 2048;
const MAX_TOP_K = 100;
/** With values, or with metadata "all". */
const MAX_TOP_K_FULL = 20;
const DEFAULT_TOP_K = 5;

const DEFAULT_PROPS: VectorIndexProps = { dimensions: 768, metric: "cosine", indexed: {} };

export class LocalVectorize
  extends WorkerEntrypoint<DevEnv, VectorIndexProps>
  implements Vectorize
{
  async describe(): Promise<VectorizeIndexInfo> {
    const info = await this.#store.describe();
    // The types say number for both `processedUpTo` fields; the service returns strings.
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion
    return { dimensions: this.#index.dimensions, ...info } as unknown as VectorizeIndexInfo;
  }

  async query(
    vector: VectorFloatArray | number[],
    options: VectorizeQueryOptions = {},
  ): Promise<VectorizeMatches> {
    const topK = this.#checkQuery(options);
    const values = this.#checkValues("VECTOR_QUERY", "query vector", vector);
    return await this.#search(values, { ...options, topK });
  }

  async queryById(
    vectorId: string,
    options: VectorizeQueryOptions = {},
  ): Promise<VectorizeMatches> {
    const topK = this.#checkQuery(options);
    const [row] = await this.#store.getByIds([vectorId]);
    if (row === undefined) throw failure("VECTOR_QUERY", `vector "${vectorId}" not found`);
    return await this.#search(Float32Array.from(row.values), { ...options, topK });
  }

  /** An id that exists is silently left as it is. */
  async insert(vectors: VectorizeVector[]): Promise<VectorizeAsyncMutation> {
    return await this.#store.write("insert", this.#checkVectors("VECTOR_INSERT", vectors));
  }

  /** Replaces the whole vector: values, namespace and metadata. */
  async upsert(vectors: VectorizeVector[]): Promise<VectorizeAsyncMutation> {
    return await this.#store.write("upsert", this.#checkVectors("VECTOR_UPSERT", vectors));
  }

  /** Takes no namespace: whoever holds the id deletes the row. */
  async deleteByIds(ids: string[]): Promise<VectorizeAsyncMutation> {
    checkBatch("VECTOR_DELETE", ids);
    return await this.#store.remove(ids);
  }

  async getByIds(ids: string[]): Promise<VectorizeVector[]> {
    checkBatch("VECTOR_GET", ids);
    const rows = await this.#store.getByIds(ids);
    for (const row of rows) row.values = Array.from(row.values);
    return rows;
  }

  async #search(
    vector: Float32Array,
    options: VectorizeQueryOptions & { topK: number },
  ): Promise<VectorizeMatches> {
    const { matches, count } = await this.#store.query(vector, options, this.#index);
    // The service returns plain arrays; between here and the store, typed ones cost half as much.
    for (const match of matches) if (match.values) match.values = Array.from(match.values);
    return { matches, count };
  }

  get #index(): VectorIndexProps {
    return { ...DEFAULT_PROPS, ...this.ctx.props };
  }

  get #store() {
    return this.env.LOCAL_VECTOR_STORE.getByName(this.#index.index ?? "default");
  }

  #checkVectors(operation: string, vectors: VectorizeVector[]): StoredVector[] {
    checkBatch(operation, vectors);
    return vectors.map(({ id, values, namespace, metadata }) => {
      if (id === "" || byteLength(id) > MAX_ID_BYTES) {
        throw failure(operation, `id "${id}" must have 1 to ${MAX_ID_BYTES} bytes`);
      }
      if (namespace !== undefined) checkNamespace(operation, namespace);
      if (metadata !== undefined) checkMetadata(operation, id, metadata);
      return {
        id,
        values: this.#checkValues(operation, `vector "${id}"`, values),
        ...(namespace !== undefined && { namespace }),
        ...(metadata !== undefined && { metadata }),
      };
    });
  }

  #checkValues(operation: string, what: string, values: VectorFloatArray | number[]): Float32Array {
    const { dimensions } = this.#index;
    if (values.length !== dimensions) {
      throw failure(
        operation,
        `${what}: expected ${dimensions} dimensions, and got ${values.length} dimensions`,
      );
    }
    const floats = Float32Array.from(values);
    if (!floats.every(Number.isFinite)) throw failure(operation, `${what}: not a finite vector`);
    return floats;
  }

  #checkQuery(options: VectorizeQueryOptions): number {
    const { topK = DEFAULT_TOP_K, namespace, filter, returnMetadata, returnValues } = options;
    const full = returnValues === true || returnMetadata === true || returnMetadata === "all";
    const max = full ? MAX_TOP_K_FULL : MAX_TOP_K;
    if (!Number.isInteger(topK) || topK < 1 || topK > max) {
      throw failure("VECTOR_QUERY", `max top K is ${max}, but got ${topK}`);
    }
    if (namespace !== undefined) checkNamespace("VECTOR_QUERY", namespace);
    if (filter !== undefined) {
      if (byteLength(JSON.stringify(filter)) >= MAX_FILTER_BYTES) {
        throw failure("VECTOR_QUERY", `a filter has less than ${MAX_FILTER_BYTES} bytes`);
      }
      try {
        compileFilter(filter, this.#index.indexed);
      } catch (cause) {
        throw failure("VECTOR_QUERY", cause instanceof Error ? cause.message : String(cause));
      }
    }
    return topK;
  }
}

function checkBatch(operation: string, items: readonly unknown[]): void {
  if (items.length === 0 || items.length > MAX_BATCH) {
    throw failure(operation, `1 to ${MAX_BATCH} vectors per call, got ${items.length}`);
  }
}

function checkNamespace(operation: string, namespace: string): void {
  if (namespace === "" || byteLength(namespace) > MAX_NAMESPACE_BYTES) {
    throw failure(operation, `a namespace has 1 to ${MAX_NAMESPACE_BYTES} bytes`);
  }
}

function checkMetadata(operation: string, id: string, metadata: object): void {
  const size = byteLength(JSON.stringify(metadata));
  if (size > MAX_METADATA_BYTES) {
    throw failure(operation, `metadata of "${id}" has ${size} bytes, max ${MAX_METADATA_BYTES}`);
  }
  for (const key of Object.keys(metadata)) {
    if (key === "" || key.startsWith("$") || /[."]/.test(key)) {
      throw failure(operation, `invalid metadata key "${key}" of "${id}"`);
    }
  }
}

const failure = (operation: string, message: string): Error =>
  new Error(`${operation}_ERROR: ${message}`);

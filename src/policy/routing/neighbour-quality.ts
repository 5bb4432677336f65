// What a server's answers to similar requests were worth: k nearest neighbours over the embeddings, in bounded memory.
import { type Constraints } from "./prediction.ts";
import { type Selector, selectorOf } from "./selector.ts";
import { entriesOf, isRecord, isShare } from "./state.ts";

interface Judged {
  /** The embedding in whole numbers of [-127, 127]: a direction needs no more, and a quarter of the memory. */
  readonly direction: Int8Array;
  readonly norm: number;
  readonly qualities: Map<string, number>;
}

export interface NeighbourOptions {
  /** Judged requests that vote on a server. */
  readonly neighbours?: number;
  /**
   * Votes that a server's mean over all judged requests is worth beside them, so that the few do not make a server look better
   * than it is. Half of `neighbours` when left out: on public scores of nine models 20 beside 40 had the least error of 0 to 160.
   */
  readonly shrinkage?: number;
  /** Judged requests kept; the oldest makes room. */
  readonly capacity?: number;
}

/**
 * Mean quality of the `neighbours` most similar judged requests of each server, weighted by their cosine, and drawn to the
 * server's mean: (sum of weights x qualities + shrinkage x mean) / (sum of weights + shrinkage).
 */
export class NeighbourQuality {
  readonly #neighbours: number;
  readonly #shrinkage: number;
  readonly #capacity: number;
  #judged = new Map<string, Judged>();

  constructor({
    neighbours = 10,
    shrinkage = neighbours / 2,
    capacity = 1_000,
  }: NeighbourOptions = {}) {
    this.#neighbours = neighbours;
    this.#shrinkage = shrinkage;
    this.#capacity = capacity;
  }

  /** Judgements of one request at several servers belong together by its id. Embeddings that are no direction are ignored. */
  add(requestId: string, embedding: Float32Array, backend: string, quality: number): void {
    if (!isShare(quality)) return;
    const judged = this.#judged.get(requestId) ?? judgedOf(embedding);
    if (judged === null) return;
    judged.qualities.set(backend, quality);
    this.#judged.set(requestId, judged);
    if (this.#judged.size > this.#capacity) this.#judged.delete(this.#judged.keys().next().value!);
  }

  /** By server; those without a judged request are missing. */
  predict(embedding: Float32Array): ReadonlyMap<string, number> {
    const norm = Math.sqrt(dot(embedding, embedding));
    if (!(norm > 0 && norm < Infinity)) return new Map();
    const nearest = [...this.#judged.values()]
      .filter(({ direction }) => direction.length === embedding.length)
      .map((judged) => ({
        cosine: dot(embedding, judged.direction) / (norm * judged.norm),
        qualities: judged.qualities,
      }))
      .toSorted((a, b) => b.cosine - a.cosine);
    const votes = new Map<
      string,
      { votes: number; weight: number; sum: number; all: number; total: number }
    >();
    for (const { cosine, qualities } of nearest) {
      // Opposite directions say nothing; a little weight is left so that a mean is always defined.
      const weight = Math.max(1e-3, cosine);
      for (const [backend, quality] of qualities) {
        const vote = votes.get(backend) ?? { votes: 0, weight: 0, sum: 0, all: 0, total: 0 };
        votes.set(backend, vote);
        vote.all++;
        vote.total += quality;
        if (vote.votes === this.#neighbours) continue;
        vote.votes++;
        vote.weight += weight;
        vote.sum += weight * quality;
      }
    }
    return new Map(
      [...votes].map(([backend, { sum, weight, all, total }]) => [
        backend,
        (sum + (this.#shrinkage * total) / all) / (weight + this.#shrinkage),
      ]),
    );
  }

  /** Plain data. */
  snapshot(): unknown {
    return [...this.#judged].map(([id, { direction, qualities }]) => [
      id,
      { direction: [...direction], qualities: [...qualities] },
    ]);
  }

  /** False, and nothing has changed, when this is no snapshot. */
  restore(state: unknown): boolean {
    const stored = entriesOf(state, isStored);
    if (stored === null) return false;
    const judged = new Map<string, Judged>();
    for (const [id, { direction, qualities }] of stored) {
      const restored = judgedFrom(Int8Array.from(direction));
      const known = entriesOf(qualities, isShare);
      if (restored === null || known === null) return false;
      judged.set(id, { ...restored, qualities: known });
    }
    this.#judged = judged;
    return true;
  }
}

export interface NeighbourSelectorOptions extends NeighbourOptions, Constraints {
  /** Quality that a USD must bring to be spent. */
  readonly qualityPerUsd?: number;
}

/** argmax_j quality_j - qualityPerUsd x price_j; learns from judged outcomes with an embedding. */
export function neighbourQuality({
  qualityPerUsd = 0,
  neighbours,
  shrinkage,
  capacity,
  ...constraints
}: NeighbourSelectorOptions = {}): Selector {
  const memory = new NeighbourQuality({
    ...(neighbours !== undefined && { neighbours }),
    ...(shrinkage !== undefined && { shrinkage }),
    ...(capacity !== undefined && { capacity }),
  });
  return selectorOf({
    name: "neighbour-quality",
    constraints,
    scores: ({ embedding }, options) => {
      const quality = embedding === null ? null : memory.predict(embedding);
      return options.map(({ backend, usd }) => {
        const price = qualityPerUsd === 0 ? 0 : qualityPerUsd * usd;
        return (quality?.get(backend.id) ?? NaN) - price;
      });
    },
    observe: ({ requestId, backend, quality, embedding }) => {
      if (embedding !== null && quality !== null)
        memory.add(requestId, embedding, backend, quality);
    },
    snapshot: () => memory.snapshot(),
    restore: (state) => memory.restore(state),
  });
}

function judgedOf(embedding: Float32Array): Judged | null {
  const largest = embedding.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  if (!(largest > 0 && largest < Infinity)) return null;
  return judgedFrom(Int8Array.from(embedding, (value) => Math.round((127 * value) / largest)));
}

function judgedFrom(direction: Int8Array): Judged | null {
  const norm = Math.sqrt(dot(direction, direction));
  return norm > 0 ? { direction, norm, qualities: new Map() } : null;
}

function dot(a: Float32Array | Int8Array, b: Float32Array | Int8Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}

const isStored = (
  value: unknown,
): value is { readonly direction: readonly number[]; readonly qualities: unknown } =>
  isRecord(value) &&
  Array.isArray(value["direction"]) &&
  (value["direction"] as readonly unknown[]).every(
    (part) => Number.isInteger(part) && Math.abs(Number(part)) <= 127,
  );

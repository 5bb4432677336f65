// The space of the synthetic world: topics, the hidden distance of each, wordings around them, and the map into the
// embedder's dimensions.
import { apply } from "../../policy/network/kernels.ts";
import { EMBEDDING_SIZE } from "../../policy/network/policy.ts";
import { type Random } from "../../policy/random.ts";
import { randomOf } from "./random-of.ts";

/** Dimensions in which the world is really made. */
export const LATENT = 64;
/** Mean cosine of unrelated topics: all share a direction, as texts do. Their cosines lie in about 0.1 to 0.4. */
const SHARED_COSINE = 0.25;
/** Hidden distances t_j ~ N(mean, sigma). */
const SENSITIVITY = { mean: 0.55, sigma: 0.15 };
/** Stream of what strangers are made of, so that the topics asked are the same with and without them. */
const STRANGERS = 0x57a;

export interface SpaceOptions {
  readonly seed: number;
  readonly topics?: number;
  /** Further topics, numbered after the others. */
  readonly strangers?: number;
  /** Share of the variance of the hidden distances that follows from where a topic lies: only that carries over to others. */
  readonly learnableShare?: number;
  /** Hidden distances beyond which a topic's stored answers are wrong, N(mean, sigma); L2. */
  readonly sensitivity?: { readonly mean: number; readonly sigma: number };
}

/** What a wording follows from; `index` and `region` tell the wordings of a topic apart. */
export interface Wording {
  readonly topic: number;
  readonly index: number;
  readonly region: string;
}

/** Topics, their hidden distances, and the map into the embedder's space. */
export class Shape {
  readonly sensitivity: Float64Array;
  readonly #topics: readonly Float32Array[];
  /** [768, 64] with orthonormal columns: inner products stay what they are. */
  readonly #map: Float32Array;
  readonly #seed: number;

  constructor(options: SpaceOptions, random: Random) {
    const { seed, topics = 2000, strangers = 0 } = options;
    const { learnableShare = 0.5, sensitivity = SENSITIVITY } = options;
    this.#seed = seed;
    const shared = direction(random);
    const telling = direction(random);
    const placeOf = (own: Float32Array) =>
      unit(
        own.map(
          (value, i) =>
            Math.sqrt(1 - SHARED_COSINE) * value + Math.sqrt(SHARED_COSINE) * shared[i]!,
        ),
      );
    // A unit vector's share along any direction has variance 1 / 64.
    const hiddenOf = (own: Float32Array, luck: Random) => {
      const place = Math.sqrt(LATENT) * inner(own, telling);
      const standard =
        Math.sqrt(learnableShare) * place + Math.sqrt(1 - learnableShare) * luck.normal();
      return sensitivity.mean + sensitivity.sigma * standard;
    };
    const asked = Array.from({ length: topics }, () => direction(random));
    const hidden = asked.map((own) => hiddenOf(own, random));
    this.#map = orthonormalColumns(random);
    const apart = randomOf(seed, 0, STRANGERS);
    const strange = Array.from({ length: strangers }, () => direction(apart));
    hidden.push(...strange.map((own) => hiddenOf(own, apart)));
    this.#topics = [...asked, ...strange].map(placeOf);
    this.sensitivity = Float64Array.from(hidden);
  }

  /** A question of a topic, an L2 distance `radius` away from it. */
  wording(wording: Wording, radius: number): Float32Array {
    return this.near(this.#topics[wording.topic]!, wording, radius);
  }

  /** The same at a distance from a place that need not be the topic's. */
  near(place: Float32Array, { index, region }: Wording, radius: number): Float32Array {
    return away(place, radius, randomOf(this.#seed, index, hashOf(region)));
  }

  embed(latent: Float32Array): Float32Array {
    const embedding = new Float32Array(EMBEDDING_SIZE);
    const map = this.#map;
    // Four rows side by side: the processor need not wait for one addition before the next.
    for (let row = 0, at = 0; row < EMBEDDING_SIZE; row += 4, at += 4 * LATENT) {
      let a = 0;
      let b = 0;
      let c = 0;
      let d = 0;
      for (let i = 0; i < LATENT; i++) {
        const value = latent[i]!;
        a += map[at + i]! * value;
        b += map[at + LATENT + i]! * value;
        c += map[at + 2 * LATENT + i]! * value;
        d += map[at + 3 * LATENT + i]! * value;
      }
      embedding[row] = a;
      embedding[row + 1] = b;
      embedding[row + 2] = c;
      embedding[row + 3] = d;
    }
    return embedding;
  }

  /** `embed` of many at once: [rows, 64] -> [rows, 768]. */
  embedAll(latents: Float32Array, embeddings: Float32Array): void {
    const layer = {
      inputs: LATENT,
      outputs: EMBEDDING_SIZE,
      w: this.#map,
      b: new Float32Array(EMBEDDING_SIZE),
    };
    apply(layer, latents, embeddings, latents.length / LATENT);
  }

  latent(embedding: Float32Array): Float32Array {
    const sums = new Float64Array(LATENT);
    for (let row = 0, at = 0; row < EMBEDDING_SIZE; row++) {
      const value = embedding[row]!;
      for (let i = 0; i < LATENT; i++) sums[i]! += this.#map[at++]! * value;
    }
    return Float32Array.from(sums);
  }
}

/** A unit vector at an L2 distance r from another one: cos = 1 - r^2 / 2 along it, the rest across, in any direction. */
export function away(from: Float32Array, distance: number, random: Random): Float32Array {
  const cosine = 1 - distance ** 2 / 2;
  const any = direction(random);
  const along = inner(any, from);
  const across = unit(any.map((value, i) => value - along * from[i]!));
  const sine = Math.sqrt(1 - cosine ** 2);
  return unit(from.map((value, i) => cosine * value + sine * across[i]!));
}

const direction = (random: Random): Float32Array =>
  unit(Float32Array.from({ length: LATENT }, () => random.normal()));

function unit(vector: Float32Array): Float32Array {
  const length = Math.sqrt(inner(vector, vector));
  return vector.map((value) => value / length);
}

function inner(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}

/** Gram-Schmidt, twice, on columns of normal numbers. */
function orthonormalColumns(random: Random): Float32Array {
  const columns: Float64Array[] = [];
  for (let column = 0; column < LATENT; column++) {
    const vector = Float64Array.from({ length: EMBEDDING_SIZE }, () => random.normal());
    for (let pass = 0; pass < 2; pass++)
      for (const other of columns) {
        let share = 0;
        for (let i = 0; i < EMBEDDING_SIZE; i++) share += vector[i]! * other[i]!;
        for (let i = 0; i < EMBEDDING_SIZE; i++) vector[i]! -= share * other[i]!;
      }
    const length = Math.hypot(...vector);
    columns.push(vector.map((value) => value / length));
  }
  return Float32Array.from({ length: EMBEDDING_SIZE * LATENT }, (_, at) => {
    const row = Math.floor(at / LATENT);
    return columns[at % LATENT]![row]!;
  });
}

function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++)
    hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193) >>> 0;
  return hash;
}

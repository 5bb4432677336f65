// A synthetic world: topics in embedding space, each with a hidden distance beyond which a stored answer is wrong for it.
// That distance is what a policy has to learn from the embedding; neighbours alone do not tell it.
import { type EmbedderProfile } from "../../policy/embedders.ts";
import { apply } from "../../policy/network/kernels.ts";
import { EMBEDDING_SIZE } from "../../policy/network/policy.ts";
import { Random } from "../../policy/random.ts";
import { randomOf } from "./random-of.ts";
import { type RequestKind } from "./request.ts";
import { type RequestSource, type SimulatedRequest } from "./source.ts";

export interface GeometryOptions {
  readonly seed: number;
  /** Every agent gets one request a slot. */
  readonly slots: number;
  readonly regions?: readonly string[];
  readonly slotSeconds?: number;
  readonly topics?: number;
  /** Popularity of the k-th topic is k^-zipf. */
  readonly zipf?: number;
  /** How much likelier a topic is asked in its home region: 0.7 against 0.3 for all the others. */
  readonly homeShare?: number;
  /** Share of requests for a known topic that are translations, which lie farther out. */
  readonly translationShare?: number;
  /** Share of the variance of the hidden distances that follows from where a topic lies: only that carries over to others. */
  readonly learnableShare?: number;
  /** Median seconds of a model call: 7.7 as in the paper, 1.3 for a fast API. */
  readonly modelSeconds?: number;
  /** Share by which every call under way slows a model down. */
  readonly congestion?: number;
  /** Topics, the most popular first, that every region has an answer to from the start. */
  readonly prefillTopics?: number;
}

/** Dimensions in which the world is really made. */
export const LATENT = 64;
/** Mean cosine of unrelated topics: all share a direction, as texts do. Their cosines lie in about 0.1 to 0.4. */
const SHARED_COSINE = 0.25;
/** Hidden distances t_j ~ N(mean, sigma). */
const SENSITIVITY = { mean: 0.55, sigma: 0.15 };
/** L2 distance of a wording from its topic. */
export const PARAPHRASE = [0.15, 0.45] as const;
const TRANSLATION = [0.2, 0.6] as const;
/** The paper's q, mean and standard deviation. */
const QUALITY = {
  right: [-0.5, 0.1],
  wrong: [-1.2, 0.15],
  direct: [-0.54, 0.1],
  helped: [-0.25, 0.12],
  misled: [-0.62, 0.15],
} as const;
/** Distance of an answer's vector from its question's. */
const ANSWER = [0.54, 0.68] as const;
const HIT_SECONDS = { mu: Math.log(0.06), sigma: 0.5 };
const MODEL_SIGMA = 0.25;
const NOTES_SECONDS = { mean: 3.7, sigma: 1 };

/** No calibrated pairs exist for an embedder that does not: the policy alone decides up to where unrelated topics begin. */
const EMBEDDER: EmbedderProfile = {
  id: "velo/geometry-768",
  dimensions: EMBEDDING_SIZE,
  coldStartDistance: 0.95,
  noteDistance: 0.95,
};

interface GeometryRequest extends SimulatedRequest {
  readonly topic: number;
}

/** Equal options give an equal world. */
export function geometrySource(options: GeometryOptions): RequestSource {
  const { seed, regions = ["us", "eu", "asia"], modelSeconds = 7.7, congestion = 0.15 } = options;
  const random = new Random(seed);
  const shape = new Shape(options, random);
  const requests = ask(options, regions, random);
  const prefill = regions.flatMap((region) =>
    Array.from({ length: options.prefillTopics ?? 0 }, (_, topic) =>
      requestOf({ topic, index: -1 - topic, t: 0, region, kind: "new", radius: PARAPHRASE[0] }),
    ),
  );
  const radii = new Map(
    [...requests, ...prefill].map(({ request, radius }) => [request.text, radius]),
  );
  const latents = new Map<string, Float32Array>();
  const vectorOf = (request: SimulatedRequest): Float32Array => {
    let latent = latents.get(request.text);
    if (latent === undefined) {
      latent = shape.wording(request as GeometryRequest, radii.get(request.text) ?? 0);
      latents.set(request.text, latent);
    }
    return latent;
  };
  return {
    name: "geometry",
    regions,
    embedder: EMBEDDER,
    hasWords: false,
    requests: requests.map(({ request }) => request),
    prefill: prefill.map(({ request }) => request),
    embeddingOf: (request) => shape.embed(vectorOf(request)),
    searchVectorOf: vectorOf,
    toSearchSpace: (embedding) => shape.latent(embedding),
    answerVectorOf: (request, own) => away(vectorOf(request), between(ANSWER, own), own),
    isRight: (request, stored, distance) =>
      request.group === stored.group &&
      distance <= shape.sensitivity[(request as GeometryRequest).topic]!,
    paperQuality(handling, right, own) {
      const direct = handling === "B" ? QUALITY.direct : null;
      const [mean, sigma] =
        direct ??
        (handling === "A"
          ? QUALITY[right ? "right" : "wrong"]
          : QUALITY[right ? "helped" : "misled"]);
      return Math.min(0, Math.max(-2, mean + sigma * own.normal()));
    },
    edgeDelay(own) {
      const hit = own.lognormal(HIT_SECONDS);
      return { exact: hit, lookUp: hit, answer: 0 };
    },
    modelSeconds: (_, own) => own.lognormal({ mu: Math.log(modelSeconds), sigma: MODEL_SIGMA }),
    notesSeconds: (own) => Math.max(0, NOTES_SECONDS.mean + NOTES_SECONDS.sigma * own.normal()),
    congestion,
  };
}

/** Topics, their hidden distances, and the map into the embedder's space. */
export class Shape {
  readonly sensitivity: Float64Array;
  readonly #topics: readonly Float32Array[];
  /** [768, 64] with orthonormal columns: inner products stay what they are. */
  readonly #map: Float32Array;
  readonly #seed: number;

  constructor(
    {
      seed,
      topics = 2000,
      learnableShare = 0.5,
    }: Pick<GeometryOptions, "seed" | "topics" | "learnableShare">,
    random: Random,
  ) {
    this.#seed = seed;
    const shared = direction(random);
    const telling = direction(random);
    const own = Array.from({ length: topics }, () => direction(random));
    this.#topics = own.map((vector) =>
      unit(
        vector.map(
          (value, i) =>
            Math.sqrt(1 - SHARED_COSINE) * value + Math.sqrt(SHARED_COSINE) * shared[i]!,
        ),
      ),
    );
    // A unit vector's share along any direction has variance 1 / 64.
    this.sensitivity = Float64Array.from(own, (vector) => {
      const place = Math.sqrt(LATENT) * inner(vector, telling);
      const standard =
        Math.sqrt(learnableShare) * place + Math.sqrt(1 - learnableShare) * random.normal();
      return SENSITIVITY.mean + SENSITIVITY.sigma * standard;
    });
    this.#map = orthonormalColumns(random);
  }

  wording(
    { topic, index, region }: Pick<GeometryRequest, "topic" | "index" | "region">,
    radius: number,
  ): Float32Array {
    const own = randomOf(this.#seed, index, hashOf(region));
    return away(this.#topics[topic]!, radius, own);
  }

  embed(latent: Float32Array): Float32Array {
    const embedding = new Float32Array(EMBEDDING_SIZE);
    for (let row = 0, at = 0; row < EMBEDDING_SIZE; row++) {
      let sum = 0;
      for (let i = 0; i < LATENT; i++) sum += this.#map[at++]! * latent[i]!;
      embedding[row] = sum;
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

interface Asked {
  readonly request: GeometryRequest;
  readonly radius: number;
}

function ask(
  {
    slots,
    slotSeconds = 10,
    topics = 2000,
    zipf = 1,
    homeShare = 0.7,
    translationShare = 0.25,
    prefillTopics = 0,
  }: GeometryOptions,
  regions: readonly string[],
  random: Random,
): Asked[] {
  const home = Array.from({ length: topics }, () => Math.floor(random.uniform() * regions.length));
  const awayShare = (1 - homeShare) / Math.max(1, regions.length - 1);
  const popularity = regions.map((_, agent) => {
    let total = 0;
    return Float64Array.from(home, (at, topic) => {
      total += (topic + 1) ** -zipf * (at === agent ? homeShare : awayShare);
      return total;
    });
  });
  const known = regions.map(() => new Set(Array.from({ length: prefillTopics }, (_, j) => j)));
  const asked: Asked[] = [];
  for (let slot = 0; slot < slots; slot++)
    for (const [agent, region] of regions.entries()) {
      const topic = drawTopic(popularity[agent]!, random);
      const isTranslation = random.uniform() < translationShare;
      const kind: RequestKind = !known[agent]!.has(topic)
        ? "new"
        : isTranslation
          ? "translation"
          : "rephrase";
      known[agent]!.add(topic);
      const radius = between(kind === "translation" ? TRANSLATION : PARAPHRASE, random);
      const t = slotSeconds * (slot + (agent + random.uniform()) / regions.length);
      asked.push(requestOf({ topic, index: asked.length, t, region, kind, radius }));
    }
  return asked;
}

function requestOf(parts: {
  readonly topic: number;
  readonly index: number;
  readonly t: number;
  readonly region: string;
  readonly kind: RequestKind;
  readonly radius: number;
}): Asked {
  const { topic, index, t, region, kind, radius } = parts;
  const id = `g${index}-${region}`;
  return {
    radius,
    request: {
      id,
      index,
      t,
      region,
      kind,
      topic,
      group: `topic-${topic}`,
      family: `topic-${topic}`,
      // One text for all: nothing for the guards to see, so that only distances and places tell.
      question: "question",
      lang: "en",
      fp: "g".repeat(26),
      text: id,
      level: "semantic",
      tokensIn: 30,
      tokensOut: 400,
    },
  };
}

/** Binary search in the running totals. */
function drawTopic(totals: Float64Array, random: Random): number {
  const at = random.uniform() * totals.at(-1)!;
  let low = 0;
  let high = totals.length - 1;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (totals[middle]! > at) high = middle;
    else low = middle + 1;
  }
  return low;
}

export const between = ([low, high]: readonly [number, number], random: Random): number =>
  low + (high - low) * random.uniform();

/** A unit vector at an L2 distance r from another one: cos = 1 - r^2 / 2 along it, the rest across, in any direction. */
function away(from: Float32Array, distance: number, random: Random): Float32Array {
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

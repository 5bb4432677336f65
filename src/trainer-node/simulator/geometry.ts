// A synthetic world: topics in embedding space, each with a hidden distance beyond which a stored answer is wrong for it.
// That distance is what a policy has to learn from the embedding; neighbours alone do not tell it.
import { type EmbedderProfile } from "../../policy/embedders.ts";
import { EMBEDDING_SIZE } from "../../policy/network/policy.ts";
import { Random } from "../../policy/random.ts";
import { away, Shape, type SpaceOptions } from "./geometry-space.ts";
import {
  between,
  type GeometryRequest,
  geometryStream,
  type StreamOptions,
  strangerOf,
  type TestKind,
} from "./geometry-stream.ts";
import { type RequestSource, type SimulatedRequest } from "./source.ts";

/** Servers' names; a world of N has the first N. */
const SERVERS = ["us", "eu", "asia", "south-america", "africa", "australia"] as const;

export const serverNames = (count: number): readonly string[] => {
  if (!(count >= 1 && count <= SERVERS.length))
    throw new RangeError(`${count} servers: there are 1 to ${SERVERS.length}`);
  return SERVERS.slice(0, count);
};

/** Means of the paper's q in [-2, 0]. */
interface Qualities {
  /** Of a right and of a wrong stored answer. */
  readonly right: number;
  readonly wrong: number;
  /** Of a call without notes, with relevant ones, with irrelevant ones. */
  readonly direct: number;
  readonly helped: number;
  readonly misled: number;
}

export interface GeometryOptions extends SpaceOptions, StreamOptions {
  readonly regions?: readonly string[];
  readonly quality?: Partial<Qualities>;
  /** Median seconds of a look-up that ends in a stored answer. */
  readonly hitSeconds?: number;
  /** Median seconds of a model call: 7.7 as in the paper, 1.3 for a fast API. */
  readonly modelSeconds?: number;
  /** Mean seconds that notes add to it. */
  readonly notesSeconds?: number;
  /** Share by which every call under way slows a model down. */
  readonly congestion?: number;
  /** Notes help where one of them would have been a right answer, or already where one is of the same topic. */
  readonly notesHelp?: "right" | "topic";
}

export interface GeometrySource extends RequestSource {
  /**
   * Requests of a test, spread evenly over the regions. similar: new wordings of what the stream asks, popular topics as
   * often as there. new: near a stranger's question that the request's own region stored at the start.
   */
  testRequests(count: number, kind: TestKind): readonly SimulatedRequest[];
}

const QUALITY: Qualities = {
  right: -0.5,
  wrong: -1.2,
  direct: -0.54,
  helped: -0.25,
  misled: -0.62,
};
const QUALITY_SIGMA: Qualities = {
  right: 0.1,
  wrong: 0.15,
  direct: 0.1,
  helped: 0.12,
  misled: 0.15,
};
/** Distance of an answer's vector from its question's. */
const ANSWER = [0.54, 0.68] as const;
const HIT_SIGMA = 0.5;
const MODEL_SIGMA = 0.25;
const NOTES_SIGMA = 1;

/** No calibrated pairs exist for an embedder that does not: the policy alone decides up to where unrelated topics begin. */
const EMBEDDER: EmbedderProfile = {
  id: "velo/geometry-768",
  dimensions: EMBEDDING_SIZE,
  coldStartDistance: 0.95,
  noteDistance: 0.95,
};

/** Equal options give an equal world. */
export function geometrySource(options: GeometryOptions): GeometrySource {
  const { seed, regions = serverNames(3), congestion = 0.15, notesHelp = "right" } = options;
  const { hitSeconds = 0.06, modelSeconds = 7.7, notesSeconds = 3.7 } = options;
  const quality = { ...QUALITY, ...options.quality };
  const random = new Random(seed);
  const shape = new Shape(options, random);
  const { requests, prefill, tests } = geometryStream(options, regions, random);
  const latents = new Map<string, Float32Array>();
  const vectorOf = (given: SimulatedRequest): Float32Array => {
    let latent = latents.get(given.text);
    if (latent === undefined) {
      const request = given as GeometryRequest;
      latent =
        request.around === "topic"
          ? shape.wording(request, request.radius)
          : shape.near(vectorOf(strangerOf(seed, request.topic, "")), request, request.radius);
      latents.set(given.text, latent);
    }
    return latent;
  };
  const isAbout = (request: SimulatedRequest, stored: SimulatedRequest) =>
    request.group === stored.group;
  return {
    name: "geometry",
    regions,
    embedder: EMBEDDER,
    hasWords: false,
    requests,
    prefill,
    testRequests: tests,
    embeddingOf: (request) => shape.embed(vectorOf(request)),
    searchVectorOf: vectorOf,
    toSearchSpace: (embedding) => shape.latent(embedding),
    answerVectorOf: (request, own) => away(vectorOf(request), between(ANSWER, own), own),
    isRight: (request, stored, distance) =>
      isAbout(request, stored) &&
      distance <= shape.sensitivity[(request as GeometryRequest).topic]!,
    paperQuality(handling, right, own, { request, stored }) {
      const isHelped =
        notesHelp === "right" ? right : stored.some((note) => isAbout(request, note));
      const kind =
        handling === "B"
          ? "direct"
          : handling === "A"
            ? right
              ? "right"
              : "wrong"
            : isHelped
              ? "helped"
              : "misled";
      return Math.min(0, Math.max(-2, quality[kind] + QUALITY_SIGMA[kind] * own.normal()));
    },
    edgeDelay(own) {
      const hit = own.lognormal({ mu: Math.log(hitSeconds), sigma: HIT_SIGMA });
      return { exact: hit, lookUp: hit, answer: 0 };
    },
    modelSeconds: (_, own) => own.lognormal({ mu: Math.log(modelSeconds), sigma: MODEL_SIGMA }),
    notesSeconds: (own) => Math.max(0, notesSeconds + NOTES_SIGMA * own.normal()),
    congestion,
  };
}

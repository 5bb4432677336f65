// The learned verifier: how likely the answer stored for one question fits another. It reads both texts, where an embedding
// has only two points: which words are left over on either side, and what they are to each other. Guards stand in front
// of it and an error budget behind it, so it never decides alone.
import { type ScorerModel, unpackModel } from "./packed-scorer.ts";
import { FEATURES, type Embed, pairFeatures, reasonOf } from "./pair-features.ts";
import { type PairReading, PairReader } from "./pair-reading.ts";
import { explain } from "./trees.ts";

export interface PairText {
  readonly text: string;
  /** ISO 639-1 code, or "und". */
  readonly lang: string;
}

export interface PairVerdict {
  /** Calibrated P(the stored answer fits the request). */
  readonly probability: number;
  /** sqrt(2 - 2 p): on the axis of embedding distances, 0 = certain. */
  readonly matchDistance: number;
  /** What weighed most, in words; weights are log odds, negative ones spoke against. */
  readonly reasons: readonly { readonly feature: string; readonly weight: number }[];
}

export interface PairScorer {
  readonly id: string;
  /** `cosine` of the embedder the scorer was trained with; null for any other one, whose scale it does not know. */
  score(request: PairText, stored: PairText, cosine: number | null): PairVerdict;
  /** tau_0 of an embedder: rows without labels are served up to this matchDistance. */
  coldStartMatch(embedder: string): number;
  /** Whether cosines of this embedder mean to the scorer what it was trained with. */
  knowsCosine(embedder: string): boolean;
}

/** A scorer as the resolver asks it, for one embedder. */
export interface Verifier {
  readonly scorer: PairScorer;
  readonly knowsCosine: boolean;
}

/** What a scorer adds to the resolver's limits; nothing without one. */
export function verifierLimits(
  scorer: PairScorer | null,
  embedder: string,
): { readonly verifier?: Verifier; readonly coldStartMatch?: number; readonly scorer?: string } {
  if (scorer === null) return {};
  return {
    verifier: { scorer, knowsCosine: scorer.knowsCosine(embedder) },
    coldStartMatch: scorer.coldStartMatch(embedder),
    scorer: scorer.id,
  };
}

/** A scorer from a packed file; RangeError when the bytes are damaged. `embed` gives vectors of single words. */
export function unpackScorer(bytes: Uint8Array, embed: Embed | null = null): PairScorer {
  return scorerOf(unpackModel(bytes), embed);
}

/** Texts whose readings are remembered: a popular row is read once, not for every request. */
const MAX_READINGS = 256;
/** The strictest and the loosest claim; a finite sample supports neither 0 nor 1. */
const SUREST = 0.995;
const REASONS = 3;

export function scorerOf(model: ScorerModel, embed: Embed | null = null): PairScorer {
  const reader = new PairReader(model.lexicon, embed);
  const readings = new Map<string, PairReading>();
  const features = new Float32Array(FEATURES.length);
  const contributions = new Float64Array(FEATURES.length);
  const read = ({ text, lang }: PairText): PairReading => {
    const key = `${lang}\u0000${text}`;
    const known = readings.get(key);
    if (known !== undefined) return known;
    const reading = reader.read(text, lang);
    if (readings.size >= MAX_READINGS) readings.delete(readings.keys().next().value!);
    readings.set(key, reading);
    return reading;
  };
  return {
    id: model.id,
    score(request, stored, cosine) {
      pairFeatures(read(request), read(stored), cosine, features);
      contributions.fill(0);
      const margin = explain(model.trees, features, contributions);
      const probability = Math.min(SUREST, Math.max(1 - SUREST, calibrated(model, margin)));
      return {
        probability,
        matchDistance: Math.sqrt(2 - 2 * probability),
        reasons: reasonsOf(contributions, features),
      };
    },
    coldStartMatch: (embedder) => model.coldStart[embedder] ?? model.coldStart["*"] ?? 0,
    knowsCosine: (embedder) => embedder === model.embedder,
  };
}

/** Linear between the knots that the calibration left, constant outside. */
export function calibrated(
  { calibration: { margins, probabilities } }: ScorerModel,
  margin: number,
): number {
  const last = margins.length - 1;
  // Written so that a margin which is no number counts as the worst one.
  if (!(margin > margins[0]!)) return probabilities[0]!;
  if (margin >= margins[last]!) return probabilities[last]!;
  let left = 0;
  let right = last;
  while (right - left > 1) {
    const middle = (left + right) >> 1;
    if (margins[middle]! <= margin) left = middle;
    else right = middle;
  }
  const share = (margin - margins[left]!) / (margins[right]! - margins[left]!);
  return probabilities[left]! + share * (probabilities[right]! - probabilities[left]!);
}

function reasonsOf(contributions: Float64Array, features: Float32Array): PairVerdict["reasons"] {
  const grouped = new Map<string, number>();
  for (let index = 0; index < contributions.length; index++) {
    const reason = reasonOf(index, features);
    grouped.set(reason, (grouped.get(reason) ?? 0) + contributions[index]!);
  }
  // The heaviest few, heaviest first; sorting all of them would cost more than the trees.
  const heaviest: (readonly [string, number])[] = [];
  for (const [reason, weight] of grouped) {
    let place = heaviest.length;
    while (place > 0 && Math.abs(weight) > Math.abs(heaviest[place - 1]![1])) place--;
    if (place === REASONS) continue;
    heaviest.splice(place, 0, [reason, weight]);
    if (heaviest.length > REASONS) heaviest.pop();
  }
  return heaviest.map(([feature, weight]) => ({
    feature,
    weight: Math.round(100 * weight) / 100,
  }));
}

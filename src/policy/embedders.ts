// What is known of each embedder. Distances of two embedders do not compare, so neither do their thresholds.

export interface EmbedderProfile {
  readonly id: string;
  readonly dimensions: number;
  /** An entry without labels may be served up to this distance, if every guard passes. */
  readonly coldStartDistance: number;
  /** Rows farther away are never put into a prompt as notes. */
  readonly noteDistance: number;
}

/** Cosine 0.55: whatever lies beyond is another topic. */
const NOTE_DISTANCE = 0.95;

/** Cosine 0.94, until the embedder has been calibrated on labelled pairs. */
const CAUTIOUS_DISTANCE = 0.35;

const KNOWN: readonly EmbedderProfile[] = [
  {
    // Hashed character n-grams: rephrasings share few n-grams, so true matches lie far out. Behind the guards at most 1 % of
    // the traps of both calibration halves (bundled workload, near misses) pass: `npm run bench -- threshold`.
    id: "velo/hash-ngram-768",
    dimensions: 768,
    coldStartDistance: 0.95,
    noteDistance: NOTE_DISTANCE,
  },
  {
    // Only where there is no scorer. Behind the guards 0.4 % of the traps of the workload's calibration half pass and 0.1 % of
    // the near misses'; farther out lie one in fifty of the true matches: `npm run bench -- threshold`.
    id: "velo/subword-768",
    dimensions: 768,
    coldStartDistance: 0.75,
    noteDistance: NOTE_DISTANCE,
  },
  profile("@cf/google/embeddinggemma-300m", 768),
  profile("@cf/baai/bge-small-en-v1.5", 384),
  profile("@cf/baai/bge-base-en-v1.5", 768),
  profile("@cf/baai/bge-large-en-v1.5", 1024),
  profile("@cf/baai/bge-m3", 1024),
  profile("@cf/qwen/qwen3-embedding-0.6b", 1024),
];

/** Whether anything but its name is known of an embedder. */
export const isKnownEmbedder = (id: string): boolean => KNOWN.some((known) => known.id === id);

/** The profile of a known embedder, else the cautious default with the caller's dimensions. */
export function embedderProfile(id: string, dimensions = 768): EmbedderProfile {
  return KNOWN.find((known) => known.id === id) ?? profile(id, dimensions);
}

function profile(id: string, dimensions: number): EmbedderProfile {
  return { id, dimensions, coldStartDistance: CAUTIOUS_DISTANCE, noteDistance: NOTE_DISTANCE };
}

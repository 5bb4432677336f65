// What the policy sees of a request: its embedding, its neighbours in the cache, and the price of time.
import { type Candidate } from "./cache/candidate.ts";
import { quantileOf } from "./distance-quantiles.ts";
import { roundToHalf } from "./half.ts";
import {
  CORRELATION_SIZE,
  EMBEDDING_SIZE,
  NEIGHBOURS,
  type Observation,
} from "./network/policy.ts";

/** A neighbour as the correlation matrix needs it. */
export type Neighbour = Pick<Candidate, "distance" | "role" | "useCount">;

/** The largest distance of two unit vectors; stands for a neighbour that is not there. */
const FARTHEST = 2;

/** L2 distance of unit vectors from their cosine: ||a - b|| = sqrt(2 - 2 cos) (DLRS Eq. 1). In [0, 2]. */
export function distanceFromCosine(cosine: number): number {
  return Math.sqrt(Math.max(0, 2 - 2 * Math.min(1, Math.max(-1, cosine))));
}

/** The inverse: cos = 1 - d^2 / 2. */
export function cosineFromDistance(distance: number): number {
  return 1 - distance ** 2 / 2;
}

/**
 * The local state (DLRS Eq. 9): f for the extractor (Eq. 8), the correlation matrix c (Eq. 7), and omega as given,
 * already log-scaled. `mode: "paper"` feeds c raw instead of normalised. With `knots` (distance-quantiles.ts) nothing depends
 * on the embedder: distances are quantiles and f is all zeros.
 */
export function buildObservation(
  embedding: Float32Array,
  candidates: readonly Neighbour[],
  omega: number,
  mode: "product" | "paper" = "product",
  knots: readonly number[] | null = null,
): Observation {
  const c = correlationMatrix(candidates, mode);
  if (knots === null) return { f: roundToHalf(embedding), c, omega };
  for (let p = 0; p < NEIGHBOURS; p++) c[p] = quantileOf(knots, c[p]!);
  return { f: new Float32Array(EMBEDDING_SIZE), c, omega };
}

/**
 * c is 3 x 10, row-major: distances, row types, use counts of the ten nearest rows, nearest first (DLRS Eq. 7).
 * Product: d, k - 1.5, ln(1 + n) / 3, and (2, 0, 0) for a missing row. Paper: d, k, n.
 */
export function correlationMatrix(
  candidates: readonly Neighbour[],
  mode: "product" | "paper" = "product",
): Float32Array {
  const c = new Float32Array(CORRELATION_SIZE).fill(FARTHEST, 0, NEIGHBOURS);
  const nearest = candidates.toSorted((a, b) => a.distance - b.distance).slice(0, NEIGHBOURS);
  for (const [p, { distance, role, useCount }] of nearest.entries()) {
    c[p] = distance;
    c[NEIGHBOURS + p] = mode === "paper" ? role : role - 1.5;
    c[2 * NEIGHBOURS + p] = mode === "paper" ? useCount : Math.log1p(useCount) / 3;
  }
  return c;
}

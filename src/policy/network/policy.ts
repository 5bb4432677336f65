import { type ActionNames } from "../action.ts";

/** Sizes fixed by the paper's Table II: embedding H, neighbours P, compressed features D. */
export const EMBEDDING_SIZE = 768;
export const NEIGHBOURS = 10;
export const FEATURE_SIZE = 30;
/** c is 3 x P, row-major: distances, row types, use counts (Eq. 7). */
export const CORRELATION_SIZE = 3 * NEIGHBOURS;

/** What every policy sees, exactly as fed: an experience stores these values and nothing else. */
export interface Observation {
  /** [768] request embedding, rounded to fp16 before it is fed (decisions: what is stored is what was used). */
  readonly f: Float32Array;
  /** [30] normalised correlation matrix. */
  readonly c: Float32Array;
  /** log-scaled omega = phi2 / phi1, as fed. */
  readonly omega: number;
}

export interface PolicyOutput {
  /** [A] logits kappa_0. */
  readonly logits: Float32Array;
  /** [A] softmax(logits), before the exploration floor. */
  readonly probs: Float32Array;
  /** The network's own numbers were not finite: these stand for "call the model". */
  readonly isSubstitute?: true;
}

export type PolicyInput = "embedding" | "quantiles";

/** One interface for every policy: greedy rules, the TypeScript pass, ONNX. */
export interface Policy {
  readonly version: number;
  /** For headers and receipts, e.g. "greedy-0.95" or "dlrs-l10". */
  readonly name: string;
  readonly actions: ActionNames;
  /** "quantiles": fed no embedding, and quantiles in place of distances. "embedding" when left out. */
  readonly input?: PolicyInput;
  /** Zero noise in the product: one chain, deterministic. Never throws for finite input. */
  infer(observation: Observation): Promise<PolicyOutput>;
}

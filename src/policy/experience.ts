import { type Handling } from "./action.ts";

/** One decision as the trainer sees it (paper: what an edge sends to the training server). No texts. */
export interface Experience {
  /** Client-made id, unique: the decision id. A second delivery changes nothing. */
  readonly expId: string;
  readonly tenant: string;
  readonly region: string;
  /** Milliseconds since the epoch, from the edge's clock. */
  readonly at: number;
  /**
   * base64 of 768 little-endian fp16 values, as fed; empty when the embedding was not available, all zeros for a policy that
   * is fed quantiles.
   */
  readonly f: string;
  /** 30 numbers, as fed. */
  readonly c: readonly number[];
  /** log10 of the price of time, as fed. */
  readonly omega: number;
  /** The same of the price that the reward counts by, where another was fed (routing/price-of-time.ts). */
  readonly price?: number;
  /** "zero" in product mode, which runs one chain without noise; paper mode stores base64 float32 [K, T+1, A]. */
  readonly noise: string;
  /** Index of the action drawn. */
  readonly action: number;
  /** Probability of `action` under the behaviour policy, exploration floor included. */
  readonly mu: number;
  /** [A] probabilities before the floor. */
  readonly probs: readonly number[];
  /** What was executed: B_FALLBACK is a cache action that the resolver turned into a direct call. */
  readonly sub: Handling | "B_FALLBACK";
  readonly policyVersion: number;
  readonly resolverVersion: number;
  readonly embedder: string;
  /** L2 distance of the nearest row, whatever was fed in its place; absent when there was no row. */
  readonly nearest?: number;
  /** Whether the tenant lets its experiences train shared weights. */
  readonly share: boolean;
  readonly usedRows: readonly string[];
}

/** Where notes (action C) were possible: whether the request got them, and with which probability it came to be so. */
export interface NotesArm {
  readonly arm: "C" | "B";
  /** Of this very arm, in (0, 1]. */
  readonly probability: number;
  readonly lang: string;
}

/** How a decision ended. Sent with the decision when that is soon enough, else later under the same id. */
export interface Outcome {
  readonly expId: string;
  readonly tenant: string;
  readonly result: "final" | "client_abort" | "upstream_error" | "incomplete" | "unknown";
  /** How it was answered: HIT-EXACT, HIT-SEMANTIC, AUGMENTED, MISS or BYPASS. */
  readonly kind: string;
  /**
   * Request received to last byte, seconds (paper d), and its parts in milliseconds. Where a policy was asked, among them
   * `policyVersion`, `policy` (its milliseconds), `policyFailed` (1), and its probabilities of using the cache
   * (`cacheProbability`) and of serving a row that may be served (`serveProbability`).
   */
  readonly delaySeconds: number;
  readonly parts: Readonly<Record<string, number>>;
  readonly tokensIn: number;
  readonly tokensOut: number;
  /** US dollars paid to the model; what a hit avoided; what the gateway's own operations cost. */
  readonly costUsd: number;
  readonly savedUsd: number;
  readonly overheadUsd: number;
  /** Of the overhead, US dollars, what looking up other wordings cost; left out where none was looked up to be served. */
  readonly lookUpUsd?: number;
  /** Language of the request (`languageOf`), where it was read; its slice counts the request. */
  readonly lang?: string;
  /** Its part in the trial of notes; left out where there were none to give. */
  readonly notes?: NotesArm;
}

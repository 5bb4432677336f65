/** One row of a look-up, as the index (or the region's list of fresh rows) returned it. */
export interface Candidate {
  /** Vector id, unique over all tenants (an HMAC that covers the tenant). */
  readonly id: string;
  /** Key of the stored answer inside the tenant. */
  readonly ansId: string;
  /** 1 = question row, 2 = answer row (paper c^k). */
  readonly role: 1 | 2;
  /** L2 distance of unit vectors, sqrt(2 - 2 cos), in [0, 2]; lower is closer. Exact, never the index's approximation. */
  readonly distance: number;
  /** Use count n_p >= 1 (paper c^f); a stale copy of the region object's count. */
  readonly useCount: number;
  /** First 26 base32 characters of the fingerprint hash. */
  readonly fp: string;
  /** ISO 639-1 code found by `languageOf`, or "und". */
  readonly lang: string;
  /** The cached question's text (at most 2 KiB; longer questions are never semantic candidates). */
  readonly question: string;
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
  readonly expiresAt: number;
  /** Labelled reuses of this row, if any; see error-budget.ts. */
  readonly evidence?: Evidence;
  readonly quarantined?: boolean;
}

/** What is known of one row's reuse: labels seen and the lower estimate of P(correct | distance) on a grid. */
export interface Evidence {
  /** Number of labelled reuses behind `alpha`. */
  readonly labels: number;
  /** P(correct) at the centres of 32 equal bins over distance [0, 1.6], each in [0, 1]. */
  readonly alpha: readonly number[];
  /** Whose matchDistance `alpha` is a function of; left out: of the distance itself. */
  readonly scorer?: string;
  /** Labels that said "wrong"; left out by releases that did not count them. */
  readonly wrong?: number;
}

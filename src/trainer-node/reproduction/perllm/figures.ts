// What one run of one algorithm measured, and how claims look at it.
import { type EdgeModel, type Network } from "./settings.ts";

export interface Figures extends Partial<Tracked> {
  readonly requests: number;
  /** Share answered within their deadline. */
  readonly success: number;
  /** Processing time: from the user's request to the last byte of the answer. */
  readonly seconds: number;
  readonly p95Seconds: number;
  /** Output tokens of all requests over the time from the first request to the last answer. */
  readonly tokensPerSecond: number;
  /** Per request: transmission, inference and waiting. */
  readonly joules: number;
  /** Per request, of slots that stood idle; 0 where servers have no idle power. */
  readonly idleJoules: number;
  /** Share of requests sent to the cloud. */
  readonly cloudShare: number;
  /** Per request: what the best server in the very same state would have earned more; see `regretOf`. */
  readonly regret: number;
  /** The same over the first and the last half of the requests. */
  readonly earlyRegret: number;
  readonly lateRegret: number;
  /** Requests under way: the most, and the mean over time; `littleError` is its distance from rate x time, relative. */
  readonly mostOutstanding: number;
  readonly littleError: number;
  /** Of a request's parts from its whole time, the greatest. */
  readonly partsError: number;
  /** Requests that did not end exactly once. */
  readonly lost: number;
}

/** Mean seconds of a request in each part of its way, which add up to `seconds`, and figures after each tenth of the answers. */
export interface Tracked {
  readonly parts: Readonly<Record<Part, number>>;
  readonly soFar: readonly SoFar[];
}

export type Part = "deferred" | "uplinkWait" | "transmission" | "queue" | "inference";
export const PARTS = ["deferred", "uplinkWait", "transmission", "queue", "inference"] as const;

export interface SoFar {
  readonly requests: number;
  readonly success: number;
  readonly seconds: number;
  readonly joules: number;
  /** In all, not per request. */
  readonly regret: number;
}

/** Which run of an algorithm. The paper's load, Yi-6B, a stable network and no drift when left out. */
export interface Where {
  readonly model?: EdgeModel;
  readonly network?: Network;
  readonly users?: number;
  readonly drift?: string;
  /** With measurements that fade, in a world with a drift. */
  readonly isFading?: boolean;
  /** With the rivals as their authors specify them, trained where they learn. */
  readonly isSpecified?: boolean;
}

/** What one seed of the experiments measured; a setting of the grid looks the same. */
export interface SeedView {
  figures(algorithm: string, where?: Where): Figures;
}

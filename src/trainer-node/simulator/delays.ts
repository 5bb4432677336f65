// How long things take, in unscaled seconds. These figures are assumptions, not measurements: every tool that uses them
// prints them beside its results.
import { lognormalFromQuantiles, Random } from "../../policy/random.ts";

/** Lognormal time to first token, and a lognormal pace per token that holds for one whole answer. */
export interface DelayAssumptions {
  readonly firstTokenP50Seconds: number;
  readonly firstTokenP99Seconds: number;
  readonly perTokenP50Seconds: number;
  /** Standard deviation of ln(seconds per token) between answers. */
  readonly perTokenSigma: number;
}

export const DEFAULT_DELAYS: DelayAssumptions = {
  firstTokenP50Seconds: 0.5,
  firstTokenP99Seconds: 2,
  perTokenP50Seconds: 0.015,
  perTokenSigma: 0.25,
};

/** One answer's delays in seconds; total = firstToken + tokens * perToken. */
export interface SampledDelay {
  readonly firstToken: number;
  readonly perToken: number;
  readonly total: number;
}

/** Draws one answer's delays; the same seed gives the same sequence. null means no delay at all. */
export function delaySampler(
  assumptions: DelayAssumptions | null,
  seed: number,
): (tokens: number) => SampledDelay {
  if (assumptions === null) return () => ({ firstToken: 0, perToken: 0, total: 0 });
  const random = new Random(seed);
  const { firstTokenP50Seconds, firstTokenP99Seconds, perTokenP50Seconds, perTokenSigma } =
    assumptions;
  const firstTokens = lognormalFromQuantiles(firstTokenP50Seconds, firstTokenP99Seconds);
  const paces = { mu: Math.log(perTokenP50Seconds), sigma: perTokenSigma };
  return (tokens) => {
    const firstToken = random.lognormal(firstTokens);
    const perToken = random.lognormal(paces);
    return { firstToken, perToken, total: firstToken + tokens * perToken };
  };
}

/**
 * From a Worker at the edge to what a look-up needs: quantiles p50 and p99 in milliseconds, the same that local tools
 * wait for under their edge profile.
 */
export const EDGE_QUANTILES_MS = {
  embed: [30, 120],
  vectors: [40, 200],
  store: [30, 150],
} as const;

/** What the gateway gives a look-up at most. */
const LOOK_UP_SECONDS = 0.13;

const EDGE = {
  embed: lognormalFromQuantiles(...EDGE_QUANTILES_MS.embed),
  vectors: lognormalFromQuantiles(...EDGE_QUANTILES_MS.vectors),
  store: lognormalFromQuantiles(...EDGE_QUANTILES_MS.store),
};

/** Seconds of one request's own look-up. */
export interface EdgeDelay {
  /** The exact answer's read: a repeat waits for nothing else. */
  readonly exact: number;
  /** Embedding, then neighbours; a late one is cut off at the look-up's deadline. */
  readonly lookUp: number;
  /** Reading the answer of a chosen row. */
  readonly answer: number;
}

/** The gateway asks a second time after 1 ms (embedding) and 20 ms (exact read); the earlier reply counts. */
export function edgeDelay(random: Random): EdgeDelay {
  const embed = Math.min(random.lognormal(EDGE.embed), 1 + random.lognormal(EDGE.embed));
  const vectors = random.lognormal(EDGE.vectors);
  const exact = Math.min(random.lognormal(EDGE.store), 20 + random.lognormal(EDGE.store));
  return {
    exact: Math.min(LOOK_UP_SECONDS, exact / 1000),
    lookUp: Math.min(LOOK_UP_SECONDS, (embed + vectors) / 1000),
    answer: random.lognormal(EDGE.store) / 1000,
  };
}

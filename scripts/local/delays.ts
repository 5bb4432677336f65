// How long a hosted model is assumed to take. These figures are assumptions, not measurements: every tool that uses
// them prints them beside its results.
import { lognormalFromQuantiles, Random } from "../../src/policy/random.ts";

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

/** One line for a report. */
export function describeDelays(assumptions: DelayAssumptions, scale: number): string {
  const { firstTokenP50Seconds, firstTokenP99Seconds, perTokenP50Seconds } = assumptions;
  return (
    `assumed model delays: first token p50 ${firstTokenP50Seconds} s, p99 ${firstTokenP99Seconds} s, ` +
    `then ${perTokenP50Seconds * 1000} ms a token; waited for divided by ${scale}`
  );
}

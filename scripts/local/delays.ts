// The assumed delays of a hosted model, for tools that print or wait for them.
import { type DelayAssumptions } from "../../src/trainer-node/simulator/delays.ts";

export {
  DEFAULT_DELAYS,
  type DelayAssumptions,
  delaySampler,
  type SampledDelay,
} from "../../src/trainer-node/simulator/delays.ts";

/** One line for a report. */
export function describeDelays(assumptions: DelayAssumptions, scale: number): string {
  const { firstTokenP50Seconds, firstTokenP99Seconds, perTokenP50Seconds } = assumptions;
  return (
    `assumed model delays: first token p50 ${firstTokenP50Seconds} s, p99 ${firstTokenP99Seconds} s, ` +
    `then ${perTokenP50Seconds * 1000} ms a token; waited for divided by ${scale}`
  );
}

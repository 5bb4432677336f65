// The graph router as a decision: of a moment's view, or as a selector among the servers of a gateway.
import { type Weights } from "../../network/layout.ts";
import { type Constraints, type Option } from "../prediction.ts";
import { type RoutingRequest, type Selector, selectorOf } from "../selector.ts";
import { GraphForward } from "./graph-forward.ts";
import { type ExpertView, type FleetView, graphStateOf, MAX_EXPERTS } from "./graph-state.ts";

/** Logits of the experts, then of dropping; whatever runs the network. */
export type GraphValues = Pick<GraphForward, "values">;

export interface GraphDecision {
  /** Index of an expert; null drops the request. */
  readonly expert: number | null;
  /** [N + 1]: 0 for what must not be chosen; null where the network had no say. */
  readonly probabilities: Float64Array | null;
}

/**
 * The most probable choice; with a draw in [0, 1), a random one. Where a feature or a logit is no number: the open expert
 * with the least predicted completion. Nothing open: null.
 */
export function decide(network: GraphValues, view: FleetView, draw: number | null): GraphDecision {
  const probabilities = probabilitiesOf(network, view);
  if (probabilities === null) return { expert: soonest(view), probabilities };
  const choice = draw === null ? mostProbable(probabilities) : drawn(probabilities, draw);
  return { expert: choice < view.experts.length ? choice : null, probabilities };
}

/** null where they are no numbers or nothing is open. */
function probabilitiesOf(network: GraphValues, view: FleetView): Float64Array | null {
  const state = graphStateOf(view);
  if (state === null || !state.open.includes(1)) return null;
  return openSoftmax(network.values(state), state.open);
}

/** Over what is open; null where one of its logits is no number. */
export function openSoftmax(logits: Float32Array, open: Uint8Array): Float64Array | null {
  let highest = -Infinity;
  for (const [i, logit] of logits.entries()) {
    if (open[i] !== 1) continue;
    if (!Number.isFinite(logit)) return null;
    highest = Math.max(highest, logit);
  }
  const powers = Float64Array.from(logits, (logit, i) =>
    open[i] === 1 ? Math.exp(logit - highest) : 0,
  );
  const total = powers.reduce((sum, power) => sum + power, 0);
  return powers.map((power) => power / total);
}

const mostProbable = (probabilities: Float64Array): number =>
  probabilities.indexOf(Math.max(...probabilities));

/** The choice whose share of [0, 1) the draw falls into. */
export function drawn(probabilities: Float64Array, draw: number): number {
  let left = draw;
  let last = 0;
  for (const [i, probability] of probabilities.entries()) {
    if (probability === 0) continue;
    left -= probability;
    last = i;
    if (left < 0) break;
  }
  return last;
}

/** Of the open experts the one that is predicted to be done first, unknown times last. */
function soonest({ experts }: FleetView): number | null {
  let best: number | null = null;
  let least = Infinity;
  for (const [i, each] of experts.entries()) {
    if (!each.isOpen) continue;
    const seconds = each.predictedSecondsPerToken * each.predictedOutputTokens;
    if (best === null || seconds < least) best = i;
    if (seconds < least) least = seconds;
  }
  return best;
}

export interface GraphRouterOptions {
  readonly weights: Weights;
  /** Seconds per output token of a request without a deadline. */
  readonly latencyLimit: number;
  /** USD of a usual request. */
  readonly referenceUsd: number;
  readonly constraints?: Constraints;
}

/**
 * Ranks by the network's logits; by least predicted completion where they are no numbers, or there are more than 16 servers.
 * A gateway knows how many requests a server has, not which: they are in the counts alone.
 */
export function graphRouter(options: GraphRouterOptions): Selector {
  const network = new GraphForward(options.weights);
  return selectorOf({
    name: "graph-router",
    ...(options.constraints !== undefined && { constraints: options.constraints }),
    scores: (request, servers) => {
      const fallback = servers.map(({ seconds }) => -seconds);
      // What cannot be predicted ranks behind the others whatever its score; its features would be no numbers.
      const known = servers.filter((server) => Number.isFinite(server.seconds));
      if (known.length === 0 || known.length > MAX_EXPERTS) return fallback;
      const state = graphStateOf(viewOf(request, known, options));
      const logits = state === null ? null : network.values(state);
      if (logits === null || !logits.every(Number.isFinite)) return fallback;
      return servers.map((server) => {
        const place = known.indexOf(server);
        return place < 0 ? NaN : logits[place]!;
      });
    },
  });
}

function viewOf(
  request: RoutingRequest,
  servers: readonly Option[],
  { latencyLimit, referenceUsd }: GraphRouterOptions,
): FleetView {
  const { deadlineSeconds: deadline } = request;
  const tokens = servers.map(({ estimate }) => Math.max(1, estimate!.outputTokens));
  // A deadline for the whole answer, as one for each token of a usual answer.
  const mean = tokens.reduce((sum, each) => sum + each, 0) / tokens.length;
  const limit = deadline === null || deadline <= 0 ? latencyLimit : deadline / mean;
  const experts = servers.map((server, i) => expertOf(server, tokens[i]!, referenceUsd));
  const fastest = Math.min(...experts.map((each) => each.predictedSecondsPerToken));
  return {
    promptTokens: request.promptTokens,
    slack: 1 - fastest / limit,
    priority: 0,
    textFeatures: [],
    latencyLimit: limit,
    mayDrop: false,
    experts,
  };
}

function expertOf(
  { backend, estimate, seconds, usd, ahead }: Option,
  outputTokens: number,
  referenceUsd: number,
): ExpertView {
  const { maxConcurrent, slots } = backend;
  const running = Math.min(ahead, slots ?? ahead);
  return {
    kvUse: maxConcurrent === null ? 0 : ahead / maxConcurrent,
    runningCount: running,
    waitingCount: ahead - running,
    decodeSeconds: backend.secondsPerToken?.mean ?? seconds / outputTokens,
    // Nobody predicts it: every server is as good as any.
    predictedScore: estimate!.quality ?? 0.5,
    predictedOutputTokens: outputTokens,
    predictedSecondsPerToken: seconds / outputTokens,
    predictedPenalty: 0,
    cost: usd / referenceUsd,
    isOpen: true,
    running: [],
    waiting: [],
  };
}

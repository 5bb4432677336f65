// Routers for a simulated fleet: the production's selectors and the graph network, told what a gateway could know.
import { Random } from "../../../policy/random.ts";
import { type GraphValues, decide } from "../../../policy/routing/graph-router/graph-router.ts";
import { type FleetView } from "../../../policy/routing/graph-router/graph-state.ts";
import { type Backend, type Estimate, type Selector } from "../../../policy/routing/selector.ts";
import { type Arrival, type FleetRouter } from "./fleet.ts";
import { predictedImpact } from "./impact.ts";

/** Predicted seconds of the arrived request at one expert. */
export interface PredictedTimes {
  readonly waitSeconds: number;
  readonly serviceSeconds: number;
  /** Both, divided by the predicted tokens. */
  readonly secondsPerToken: number;
}

/**
 * service = k1 p + d (next iteration + tau1 + k2 (p + d / 2)): as many run all the time as now
 * wait    = k1 x prompt tokens of those that wait, who are let in first; where memory or places are short for all of them
 *           (waiting + 1) / running x (mean tokens left of the running ones x next iteration)
 */
export function predictedTimes({ experts, predictions }: Arrival, expert: number): PredictedTimes {
  const { promptTokens: p, predictedOutputTokens: d } = predictions[expert]!;
  const { pace, decodeSeconds, runningCount, kvUse, kvTokens, ...state } = experts[expert]!;
  const serviceSeconds = pace.k1 * p + d * (decodeSeconds + pace.tau1 + pace.k2 * (p + d / 2));
  const waiting = state.waiting();
  let queued = 0;
  for (const { promptTokens, tokensSoFar } of waiting) queued += promptTokens + tokensSoFar;
  const isShort =
    kvUse * kvTokens + queued + p > kvTokens || runningCount + waiting.length >= state.maxRunning;
  let waitSeconds = pace.k1 * queued;
  if (runningCount > 0 && isShort) {
    let left = 0;
    for (const { predictedOutputTokens, tokensSoFar } of state.running())
      left += Math.max(1, predictedOutputTokens - tokensSoFar);
    waitSeconds = (((waiting.length + 1) * left) / runningCount ** 2) * decodeSeconds;
  }
  return { waitSeconds, serviceSeconds, secondsPerToken: (waitSeconds + serviceSeconds) / d };
}

export interface ViewOptions {
  readonly mayDrop: boolean;
  /** False: the router is not told whom a request would make late. */
  readonly knowsImpact?: boolean;
  /** As of `FleetView`. */
  readonly mostRequests?: number;
}

export function fleetView(
  arrival: Arrival,
  { mayDrop, knowsImpact = true, mostRequests }: ViewOptions,
): FleetView {
  const { latencyLimit, predictions, textFeatures } = arrival;
  const experts = arrival.experts.map((expert, i) => {
    const { promptTokens, predictedScore, predictedOutputTokens } = predictions[i]!;
    return {
      kvUse: expert.kvUse,
      runningCount: expert.runningCount,
      waitingCount: expert.waitingCount,
      decodeSeconds: expert.decodeSeconds,
      predictedScore,
      predictedOutputTokens,
      predictedSecondsPerToken: predictedTimes(arrival, i).secondsPerToken,
      predictedPenalty: knowsImpact ? predictedImpact(arrival, i) : 0,
      cost: 0,
      isOpen: promptTokens + predictedOutputTokens <= expert.kvTokens,
      running: expert.running(),
      waiting: expert.waiting(),
    };
  });
  const fastest = Math.min(...experts.map((each) => each.predictedSecondsPerToken));
  return {
    promptTokens: Math.max(...predictions.map(({ promptTokens }) => promptTokens)),
    slack: 1 - fastest / latencyLimit,
    priority: 0,
    textFeatures,
    latencyLimit,
    mayDrop,
    ...(mostRequests !== undefined && { mostRequests }),
    experts,
  };
}

/** A trained network; the most probable choice each time. */
export const networkRouter = (
  name: string,
  network: GraphValues,
  options: ViewOptions,
): FleetRouter => ({
  name,
  choose: (arrival) => decide(network, fleetView(arrival, options), null).expert,
});

export interface SelectedOptions {
  readonly seed: number;
  /**
   * The limit is one of seconds per token; a selector knows deadlines. "usual": limit x the mean predicted length; "none"
   * (default): only rules that know of tokens heed the limit.
   */
  readonly deadline?: "usual" | "none";
}

/** A selector of the gateway as a router of the fleet; it never drops. */
export function selectedRouter(
  selector: Selector,
  { seed, deadline = "none" }: SelectedOptions,
): FleetRouter {
  const random = new Random(seed);
  /** Deadlines of what was decided and has not finished. */
  const deadlines = new Map<number, number | null>();
  return {
    name: selector.name,
    choose: (arrival) => {
      const { predictions, truth, latencyLimit } = arrival;
      const estimates: Record<string, Estimate> = {};
      let tokens = 0;
      for (const [i, prediction] of predictions.entries()) {
        const { waitSeconds, serviceSeconds } = predictedTimes(arrival, i);
        const { predictedOutputTokens: outputTokens, predictedScore: quality } = prediction;
        estimates[idOf(i)] = { outputTokens, quality, waitSeconds, serviceSeconds };
        tokens += outputTokens / predictions.length;
      }
      const deadlineSeconds = deadline === "usual" ? latencyLimit * tokens : null;
      const { backend } = selector.choose(
        {
          id: String(truth.request.id),
          class: 0,
          promptTokens: Math.max(...predictions.map(({ promptTokens }) => promptTokens)),
          estimates,
          deadlineSeconds,
          budgetUsd: null,
          only: null,
          draw: random.uniform(),
          embedding: unit(arrival.textFeatures),
        },
        arrival.experts.map((_, i) => backendOf(arrival, i)),
      );
      deadlines.set(truth.request.id, deadlineSeconds);
      return backend === null ? null : Number(backend);
    },
    finished: (outcome) => {
      if (outcome.kind !== "finished") return;
      const { request, expert, finishedAt, score } = outcome;
      const deadlineSeconds = deadlines.get(request.id) ?? null;
      deadlines.delete(request.id);
      const { outputTokens } = request.answers[expert]!;
      selector.observe({
        requestId: String(request.id),
        backend: idOf(expert),
        class: 0,
        succeeded: true,
        seconds: finishedAt - request.at,
        firstTokenSeconds: null,
        outputTokens,
        deadlineSeconds,
        cost: outputTokens,
        quality: score,
        embedding: unit(request.textFeatures),
      });
    },
  };
}

/** At most 16 experts: two digits keep the order of ids that of experts. */
const idOf = (expert: number): string => String(expert).padStart(2, "0");

const backendOf = ({ experts }: Arrival, expert: number): Backend => {
  const { kvTokens, runningCount, waitingCount, decodeSeconds } = experts[expert]!;
  return {
    id: idOf(expert),
    kind: "edge",
    inputPrice: 0,
    outputPrice: 0,
    energy: null,
    contextWindow: kvTokens,
    maxConcurrent: null,
    slots: null,
    throughput: null,
    load: { running: runningCount, waiting: waitingCount, ageMs: 0 },
    ownInFlight: 0,
    firstTokenSeconds: { mean: 0, deviation: 0 },
    secondsPerToken: { mean: decodeSeconds, deviation: 0 },
    breaker: "closed",
    failureShare: 0,
  };
};

function unit(features: readonly number[]): Float32Array {
  const length = Math.hypot(...features);
  return Float32Array.from(features, (value) => (length > 0 ? value / length : 0));
}

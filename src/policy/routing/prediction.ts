// What a request would meet at each server: seconds, price, and how far every constraint is from breaking.
import {
  type Backend,
  type Estimate,
  type Load,
  type Obstacle,
  type RoutingRequest,
  type Spread,
} from "./selector.ts";

export interface Constraints {
  /** Least constraint satisfaction of a feasible choice; room for predictions that are a little wrong. */
  readonly margin?: number;
  /** Standard deviations added to the mean times. */
  readonly caution?: number;
  /** Standard deviations of the service added where a time is held against the deadline, and nowhere else. */
  readonly deadlineCaution?: number;
  /** A reported load is believed by half after this time: what is left of an old queue nobody knows. */
  readonly loadHalfLifeMs?: number;
}

/** One server as a selector sees it. */
export interface Option {
  readonly backend: Backend;
  readonly estimate: Estimate | null;
  /** Predicted, until the last byte; Infinity where a needed measurement is missing or no number. */
  readonly seconds: number;
  /** What is held against the deadline. */
  readonly upperSeconds: number;
  readonly usd: number;
  /** Calls there now, believed. */
  readonly ahead: number;
  /** f of PerLLM Eq. 3. */
  readonly satisfaction: number;
  readonly obstacles: readonly Obstacle[];
}

/** The servers that the request admits, by id. */
export function optionsFor(
  request: RoutingRequest,
  backends: readonly Backend[],
  constraints: Constraints = {},
): readonly Option[] {
  return backends
    .filter(({ id }) => request.only === null || request.only.includes(id))
    .toSorted((a, b) => (a.id < b.id ? -1 : a.id > b.id ? 1 : 0))
    .map((backend) => optionAt(request, backend, constraints));
}

function optionAt(
  request: RoutingRequest,
  backend: Backend,
  { margin = 0, caution = 0, deadlineCaution = 0, loadHalfLifeMs = 10_000 }: Constraints,
): Option {
  const estimate = Object.hasOwn(request.estimates, backend.id)
    ? request.estimates[backend.id]!
    : null;
  const ahead = callsAhead(backend, loadHalfLifeMs);
  const seconds = predictedSeconds(backend, estimate, ahead, caution);
  // How forecasts turned out says more than how times spread.
  const upperSeconds =
    estimate?.upperFactor !== undefined
      ? seconds * quantity(estimate.upperFactor)
      : deadlineCaution === 0
        ? seconds
        : seconds + deadlineCaution * serviceDeviation(backend, estimate);
  const planned = quantity(estimate?.plannedTokens ?? estimate?.outputTokens);
  const usd = predictedUsd(request.promptTokens, backend, planned);
  const tokens = quantity(request.promptTokens) + planned;
  const flow = quantity(estimate?.flow ?? tokens);
  const slack = {
    deadline: deadlineSlack(request.deadlineSeconds, upperSeconds),
    concurrency: capacitySlack(backend.maxConcurrent, ahead, 1),
    throughput: throughputSlack(backend, flow),
  };
  const obstacles: Obstacle[] = [];
  if (backend.contextWindow !== null && !(tokens <= backend.contextWindow))
    obstacles.push("context-window");
  // Anything but the two words that admit a call is a breaker nobody can vouch for.
  if (backend.breaker !== "closed" && backend.breaker !== "half-open")
    obstacles.push("breaker-open");
  if (backend.avoided) obstacles.push(backend.avoided);
  if (request.budgetUsd !== null && !(usd <= request.budgetUsd)) obstacles.push("budget");
  if (seconds === Infinity) obstacles.push("unmeasured");
  // Calls are counted, not estimated: of few places the margin must not take a whole one.
  const spare = backend.maxConcurrent === null ? 0 : Math.floor(margin * backend.maxConcurrent);
  if (
    backend.maxConcurrent !== null &&
    !(slack.concurrency >= 0 && backend.maxConcurrent - ahead - 1 >= spare)
  )
    obstacles.push("concurrency");
  if (!(slack.throughput >= margin)) obstacles.push("throughput");
  if (seconds !== Infinity && !(slack.deadline >= margin)) obstacles.push("deadline");
  const satisfaction = Math.min(slack.deadline, slack.concurrency, slack.throughput);
  return {
    backend,
    estimate,
    seconds,
    upperSeconds,
    usd,
    ahead,
    satisfaction: Number.isNaN(satisfaction) || seconds === Infinity ? -Infinity : satisfaction,
    obstacles,
  };
}

/**
 * D^ = transfer + wait + service, over the share of calls that succeed (a failed one is repeated).
 * service = first token + tokens x seconds per token
 * wait = (calls ahead - slots + 1) x service / slots, where all slots are taken
 */
function predictedSeconds(
  backend: Backend,
  estimate: Estimate | null,
  ahead: number,
  caution: number,
): number {
  if (estimate === null) return Infinity;
  const measured = serviceSeconds(backend, quantity(estimate.outputTokens), caution);
  const service = quantity(estimate.serviceSeconds ?? measured);
  const { slots } = backend;
  const queue = slots === null ? 0 : ((ahead - slots + 1) * service) / slots;
  const derived = slots !== null && !(slots > 0) ? NaN : Math.max(0, queue);
  const wait = quantity(estimate.waitSeconds ?? derived);
  const succeeding = 1 - quantity(backend.failureShare);
  const total = (quantity(estimate.transferSeconds ?? 0) + wait + service) / succeeding;
  return succeeding > 0 && total >= 0 && ahead >= 0 ? total : Infinity;
}

function predictedUsd(promptTokens: number, backend: Backend, outputTokens: number): number {
  const usd =
    (quantity(promptTokens) * quantity(backend.inputPrice) +
      outputTokens * quantity(backend.outputPrice)) /
    1e6;
  return usd >= 0 ? usd : Infinity;
}

/** First token + tokens x seconds per token, each with so many standard deviations; Infinity where one is unknown. */
function serviceSeconds(
  { firstTokenSeconds, secondsPerToken }: Backend,
  tokens: number,
  deviations: number,
): number {
  const seconds =
    upper(firstTokenSeconds, deviations) + tokens * upper(secondsPerToken, deviations);
  return seconds >= 0 ? seconds : Infinity;
}

/** sd^2 = sd(first token)^2 + (tokens x sd(per token))^2 + (per token x sd(tokens))^2, as if they were independent. */
function serviceDeviation(
  { firstTokenSeconds, secondsPerToken }: Backend,
  estimate: Estimate | null,
): number {
  // What a caller knows better has no spread that is known here.
  if (estimate === null || estimate.serviceSeconds !== undefined) return 0;
  return Math.hypot(
    firstTokenSeconds?.deviation ?? 0,
    estimate.outputTokens * (secondsPerToken?.deviation ?? 0),
    (estimate.outputTokensDeviation ?? 0) * (secondsPerToken?.mean ?? 0),
  );
}

/** Calls believed to be there: the reported ones, fading with their age, and what the report does not show yet. */
function callsAhead({ load, ownInFlight }: Backend, halfLifeMs: number): number {
  const reported = load === null ? 0 : fadedLoad(load, halfLifeMs);
  return Number.isFinite(ownInFlight) ? Math.max(0, reported + ownInFlight) : NaN;
}

const fadedLoad = ({ running, waiting, ageMs }: Load, halfLifeMs: number): number =>
  (quantity(running) + quantity(waiting)) * 2 ** (-quantity(ageMs) / halfLifeMs);

/** (D - D^) / D; without a deadline nothing can be late. */
function deadlineSlack(deadlineSeconds: number | null, seconds: number): number {
  if (deadlineSeconds === null) return 1;
  if (!(deadlineSeconds > 0) || seconds === Infinity) return -Infinity;
  return deadlineSeconds === Infinity ? 1 : (deadlineSeconds - seconds) / deadlineSeconds;
}

/** (max - used - asked) / max. */
function capacitySlack(max: number | null, used: number, asked: number): number {
  if (max === null) return 1;
  return max > 0 ? (max - used - asked) / max : -Infinity;
}

const throughputSlack = ({ throughput }: Backend, flow: number): number =>
  throughput === null ? 1 : capacitySlack(throughput.limit, quantity(throughput.used), flow);

/** A number that a quantity can have, or NaN, which spreads to whatever is computed with it and wins no comparison. */
const quantity = (value: number | undefined): number =>
  value !== undefined && value >= 0 && value < Infinity ? value : NaN;

const upper = (spread: Spread | null, deviations: number): number =>
  spread === null
    ? NaN
    : quantity(spread.mean) + (deviations === 0 ? 0 : deviations * quantity(spread.deviation));

// What schedulers are not told: how much longer inference takes than they think, and how little a link carries.
import { randomOf } from "../../simulator/random-of.ts";
import { type Drift, type WorldSettings } from "./settings.ts";
import { type ServiceRequest } from "./workload.ts";

/** Streams of randomness: the workload has 1, links 2. */
const ORDER = 3;
const WANDERING = 4;

export interface ServerPlace {
  readonly kind: "edge" | "cloud";
  readonly index: number;
}

/** By how much the inference of a request that begins at `time` takes longer. */
export type Slowdown = (time: number, request: ServiceRequest) => number;

/** @param order of servers that are struck one after the other */
export function slowdownOf(
  { drift, promptTokens }: Pick<WorldSettings, "drift" | "promptTokens">,
  { kind, index }: ServerPlace,
  order: readonly number[],
  seed: number,
): Slowdown {
  switch (drift.kind) {
    case "none":
    case "congested":
    case "hidden-wait":
      return () => 1;
    case "throttled":
      return (time) => (isStruck(drift.seconds, order, index, time) ? drift.factor : 1);
    case "misinformed": {
      const factor = kind === "edge" ? drift.factors[index % drift.factors.length]! : 1;
      return () => factor;
    }
    case "wandering":
      return wandering(drift, seed, index);
    case "prompt-bound":
      return kind === "edge" ? (_, request) => request.promptTokens / promptTokens : () => 1;
    default:
      return drift satisfies never;
  }
}

/** Share of its rate that a link carries at a time; null: always all of it. */
export function carriedOf(
  drift: Drift,
  { index }: ServerPlace,
  order: readonly number[],
): ((time: number) => number) | null {
  return drift.kind === "congested"
    ? (time) => (isStruck(drift.seconds, order, index, time) ? drift.share : 1)
    : null;
}

/** Seconds that a request waits at a free slot, unseen. */
export function hiddenWaitOf(
  drift: Drift,
  { index }: ServerPlace,
  order: readonly number[],
): (time: number) => number {
  return drift.kind === "hidden-wait"
    ? (time) => (isStruck(drift.seconds, order, index, time) ? drift.wait : 0)
    : () => 0;
}

/** Places of the servers, shuffled. */
export function strikingOrder(count: number, seed: number): readonly number[] {
  const random = randomOf(seed, 0, ORDER);
  const order = Array.from({ length: count }, (_, i) => i);
  for (let i = count - 1; i > 0; i--) {
    const j = Math.floor(random.uniform() * (i + 1));
    [order[i], order[j]] = [order[j]!, order[i]!];
  }
  return order;
}

const isStruck = (seconds: number, order: readonly number[], index: number, time: number) =>
  order[Math.floor(time / seconds) % order.length] === index;

/** x_0 = sigma z, x_{n+1} = rho x_n + sqrt(1 - rho^2) sigma z: normal with sigma at all times. */
function wandering(
  { seconds, sigma, correlation }: Extract<Drift, { kind: "wandering" }>,
  seed: number,
  index: number,
): Slowdown {
  const random = randomOf(seed, index, WANDERING);
  const values = [sigma * random.normal()];
  const fresh = Math.sqrt(1 - correlation ** 2) * sigma;
  return (time) => {
    const period = Math.floor(time / seconds);
    while (values.length <= period)
      values.push(correlation * values.at(-1)! + fresh * random.normal());
    return Math.exp(values[period]!);
  };
}

// Rules to compare with, each simple enough to be right at a glance. Constraints and ties are as for every selector.
import { type Constraints, type Option } from "./prediction.ts";
import { Random } from "../random.ts";
import { type Selector, selectorOf } from "./selector.ts";
import { entriesOf, isQuantity, isRecord, isShare } from "./state.ts";

/** In the order of configuration; servers that it does not name come last. */
export function fixedOrder(ids: readonly string[], constraints: Constraints = {}): Selector {
  const places = new Map(ids.map((id, i) => [id, -i]));
  return selectorOf({
    name: "fixed-order",
    constraints,
    scores: (_, options) => options.map(({ backend }) => places.get(backend.id) ?? -Infinity),
  });
}

/** A shuffle of the servers by the request's draw. */
export const random = (constraints: Constraints = {}): Selector =>
  selectorOf({
    name: "random",
    constraints,
    scores: ({ draw }, options) => {
      const generator = new Random(Math.floor(draw * 2 ** 32));
      return options.map(() => generator.uniform());
    },
  });

/** Each in turn, by id, after the last one chosen: a server that comes or goes shifts nobody's turn. */
export function roundRobin(constraints: Constraints = {}): Selector {
  let last: string | null = null;
  return selectorOf({
    name: "round-robin",
    constraints,
    scores: (_, options) => {
      const next = options.findIndex(({ backend }) => last === null || backend.id > last);
      const start = Math.max(0, next);
      return options.map((_option, i) => -((i - start + options.length) % options.length));
    },
    decided: (first) => {
      last = first.backend ?? last;
    },
    snapshot: () => last,
    restore: (state) => {
      if (state !== null && typeof state !== "string") return false;
      last = state;
      return true;
    },
  });
}

/** Fewest calls there, waiting or running; how fast they are served is not asked. */
export const shortestQueue = (constraints: Constraints = {}): Selector =>
  selectorOf({
    name: "shortest-queue",
    constraints,
    scores: (_, options) => options.map(({ ahead }) => -ahead),
  });

interface MeanQuality {
  readonly mean: number;
  readonly count: number;
}

/**
 * The server whose answers were best on average, for every request alike. Judged outcomes teach it; a server that was
 * never judged does not come before one that was.
 */
export function bestSingle(constraints: Constraints = {}): Selector {
  let qualities = new Map<string, MeanQuality>();
  return selectorOf({
    name: "best-single",
    constraints,
    scores: (_, options) => options.map(({ backend }) => qualities.get(backend.id)?.mean ?? NaN),
    observe: ({ backend, quality }) => {
      if (!isShare(quality)) return;
      const { mean, count } = qualities.get(backend) ?? { mean: 0, count: 0 };
      qualities.set(backend, { mean: mean + (quality - mean) / (count + 1), count: count + 1 });
    },
    snapshot: () => [...qualities],
    restore: (state) => {
      const stored = entriesOf(state, isMeanQuality);
      if (stored !== null) qualities = stored;
      return stored !== null;
    },
  });
}

/** s 1[l <= L]: the best predicted quality among servers whose predicted seconds per output token are at most L. */
export const greedyScore = (
  secondsPerTokenLimit: number,
  constraints: Constraints = {},
): Selector =>
  selectorOf({
    name: "greedy-score",
    constraints,
    scores: (_, options) =>
      options.map((option) => qualityOf(option) * Number(isFast(option, secondsPerTokenLimit))),
  });

/** NaN where nothing predicts it. */
const qualityOf = ({ estimate }: Option): number => {
  const quality = estimate?.quality;
  return isShare(quality) ? quality : NaN;
};

const isFast = ({ seconds, estimate }: Option, limit: number): boolean =>
  estimate !== null && seconds <= limit * estimate.outputTokens;

const isMeanQuality = (value: unknown): value is MeanQuality =>
  isRecord(value) && isShare(value["mean"]) && isQuantity(value["count"]);

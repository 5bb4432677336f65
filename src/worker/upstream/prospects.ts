// What a request may hope for at each backend of its order: when to give up waiting, and where to go then.
import { type Backend, type Choice } from "../../policy/routing/selector.ts";

/** Seconds from the call's begin. */
export interface Prospect {
  /** A first byte later than this is the sign of a server that is out of order. */
  readonly dueSeconds: number;
  /** Of the last byte: as predicted, and what it seldom exceeds. */
  readonly seconds: number;
  readonly upperSeconds: number;
  /** Nothing is known against it but perhaps that it is slow. */
  readonly isWell: boolean;
}

/** Twice the usual, and this many standard deviations more than it. */
const LATE_FACTOR = 2;
const LATE_DEVIATIONS = 3;

const UNWELL = ["late", "rate-limited", "concurrency", "throughput"] as const;

/** An answer in one piece has its first byte when it is complete. */
export function prospectOf(
  { firstTokenSeconds }: Backend,
  { predictedSeconds: seconds, upperSeconds: upper, reasons }: Choice,
  isStream: boolean,
): Prospect {
  const upperSeconds = Number.isNaN(upper) ? Infinity : upper;
  const { mean, deviation } = firstTokenSeconds ?? { mean: Infinity, deviation: 0 };
  return {
    dueSeconds: isStream
      ? Math.max(LATE_FACTOR * mean, mean + LATE_DEVIATIONS * deviation)
      : Math.max(LATE_FACTOR * seconds, upperSeconds),
    seconds,
    upperSeconds,
    isWell: !UNWELL.some((obstacle) => reasons.includes(obstacle)),
  };
}

type Prospects = readonly Prospect[];

/**
 * Which place to call when these have failed: the first that very likely meets the deadline, so far off; else the
 * soonest. null: all were tried.
 */
export function nextPlace(
  prospects: Prospects,
  tried: ReadonlySet<number>,
  leftMs: number,
): number | null {
  if (tried.size === 0) return prospects.length > 0 ? 0 : null;
  const others = untried(prospects, tried);
  const inTime = others.find((place) => 1000 * prospects[place]!.upperSeconds <= leftMs);
  return inTime ?? soonest(prospects, others, "seconds");
}

/**
 * When to leave a call that has no first byte, milliseconds from its begin: as late as another backend can still meet the
 * deadline, and not before the first byte is due; null: never.
 */
export function patienceMs(
  prospects: Prospects,
  place: number,
  tried: ReadonlySet<number>,
  leftMs: number,
): number | null {
  const others = untried(prospects, tried).filter((other) => prospects[other]!.isWell);
  const rescue = soonest(prospects, others, "upperSeconds");
  if (rescue === null) return null;
  const { seconds, upperSeconds } = prospects[rescue]!;
  const latest = Math.floor(leftMs - 1000 * upperSeconds);
  const patience = Math.max(1000 * prospects[place]!.dueSeconds, latest);
  return patience + 1000 * seconds <= leftMs ? patience : null;
}

/** Those that are well, if there are any. */
function untried(prospects: Prospects, tried: ReadonlySet<number>): readonly number[] {
  const others = [...prospects.keys()].filter((place) => !tried.has(place));
  const well = others.filter((place) => prospects[place]!.isWell);
  return well.length > 0 ? well : others;
}

function soonest(
  prospects: Prospects,
  places: readonly number[],
  by: "seconds" | "upperSeconds",
): number | null {
  const best = Math.min(...places.map((place) => prospects[place]![by]));
  return places.find((place) => prospects[place]![by] === best) ?? null;
}

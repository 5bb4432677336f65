// Whether a model server is out of order, from how everybody's calls ended. One tenant's requests may be what it fails at, so
// whatever one tenant meets counts for the others only as far as all the others met the same.
import { type Backend } from "../policy/routing/selector.ts";

/** By tenant. */
type Counts = Readonly<Record<string, number>>;

export interface Health {
  /** In a row, and how many of them were whose. */
  readonly failures: number;
  readonly failing: Counts;
  /** Share of recent calls that failed, by the tenant whose they were. */
  readonly blame: Counts;
  readonly openings: number;
  /** null: closed. After this moment: half-open. */
  readonly openUntil: number | null;
  readonly closedAt: number;
  /** Of the last outcome. */
  readonly at: number;
}

export interface CallEnd {
  readonly tenant: string;
  readonly succeeded: boolean;
  readonly seconds: number;
}

export const HEALTHY: Health = {
  failures: 0,
  failing: {},
  blame: {},
  openings: 0,
  openUntil: null,
  closedAt: 0,
  at: 0,
};

/** As of a single caller's breaker (src/worker/upstream/breaker.ts): 5 in a row, 30 s more each time, at most 300 s. */
const FAILURES_TO_OPEN = 5;
/** As many of them must be of others than the tenant with most; to stay open, one. */
const FAILURES_OF_OTHERS = 2;
const BASE_OPEN_MS = 30_000;
const MAX_OPEN_MS = 300_000;
const MAX_TENANTS = 8;
/** Weight of the newest outcome in a share, and the share that is worth no entry. */
const STEP = 0.05;
const LEAST_BLAME = 0.001;
/** A server that is not called shows no more what it can do: what it was blamed for is forgotten by half in this time. */
const BLAME_HALF_LIFE_MS = 60_000;

export function healthAfter(before: Health, call: CallEnd, now: number): Health {
  const { openUntil } = before;
  // Begun before it was closed to calls: says nothing of how it is now.
  if (openUntil !== null && now - 1000 * call.seconds < openUntil) return before;
  const health = { ...before, blame: blameAfter(before.blame, call), at: now };
  if (call.succeeded)
    return {
      ...health,
      failures: 0,
      failing: {},
      openUntil: null,
      closedAt: openUntil === null ? health.closedAt : now,
    };
  const failures = health.failures + 1;
  const failing = bounded(withMore(health.failing, call.tenant, 1));
  const ofOthers = failures - Math.max(...Object.values(failing));
  const isBroken =
    openUntil === null
      ? failures >= FAILURES_TO_OPEN && ofOthers >= FAILURES_OF_OTHERS
      : ofOthers >= 1;
  if (!isBroken) return { ...health, failures, failing };
  // Every 30 s spent closed forgives one opening.
  const healthyMs = openUntil === null ? now - health.closedAt : 0;
  const openings = Math.max(0, health.openings - Math.floor(healthyMs / BASE_OPEN_MS)) + 1;
  return {
    ...health,
    failures: 0,
    failing: {},
    openings,
    openUntil: now + Math.min(MAX_OPEN_MS, BASE_OPEN_MS * openings),
  };
}

/** b <- b + 0.05 (1 if the call failed and was this tenant's, else 0 - b) */
function blameAfter(blame: Counts, { tenant, succeeded }: CallEnd): Counts {
  const left = Object.entries(blame).map(([name, share]) => [name, share * (1 - STEP)] as const);
  const faded = Object.fromEntries(left.filter(([, share]) => share >= LEAST_BLAME));
  return succeeded ? faded : bounded(withMore(faded, tenant, STEP));
}

const countOf = (counts: Counts, tenant: string): number =>
  Object.hasOwn(counts, tenant) ? counts[tenant]! : 0;

const withMore = (counts: Counts, tenant: string, by: number): Counts => ({
  ...counts,
  [tenant]: countOf(counts, tenant) + by,
});

/** The greatest of them. */
const bounded = (counts: Counts): Counts =>
  Object.fromEntries(
    Object.entries(counts)
      .toSorted(([, a], [, b]) => b - a)
      .slice(0, MAX_TENANTS),
  );

/**
 * Share of recent calls that failed, as far as it concerns a tenant: its own failures, or everybody's with the most failing
 * tenant's counted no higher than all the others'. It fades while nothing more is heard.
 */
export function failureShareOf(
  health: Health | undefined,
  tenant: string | null,
  now: number,
): number {
  if (health === undefined) return 0;
  const { blame } = health;
  const sum = sumOf(blame);
  const common = Math.min(sum, 2 * (sum - Math.max(0, ...Object.values(blame))));
  const own = tenant === null ? 0 : countOf(blame, tenant);
  return Math.max(common, own) * leftOfBlame(health, now);
}

/** Share of recent calls that failed, whosever they were. */
export const allFailures = (health: Health, now: number): number =>
  sumOf(health.blame) * leftOfBlame(health, now);

const sumOf = (counts: Counts): number =>
  Object.values(counts).reduce((total, count) => total + count, 0);

const leftOfBlame = ({ at }: Health, now: number): number =>
  2 ** (-Math.max(0, now - at) / BLAME_HALF_LIFE_MS);

export const breakerOf = (health: Health | undefined, now: number): Backend["breaker"] =>
  health === undefined || health.openUntil === null
    ? "closed"
    : now < health.openUntil
      ? "open"
      : "half-open";

/** On a clock that shows so many milliseconds more. */
export const healthLater = (health: Health, ms: number): Health => ({
  ...health,
  openUntil: health.openUntil === null ? null : health.openUntil + ms,
  closedAt: health.closedAt + ms,
  at: health.at + ms,
});

/** Another release may have written something else. */
export function isHealth(value: unknown): value is Health {
  if (typeof value !== "object" || value === null) return false;
  const { failures, failing, blame, openings, openUntil, closedAt, at } = value as Partial<Health>;
  return (
    [failures, openings, closedAt, at, openUntil ?? 0].every((each) => Number.isFinite(each)) &&
    openUntil !== undefined &&
    areCounts(failing) &&
    areCounts(blame)
  );
}

const areCounts = (value: unknown): boolean =>
  typeof value === "object" &&
  value !== null &&
  Object.values(value).every((count) => Number.isFinite(count));

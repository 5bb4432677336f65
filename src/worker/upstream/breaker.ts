// Stops calling what is broken. Used for model upstreams and for the cache's own dependencies.
// Numbers after Envoy's outlier detection: 5 consecutive failures, 30 s times the number of ejections, at most 300 s.
import { type Attempt } from "./deadline.ts";

export interface BreakerOptions {
  readonly failuresToOpen?: number;
  readonly baseOpenMs?: number;
  readonly maxOpenMs?: number;
  /** While half-open, at most one probe starts per this time; a probe that never reports blocks no longer than it. */
  readonly probeIntervalMs?: number;
}

/** Right to make one call; hand it back with the outcome. A call that was merely abandoned reports nothing. */
export interface Permit {
  readonly generation: number;
  readonly at: number;
}

/** Closed, open until a moment, or half-open after it. All times are the caller's clock in milliseconds. */
export class CircuitBreaker {
  readonly #failuresToOpen: number;
  readonly #baseOpenMs: number;
  readonly #maxOpenMs: number;
  readonly #probeIntervalMs: number;
  /** Rises on every change of state, so that calls begun before it cannot decide about what came after. */
  #generation = 0;
  #isClosed = true;
  #failures = 0;
  /** When the last call began that failed: one that began earlier and ends well is of better times. */
  #lastFailedAt = Number.NEGATIVE_INFINITY;
  #openings = 0;
  #openUntil = 0;
  #closedAt = 0;
  #lastProbeAt = Number.NEGATIVE_INFINITY;

  constructor({
    failuresToOpen = 5,
    baseOpenMs = 30_000,
    maxOpenMs = 300_000,
    probeIntervalMs = 1_000,
  }: BreakerOptions = {}) {
    this.#failuresToOpen = failuresToOpen;
    this.#baseOpenMs = baseOpenMs;
    this.#maxOpenMs = maxOpenMs;
    this.#probeIntervalMs = probeIntervalMs;
  }

  /** null: do not call. */
  enter(now: number): Permit | null {
    if (!this.admits(now)) return null;
    if (!this.#isClosed) this.#lastProbeAt = now;
    return { generation: this.#generation, at: now };
  }

  /** Whether `enter` would give a permit. */
  admits(now: number): boolean {
    if (this.#isClosed) return true;
    return now >= this.#openUntil && now - this.#lastProbeAt >= this.#probeIntervalMs;
  }

  succeeded(permit: Permit, now: number): void {
    if (permit.generation !== this.#generation) return;
    if (permit.at >= this.#lastFailedAt) this.#failures = 0;
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#closedAt = now;
    this.#generation++;
  }

  failed(permit: Permit, now: number): void {
    if (permit.generation !== this.#generation) return;
    this.#failures++;
    this.#lastFailedAt = Math.max(this.#lastFailedAt, permit.at);
    if (!this.#isClosed || this.#failures >= this.#failuresToOpen) this.#open(now);
  }

  /** Milliseconds until a probe may be made; 0 while closed. */
  retryInMs(now: number): number {
    return this.#isClosed ? 0 : Math.max(0, this.#openUntil - now);
  }

  state(now: number): "closed" | "half-open" | "open" {
    return this.#isClosed ? "closed" : now < this.#openUntil ? "open" : "half-open";
  }

  #open(now: number): void {
    // Every baseOpenMs spent closed forgives one opening, so a rare failure does not inherit a bad day's pause.
    const healthyMs = this.#isClosed ? now - this.#closedAt : 0;
    this.#openings = Math.max(0, this.#openings - Math.floor(healthyMs / this.#baseOpenMs)) + 1;
    this.#openUntil = now + Math.min(this.#maxOpenMs, this.#baseOpenMs * this.#openings);
    this.#isClosed = false;
    this.#failures = 0;
    this.#lastFailedAt = Number.NEGATIVE_INFINITY;
    this.#lastProbeAt = Number.NEGATIVE_INFINITY;
    this.#generation++;
  }
}

/** One attempt behind a breaker; "open" costs no time. A timeout counts as a failure. */
export async function guarded<T>(
  breaker: CircuitBreaker,
  now: () => number,
  attempt: () => Promise<Attempt<T>>,
): Promise<Attempt<T> | { readonly ok: false; readonly reason: "open" }> {
  const permit = breaker.enter(now());
  if (permit === null) return { ok: false, reason: "open" };
  const outcome = await attempt();
  if (outcome.ok) breaker.succeeded(permit, now());
  else breaker.failed(permit, now());
  return outcome;
}

/** Breakers by key (upstream, or tenant + upstream + model), bounded: the key unused for longest is forgotten. */
export class Breakers {
  readonly #breakers = new Map<string, CircuitBreaker>();
  readonly #options: BreakerOptions;
  readonly #maxKeys: number;

  constructor(options: BreakerOptions = {}, maxKeys = 1_000) {
    this.#options = options;
    this.#maxKeys = maxKeys;
  }

  for(key: string): CircuitBreaker {
    const breaker = this.#breakers.get(key) ?? new CircuitBreaker(this.#options);
    this.#breakers.delete(key);
    this.#breakers.set(key, breaker);
    if (this.#breakers.size > this.#maxKeys) {
      const [oldest] = this.#breakers.keys();
      if (oldest !== undefined) this.#breakers.delete(oldest);
    }
    return breaker;
  }
}

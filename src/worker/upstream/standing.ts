// How backends stand with one isolate: what its own calls met lately. It knows sooner than the region, and of each tenant
// apart, so that nobody's requests close a backend to others.
import { Lateness } from "../../policy/routing/lateness.ts";
import { type Backend } from "../../policy/routing/selector.ts";
import { Breakers, type CircuitBreaker, type Permit } from "./breaker.ts";

/** A backend that says 429 without a date is asked again after a second; no date keeps it away for longer than a minute. */
const LEAST_REST_MS = 1_000;
const LONGEST_REST_MS = 60_000;
/** How often an isolate asks a server that failed whether it is back. */
const PROBE_EVERY_MS = 1_000;
const MAX_CALLS = 10_000;

export class Standing {
  readonly #lateness = new Lateness();
  /** By tenant and backend: unlike a call's breaker they see what happens after the first byte, and every refusal. */
  readonly #breakers = new Breakers();
  readonly #permits = new Map<
    string,
    { readonly breaker: CircuitBreaker; readonly permit: Permit }
  >();
  readonly #rests = new Map<string, number>();
  readonly #probes = new Map<string, number>();

  begin(requestId: string, tenant: string, backend: string, dueAt: number, now: number): void {
    this.#lateness.begin(requestId, backend, dueAt, now);
    this.#permits.delete(requestId);
    const breaker = this.#breakers.for(`${tenant}|${backend}`);
    const permit = breaker.enter(now);
    if (permit !== null) this.#permits.set(requestId, { breaker, permit });
    if (this.#permits.size > MAX_CALLS) this.#permits.delete(this.#permits.keys().next().value!);
  }

  /** The first byte is there. */
  spoke(requestId: string, now: number): void {
    this.#lateness.spoke(requestId, now);
  }

  /** @param succeeded null: says nothing of the backend */
  end(requestId: string, succeeded: boolean | null, now: number): void {
    this.#lateness.end(requestId, now);
    const call = this.#permits.get(requestId);
    this.#permits.delete(requestId);
    if (succeeded === true) call?.breaker.succeeded(call.permit, now);
    if (succeeded === false) call?.breaker.failed(call.permit, now);
  }

  /** It answered 429. The key is the operator's: all its callers are meant. */
  limited(backend: string, retryAfterMs: number | null, now: number): void {
    const ms = Math.min(LONGEST_REST_MS, Math.max(LEAST_REST_MS, retryAfterMs ?? 0));
    this.#rests.set(backend, now + ms);
  }

  /** @param told what the region says of it */
  of(
    tenant: string,
    backend: string,
    told: Backend["breaker"],
    now: number,
  ): Required<Pick<Backend, "breaker" | "avoided">> {
    const own = this.#breakers.for(`${tenant}|${backend}`).state(now);
    const isLimited = now < (this.#rests.get(backend) ?? 0);
    const isLate = this.#lateness.isLate(backend, now) && !this.#lateness.mayProbe(backend, now);
    return {
      breaker: [own, told].includes("open")
        ? "open"
        : [own, told].includes("half-open")
          ? "half-open"
          : "closed",
      avoided: isLimited ? "rate-limited" : isLate ? "late" : null,
    };
  }

  /** Whether a half-open backend may be asked once more. */
  mayProbe(backend: string, now: number): boolean {
    return now - (this.#probes.get(backend) ?? Number.NEGATIVE_INFINITY) >= PROBE_EVERY_MS;
  }

  /** A request goes to it first. */
  chosen(backend: string, isHalfOpen: boolean, now: number): void {
    if (isHalfOpen) this.#probes.set(backend, now);
    if (this.#lateness.isLate(backend, now)) this.#lateness.probed(backend, now);
  }
}

// How backends stand with one isolate: what its own calls met lately. It knows sooner than the region, and of each tenant
// apart, so that nobody's requests close a backend to others.
import { Lateness } from "../../policy/routing/lateness.ts";
import { type Backend } from "../../policy/routing/selector.ts";
import { Breakers, type CircuitBreaker, type Permit } from "./breaker.ts";

/**
 * A backend that says 429 without a date is asked again after a second, and twice as long after each further one in a row;
 * neither that nor a date keeps it away for longer than a minute.
 */
const LEAST_REST_MS = 1_000;
const LONGEST_REST_MS = 60_000;
/** How often an isolate asks a server that failed whether it is back. */
const PROBE_EVERY_MS = 1_000;
const MAX_CALLS = 10_000;

interface Call {
  readonly backend: string;
  readonly beganAt: number;
  readonly breaker: CircuitBreaker;
  /** null: its breaker was open. */
  readonly permit: Permit | null;
}

/** From a 429 until a call that began after it has ended well. */
interface Rest {
  readonly since: number;
  readonly until: number;
  /** Without a date. */
  readonly pauseMs: number;
}

export class Standing {
  readonly #lateness = new Lateness();
  /** By tenant and backend: unlike a call's breaker they see what happens after the first byte, and every refusal. */
  readonly #breakers = new Breakers();
  readonly #calls = new Map<string, Call>();
  readonly #rests = new Map<string, Rest>();
  readonly #probes = new Map<string, number>();
  readonly #mayFail: (now: number) => boolean;

  /** @param mayFail whether a call that fails could be made good elsewhere */
  constructor(mayFail: (now: number) => boolean = () => true) {
    this.#mayFail = mayFail;
  }

  begin(requestId: string, tenant: string, backend: string, dueAt: number, now: number): void {
    this.#lateness.begin(requestId, backend, dueAt, now);
    this.#calls.delete(requestId);
    const breaker = this.#breakers.for(`${tenant}|${backend}`);
    this.#calls.set(requestId, { backend, beganAt: now, breaker, permit: breaker.enter(now) });
    if (this.#calls.size > MAX_CALLS) this.#calls.delete(this.#calls.keys().next().value!);
  }

  /** The first byte is there. */
  spoke(requestId: string, now: number): void {
    this.#lateness.spoke(requestId, now);
  }

  /** @param succeeded null: says nothing of the backend */
  end(requestId: string, succeeded: boolean | null, now: number): void {
    this.#lateness.end(requestId, now);
    const call = this.#calls.get(requestId);
    this.#calls.delete(requestId);
    if (call === undefined || succeeded === null) return;
    const { backend, beganAt, breaker, permit } = call;
    const rest = this.#rests.get(backend);
    if (succeeded && rest !== undefined && beganAt >= rest.since) this.#rests.delete(backend);
    if (permit === null) return;
    if (succeeded) breaker.succeeded(permit, now);
    else breaker.failed(permit, now);
  }

  /** It answered 429. The key is the operator's: all its callers are meant. */
  limited(backend: string, retryAfterMs: number | null, now: number): void {
    const before = this.#rests.get(backend);
    const asked = Math.min(LONGEST_REST_MS, retryAfterMs ?? 0);
    // Calls that were under way beside the one that began the rest say nothing new but a later date.
    if (before !== undefined && now < before.until) {
      this.#rests.set(backend, { ...before, until: Math.max(before.until, now + asked) });
      return;
    }
    const pauseMs =
      before === undefined ? LEAST_REST_MS : Math.min(LONGEST_REST_MS, 2 * before.pauseMs);
    this.#rests.set(backend, { since: now, until: now + Math.max(pauseMs, asked), pauseMs });
  }

  /** @param told what the region says of it */
  of(
    tenant: string,
    backend: string,
    told: Backend["breaker"],
    now: number,
  ): Required<Pick<Backend, "breaker" | "avoided">> {
    const own = this.#breakers.for(`${tenant}|${backend}`).state(now);
    const isLimited = this.#isLimited(backend, now);
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

  /** After its rest it is asked by one call at a time, which may well be refused once more. */
  #isLimited(backend: string, now: number): boolean {
    const rest = this.#rests.get(backend);
    if (rest === undefined) return false;
    return now < rest.until || !this.mayProbe(backend, now) || !this.#mayFail(now);
  }

  /** Whether a backend that failed may be asked once more. */
  mayProbe(backend: string, now: number): boolean {
    return now - (this.#probes.get(backend) ?? Number.NEGATIVE_INFINITY) >= PROBE_EVERY_MS;
  }

  /** A request goes to it first. */
  chosen(backend: string, isHalfOpen: boolean, now: number): void {
    if (isHalfOpen || this.#rests.has(backend)) this.#probes.set(backend, now);
    if (this.#lateness.isLate(backend, now)) this.#lateness.probed(backend, now);
  }
}

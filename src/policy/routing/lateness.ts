// Servers that no longer answer in time, noticed while their calls are still under way: how a call ended is known too late
// when it hangs, and all that begin meanwhile would hang with it.

interface Call {
  readonly server: string;
  readonly beganAt: number;
  /** Its first byte should be there by then, on a bad day too. */
  readonly dueAt: number;
  isCounted: boolean;
}

interface Server {
  /** Calls in a row that were late. */
  late: number;
  /** The last of them. What began before may be of better times. */
  beganAt: number;
  /** When the next call may find out whether it answers in time again. */
  nextProbeAt: number;
  pauseMs: number;
}

/** One may be a straggler. */
const LATE_IN_A_ROW = 2;
const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 16_000;

/** First bytes of an isolate's calls, bounded; all times are one clock in milliseconds. */
export class Lateness {
  readonly #calls = new Map<string, Call>();
  readonly #servers = new Map<string, Server>();
  readonly #maxCalls: number;

  constructor({ maxCalls = 10_000 }: { readonly maxCalls?: number } = {}) {
    this.#maxCalls = maxCalls;
  }

  begin(requestId: string, server: string, dueAt: number, now: number): void {
    this.#calls.delete(requestId);
    this.#calls.set(requestId, { server, beganAt: now, dueAt, isCounted: false });
    if (this.#calls.size > this.#maxCalls) this.#calls.delete(this.#calls.keys().next().value!);
  }

  /** The first byte is there. */
  spoke(requestId: string, now: number): void {
    this.#count(now);
    const call = this.#calls.get(requestId);
    this.#calls.delete(requestId);
    // Late ones were counted when they were due.
    if (call === undefined || call.isCounted) return;
    const known = this.#servers.get(call.server);
    if (known !== undefined && call.beganAt > known.beganAt) this.#servers.delete(call.server);
  }

  /** Over without a first byte: what that says of the server is told elsewhere. */
  end(requestId: string, now: number): void {
    this.#count(now);
    this.#calls.delete(requestId);
  }

  isLate(server: string, now: number): boolean {
    this.#count(now);
    return (this.#servers.get(server)?.late ?? 0) >= LATE_IN_A_ROW;
  }

  /** Whether one call may be risked on a late server. */
  mayProbe(server: string, now: number): boolean {
    return now >= (this.#servers.get(server)?.nextProbeAt ?? 0);
  }

  /** Twice as long until the next probe; an answer in time ends all that. */
  probed(server: string, now: number): void {
    const known = this.#servers.get(server);
    if (known === undefined) return;
    known.nextProbeAt = now + known.pauseMs;
    known.pauseMs = Math.min(LONGEST_PAUSE_MS, 2 * known.pauseMs);
  }

  #count(now: number): void {
    for (const call of this.#calls.values()) {
      if (call.isCounted || call.dueAt > now) continue;
      call.isCounted = true;
      const known = this.#servers.get(call.server) ?? {
        late: 0,
        beganAt: call.beganAt,
        nextProbeAt: 0,
        pauseMs: FIRST_PAUSE_MS,
      };
      this.#servers.set(call.server, known);
      known.late++;
      known.beganAt = Math.max(known.beganAt, call.beganAt);
      if (known.late === LATE_IN_A_ROW) {
        known.nextProbeAt = now + known.pauseMs;
        known.pauseMs *= 2;
      }
    }
  }
}

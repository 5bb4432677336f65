// Dead reckoning: what a caller's own calls change about servers whose load was reported some time ago.
import { type Backend } from "./selector.ts";

interface Call {
  readonly backend: string;
  readonly flow: number;
  readonly beganAt: number;
  endedAt: number | null;
}

/** A call that ended longer ago is in every report that is still used. */
const REMEMBERED_MS = 60_000;

/** Own calls by request id, bounded; all times are one clock in milliseconds. */
export class InFlight {
  readonly #calls = new Map<string, Call>();
  readonly #maxCalls: number;
  readonly #longestMs: number;

  /** @param options `longestMs`: no call lasts longer, so one that nobody ended is over by then */
  constructor({
    maxCalls = 10_000,
    longestMs = 660_000,
  }: { readonly maxCalls?: number; readonly longestMs?: number } = {}) {
    this.#maxCalls = maxCalls;
    this.#longestMs = longestMs;
  }

  /** Reserves a place (and `flow` of the throughput) until `end`. A request that moves to another server begins anew. */
  begin(requestId: string, backend: string, now: number, flow = 0): void {
    this.#calls.delete(requestId);
    this.#calls.set(requestId, { backend, flow, beganAt: now, endedAt: null });
    // Of more than that the oldest are not counted.
    if (this.#calls.size > this.#maxCalls) this.#calls.delete(this.#calls.keys().next().value!);
  }

  /** On the last byte, a failure or the client's leaving; an unknown id changes nothing. */
  end(requestId: string, now: number): void {
    const call = this.#calls.get(requestId);
    if (call !== undefined) call.endedAt ??= now;
  }

  /** The servers as they are believed to be now; those whose load nobody reports have the own calls alone. */
  view(backends: readonly Backend[], now: number): readonly Backend[] {
    const unseen = new Map(
      backends.map(({ id, load }) => [
        id,
        { reportedAt: load === null ? null : now - load.ageMs, calls: 0, flow: 0 },
      ]),
    );
    for (const [requestId, call] of this.#calls) {
      if (now - call.beganAt >= this.#longestMs) call.endedAt ??= call.beganAt + this.#longestMs;
      const server = unseen.get(call.backend);
      if (isOver(call, server?.reportedAt, now)) this.#calls.delete(requestId);
      else if (server !== undefined) {
        const change =
          (call.endedAt === null ? 1 : 0) - (isReported(call, server.reportedAt) ? 1 : 0);
        server.calls += change;
        server.flow += change * call.flow;
      }
    }
    return backends.map((backend) => {
      const { calls, flow } = unseen.get(backend.id)!;
      const { throughput } = backend;
      return {
        ...backend,
        ownInFlight: calls,
        throughput: throughput && { ...throughput, used: used(throughput.used, flow) },
      };
    });
  }
}

/** Neither the last report nor a later one knows of the call. */
function isOver({ endedAt }: Call, reportedAt: number | null | undefined, now: number): boolean {
  if (endedAt === null) return false;
  return reportedAt === null || endedAt <= (reportedAt ?? now - REMEMBERED_MS);
}

/** It was running when the report was made. Of a call that ended before, nothing is left to ask. */
const isReported = ({ beganAt }: Call, reportedAt: number | null): boolean =>
  reportedAt !== null && beganAt <= reportedAt;

/** What a report says in excess of nothing; a figure that is no number stays one. */
const used = (reported: number, change: number): number =>
  change === 0 ? reported : Math.max(0, reported + change);

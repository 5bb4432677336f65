// A server: a link to it, a queue, and slots that answer one request each. All first in, first out, so that what a request
// meets is certain once it is sent: nobody overtakes it.
import { type Slowdown } from "./drift.ts";
import { type Link } from "./link.ts";
import { type PoolSettings, type WorldSettings } from "./settings.ts";
import { type ServiceRequest } from "./workload.ts";

/** A request's way through a server; times in seconds. */
export interface Way {
  readonly sentAt: number;
  readonly uplinkStart: number;
  readonly arrival: number;
  readonly start: number;
  readonly done: number;
  readonly answered: number;
}

export interface ServerOptions {
  readonly id: string;
  readonly kind: "edge" | "cloud";
  readonly index: number;
  readonly pool: PoolSettings;
  /** Inference seconds relative to the pool's, as schedulers are told. */
  readonly factor: number;
  readonly slowdown: Slowdown;
  /** Seconds that a slot that could begin at `time` stays idle before it does; none when left out. */
  readonly hiddenWait?: (time: number) => number;
  readonly link: Link;
  readonly world: WorldSettings;
}

export class Server {
  readonly id: string;
  readonly kind: "edge" | "cloud";
  readonly index: number;
  readonly slots: number;
  /** Of a mean answer, as told. */
  readonly toldSeconds: number;
  readonly link: Link;
  readonly #pool: PoolSettings;
  readonly #slowdown: Slowdown;
  readonly #hiddenWait: (time: number) => number;
  readonly #world: WorldSettings;
  /** When each slot is free. */
  readonly #freeAt: Float64Array;
  #busySeconds = 0;

  constructor(options: ServerOptions) {
    const { id, kind, index, pool, factor, slowdown, hiddenWait, link, world } = options;
    this.id = id;
    this.kind = kind;
    this.index = index;
    this.slots = pool.slots;
    this.toldSeconds = pool.seconds * factor;
    this.link = link;
    this.#pool = pool;
    this.#slowdown = slowdown;
    this.#hiddenWait = hiddenWait ?? (() => 0);
    this.#world = world;
    this.#freeAt = new Float64Array(pool.slots);
  }

  /** What would become of the request, were it sent now. */
  plan(request: ServiceRequest, now: number): Way {
    const sending = this.link.plan(request.megabits, now);
    const arrival = sending.end;
    const free = Math.max(arrival, this.#freeAt[this.#nextSlot()]!);
    const start = free + this.#hiddenWait(free);
    const seconds = this.toldSeconds * request.relativeLength * this.#batchFactor(start);
    const done = start + seconds * this.#slowdown(start, request);
    const { outputTokens, responseBytesPerToken } = this.#world;
    const bytes = outputTokens * request.relativeLength * responseBytesPerToken;
    const answered = this.link.endOf(done, (8 * bytes) / 1e6);
    return { sentAt: now, uplinkStart: sending.start, arrival, start, done, answered };
  }

  /** A way that `plan` just gave. */
  take(way: Way): void {
    this.link.take({ start: way.uplinkStart, end: way.arrival });
    this.#freeAt[this.#nextSlot()] = way.done;
    this.#busySeconds += way.done - way.start;
  }

  /**
   * E = P_tx t_tran + (P_act / slots) t_infer + P_wait t_wait, joules; what is not sending or inference is waiting, from
   * the moment that the user asked.
   */
  joules(way: Way, askedAt: number): number {
    const { transmit, wait } = this.#world.watts;
    const transmission = way.arrival - way.uplinkStart + way.answered - way.done;
    const inference = way.done - way.start;
    const waiting = way.answered - askedAt - transmission - inference;
    return (
      transmit * transmission + (this.#pool.activeWatts / this.slots) * inference + wait * waiting
    );
  }

  /** P_idle (makespan - busy), by slots. */
  idleJoules(makespan: number): number {
    return this.#pool.idleWatts * Math.max(0, makespan - this.#busySeconds / this.slots);
  }

  /** Of what begins at `start`: everything that will be running then was sent before. */
  #batchFactor(start: number): number {
    const { batching } = this.#pool;
    if (batching === undefined) return 1;
    let batch = 1;
    for (const freeAt of this.#freeAt) if (freeAt > start) batch++;
    return batching.base + batching.perRequest * batch;
  }

  #nextSlot(): number {
    const free = this.#freeAt;
    let best = 0;
    for (let slot = 1; slot < free.length; slot++) if (free[slot]! < free[best]!) best = slot;
    return best;
  }
}

// What a run comes to: each request's way, added up when it is answered.
import { quantile } from "../../intervals.ts";
import { type Figures, type Part, type SoFar, type Tracked } from "./figures.ts";
import { type Server, type Way } from "./server.ts";
import { CHECKPOINTS, REFERENCE_JOULES, type WorldSettings } from "./settings.ts";
import { type ServiceRequest } from "./workload.ts";

/** -E / E_ref - max(0, (D - D^) / D^), D^ the deadline: what PerLLM's bandit earns, with the lateness it is fined for. */
function utilityOf(request: ServiceRequest, joules: number, seconds: number): number {
  const late = Math.max(0, (seconds - request.deadlineSeconds) / request.deadlineSeconds);
  return -joules / REFERENCE_JOULES - late;
}

/**
 * What the best server in the very same state would have earned more, at least 0: everything that was sent before stays as
 * it is, what comes later does not matter. A greedy measure: the best server for this request may be bad for the next.
 */
export function regretOf(
  request: ServiceRequest,
  askedAt: number,
  servers: readonly Server[],
  chosen: number,
  now: number,
): number {
  let best = -Infinity;
  let own = 0;
  for (const [i, server] of servers.entries()) {
    const way = server.plan(request, now);
    const utility = utilityOf(request, server.joules(way, askedAt), way.answered - askedAt);
    if (i === chosen) own = utility;
    if (utility > best) best = utility;
  }
  return best - own;
}

export class Meter {
  readonly #world: WorldSettings;
  readonly #seconds: number[] = [];
  readonly #ended: Uint8Array;
  readonly #soFar: SoFar[] = [];
  readonly #parts: Record<Part, number> = {
    deferred: 0,
    uplinkWait: 0,
    transmission: 0,
    queue: 0,
    inference: 0,
  };
  #inTime = 0;
  #total = 0;
  #tokens = 0;
  #joules = 0;
  #toCloud = 0;
  #regret = 0;
  #earlyRegret = 0;
  #decisions = 0;
  #partsError = 0;
  #outstanding = 0;
  #mostOutstanding = 0;
  #requestSeconds = 0;
  #changedAt = 0;

  constructor(world: WorldSettings) {
    this.#world = world;
    this.#ended = new Uint8Array(world.requests);
  }

  asked(now: number): void {
    this.#change(now, 1);
    this.#mostOutstanding = Math.max(this.#mostOutstanding, this.#outstanding);
  }

  sent(regret: number): void {
    this.#regret += regret;
    if (this.#decisions++ < this.#world.requests / 2) this.#earlyRegret += regret;
  }

  answered(request: ServiceRequest, askedAt: number, way: Way, joules: number, toCloud: boolean) {
    this.#change(way.answered, -1);
    this.#ended[request.index]!++;
    const seconds = way.answered - askedAt;
    const own: Record<Part, number> = {
      deferred: way.sentAt - askedAt,
      uplinkWait: way.uplinkStart - way.sentAt,
      transmission: way.arrival - way.uplinkStart + way.answered - way.done,
      queue: way.start - way.arrival,
      inference: way.done - way.start,
    };
    let sum = 0;
    for (const part of Object.keys(own) as Part[]) {
      this.#parts[part] += own[part];
      sum += own[part];
    }
    this.#partsError = Math.max(this.#partsError, Math.abs(sum - seconds));
    this.#seconds.push(seconds);
    this.#total += seconds;
    if (seconds <= request.deadlineSeconds) this.#inTime++;
    this.#tokens += this.#world.outputTokens * request.relativeLength;
    this.#joules += joules;
    if (toCloud) this.#toCloud++;
    const count = this.#seconds.length;
    if (count === Math.ceil(((this.#soFar.length + 1) * this.#world.requests) / CHECKPOINTS))
      this.#soFar.push({
        requests: count,
        success: this.#inTime / count,
        seconds: this.#total / count,
        joules: this.#joules / count,
        regret: this.#regret,
      });
  }

  figures(servers: readonly Server[]): Figures & Tracked {
    const count = this.#seconds.length;
    const makespan = this.#changedAt;
    const seconds = this.#total / count;
    const { requests } = this.#world;
    // L = lambda W over the whole run, which begins and ends empty (Little 1961): the left side is counted, not computed.
    const outstanding = this.#requestSeconds / makespan;
    const late = Math.floor(requests / 2);
    return {
      requests: count,
      success: this.#inTime / count,
      seconds,
      p95Seconds: quantile(this.#seconds, 0.95),
      tokensPerSecond: this.#tokens / makespan,
      joules: this.#joules / count,
      idleJoules: servers.reduce((sum, server) => sum + server.idleJoules(makespan), 0) / count,
      cloudShare: this.#toCloud / count,
      parts: {
        deferred: this.#parts.deferred / count,
        uplinkWait: this.#parts.uplinkWait / count,
        transmission: this.#parts.transmission / count,
        queue: this.#parts.queue / count,
        inference: this.#parts.inference / count,
      },
      regret: this.#regret / count,
      earlyRegret: this.#earlyRegret / (requests - late),
      lateRegret: late === 0 ? 0 : (this.#regret - this.#earlyRegret) / late,
      mostOutstanding: this.#mostOutstanding,
      littleError: Math.abs(outstanding / ((count / makespan) * seconds) - 1),
      partsError: this.#partsError,
      lost: this.#ended.reduce((sum, ended) => sum + (ended === 1 ? 0 : 1), 0),
      soFar: this.#soFar,
    };
  }

  #change(now: number, by: 1 | -1): void {
    this.#requestSeconds += this.#outstanding * (now - this.#changedAt);
    this.#changedAt = now;
    this.#outstanding += by;
  }
}

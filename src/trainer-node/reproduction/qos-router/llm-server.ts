// One server that answers many requests at a time, iteration by iteration, as vLLM does:
//
//   seconds of an iteration = slowness * (tau0 + tau1 * running + k2 * context tokens + k1 * prompt tokens read in it)
//
// Each iteration gives every running request one token; the one that reads a request's prompt gives it its first. Requests are
// let in first come first served at the border of two iterations, while memory lasts. When it is used up, the youngest one is
// put back to the head of the queue and reads everything anew later. Iterations between two changes are one step: their times
// are an arithmetic series.
import { type ExpertSettings, KV_WATERMARK, MAX_PREFILL_TOKENS, type Pace } from "./settings.ts";

export interface ServedRequest {
  readonly promptTokens: number;
  /** At least 1. Whole numbers both. */
  readonly outputTokens: number;
}

/** A request at its server. */
export interface Sequence<R> {
  readonly request: R;
  readonly submittedAt: number;
  /** Output tokens so far. */
  readonly generated: number;
  readonly firstTokenAt: number | null;
  readonly preemptions: number;
}

export interface Completion<R> {
  readonly request: R;
  readonly submittedAt: number;
  readonly firstTokenAt: number;
  readonly finishedAt: number;
  readonly preemptions: number;
}

type Growing<R> = { -readonly [K in keyof Sequence<R>]: Sequence<R>[K] };

export type ServerSettings = Pick<ExpertSettings, "slowness" | "kvTokens" | "maxRunning">;

export class LlmServer<R extends ServedRequest> {
  readonly #pace: Pace;
  readonly #kvTokens: number;
  readonly #maxRunning: number;
  /** In the order in which they came: the last one is the youngest. */
  readonly #running: Growing<R>[] = [];
  /** Put back, the one that is next on top; all of them came before everything in the queue. */
  readonly #putBack: Growing<R>[] = [];
  #queue: Growing<R>[] = [];
  #queueHead = 0;
  /** Prompt and output tokens of all that is running. */
  #kvUsed = 0;
  /** Border of the last iteration. */
  #border = 0;
  /** End of the iteration under way; null at a border. */
  #end: number | null = null;
  #advancedTo = 0;
  #busySeconds = 0;

  constructor(settings: ServerSettings, pace: Pace) {
    const times = settings.slowness;
    this.#pace = {
      tau0: times * pace.tau0,
      tau1: times * pace.tau1,
      k1: times * pace.k1,
      k2: times * pace.k2,
    };
    this.#kvTokens = settings.kvTokens;
    this.#maxRunning = settings.maxRunning;
  }

  get pace(): Pace {
    return this.#pace;
  }

  get running(): readonly Sequence<R>[] {
    return this.#running;
  }

  get waitingCount(): number {
    return this.#putBack.length + this.#queue.length - this.#queueHead;
  }

  /** First in line first; at most so many. */
  waiting(most = Infinity): readonly Sequence<R>[] {
    const first = this.#putBack.toReversed().slice(0, most);
    const end = this.#queueHead + most - first.length;
    return [...first, ...this.#queue.slice(this.#queueHead, end)];
  }

  /** Share of the memory. */
  get kvUse(): number {
    return this.#kvUsed / this.#kvTokens;
  }

  get kvTokens(): number {
    return this.#kvTokens;
  }

  /** Seconds of the iterations that have ended. */
  get busySeconds(): number {
    return this.#busySeconds;
  }

  /** Seconds of an iteration that gives each running request a token and reads no prompt. */
  get decodeSeconds(): number {
    return this.#secondsOf(this.#running.length, this.#kvUsed, 0);
  }

  /** Whether the memory could hold this request alone. */
  canHold({ promptTokens, outputTokens }: ServedRequest): boolean {
    return promptTokens + outputTokens <= this.#kvTokens;
  }

  /** At the time that it was advanced to. False: the request is longer than the memory, and refused. */
  submit(request: R): boolean {
    const { promptTokens, outputTokens } = request;
    if (!(Number.isInteger(promptTokens) && promptTokens >= 0 && isPositive(outputTokens)))
      throw new RangeError(`a request of ${promptTokens} and ${outputTokens} tokens`);
    if (!this.canHold(request)) return false;
    if (this.#end === null && this.#running.length === 0 && this.waitingCount === 0)
      this.#border = Math.max(this.#border, this.#advancedTo);
    this.#queue.push({
      request,
      submittedAt: this.#advancedTo,
      generated: 0,
      firstTokenAt: null,
      preemptions: 0,
    });
    return true;
  }

  /** Computes until then; Infinity: until nothing is left. What finished, in the order in which it did. */
  advance(until: number): readonly Completion<R>[] {
    const finished: Completion<R>[] = [];
    // At a border an iteration begins only when time goes on: what arrives in that very moment is part of it.
    while (this.#end !== null || this.#border < until) {
      if (this.#end === null) {
        const prefill = this.#compose();
        if (this.#running.length === 0) break;
        if (prefill === null) this.#decode(until, finished);
        else this.#end = this.#border + this.#secondsNow(prefill);
        if (this.#end === null) continue;
      }
      if (this.#end > until) break;
      this.#step(1, this.#end, finished);
      this.#end = null;
    }
    if (until < Infinity) this.#advancedTo = Math.max(this.#advancedTo, until);
    return finished;
  }

  /** Who takes part in the next iteration; how many prompt tokens it reads, null when nobody is new. */
  #compose(): number | null {
    const running = this.#running;
    const before = running.length;
    while (this.#kvUsed + running.length > this.#kvTokens) {
      const youngest = running.pop()!;
      this.#kvUsed -= tokensOf(youngest);
      youngest.preemptions++;
      this.#putBack.push(youngest);
    }
    if (running.length < before) return null;
    let prefill = 0;
    while (running.length < this.#maxRunning) {
      const next = this.#putBack.at(-1) ?? this.#queue[this.#queueHead];
      if (next === undefined) break;
      const tokens = tokensOf(next);
      if (prefill > 0 && prefill + tokens > MAX_PREFILL_TOKENS) break;
      const needed = this.#kvUsed + tokens + running.length + 1;
      if (running.length > 0 && needed > (1 - KV_WATERMARK) * this.#kvTokens) break;
      this.#takeNext();
      running.push(next);
      this.#kvUsed += tokens;
      prefill += tokens;
    }
    return running.length > before ? prefill : null;
  }

  #takeNext(): void {
    if (this.#putBack.pop() !== undefined) return;
    this.#queueHead++;
    if (this.#queueHead < 1024 || 2 * this.#queueHead < this.#queue.length) return;
    this.#queue = this.#queue.slice(this.#queueHead);
    this.#queueHead = 0;
  }

  /**
   * Iterations without a prompt until something changes: a request finishes, or memory is used up. Those that end by `until`
   * are done; one that does not is left under way. Nothing is let in meanwhile: what did not fit before fits less now.
   */
  #decode(until: number, finished: Completion<R>[]): void {
    const running = this.#running.length;
    let most = Math.floor((this.#kvTokens - this.#kvUsed) / running);
    for (const { request, generated } of this.#running)
      most = Math.min(most, request.outputTokens - generated);
    const first = this.#secondsNow(0);
    const growth = this.#pace.k2 * running;
    // n iterations take n * first + growth * n (n - 1) / 2.
    const endOf = (n: number) => this.#border + n * first + (growth * n * (n - 1)) / 2;
    let count = most;
    if (endOf(most) > until) {
      const b = first - growth / 2;
      const room = until - this.#border;
      count = Math.min(most, Math.floor((2 * room) / (b + Math.sqrt(b * b + 2 * growth * room))));
      // Rounding may be one off.
      while (count > 0 && endOf(count) > until) count--;
      while (count < most && endOf(count + 1) <= until) count++;
    }
    if (count > 0) this.#step(count, endOf(count), finished);
    if (count < most && this.#border < until) this.#end = this.#border + this.#secondsNow(0);
  }

  /** `count` iterations have ended at `end`. */
  #step(count: number, end: number, finished: Completion<R>[]): void {
    const running = this.#running;
    this.#busySeconds += end - this.#border;
    this.#border = end;
    this.#kvUsed += count * running.length;
    let kept = 0;
    for (const sequence of running) {
      sequence.generated += count;
      sequence.firstTokenAt ??= end;
      if (sequence.generated < sequence.request.outputTokens) {
        running[kept++] = sequence;
        continue;
      }
      this.#kvUsed -= tokensOf(sequence);
      const { request, submittedAt, firstTokenAt, preemptions } = sequence;
      finished.push({ request, submittedAt, firstTokenAt, finishedAt: end, preemptions });
    }
    running.length = kept;
  }

  /** Of the iteration that begins now and reads so many prompt tokens. */
  #secondsNow(prefill: number): number {
    return this.#secondsOf(this.#running.length, this.#kvUsed - prefill, prefill);
  }

  #secondsOf(running: number, context: number, prefill: number): number {
    const { tau0, tau1, k1, k2 } = this.#pace;
    return tau0 + tau1 * running + k2 * context + k1 * prefill;
  }
}

const isPositive = (value: number): boolean => Number.isInteger(value) && value >= 1;

const tokensOf = ({ request, generated }: Sequence<ServedRequest>): number =>
  request.promptTokens + generated;

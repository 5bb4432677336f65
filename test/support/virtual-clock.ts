// A clock that stands still until a test moves it. Waits that end at the same moment end together, so that a hundred
// overlapping requests cost one turn of the event loop and not a hundred.

export class VirtualClock {
  #now: number;
  /** Moment -> waits that end then. */
  readonly #timers = new Map<number, Set<() => void>>();

  constructor(now: number) {
    this.#now = now;
  }

  readonly now = (): number => this.#now;

  readonly wait = (ms: number, signal?: AbortSignal): Promise<void> =>
    new Promise((resolve) => {
      if (signal?.aborted) return resolve();
      const at = this.#now + ms;
      const due = this.#timers.get(at) ?? new Set();
      this.#timers.set(at, due.add(resolve));
      signal?.addEventListener("abort", () => {
        due.delete(resolve);
        if (due.size === 0 && this.#timers.get(at) === due) this.#timers.delete(at);
        resolve();
      });
    });

  /** Whether anybody waits for a moment to come. */
  get isAwaited(): boolean {
    return this.#timers.size > 0;
  }

  async advance(ms: number): Promise<void> {
    const end = this.#now + ms;
    await settle();
    for (let next = this.#next(); next <= end; next = this.#next()) await this.#jump(next);
    this.#now = end;
  }

  /** Moves from wait to wait until `promise` settles. Throws when it can never settle, or not within an hour. */
  async run<T>(promise: Promise<T>): Promise<T> {
    const progress = { isSettled: false };
    const note = () => {
      progress.isSettled = true;
    };
    promise.then(note, note);
    const end = this.#now + 3_600_000;
    await settle();
    while (!progress.isSettled) {
      const next = this.#next();
      if (next > end) throw new Error(`nothing more happens after ${this.#now} ms`);
      await this.#jump(next);
    }
    return promise;
  }

  #next(): number {
    let next = Number.POSITIVE_INFINITY;
    for (const at of this.#timers.keys()) if (at < next) next = at;
    return next;
  }

  async #jump(at: number): Promise<void> {
    const due = this.#timers.get(at);
    this.#timers.delete(at);
    this.#now = at;
    for (const fire of due ?? []) fire();
    await settle();
  }
}

/** Lets everything run that waits for no timer: promises chain on their own, so one turn of the loop is enough. */
const settle = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

import { type Wait } from "../../../src/worker/upstream/deadline.ts";

/** A clock that stands still until `advance`; waits end in the order of their times. */
export class FakeClock {
  #now = 0;
  #timers: { at: number; fire: () => void }[] = [];

  readonly now = (): number => this.#now;

  readonly wait: Wait = (ms, signal) =>
    new Promise((resolve) => {
      if (signal?.aborted) {
        resolve();
        return;
      }
      const timer = { at: this.#now + ms, fire: resolve };
      this.#timers.push(timer);
      signal?.addEventListener("abort", () => {
        this.#timers = this.#timers.filter((other) => other !== timer);
        resolve();
      });
    });

  get pending(): number {
    return this.#timers.length;
  }

  async advance(ms: number): Promise<void> {
    const end = this.#now + ms;
    await settle();
    for (;;) {
      const due = this.#timers.filter(({ at }) => at <= end).toSorted((a, b) => a.at - b.at)[0];
      if (due === undefined) break;
      this.#timers = this.#timers.filter((timer) => timer !== due);
      this.#now = Math.max(this.#now, due.at);
      due.fire();
      await settle();
    }
    this.#now = end;
    await settle();
  }

  /** Advances from timer to timer until `promise` settles, at most one hour of its time. */
  async run<T>(promise: Promise<T>): Promise<T> {
    let isSettled = false;
    const note = () => {
      isSettled = true;
    };
    promise.then(note, note);
    const end = this.#now + 3_600_000;
    for (;;) {
      await settle();
      if (isSettled) return promise;
      const next = Math.min(...this.#timers.map(({ at }) => at));
      if (next > end) throw new Error(`nothing more happens after ${this.#now} ms`);
      await this.advance(next - this.#now);
    }
  }
}

/** Lets everything run that waits for no timer. */
async function settle(): Promise<void> {
  for (let i = 0; i < 3; i++) await new Promise((resolve) => setImmediate(resolve));
}

// One caller at a time in a runtime that must not be entered twice. Callers belong to requests, and a request can vanish
// between any two steps without running another line: so nobody waits for a promise that another request must settle.
// A waiter looks at plain data on its own clock, does its own work in its own request, and takes over from a holder that
// has made no progress for too long.

/** Looks without progress after which the holder is taken for gone; work between looks never waits for anything outside. */
const GONE_AFTER_LOOKS = 100;
const LOOK_MS = 1;

export class Turn {
  readonly #wait: (ms: number) => Promise<void>;
  /** Number of the turn that is being held; 0 when nobody is inside. */
  #held = 0;
  #turns = 0;
  #takeovers = 0;

  /** @param wait resolves after that many milliseconds on the clock of whoever calls it */
  constructor(wait: (ms: number) => Promise<void>) {
    this.#wait = wait;
  }

  /** Turns taken over from holders that were gone. */
  get takeovers(): number {
    return this.#takeovers;
  }

  /** Runs `work` when nobody else is inside. It must not wait for anything but the runtime. */
  async take<T>(work: () => Promise<T>): Promise<T> {
    let seen = 0;
    let looks = 0;
    while (this.#held !== 0) {
      if (seen !== this.#held) {
        seen = this.#held;
        looks = 0;
      }
      if (++looks > GONE_AFTER_LOOKS) {
        this.#takeovers++;
        break;
      }
      await this.#wait(LOOK_MS);
    }
    const turn = ++this.#turns;
    this.#held = turn;
    try {
      return await work();
    } finally {
      // Someone who took over holds a later turn.
      if (this.#held === turn) this.#held = 0;
    }
  }
}

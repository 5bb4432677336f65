// Nonces of signed requests: each is good once. They are kept in the object's storage, so that an object that was
// restarted refuses a replay too.
import { MAX_SKEW_MS } from "./signed-request.ts";
import { type SqlStore } from "./rows.ts";

/**
 * A request may come as early as MAX_SKEW_MS before its time, and again as late after it. The minute more is for the
 * clocks of two machines of the gateway.
 */
const KEEP_MS = 2 * MAX_SKEW_MS + 60_000;
const SWEEP_EVERY_MS = 60_000;

export class Nonces {
  readonly #store: SqlStore;
  #sweptAt = Number.NEGATIVE_INFINITY;

  constructor(store: SqlStore) {
    this.#store = store;
  }

  /** Whether this nonce is new; from now on it is not. */
  take(nonce: string, now: number): boolean {
    // A clock that was set back must not keep the sweep from its work for as long.
    if (Math.abs(now - this.#sweptAt) >= SWEEP_EVERY_MS) {
      this.#store.exec("DELETE FROM nonce WHERE kept_until <= ?", now);
      this.#sweptAt = now;
    }
    const taken = this.#store.exec(
      "INSERT INTO nonce (nonce, kept_until) VALUES (?, ?) ON CONFLICT DO NOTHING RETURNING nonce",
      nonce,
      now + KEEP_MS,
    );
    return taken.length > 0;
  }
}

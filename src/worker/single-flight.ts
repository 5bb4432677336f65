// Identical requests at the same time share one model call. In workerd nothing that belongs to one request (a stream, a
// Response, a promise) may be awaited by another: when the first client leaves, its promises never settle. So a flight
// is plain data that the leader writes and followers poll with timers of their own.
import { type StoredAnswer } from "./lookup/entries.ts";

/** How often followers look and leaders beat. Milliseconds. */
const POLL_MS = 15;
const BEAT_MS = 40;
/**
 * Looks of one follower without a beat after which the leader counts as gone: 400 ms when the isolate is idle. Time
 * alone would not do: in an isolate that is overloaded everybody's timers are late, and a living leader seems silent.
 */
const GONE_AFTER_LOOKS = 27;
/** From so many flights on, those of leaders that vanished are looked for and forgotten. */
const SWEEP_FROM = 64;
/** A flight that nobody has looked at for so long is not joined any more. Milliseconds. */
const ABANDONED_MS = 5_000;

export interface Flight {
  state: "running" | "done" | "failed";
  /** Pieces of the answer so far, for followers that stream. */
  readonly pieces: string[];
  /** Set when state is done. */
  answer: StoredAnswer | null;
  /** What the upstream calls the model; "" until it is known. */
  model: string;
  /** Last sign of life of the leader. */
  beatAt: number;
  followers: number;
}

export type FlightEvent =
  | { readonly type: "piece"; readonly text: string }
  | { readonly type: "done"; readonly answer: StoredAnswer }
  | { readonly type: "failed" }
  | { readonly type: "timeout" };

export class Flights {
  readonly #flights = new Map<string, Flight>();

  /** The running flight of a key, or null when there is none alive. */
  running(key: string, now: number): Flight | null {
    const flight = this.#flights.get(key);
    if (flight === undefined) return null;
    if (flight.state !== "running" || now - flight.beatAt > ABANDONED_MS) {
      this.#flights.delete(key);
      return null;
    }
    return flight;
  }

  /** Makes the caller the leader. Call `running` first, in the same turn. */
  lead(key: string, now: number): Leader {
    if (this.#flights.size >= SWEEP_FROM)
      for (const [other, { beatAt }] of this.#flights)
        if (now - beatAt > ABANDONED_MS) this.#flights.delete(other);
    const flight: Flight = {
      state: "running",
      pieces: [],
      answer: null,
      model: "",
      beatAt: now,
      followers: 0,
    };
    this.#flights.set(key, flight);
    const end = (state: "done" | "failed"): void => {
      if (flight.state !== "running") return;
      flight.state = state;
      if (this.#flights.get(key) === flight) this.#flights.delete(key);
    };
    return {
      flight,
      piece: (text) => {
        flight.pieces.push(text);
      },
      done: (answer) => {
        flight.answer = answer;
        end("done");
      },
      failed: () => end("failed"),
    };
  }

  get size(): number {
    return this.#flights.size;
  }
}

export interface Leader {
  readonly flight: Flight;
  piece(text: string): void;
  /** Followers get this answer. */
  done(answer: StoredAnswer): void;
  /** Followers ask the model themselves. */
  failed(): void;
}

/** Shows followers that the leader's request is alive; runs in the leader's own context until the flight ends. */
export async function beat(
  flight: Flight,
  now: () => number,
  wait: (ms: number) => Promise<void>,
): Promise<void> {
  while (flight.state === "running") {
    flight.beatAt = now();
    await wait(BEAT_MS);
  }
}

/**
 * What a follower sees, with the follower's own timers. Ends after done, failed or timeout (nothing new for `timeoutMs`, or
 * nothing more to wait for after the moment `endsAt`, which the follower may put off when it has something).
 * The pieces before done are the whole text, also when the leader's answer did not come in pieces.
 */
export async function* follow(
  flight: Flight,
  now: () => number,
  wait: (ms: number) => Promise<void>,
  timeoutMs: number,
  endsAt: () => number = () => Number.POSITIVE_INFINITY,
): AsyncGenerator<FlightEvent, void, void> {
  let until = now() + timeoutMs;
  let seen = 0;
  let length = 0;
  let beatAt = flight.beatAt;
  let looks = 0;
  flight.followers++;
  try {
    for (;;) {
      while (seen < flight.pieces.length) {
        const text = flight.pieces[seen++]!;
        length += text.length;
        until = now() + timeoutMs;
        yield { type: "piece", text };
      }
      if (flight.state === "done" && flight.answer !== null) {
        const rest = flight.answer.text.slice(length);
        if (rest !== "") yield { type: "piece", text: rest };
        return yield { type: "done", answer: flight.answer };
      }
      if (flight.beatAt !== beatAt) {
        beatAt = flight.beatAt;
        looks = 0;
      } else if (++looks > GONE_AFTER_LOOKS) flight.state = "failed";
      if (flight.state !== "running") return yield { type: "failed" };
      const leftMs = endsAt() - now();
      if (now() > until || leftMs <= 0) return yield { type: "timeout" };
      await wait(Math.min(POLL_MS, leftMs));
    }
  } finally {
    flight.followers--;
  }
}

// A link that sends one request after the other, in the order in which they are handed to it, at a rate that changes.
// Its rate is constant within each of its periods.
import { type Random } from "../../../policy/random.ts";
import { type WorldSettings } from "./settings.ts";

export interface Sending {
  readonly start: number;
  readonly end: number;
}

export class Link {
  readonly megabitsPerSecond: number;
  readonly #swing: WorldSettings["swing"];
  readonly #random: Random;
  readonly #carried: ((time: number) => number) | null;
  /** Megabits per second of each period so far looked at. */
  readonly #rates: number[] = [];
  #freeAt = 0;

  /** @param carried share of the rate that it carries at a time, as nobody is told; null: all of it */
  constructor(
    megabitsPerSecond: number,
    swing: WorldSettings["swing"],
    random: Random,
    carried: ((time: number) => number) | null = null,
  ) {
    this.megabitsPerSecond = megabitsPerSecond;
    this.#swing = swing;
    this.#random = random;
    this.#carried = carried;
  }

  /** When it would be sent, were it handed over now. */
  plan(megabits: number, now: number): Sending {
    const start = Math.max(now, this.#freeAt);
    return { start, end: this.endOf(start, megabits) };
  }

  take({ end }: Sending): void {
    this.#freeAt = end;
  }

  /** Megabits that are handed over and not yet sent. */
  backlog(now: number): number {
    return now >= this.#freeAt ? 0 : this.#between(now, this.#freeAt);
  }

  /** When `megabits` are through that begin at `start`, whatever else the link does. */
  endOf(start: number, megabits: number): number {
    const { seconds } = this.#swing;
    if (this.#isConstant()) return start + megabits / this.megabitsPerSecond;
    let time = start;
    let left = megabits;
    for (let period = Math.floor(start / seconds); ; period++) {
      const rate = this.#rateIn(period);
      const most = rate * Math.max(0, (period + 1) * seconds - time);
      if (left <= most) return time + left / rate;
      left -= most;
      time = (period + 1) * seconds;
    }
  }

  #between(from: number, to: number): number {
    const { seconds } = this.#swing;
    if (this.#isConstant()) return (to - from) * this.megabitsPerSecond;
    let sum = 0;
    for (let period = Math.floor(from / seconds); period * seconds < to; period++) {
      const begin = Math.max(from, period * seconds);
      const end = Math.min(to, (period + 1) * seconds);
      sum += this.#rateIn(period) * Math.max(0, end - begin);
    }
    return sum;
  }

  #isConstant(): boolean {
    return this.#swing.share === 0 && this.#carried === null;
  }

  #rateIn(period: number): number {
    const { share, seconds } = this.#swing;
    while (this.#rates.length <= period) {
      const factor = 1 + share * (2 * this.#random.uniform() - 1);
      const carried = this.#carried?.(this.#rates.length * seconds) ?? 1;
      this.#rates.push(this.megabitsPerSecond * factor * carried);
    }
    return this.#rates[period]!;
  }
}

// What will happen on a simulated clock, in the order of its times; of equal times, in the order in which it was planned.

interface Later {
  readonly at: number;
  readonly run: () => void;
}

export class Agenda {
  #later: Later[] = [];

  /** Milliseconds since the epoch of what comes last; null when nothing is planned. */
  get end(): number | null {
    return this.#later.at(-1)?.at ?? null;
  }

  plan(at: number, run: () => void): void {
    let place = this.#later.length;
    while (place > 0 && this.#later[place - 1]!.at > at) place--;
    this.#later.splice(place, 0, { at, run });
  }

  /** Takes what comes first if it is due by then. */
  due(by: number): Later | null {
    const [first] = this.#later;
    if (first === undefined || first.at > by) return null;
    this.#later.shift();
    return first;
  }
}

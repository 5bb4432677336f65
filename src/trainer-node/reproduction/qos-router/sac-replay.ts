import { type Random } from "../../../policy/random.ts";
import { type GraphState } from "../../../policy/routing/graph-router/graph-state.ts";

export interface Experience {
  readonly state: GraphState;
  /** Position of an expert among the places; the place behind the last expert's is for dropping. */
  readonly action: number;
  readonly reward: number;
  /** Of what comes after; 0 where nothing does. */
  readonly discount: number;
  readonly next: GraphState;
}

/** The last experiences, drawn with replacement. States are kept without padding, and shared by neighbours. */
export class Replay {
  readonly #capacity: number;
  readonly #experiences: Experience[] = [];
  #added = 0;

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  add({ state, action, reward, discount, next }: Experience): void {
    this.#experiences[this.#added++ % this.#capacity] = { state, action, reward, discount, next };
  }

  /** Throws when nothing was added yet. */
  draw(random: Random): Experience {
    const { length } = this.#experiences;
    if (length === 0) throw new RangeError("no experience yet");
    return this.#experiences[Math.floor(random.uniform() * length)]!;
  }
}

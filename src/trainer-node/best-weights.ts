// Of all weights that a training went through, those that are most surely better than the fixed rule on questions that it
// never learnt from. When none is, those that do what the rule does: a policy must earn its differences.
import { type Weights } from "../policy/network/layout.ts";
import { type Tried, type Worth, isUnseen, worthOf } from "./imitation.ts";
import { type ServedActor } from "./served-actor.ts";

interface Considered {
  readonly weights: Weights;
  readonly worth: Worth;
  readonly update: number;
}

export class BestWeights {
  readonly #unseen: readonly Tried[];
  readonly #caution: number;
  #best: Considered | null = null;

  /** @param tried of which the unseen part is used. @param caution as in ImitationConfig */
  constructor(tried: readonly Tried[], caution: number) {
    this.#unseen = tried.filter(isUnseen);
    this.#caution = caution;
  }

  /** Keeps them if the lower bound of what they gain over the rule is above that of all before. */
  async consider(policy: ServedActor, weights: Weights, update: number): Promise<Worth> {
    const worth = await worthOf(policy, this.#unseen, this.#caution);
    if (this.#best === null || worth.lower > this.#best.worth.lower)
      this.#best = { weights, worth, update };
    return worth;
  }

  /** Throws when nothing was considered. */
  get kept(): Considered {
    if (this.#best === null) throw new Error("no weights were considered");
    return this.#best;
  }
}

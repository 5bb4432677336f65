// Texts in embedding space, each embedded once, and how far an answer lies from the reference there.
import { qualityFromReference } from "../../../../policy/reward.ts";

/** Answer and reference are cut to the same length; characters. */
const MAX_ANSWER_CHARS = 4_000;
/** Of an answer that has no place in embedding space, such as an empty one: the q of two texts with nothing in common. */
const NOTHING_IN_COMMON = -Math.SQRT2;

export class TextVectors {
  readonly #embed: (text: string) => Float32Array;
  readonly #vectors = new Map<string, Float32Array>();

  /** @param embed a unit vector, or all zeros for a text without words */
  constructor(embed: (text: string) => Float32Array) {
    this.#embed = embed;
  }

  of(text: string): Float32Array {
    let vector = this.#vectors.get(text);
    if (vector === undefined) {
      vector = this.#embed(text);
      this.#vectors.set(text, vector);
    }
    return vector;
  }

  ofAnswer(text: string): Float32Array {
    return this.of(text.slice(0, MAX_ANSWER_CHARS).toWellFormed());
  }

  /** q = -||f_answer - f_reference|| (DLRS Eq. 2), in [-2, 0]. */
  quality(answer: string, reference: string): number {
    const vector = this.ofAnswer(answer);
    return vector.some((value) => value !== 0)
      ? qualityFromReference(vector, this.ofAnswer(reference))
      : NOTHING_IN_COMMON;
  }
}

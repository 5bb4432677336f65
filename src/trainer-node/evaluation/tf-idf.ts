// Character n-gram TF-IDF: the plainest measure of likeness that knows nothing of meaning.

/** Features are hashed into so many buckets; of some hundred thousand n-grams few share one. */
const BUCKETS = 2 ** 20;
const SHORTEST = 3;
const LONGEST = 5;
const WORDS = /[\p{L}\p{N}\p{M}]+/gu;

export class CharacterTfIdf {
  readonly #documents = new Uint32Array(BUCKETS);
  #count = 0;

  /** Document frequencies come from these texts. */
  constructor(texts: Iterable<string>) {
    for (const text of texts) {
      this.#count++;
      for (const bucket of frequenciesOf(text).keys()) this.#documents[bucket]!++;
    }
  }

  /** Cosine of sublinear tf times smoothed idf, (1 + ln tf) (1 + ln((1 + N) / (1 + n))), in [0, 1]. */
  cosine(a: string, b: string): number {
    const [left, right] = [this.#weights(a), this.#weights(b)];
    let inner = 0;
    for (const [bucket, weight] of left) inner += weight * (right.get(bucket) ?? 0);
    const norms = Math.sqrt(squares(left) * squares(right));
    return norms === 0 ? 0 : inner / norms;
  }

  #weights(text: string): Map<number, number> {
    const weights = frequenciesOf(text);
    for (const [bucket, frequency] of weights) {
      const idf = 1 + Math.log((1 + this.#count) / (1 + this.#documents[bucket]!));
      weights.set(bucket, (1 + Math.log(frequency)) * idf);
    }
    return weights;
  }
}

function frequenciesOf(text: string): Map<number, number> {
  const words = text.toLowerCase().match(WORDS) ?? [];
  const padded = ` ${words.join(" ")} `;
  const counts = new Map<number, number>();
  for (let start = 0; start < padded.length; start++) {
    let hash = 0x811c9dc5;
    for (let n = 1; n <= LONGEST && start + n <= padded.length; n++) {
      hash = Math.imul(hash ^ padded.charCodeAt(start + n - 1), 0x01000193);
      if (n < SHORTEST) continue;
      const bucket = (Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d) >>> 0) % BUCKETS;
      counts.set(bucket, (counts.get(bucket) ?? 0) + 1);
    }
  }
  return counts;
}

function squares(weights: ReadonlyMap<number, number>): number {
  let sum = 0;
  for (const weight of weights.values()) sum += weight ** 2;
  return sum;
}

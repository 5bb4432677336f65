// Seeded randomness: one seed replays a whole run, on every machine and in every runtime.

/**
 * xoshiro128** 1.1 (Blackman and Vigna 2018), 32-bit outputs, period 2^128 - 1.
 * A number seeds the four words through splitmix32; four words are taken as they are and must not all be zero.
 */
export class Random {
  readonly #s: Uint32Array;
  /** The second value of a Box-Muller pair, kept for the next call. */
  #spareNormal: number | null = null;

  constructor(seed: number | readonly [number, number, number, number]) {
    this.#s = typeof seed === "number" ? splitmix32(seed) : Uint32Array.from(seed);
    if (this.#s.every((word) => word === 0))
      throw new RangeError("a state of zeros never leaves it");
  }

  /** Integer in [0, 2^32). */
  next(): number {
    const s = this.#s;
    const s1 = s[1]!;
    const result = Math.imul(rotateLeft(Math.imul(s1, 5), 7), 9) >>> 0;
    s[2]! ^= s[0]!;
    s[3]! ^= s1;
    s[1]! ^= s[2]!;
    s[0]! ^= s[3]!;
    s[2]! ^= s1 << 9;
    s[3] = rotateLeft(s[3]!, 11);
    return result;
  }

  /** Uniform in [0, 1) with 53 random bits. */
  uniform(): number {
    const high = this.next() >>> 5;
    const low = this.next() >>> 6;
    return (high * 2 ** 26 + low) / 2 ** 53;
  }

  /** Standard normal by Box-Muller: sqrt(-2 ln u1) (cos, sin)(2 pi u2), u1 in (0, 1]. */
  normal(): number {
    if (this.#spareNormal !== null) {
      const spare = this.#spareNormal;
      this.#spareNormal = null;
      return spare;
    }
    const radius = Math.sqrt(-2 * Math.log(1 - this.uniform()));
    const angle = 2 * Math.PI * this.uniform();
    this.#spareNormal = radius * Math.sin(angle);
    return radius * Math.cos(angle);
  }

  /** exp(mu + sigma z): positive and skewed, as delays are. */
  lognormal({ mu, sigma }: Lognormal): number {
    return Math.exp(mu + sigma * this.normal());
  }
}

/** Parameters of ln X, which is normal with mean mu and standard deviation sigma. */
export interface Lognormal {
  readonly mu: number;
  readonly sigma: number;
}

/** z with P(Z <= z) = 0.99 for a standard normal Z. */
const Z_99 = 2.3263478740408408;

/** The lognormal whose median is p50 and whose 99th percentile is p99: mu = ln p50, sigma = ln(p99 / p50) / z_99. */
export function lognormalFromQuantiles(p50: number, p99: number): Lognormal {
  if (!(p50 > 0 && p99 >= p50)) throw new RangeError(`need 0 < p50 <= p99, got ${p50} and ${p99}`);
  return { mu: Math.log(p50), sigma: Math.log(p99 / p50) / Z_99 };
}

function rotateLeft(word: number, bits: number): number {
  return (word << bits) | (word >>> (32 - bits));
}

/** Four well-mixed words from one: seeds 0, 1, 2 give unrelated streams (finaliser of MurmurHash3). */
function splitmix32(seed: number): Uint32Array {
  const words = new Uint32Array(4);
  let state = seed >>> 0;
  for (let i = 0; i < words.length; i++) {
    state = (state + 0x9e3779b9) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 16), 0x85ebca6b);
    mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
    words[i] = mixed ^ (mixed >>> 16);
  }
  return words;
}

import { Random } from "../../policy/random.ts";

/** A stream of randomness for each combination of numbers, the same in every run. */
export function randomOf(seed: number, index: number, stream: number): Random {
  // One number, which the generator mixes: small words would be its state as they are, and its first draws tiny.
  const key =
    Math.imul(seed, 0x85ebca6b) + Math.imul(index, 0xc2b2ae35) + Math.imul(stream, 0x27d4eb2f);
  return new Random(key >>> 0);
}

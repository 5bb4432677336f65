// A few hundred questions asked again and again are soon known by heart; moved a little each time, they stand for their
// neighbours as well.
import { roundToHalf } from "../policy/half.ts";
import { type Random } from "../policy/random.ts";

/** (f + noise) / |f + noise|, rounded as everything that is fed. */
export function jittered(f: Float32Array, length: number, random: Random): Float32Array {
  // An embedding that is all zeros means that there is none.
  if (length === 0 || f.every((value) => value === 0)) return f;
  const scale = length / Math.sqrt(f.length);
  const moved = f.map((value) => value + scale * random.normal());
  let squares = 0;
  for (const value of moved) squares += value ** 2;
  const size = Math.sqrt(squares);
  return roundToHalf(moved.map((value) => value / size));
}

import * as fc from "fast-check";

/** Cases per property in a usual run; `CASES=100000` for a long one. `SEED=n` repeats a run. */
const seed = Number(process.env["SEED"] ?? Math.floor(Math.random() * 2 ** 31));

export function property(
  name: string,
  cases: number,
  check: fc.IRawProperty<unknown> | fc.IAsyncProperty<unknown> | fc.IProperty<unknown>,
): Promise<void> | void {
  const numRuns = Number(process.env["CASES"] ?? cases);
  console.log(`${name}: seed ${seed}, ${numRuns} cases`);
  return fc.assert(check, { seed, numRuns });
}

/** Bytes cut at the given places, in any order and with repetitions; empty pieces included. */
export function cutAt(bytes: Uint8Array, places: readonly number[]): Uint8Array[] {
  const borders = [0, ...places.map((p) => p % (bytes.length + 1)), bytes.length];
  const sorted = borders.toSorted((a, b) => a - b);
  return sorted.slice(1).map((end, i) => bytes.slice(sorted[i], end));
}

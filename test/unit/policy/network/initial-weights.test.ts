import { expect, test } from "vitest";
import { orthogonal } from "../../../../src/policy/network/initial-weights.ts";
import { Random } from "../../../../src/policy/random.ts";

const SEED = 20_261_122;
console.log(`seed ${SEED}`);

const drawn = () => {
  const random = new Random(SEED);
  return () => random.normal();
};

/** Gram-Schmidt as it is written in a book: one vector after the other, each twice. */
function oneByOne(inputs: number, outputs: number): Float32Array {
  const normal = drawn();
  const [count, size] = [Math.min(inputs, outputs), Math.max(inputs, outputs)];
  const dot = (a: readonly number[], b: readonly number[]) =>
    a.reduce((sum, value, i) => sum + value * b[i]!, 0);
  const vectors: number[][] = [];
  for (let i = 0; i < count; i++) {
    let vector = Array.from({ length: size }, normal);
    for (const other of [...vectors, ...vectors]) {
      const along = dot(vector, other);
      vector = vector.map((value, j) => value - along * other[j]!);
    }
    const scale = 1 / Math.sqrt(dot(vector, vector));
    vectors.push(vector.map((value) => value * scale));
  }
  return Float32Array.from({ length: inputs * outputs }, (_, at) => {
    const [i, o] = [Math.floor(at / outputs), at % outputs];
    return 2 * (inputs <= outputs ? vectors[i]![o]! : vectors[o]![i]!);
  });
}

test.each([
  [1, 5],
  [6, 2],
  [7, 9],
  [9, 9],
  [30, 12],
])("a matrix of %i inputs and %i outputs is what Gram-Schmidt gives, to the last bit", (i, o) => {
  expect(orthogonal(i, o, 2, drawn())).toEqual(oneByOne(i, o));
});

test.each([
  ["drawn at random", (normal: number) => normal],
  // What is left of them after the first time is mostly rounding.
  ["that are nearly the same", (normal: number) => 1 + 1e-12 * normal],
])("columns %s come out at right angles and as long as the gain", (_, change) => {
  const [inputs, outputs] = [40, 11];
  const normal = drawn();
  const w = orthogonal(inputs, outputs, 3, () => change(normal()));
  for (let a = 0; a < outputs; a++)
    for (let b = 0; b < outputs; b++) {
      let product = 0;
      for (let i = 0; i < inputs; i++) product += w[i * outputs + a]! * w[i * outputs + b]!;
      expect(product).toBeCloseTo(a === b ? 9 : 0, 5);
    }
});

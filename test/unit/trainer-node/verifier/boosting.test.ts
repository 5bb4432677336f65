import { expect, test } from "vitest";
import { Random } from "../../../../src/policy/random.ts";
import { explain } from "../../../../src/policy/verifier/trees.ts";
import { type BoostingOptions, boost } from "../../../../src/trainer-node/verifier/boosting.ts";
import { BOOSTING } from "../../../../src/trainer-node/verifier/train-scorer.ts";

const OPTIONS: BoostingOptions = { ...BOOSTING, trees: 40, seed: 1, directions: [0, 0] };

function rowsOf(points: readonly (readonly [number, number, 0 | 1])[]) {
  return {
    features: Float32Array.from(points.flatMap(([x, y]) => [x, y])),
    width: 2,
    labels: Uint8Array.from(points, ([, , label]) => label),
    weights: new Float64Array(points.length).fill(1),
  };
}

function marginAt(trees: ReturnType<typeof boost>, x: number, y: number): number {
  return explain(trees, Float32Array.of(x, y), new Float64Array(2));
}

test("trees learn what one threshold cannot say: both or neither", () => {
  const seed = 5;
  const random = new Random(seed);
  const points = Array.from({ length: 600 }, () => {
    const [x, y] = [random.uniform(), random.uniform()];
    return [x, y, x > 0.5 === y > 0.5 ? 1 : 0] as const;
  });
  const trees = boost(rowsOf(points), { ...OPTIONS, featureShare: 1 });
  expect(marginAt(trees, 0.9, 0.9), `seed ${seed}`).toBeGreaterThan(1);
  expect(marginAt(trees, 0.1, 0.1)).toBeGreaterThan(1);
  expect(marginAt(trees, 0.9, 0.1)).toBeLessThan(-1);
});

test("a direction holds although the data say the opposite", () => {
  const points = Array.from({ length: 200 }, (_, i) => [i / 200, 0, i < 100 ? 1 : 0] as const);
  const free = boost(rowsOf(points), { ...OPTIONS, featureShare: 1 });
  expect(marginAt(free, 0.1, 0)).toBeGreaterThan(marginAt(free, 0.9, 0));
  const rising = boost(rowsOf(points), { ...OPTIONS, featureShare: 1, directions: [1, 0] });
  let last = -Infinity;
  for (let x = 0; x <= 1; x += 0.05) {
    expect(marginAt(rising, x, 0)).toBeGreaterThanOrEqual(last);
    last = marginAt(rising, x, 0);
  }
});

test("what is unknown goes the way that those without a value were labelled", () => {
  const points = Array.from(
    { length: 300 },
    (_, i) => [i % 3 === 0 ? Number.NaN : (i % 3) / 2, 0, i % 3 === 1 ? 0 : 1] as const,
  );
  const trees = boost(rowsOf(points), { ...OPTIONS, featureShare: 1 });
  expect(marginAt(trees, Number.NaN, 0)).toBeGreaterThan(1);
  expect(marginAt(trees, 0.5, 0)).toBeLessThan(-1);
});

test("contributions and the roots' values add up to the margin", () => {
  const points = Array.from({ length: 90 }, (_, i) => [i % 9, i % 5, i % 9 > 4 ? 1 : 0] as const);
  const trees = boost(rowsOf(points), OPTIONS);
  const contributions = new Float64Array(2);
  const margin = explain(trees, Float32Array.of(7, 2), contributions);
  const roots = trees.roots.reduce((sum, root) => sum + trees.value[root]!, 0);
  expect(trees.bias + roots + contributions[0]! + contributions[1]!).toBeCloseTo(margin, 6);
});

test("pairs of one kind alone are refused", () => {
  expect(() => boost(rowsOf([[0, 0, 1]]), OPTIONS)).toThrow(RangeError);
});

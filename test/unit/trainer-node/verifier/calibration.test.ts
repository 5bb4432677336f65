import { expect, test } from "vitest";
import { coldStartMatch } from "../../../../src/trainer-node/verifier/cold-start.ts";
import { isotonic } from "../../../../src/trainer-node/verifier/isotonic.ts";

test("neighbours in the wrong order are pooled; each block's mean is drawn to a half by two made-up labels", () => {
  const margins = Float64Array.of(-2, -1, 0, 1);
  const labels = Uint8Array.of(0, 1, 0, 1);
  const map = isotonic(margins, labels, new Float64Array(4).fill(1));
  // Blocks {-2: 0 of 1}, {-1, 0: 1 of 2}, {1: 1 of 1}: (0 + 1) / 3, (1 + 1) / 4, (1 + 1) / 3.
  expect(map.margins).toEqual([-2, -0.5, 1]);
  expect(map.probabilities).toEqual([0.3333, 0.5, 0.6667]);
});

const trap = (matchDistance: number, guard: string | null = null) => ({
  guard,
  distance: 0.5,
  matchDistance,
});

test("at most one in a hundred of each set of traps lies within tau_0", () => {
  const set = [trap(0.1), trap(0.18), ...Array.from({ length: 98 }, () => trap(1))];
  // One of a hundred may pass, so the second nearest must not.
  expect(coldStartMatch([set])).toBeCloseTo(0.179, 10);
  // Of 99 traps none may.
  expect(coldStartMatch([set.slice(0, 99)])).toBeCloseTo(0.099, 10);
  expect(coldStartMatch([set, [trap(0.15)]])).toBeCloseTo(0.149, 10);
});

test("traps that a guard refuses do not count as passing; no trap at all leaves probability 0.98", () => {
  expect(coldStartMatch([[trap(0.1, "number"), trap(0.15)]])).toBeCloseTo(0.149, 10);
  expect(coldStartMatch([[]])).toBe(0.2);
  expect(coldStartMatch([[trap(0)]])).toBe(0);
});

import { describe, expect, it } from "vitest";
import { Random } from "../../../src/policy/random.ts";
import { gae, standardise, vtrace } from "../../../src/trainer-node/gae.ts";

const FIVE_STEPS = {
  rewards: Float32Array.of(1, 0, 2, -1, 3),
  values: Float32Array.of(0.5, 1, 1.5, 0, 2),
  bootstrap: 4,
};

describe("gae", () => {
  it("gives the five steps that were computed by hand with gamma 0.9 and lambda 0.5", () => {
    // delta_4 =  3 + 0.9 * 4   - 2   =  4.6     A_4 =  4.6
    // delta_3 = -1 + 0.9 * 2   - 0   =  0.8     A_3 =  0.8  + 0.45 * 4.6        =  2.87
    // delta_2 =  2 + 0.9 * 0   - 1.5 =  0.5     A_2 =  0.5  + 0.45 * 2.87       =  1.7915
    // delta_1 =  0 + 0.9 * 1.5 - 1   =  0.35    A_1 =  0.35 + 0.45 * 1.7915     =  1.156175
    // delta_0 =  1 + 0.9 * 1   - 0.5 =  1.4     A_0 =  1.4  + 0.45 * 1.156175   =  1.92027875
    const { advantages, returns } = gae(FIVE_STEPS, { gamma: 0.9, lambda: 0.5 });
    expect(distance(advantages, [1.92027875, 1.156175, 1.7915, 2.87, 4.6])).toBeLessThan(1e-5);
    // R_t = A_t + V_t
    expect(distance(returns, [2.42027875, 2.156175, 3.2915, 2.87, 6.6])).toBeLessThan(1e-5);
  });

  it("is reward minus value with gamma 0, whatever follows", () => {
    const { advantages, returns } = gae(FIVE_STEPS, { gamma: 0, lambda: 0.95 });
    expect(distance(advantages, [0.5, -1, 0.5, -1, 1])).toBeLessThan(1e-5);
    expect(distance(returns, [1, 0, 2, -1, 3])).toBeLessThan(1e-5);
  });
});

describe("vtrace", () => {
  it("is gae when the acting policy is the one that is trained", () => {
    const seed = 11;
    console.log(`seed ${seed}`);
    const random = new Random(seed);
    const draws = () => Float32Array.from({ length: 40 }, () => random.normal());
    const trajectory = { rewards: draws(), values: draws(), bootstrap: random.normal() };
    const options = { gamma: 0.97, lambda: 0.9 };
    const expected = gae(trajectory, options);
    const actual = vtrace(trajectory, new Float32Array(40).fill(1), {
      ...options,
      rhoBar: 1,
      cBar: 1,
    });
    expect(distance(actual.advantages, [...expected.advantages])).toBeLessThan(1e-5);
    expect(distance(actual.returns, [...expected.returns])).toBeLessThan(1e-5);
  });

  it("believes an unlikely action's reward by its ratio and no more than its cap", () => {
    // One step: v = V + min(1, ratio) (r + gamma * bootstrap - V), A = r + gamma * bootstrap - V.
    const step = { rewards: Float32Array.of(2), values: Float32Array.of(1), bootstrap: 10 };
    const options = { gamma: 0.5, lambda: 1, rhoBar: 1, cBar: 1 };
    // 1 + 0.25 (2 + 5 - 1) = 2.5
    expect(distance(vtrace(step, Float32Array.of(0.25), options).returns, [2.5])).toBeLessThan(
      1e-5,
    );
    // 1 + 1 (2 + 5 - 1) = 7
    const capped = vtrace(step, Float32Array.of(40), options);
    expect(distance(capped.returns, [7])).toBeLessThan(1e-5);
    expect(distance(capped.advantages, [6])).toBeLessThan(1e-5);
  });
});

describe("standardise", () => {
  it("leaves mean 0 and deviation 1", () => {
    // mean 2, deviation sqrt((1 + 0 + 1) / 3) = 0.8165
    const values = Float32Array.of(1, 2, 3);
    standardise(values);
    expect(distance(values, [-1.2247449, 0, 1.2247449])).toBeLessThan(1e-5);
  });

  it("does not blow up equal values", () => {
    const values = Float32Array.of(5, 5, 5);
    standardise(values);
    expect([...values]).toEqual([0, 0, 0]);
  });
});

/** The largest difference. */
function distance(actual: Float32Array, expected: readonly number[]): number {
  expect(actual).toHaveLength(expected.length);
  return Math.max(...expected.map((value, i) => Math.abs(actual[i]! - value)));
}

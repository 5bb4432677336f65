// What is believed of a policy, by hand: estimates from a log of four decisions, their freedom from bias by counting every
// case instead of drawing it, the uses that the reward's weights have, and the start that refuses dangerous ones.
import { describe, expect, test } from "vitest";
import {
  PRODUCT_WEIGHTS,
  assertSafeWeights,
  paperCost,
  paperReward,
  utility,
  weightsFor,
} from "../../../src/policy/reward.ts";
import { PAPER_TRAINING, PRODUCT_TRAINING } from "../../../src/trainer-node/config.ts";
import {
  type EvaluationLog,
  type LoggedDecision,
  estimate,
} from "../../../src/trainer-node/off-policy.ts";
import { SimulatedRounds } from "../../../src/trainer-node/simulated-rounds.ts";
import { Environment } from "../../../src/trainer-node/simulator/environment.ts";
import { geometrySource } from "../../../src/trainer-node/simulator/geometry.ts";
import { near } from "../../support/near.ts";
import { byDistance } from "../../support/synthetic-log.ts";

function decision(change: Partial<LoggedDecision>): LoggedDecision {
  return {
    f: new Float32Array(768),
    c: new Float32Array(30),
    omega: -1,
    action: 1,
    mu: 0.5,
    probs: [0.5, 0.5],
    reward: 0,
    at: 0,
    region: "eu",
    tenant: "acme",
    group: "g",
    handling: "A",
    label: null,
    ...change,
  };
}

/** @param model r-hat of a direct call and of the cache, for every decision */
const logOf = (
  decisions: readonly LoggedDecision[],
  model: readonly [number, number],
): EvaluationLog => ({
  decisions,
  actions: 2,
  clusters: Int32Array.from(decisions, (_, i) => i),
  clusterCount: decisions.length,
  rewardModel: Float64Array.from(decisions.flatMap(() => model)),
});

describe("a log of four decisions", () => {
  // The policy to judge takes the cache three times in four; no floor.
  const ours = estimate(
    logOf(
      [
        decision({ action: 1, mu: 0.5, reward: -0.4 }),
        decision({ action: 0, mu: 0.5, reward: -0.8 }),
        decision({ action: 1, mu: 0.25, reward: -1.2 }),
        decision({ action: 0, mu: 0.5, reward: -0.6 }),
      ],
      [-0.7, -0.5],
    ),
    byDistance(() => 0.75),
    0,
  );

  test("weights 1.5, 0.5, 3, 0.5; IPS -4.9 / 4 and SNIPS -4.9 / 5.5", () => {
    expect([...ours.weights]).toEqual([1.5, 0.5, 3, 0.5]);
    // 1.5 * -0.4 + 0.5 * -0.8 + 3 * -1.2 + 0.5 * -0.6 = -4.9
    expect(ours.ips).toBeCloseTo(-1.225, 12);
    expect(ours.snips).toBeCloseTo(-0.890_909, 6);
    // 5.5^2 / (2.25 + 0.25 + 9 + 0.25)
    expect(ours.effectiveSize).toBeCloseTo(30.25 / 11.75, 12);
  });

  test("DR: 0.25 * -0.7 + 0.75 * -0.5 = -0.55 plus each weighted surprise, -4.15 / 4 together", () => {
    // -0.55 + 1.5 * 0.1, -0.55 - 0.5 * 0.1, -0.55 - 3 * 0.7, -0.55 + 0.5 * 0.1
    expect([...ours.drTerms]).toEqual(near([-0.4, -0.6, -2.65, -0.5], 12));
    expect(ours.dr).toBeCloseTo(-1.0375, 12);
  });
});

test("IPS and DR have no bias: over every case as often as it happens they are the truth, whatever the reward model says", () => {
  // Near rows: the old policy takes the cache in 3 of 4 cases, far ones: in 1 of 2. Rewards of [direct, cache].
  const near1 = { c: new Float32Array(30).fill(0.25), rewards: [-0.7, -0.4], cache: 0.75 } as const;
  const far = { c: new Float32Array(30).fill(1), rewards: [-0.8, -1.2], cache: 0.5 } as const;
  const cases = [near1, far].flatMap(({ c, rewards, cache }) =>
    Array.from({ length: 4 }, (_, i) => {
      const action = i < 4 * cache ? 1 : 0;
      const mu = action === 1 ? cache : 1 - cache;
      return decision({ c, action, mu, reward: rewards[action] });
    }),
  );
  // The new one: the cache with 0.9 near by and 0.2 far away.
  const candidate = byDistance((distance) => (distance < 0.5 ? 0.9 : 0.2));
  // ((0.1 * -0.7 + 0.9 * -0.4) + (0.8 * -0.8 + 0.2 * -1.2)) / 2 = (-0.43 - 0.88) / 2
  const truth = -0.655;
  for (const model of [
    [0, 0],
    [-0.75, -0.8],
    [5, -9],
  ] as const) {
    const { ips, dr, meanWeight } = estimate(logOf(cases, model), candidate, 0);
    expect([ips, dr, meanWeight]).toEqual(near([truth, truth, 1], 6));
  }
});

describe("what the weights reward", () => {
  test("the paper's: an unrelated answer at once beats every call of the model", () => {
    const costs = {
      right: paperCost(-0.54, 0.06),
      unrelated: paperCost(-1.2, 0.06),
      call: paperCost(-0.54, 7.7),
      notes: paperCost(-0.25, 11.5),
    };
    // 0.54 + 0.006, 1.2 + 0.006, 0.54 + 0.77, 0.25 + 1.15
    expect(Object.values(costs)).toEqual(near([0.546, 1.206, 1.31, 1.4], 12));
    // phi3 punishes the call alone: 10 (1.31 + 0.6) and 10 * 1.4.
    expect(paperReward(-0.54, 7.7, 0)).toBeCloseTo(-19.1, 12);
    expect(paperReward(-0.25, 11.5, 1)).toBeCloseTo(-14, 12);
    // Break-even at omega = dq / dd = 0.66 / 7.64 = 0.0864: below it the call is worth its time.
    const cheap = { phi1: 1, phi2: 0.08, phi3: 0, scale: 1 };
    expect(paperCost(-0.54, 7.7, cheap)).toBeLessThan(paperCost(-1.2, 0.06, cheap));
  });

  test("the product's: the slowest call costs 0.5, a wrong answer 0.85", () => {
    expect(utility(-0.35, 60) - utility(-0.35, 0)).toBeCloseTo(-0.5, 12);
    expect(utility(-1.2, 0) - utility(-0.35, 0)).toBeCloseTo(-0.85, 12);
    // Break-even at omega / 2 * 10 s = 0.85: 0.17.
    expect(() => assertSafeWeights(weightsFor(0.1699))).not.toThrow();
    expect(() => assertSafeWeights(weightsFor(0.1701))).toThrow(RangeError);
    expect(() => assertSafeWeights({ ...PRODUCT_WEIGHTS, wrongQuality: -0.8 })).toThrow(
      "a wrong answer at once is worth -0.8",
    );
  });

  test("training does not begin at a price of time that breaks even, fixed or drawn; the paper's reward may have any", () => {
    const source = geometrySource({ seed: 1, slots: 1, topics: 2 });
    const begin = (config: typeof PRODUCT_TRAINING) => () =>
      new SimulatedRounds({
        config,
        environment: () => new Environment({ source, seed: 1, mode: config.reward }),
        seed: 1,
      });
    expect(begin(PRODUCT_TRAINING)).not.toThrow();
    expect(begin({ ...PRODUCT_TRAINING, omegaMin: 0.2, omegaMax: 0.2 })).toThrow(
      "unsafe reward weights",
    );
    expect(begin({ ...PRODUCT_TRAINING, omegaMax: 0.2 })).toThrow("unsafe reward weights");
    expect(begin({ ...PAPER_TRAINING, omegaMin: 0.5, omegaMax: 0.5 })).not.toThrow();
  });
});

import { describe, expect, it } from "vitest";
import { DEFAULT_NETWORK } from "../../../src/policy/network/layout.ts";
import { Random } from "../../../src/policy/random.ts";
import { SLOTS } from "../../../src/trainer-node/networks.ts";
import {
  RolloutBuffer,
  type Sample,
  minibatches,
  roundOf,
} from "../../../src/trainer-node/rollout-buffer.ts";

const LIMITS = { network: DEFAULT_NETWORK, epsilon: 0.02, maxLag: 8 };

function sample(changes: Partial<Sample> = {}): Sample {
  return {
    f: new Float32Array(768),
    c: new Float32Array(30),
    omega: -1,
    noise: null,
    action: 0,
    mu: 0.5,
    probs: [0.5, 0.5],
    reward: -0.5,
    region: "a",
    at: 0,
    policyVersion: 1,
    ...changes,
  };
}

/** The filled slots of a sample's joint state. */
function slots(joint: Int32Array, index: number): number[] {
  return [...joint.subarray(index * SLOTS, (index + 1) * SLOTS)].filter((slot) => slot >= 0);
}

describe("RolloutBuffer", () => {
  it.each([
    ["size", { f: new Float32Array(767) }],
    ["size", { probs: [1] }],
    ["size", { noise: new Float32Array(20) }],
    ["not-finite", { reward: NaN }],
    ["not-finite", { c: new Float32Array(30).fill(Infinity) }],
    ["action", { action: 2 }],
    ["mu", { mu: 0 }],
    ["mu", { mu: 1.1 }],
    ["lag", { policyVersion: 1 }],
  ] as const)("refuses what cannot be learnt from (%s) and counts it", (reason, changes) => {
    const buffer = new RolloutBuffer(LIMITS);
    expect(buffer.add(sample({ policyVersion: 2, ...changes }), 10)).toBe(reason);
    expect(buffer.add(sample({ policyVersion: 2 }), 10)).toBeNull();
    expect(buffer.size).toBe(1);
    expect(buffer.rejected).toEqual(new Map([[reason, 1]]));
  });

  it("is empty after clear", () => {
    const buffer = new RolloutBuffer(LIMITS);
    buffer.add(sample());
    buffer.add(sample({ mu: 0 }));
    buffer.clear();
    expect([buffer.size, buffer.rejected.size, buffer.round().samples.length]).toEqual([0, 0, 0]);
  });
});

describe("roundOf", () => {
  it("orders experiences by time, whatever order they came in, and each agent's own", () => {
    const { samples, trajectories } = roundOf([
      sample({ region: "b", at: 30 }),
      sample({ region: "a", at: 10 }),
      sample({ region: "b", at: 20 }),
    ]);
    expect(samples.map(({ at }) => at)).toEqual([10, 20, 30]);
    expect(trajectories).toEqual(
      new Map([
        ["a", [0]],
        ["b", [1, 2]],
      ]),
    );
  });

  it("fills the joint state with each agent's most recent observation, own one first", () => {
    const { joint } = roundOf([
      sample({ region: "a", at: 0 }),
      sample({ region: "c", at: 1000 }),
      sample({ region: "a", at: 2000 }),
      sample({ region: "b", at: 3000 }),
    ]);
    expect(slots(joint, 0)).toEqual([0]);
    expect(slots(joint, 1)).toEqual([1, 0]);
    expect(slots(joint, 2)).toEqual([2, 1]);
    // b sees a's second observation, not its first, and c's.
    expect(slots(joint, 3)).toEqual([3, 2, 1]);
  });

  it("lets agents of one instant see each other", () => {
    const { joint } = roundOf(["b", "a", "c"].map((region) => sample({ region, at: 5 })));
    // Sorted: a 0, b 1, c 2.
    expect(slots(joint, 0)).toEqual([0, 1, 2]);
    expect(slots(joint, 1)).toEqual([1, 0, 2]);
    expect(slots(joint, 2)).toEqual([2, 0, 1]);
  });

  it("carries an observation for 60 s and not longer", () => {
    const { joint } = roundOf([
      sample({ region: "a", at: 0 }),
      sample({ region: "b", at: 60_000 }),
      sample({ region: "c", at: 60_001 }),
    ]);
    expect(slots(joint, 1)).toEqual([1, 0]);
    expect(slots(joint, 2)).toEqual([2, 1]);
  });

  it("keeps the seven most recent others of more than eight agents", () => {
    const nine = Array.from({ length: 9 }, (_, i) => sample({ region: `r${i}`, at: i }));
    // r8 sees r1..r7; r0 was longest ago.
    expect(slots(roundOf(nine).joint, 8)).toEqual([8, 1, 2, 3, 4, 5, 6, 7]);
  });
});

describe("minibatches", () => {
  it("uses each sample at most once per epoch and drops the partial last batch", () => {
    const seed = 5;
    console.log(`seed ${seed}`);
    const batches = minibatches(10, 4, new Random(seed));
    expect(batches.map(({ length }) => length)).toEqual([4, 4]);
    const used = batches.flat();
    expect(new Set(used).size).toBe(8);
    expect(used.every((index) => index >= 0 && index < 10)).toBe(true);
    expect(used).not.toEqual(used.toSorted((a, b) => a - b));
  });
});

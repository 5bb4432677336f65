import { describe, expect, it } from "vitest";
import { greedyPolicy } from "../../../../src/policy/network/greedy.ts";
import { buildObservation } from "../../../../src/policy/observation.ts";

const F = new Float32Array(768);
const rows = (...distances: readonly number[]) =>
  buildObservation(
    F,
    distances.map((distance) => ({ distance, role: 1, useCount: 1 })),
    -1,
  );

describe("greedyPolicy", () => {
  const policy = greedyPolicy(0.5);
  const choice = async (...distances: readonly number[]) => {
    const { logits, probs } = await policy.infer(rows(...distances));
    expect(logits.every(Number.isFinite)).toBe(true);
    expect(probs[0]! + probs[1]!).toBeCloseTo(1, 6);
    return policy.actions[logits[1]! > logits[0]! ? 1 : 0];
  };

  it("proposes the cache up to theta and the model beyond", async () => {
    expect(await choice(0.5)).toBe("cache");
    expect(await choice(0.500_01)).toBe("direct");
    expect(await choice(1.2, 0.3, 0.9)).toBe("cache");
  });

  it("calls the model when there is no row, or a distance is no number", async () => {
    expect(await choice()).toBe("direct");
    expect(await choice(NaN)).toBe("direct");
  });

  it("is version 0 and carries theta in its name", () => {
    expect([policy.version, policy.name]).toEqual([0, "greedy-0.5"]);
  });

  it("hands out arrays that a caller may change", async () => {
    (await policy.infer(rows(0.1))).logits.fill(NaN);
    expect(await choice(0.1)).toBe("cache");
  });
});

import { describe, expect, it } from "vitest";
import { ValueNormaliser } from "../../../src/trainer-node/value-normaliser.ts";

describe("ValueNormaliser", () => {
  it("changes nothing before it has seen a return", () => {
    const fresh = new ValueNormaliser(0.9);
    expect([...fresh.normalise(Float32Array.of(-3, 5))]).toEqual([-3, 5]);
  });

  it("takes the first batch whole, as if it had no past", () => {
    const normaliser = new ValueNormaliser(0.99);
    // mean 2, variance (1 + 9) / 2 - 4 = 1
    normaliser.update(Float32Array.of(1, 3));
    expect(normaliser.mean).toBeCloseTo(2, 10);
    expect(normaliser.deviation).toBeCloseTo(1, 10);
  });

  it("forgets at the rate beta", () => {
    const normaliser = new ValueNormaliser(0.5);
    normaliser.update(Float32Array.of(0));
    normaliser.update(Float32Array.of(3));
    // weights 0.25 and 0.5 of a total of 0.75: mean (0.25 * 0 + 0.5 * 3) / 0.75 = 2, square 0.5 * 9 / 0.75 = 6
    expect(normaliser.mean).toBeCloseTo(2, 10);
    expect(normaliser.deviation).toBeCloseTo(Math.sqrt(6 - 4), 10);
  });

  it("gives back what it normalised", () => {
    const normaliser = new ValueNormaliser(0.9);
    normaliser.update(Float32Array.of(-1.2, -0.35, -0.6));
    const [value] = normaliser.denormalise(normaliser.normalise(Float32Array.of(-0.8)));
    expect(value).toBeCloseTo(-0.8, 6);
  });

  it("centres returns that are all the same without dividing by nothing", () => {
    const normaliser = new ValueNormaliser(0.9);
    normaliser.update(Float32Array.of(-0.5, -0.5));
    expect([...normaliser.normalise(Float32Array.of(-0.5))]).toEqual([0]);
  });
});

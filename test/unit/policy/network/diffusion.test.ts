import { describe, expect, it } from "vitest";
import {
  type Schedule,
  diffusion,
  stepCoefficients,
} from "../../../../src/policy/network/diffusion.ts";

const LINEAR: Schedule = { kind: "linear", start: 0.1, end: 0.5 };

describe("diffusion", () => {
  it("spaces a linear schedule evenly and multiplies it up", () => {
    const { beta, alpha, alphaBar, betaTilde } = diffusion(LINEAR, 3);
    expect([...beta]).toEqual([0.1, expect.closeTo(0.3, 12), 0.5]);
    expect([...alpha]).toEqual([0.9, expect.closeTo(0.7, 12), 0.5]);
    // 0.9, 0.9 * 0.7, 0.9 * 0.7 * 0.5
    expect([...alphaBar]).toEqual([0.9, expect.closeTo(0.63, 12), expect.closeTo(0.315, 12)]);
    // 0; 0.3 (1 - 0.9) / (1 - 0.63); 0.5 (1 - 0.63) / (1 - 0.315)
    expect([...betaTilde]).toEqual([
      0,
      expect.closeTo(0.03 / 0.37, 12),
      expect.closeTo(0.185 / 0.685, 12),
    ]);
  });

  it("keeps the published end points of the default and of the paper's schedule", () => {
    const end = (schedule: Schedule) => diffusion(schedule, 10).alphaBar[9]!;
    expect(end({ kind: "linear", start: 0.05, end: 0.5 })).toBeCloseTo(0.033, 3);
    expect(end({ kind: "linear", start: 1e-4, end: 2e-2 })).toBeCloseTo(0.904, 3);
  });

  it.each([1, 5, 10, 15])("ends VP at exp(-5.05) for %i steps", (steps) => {
    // The exponents add up to min + (max - min) / 2 = 0.1 + 4.95, because the first n odd numbers add up to n^2.
    const { alphaBar } = diffusion({ kind: "vp", min: 0.1, max: 10 }, steps);
    expect(alphaBar[steps - 1]).toBeCloseTo(Math.exp(-5.05), 12);
  });

  it("follows the squared cosine until beta is capped", () => {
    const { alphaBar, beta } = diffusion({ kind: "cosine", offset: 0.008 }, 10);
    const level = (t: number) => Math.cos(((t / 10 + 0.008) / 1.008) * (Math.PI / 2)) ** 2;
    for (let tau = 1; tau < 10; tau++)
      expect(alphaBar[tau - 1]).toBeCloseTo(level(tau) / level(0), 12);
    expect(beta[9]).toBe(0.999);
  });

  it("hands over the last x0 as it is", () => {
    const { toX0, toKappa, sigma } = stepCoefficients(diffusion(LINEAR, 3), 1);
    expect({ toX0, toKappa, sigma }).toEqual({ toX0: 1, toKappa: 0, sigma: 0 });
  });

  it("moves a noiseless kappa to the level of the step below", () => {
    // With kappa = sqrt(alphaBar) x0 the mean must be sqrt(alphaBar before) x0.
    const tables = diffusion(LINEAR, 3);
    for (const [tau, before] of [
      [2, 0.9],
      [3, 0.63],
    ] as const) {
      const { toX0, toKappa } = stepCoefficients(tables, tau);
      expect(toX0 + toKappa * Math.sqrt(tables.alphaBar[tau - 1]!)).toBeCloseTo(
        Math.sqrt(before),
        12,
      );
    }
  });

  it("inverts the forward process when eps is the noise that was added", () => {
    // kappa = sqrt(0.63) 2 + sqrt(0.37) 0.5 came from x0 = 2 and eps = 0.5.
    const { keep, remove } = stepCoefficients(diffusion(LINEAR, 3), 2);
    const kappa = Math.sqrt(0.63) * 2 + Math.sqrt(0.37) * 0.5;
    expect(kappa * keep - 0.5 * remove).toBeCloseTo(2, 12);
  });
});

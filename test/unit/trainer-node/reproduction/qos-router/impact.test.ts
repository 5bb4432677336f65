import { describe, expect, test } from "vitest";
import { Random } from "../../../../../src/policy/random.ts";
import {
  addedSecondsPerToken,
  impactPenalty,
} from "../../../../../src/trainer-node/reproduction/qos-router/impact.ts";
import { PAPER_PACE } from "../../../../../src/trainer-node/reproduction/qos-router/settings.ts";

/** The sum as it is written, token by token. */
function byLoop(
  { promptTokens, outputTokens }: { promptTokens: number; outputTokens: number },
  running: { outputTokens: number; generated: number },
): number {
  const { k1, k2 } = PAPER_PACE;
  let seconds = k1 * promptTokens;
  const last = Math.min(running.outputTokens - running.generated, outputTokens) - 1;
  for (let k = 1; k <= last; k++) seconds += k2 * (promptTokens + k);
  return seconds / running.outputTokens;
}

describe("how much a new request slows those that run", () => {
  test("by hand: 3 more iterations beside a prompt of 100 tokens", () => {
    // min(10 - 6, 50) - 1 = 3 iterations with 101, 102 and 103 tokens: (7e-5 x 100 + 2.5e-5 x 306) / 10.
    const added = addedSecondsPerToken(
      { promptTokens: 100, outputTokens: 50 },
      { outputTokens: 10, generated: 6 },
      { k1: 7e-5, k2: 2.5e-5 },
    );
    expect(added).toBeCloseTo(0.001465, 15);
    // A request at its last token loses nothing but the reading of the prompt.
    const last = addedSecondsPerToken(
      { promptTokens: 100, outputTokens: 50 },
      { outputTokens: 10, generated: 9 },
      { k1: 7e-5, k2: 2.5e-5 },
    );
    expect(last).toBeCloseTo(0.0007, 15);
  });

  const seed = 5;
  test(`the closed form is the loop, on 1,000 pairs (seed ${seed})`, () => {
    const random = new Random(seed);
    const upTo = (most: number) => Math.floor(random.uniform() * (most + 1));
    for (let i = 0; i < 1000; i++) {
      const request = { promptTokens: upTo(800), outputTokens: 1 + upTo(400) };
      const outputTokens = 1 + upTo(400);
      const running = { outputTokens, generated: upTo(outputTokens) };
      const added = addedSecondsPerToken(request, running, PAPER_PACE);
      expect(Math.abs(added - byLoop(request, running))).toBeLessThan(1e-12);
    }
  });

  test("the penalty is the score of those that get or are above the limit", () => {
    const one = { outputTokens: 10, generated: 6, score: 0.5 };
    const running = [
      { ...one, secondsPerToken: 0.0285 },
      // 0.0286 + 0.001465 > 0.03
      { ...one, secondsPerToken: 0.0286, score: 0.25 },
      { ...one, secondsPerToken: 0.05, score: 0.125 },
    ];
    const request = { promptTokens: 100, outputTokens: 50 };
    expect(impactPenalty(request, running, PAPER_PACE, 0.03)).toBe(0.375);
    expect(impactPenalty(request, [], PAPER_PACE, 0.03)).toBe(0);
  });
});

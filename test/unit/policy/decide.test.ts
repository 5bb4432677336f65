import * as fc from "fast-check";
import { expect, test } from "vitest";
import { THREE_WAY, TWO_WAY } from "../../../src/policy/action.ts";
import { type DecideInput, decide, flooredProbabilities } from "../../../src/policy/decide.ts";
import { candidate } from "../../support/candidate.ts";
import { property } from "../worker/property.ts";

const output = (...probs: number[]) => ({
  logits: Float32Array.from(probs, Math.log),
  probs: Float32Array.from(probs),
});

const input = (fields: Partial<DecideInput> = {}): DecideInput => ({
  request: { text: "How do I boil an egg?", lang: "en", fp: "fp", now: 1000 },
  candidates: [candidate()],
  output: output(0.25, 0.75),
  actions: TWO_WAY,
  explore: { epsilon: 0.02, draw: 0.5 },
  limits: { coldStartDistance: 0.35, noteDistance: 0.95, deltaHit: 0.02, deltaRequest: 0.01 },
  allow: { serve: true, augment: false },
  ...fields,
});
const drawing = (draw: number) => ({ explore: { epsilon: 0.02, draw } });
const tooFar = [candidate({ distance: 0.5 })];

test("a cache action with a servable row serves it", () => {
  const decision = decide(input());
  // mu = (1 - 2 * 0.02) 0.75 + 0.02 = 0.74.
  expect(decision).toMatchObject({ action: 1, handling: "A", sub: "A", reason: "served" });
  expect(decision.mu).toBeCloseTo(0.74, 7);
  expect(decision.probs).toEqual([0.25, 0.75]);
  expect(decision.selected?.id).toBe("row");
  expect(decision.nearestMiss).toBeNull();
});

test("the draw picks the action by its floored probability", () => {
  // Direct has (1 - 0.04) 0.25 + 0.02 = 0.26.
  expect(decide(input(drawing(0.259)))).toMatchObject({
    action: 0,
    handling: "B",
    reason: "policy",
  });
  expect(decide(input(drawing(0.261)))).toMatchObject({ action: 1, handling: "A" });
});

test("a row that the policy passed over is the nearest miss", () => {
  expect(decide(input(drawing(0))).nearestMiss).toMatchObject({ id: "row", why: "policy" });
});

test("a cache action without a servable row falls back to the model and says why", () => {
  const decision = decide(input({ candidates: tooFar }));
  expect(decision).toMatchObject({
    action: 1,
    handling: "B",
    sub: "B_FALLBACK",
    reason: "distance",
  });
  expect(decision.nearestMiss).toEqual({
    id: "row",
    distance: 0.5,
    question: "How do I boil an egg?",
    why: "distance",
  });
  expect(decide(input({ candidates: [] }))).toMatchObject({
    reason: "no-candidate",
    nearestMiss: null,
  });
});

test("the nearest miss names the guard, also when a farther row is served", () => {
  const changed = candidate({ id: "changed", distance: 0.1, question: "How do I boil 3 eggs?" });
  const decision = decide(input({ candidates: [candidate(), changed] }));
  expect(decision.selected?.id).toBe("row");
  expect(decision.nearestMiss).toMatchObject({ id: "changed", why: "guard:number" });
});

test("notes go into the prompt only where that is allowed", () => {
  const allow = { serve: true, augment: true };
  const decision = decide(input({ candidates: tooFar, allow }));
  expect(decision).toMatchObject({ handling: "C", sub: "C", reason: "augmented", selected: null });
  expect(decision.notes.map((row) => row.id)).toEqual(["row"]);
  expect(decide(input({ candidates: tooFar })).notes).toEqual([]);
});

test("a tenant that only observes is served nothing", () => {
  const decision = decide(input({ allow: { serve: false, augment: false } }));
  expect(decision).toMatchObject({ sub: "B_FALLBACK", reason: "not-allowed", selected: null });
});

test.each([
  ["a NaN probability", output(NaN, 1)],
  ["an infinite logit", { ...output(0, 1), logits: Float32Array.of(-Infinity, 0) }],
  ["a head of another size", output(0.2, 0.3, 0.5)],
])("%s ends in a direct call", (_, broken) => {
  expect(decide(input({ output: broken }))).toMatchObject({
    action: 0,
    mu: 1,
    probs: [1, 0],
    handling: "B",
    sub: "B",
    reason: "not-finite",
  });
});

const threeWay = (fields: Partial<DecideInput>) =>
  decide(input({ actions: THREE_WAY, output: output(0.25, 0.25, 0.5), ...fields }));

test("the three-way head serves with its third action", () => {
  expect(threeWay(drawing(0.99))).toMatchObject({ action: 2, handling: "A" });
});

test("guards mask the third action and the others share its probability", () => {
  const decision = threeWay({ candidates: tooFar, ...drawing(0.99) });
  expect(decision.probs).toEqual([0.5, 0.5, 0]);
  // C without the permission to augment; mu = (1 - 0.04) 0.5 + 0.02.
  expect(decision).toMatchObject({ action: 1, sub: "B_FALLBACK", reason: "not-allowed", mu: 0.5 });
});

test("its second action takes notes where there are any", () => {
  const allow = { serve: true, augment: true };
  expect(threeWay({ allow, ...drawing(0.4) })).toMatchObject({ action: 1, handling: "C" });
  expect(threeWay({ allow, candidates: [], ...drawing(0.9) })).toMatchObject({
    action: 1,
    sub: "B_FALLBACK",
    reason: "no-candidate",
  });
});

test("part of the hits of a row near its budget explore, as often as the budget says", () => {
  // alpha 0.98: half of the passing requests. Cache holds [0.26, 1); its middle is 0.63.
  const evidence = { labels: 50, alpha: Array<number>(32).fill(0.98) };
  const candidates = [candidate({ evidence })];
  expect(decide(input({ candidates, ...drawing(0.62) }))).toMatchObject({
    sub: "B_FALLBACK",
    reason: "explore",
  });
  expect(decide(input({ candidates, ...drawing(0.64) }))).toMatchObject({ sub: "A" });
});

test("the floor keeps a distribution and gives every open action at least epsilon", () => {
  void property(
    "exploration floor",
    300,
    fc.property(
      fc.array(fc.tuple(fc.double({ min: 0, max: 1, noNaN: true }), fc.boolean()), {
        minLength: 1,
        maxLength: 4,
      }),
      fc.double({ min: 0, max: 0.2, noNaN: true }),
      (pairs, epsilon) => {
        const open = pairs.map(([, isOpen], i) => isOpen || i === 0);
        const masses = pairs.map(([mass], i) => (open[i] ? mass + 1e-6 : 0));
        const total = masses.reduce((a, b) => a + b, 0);
        const floored = flooredProbabilities(
          masses.map((mass) => mass / total),
          open,
          epsilon,
        );
        expect(floored.reduce((a, b) => a + b, 0)).toBeCloseTo(1, 9);
        const openOnes = floored.filter((_, i) => open[i]);
        expect(Math.min(...openOnes)).toBeGreaterThanOrEqual(epsilon - 1e-12);
        expect(floored.every((p, i) => open[i] || p === 0)).toBe(true);
      },
    ),
  );
});

test("actions are drawn as often as mu says, and what is served passed every check", () => {
  void property(
    "draws",
    200,
    fc.property(
      fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }),
      fc.double({ min: 0.01, max: 0.99, noNaN: true }),
      fc.double({ min: 0, max: 2, noNaN: true }),
      (draw, cache, distance) => {
        const decision = decide(
          input({
            candidates: [candidate({ distance })],
            output: output(1 - cache, cache),
            ...drawing(draw),
          }),
        );
        const direct = 0.96 * (1 - cache) + 0.02;
        fc.pre(Math.abs(draw - direct) > 1e-6);
        expect(decision.action).toBe(draw < direct ? 0 : 1);
        expect(decision.mu).toBeCloseTo(decision.action === 0 ? direct : 1 - direct, 6);
        expect(decision.handling !== "A" || distance <= 0.35).toBe(true);
      },
    ),
  );
});

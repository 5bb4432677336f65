import { describe, expect, it } from "vitest";
import { type CsUcbOptions, csUcb } from "../../../../src/policy/routing/cs-ucb.ts";
import { backend, estimates, outcome, request, stored } from "./made.ts";

const plain = (changes: Partial<CsUcbOptions> = {}) =>
  csUcb({ referenceCost: 10, discount: 1, ...changes });

describe("the index", () => {
  it("is R + delta sqrt(ln t / L) + lambda min(f, 0.7) - theta P", () => {
    const selector = plain();
    // a: 4 outcomes of cost 8, R = -0.8; b: 1 outcome of cost 9, R = -0.9. Five decisions, known by their outcomes.
    for (let i = 0; i < 4; i++) selector.observe(outcome({ backend: "a", cost: 8 }));
    selector.observe(outcome({ backend: "b", cost: 9 }));
    // t = 6, ln 6 = 1.791759. a: -0.8 + 0.3 x sqrt(1.791759 / 4) = -0.8 + 0.200788 = -0.599212
    //                         b: -0.9 + 0.3 x sqrt(1.791759 / 1) = -0.9 + 0.401570 = -0.498430
    expect(selector.choose(request(), [backend("a"), backend("b")]).backend).toBe("b");
    // The same with half the exploration at t = 7, ln 7 = 1.945910: a -0.8 + 0.104616 = -0.695384, b -0.9 + 0.209232 = -0.690768
    const less = plain({ exploration: 0.15 });
    less.restore(stored(selector.snapshot()));
    expect(less.choose(request(), [backend("a"), backend("b")]).backend).toBe("b");
    // With 0.14: a -0.8 + 0.097642 = -0.702358, b -0.9 + 0.195283 = -0.704717
    const least = plain({ exploration: 0.14 });
    least.restore(stored(selector.snapshot()));
    expect(least.choose(request(), [backend("a"), backend("b")]).backend).toBe("a");
  });

  /** One outcome each, so that exploration is alike. */
  const alike = (options: Partial<CsUcbOptions> = {}) => {
    const selector = plain(options);
    for (const id of ["a", "b"]) selector.observe(outcome({ backend: id, cost: 10 }));
    return selector;
  };
  const within = (seconds: { readonly a: number; readonly b: number }) =>
    request({
      deadlineSeconds: 10,
      estimates: estimates({
        a: { serviceSeconds: seconds.a },
        b: { serviceSeconds: seconds.b },
      }),
    });
  const servers = [backend("a"), backend("b")];

  it("values room in the constraints up to 0.7", () => {
    // f: a (10 - 6) / 10 = 0.4, b 0.5
    expect(alike().choose(within({ a: 6, b: 5 }), servers).backend).toBe("b");
    // Both 0.7 and more: a tie, which the sooner one wins, whatever its id
    expect(alike().choose(within({ a: 3, b: 2.9 }), servers).backend).toBe("b");
    expect(alike().choose(within({ a: 2, b: 2 }), servers).backend).toBe("a");
    // More room than that does not make up for 0.01 of cost: R_a = -0.99 and f 0.7, R_b = -1 and f 0.9
    const dear = plain();
    dear.observe(outcome({ backend: "a", cost: 9.9 }));
    dear.observe(outcome({ backend: "b", cost: 10 }));
    expect(dear.choose(within({ a: 3, b: 1 }), servers).backend).toBe("a");
    // 0.1 more of room against 0.1 x 10 less of cost
    const cheaper = alike();
    cheaper.observe(outcome({ backend: "a", cost: 7 }));
    // R_a = (-1 - 0.7) / 2 = -0.85: 0.15 better, and worse explored: t = 4, 0.3 sqrt(1.386294 / 2) = 0.249765 against 0.353223
    // a -0.85 + 0.249765 + 0.4 = -0.200235; b -1 + 0.353223 + 0.5 = -0.146777
    expect(cheaper.choose(within({ a: 6, b: 5 }), servers).backend).toBe("b");
    expect(cheaper.choose(within({ a: 5, b: 5 }), servers).backend).toBe("a");
  });

  it("deducts violations, where the published sign would seek them", () => {
    // 15 s instead of 10 s: P_a = 0.5, at equal cost
    const selector = plain();
    selector.observe(outcome({ backend: "a", cost: 10, seconds: 15, deadlineSeconds: 10 }));
    selector.observe(outcome({ backend: "b", cost: 10, seconds: 9, deadlineSeconds: 10 }));
    expect(selector.arm(0, "a")).toMatchObject({ violation: 0.5 });
    expect(selector.arm(0, "b")).toMatchObject({ violation: 0 });
    expect(selector.choose(within({ a: 2, b: 2 }), servers).backend).toBe("b");
    // R_b = -1.4 against R_a = -1 with P_a = 0.5: still b; at -1.6 a
    selector.observe(outcome({ backend: "b", cost: 18, seconds: 9, deadlineSeconds: 10 }));
    expect(selector.arm(0, "b")!.reward).toBeCloseTo(-1.4, 12);
    const calm = plain({ exploration: 0 });
    calm.restore(stored(selector.snapshot()));
    expect(calm.choose(within({ a: 2, b: 2 }), servers).backend).toBe("b");
    calm.observe(outcome({ backend: "b", cost: 20, seconds: 9, deadlineSeconds: 10 }));
    expect(calm.choose(within({ a: 2, b: 2 }), servers).backend).toBe("a");
  });

  it("tries first what was never tried in the class, the soonest before the others", () => {
    const selector = plain();
    selector.observe(outcome({ backend: "a", cost: 0 }));
    const asked = within({ a: 1, b: 4 });
    const three = [...servers, backend("c", { secondsPerToken: { mean: 0.02, deviation: 0 } })];
    const all = request({
      deadlineSeconds: 10,
      estimates: { ...asked.estimates, ...estimates({ c: { serviceSeconds: 3 } }) },
    });
    expect(selector.rank(all, three).map((choice) => choice.backend)).toEqual(["c", "b", "a"]);
    // In another class a is as new as the others, and sooner.
    expect(selector.choose({ ...all, class: 7 }, three).backend).toBe("a");
  });
});

describe("constraints", () => {
  const asked = (deadlineSeconds: number, a: number, b: number) =>
    request({
      deadlineSeconds,
      estimates: estimates({ a: { serviceSeconds: a }, b: { serviceSeconds: b } }),
    });
  const servers = [backend("a"), backend("b")];
  const known = () => {
    const selector = plain({ exploration: 0 });
    selector.observe(outcome({ backend: "a", cost: 0 }));
    selector.observe(outcome({ backend: "b", cost: 100 }));
    return selector;
  };

  it("filter with a margin of 5 %, whatever the index says", () => {
    // (10 - 9.5) / 10 = 0.05 of room is enough, 0.04 is not
    expect(known().choose(asked(10, 9.4, 5), servers)).toMatchObject({
      backend: "a",
      feasible: true,
    });
    expect(known().choose(asked(10, 9.6, 5), servers)).toMatchObject({
      backend: "b",
      feasible: true,
    });
  });

  it("leave the best effort, the largest f, when none is kept", () => {
    // f: a -1, b -0.5
    const late = known().choose(asked(2, 4, 3), servers);
    expect(late).toMatchObject({ backend: "b", feasible: false, reasons: ["deadline"] });
    expect(late.satisfaction).toBeCloseTo(-0.5, 12);
    // A full place of 10, f = -0.1, beside a deadline missed by half, f = -0.5
    const full = backend("a", { maxConcurrent: 10, ownInFlight: 10 });
    const least = known().choose(asked(2, 1, 3), [full, backend("b")]);
    expect(least).toMatchObject({ backend: "a", reasons: ["concurrency"] });
  });
});

describe("outcomes", () => {
  it("make running means", () => {
    const selector = plain();
    selector.observe(outcome({ cost: 5, seconds: 4, deadlineSeconds: 4 }));
    selector.observe(outcome({ cost: 20, seconds: 5, deadlineSeconds: 4 }));
    selector.observe(outcome({ cost: 11, seconds: 6, deadlineSeconds: 4 }));
    // R = -(0.5 + 2 + 1.1) / 3 = -1.2; P = (0 + 0.25 + 0.5) / 3 = 0.25
    const arm = selector.arm(0, "a")!;
    expect([arm.count, arm.reward, arm.violation]).toEqual([
      3,
      expect.closeTo(-1.2, 12),
      expect.closeTo(0.25, 12),
    ]);
  });

  it("fade with every decision", () => {
    const selector = plain({ discount: 0.5 });
    selector.observe(outcome({ cost: 10 }));
    expect(selector.arm(0, "a")!.count).toBe(1);
    // Decision 2: L = 0.5; its outcome: L = 1.5, R = -1 + (-2 + 1) / 1.5 = -1.6667
    selector.choose(request(), [backend("a")]);
    expect(selector.arm(0, "a")!.count).toBe(0.5);
    selector.observe(outcome({ cost: 20 }));
    expect(selector.arm(0, "a")!.count).toBe(1.5);
    expect(selector.arm(0, "a")!.reward).toBeCloseTo(-5 / 3, 12);
    // Two decisions about others: L = 1.5 / 4, and the mean is what it was
    for (let i = 0; i < 2; i++) selector.choose(request({ class: 3 }), [backend("b")]);
    expect(selector.arm(0, "a")!.count).toBe(0.375);
    expect(selector.arm(0, "a")!.reward).toBeCloseTo(-5 / 3, 12);
  });

  it("show soon that a server became worse, which counts that never fade do not", () => {
    // a costs 0.5 for 1,000 decisions, then 2; b costs 1. Its mean falls below -1 after 1,000 x 0.5 / 1 outcomes, or, with
    // an L of 1 / (1 - 0.98) = 50, after some twenty.
    const servers = [backend("a"), backend("b")];
    const choicesAfter = (discount: number) => {
      const selector = csUcb({ referenceCost: 1, discount });
      const chosen = Array.from({ length: 1_300 }, (_, step) => {
        const { backend: id } = selector.choose(request(), servers);
        selector.observe(outcome({ backend: id!, cost: id === "b" ? 1 : step < 1_000 ? 0.5 : 2 }));
        return id;
      });
      return chosen.slice(1_000).filter((id) => id === "a").length;
    };
    expect(choicesAfter(1)).toBeGreaterThan(200);
    expect(choicesAfter(0.98)).toBeLessThan(100);
  });

  it("of an outage are forgotten below a count of 1 alone", () => {
    const servers = [backend("a"), backend("b")];
    const choicesOf = (leastCount: number) => {
      const selector = csUcb({ referenceCost: 1, leastCount });
      // R = -1 and P = 1: 1.5 below a's -0.5, more than 0.3 sqrt(ln 3000) = 0.85
      for (let i = 0; i < 3; i++) selector.observe(outcome({ backend: "b", succeeded: false }));
      const chosen = Array.from({ length: 3_000 }, () => {
        const { backend: id } = selector.choose(request(), servers);
        selector.observe(outcome({ backend: id!, cost: id === "a" ? 0.5 : 0.2 }));
        return id;
      });
      return chosen.filter((id) => id === "b").length;
    };
    expect(choicesOf(1)).toBe(0);
    expect(choicesOf(0.05)).toBeGreaterThan(1_000);
  });

  it("of a failed call count as a usual cost and a full violation, however quick it was", () => {
    const selector = plain();
    selector.observe(outcome({ succeeded: false, cost: 0, seconds: 0.01, deadlineSeconds: 4 }));
    expect(selector.arm(0, "a")).toMatchObject({ reward: -1, violation: 1 });
  });

  it("without a time or a cost teach nothing", () => {
    const selector = plain();
    for (const value of [NaN, Infinity, -1]) {
      selector.observe(outcome({ seconds: value }));
      selector.observe(outcome({ cost: value }));
    }
    expect(selector.arm(0, "a")).toBe(null);
    expect(selector.regret()).toBe(0);
  });

  it("add up to the empirical regret", () => {
    const selector = plain();
    selector.observe(outcome({ backend: "a", cost: 5 }));
    expect(selector.regret()).toBe(0);
    // Best mean so far -0.5, this one -2
    selector.observe(outcome({ backend: "b", cost: 20 }));
    expect(selector.regret()).toBeCloseTo(1.5, 12);
    // -0.5 against -0.1: a's mean becomes -0.3
    selector.observe(outcome({ backend: "a", cost: 1 }));
    expect(selector.regret()).toBeCloseTo(1.1, 12);
    selector.observe(outcome({ backend: "b", cost: 20 }));
    expect(selector.regret()).toBeCloseTo(1.1 + 1.7, 12);
    // With alpha beta = 0.5: r_best counts half, -0.25 + 2
    const half = plain({ regretFactor: 0.5 });
    half.observe(outcome({ backend: "a", cost: 5, class: 1 }));
    expect(half.regret()).toBeCloseTo(0.25, 12);
  });
});

describe("state", () => {
  it("is kept where outcomes arrive and copied to where choices are made", () => {
    const region = plain({ discount: 0.9 });
    const isolate = plain({ discount: 0.9 });
    const both = plain({ discount: 0.9 });
    for (let i = 0; i < 5; i++) {
      const one = outcome({ backend: i % 2 ? "a" : "b", cost: 5 + i });
      region.observe(one);
      both.choose(request(), [backend("a"), backend("b")]);
      both.observe(one);
    }
    isolate.restore(stored(region.snapshot()));
    for (const id of ["a", "b"]) expect(isolate.arm(0, id)).toEqual(both.arm(0, id));
  });

  it("of two that learned apart adds up, either way round", () => {
    const one = plain({ discount: 0.9 });
    const other = plain({ discount: 0.9 });
    one.observe(outcome({ backend: "a", cost: 10 }));
    one.observe(outcome({ backend: "a", cost: 10 }));
    other.observe(outcome({ backend: "a", cost: 40 }));
    other.observe(outcome({ backend: "b", cost: 5 }));
    const [first, second] = [stored(one.snapshot()), stored(other.snapshot())];
    expect(one.absorb(second)).toBe(true);
    expect(other.absorb(first)).toBe(true);
    for (const id of ["a", "b"]) {
      const [x, y] = [one.arm(0, id)!, other.arm(0, id)!];
      expect(x.count).toBeCloseTo(y.count, 12);
      expect(x.reward).toBeCloseTo(y.reward, 12);
    }
    // 1 + 0.9 of mean -1, and 0.9 of -4: 2.8 of mean -(1.9 + 3.6) / 2.8
    expect(one.arm(0, "a")!.count).toBeCloseTo(2.8, 12);
    expect(one.arm(0, "a")!.reward).toBeCloseTo(-5.5 / 2.8, 12);
    expect(one.absorb({ decisions: 1 })).toBe(false);
  });
});

it("refuses settings under which it could not work", () => {
  for (const referenceCost of [0, -1, NaN])
    expect(() => csUcb({ referenceCost })).toThrow(RangeError);
  for (const discount of [0, 1.1, NaN])
    expect(() => csUcb({ referenceCost: 1, discount })).toThrow(RangeError);
  expect(() => csUcb({ referenceCost: 1, leastCount: 0 })).toThrow(RangeError);
});

import { describe, expect, it } from "vitest";
import { Random } from "../../../../../src/policy/random.ts";
import { GraphForward } from "../../../../../src/policy/routing/graph-router/graph-forward.ts";
import {
  type GraphValues,
  decide,
  drawn,
  graphRouter,
} from "../../../../../src/policy/routing/graph-router/graph-router.ts";
import {
  type FleetView,
  graphStateOf,
} from "../../../../../src/policy/routing/graph-router/graph-state.ts";
import { backend, estimates, request } from "../made.ts";
import { drawnView, drawnWeights } from "./made.ts";

const SEED = 7;

const says = (...values: number[]): GraphValues => ({ values: () => Float32Array.from(values) });

/** Two experts: the second would be done in 50 x 0.02 = 1 s, the first in 100 x 0.02 = 2 s. */
const view = (changes: Partial<FleetView> = {}): FleetView => {
  const drawnOne = drawnView(new Random(SEED), "1+0 0+1");
  const experts = drawnOne.experts.map((each, i) => ({
    ...each,
    predictedOutputTokens: i === 0 ? 100 : 50,
    predictedSecondsPerToken: 0.02,
  }));
  return { ...drawnOne, experts, ...changes };
};

const withExpert = (index: number, changes: Partial<FleetView["experts"][number]>): FleetView => {
  const whole = view();
  return { ...whole, experts: whole.experts.with(index, { ...whole.experts[index]!, ...changes }) };
};

describe("decide", () => {
  it("takes the expert with the highest logit", () => {
    expect(decide(says(2, 1, 0), view(), null).expert).toBe(0);
    expect(decide(says(1, 2, 0), view(), null).expert).toBe(1);
  });

  it("drops where that is the highest, and does not where it must not", () => {
    expect(decide(says(1, 2, 3), view(), null).expert).toBeNull();
    expect(decide(says(1, 2, 3), view({ mayDrop: false }), null).expert).toBe(1);
  });

  it("never takes a closed expert, however high its logit", () => {
    const closed = withExpert(1, { isOpen: false });
    const { probabilities } = decide(says(0, 50, 0), closed, null);
    expect([...probabilities!]).toEqual([0.5, 0, 0.5]);
    for (let i = 0; i < 100; i++)
      expect(decide(says(0, 50, 0), closed, i / 100).expert).not.toBe(1);
  });

  it("draws by the probabilities", () => {
    // e^ln3 : 1 : 0
    const three = says(Math.log(3), 0, -1000);
    expect([0, 0.74, 0.76, 0.999].map((draw) => decide(three, view(), draw).expert)).toEqual([
      0, 0, 1, 1,
    ]);
    // Rounding may leave a little of [0, 1) that belongs to nobody.
    expect(drawn(Float64Array.of(0.5, 0.49, 0), 0.999)).toBe(1);
  });

  it.each([NaN, Infinity, -Infinity])(
    "falls back to the first to be done at a logit of %d",
    (bad) => {
      expect(decide(says(bad, 0, 0), view(), null)).toEqual({ expert: 1, probabilities: null });
    },
  );

  it("falls back to the first to be done where a feature is no number", () => {
    const network = new GraphForward(drawnWeights(new Random(SEED)));
    const bad = withExpert(0, { kvUse: NaN });
    expect(graphStateOf(bad)).toBeNull();
    expect(decide(network, bad, 0.3)).toEqual({ expert: 1, probabilities: null });
    const [running] = view().experts[0]!.running;
    const badRequest = withExpert(0, { running: [{ ...running!, kvShare: NaN }] });
    expect(decide(network, badRequest, null)).toEqual({ expert: 1, probabilities: null });
  });

  it("falls back to an expert with a known time, and to any open one without", () => {
    const unknown = withExpert(1, { predictedSecondsPerToken: NaN });
    expect(decide(says(0, 0, 0), unknown, null).expert).toBe(0);
    const closed = withExpert(1, { isOpen: false });
    expect(decide(says(NaN, NaN, NaN), closed, null).expert).toBe(0);
    const nothing = view({
      mayDrop: false,
      experts: [0, 1].map((i) => withExpert(i, { isOpen: false }).experts[i]!),
    });
    expect(decide(says(1, 1, 1), nothing, null)).toEqual({ expert: null, probabilities: null });
  });
});

describe(`the graph router among servers (seed ${SEED})`, () => {
  const weights = drawnWeights(new Random(SEED));
  const options = { weights, latencyLimit: 0.03, referenceUsd: 0.001 };

  it("ranks by the network: another network, another order", () => {
    const servers = ["a", "b", "c", "d"].map((id, i) =>
      backend(id, { outputPrice: 1 + i, load: { running: 3 * i, waiting: 0, ageMs: 0 } }),
    );
    const orders = Array.from({ length: 6 }, (_, seed) =>
      graphRouter({ ...options, weights: drawnWeights(new Random(seed)) })
        .rank(request(), servers)
        .map((choice) => choice.backend)
        .join(""),
    );
    expect(new Set(orders).size).toBeGreaterThan(1);
    for (const order of orders) expect(order).toMatch(/^(?!.*(.).*\1)[a-d]{4}$/);
  });

  it("ranks by predicted completion when its weights are no numbers", () => {
    const broken = new Map(weights).set("policy.expert.out.b", Float32Array.of(NaN));
    const router = graphRouter({ ...options, weights: broken });
    const quick = backend("b", { firstTokenSeconds: { mean: 0.1, deviation: 0 } });
    const choices = router.rank(request(), [backend("a"), quick, backend("c")]);
    expect(choices.map((choice) => choice.backend)).toEqual(["b", "a", "c"]);
  });

  it("ranks by predicted completion where a quality is no number", () => {
    const quick = backend("b", { firstTokenSeconds: { mean: 0.1, deviation: 0 } });
    const asked = request({ estimates: estimates({ a: { quality: NaN }, b: {} }) });
    expect(graphRouter(options).choose(asked, [backend("a"), quick]).backend).toBe("b");
  });

  it("leaves a server without measurements behind the others", () => {
    const blind = backend("a", { firstTokenSeconds: null });
    const ranked = graphRouter(options).rank(request(), [blind, backend("b"), backend("c")]);
    expect(ranked.at(-1)!.backend).toBe("a");
  });
});

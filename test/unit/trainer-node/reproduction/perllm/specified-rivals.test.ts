import { describe, expect, test } from "vitest";
import { Random } from "../../../../../src/policy/random.ts";
import { D2sac } from "../../../../../src/trainer-node/reproduction/perllm/d2sac.ts";
import { plannedGuidance } from "../../../../../src/trainer-node/reproduction/perllm/planned-guidance.ts";
import {
  PAPER_WORLD,
  type WorldSettings,
} from "../../../../../src/trainer-node/reproduction/perllm/settings.ts";
import { simulate } from "../../../../../src/trainer-node/reproduction/perllm/simulate.ts";
import { SmallNetwork } from "../../../../../src/trainer-node/reproduction/perllm/small-network.ts";

describe("small network", () => {
  test("its derivatives are those of finite differences", () => {
    const random = new Random(3);
    const network = new SmallNetwork([3, 12, 8, 2], random);
    const input = Float64Array.from([0.3, -0.7, 1.1]);
    // Loss: sum of c_o y_o.
    const by = Float64Array.from([0.8, -1.3]);
    const loss = (x: Float64Array) => {
      const y = network.forward(x).at(-1)!;
      return by[0]! * y[0]! + by[1]! * y[1]!;
    };
    const byInput = network.backward(network.forward(input), by);
    const gradient = network.gradient();
    const step = 1e-6;
    const slope = (values: Float64Array, i: number) => {
      const before = values[i]!;
      values[i] = before + step;
      const above = loss(input);
      values[i] = before - step;
      const below = loss(input);
      values[i] = before;
      return (above - below) / (2 * step);
    };
    for (let i = 0; i < network.weights.length; i++)
      expect(gradient[i]).toBeCloseTo(slope(network.weights, i), 6);
    for (let i = 0; i < input.length; i++) expect(byInput[i]).toBeCloseTo(slope(input, i), 6);
    expect(gradient.filter((each) => each !== 0).length).toBeGreaterThan(20);
  });

  test("learns a line, and an update clears the gradient", () => {
    const random = new Random(4);
    const network = new SmallNetwork([1, 16, 1], random);
    const errorOf = (x: number) => network.forward(Float64Array.of(x)).at(-1)![0]! - (2 * x - 1);
    for (let update = 0; update < 600; update++) {
      for (let sample = 0; sample < 8; sample++) {
        const x = 2 * random.uniform() - 1;
        network.backward(network.forward(Float64Array.of(x)), Float64Array.of(errorOf(x)));
      }
      network.update(0.01, 8);
      expect(Math.max(...network.gradient())).toBe(0);
    }
    for (const x of [-0.8, 0, 0.5]) expect(Math.abs(errorOf(x))).toBeLessThan(0.1);
  });
});

/** Two edges, the second of which takes six times as long, and a cloud. One user: nothing waits. */
const UNLIKE: WorldSettings = {
  ...PAPER_WORLD,
  users: 1,
  requests: 1200,
  edgeFactors: [0.5, 3],
  cloud: { ...PAPER_WORLD.cloud, seconds: 6 },
};
const shareOf = (server: number, of: readonly number[]) =>
  of.filter((each) => each === server).length / of.length;

test.each([0, 1])("D2SAC learns that edge %i is the fast one", (fast) => {
  const world = { ...UNLIKE, edgeFactors: fast === 0 ? [0.5, 3] : [3, 0.5] };
  const agent = new D2sac(2, 5);
  simulate({ world: { ...world, requests: 800 }, seed: 5, player: agent.learning() });
  const frozen = agent.frozen();
  const chosen: number[] = [];
  simulate({
    world: { ...world, requests: 100 },
    seed: 6,
    player: {
      choose: (request, servers, now) => {
        const decision = frozen.choose(request, servers, now);
        chosen.push(decision.server);
        return decision;
      },
    },
  });
  expect(shareOf(fast, chosen)).toBeGreaterThan(0.9);
});

test("planned guidance finds the fast server out of all", () => {
  const player = plannedGuidance();
  const chosen: number[] = [];
  simulate({
    world: UNLIKE,
    seed: 5,
    player: {
      choose: (request, servers, now) => {
        const decision = player.choose(request, servers, now);
        chosen.push(decision.server);
        return decision;
      },
      observe: (answer) => player.observe?.(answer),
    },
  });
  expect(shareOf(0, chosen.slice(0, 200))).toBeLessThan(0.6);
  expect(shareOf(0, chosen.slice(-400))).toBeGreaterThan(0.8);
});

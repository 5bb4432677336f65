import { describe, expect, it } from "vitest";
import { DEFAULT_NETWORK } from "../../../src/policy/network/layout.ts";
import { CORRELATION_SIZE, EMBEDDING_SIZE } from "../../../src/policy/network/policy.ts";
import { Random } from "../../../src/policy/random.ts";
import { BestWeights } from "../../../src/trainer-node/best-weights.ts";
import { openBackend } from "../../../src/trainer-node/graph/backend.ts";
import {
  IMITATION,
  type Tried,
  imitate,
  isUnseen,
  worthOf,
} from "../../../src/trainer-node/imitation.ts";
import { initialActor } from "../../../src/trainer-node/networks.ts";
import { ServedActor } from "../../../src/trainer-node/served-actor.ts";

const SEED = 5;
const RIGHT = 0.18;
const WRONG = -0.67;

/** The i-th request of a kind that only its nearest distance shows. */
function request(distance: number, i: number, difference: number): Tried {
  const c = new Float32Array(CORRELATION_SIZE);
  c.fill(distance, 0, 10);
  return {
    f: new Float32Array(EMBEDDING_SIZE),
    c,
    omega: -1,
    direct: -0.5,
    cache: -0.5 + difference,
    family: `${distance}-${i}`,
    isFar: distance > 0.95,
  };
}

/** 200 requests at one distance, `wrong` of each ten wrong. */
const requests = (distance: number, wrong: number): Tried[] =>
  Array.from({ length: 200 }, (_, i) => request(distance, i, i % 10 < wrong ? WRONG : RIGHT));

describe(`imitation (seed ${SEED})`, () => {
  it("prefers the cache where its expected utility is higher, and not where it is right more often", async () => {
    const tried = [
      // 9 x 0.18 - 1 x 0.67 = 0.95 > 0
      ...requests(0.2, 1),
      // 6 x 0.18 - 4 x 0.67 = -1.6 < 0, although the cache is right six times in ten
      ...requests(0.6, 4),
      // Nothing near: both actions come to the same.
      ...Array.from({ length: 200 }, (_, i) => request(1.4, i, 0)),
    ];
    const random = new Random(SEED);
    const config = { network: DEFAULT_NETWORK, ...IMITATION, epochs: 12, embeddingNoise: 0 };
    const backend = await openBackend("cpu", { threads: 1 });
    const start = initialActor(DEFAULT_NETWORK, random);
    const { weights, worth } = await imitate(tried, start, backend, config, random);
    const policy = await ServedActor.open(DEFAULT_NETWORK, weights);
    const cacheAt = async (distance: number) => {
      const [answer] = await policy.inferAll([{ ...request(distance, 0, 0), noise: null }]);
      return answer!.probs[1]!;
    };
    expect(await cacheAt(0.2)).toBeGreaterThan(0.5);
    expect(await cacheAt(0.6)).toBeLessThan(0.5);
    expect(await cacheAt(1.4)).toBeLessThan(0.5);
    const unseen = tried.filter(isUnseen);
    expect(unseen.length).toBeGreaterThan(60);
    expect(unseen.length).toBeLessThan(180);
    // Only the requests at 0.2 go to the cache.
    const near = unseen.filter(({ c }) => c[0]! < 0.4);
    const expected = near.reduce((sum, { cache, direct }) => sum + cache - direct, 0);
    expect(worth.value).toBeCloseTo(expected / unseen.length, 5);
    expect(worth.lower).toBeGreaterThan(0);
    expect(await worthOf(policy, unseen, 1)).toEqual(worth);
    await policy.close();
  }, 60_000);

  it("refuses to begin with nothing", async () => {
    const random = new Random(SEED);
    const config = { network: DEFAULT_NETWORK, ...IMITATION };
    const start = initialActor(DEFAULT_NETWORK, random);
    const backend = await openBackend("cpu", { threads: 1 });
    await expect(imitate([], start, backend, config, random)).rejects.toThrow(RangeError);
  });
});

/** A policy that takes one action for everything: a bias of the last layer decides. */
async function always(action: 0 | 1) {
  const random = new Random(SEED);
  const weights = new Map(initialActor(DEFAULT_NETWORK, random));
  weights.set("eps.out.b", action === 0 ? Float32Array.of(-2, 2) : Float32Array.of(2, -2));
  return { weights, policy: await ServedActor.open(DEFAULT_NETWORK, weights) };
}

it("a policy's worth is compared with the rule's, family by family", async () => {
  const family = "one";
  const tried = [
    { ...request(0.2, 0, RIGHT), family },
    { ...request(0.2, 1, WRONG), family },
    request(0.2, 2, WRONG),
  ];
  const { policy } = await always(0);
  const { value, rule, lower } = await worthOf(policy, tried, 1);
  expect(value).toBe(0);
  // (0.18 - 0.67 - 0.67) / 3
  expect(rule).toBeCloseTo(-1.16 / 3, 6);
  // Family "one" gains 0.49, the other 0.67: mean 0.58, squares 2 x 0.09^2 = 0.0162, error sqrt(0.0162 x 2 / 1) = 0.18.
  expect(lower).toBeCloseTo((1.16 - 0.18) / 3, 5);
  await policy.close();
});

it("one popular family that goes well is no reason to differ from the rule", async () => {
  const lucky = Array.from({ length: 30 }, (_, i) => ({
    ...request(0.2, i, WRONG),
    family: "lucky",
  }));
  const others = Array.from({ length: 30 }, (_, i) => request(0.2, 100 + i, RIGHT));
  const { policy } = await always(0);
  const { value, rule, lower } = await worthOf(policy, [...lucky, ...others], 1);
  expect(value).toBeGreaterThan(rule);
  expect(lower).toBeLessThan(0);
  await policy.close();
});

it("kept are the weights that are most surely better than the rule, not the newest", async () => {
  const best = new BestWeights(requests(0.6, 10), 1);
  expect(() => best.kept).toThrow("no weights");
  for (const [update, action] of ([1, 0, 1] as const).entries()) {
    const { policy, weights } = await always(action);
    const { value } = await best.consider(policy, weights, update);
    // All are wrong: never using the cache is better than the rule by 0.67 a request.
    expect(value).toBeCloseTo(action === 1 ? WRONG : 0, 5);
    await policy.close();
  }
  expect(best.kept.update).toBe(1);
  expect(best.kept.worth.lower).toBeCloseTo(-WRONG, 5);
});

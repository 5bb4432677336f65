import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { type NetworkConfig } from "../../../src/policy/network/layout.ts";
import { Random } from "../../../src/policy/random.ts";
import { type TrainingConfig } from "../../../src/trainer-node/config.ts";
import { demonstrationsFrom } from "../../../src/trainer-node/demonstrations.ts";
import { type Mappo } from "../../../src/trainer-node/mappo.ts";
import { type Sample, roundOf } from "../../../src/trainer-node/rollout-buffer.ts";
import { QUICK, play, question, quickMappo, regret } from "../../support/bandit.ts";

const SEED = 1;
console.log(`seed ${SEED}`);

let open: Mappo[] = [];
afterEach(async () => {
  for (const mappo of open) await mappo.close();
  open = [];
});

async function newMappo(
  changes: Partial<TrainingConfig> = {},
  from: Parameters<typeof quickMappo>[1] = {},
): Promise<Mappo> {
  const mappo = await quickMappo(changes, { seed: SEED, ...from });
  open.push(mappo);
  return mappo;
}

/** The paper's chain, of three steps: what comes out is mostly the noise that went in. */
const LITERAL: NetworkConfig = {
  ...QUICK.network,
  schedule: { kind: "linear", start: 1e-4, end: 0.02 },
  tanhEps: true,
  clipX0: null,
};

const roundBy = async (mappo: Mappo, random: Random, count = 100) =>
  roundOf(await play(mappo.policy, mappo.config, count, random));

const changed = (
  samples: readonly Sample[],
  change: (sample: Sample, i: number) => Partial<Sample>,
): Sample[] => Array.from(samples, (sample, i) => ({ ...sample, ...change(sample, i) }));

/** All tensors as one string, to compare states exactly. */
async function stateOf(mappo: Mappo): Promise<string> {
  const { tensors, steps, values } = await mappo.state();
  const parts = [...tensors].map(
    ([name, { buffer }]) => `${name} ${Buffer.from(buffer).toString("base64")}`,
  );
  return JSON.stringify([parts, steps, values]);
}

describe("an update", () => {
  it("learns when the cache is right, from 0.2 lost per decision to less than 0.06", async () => {
    const mappo = await newMappo();
    const random = new Random(SEED);
    for (let u = 1; u <= 10; u++) await mappo.update(await roundBy(mappo, random, 150));
    const lost = await regret(mappo.policy, new Random(99));
    console.log(`lost per decision after 10 updates: ${lost.toFixed(4)}`);
    expect(lost).toBeLessThan(0.06);
    expect(mappo.policy.version).toBe(10);
  });

  it.each<[string, Partial<NetworkConfig>]>([
    ["an MLP head behind the transformer", { head: "mlp", steps: 0 }],
    ["an MLP head over f itself, 384 wide", { head: "mlp", extractor: "raw", hidden: 384 }],
    ["a chain over f itself", { extractor: "raw" }],
  ])("learns the same, and goes on from a saved state, with %s", async (_, network) => {
    const changes = { network: { ...QUICK.network, ...network } };
    const mappo = await newMappo(changes);
    const random = new Random(SEED);
    for (let u = 1; u <= 3; u++) await mappo.update(await roundBy(mappo, random, 150));
    const lost = await regret(mappo.policy, new Random(99));
    console.log(`lost per decision after 3 updates: ${lost.toFixed(4)}`);
    expect(lost).toBeLessThan(0.12);

    const later = await newMappo(changes, { state: await mappo.state() });
    const next = await roundBy(mappo, random);
    await mappo.update(next);
    await later.update(next);
    expect(await stateOf(later)).toBe(await stateOf(mappo));
  });

  it("begins within the clip with stored noise, and mostly outside of it with fresh noise", async () => {
    const outside: number[] = [];
    for (const chainNoise of ["stored", "fresh"] as const) {
      const changes = { network: LITERAL, chainNoise, maxAccesses: 1, minEffectiveShare: 0 };
      const mappo = await newMappo(changes);
      const report = await mappo.update(await roundBy(mappo, new Random(SEED)));
      expect(report.status).toBe("updated");
      // Before and after an update the noise is the same in either case: KL tells how far the weights went.
      expect(report.kl).toBeLessThan(0.01);
      outside.push(report.clipFraction);
    }
    // In the first step the weights are those of pi_prox: only other noise can move a ratio by a fifth.
    console.log(`outside the clip: stored ${outside[0]}, fresh ${outside[1]}`);
    expect(outside[0]).toBe(0);
    expect(outside[1]).toBeGreaterThan(0.5);
  });

  it("gives the same weights again from the same seed, and others from another", async () => {
    const train = async (seed: number) => {
      const mappo = await newMappo({}, { seed, anew: true });
      const random = new Random(seed);
      for (let u = 1; u <= 2; u++) await mappo.update(await roundBy(mappo, random));
      return await stateOf(mappo);
    };
    const first = await train(SEED);
    expect(await train(SEED)).toBe(first);
    expect(await train(SEED + 1)).not.toBe(first);
  });

  it("goes on from a saved state as if it had never stopped", async () => {
    const mappo = await newMappo();
    await mappo.update(await roundBy(mappo, new Random(2)));
    const saved = await mappo.state();
    const next = await roundBy(mappo, new Random(3));
    await mappo.update(next);

    const later = await newMappo({}, { state: saved });
    await later.update(next);
    expect(await stateOf(later)).toBe(await stateOf(mappo));
  });

  it("stops using a round once the policy has moved by the target KL", async () => {
    const round = await roundBy(await newMappo(), new Random(SEED), 150);
    const free = await (await newMappo({ targetKl: Infinity, maxKl: Infinity })).update(round);
    // 300 samples in minibatches of 50: 6 accesses an epoch, 50 at most.
    expect([free.accesses, free.stoppedByKl]).toEqual([50, false]);
    const bound = await (await newMappo()).update(round);
    expect(bound.stoppedByKl).toBe(true);
    expect(bound.accesses).toBeLessThan(50);
    expect(bound.kl).toBeLessThan(free.kl);
  });

  it("uses demonstrations beside the round, fewer in each update and then none", async () => {
    const random = new Random(SEED);
    const shown = demonstrationsFrom(
      Array.from({ length: 300 }, () => {
        const { rewards, ...seen } = question(random);
        return { ...seen, direct: rewards[0], cache: rewards[1] };
      }),
      random,
    );
    const mappo = await newMappo({ demonstrations: 90, minDemonstrations: 40 });
    const counts = [];
    for (let u = 1; u <= 3; u++) {
      const { demonstrations } = await mappo.update(await roundBy(mappo, random), shown);
      counts.push(demonstrations);
    }
    // 90 / 1, 90 / 2, 90 / 3 = 30 <= 40
    expect(counts).toEqual([90, 45, 0]);
  });

  it("imitates demonstrations before rewards have taught it anything", async () => {
    const random = new Random(SEED);
    const shown = demonstrationsFrom(
      Array.from({ length: 400 }, () => {
        const { rewards, ...seen } = question(random);
        return { ...seen, direct: rewards[0], cache: rewards[1] };
      }),
      random,
    );
    const lostAfter = async (demonstrations: typeof shown) => {
      // The critic's first guesses are noise to the policy; demonstrations must be heard above it.
      const mappo = await newMappo({
        targetKl: Infinity,
        maxKl: Infinity,
        demonstrationWeight: 5,
      });
      const silent = roundOf(
        changed(await play(mappo.policy, mappo.config, 100, new Random(SEED)), () => ({
          reward: 0,
        })),
      );
      await mappo.update(silent, demonstrations);
      return await regret(mappo.policy, new Random(99));
    };
    const lost = await lostAfter(shown);
    console.log(`lost per decision after demonstrations alone: ${lost.toFixed(4)}`);
    expect(lost).toBeLessThan(0.08);
    expect(await lostAfter([])).toBeGreaterThan(0.15);
  });
});

describe("what must not be learnt from", () => {
  // One for all that leave it as it was.
  let mappo: Mappo;
  beforeAll(async () => {
    mappo = await quickMappo();
  });
  afterAll(() => mappo.close());

  it.each([
    ["reward", { reward: NaN }],
    ["embedding", { f: new Float32Array(768).fill(NaN) }],
    ["correlation matrix", { c: new Float32Array(30).fill(Infinity) }],
  ])("a round with a %s that is not finite changes nothing and says so", async (_, broken) => {
    const samples = await play(mappo.policy, mappo.config, 50, new Random(SEED));
    const before = await stateOf(mappo);
    // In the order of time and region it is number 16: two agents, second 8, "eu" before "us".
    const report = await mappo.update(
      roundOf(
        changed(samples, (sample) => (sample.at === 8000 && sample.region === "eu" ? broken : {})),
      ),
    );
    expect(report.status).toBe("skipped");
    expect(report.reason).toBe("sample 16 holds a number that is not finite");
    expect(await stateOf(mappo)).toBe(before);
    expect(mappo.policy.version).toBe(0);
  });

  it("a gradient that overflows is taken back and said", async () => {
    const samples = await play(mappo.policy, mappo.config, 50, new Random(SEED));
    const before = await stateOf(mappo);
    // Finite, but not what a layer makes of thirty of them: float32 ends at 3.4e38.
    const huge = changed(samples, () => ({ c: new Float32Array(30).fill(3e38) }));
    const report = await mappo.update(roundOf(huge));
    expect(report.status).not.toBe("updated");
    expect(report.reason).toMatch(/not finite/);
    expect(await stateOf(mappo)).toBe(before);
  });

  it("too few samples for a minibatch are left alone", async () => {
    const before = await stateOf(mappo);
    const report = await mappo.update(await roundBy(mappo, new Random(SEED), 20));
    expect(report.reason).toBe("40 samples do not fill a minibatch of 50");
    expect(await stateOf(mappo)).toBe(before);
  });

  it("experiences that the policy would hardly have made are skipped whole", async () => {
    const samples = await play(mappo.policy, mappo.config, 50, new Random(SEED));
    const report = await mappo.update(
      // One in twenty was made with probability 0.02 where the policy has about 0.5: w = 25 among w = 0.5.
      roundOf(changed(samples, (_, i) => ({ mu: i % 20 === 0 ? 0.02 : 1 }))),
    );
    // mean w = (25 + 19 * 0.5) / 20 = 1.7, mean w^2 = (625 + 4.75) / 20 = 31.5: 1.7^2 / 31.5 = 9 %
    expect(report.status).toBe("skipped");
    expect(report.effectiveShare).toBeGreaterThan(0.07);
    expect(report.effectiveShare).toBeLessThan(0.12);
    expect(report.reason).toMatch(/effective sample size/);
  });

  it("an update that strays too far is taken back, and the policy stays the one before", async () => {
    const other = await newMappo({ targetKl: Infinity, maxKl: 0.01 });
    const before = await stateOf(other);
    const report = await other.update(await roundBy(other, new Random(SEED)));
    expect(report.status).toBe("taken-back");
    expect(report.reason).toMatch(/^KL .* from the last good policy is above 0\.01$/);
    expect(await stateOf(other)).toBe(before);
    expect(other.policy.version).toBe(0);
  });

  it("a policy that collapses to one action is taken back", async () => {
    const other = await newMappo({
      targetKl: Infinity,
      maxKl: Infinity,
      minActionShare: 0.1,
      actorLearningRate: 0.01,
    });
    const before = await stateOf(other);
    const samples = await play(other.policy, other.config, 100, new Random(SEED));
    // The cache always pays.
    const report = await other.update(
      roundOf(changed(samples, ({ action }) => ({ reward: action }))),
    );
    expect(report.status).toBe("taken-back");
    expect(report.reason).toMatch(/^action 0 is hardly ever taken .* the policy has collapsed$/);
    expect(await stateOf(other)).toBe(before);
  });
});

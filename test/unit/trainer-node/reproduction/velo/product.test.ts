import { describe, expect, it } from "vitest";
import { THREE_WAY } from "../../../../../src/policy/action.ts";
import { obstacleOf } from "../../../../../src/policy/cache/resolver.ts";
import { DEFAULT_NETWORK } from "../../../../../src/policy/network/layout.ts";
import {
  alwaysCache,
  alwaysModel,
  certain,
  feasibleOracle,
  shippedDefault,
} from "../../../../../src/trainer-node/simulator/baselines.ts";
import { type Executed } from "../../../../../src/trainer-node/simulator/executed.ts";
import {
  HEADS,
  type ProductAlgorithm,
} from "../../../../../src/trainer-node/reproduction/velo/product-algorithms.ts";
import {
  type Chooser,
  measure,
} from "../../../../../src/trainer-node/reproduction/velo/product-figures.ts";
import {
  trainHead,
  trainRegression,
  tryPasses,
} from "../../../../../src/trainer-node/reproduction/velo/product-training.ts";
import {
  differenceOf,
  productTable,
  shippingVerdict,
} from "../../../../../src/trainer-node/reproduction/velo/product-verdict.ts";
import {
  type ProductSize,
  type ProductWorldName,
  productWorld,
  QUICK_SIZE,
} from "../../../../../src/trainer-node/reproduction/velo/product-worlds.ts";
import {
  type ProductRow,
  productJob,
} from "../../../../../src/trainer-node/reproduction/velo/product.ts";

const SEED = 2;
console.log(`seed ${SEED}`);
const WORLDS: readonly ProductWorldName[] = ["workload", "geometry"];
const TINY: ProductSize = {
  ...QUICK_SIZE,
  // With fewer the bundled questions have next to nothing to serve.
  requests: { workload: 400, geometry: 120 },
  imitationEpochs: 6,
  samplesPerAgent: 10,
  minibatchSize: 10,
};
const trainsHeads = process.env["VELO_PRODUCT_HEADS"] !== undefined;
if (!trainsHeads) console.log("set VELO_PRODUCT_HEADS to train every head, half a minute");

describe.each(WORLDS)(`policies in the %s world (seed ${SEED})`, (name) => {
  const world = productWorld(name, SEED, TINY);

  it("have finite figures, and the feasible oracle is worth at least as much as each of them", async () => {
    const oracle = await measure(world.measured(), feasibleOracle);
    expect(oracle).toMatchObject({ wrong: 0, regretInState: 0, allowedShare: 1 });
    expect(oracle.hits).toBeGreaterThan(0);
    for (const player of [alwaysModel, shippedDefault]) {
      const figures = await measure(world.measured(), player);
      const { utility, regretInState, p95DelaySeconds, directShare } = figures;
      for (const figure of [utility, regretInState, p95DelaySeconds, directShare])
        expect(Number.isFinite(figure)).toBe(true);
      expect(figures.requests).toBe(oracle.requests);
      expect(utility).toBeLessThanOrEqual(oracle.utility);
      expect(regretInState).toBeGreaterThanOrEqual(-1e-12);
      expect(figures.hits > 0).toBe(player !== alwaysModel);
      // Families are all that is kept of single requests: their sums are the mean.
      const sums = Object.values(figures.families);
      expect(sums.reduce((n, [count]) => n + count, 0)).toBe(figures.requests);
      const total = sums.reduce((sum, [, of]) => sum + of, 0);
      expect(total / figures.requests).toBeCloseTo(utility, 6);
    }
  }, 30_000);

  it("serve nothing that a guard, the verifier or the budget refuses, whatever they want", async () => {
    const hostile: Chooser[] = [
      alwaysCache,
      { actions: THREE_WAY, choose: () => certain(2, THREE_WAY) },
    ];
    for (const player of hostile) {
      const environment = world.measured();
      const hits: Executed[] = [];
      environment.subscribe((executed) => {
        if (executed.kind === "HIT-SEMANTIC") hits.push(executed);
      });
      const { wrongPerRequest, wrong } = await measure(environment, player);
      expect(hits.length).toBeGreaterThan(0);
      for (const { decision } of hits) {
        const selected = decision!.selected!;
        const verdict = decision!.verdicts.find(({ id }) => id === selected.id)!;
        expect(obstacleOf(selected, verdict)).toBeNull();
        expect(verdict.budget?.pass).toBe(true);
      }
      expect(wrong).toBe(hits.filter(({ correct }) => !correct).length);
      // The synthetic world has no words and no calibrated distances: there the policy alone keeps errors rare.
      expect(wrongPerRequest).toBeLessThanOrEqual(name === "workload" ? 0.01 : 0.2);
    }
  }, 30_000);
});

describe("a job", () => {
  it("gives the same plain data for the same seed", async () => {
    const job = () =>
      productJob({
        algorithm: "fixed-rule",
        world: "geometry",
        seed: SEED,
        updates: 1,
        quick: true,
      });
    const first = await job();
    expect(await job()).toEqual(first);
    expect(JSON.parse(JSON.stringify(first))).toEqual(first);
  }, 30_000);

  it("learns the same weights for the same seed, from as many samples and steps as planned", async () => {
    const world = productWorld("geometry", SEED, TINY);
    const tried = await tryPasses(world, TINY);
    const network = { ...DEFAULT_NETWORK, steps: 0, head: "mlp", extractor: "raw" } as const;
    const learn = () => trainHead({ network, world, tried, size: TINY, seed: SEED, updates: 1 });
    const [first, second] = [await learn(), await learn()];
    expect(second.weights).toEqual(first.weights);
    expect(first.tried).toBe(120);
    // 30 samples of three agents, or one slot's more; 10 of them in each step
    expect(first.samples).toBeGreaterThanOrEqual(30);
    expect(first.samples).toBeLessThan(33);
    expect(first.steps).toBe(3);
  }, 30_000);

  it("lets the regression learn from what it did, and no longer once it is measured", async () => {
    const world = productWorld("geometry", SEED, TINY);
    const { player } = await trainRegression({ world, size: TINY, seed: SEED, updates: 1 });
    const first = await measure(world.measured(), player);
    expect(await measure(world.measured(), player)).toEqual(first);
    expect(first.hits).toBeGreaterThan(0);
    expect(first.directShare).toBeGreaterThan(0);
  }, 30_000);

  it.runIf(trainsHeads)(
    "trains every head in both worlds with equal data and compute",
    async () => {
      for (const world of WORLDS) {
        const rows: ProductRow[] = [];
        for (const algorithm of HEADS)
          rows.push(await productJob({ algorithm, world, seed: SEED, updates: 1, quick: true }));
        expect(new Set(rows.map(({ training }) => training!.tried)).size).toBe(1);
        expect(new Set(rows.map(({ training }) => training!.steps)).size).toBe(1);
        for (const { cost, utility } of rows) {
          expect(Number.isFinite(utility)).toBe(true);
          expect(cost!.parameters).toBeGreaterThan(600_000);
        }
      }
    },
    180_000,
  );
});

/** Two families of ten requests each, and what one request of each is worth. */
function row(
  algorithm: ProductAlgorithm,
  seed: number,
  [a, b]: readonly [number, number],
  rest: Partial<ProductRow> = {},
): ProductRow {
  return {
    algorithm,
    world: "workload",
    seed,
    requests: 20,
    utility: (a + b) / 2,
    wrong: 0,
    wrongPerRequest: 0,
    wrongUpper95: 0.1,
    hits: 5,
    wrongPerHit: 0,
    servedShare: 0.5,
    allowedShare: 0.5,
    directShare: 0.5,
    p95DelaySeconds: 5,
    meanDelaySeconds: 2,
    regretInState: 0,
    families: { a: [10, 10 * a], b: [10, 10 * b] },
    training: null,
    threshold: null,
    cost: null,
    ...rest,
  };
}

describe("the rule that says what ships", () => {
  const shipped = [1, 2, 3].map((seed) =>
    row("DLRS", seed, [-0.5, -0.5], { cost: { parameters: 10, decisionMs: 2 } }),
  );
  const cheaper = { cost: { parameters: 9, decisionMs: 1 } };

  it("replaces what is shipped by what is worth more in every family and seed", () => {
    const better = [1, 2, 3].map((seed) => row("LRS", seed, [-0.4, -0.4 + seed / 100], cheaper));
    const verdict = shippingVerdict([...shipped, ...better]);
    // (0.1 + 0.1 + seed / 100) / 2 = 0.105, 0.11, 0.115
    expect(verdict.difference!.mean).toBeCloseTo(0.11, 12);
    // t(2) = 4.303, s = 0.005: 4.303 x 0.005 / sqrt(3) = 0.0124
    expect(verdict.difference!.overSeeds![0]).toBeCloseTo(0.0976, 4);
    expect(verdict.difference!.overFamilies[0]).toBeGreaterThan(0.09);
    expect(verdict).toMatchObject({ ships: "LRS", best: "LRS", tied: ["DLRS"], outOfBound: [] });
  });

  it("keeps what is shipped where one family pays for another, and names the quicker of the heads that tie", () => {
    const mixed = [1, 2, 3].map((seed) => row("LRS", seed, [-0.3, -0.6], cheaper));
    const verdict = shippingVerdict([...shipped, ...mixed]);
    expect(verdict.difference!.mean).toBeCloseTo(0.05, 12);
    expect(verdict.difference!.overFamilies[0]).toBeLessThan(0);
    expect(verdict).toMatchObject({ ships: "DLRS", best: "LRS", tied: ["LRS", "DLRS"] });
    expect(verdict.reason).toBe("LRS is worth most, but not surely more than DLRS");
  });

  it("lets one seed decide nothing", () => {
    const better = row("LRS", 1, [-0.1, -0.1], cheaper);
    expect(shippingVerdict([shipped[0]!, better])).toMatchObject({ ships: "DLRS", best: "LRS" });
  });

  it("leaves out what is wrong too often, and the oracle, however much they are worth", () => {
    const wrong = [1, 2, 3].map((seed) =>
      // 1 of 60 requests
      row("guards-alone", seed, [-0.1, -0.1], { wrong: Number(seed === 1), hits: 10 }),
    );
    const oracle = [1, 2, 3].map((seed) => row("feasible-oracle", seed, [0, 0]));
    const verdict = shippingVerdict([...shipped, ...wrong, ...oracle]);
    expect(verdict).toMatchObject({ ships: "DLRS", best: "DLRS", outOfBound: ["guards-alone"] });
    const table = productTable([...shipped, ...wrong, ...oracle]);
    expect(table.map(({ algorithm }) => algorithm)).toEqual([
      "DLRS",
      "guards-alone",
      "feasible-oracle",
    ]);
    expect(table[0]!.regret).toBeCloseTo(0.5, 12);
    expect(table[1]!.wrongPerHit).toBeCloseTo(1 / 30, 12);
  });

  it("takes out what is shipped when it is wrong too often and another is not, even one worth less", () => {
    const wrong = shipped.map((one) => Object.assign({}, one, { wrong: 1 }));
    const model = [1, 2, 3].map((seed) => row("always-model", seed, [-0.7, -0.7]));
    const verdict = shippingVerdict([...wrong, ...model]);
    expect(verdict).toMatchObject({ ships: "always-model", outOfBound: ["DLRS"] });
  });

  it("compares the same requests only", () => {
    const other = shipped.map((one) =>
      Object.assign({}, one, { families: { a: [10, -5], c: [10, -5] } }),
    );
    expect(() => differenceOf(shipped, other)).toThrow("not the same requests");
    expect(() => differenceOf(shipped, shipped.slice(1))).toThrow("are no pairs");
  });

  it("does not take topics of two synthetic worlds for one", () => {
    const world = "geometry" as const;
    const ours = [1, 2].map((seed) =>
      row("LRS", seed, seed === 1 ? [-0.4, -0.4] : [-0.6, -0.6], { world }),
    );
    const theirs = [1, 2].map((seed) => row("DLRS", seed, [-0.5, -0.5], { world }));
    // Four topics at +-0.1; as two they would cancel to an interval of no width.
    const { overFamilies } = differenceOf(ours, theirs);
    expect(overFamilies[0]).toBeLessThan(-0.04);
    expect(overFamilies[1]).toBeGreaterThan(0.04);
  });
});

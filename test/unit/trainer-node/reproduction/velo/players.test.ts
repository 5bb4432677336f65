import { describe, expect, test } from "vitest";
import { alphaAt, posterior } from "../../../../../src/policy/cache/error-budget.ts";
import { Random } from "../../../../../src/policy/random.ts";
import {
  entryThresholds,
  explorationShare,
} from "../../../../../src/trainer-node/reproduction/velo/entry-thresholds.ts";
import { greedyLlm } from "../../../../../src/trainer-node/reproduction/velo/greedy-llm.ts";
import { NormalEquations } from "../../../../../src/trainer-node/reproduction/velo/normal-equations.ts";
import {
  chooseAll,
  greedyRule,
  oracleOf,
  randomRule,
} from "../../../../../src/trainer-node/reproduction/velo/players.ts";
import { valueRegression } from "../../../../../src/trainer-node/reproduction/velo/value-regression.ts";
import { type Branch } from "../../../../../src/trainer-node/simulator/executed.ts";
import { actionOf, branch, executedOf, pendingWith } from "../../../../support/paper-pending.ts";

const seed = Number(process.env["SEED"] ?? 20_261_121);
console.log(`players seed ${seed}`);

describe("Greedy-theta", () => {
  test("calls the model beyond its threshold, and where there is no row", async () => {
    const pendings = [[0.29], [0.31], [0.9, 0.95], []].map((distances) => pendingWith(distances));
    const actions = await chooseAll(greedyRule(0.3), pendings);
    expect(actions.map(actionOf)).toEqual([1, 0, 0, 0]);
  });
});

describe("Greedy-LLM", () => {
  test("uses the cache within |q_B|, 0.5 at first", async () => {
    const player = greedyLlm();
    const outputs = await chooseAll(player, [
      pendingWith([0.49]),
      pendingWith([0.51]),
      pendingWith([]),
    ]);
    expect(outputs.map(actionOf)).toEqual([1, 0, 0]);
  });

  test("sets q_B after every whole period to the mean q of all direct answers so far", () => {
    const player = greedyLlm({ period: 3 });
    const pending = pendingWith([0.6]);
    const hear = (handling: "A" | "B" | "C", quality: number) =>
      player.observe!(executedOf(pending, 1, { handling, quality }));
    hear("B", -0.6);
    hear("A", -1.2);
    expect(player.directQuality).toBe(-0.5);
    hear("B", -0.8);
    // (-0.6 - 0.8) / 2
    expect(player.directQuality).toBeCloseTo(-0.7, 12);
    for (const quality of [-0.4, -0.4]) hear("B", quality);
    hear("C", -0.1);
    // (-0.6 - 0.8 - 0.4 - 0.4) / 4
    expect(player.directQuality).toBeCloseTo(-0.55, 12);
  });

  test("keeps q_B where nothing was called, and when it is frozen", () => {
    const player = greedyLlm({ period: 1 });
    player.observe!(executedOf(pendingWith([0.1]), 1, { handling: "A", quality: -0.1 }));
    expect(player.directQuality).toBe(-0.5);
    player.freeze!();
    player.observe!(executedOf(pendingWith([0.1]), 0, { quality: -0.9 }));
    expect(player.directQuality).toBe(-0.5);
  });
});

describe("Random", () => {
  test("tosses its own coin for every request and server, the same in every run", async () => {
    const pendings = Array.from({ length: 2000 }, (_, i) =>
      pendingWith([0.2], { index: Math.floor(i / 2), agent: i % 2 }),
    );
    const actions = (await chooseAll(randomRule(seed), pendings)).map(actionOf);
    expect((await chooseAll(randomRule(seed), pendings.toReversed())).map(actionOf)).toEqual(
      actions.toReversed(),
    );
    const heads = actions.filter((action) => action === 1).length;
    // Five standard deviations of 2000 coins: 5 sqrt(2000 / 4) = 112.
    expect(Math.abs(heads - 1000)).toBeLessThan(112);
    const alike = pendings.filter((_, i) => i % 2 === 1 && actions[i] === actions[i - 1]).length;
    expect(Math.abs(alike - 500)).toBeLessThan(80);
  });
});

describe("oracles", () => {
  const wrong = branch({ handling: "A", correct: false, utility: -1.2 });
  const slightlyWorse = branch({ handling: "A", utility: -1.5 });
  const choice = async (
    cache: Branch,
    options: { readonly isFeasible: boolean; readonly directPenalty: number },
  ) =>
    actionOf(await oracleOf({ name: "oracle", ...options }).choose(pendingWith([0.2], { cache })));

  test("take what is worth more, wrong or not", async () => {
    // -1.2 against -1.3
    expect(await choice(wrong, { isFeasible: false, directPenalty: 0 })).toBe(1);
    expect(await choice(slightlyWorse, { isFeasible: false, directPenalty: 0 })).toBe(0);
  });

  test("never serve a wrong answer where they must be feasible", async () => {
    expect(await choice(wrong, { isFeasible: true, directPenalty: 0 })).toBe(0);
    expect(await choice(wrong, { isFeasible: true, directPenalty: 0.6 })).toBe(0);
  });

  test("of the paper's reward take phi3 off a direct call", async () => {
    // -1.5 against -1.3 - 0.6
    expect(await choice(slightlyWorse, { isFeasible: false, directPenalty: 0.6 })).toBe(1);
  });
});

describe("per-entry thresholds", () => {
  test("explore with tau = 1 - delta / (1 - alpha), never below 0", () => {
    // 1 - 0.02 / 0.1, 1 - 0.02 / 0.02, 1 - 0.02 / 0.01 < 0
    expect(explorationShare(0.9, 0.02)).toBeCloseTo(0.8, 12);
    expect(explorationShare(0.98, 0.02)).toBeCloseTo(0, 12);
    expect(explorationShare(0.99, 0.02)).toBe(0);
    expect(explorationShare(1, 0.02)).toBe(0);
  });

  /** How often a row is served after so many labels of one kind. */
  async function servedShare(labels: number, isRight: boolean): Promise<number> {
    const player = entryThresholds({ mode: "paper", seed });
    const cache = branch({ handling: "A", correct: isRight });
    let index = 0;
    for (let seen = 0; seen < labels; index++) {
      const pending = pendingWith([0.2], { index, cache });
      const action = actionOf(await player.choose(pending));
      player.observe!(executedOf(pending, action as 0 | 1));
      seen += Number(action === 0);
      // So many right labels that it stopped exploring.
      if (index > 5000) break;
    }
    player.freeze!();
    const tests = Array.from({ length: 400 }, (_, i) =>
      pendingWith([0.2], { index: 100_000 + i, cache }),
    );
    return (await chooseAll(player, tests)).filter((one) => actionOf(one) === 1).length / 400;
  }

  test("serve as often as the row's posterior allows", async () => {
    for (const labels of [0, 4, 16]) {
      const seen = Array.from({ length: labels }, () => ({ distance: 0.2, correct: 1 as const }));
      const expected = 1 - explorationShare(alphaAt(posterior(seen), 0.2), 0.02);
      // Five standard deviations of 400 draws are at most 0.125.
      expect(Math.abs((await servedShare(labels, true)) - expected)).toBeLessThan(0.125);
    }
  });

  test("serve a row more after it was right, and hardly after it was wrong", async () => {
    const unknown = await servedShare(0, true);
    expect(await servedShare(60, true)).toBeGreaterThan(unknown + 0.2);
    expect(await servedShare(10, false)).toBeLessThan(0.07);
  });

  test("learn nothing from notes, and nothing before the call has ended", async () => {
    for (const handling of ["A", "C"] as const) {
      const player = entryThresholds({ mode: "paper", seed });
      const some = Array.from({ length: 100 }, (_, index) =>
        pendingWith([0.2], { index, cache: branch({ handling, correct: false }) }),
      );
      const served = async () =>
        (await chooseAll(player, some)).filter((one) => actionOf(one) === 1).length;
      const before = await served();
      expect(before).toBeGreaterThan(5);
      expect(await served()).toBe(before);
      for (const pending of some) player.observe!(executedOf(pending, 0));
      const after = await served();
      expect({ isLess: after < before, isEqual: after === before }).toEqual({
        isLess: handling === "A",
        isEqual: handling === "C",
      });
    }
  });

  test("leave answer rows and empty databases to the model", async () => {
    const player = entryThresholds({ mode: "paper", seed, delta: 1 });
    const outputs = await chooseAll(player, [
      pendingWith([0.2]),
      pendingWith([0.2], { rows: [{ role: 2 }] }),
      pendingWith([]),
    ]);
    // delta = 1 explores never.
    expect(outputs.map(actionOf)).toEqual([1, 0, 0]);
  });

  test("are the guards' own in the product: the proposal is always the cache", async () => {
    const player = entryThresholds({ mode: "product", seed });
    expect(actionOf(await player.choose(pendingWith([1.9])))).toBe(1);
  });
});

describe("value regression", () => {
  test("solves the normal equations of a ridge", () => {
    // x = (1, 0), (1, 1), (1, 2), y = 1, 3, 5, ridge 1: [[4, 3], [3, 6]] w = (9, 13) -> w = (15, 25) / 15
    const equations = new NormalEquations(2);
    for (const [x, y] of [
      [0, 1],
      [1, 3],
      [2, 5],
    ] as const)
      equations.add(Float64Array.of(1, x), y);
    const [w0, w1] = equations.solve(1);
    expect(w0).toBeCloseTo(1, 12);
    expect(w1).toBeCloseTo(5 / 3, 12);
    expect([...new NormalEquations(2).solve(1)]).toEqual([0, 0]);
  });

  /** Plays a world in which the cache is worth -2 d and the model -0.6, and learns from it. */
  async function learnt(directPenalty = 0) {
    const player = valueRegression({ mode: "paper", seed, directPenalty, projection: 8 });
    const random = new Random(seed);
    for (let index = 0; index < 600; index++) {
      const distance = random.uniform();
      const pending = pendingWith([distance], { index });
      const action = actionOf(await player.choose(pending)) as 0 | 1;
      player.observe!(
        executedOf(pending, action, { utility: action === 1 ? -2 * distance : -0.6 }),
      );
    }
    player.freeze!();
    return player;
  }

  test("finds the distance at which the model becomes better", async () => {
    const outputs = await chooseAll(await learnt(), [pendingWith([0.2]), pendingWith([0.4])]);
    // 2 d = 0.6 at d = 0.3
    expect(outputs.map(actionOf)).toEqual([1, 0]);
  });

  test("lets the cache go further where direct calls are charged", async () => {
    const player = await learnt(0.3);
    // 2 d = 0.6 + 0.3 at d = 0.45
    const outputs = await chooseAll(player, [pendingWith([0.35]), pendingWith([0.55])]);
    expect(outputs.map(actionOf)).toEqual([1, 0]);
    const { observation } = pendingWith([0.35]);
    expect(player.predict(observation)![0]).toBeCloseTo(-0.9, 1);
    expect(player.predict(observation)![1]).toBeCloseTo(-0.7, 1);
  });

  test("tosses a coin before it knows anything, and does not explore once it is frozen", async () => {
    const fresh = valueRegression({ mode: "paper", seed, projection: 8 });
    const pendings = Array.from({ length: 200 }, (_, index) => pendingWith([0.2], { index }));
    const coins = (await chooseAll(fresh, pendings)).map(actionOf);
    expect(new Set(coins).size).toBe(2);
    const sure = (await chooseAll(await learnt(), pendings)).map(actionOf);
    expect(new Set(sure)).toEqual(new Set([1]));
  });
});

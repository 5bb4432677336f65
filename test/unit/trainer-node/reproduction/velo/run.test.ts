import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openBackend } from "../../../../../src/trainer-node/graph/backend.ts";
import { constructionChecks } from "../../../../../src/trainer-node/reproduction/velo/checks.ts";
import {
  type RunParams,
  slug,
} from "../../../../../src/trainer-node/reproduction/velo/experiments.ts";
import { type RunResult } from "../../../../../src/trainer-node/reproduction/velo/figures.ts";
import { runGrid } from "../../../../../src/trainer-node/reproduction/velo/grid.ts";
import { VeloResults } from "../../../../../src/trainer-node/reproduction/velo/results.ts";
import {
  type RunContext,
  runAlgorithm,
} from "../../../../../src/trainer-node/reproduction/velo/run.ts";
import { OMEGA, PAPER_WORLD } from "../../../../../src/trainer-node/reproduction/velo/settings.ts";

const seed = 3;
const world = { ...PAPER_WORLD, servers: 2, topics: 60, strangers: 20, prefill: 10 };
const params = (algorithm: string, rest: Partial<RunParams> = {}): RunParams => ({
  algorithm,
  world,
  seed,
  updates: 2,
  learning: {
    samplesPerAgent: 20,
    epochs: 1,
    minibatchSize: 20,
    maxAccesses: 2,
    demonstrations: 20,
    demonstrationBatch: 4,
  },
  testRequests: 20,
  omegas: [OMEGA],
  change: {},
  executions: ["sampled"],
  ...rest,
});

let context: RunContext;
const done = new Map<string, RunResult>();
beforeAll(async () => {
  console.log(`seed ${seed}`);
  context = {
    backend: await openBackend("cpu", { threads: 1 }),
    weights: mkdtempSync(join(tmpdir(), "velo-weights-")),
  };
  for (const algorithm of ["Greedy-0.5", "LRS", "G-MAPPO"])
    done.set(
      algorithm,
      await runAlgorithm(
        params(algorithm, { ...(algorithm === "LRS" && { keepWeights: "lrs" }) }),
        context,
      ),
    );
}, 60_000);
afterAll(() => done.clear());

const tests = ["similar-nearest", "similar-all", "new-nearest", "new-all"];

test("a run has a curve, four tests and a database, and every figure is a number", () => {
  for (const [algorithm, run] of done) {
    expect(Object.keys(run.tests).toSorted()).toEqual(
      tests.map((name) => `${name}/sampled`).toSorted(),
    );
    // 2 updates of 20 slots, one point for all of them: fewer than the recording interval.
    expect(run.curve).toHaveLength(1);
    expect(run.curve[0]!.requests).toBe(2 * 20 * 2);
    expect(run.entries).toHaveLength(2);
    expect(run.parameters === 0).toBe(algorithm === "Greedy-0.5");
    for (const figures of Object.values(run.tests)) {
      expect(figures.requests).toBe(20);
      const { wrongPerHit, ...numbers } = figures;
      for (const value of [...Object.values(numbers), ...run.greedyDirect, wrongPerHit ?? 0])
        expect(value).toSatisfy(Number.isFinite);
      expect(figures.served + figures.augmented + figures.called).toBeCloseTo(1, 9);
      // reward = 10 (q - omega d - phi3 [direct]); with the nearest server alone shares and means are of the same answers.
      expect(figures.qos).toBeCloseTo(10 * (figures.satisfaction - OMEGA * figures.delay), 9);
    }
    const nearest = run.tests["similar-nearest/sampled"]!;
    expect(nearest.reward).toBeCloseTo(nearest.qos - 6 * nearest.direct, 9);
  }
});

test("equal parameters give equal figures", async () => {
  const again = await runAlgorithm(params("LRS"), context);
  expect(again.tests).toEqual(done.get("LRS")!.tests);
  expect(again.curve).toEqual(done.get("LRS")!.curve);
});

test("what must hold by construction holds for runs and for a setting of the grid that goes on from kept weights", async () => {
  const grid = await runGrid(
    { ...params("LRS"), index: 0, rules: ["Always-A"], learned: { LRS: "lrs" } },
    context,
  );
  expect(Object.keys(grid.algorithms)).toEqual(["Always-A", "LRS"]);
  const record = (id: string, kind: string, result: unknown) => ({
    id,
    kind,
    params: { seed },
    key: "",
    commit: "abc",
    seconds: 1,
    result,
  });
  const checks = constructionChecks(
    new VeloResults([
      ...[...done].map(([name, run]) => record(`headline-${slug(name)}-${seed}`, "run", run)),
      record("grid-000", "grid", grid),
    ]),
  );
  expect(checks.map(({ id, verdict }) => [id, verdict])).toEqual(
    ["C1", "C2", "C3", "C4", "C5"].map((id) => [id, "pass"]),
  );
});

test("a broken figure fails the check that it breaks", () => {
  const run = done.get("LRS")!;
  const [name, figures] = Object.entries(run.tests)[0]!;
  const broken = (change: object, ofRun: object = {}): readonly string[] => {
    const result = { ...run, ...ofRun, tests: { [name]: { ...figures, ...change } } };
    const record = {
      id: "a",
      kind: "run",
      params: { seed },
      key: "",
      commit: "",
      seconds: 1,
      result,
    };
    return constructionChecks(new VeloResults([record]))
      .filter(({ verdict }) => verdict === "fail")
      .map(({ id }) => id);
  };
  expect(broken({ qos: figures.oracleQos + 0.1 })).toEqual(["C1"]);
  expect(broken({ impossible: 1 })).toEqual(["C2"]);
  expect(broken({}, { greedyDirect: [0.1, 0.2, 0] })).toEqual(["C3"]);
  expect(broken({ feasibleQos: figures.oracleQos + 0.1 })).toEqual(["C4"]);
});

import { expect, test } from "vitest";
import { CLAIMS } from "../../../../../src/trainer-node/reproduction/velo/claims.ts";
import { veloJobs } from "../../../../../src/trainer-node/reproduction/velo/experiments.ts";
import { type TestFigures } from "../../../../../src/trainer-node/reproduction/velo/figures.ts";
import { judgeClaims } from "../../../../../src/trainer-node/reproduction/velo/judge.ts";
import { VeloResults } from "../../../../../src/trainer-node/reproduction/velo/results.ts";
import {
  FULL,
  QUICK,
  gridWorlds,
} from "../../../../../src/trainer-node/reproduction/velo/settings.ts";

const figures = (reward: number, satisfaction: number): TestFigures => ({
  requests: 10,
  reward,
  qos: reward,
  satisfaction,
  delay: 1,
  p95Delay: 2,
  direct: 0.5,
  served: 0.5,
  augmented: 0,
  called: 0.5,
  wrongPerRequest: 0,
  wrongPerHit: 0,
  callsPerRequest: 0.5,
  oracleQos: 0,
  oracleReward: 0,
  feasibleQos: 0,
  impossible: 0,
});

/** A run of `algorithm` whose figures are the same in every test. */
const record = (algorithm: string, seed: number, reward: number, satisfaction: number) => ({
  id: `headline-${algorithm.toLowerCase()}-${seed}`,
  kind: "run",
  params: { algorithm, seed },
  key: "",
  commit: "abc",
  seconds: 1,
  result: {
    curve: [],
    tests: Object.fromEntries(
      ["similar-nearest", "similar-all", "new-nearest", "new-all"].map((name) => [
        `${name}/sampled`,
        figures(reward, satisfaction),
      ]),
    ),
    greedyDirect: [1, 0.5, 0],
    demonstrations: 0,
    entries: [],
    parameters: 0,
    trainingSeconds: 1,
  },
});

test("a claim is judged over the seeds that ran all it needs, and left out where none did", () => {
  // Rewards of DLRS minus T-MAPPO: 1, 2, 3. Mean 2, s = 1, t(2) = 4.303: 2 -+ 4.303 / sqrt 3 = -0.48 to 4.48.
  const records = [1, 2, 3].flatMap((seed) => [
    record("DLRS-L10", seed, -10 + seed, -0.5),
    record("T-MAPPO", seed, -10, -0.6),
  ]);
  const results = new VeloResults([...records, record("T-MAPPO", 4, -10, -0.6)]);
  const claims = judgeClaims(results);
  const s1a = claims.find(({ id }) => id === "S1a")!;
  expect(s1a.estimate).toBeCloseTo(2, 12);
  expect(s1a.interval![0]).toBeCloseTo(2 - 4.302_65 / Math.sqrt(3), 4);
  expect(s1a.verdict).toBe("undecided");
  expect(s1a.jobs).toHaveLength(6);
  // (-0.5 - -0.6) / 0.6 in every seed: an interval without width.
  const n9 = claims.find(({ id }) => id === "N9 T-MAPPO")!;
  expect(n9.ours).toBe("16.7 % (16.7 to 16.7)");
  expect(n9.verdict).toBe("agrees");
  expect(claims.map(({ id }) => id)).toEqual(["S1a", "N9 T-MAPPO", "N11 T-MAPPO"]);
});

test("claims have names of their own, and every one is of the paper's list", () => {
  const ids = CLAIMS.map(({ id }) => id);
  expect(new Set(ids).size).toBe(ids.length);
  for (const id of ids) expect(id).toMatch(/^(S[1-7][a-d]?|N(8|9|1[0-7]|20)( .+)?)$/);
  for (const shape of ["S1", "S2", "S3", "S4", "S5", "S6", "S7"])
    expect(ids.some((id) => id.startsWith(shape))).toBe(true);
});

test("jobs have names of their own; a grid has at least a hundred settings, all different", () => {
  for (const scale of [FULL, QUICK]) {
    const ids = veloJobs(scale).map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
  }
  const worlds = gridWorlds().map((world) => JSON.stringify(world));
  expect(new Set(worlds).size).toBe(worlds.length);
  expect(worlds.length).toBeGreaterThanOrEqual(100);
});

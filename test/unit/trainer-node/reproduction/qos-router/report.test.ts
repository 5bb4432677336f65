// Jobs, claims and report, on trainings of a few updates and runs of a few requests.
import { copyFileSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { constructionChecks } from "../../../../../src/trainer-node/reproduction/qos-router/checks.ts";
import { CLAIMS } from "../../../../../src/trainer-node/reproduction/qos-router/claims.ts";
import {
  qosRouterJobs,
  type RunParams,
  trainingId,
} from "../../../../../src/trainer-node/reproduction/qos-router/experiments.ts";
import {
  type RunResult,
  type TrainResult,
} from "../../../../../src/trainer-node/reproduction/qos-router/figures.ts";
import {
  isWorthShipping,
  judge,
} from "../../../../../src/trainer-node/reproduction/qos-router/judge.ts";
import {
  hasWeights,
  NETWORK_NAMES,
  NETWORKS,
  readNetwork,
} from "../../../../../src/trainer-node/reproduction/qos-router/networks.ts";
import { qosRouterReport } from "../../../../../src/trainer-node/reproduction/qos-router/qos-router-report.ts";
import { QosRouterResults } from "../../../../../src/trainer-node/reproduction/qos-router/results.ts";
import { qosRouterRunner } from "../../../../../src/trainer-node/reproduction/qos-router/run-job.ts";
import {
  FULL,
  gridSettings,
  QUICK,
  RATES,
} from "../../../../../src/trainer-node/reproduction/qos-router/settings.ts";
import { renderReport } from "../../../../../src/trainer-node/reproduction/report/markdown-report.ts";
import { type JobRecord } from "../../../../../src/trainer-node/reproduction/results-folder.ts";

const TINY = {
  ...QUICK,
  trainingSteps: 104,
  randomSteps: 100,
  requests: 12,
  gridRequests: 12,
  gridStride: 36,
};
const folder = mkdtempSync(join(tmpdir(), "velo-qos-router-"));
const weights = join(folder, "weights");
const trace = join(folder, "trace.jsonl");
const TRACE = { name: "trace.jsonl", digest: "0" };
const JOBS = qosRouterJobs({ scale: TINY, trace: TRACE });
let records: readonly JobRecord<RunResult | TrainResult>[] = [];

beforeAll(async () => {
  const lines = Array.from({ length: 70 }, (_, i) =>
    JSON.stringify({ t: i + (i % 3), prompt_tokens: 900, output_tokens: 60 }),
  );
  writeFileSync(trace, lines.join("\n"));
  const run = qosRouterRunner({ weights, trace });
  const done: JobRecord<RunResult | TrainResult>[] = [];
  // One network of each kind is trained; the others are its copies.
  const trained = new Map<string, RunResult | TrainResult>();
  for (const job of JOBS) {
    const network = NETWORK_NAMES.find((name) => job.id === trainingId(name));
    const kind = network === undefined ? "" : NETWORKS[network].encoder;
    const known = trained.get(kind);
    if (known !== undefined)
      copyFileSync(join(weights, `${kind}.bin`), join(weights, `${network}.bin`));
    const result = known ?? (await run(job));
    if (kind !== "") trained.set(kind, result);
    done.push({ ...job, key: "", commit: "abc", seconds: 1, result });
  }
  records = done;
}, 60_000);

afterAll(() => rmSync(folder, { recursive: true, force: true }));

test("the full run has every rate at both workloads, every fleet and 72 settings, and no id twice", () => {
  for (const given of [null, TRACE]) {
    const jobs = qosRouterJobs({ scale: FULL, trace: given });
    const ids = jobs.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    const real = given === null ? "bursty" : "trace";
    for (const rate of RATES)
      for (const seed of FULL.seeds)
        expect(ids).toEqual(
          expect.arrayContaining([`poisson-r${rate}-${seed}`, `${real}-r${rate}-${seed}`]),
        );
    expect(ids.filter((id) => id.startsWith("fleet-"))).toHaveLength(4 * FULL.seeds.length);
    expect(ids.filter((id) => id.startsWith("grid-"))).toHaveLength(72);
    expect(gridSettings()).toHaveLength(72);
    for (const { needs = [] } of jobs) expect(ids).toEqual(expect.arrayContaining([...needs]));
  }
});

test("another training, or another trace, makes the runs that depend on it anew", () => {
  const paramsOf = (id: string, ...given: Parameters<typeof qosRouterJobs>) =>
    JSON.stringify(qosRouterJobs(...given).find((job) => job.id === id)!.params);
  const longer = { scale: { ...TINY, trainingSteps: 105 }, trace: TRACE };
  const other = { scale: TINY, trace: { ...TRACE, digest: "1" } };
  const base = { scale: TINY, trace: TRACE };
  for (const id of ["poisson-r3-1", "grid-000"]) {
    expect(paramsOf(id, longer)).not.toBe(paramsOf(id, base));
    expect(paramsOf(id, other)).toBe(paramsOf(id, base));
  }
  expect(paramsOf("trace-r3-1", other)).not.toBe(paramsOf("trace-r3-1", base));
});

describe("trainings", () => {
  test("leave weights that decide, and an ONNX file that says the same in any order", () => {
    const { result } = records.find(({ id }) => id === "train-graph") as JobRecord<TrainResult>;
    expect(result.updates).toBe(2);
    expect(result.exported!.states).toBeGreaterThanOrEqual(40);
    expect(result.exported!.fileDifference).toBeLessThan(1e-4);
    expect(result.exported!.orderDifference).toBeLessThan(1e-4);
    expect(readdirSync(weights)).toContain("graph.onnx");
    expect(statSync(join(weights, "graph.bin")).size).toBe(4 * result.parameters);
    expect(hasWeights(weights, "graph")).toBe(true);
    expect(hasWeights(weights, "nobody")).toBe(false);
  });

  test("weights of another network are refused, and missing ones named", () => {
    copyFileSync(join(weights, "flat.bin"), join(folder, "graph.bin"));
    expect(() => readNetwork(folder, "graph")).toThrow("weights of another network");
    expect(() => readNetwork(folder, "flat")).toThrow("train-flat");
  });

  test("of the same job are the same", async () => {
    const job = JOBS.find(({ id }) => id === "train-flat")!;
    const { result } = records.find(({ id }) => id === job.id) as JobRecord<TrainResult>;
    const again = await qosRouterRunner({ weights: join(folder, "again"), trace: null })(job);
    expect({ ...again, seconds: 0 }).toEqual({ ...result, seconds: 0 });
  });
});

const changed = (router: string, change: object, of = records): typeof records =>
  of.map((record) => {
    const { figures, ...rest } = record.result as RunResult;
    const own = figures?.[router];
    if (own === undefined) return record;
    return {
      ...record,
      result: { ...rest, figures: { ...figures, [router]: { ...own, ...change } } },
    };
  });

describe("judging", () => {
  const judged = (some: readonly JobRecord[]) => judge(new QosRouterResults(some));
  const verdictOf = (id: string, some: readonly JobRecord[]) =>
    judged(some).find((claim) => claim.id === id)!.verdict;

  test("all claims have names of their own and are judged, with the jobs they come from", () => {
    const ids = CLAIMS.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    const claims = judged(records);
    expect(claims.map(({ id }) => id).toSorted()).toEqual(ids.toSorted());
    expect(claims.find(({ id }) => id === "T1 real high")!.jobs).toEqual([
      "trace-r5-1",
      "trace-r5-2",
    ]);
    const twin = claims.find(({ id }) => id === "O5 medium")!;
    expect(twin.jobs).toContain("again-poisson-r3-1");
    expect(claims.find(({ id }) => id === "O3 8")!.jobs).toContain("fleet-8-2");
    expect(claims.find(({ id }) => id === "T1 poisson medium")!.gridShare!.of).toBe(2);
    expect(twin.gridShare).toBeNull();
  });

  test("a network above everybody agrees and is worth shipping; one below differs and is not", () => {
    // So far off that two seeds are enough.
    const best = changed("graph", { meanQos: 99 });
    const worst = changed("graph", { meanQos: -99 });
    for (const id of ["T1 poisson medium", "T6 real high", "O1 real high", "O3 8"]) {
      expect(verdictOf(id, best)).toBe("agrees");
      expect(verdictOf(id, worst)).toBe("differs");
    }
    expect(verdictOf("T1 poisson low", worst)).toBe("differs");
    expect(isWorthShipping(judged(best))).toBe(true);
    expect(isWorthShipping(judged(worst))).toBe(false);
    expect(isWorthShipping(judged([]))).toBeNull();
  });

  test("without a trace the bursty process takes its place", () => {
    const some = records.filter(({ params }) => (params as RunParams).arrivals !== "trace");
    const results = new QosRouterResults(some);
    expect([results.realArrivals, results.trace]).toEqual(["bursty", "trace.jsonl"]);
    expect(new QosRouterResults(records).realArrivals).toBe("trace");
  });

  test("checks pass, and fail where a request is lost, a score made up or a request dropped that must not be", () => {
    const failed = (some: readonly JobRecord[]) =>
      constructionChecks(new QosRouterResults(some))
        .filter(({ verdict }) => verdict === "fail")
        .map(({ id }) => id);
    expect(constructionChecks(new QosRouterResults(records))).toHaveLength(6);
    expect(failed(records)).toEqual([]);
    expect(failed(changed("oracle", { refused: 0.5 }))).toEqual(["C1"]);
    expect(failed(changed("oracle", { meanQos: 0.99 }))).toEqual(["C2"]);
    expect(failed(changed("random", { dropped: 1e-6 }))).toEqual(["C3"]);
    expect(failed(changed("graph-reordered", { meanQos: 0 }))).toEqual(["C4"]);
    const train = (change: Partial<TrainResult>) =>
      records.map((record) =>
        record.id === "train-flat"
          ? { ...record, result: { ...record.result, ...change } }
          : record,
      );
    const exported = { states: 1, fileDifference: 0.1, orderDifference: 0 };
    expect(failed(train({ exported }))).toEqual(["C5"]);
    expect(failed(train({ refused: 1 }))).toEqual(["C6"]);
  });
});

describe("report", () => {
  const made = (some: readonly JobRecord[]) => {
    const results = new QosRouterResults(some);
    const claims = [...judge(results), ...constructionChecks(results)];
    const command = "npm run reproduce -- qos-router";
    return renderReport(qosRouterReport({ results, claims, command, run: "In no time." }));
  };

  test("every experiment has its page, and the trace its name", () => {
    const files = made(records);
    expect([...files.keys()].filter((name) => name.endsWith(".md")).toSorted()).toEqual([
      "README.md",
      "ablations.md",
      "claim-files.md",
      "grid.md",
      "loads.md",
      "training.md",
    ]);
    expect(files.get("README.md")).toContain("`trace.jsonl`");
    expect(files.get("README.md")).not.toContain(folder);
    for (const title of ["Poisson", "Trace", "Bursty", "Whole-trace"])
      expect(files.get("loads.md")).toContain(`## ${title} arrivals`);
    expect(files.get("ablations.md")).toContain("More experts without training again");
    expect(files.get("training.md")).toContain("plots/curve-qos.svg");
  });

  test("says which rule is shipped: the simple one unless the network beats it everywhere", () => {
    expect(made(changed("graph", { meanQos: 99 })).get("README.md")).toContain(
      "**The network beats every simple rule**",
    );
    const tied = changed("priced-or-drop", { meanQos: 99 });
    const equal = made(changed("graph", { meanQos: 99 }, tied)).get("README.md");
    expect(equal).toContain("**The network is nowhere surely above a simple rule**");
    expect(equal).toContain("surely above that rule's in 0 of 4 places and surely below it in 0");
    expect(equal).toContain("ships a simple rule, `quality-first`");
    const better = made(changed("graph-2", { meanQos: -99 }, tied)).get("README.md");
    expect(better).toContain("**A simple rule does as well as the network, or better**");
    const lucky = changed("graph-2", { meanQos: -99 }, changed("graph", { meanQos: 99 }));
    expect(made(lucky).get("README.md")).toContain("O1 real high -99.");
    const beaten = made(changed("graph", { meanQos: -99 })).get("README.md");
    expect(beaten).toContain("**A simple rule does as well as the network, or better**");
    expect(beaten).toContain("ships a simple rule, `quality-first`");
  });

  test("of a part of the jobs what there is is written", () => {
    const files = made(records.filter(({ id }) => /^train-flat$|^poisson-r3-1$/.test(id)));
    expect(files.has("grid.md")).toBe(false);
    expect(files.get("loads.md")).toContain("| graph |");
    expect(files.get("README.md")).toContain("was not judged in this run");
    expect(made([]).get("README.md")).toContain("QoS-aware routing reproduced");
  });
});

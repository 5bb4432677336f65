import { describe, expect, test } from "vitest";
import { Random } from "../../../src/policy/random.ts";
import { deviationOf, meanOf, quantile } from "../../../src/trainer-node/intervals.ts";
import {
  type EvaluationLog,
  type LoggedDecision,
  bootstrap,
  effectiveSizes,
  estimate,
  evaluationLog,
  executedProbabilities,
  wrongHits,
} from "../../../src/trainer-node/off-policy.ts";
import { crossFitted } from "../../../src/trainer-node/reward-model.ts";
import {
  EPSILON,
  byDistance,
  syntheticLog,
  trueValue,
  trueWrong,
  upTo,
} from "../../support/synthetic-log.ts";

/** Seeds of the statistical tests; 200 takes half a minute. */
const SEEDS = Number(process.env["VELO_SEEDS"] ?? 60);

const decision = (change: Partial<LoggedDecision>): LoggedDecision => ({
  f: new Float32Array(768),
  c: new Float32Array(30),
  omega: -1,
  action: 1,
  mu: 0.5,
  probs: [0.5, 0.5],
  reward: 0,
  at: 0,
  region: "eu",
  tenant: "acme",
  group: "g",
  handling: "A",
  label: null,
  ...change,
});

/** A log whose reward model says `model` for every action of every decision. */
const logOf = (decisions: readonly LoggedDecision[], model = 0): EvaluationLog => ({
  decisions,
  actions: 2,
  clusters: Int32Array.from(decisions, (_, i) => i),
  clusterCount: decisions.length,
  rewardModel: new Float64Array(2 * decisions.length).fill(model),
});

const always = byDistance(() => 1);

describe("by hand", () => {
  // A policy that always proposes the cache executes it with 0.98: weights 0.98 / 0.5, 0.02 / 0.5, 0.98 / 0.98.
  const three = [
    decision({ action: 1, mu: 0.5, reward: -0.4, region: "eu" }),
    decision({ action: 0, mu: 0.5, reward: -0.6, region: "eu" }),
    decision({ action: 1, mu: 0.98, reward: -0.2, region: "us" }),
  ];
  const ours = estimate(logOf(three, -0.5), always, EPSILON);

  test("weights are executed over logged probabilities", () => {
    for (const [i, weight] of [1.96, 0.04, 1].entries())
      expect(ours.weights[i]).toBeCloseTo(weight, 12);
    expect(ours.meanWeight).toBeCloseTo(1, 12);
  });

  test("IPS, SNIPS and DR", () => {
    // 1.96 * -0.4 + 0.04 * -0.6 + 1 * -0.2 = -1.008, over 3 decisions or a weight of 3.
    expect(ours.ips).toBeCloseTo(-0.336, 12);
    expect(ours.snips).toBeCloseTo(-0.336, 12);
    // Terms -0.5 + w (r + 0.5): -0.304, -0.504, -0.2.
    expect([...ours.drTerms].map((term) => Math.round(term * 1e6) / 1e6)).toEqual([
      -0.304, -0.504, -0.2,
    ]);
    expect(ours.dr).toBeCloseTo(-0.336, 12);
  });

  test("effective size, overall and in each region, and the share of the heaviest decision", () => {
    // 3^2 / (3.8416 + 0.0016 + 1) = 1.85828; eu: 2^2 / 3.8432 = 1.04080; us: 1.
    expect(ours.effectiveSize).toBeCloseTo(1.85828, 4);
    const regions = effectiveSizes(logOf(three), ours);
    expect(regions.get("eu")!.effectiveSize).toBeCloseTo(1.0408, 4);
    expect(regions.get("us")).toEqual({ decisions: 1, effectiveSize: 1 });
    // 1 % of three decisions is rounded up to one: 1.96 / 3.
    expect(ours.topShare).toBeCloseTo(1.96 / 3, 12);
  });

  test("what is not finite is executed as a direct call, and a masked action never", () => {
    const broken = () => Float32Array.of(Number.NaN, 0.5);
    expect(executedProbabilities(broken, three[0]!, EPSILON)).toEqual([1, 0]);
    const uniform = () => Float32Array.of(0.25, 0.25, 0.5);
    // Of B, C, A the log denies A: halves, with a floor of 0.02 under two open actions.
    const masked = decision({ probs: [0.9, 0.1, 0] });
    const [direct, notes, answer] = executedProbabilities(uniform, masked, EPSILON);
    expect(direct).toBeCloseTo(0.96 * 0.5 + 0.02, 6);
    expect(notes).toBeCloseTo(0.5, 6);
    expect(answer).toBe(0);
  });

  test("wrong hits: sampled labels weigh 1 / p, complaints count once, praise not at all", () => {
    const half = { samplingProbability: 0.5 };
    const log = logOf([
      decision({ label: { correct: 1, ...half } }),
      decision({ label: { correct: 0, ...half } }),
      decision({ label: { correct: 0, samplingProbability: null } }),
      decision({ label: { correct: 1, samplingProbability: null } }),
      decision({ action: 0, handling: "B", label: { correct: 0, ...half } }),
    ]);
    const hits = wrongHits(log, estimate(log, always, EPSILON));
    // w = 1.96 each: hits 4 * 1.96 / 5; wrong (2 + 1) of (2 + 2 + 1) times 1.96; (2 + 2 + 1)^2 / (4 + 4 + 1) = 2.78.
    expect(hits.hitShare).toBeCloseTo(1.568, 12);
    expect(hits.wrongPerHit).toBeCloseTo(0.6, 12);
    expect(hits.labelled).toBe(3);
    expect(hits.effectiveLabelled).toBeCloseTo(25 / 9, 12);
    const unlabelled = logOf([decision({})]);
    expect(wrongHits(unlabelled, estimate(unlabelled, always, EPSILON))).toMatchObject({
      wrongPerHit: null,
      wrongPerHitUpper: 1,
    });
  });
});

describe("the reward model", () => {
  /** reward = -0.5 + 0.2 c[20] for action 1, -0.3 for action 0; fold by parity. */
  function linear(n: number) {
    const random = new Random(5);
    const log = Array.from({ length: n }, (_, i) => {
      const c = Float32Array.from({ length: 30 }, () => random.uniform());
      const action = i % 4 < 2 ? 0 : 1;
      return decision({ c, action, reward: action === 1 ? -0.5 + 0.2 * c[20]! : -0.3 });
    });
    return { log, folds: Uint8Array.from(log, (_, i) => i % 2) };
  }

  test("finds what is linear in the other fold", () => {
    const { log, folds } = linear(800);
    const predicted = crossFitted(log, folds, 2);
    for (const [i, { c }] of log.entries()) {
      expect(Math.abs(predicted[2 * i]! - -0.3)).toBeLessThan(0.01);
      expect(Math.abs(predicted[2 * i + 1]! - (-0.5 + 0.2 * c[20]!))).toBeLessThan(0.02);
    }
  });

  test("has not seen the fold that it explains", () => {
    const { log, folds } = linear(80);
    const before = crossFitted(log, folds, 2);
    const shifted = log.map((d, i) => decision({ ...d, reward: d.reward - 100 * (1 - folds[i]!) }));
    const after = crossFitted(shifted, folds, 2);
    const changes = (fold: number) =>
      log.flatMap((_, i) => (folds[i] === fold ? after[2 * i + 1]! - before[2 * i + 1]! : []));
    expect(new Set(changes(0))).toEqual(new Set([0]));
    expect(Math.max(...changes(1))).toBeLessThan(-50);
  });

  test("says something finite of an action that was never taken", () => {
    const log = [decision({ action: 0, reward: -1 }), decision({ action: 0, reward: -1 })];
    const predicted = crossFitted(log, Uint8Array.of(0, 1), 2);
    expect(predicted[1]).toBe(0);
    expect(predicted[0]).toBeCloseTo(-1, 5);
  });
});

test("decisions on one question stay together in folds and resamples; with many tenants, a tenant's do", () => {
  const repeated = Array.from({ length: 40 }, (_, i) => decision({ group: `question ${i % 10}` }));
  expect(evaluationLog(repeated).clusterCount).toBe(10);
  const tenants = Array.from({ length: 60 }, (_, i) =>
    decision({ tenant: `tenant ${i % 30}`, group: String(i) }),
  );
  expect(evaluationLog(tenants).clusterCount).toBe(30);
  const few = tenants.filter(({ tenant }) => tenant !== "tenant 0");
  expect(evaluationLog(few).clusterCount).toBe(58);
  // Every resample holds whole clusters of two decisions.
  const log = evaluationLog(tenants);
  const resamples = bootstrap(log, [], { replicates: 50, random: new Random(1) });
  expect(resamples.every(({ size }) => size === 60)).toBe(true);
});

describe("on a log whose truth is known", () => {
  const soft = byDistance((distance) => 1 / (1 + Math.exp(6 * (distance - 0.9))));
  const candidate = byDistance((distance) => 1 / (1 + Math.exp(12 * (distance - 0.7))));

  test.each([
    ["a soft policy with a floor", soft, 1_000],
    ["a hard threshold with a floor of 0.02", upTo(0.9), 1_000],
  ])(
    "IPS and DR are unbiased and DR's interval covers the truth, after %s",
    (name, behaviour, n) => {
      const truth = trueValue(candidate);
      const seeds = Array.from({ length: SEEDS }, (_, seed) => seed);
      const runs = seeds.map((seed) => {
        const log = evaluationLog(syntheticLog(behaviour, n, seed));
        const ours = estimate(log, candidate, EPSILON);
        const means = bootstrap(log, [ours.drTerms], {
          replicates: 200,
          random: new Random(seed),
        }).map(({ sums, size }) => sums[0]! / size);
        const isCovered = quantile(means, 0.025) <= truth && truth <= quantile(means, 0.975);
        return { ips: ours.ips, dr: ours.dr, wrong: wrongHits(log, ours), isCovered };
      });
      const errors = (values: readonly number[], of: number) => ({
        bias: meanOf(values) - of,
        standardError: deviationOf(values) / Math.sqrt(values.length),
      });
      const ips = errors(
        runs.map((run) => run.ips),
        truth,
      );
      const dr = errors(
        runs.map((run) => run.dr),
        truth,
      );
      const wrong = errors(
        runs.map((run) => run.wrong.hitShare * run.wrong.wrongPerHit!),
        trueWrong(candidate),
      );
      const covered = runs.filter((run) => run.isCovered).length / SEEDS;
      const upperHolds =
        runs.filter(
          (run) => run.wrong.hitShare * run.wrong.wrongPerHitUpper >= trueWrong(candidate),
        ).length / SEEDS;
      console.log(
        `${name}, seeds 0-${SEEDS - 1}: truth ${truth.toFixed(4)}, bias IPS ${ips.bias.toFixed(5)} (se ${ips.standardError.toFixed(5)}), ` +
          `DR ${dr.bias.toFixed(5)} (se ${dr.standardError.toFixed(5)}), DR's 95 % interval covers ${(100 * covered).toFixed(1)} %, ` +
          `wrong ${trueWrong(candidate).toFixed(4)}, bias ${wrong.bias.toFixed(5)} (se ${wrong.standardError.toFixed(5)}), upper bound holds ${(100 * upperHolds).toFixed(1)} %`,
      );
      expect(Math.abs(ips.bias)).toBeLessThan(3 * ips.standardError);
      expect(Math.abs(dr.bias)).toBeLessThan(3 * dr.standardError);
      expect(Math.abs(wrong.bias)).toBeLessThan(4 * wrong.standardError);
      // 95 % less three standard errors of the count of seeds; few heavy weights make the interval a little short.
      expect(covered).toBeGreaterThan(0.93 - 3 * Math.sqrt((0.95 * 0.05) / SEEDS));
      expect(upperHolds).toBeGreaterThan(0.93 - 3 * Math.sqrt((0.95 * 0.05) / SEEDS));
      // What the reward model is for.
      expect(dr.standardError).toBeLessThan(ips.standardError);
    },
  );
});

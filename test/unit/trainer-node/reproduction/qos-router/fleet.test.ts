import { describe, expect, test } from "vitest";
import { Random } from "../../../../../src/policy/random.ts";
import {
  type Arrival,
  type ExpertAnswer,
  Fleet,
  type FleetRequest,
  type FleetRouter,
  simulate,
} from "../../../../../src/trainer-node/reproduction/qos-router/fleet.ts";
import {
  predictedImpact,
  trueImpact,
} from "../../../../../src/trainer-node/reproduction/qos-router/impact.ts";
import {
  fileContent,
  requestsOf,
  syntheticContent,
} from "../../../../../src/trainer-node/reproduction/qos-router/quality-model.ts";
import {
  BANDWIDTH_PACE,
  EXPERTS,
  type ExpertSettings,
  FLEET_SIZES,
  FULL,
  GRAPH,
  gridSettings,
  QUALITY,
  QUICK,
  RATES,
  REWARD,
  SAC,
  USUAL_FLEET,
  USUAL_RATE,
} from "../../../../../src/trainer-node/reproduction/qos-router/settings.ts";
import { poissonArrivals } from "../../../../../src/trainer-node/reproduction/qos-router/workloads.ts";

const PACE = { tau0: 0.01, tau1: 0, k1: 0.001, k2: 0 };
const expert = (name: string, some: Partial<ExpertSettings> = {}): ExpertSettings => ({
  ...EXPERTS[0]!,
  name,
  slowness: 1,
  kvTokens: 1000,
  ...some,
});
const answer = (some: Partial<ExpertAnswer> = {}): ExpertAnswer => ({
  promptTokens: 10,
  outputTokens: 10,
  score: 0.5,
  predictedScore: 0.6,
  predictedOutputTokens: 20,
  ...some,
});
const at = (seconds: number, id: number, ...answers: ExpertAnswer[]): FleetRequest => ({
  id,
  at: seconds,
  textFeatures: [],
  answers,
});
const always = (choice: number | null): FleetRouter => ({ name: "always", choose: () => choice });

describe("a fleet by hand", () => {
  const experts = [expert("fast"), expert("slow", { slowness: 4, gpus: 2 })];
  const two = (some: Partial<ExpertAnswer> = {}) => [answer(some), answer({ ...some, score: 0.9 })];

  test("an answer in time is worth its score, a late one nothing", () => {
    // Alone on the fast one: 0.01 + 10 x 0.001 = 0.02, then 9 x 0.01: 0.11 s for 10 tokens, 0.011 a token; the slow one 0.044.
    const requests = [at(1, 0, ...two()), at(11, 1, ...two())];
    const fast = simulate({ experts, pace: PACE }, requests, always(0)).figures;
    expect(fast.meanQos).toBeCloseTo(0.5, 12);
    expect(fast.meanSecondsPerToken).toBeCloseTo(0.011, 12);
    expect(fast.firstTokenP50Seconds).toBeCloseTo(0.02, 12);
    // Computed for 2 x 0.11 s on one card; three cards had 11.11 s.
    expect(fast.qosPerGpuSecond).toBeCloseTo(1 / 0.22, 10);
    expect(fast.utilisation).toBeCloseTo(0.22 / (3 * 11.11), 10);
    const slow = simulate({ experts, pace: PACE }, requests, always(1)).figures;
    expect([slow.meanQos, slow.violations, slow.meanScore]).toEqual([0, 1, 0.9]);
    const patient = simulate({ experts, pace: PACE, latencyLimit: 0.05 }, requests, always(1));
    expect(patient.figures.meanQos).toBeCloseTo(0.9, 12);
    // Two cards for 0.44 s each time.
    expect(patient.figures.qosPerGpuSecond).toBeCloseTo(1.8 / (2 * 0.88), 10);
    expect(patient.outcomes.every(({ qos }) => qos === 0.9)).toBe(true);
  });

  test("what is dropped is no violation, what is refused is one; neither has a value", () => {
    const large = answer({ promptTokens: 5000 });
    const requests = [at(0, 0, large, large), at(1, 1, ...two()), at(2, 2, ...two())];
    const heard: number[] = [];
    const router: FleetRouter = {
      name: "by id",
      choose: ({ truth: { request } }) => (request.id === 1 ? null : 0),
      finished: ({ request }) => heard.push(request.id),
    };
    const { figures, outcomes } = simulate({ experts, pace: PACE }, requests, router);
    expect(outcomes.map(({ kind }) => kind)).toEqual(["refused", "dropped", "finished"]);
    const third = 1 / 3;
    expect(figures).toMatchObject({ refused: third, dropped: third, violations: third });
    expect(figures.meanQos).toBeCloseTo(0.5 / 3, 12);
    expect(figures.shares).toEqual([third, 0]);
    expect(heard).toEqual([2]);
  });

  test("a router sees the predictions of what runs and waits, and how long that took so far", () => {
    const fleet = new Fleet({ experts: [expert("one", { maxRunning: 1 })], pace: PACE });
    for (const id of [0, 1]) fleet.send(at(0, id, answer()), 0);
    fleet.advance(0.045);
    // 0.02 s for the first token, two more by 0.04 s.
    const { experts: states, predictions } = fleet.arrivalOf(at(0.045, 2, answer()));
    const [state] = states;
    expect([state!.runningCount, state!.waitingCount]).toEqual([1, 1]);
    expect(state!.kvUse).toBeCloseTo(13 / 1000, 12);
    expect(state!.decodeSeconds).toBeCloseTo(0.01, 12);
    const common = { promptTokens: 10, predictedScore: 0.6, predictedOutputTokens: 20 };
    const [running] = state!.running();
    expect(running).toMatchObject({ ...common, kvShare: 0.013, tokensSoFar: 3 });
    expect(running!.secondsPerToken).toBeCloseTo(0.015, 12);
    const [waiting] = state!.waiting(1);
    expect(waiting).toMatchObject({ ...common, kvShare: 0.01, tokensSoFar: 0 });
    expect(waiting!.secondsPerToken).toBeCloseTo(0.045 / 20, 12);
    expect(predictions[0]).toMatchObject(common);
  });
});

test("the impact on an expert's requests, from true and from predicted lengths and scores", () => {
  const slow = expert("slow", { slowness: 2 });
  const fleet = new Fleet({
    experts: [slow, slow],
    pace: { ...PACE, k2: 0.0001 },
    latencyLimit: 0.03,
  });
  fleet.send(at(0, 0, answer()), 0);
  // 2 x (0.01 + 0.01), then 2 x (0.01 + 0.0011): two tokens by 0.0622 s, 0.035 a token at 0.07.
  fleet.advance(0.07);
  const arrival = fleet.arrivalOf(at(0.07, 1, answer(), answer()));
  expect(arrival.experts[0]!.running()[0]!.tokensSoFar).toBe(2);
  expect([trueImpact(arrival, 0), trueImpact(arrival, 1)]).toEqual([0.5, 0]);
  expect([predictedImpact(arrival, 0), predictedImpact(arrival, 1)]).toEqual([0.6, 0]);
  // With twice the constants: true (0.02 + 0.0002 x (7 x 10 + 28)) / 10 = 0.00396, predicted (0.02 + 0.0002 x (17 x 10 + 153)) / 20 = 0.00423.
  const between = { ...arrival, latencyLimit: 0.0391 };
  expect([trueImpact(between, 0), predictedImpact(between, 0)]).toEqual([0, 0.6]);
});

/** Which of the experts would be sent to has the fewest requests. */
const shortest: FleetRouter = {
  name: "shortest queue",
  choose: ({ experts }: Arrival) => {
    const counts = experts.map(({ runningCount, waitingCount }) => runningCount + waitingCount);
    return counts.indexOf(Math.min(...counts));
  },
};

describe("a drawn world", () => {
  const seed = 21;
  const experts = EXPERTS.slice(0, USUAL_FLEET);
  const requests = (rate: number, count: number) =>
    requestsOf(poissonArrivals(rate, count, new Random(seed)), syntheticContent(experts, seed));

  test(`every request ends once, twice the same, and more load is never better (seed ${seed})`, () => {
    const figures = [1, USUAL_RATE, 2 * USUAL_RATE].map((rate) => {
      const { outcomes, figures: own } = simulate({ experts }, requests(rate, 600), shortest);
      expect(outcomes.map(({ request: { id } }) => id).toSorted((a, b) => a - b)).toEqual(
        Array.from({ length: 600 }, (_, id) => id),
      );
      const again = simulate({ experts }, requests(rate, 600), shortest);
      expect(again.figures).toEqual(own);
      return own;
    });
    for (const [i, { meanQos, meanSecondsPerToken }] of figures.entries()) {
      if (i === 0) continue;
      expect(meanQos).toBeLessThan(figures[i - 1]!.meanQos);
      expect(meanSecondsPerToken).toBeGreaterThan(figures[i - 1]!.meanSecondsPerToken);
    }
  });

  test(`requests are the same at any load, and what is predicted of them is mostly right (seed ${seed})`, () => {
    const slow = requests(1, 2000);
    const fast = requests(6, 2000);
    expect(fast.map(({ answers }) => answers)).toEqual(slow.map(({ answers }) => answers));
    const all = slow.flatMap(({ answers }) => answers);
    const correlation = (xs: readonly number[], ys: readonly number[]) => {
      const mean = (values: readonly number[]) =>
        values.reduce((sum, v) => sum + v, 0) / values.length;
      const [mx, my] = [mean(xs), mean(ys)];
      const cov = (as: readonly number[], a: number, bs: readonly number[], b: number) =>
        mean(as.map((value, i) => (value - a) * (bs[i]! - b)));
      return cov(xs, mx, ys, my) / Math.sqrt(cov(xs, mx, xs, mx) * cov(ys, my, ys, my));
    };
    const scores = correlation(
      all.map(({ score }) => score),
      all.map(({ predictedScore }) => predictedScore),
    );
    const lengths = correlation(
      all.map(({ outputTokens }) => Math.log(outputTokens)),
      all.map(({ predictedOutputTokens }) => Math.log(predictedOutputTokens)),
    );
    for (const value of [scores, lengths]) {
      expect(value).toBeGreaterThan(0.5);
      expect(value).toBeLessThan(0.99);
    }
    expect(slow.every(({ textFeatures }) => textFeatures.length === QUALITY.features)).toBe(true);
  });

  test("a trace's lengths take the place of drawn ones", () => {
    const content = syntheticContent(experts, seed);
    const { answers } = content(0, { at: 0, promptTokens: 1234, outputTokens: 5000 });
    for (const { promptTokens, outputTokens } of answers) {
      expect(promptTokens).toBe(1234);
      expect(outputTokens).toBeGreaterThan(1000);
    }
  });

  test("answers of real models give scores and lengths; each expert stands for one of them", () => {
    const questions = [
      ["short?", 1, 40],
      ["and longer?!", 0.25, 80],
    ] as const;
    const content = fileContent({
      data: {
        models: ["a", "b"],
        leftOut: [],
        questions: questions.map(([question, score, outputChars]) => ({
          id: question,
          group: question,
          question,
          task: null,
          answers: [
            { score, outputChars },
            { score: 0.5, outputChars: null },
          ],
        })),
      },
      predictedScores: [
        [0.9, 0.5],
        [-0.1, 0.5],
      ],
      textFeatures: [[1], [2]],
      models: ["b", "a"],
      experts: EXPERTS.slice(0, 2),
      seed,
    });
    const seen = Array.from({ length: 50 }, (_, i) => content(i, { at: 0 }));
    for (const { textFeatures, answers } of seen) {
      const [question, score, chars] = questions[textFeatures[0]! - 1]!;
      // A quarter of the characters, for questions rounded up.
      expect(answers[1]).toMatchObject({
        score,
        promptTokens: question === "short?" ? 2 : 3,
        outputTokens: chars / 4,
        predictedScore: question === "short?" ? 0.9 : 0,
      });
      expect(answers[0]!.score).toBe(0.5);
    }
    expect(new Set(seen.map(({ textFeatures }) => textFeatures[0])).size).toBe(2);
  });
});

test("settings agree with what is known of the code: a flat state of 126 numbers an expert", () => {
  const { code } = GRAPH;
  const each = code.arrivedPerExpert + code.expert + (code.running + code.waiting) * code.request;
  expect(each).toBe(126);
  expect(RATES).toContain(USUAL_RATE);
  expect(Math.max(...FLEET_SIZES)).toBeLessThanOrEqual(EXPERTS.length);
  expect(gridSettings()).toHaveLength(72);
  for (const { gridStride, seeds, requests: count, trainingSteps } of [FULL, QUICK]) {
    expect(gridSettings().length % gridStride).toBe(0);
    expect(seeds.length * count * trainingSteps).toBeGreaterThan(0);
  }
  expect(FULL.trainingSteps).toBeGreaterThan(SAC.randomSteps);
  expect(REWARD.etaPaper).toBe(0);
  expect(BANDWIDTH_PACE.k2).toBeLessThan(1e-6);
});

import { describe, expect, it } from "vitest";
import {
  type ExpertAnswer,
  type FleetRequest,
  type FleetRouter,
  simulate,
} from "../../../../../src/trainer-node/reproduction/qos-router/fleet.ts";
import { fitPricedRule } from "../../../../../src/trainer-node/reproduction/qos-router/fit-priced-rule.ts";
import {
  amongFirst,
  pricedOrDrop,
  reordered,
  type RuleName,
  ruleOf,
} from "../../../../../src/trainer-node/reproduction/qos-router/rules.ts";
import { EXPERTS } from "../../../../../src/trainer-node/reproduction/qos-router/settings.ts";
import { windowOf } from "../../../../../src/trainer-node/reproduction/qos-router/workloads.ts";

/** 0.01 s a token, 0.001 s a prompt token; nobody slows anybody but by a prompt. */
const PACE = { tau0: 0.01, tau1: 0, k1: 0.001, k2: 0 };
const LIMIT = 0.0125;
const expert = { ...EXPERTS[0]!, slowness: 1, kvTokens: 1000 };
const FLEET = {
  experts: [expert, { ...expert, name: "second" }],
  pace: PACE,
  latencyLimit: LIMIT,
};
const answer = (some: Partial<ExpertAnswer> = {}): ExpertAnswer => ({
  promptTokens: 100,
  outputTokens: 50,
  predictedOutputTokens: 50,
  score: 0.5,
  predictedScore: 0.5,
  ...some,
});
const request = (at: number, ...answers: readonly ExpertAnswer[]): FleetRequest => ({
  id: Math.round(1000 * at),
  at,
  textFeatures: [],
  answers,
});
const run = (router: FleetRouter, ...requests: readonly FleetRequest[]) =>
  simulate(FLEET, requests, router);
/** Where the last of the requests went; null: dropped. */
function lastOf(name: RuleName, ...requests: readonly FleetRequest[]): number | null {
  const last = requests.at(-1)!;
  const { outcomes } = run(ruleOf(name, LIMIT), ...requests);
  const outcome = outcomes.find((each) => each.request === last)!;
  return outcome.kind === "finished" ? outcome.expert : null;
}

// 100 x 0.001 + 50 x 0.01 = 0.6 s, 0.012 a token; with 5 tokens 0.15 s, 0.03 a token: late.
const short = { outputTokens: 5, predictedOutputTokens: 5 };

describe("rules", () => {
  it("best-score goes where the score is highest, late or not", () => {
    const late = answer({ ...short, predictedScore: 0.9 });
    expect(lastOf("best-score", request(0, answer(), late))).toBe(1);
    expect(lastOf("greedy-score", request(0, answer(), late))).toBe(0);
  });

  it("greedy-score keeps what greedy-or-drop drops: no expert is fast enough", () => {
    const late = request(0, answer(short), answer(short));
    expect(lastOf("greedy-score", late)).not.toBeNull();
    expect(lastOf("greedy-or-drop", late)).toBeNull();
    expect(lastOf("greedy-or-drop", request(0, answer(short), answer()))).toBe(1);
  });

  it("impact-or-drop goes where it makes nobody late, and drops what breaks more than it brings", () => {
    // The first request runs at expert 0, 0.012 s a token; a prompt of 100 adds 0.1 / 50 to that: 0.014.
    const first = request(0, answer({ predictedScore: 0.9, score: 0.9 }), answer());
    const better = request(0.4, answer({ predictedScore: 0.8 }), answer({ predictedScore: 0.3 }));
    expect(lastOf("greedy-or-drop", first, better)).toBe(0);
    expect(lastOf("impact-or-drop", first, better)).toBe(1);
    const onlyThere = request(0.4, answer({ predictedScore: 0.8 }), answer(short));
    expect(lastOf("greedy-or-drop", first, onlyThere)).toBe(0);
    expect(lastOf("impact-or-drop", first, onlyThere)).toBeNull();
  });

  it("priced-or-drop subtracts price x tokens / 100 x running / 10, and drops at 0 or below", () => {
    const at = (workPrice: number, limitShare: number, ...requests: readonly FleetRequest[]) => {
      const { outcomes } = run(pricedOrDrop({ workPrice, limitShare }), ...requests);
      const last = outcomes.find((each) => each.request === requests.at(-1))!;
      return last.kind === "finished" ? last.expert : null;
    };
    // One runs at expert 0: 50 tokens beside it cost price x 0.5 x 0.1, from a score of 0.5 against 0.4 at the idle one.
    const beside = [
      request(0, answer({ predictedScore: 0.9 }), answer()),
      request(0.2, answer(), answer({ predictedScore: 0.4 })),
    ];
    expect(at(1.9, 1, ...beside)).toBe(0);
    expect(at(2.1, 1, ...beside)).toBe(1);
    // The other is late: 0.5 - 9.9 x 0.05 is above 0, 0.5 - 10.1 x 0.05 is not.
    const alone = [beside[0]!, request(0.2, answer(), answer(short))];
    expect(at(9.9, 1, ...alone)).toBe(0);
    expect(at(10.1, 1, ...alone)).toBeNull();
    // 0.012 a token is within 0.97 of 0.0125, not within 0.95 of it.
    expect(at(0, 0.97, request(0, answer(), answer(short)))).toBe(0);
    expect(at(0, 0.95, request(0, answer(), answer(short)))).toBeNull();
  });

  it("its fit tries every pair and puts the best first", () => {
    const tried = fitPricedRule({
      workPrices: [1, 50],
      limitShares: [0.01, 0.95],
      seeds: [101],
      requests: 40,
    });
    expect(tried).toHaveLength(4);
    // A hundredth of the limit: everything is late, so everything is dropped.
    expect(tried.slice(2).map(({ meanQos }) => meanQos)).toEqual([0, 0]);
    expect(tried[0]!.meanQos).toBeGreaterThan(0.3);
    expect(tried[0]).toMatchObject({ workPrice: 1, limitShare: 0.95 });
  });

  it("oracle goes by true scores and lengths", () => {
    const misjudged = request(
      0,
      answer({ predictedScore: 0.9, score: 0.1 }),
      answer({ predictedScore: 0.1, score: 0.9 }),
    );
    expect(lastOf("impact-or-drop", misjudged)).toBe(0);
    expect(lastOf("oracle", misjudged)).toBe(1);
    const reallyShort = request(0, answer({ outputTokens: 5, score: 0.9 }), answer());
    expect(lastOf("greedy-or-drop", reallyShort)).toBe(0);
    expect(lastOf("oracle", reallyShort)).toBe(1);
  });

  it("do not send an expert what its memory cannot hold", () => {
    const huge = answer({ promptTokens: 990, predictedScore: 0.9 });
    expect(lastOf("best-score", request(0, huge, answer()))).toBe(1);
    // Predicted to fit nowhere, but it does: who must not drop does not.
    const misjudged = answer({ promptTokens: 900, predictedOutputTokens: 200 });
    expect(lastOf("best-score", request(0, misjudged, misjudged))).toBe(0);
    expect(lastOf("greedy-or-drop", request(0, misjudged, misjudged))).toBeNull();
  });
});

describe("other conditions", () => {
  const first: FleetRouter = { name: "first", choose: () => 0 };

  it("reordered: the router's first expert is the fleet's last, with its own predictions", () => {
    expect(run(reordered("turned", first), request(0, answer(), answer())).figures.shares).toEqual([
      0, 1,
    ]);
    const best = request(0, answer({ predictedScore: 0.9 }), answer());
    const rule = ruleOf("best-score", LIMIT);
    expect(run(reordered("turned", rule), best).figures.shares).toEqual([1, 0]);
  });

  it("amongFirst: the others are not there", () => {
    const best = request(0, answer(), answer({ predictedScore: 0.9 }));
    const rule = ruleOf("best-score", LIMIT);
    expect(run(amongFirst(1, rule), best).figures.shares).toEqual([1, 0]);
  });

  it("windowOf: another part of the trace for each seed, from 0 on, the first again when it is over", () => {
    const trace = [3, 4, 6, 9, 13].map((at) => ({ at, promptTokens: 1, outputTokens: 1 }));
    const times = (seed: number, count = 2) => windowOf(trace, seed, count).map(({ at }) => at);
    expect(times(1)).toEqual([0, 1]);
    expect(times(2)).toEqual([0, 3]);
    expect(times(3)).toEqual([0, 1]);
    expect(times(4, 9)).toEqual([0, 1, 3, 6, 10]);
  });
});

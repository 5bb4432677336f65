import { describe, expect, it } from "vitest";
import {
  bestSingle,
  fixedOrder,
  greedyScore,
  random,
  roundRobin,
  shortestQueue,
} from "../../../../../src/policy/routing/baselines.ts";
import { csUcb } from "../../../../../src/policy/routing/cs-ucb.ts";
import { leastCompletion } from "../../../../../src/policy/routing/least-completion.ts";
import { Random } from "../../../../../src/policy/random.ts";
import {
  type Arrival,
  type ExpertAnswer,
  type FleetRequest,
  simulate,
} from "../../../../../src/trainer-node/reproduction/qos-router/fleet.ts";
import {
  requestsOf,
  syntheticContent,
} from "../../../../../src/trainer-node/reproduction/qos-router/quality-model.ts";
import {
  fleetView,
  networkRouter,
  predictedTimes,
  selectedRouter,
} from "../../../../../src/trainer-node/reproduction/qos-router/router-player.ts";
import { EXPERTS } from "../../../../../src/trainer-node/reproduction/qos-router/settings.ts";
import { poissonArrivals } from "../../../../../src/trainer-node/reproduction/qos-router/workloads.ts";

const PACE = { tau0: 0.01, tau1: 0, k1: 0.001, k2: 0 };
const expert = { ...EXPERTS[0]!, slowness: 1, kvTokens: 1000 };
const FLEET = { experts: [expert, { ...expert, name: "second" }], pace: PACE, latencyLimit: 0.03 };
const answer = (some: Partial<ExpertAnswer> = {}): ExpertAnswer => ({
  promptTokens: 100,
  outputTokens: 50,
  predictedOutputTokens: 50,
  score: 0.5,
  predictedScore: 0.5,
  ...some,
});
const at = (seconds: number, id: number, ...answers: ExpertAnswer[]): FleetRequest => ({
  id,
  at: seconds,
  textFeatures: [0.5],
  answers: answers.length > 0 ? answers : [answer(), answer()],
});
const sharesOf = (router: Parameters<typeof simulate>[2], requests: readonly FleetRequest[]) =>
  simulate(FLEET, requests, router).figures.shares;
/** The arrivals of requests that all go to the first expert. */
function arrivalsAt(requests: readonly FleetRequest[]): readonly (readonly number[])[] {
  const seen: (readonly number[])[] = [];
  simulate(FLEET, requests, {
    name: "first",
    choose: (arrival: Arrival) => {
      const { waitSeconds, serviceSeconds, secondsPerToken } = predictedTimes(arrival, 0);
      seen.push([waitSeconds, serviceSeconds, secondsPerToken]);
      return 0;
    },
  });
  return seen;
}

describe("predicted times", () => {
  it("are those of the simulator at an idle expert", () => {
    // 100 x 0.001 for the prompt and 50 x 0.01 for the tokens.
    const [[wait, service, perToken]] = arrivalsAt([at(0, 0)]) as [number[]];
    expect(wait).toBe(0);
    expect(service).toBeCloseTo(0.6, 10);
    expect(perToken).toBeCloseTo(0.012, 10);
    const router = networkRouter("first", { values: () => Float32Array.of(1, 0, 0) }, VIEW);
    const { outcomes } = simulate(FLEET, [at(0, 0)], router);
    const [only] = outcomes;
    expect(only).toMatchObject({ expert: 0 });
    expect(only?.kind === "finished" && only.finishedAt).toBeCloseTo(0.6, 10);
  });

  it("contain a wait where memory is short: the tokens left of those that run, shared by them", () => {
    const long = answer({ promptTokens: 900 });
    const seen = arrivalsAt([at(0, 0, long, long), at(0.955, 1)]);
    // 0.91 s for the first token, then 0.92, ... 0.95: 5 tokens, 905 of 1000 in memory, so that 100 more do not fit.
    // One runs, none waits: 1 x 45 tokens x 0.01 s.
    expect(seen[1]![0]).toBeCloseTo(0.45, 10);
  });
});

const VIEW = { mayDrop: true };

describe("the network as a router", () => {
  it("drops what it wants to drop, unless it must not", () => {
    const drops = { values: () => Float32Array.of(0, 1, 2) };
    const requests = [at(0, 0), at(1, 1)];
    const { figures } = simulate(FLEET, requests, networkRouter("drops", drops, VIEW));
    expect(figures.dropped).toBe(1);
    const must = networkRouter("must", drops, { mayDrop: false });
    expect(sharesOf(must, requests)).toEqual([0, 1]);
  });

  it("does not see experts as open whose memory is smaller than the request", () => {
    const huge = answer({ predictedOutputTokens: 901, outputTokens: 901 });
    const first = { values: () => Float32Array.of(5, 0, 0) };
    const router = networkRouter("first", first, { mayDrop: false });
    expect(sharesOf(router, [at(0, 0, huge, answer())])).toEqual([0, 1]);
  });

  it("is told of impact unless it is to do without", () => {
    const penalties: number[][] = [];
    // The first one needs 0.012 s a token; the second would read its prompt meanwhile.
    simulate({ ...FLEET, latencyLimit: 0.0125 }, [at(0, 0), at(0.3, 1)], {
      name: "watches",
      choose: (arrival) => {
        for (const knowsImpact of [true, false])
          penalties.push(
            fleetView(arrival, { ...VIEW, knowsImpact }).experts.map(
              ({ predictedPenalty }) => predictedPenalty,
            ),
          );
        return 0;
      },
    });
    // At 0.3 s the first has 20 tokens, 0.015 s each: late as it is, whatever comes.
    expect(penalties).toEqual([
      [0, 0],
      [0, 0],
      [0.5, 0],
      [0, 0],
    ]);
  });
});

describe("selectors in the fleet", () => {
  const pair = Array.from({ length: 6 }, (_, i) => at(0.01 * i, i));

  it("choose what they would at a gateway", () => {
    const router = (selector: Parameters<typeof selectedRouter>[0]) =>
      selectedRouter(selector, { seed: 1 });
    expect(sharesOf(router(fixedOrder(["01", "00"])), pair)).toEqual([0, 1]);
    expect(sharesOf(router(shortestQueue()), pair)).toEqual([0.5, 0.5]);
    expect(sharesOf(router(roundRobin()), pair)).toEqual([0.5, 0.5]);
    const better = [answer(), answer({ predictedScore: 0.8 })];
    const good = pair.map(({ at: seconds, id }) => at(seconds, id, ...better));
    expect(sharesOf(router(greedyScore(0.03)), good)).toEqual([0, 1]);
    // Too slow at the one that is predicted to be better: the other one.
    const slow = [answer(), answer({ predictedScore: 0.8, predictedOutputTokens: 2 })];
    expect(sharesOf(router(greedyScore(0.03)), [at(0, 0, ...slow)])).toEqual([1, 0]);
  });

  it("hear how good the answers were", () => {
    const answers = [answer({ score: 0.2 }), answer({ score: 0.9 })];
    const requests = Array.from({ length: 40 }, (_, i) => at(2 * i, i, ...answers));
    const selector = bestSingle();
    // Both were judged once, then it knows.
    const router = selectedRouter(selector, { seed: 1 });
    const taught = {
      ...router,
      choose: (arrival: Arrival) => {
        const chosen = router.choose(arrival);
        return arrival.truth.request.id < 2 ? arrival.truth.request.id : chosen;
      },
    };
    expect(sharesOf(taught, requests)).toEqual([1 / 40, 39 / 40]);
  });

  it("answer every request, whatever the rule", () => {
    const experts = EXPERTS.slice(0, 3);
    const requests = requestsOf(
      poissonArrivals(3, 150, new Random(5)),
      syntheticContent(experts, 5),
    );
    const selectors = [
      csUcb({ referenceCost: 100 }),
      leastCompletion(),
      bestSingle(),
      greedyScore(0.03),
      shortestQueue(),
      roundRobin(),
      random(),
    ];
    for (const selector of selectors)
      for (const deadline of ["none", "usual"] as const) {
        const { figures } = simulate(
          { experts },
          requests,
          selectedRouter(selector, { seed: 5, deadline }),
        );
        expect(figures.shares.reduce((sum, share) => sum + share, 0)).toBeCloseTo(1, 10);
      }
  });
});

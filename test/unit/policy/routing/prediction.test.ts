import { describe, expect, it } from "vitest";
import { optionsFor } from "../../../../src/policy/routing/prediction.ts";
import { type Backend, type RoutingRequest } from "../../../../src/policy/routing/selector.ts";
import { backend, estimates, request } from "./made.ts";

const only = (
  server: Partial<Backend>,
  asked: Partial<RoutingRequest> = {},
  constraints: Parameters<typeof optionsFor>[2] = {},
) => optionsFor(request(asked), [backend("a", server)], constraints)[0]!;

describe("predicted seconds", () => {
  it("are first token and tokens at an idle server", () => {
    // 0.5 + 100 x 0.01
    expect(only({}).seconds).toBeCloseTo(1.5, 12);
  });

  it("wait for a slot where all are taken", () => {
    const busy = { slots: 4, load: { running: 4, waiting: 3, ageMs: 0 } };
    // 7 ahead of 4 slots: 4 of them must end, one every 1.5 / 4 s: 1.5 + 4 x 0.375
    expect(only(busy).seconds).toBeCloseTo(3, 12);
    // An own call since the report: 5 must end
    expect(only({ ...busy, ownInFlight: 1 }).seconds).toBeCloseTo(3.375, 12);
    // Three calls in four slots keep nobody waiting
    expect(only({ ...busy, load: { running: 3, waiting: 0, ageMs: 0 } }).seconds).toBeCloseTo(
      1.5,
      12,
    );
  });

  it("believe half of a load that is as old as the half-life", () => {
    const old = { slots: 4, load: { running: 4, waiting: 4, ageMs: 10_000 } };
    // 8 / 2 = 4 ahead: 1 must end, 0.375 s
    expect(only(old).seconds).toBeCloseTo(1.875, 12);
    expect(only(old).ahead).toBeCloseTo(4, 12);
    expect(only(old, {}, { loadHalfLifeMs: 5_000 }).ahead).toBeCloseTo(2, 12);
    // Own calls are known, however old the report is.
    expect(only({ ...old, ownInFlight: 3 }).ahead).toBeCloseTo(7, 12);
  });

  it("take what a caller knows better: transfer, wait and service", () => {
    const known = { transferSeconds: 0.1, waitSeconds: 0.2, serviceSeconds: 0.4 };
    const asked = { estimates: estimates({ a: known }) };
    expect(only({ firstTokenSeconds: null, secondsPerToken: null }, asked).seconds).toBeCloseTo(
      0.7,
      12,
    );
  });

  it("repeat what fails: over the share that succeeds", () => {
    expect(only({ failureShare: 0.25 }).seconds).toBeCloseTo(1.5 / 0.75, 12);
    expect(only({ failureShare: 1 }).seconds).toBe(Infinity);
  });

  it("add standard deviations for the cautious", () => {
    const spread = {
      firstTokenSeconds: { mean: 0.5, deviation: 0.1 },
      secondsPerToken: { mean: 0.01, deviation: 0.002 },
    };
    // 0.5 + 2 x 0.1 + 100 x (0.01 + 2 x 0.002)
    expect(only(spread, {}, { caution: 2 }).seconds).toBeCloseTo(2.1, 12);
    expect(only(spread).seconds).toBeCloseTo(1.5, 12);
  });

  it("leave room for bad luck before a deadline alone: deviations of first token, pace and length", () => {
    const spread = {
      firstTokenSeconds: { mean: 0.5, deviation: 0.3 },
      secondsPerToken: { mean: 0.01, deviation: 0.004 },
    };
    // 100 x 0.004 = 0.4 s of pace and 0 of length: sqrt(0.3^2 + 0.4^2) = 0.5; 1.5 + 2 x 0.5
    const cautious = (deadlineSeconds: number) =>
      only(spread, { deadlineSeconds }, { deadlineCaution: 2 });
    expect(cautious(2.51).seconds).toBeCloseTo(1.5, 12);
    expect(cautious(2.51).obstacles).toEqual([]);
    expect(cautious(2.49).obstacles).toEqual(["deadline"]);
    // 120 x 0.01 = 1.2 s of length: sqrt(0.5^2 + 1.2^2) = 1.3
    const estimated = { estimates: estimates({ a: { outputTokensDeviation: 120 } }) };
    const unsure = only(spread, { ...estimated, deadlineSeconds: 4 }, { deadlineCaution: 2 });
    expect(unsure.upperSeconds).toBeCloseTo(4.1, 12);
  });

  it("are not known without an estimate, a measurement, or a number", () => {
    expect(only({}, { estimates: {} }).obstacles).toContain("unmeasured");
    const broken: readonly Partial<Backend>[] = [
      { firstTokenSeconds: null },
      { secondsPerToken: { mean: NaN, deviation: 0 } },
      { secondsPerToken: { mean: -1, deviation: 0 } },
      { firstTokenSeconds: { mean: Infinity, deviation: 0 } },
      { load: { running: NaN, waiting: 0, ageMs: 0 } },
      { load: { running: 0, waiting: -2, ageMs: 0 } },
      { load: { running: 0, waiting: 0, ageMs: NaN } },
      { ownInFlight: NaN },
      { failureShare: NaN },
      { failureShare: -0.1 },
      { slots: 0 },
      { slots: NaN },
    ];
    for (const server of broken) {
      const { seconds, satisfaction, obstacles } = only(server);
      expect({ server, seconds, satisfaction, obstacles }).toEqual({
        server,
        seconds: Infinity,
        satisfaction: -Infinity,
        obstacles: ["unmeasured"],
      });
    }
  });
});

describe("constraint satisfaction f", () => {
  it("is the least of the shares left of time, places and throughput", () => {
    const server = {
      maxConcurrent: 10,
      load: { running: 3, waiting: 1, ageMs: 0 },
      throughput: { limit: 1_000, used: 500 },
    };
    const asked = { deadlineSeconds: 2 };
    // time (2 - 1.5) / 2 = 0.25; places (10 - 4 - 1) / 10 = 0.5; throughput (1000 - 500 - 200) / 1000 = 0.3
    expect(only(server, asked).satisfaction).toBeCloseTo(0.25, 12);
    expect(only(server, { deadlineSeconds: 6 }).satisfaction).toBeCloseTo(0.3, 12);
    const flowing = { deadlineSeconds: 6, estimates: estimates({ a: { flow: 0 } }) };
    // places 0.5, throughput 0.5 with no flow, time (6 - 1.5) / 6 = 0.75
    expect(only(server, flowing).satisfaction).toBeCloseTo(0.5, 12);
    expect(only(server, { deadlineSeconds: 1 }).satisfaction).toBeCloseTo(-0.5, 12);
  });

  it("is 1 where nothing can break", () => {
    expect(only({}).satisfaction).toBe(1);
    expect(only({}, { deadlineSeconds: Infinity }).satisfaction).toBe(1);
  });

  it("leaves nothing once the deadline has passed", () => {
    for (const deadlineSeconds of [0, -1, NaN])
      expect(only({}, { deadlineSeconds })).toMatchObject({
        satisfaction: -Infinity,
        obstacles: ["deadline"],
      });
  });

  it("counts from the seconds that are seldom exceeded, and nothing else does", () => {
    // 1.5 s expected, 3 s at most
    const estimate = estimates({ a: { upperFactor: 2 } });
    const at = (deadlineSeconds: number) => only({}, { estimates: estimate, deadlineSeconds });
    expect(at(2.9)).toMatchObject({ seconds: 1.5, upperSeconds: 3, obstacles: ["deadline"] });
    expect(at(3.1)).toMatchObject({ seconds: 1.5, obstacles: [] });
    const odd = estimates({ a: { upperFactor: NaN } });
    expect(only({}, { estimates: odd, deadlineSeconds: 9 }).obstacles).toEqual(["deadline"]);
    expect(only({}, { estimates: odd }).obstacles).toEqual([]);
  });

  it("breaks within the margin", () => {
    // (1.56 - 1.5) / 1.56 = 0.0385
    expect(only({}, { deadlineSeconds: 1.56 }).obstacles).toEqual([]);
    expect(only({}, { deadlineSeconds: 1.56 }, { margin: 0.05 }).obstacles).toEqual(["deadline"]);
    // 40 places: two stay free, floor(0.05 x 40)
    const places = (running: number) =>
      only({ maxConcurrent: 40, load: { running, waiting: 0, ageMs: 0 } }, {}, { margin: 0.05 });
    expect(places(37).obstacles).toEqual([]);
    expect(places(38).obstacles).toEqual(["concurrency"]);
  });

  it("lets the margin take no whole place of few", () => {
    const one = { maxConcurrent: 1 };
    expect(only(one, {}, { margin: 0.05 }).obstacles).toEqual([]);
    expect(only({ ...one, ownInFlight: 1 }, {}, { margin: 0.05 }).obstacles).toEqual([
      "concurrency",
    ]);
  });
});

describe("obstacles", () => {
  it("name why a server is avoided", () => {
    expect(only({ avoided: "late" }).obstacles).toEqual(["late"]);
    expect(only({ avoided: "rate-limited" }).obstacles).toEqual(["rate-limited"]);
    expect(only({ avoided: null }).obstacles).toEqual([]);
  });

  it("name every constraint that breaks", () => {
    // 100 + 100 tokens; (100 x 1 + 100 x 2) / 10^6 = 0.0003 USD
    expect(only({ contextWindow: 200 }).obstacles).toEqual([]);
    expect(only({ contextWindow: 199 }).obstacles).toEqual(["context-window"]);
    expect(only({}, { budgetUsd: 0.0003 }).obstacles).toEqual([]);
    expect(only({}, { budgetUsd: 0.000_29 }).obstacles).toEqual(["budget"]);
    expect(only({ breaker: "open" }).obstacles).toEqual(["breaker-open"]);
    expect(only({ breaker: "half-open" }).obstacles).toEqual([]);
    expect(only({ throughput: { limit: 200, used: 0 } }).obstacles).toEqual([]);
    expect(only({ throughput: { limit: 200, used: 1 } }).obstacles).toEqual(["throughput"]);
    // By 50 tokens in place of 100 they hold, while the time goes by 100.
    const planned = { estimates: estimates({ a: { plannedTokens: 50 } }) };
    const tight = { contextWindow: 150, throughput: { limit: 150, used: 0 } };
    expect(only(tight, { ...planned, budgetUsd: 0.0002 })).toMatchObject({
      obstacles: [],
      seconds: only({}).seconds,
    });
    expect(only({ ...tight, contextWindow: 149 }, planned).obstacles).toEqual(["context-window"]);
    expect(only({}, { ...planned, budgetUsd: 0.000_19 }).obstacles).toEqual(["budget"]);
    expect(
      only({ breaker: "open", contextWindow: 1 }, { budgetUsd: 0, deadlineSeconds: 1 }).obstacles,
    ).toEqual(["context-window", "breaker-open", "budget", "deadline"]);
  });

  it("hold a price or a limit that is no number for too much", () => {
    expect(only({ inputPrice: NaN }, { budgetUsd: 1 }).obstacles).toEqual(["budget"]);
    expect(only({ outputPrice: -5 }, { budgetUsd: 1 }).obstacles).toEqual(["budget"]);
    expect(only({}, { budgetUsd: NaN }).obstacles).toEqual(["budget"]);
    expect(only({ contextWindow: NaN }).obstacles).toEqual(["context-window"]);
    expect(only({ maxConcurrent: NaN }).obstacles).toEqual(["concurrency"]);
    expect(only({ throughput: { limit: 9, used: NaN } }).obstacles).toEqual(["throughput"]);
  });

  it("leave out servers that the request does not admit", () => {
    const servers = [backend("c"), backend("a"), backend("b")];
    const ids = (admitted: readonly string[] | null) =>
      optionsFor(request({ only: admitted }), servers).map((option) => option.backend.id);
    expect(ids(null)).toEqual(["a", "b", "c"]);
    expect(ids(["b", "z"])).toEqual(["b"]);
    expect(ids([])).toEqual([]);
  });
});

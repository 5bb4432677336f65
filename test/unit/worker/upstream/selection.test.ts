import { describe, expect, test } from "vitest";
import {
  type BackendCall,
  NO_BACKENDS,
  afterCalls,
  afterRunning,
} from "../../../../src/durable/backend-state.ts";
import { serviceClass } from "../../../../src/policy/routing/service-class.ts";
import { parseConfig } from "../../../../src/worker/config.ts";
import { RULES, backendsOf } from "../../../../src/worker/upstream/backends.ts";
import { type Ask, Selection, refusalOf } from "../../../../src/worker/upstream/selection.ts";

const T = 1_800_000_000_000;
const ASK: Ask = {
  id: "one",
  tenant: "t",
  stream: true,
  promptTokens: 100,
  maxTokens: null,
  deadlineSeconds: null,
  budgetUsd: null,
  draw: 0.5,
};
const NOTHING = { state: NO_BACKENDS, ageMs: null };

/** Backends of one upstream each, called by their models' names. */
function setUp(
  models: Readonly<Record<string, Readonly<Record<string, unknown>>>>,
  routing: Readonly<Record<string, unknown>> = {},
) {
  const upstreams = Object.entries(models).map(([id, { price = 1, ...auto }]) => ({
    name: id,
    kind: "openai",
    baseUrl: "https://llm.example.com/v1",
    models: [
      {
        id: "m",
        inputUsdPerMillionTokens: 0,
        outputUsdPerMillionTokens: price,
        auto: { firstTokenSeconds: 1, secondsPerToken: 0.01, ...auto },
      },
    ],
  }));
  const config = parseConfig({ upstreams, routing }, { environment: "production" });
  const backends = backendsOf(config.upstreams);
  return { backends, selection: new Selection(config.routing, backends) };
}
const names = (order: readonly { readonly id: string }[]) =>
  order.map(({ id }) => id.replace("/m", ""));
const failures = (backend: string, tenants: readonly string[]): readonly BackendCall[] =>
  tenants.map((tenant) => ({
    backend: `${backend}/m`,
    tenant,
    succeeded: false,
    seconds: 0.1,
    firstTokenSeconds: null,
    outputTokens: 0,
  }));

describe("the choice of velo/auto", () => {
  test("is the soonest of the best backends, and never a worse one because it is faster", () => {
    const { selection } = setUp({
      good: { quality: 0.8 },
      swift: { quality: 0.79, firstTokenSeconds: 0.5 },
      poor: { quality: 0.5, firstTokenSeconds: 0 },
      unknown: { firstTokenSeconds: 0 },
    });
    const { order, choices, rule } = selection.rank(ASK, NOTHING, T);
    expect(names(order)).toEqual(["swift", "good", "poor", "unknown"]);
    // 0.5 s + 300 tokens x 0.01 s
    expect(choices[0]).toMatchObject({ predictedSeconds: 3.5, feasible: true, reasons: [] });
    expect(rule).toBe("quality-first");
  });

  test("is the configured order where no quality is known", () => {
    const { selection } = setUp({ b: {}, a: { firstTokenSeconds: 0 } });
    expect(names(selection.rank(ASK, NOTHING, T).order)).toEqual(["b", "a"]);
  });

  test("is by the rule that is set", () => {
    for (const rule of RULES) {
      const { selection } = setUp({ b: {}, a: { firstTokenSeconds: 0 } }, { rule });
      const ranking = selection.rank(ASK, NOTHING, T);
      expect(ranking.rule).toBe(rule);
      expect(ranking.order).toHaveLength(2);
    }
    const { selection } = setUp(
      { b: {}, a: { firstTokenSeconds: 0 } },
      { rule: "least-completion" },
    );
    expect(names(selection.rank(ASK, NOTHING, T).order)).toEqual(["a", "b"]);
  });

  test("a better one that cannot keep the deadline stands behind a worse one that can, as a last resort", () => {
    const { selection } = setUp({
      best: { quality: 0.9, firstTokenSeconds: 5 },
      worse: { quality: 0.4 },
    });
    const hurried = selection.rank({ ...ASK, deadlineSeconds: 4.5 }, NOTHING, T);
    expect(names(hurried.order)).toEqual(["worse", "best"]);
    const tooMuch = selection.rank({ ...ASK, deadlineSeconds: 1 }, NOTHING, T);
    expect(tooMuch.choices[0]).toMatchObject({ feasible: false, reasons: ["deadline"] });
    expect(names(tooMuch.order)).toEqual(["worse", "best"]);
  });

  test("goes by the time that 97 of 100 answers take where a deadline has to be kept, and by the usual one elsewhere", () => {
    const { selection } = setUp({ best: { quality: 0.9 }, worse: { quality: 0.4 } });
    // Every call of the best one is expected after 4 s; one of ten takes 12.
    const calls = Array.from({ length: 40 }, (_, i): BackendCall => {
      const seconds = i % 10 === 0 ? 12 : 4;
      const expected = { class: 0, tokens: 300, seconds: 4, upperSeconds: 12 };
      return {
        backend: "best/m",
        tenant: "acme",
        succeeded: true,
        seconds: 4,
        firstTokenSeconds: 1,
        outputTokens: 300,
        arrival: { expected, isCut: false, seconds },
      };
    });
    const state = afterCalls(NO_BACKENDS, calls, T);
    const rank = (deadlineSeconds: number | null) =>
      selection.rank({ ...ASK, deadlineSeconds }, { state, ageMs: 0 }, T);
    expect(names(rank(null).order)).toEqual(["best", "worse"]);
    expect(names(rank(13).order)).toEqual(["best", "worse"]);
    expect(names(rank(8).order)).toEqual(["worse", "best"]);
    const best = rank(8).choices.find(({ backend }) => backend === "best/m")!;
    expect(best.predictedSeconds).toBeCloseTo(4, 6);
    // e^1.1 x 4, ln 3 in hundredths being 110
    expect(best.upperSeconds).toBeCloseTo(12, 1);
  });

  test("is neither too dear nor too long for anybody because others' answers were long", () => {
    const { selection } = setUp({ a: { contextWindow: 1_000 } });
    const expected = { class: 0, tokens: 300, seconds: 4, upperSeconds: 12 };
    const long = {
      backend: "a/m",
      tenant: "writer",
      succeeded: true,
      seconds: 41,
      firstTokenSeconds: 1,
      outputTokens: 4_000,
      arrival: { expected, isCut: false, seconds: 41 },
    };
    const state = afterCalls(
      NO_BACKENDS,
      Array.from({ length: 40 }, () => long),
      T,
    );
    // 300 tokens at 1 USD per million, and 700 + 300 tokens
    const ask = { ...ASK, promptTokens: 700, budgetUsd: 0.0003 };
    const { order, choices } = selection.rank(ask, { state, ageMs: 0 }, T);
    expect(names(order)).toEqual(["a"]);
    expect(choices[0]!.predictedUsd).toBeCloseTo(0.0003, 12);
    // The time goes by what was learned.
    expect(choices[0]!.predictedSeconds).toBeGreaterThan(20);
  });

  test("is tried again some time after it was late, and at once where one call among many was", () => {
    const { selection } = setUp({ best: { quality: 0.9 }, worse: { quality: 0.4 } });
    const expected = { class: 0, tokens: 300, seconds: 4, upperSeconds: 4 };
    const calls = (late: number) =>
      Array.from({ length: 40 }, (_, i): BackendCall => {
        const seconds = i < 40 - late ? 4 : 100;
        return {
          backend: "best/m",
          tenant: "acme",
          succeeded: true,
          seconds,
          firstTokenSeconds: 1,
          outputTokens: 300,
          arrival: { expected, isCut: false, seconds },
        };
      });
    const firstAt = (late: number, now: number) => {
      const state = afterCalls(NO_BACKENDS, calls(late), T);
      const { order } = selection.rank({ ...ASK, deadlineSeconds: 20 }, { state, ageMs: 0 }, now);
      return names(order)[0];
    };
    expect(firstAt(1, T)).toBe("best");
    expect(firstAt(5, T)).toBe("worse");
    expect(firstAt(5, T + 3_600_000)).toBe("best");
  });

  test("of a rule that learns changes with what calls cost", () => {
    const { selection } = setUp({ a: {}, b: {} }, { rule: "cs-ucb" });
    const outcome = (backend: string, cost: number) => ({
      requestId: "one",
      backend,
      class: serviceClass(ASK),
      succeeded: true,
      seconds: 1,
      firstTokenSeconds: 0.5,
      outputTokens: 100,
      deadlineSeconds: null,
      cost,
      quality: null,
      embedding: null,
    });
    for (let i = 0; i < 20; i++) {
      selection.observe(outcome("a/m", 0.001));
      selection.observe(outcome("b/m", 0.0001));
    }
    expect(names(selection.rank(ASK, NOTHING, T).order)).toEqual(["b", "a"]);
  });

  test("a caller's own limit on the answer shortens what is predicted", () => {
    const { selection } = setUp({ a: {} });
    const { choices } = selection.rank({ ...ASK, maxTokens: 10 }, NOTHING, T);
    expect(choices[0]!.predictedSeconds).toBe(1.1);
  });

  test("what costs too much, is too short or is down is not called, and the refusal says why", () => {
    const { selection } = setUp({ dear: { price: 10, contextWindow: 500 } });
    // 300 tokens at 10 USD per million are 0.003 USD.
    const poor = selection.rank({ ...ASK, budgetUsd: 0.0029 }, NOTHING, T);
    expect(poor.order).toEqual([]);
    expect(refusalOf(poor)).toMatchObject({ status: 402, param: "x-velo-max-cost-usd" });
    expect(selection.rank({ ...ASK, budgetUsd: 0.0031 }, NOTHING, T).order).toHaveLength(1);
    const long = selection.rank({ ...ASK, promptTokens: 201 }, NOTHING, T);
    expect(refusalOf(long)).toMatchObject({ status: 400, param: "messages" });
    expect(selection.rank({ ...ASK, promptTokens: 200 }, NOTHING, T).order).toHaveLength(1);
    const state = afterCalls(NO_BACKENDS, failures("dear", ["a", "b", "a", "b", "a"]), T);
    const down = selection.rank(ASK, { state, ageMs: 0 }, T);
    expect(refusalOf(down)).toMatchObject({ status: 503, code: "breaker_open" });
  });

  test("the isolate's own calls fill a backend at once, other isolates' when they are told of", () => {
    const { selection, backends } = setUp({ small: { maxConcurrent: 2 }, large: {} });
    const first = () => names(selection.rank(ASK, NOTHING, T).order)[0];
    selection.begin({ ...ASK, id: "r1" }, backends[0]!, 60, T);
    expect(first()).toBe("small");
    selection.begin({ ...ASK, id: "r2" }, backends[0]!, 60, T);
    expect(first()).toBe("large");
    expect(selection.running(T).counts).toEqual({ "small/m": 2, "large/m": 0 });
    selection.end("r1", true, T);
    expect(first()).toBe("small");
    const state = afterRunning(NO_BACKENDS, { isolate: "other", counts: { "small/m": 1 } }, T);
    expect(names(selection.rank(ASK, { state, ageMs: 0 }, T).order)[0]).toBe("large");
    // Told again by the region, the own calls count once.
    const own = afterRunning(NO_BACKENDS, selection.running(T), T);
    expect(names(selection.rank(ASK, { state: own, ageMs: 0 }, T).order)[0]).toBe("small");
  });

  test("a backend takes so many tokens in a minute", () => {
    const { selection, backends } = setUp({ small: { tokensPerMinute: 1_000 }, large: {} });
    const first = (now: number) => names(selection.rank(ASK, NOTHING, now).order)[0];
    // 300 tokens of the prompt and 300 of a usual answer
    selection.begin({ ...ASK, id: "r1", promptTokens: 300 }, backends[0]!, 60, T);
    selection.end("r1", true, T);
    expect(first(T)).toBe("small");
    selection.begin({ ...ASK, id: "r2", promptTokens: 1, maxTokens: 0 }, backends[0]!, 60, T);
    expect(first(T)).toBe("large");
    expect(first(T + 60_000)).toBe("small");
  });

  test("a backend that was down is probed once a second, and only while the failure could be made good", () => {
    const { selection } = setUp({ back: {}, other: {} });
    const state = afterCalls(NO_BACKENDS, failures("back", ["a", "b", "a", "b", "a"]), T);
    const first = (now: number) => names(selection.rank(ASK, { state, ageMs: 0 }, now).order)[0];
    expect(first(T + 29_999)).toBe("other");
    expect(first(T + 30_000)).toBe("back");
    expect(first(T + 30_999)).toBe("other");
    expect(first(T + 31_000)).toBe("back");
    for (let i = 0; i < 5; i++) expect(selection.budget.takeRetry(T + 31_000)).toBe(true);
    expect(first(T + 33_000)).toBe("other");
  });
});

describe("the budget of extra calls", () => {
  test("is five a minute, or a tenth of the requests", () => {
    const { selection } = setUp({ a: {} });
    const taken = () => {
      let count = 0;
      while (selection.budget.takeRetry(T)) count++;
      return count;
    };
    expect(taken()).toBe(5);
    for (let i = 0; i < 200; i++) selection.budget.countRequest(T);
    expect(taken()).toBe(15);
  });
});

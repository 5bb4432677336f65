import { describe, expect, test } from "vitest";
import { parseConfig, routeModel } from "../../../../src/worker/config.ts";
import { backendsOf } from "../../../../src/worker/upstream/backends.ts";

const PRICES = { inputUsdPerMillionTokens: 1, outputUsdPerMillionTokens: 2 };
const AUTO = { firstTokenSeconds: 0.4, secondsPerToken: 0.02 };
const LOCAL = {
  name: "self",
  kind: "openai",
  baseUrl: "https://llm.example.com/v1",
  models: [
    { id: "small", ...PRICES, auto: { ...AUTO, kind: "edge", slots: 4, maxConcurrent: 16 } },
  ],
};
const EDGE = {
  name: "workers-ai",
  kind: "workers-ai",
  models: [{ id: "@cf/x" }, { id: "@cf/y", ...PRICES, auto: AUTO }],
};
const parse = (document: unknown, routing?: string) =>
  parseConfig(document, { environment: "production", routing });
const withAuto = (auto: unknown) => ({
  upstreams: [{ ...LOCAL, models: [{ id: "small", ...PRICES, auto }] }],
});
/** Models of upstreams by their names, all of them backends. */
const named = (models: Readonly<Record<string, readonly string[]>>) => ({
  upstreams: Object.entries(models).map(([name, ids]) => ({
    name,
    kind: "openai",
    baseUrl: LOCAL.baseUrl,
    models: ids.map((id) => ({ id, ...PRICES, auto: AUTO })),
  })),
});
const withoutPrice = (key: string) => ({
  upstreams: [{ ...LOCAL, models: [{ id: "small", ...PRICES, [key]: undefined, auto: AUTO }] }],
});

describe("the backends of velo/auto", () => {
  test("are the models with an auto setting, in the order of the configuration", () => {
    const { upstreams, routing } = parse({ upstreams: [LOCAL, EDGE] });
    const backends = backendsOf(upstreams);
    expect(backends.map(({ id }) => id)).toEqual(["self/small", "workers-ai/@cf/y"]);
    expect(backends[0]!.auto).toEqual({
      kind: "edge",
      quality: null,
      contextWindow: null,
      maxConcurrent: 16,
      slots: 4,
      tokensPerMinute: null,
      joulesPerThousandTokens: null,
      firstTokenSeconds: 0.4,
      secondsPerToken: 0.02,
      outputTokens: 300,
    });
    expect(routing).toEqual({
      rule: "quality-first",
      deadlineMs: null,
      maxCostUsd: null,
      qualityTolerance: 0.02,
      cost: "usd",
    });
  });

  test("without one velo/auto is a name like any other", () => {
    expect(routeModel(parse({}), "velo/auto")).toBeNull();
    const open = parse({ upstreams: [{ ...LOCAL, models: [], anyModel: true }] });
    expect(routeModel(open, "velo/auto")?.model.target).toBe("velo/auto");
    const config = parse({ upstreams: [EDGE, LOCAL] });
    expect(routeModel(config, "velo/auto")?.model.id).toBe("@cf/y");
    expect(routeModel(config, "small")?.upstream.name).toBe("self");
  });

  test("the variable's rule goes before the document's", () => {
    expect(parse({ routing: { rule: "random" } }).routing.rule).toBe("random");
    expect(parse({ routing: { rule: "random" } }, "cs-ucb").routing.rule).toBe("cs-ucb");
    expect(parse({ routing: { rule: "random" } }, "").routing.rule).toBe("random");
  });

  test.each([
    [withAuto({}), "VELO.upstreams[0].models[0].auto.firstTokenSeconds must be a number"],
    [withAuto({ firstTokenSeconds: 1 }), "models[0].auto.secondsPerToken must be a number"],
    [withAuto({ ...AUTO, speed: 1 }), "models[0].auto.speed is not a known setting"],
    [withAuto({ ...AUTO, quality: 1.1 }), "models[0].auto.quality must be a number from 0 to 1"],
    [withAuto({ ...AUTO, slots: 0 }), "models[0].auto.slots must be a number from 1"],
    [withAuto({ ...AUTO, kind: "fog" }), "models[0].auto.kind must be one of edge, cloud"],
    [withAuto(true), "models[0].auto must be an object"],
    [
      withoutPrice("inputUsdPerMillionTokens"),
      "models[0].inputUsdPerMillionTokens must be a number",
    ],
    [
      withoutPrice("outputUsdPerMillionTokens"),
      "models[0].outputUsdPerMillionTokens must be a number",
    ],
    [named({ a: ["b/c"], "a/b": ["c"] }), 'VELO.upstreams has two backends called "a/b/c"'],
    [named({ a: ["b", "b"] }), 'VELO.upstreams has two backends called "a/b"'],
    [named({ a: ["b", "velo/auto"] }), 'VELO.upstreams must have no model called "velo/auto"'],
    [{ routing: { rule: "best" } }, "VELO.routing.rule must be one of quality-first"],
    [{ routing: { deadlineMs: 0 } }, "VELO.routing.deadlineMs must be a number from 1"],
    [{ routing: { maxCostUsd: -1 } }, "VELO.routing.maxCostUsd must be a number from 0"],
    [
      { upstreams: [LOCAL], routing: { cost: "joules" } },
      'VELO.routing.cost needs joulesPerThousandTokens of "self/small"',
    ],
  ])("%j is refused with its path", (document, message) => {
    expect(() => parse(document)).toThrow(message);
  });

  test("a rule that is none is refused by the variable's name", () => {
    expect(() => parse({}, "best")).toThrow("ROUTING must be one of quality-first");
  });
});

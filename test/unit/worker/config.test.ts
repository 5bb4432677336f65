import { describe, expect, test } from "vitest";
import { ConfigError, parseConfig, routeModel } from "../../../src/worker/config.ts";

const parse = (document: unknown, environment = "production", upstreamBaseUrl?: string) =>
  parseConfig(document, { environment, upstreamBaseUrl });
const problem = (document: unknown, environment?: string): string => {
  try {
    parse(document, environment);
  } catch (error) {
    if (error instanceof ConfigError) return error.message.replace("configuration: ", "");
    throw error;
  }
  return "none";
};
const OPENAI = {
  name: "openai",
  kind: "openai",
  baseUrl: "https://api.openai.com/v1/",
  apiKeyBinding: "OPENAI_API_KEY",
  models: [
    { id: "fast", target: "gpt-x", inputUsdPerMillionTokens: 1, outputUsdPerMillionTokens: 2 },
  ],
};

describe("the configuration", () => {
  test("has defaults for everything, others on a desk than in production", () => {
    for (const document of [undefined, null, "", "{}", {}]) {
      const config = parse(document);
      expect(config.regions.map(({ name }) => name)).toEqual(["us", "eu", "asia"]);
      expect(config.upstreams.map(({ name }) => name)).toEqual(["workers-ai"]);
      expect(config.deadlines).toEqual({
        embedMs: 100,
        lookupMs: 130,
        hedgeEmbedMs: 1,
        hedgeExactMs: 20,
        coalesceMs: 30_000,
        idleMs: 30_000,
      });
      expect(config.limits.bodyBytes).toBe(1_048_576);
      expect([config.epsilon, config.omega]).toEqual([0.02, 0.1]);
    }
    expect(parse({}, "local").upstreams.map(({ name }) => name)).toEqual(["demo"]);
  });

  test("reads an upstream, as an object or as JSON text", () => {
    for (const document of [{ upstreams: [OPENAI] }, JSON.stringify({ upstreams: [OPENAI] })]) {
      expect(parse(document).upstreams).toEqual([
        {
          ...OPENAI,
          baseUrl: "https://api.openai.com/v1",
          anyModel: false,
          fallbacks: [],
          firstByteTimeoutMs: 60_000,
        },
      ]);
    }
  });

  test("puts one upstream in place of the default where its address is given", () => {
    const { upstreams } = parse({}, "local", "http://127.0.0.1:9000/v1");
    expect(upstreams).toMatchObject([
      {
        kind: "openai",
        baseUrl: "http://127.0.0.1:9000/v1",
        anyModel: true,
        apiKeyBinding: "UPSTREAM_API_KEY",
      },
    ]);
    expect(() => parse({}, "production", "http://127.0.0.1:9000/v1")).toThrow("UPSTREAM_BASE_URL");
  });

  test.each([
    [{ surprise: 1 }, "VELO.surprise is not a known setting"],
    [[], "VELO must be an object"],
    ["{", "VELO is not valid JSON"],
    [{ deadlines: { embedms: 1 } }, "VELO.deadlines.embedms is not a known setting"],
    [{ deadlines: { embedMs: 0 } }, "VELO.deadlines.embedMs must be a number from 1 to 600000"],
    [{ deadlines: { embedMs: "100" } }, "VELO.deadlines.embedMs must be a number"],
    [{ limits: { bodyBytes: 1 } }, "VELO.limits.bodyBytes must be"],
    [{ epsilon: 0.5 }, "VELO.epsilon must be"],
    [{ omega: Number.NaN }, "VELO.omega must be"],
    // 10 s at omega / 2 a second cost 0.85, as much as a wrong answer.
    [{ omega: 0.17 }, "VELO.omega unsafe reward weights"],
    [{ regions: [] }, "VELO.regions must be a non-empty list"],
    [{ regions: [{ name: "US", locationHint: "enam" }] }, "VELO.regions[0].name must match"],
    [
      { regions: [{ name: "us", locationHint: "moon" }] },
      "VELO.regions[0].locationHint must be one of",
    ],
    [
      { regions: [{ name: "us", locationHint: "enam", shards: 0 }] },
      "VELO.regions[0].shards must be",
    ],
    [
      { upstreams: [{ ...OPENAI, apiKey: "sk-secret" }] },
      "VELO.upstreams[0].apiKey is not a known setting",
    ],
    [{ upstreams: [{ ...OPENAI, kind: "azure" }] }, "VELO.upstreams[0].kind must be"],
    [
      { upstreams: [{ ...OPENAI, models: [] }] },
      "VELO.upstreams[0].models must list at least one model",
    ],
    [
      { upstreams: [{ ...OPENAI, fallbacks: ["nobody"] }] },
      'VELO.upstreams.openai.fallbacks names no upstream called "nobody"',
    ],
    [
      { upstreams: [{ ...OPENAI, baseUrl: "http://api.openai.com" }] },
      "VELO.upstreams[0].baseUrl is not usable",
    ],
    [
      { upstreams: [{ ...OPENAI, baseUrl: "https://10.0.0.1/v1" }] },
      "VELO.upstreams[0].baseUrl is not usable",
    ],
    [
      { upstreams: [{ ...OPENAI, baseUrl: "https://localhost/v1" }] },
      "VELO.upstreams[0].baseUrl is not usable",
    ],
    [
      { judge: { upstream: "nobody", model: "fast" } },
      'VELO.judge.upstream names no upstream called "nobody"',
    ],
    [
      { upstreams: [OPENAI], judge: { upstream: "openai", model: "dear" } },
      'VELO.judge.model is not listed among the models of "openai"',
    ],
    [{ judge: { upstream: "openai" } }, "VELO.judge.model must be a non-empty string"],
    [{ judge: { rubric: "be kind" } }, "VELO.judge.rubric is not a known setting"],
  ])("%j is refused with its path", (document, message) => {
    expect(problem(document)).toContain(message);
  });

  test("names a judge among the upstreams' models, or has none", () => {
    expect(parse({}).judge).toBeNull();
    const { judge } = parse({ upstreams: [OPENAI], judge: { upstream: "openai", model: "fast" } });
    expect(judge).toMatchObject({ upstream: { name: "openai" }, model: { target: "gpt-x" } });
  });

  test("never repeats a value that could be a secret", () => {
    expect(problem({ upstreams: [{ ...OPENAI, apiKey: "sk-secret" }] })).not.toContain("sk-secret");
  });
});

describe("a model's route", () => {
  const config = parse({
    upstreams: [{ ...OPENAI, name: "open", anyModel: true, models: [] }, OPENAI],
  });

  test("is the upstream that lists it, else the one that takes any, else none", () => {
    expect(routeModel(config, "fast")).toMatchObject({
      upstream: { name: "openai" },
      model: { target: "gpt-x" },
    });
    expect(routeModel(config, "else")).toMatchObject({
      upstream: { name: "open" },
      model: { id: "else", target: "else", inputUsdPerMillionTokens: 0 },
    });
    expect(routeModel(parse({ upstreams: [OPENAI] }), "else")).toBeNull();
  });
});

// The configuration: one validated document. Unknown keys are refused with their path; secrets are bindings, never here.
import { assertSafeWeights, weightsFor } from "../policy/reward.ts";
import {
  baseUrlOf,
  ConfigError,
  fail,
  fields,
  list,
  number,
  text,
  texts,
} from "./config-fields.ts";
import { type EmbedderConfig, parseEmbedder } from "./embedder-config.ts";
import { type RegionConfig } from "./regions.ts";
import {
  AUTO_MODEL,
  type AutoSettings,
  type RoutingConfig,
  backendsOf,
  parseAuto,
  parseRouting,
} from "./upstream/backends.ts";

export { ConfigError };

export interface ModelConfig {
  /** Name that callers use. */
  readonly id: string;
  /** Name that the upstream uses; the same when unset. */
  readonly target: string;
  readonly inputUsdPerMillionTokens: number;
  readonly outputUsdPerMillionTokens: number;
  /** Among the models that `velo/auto` chooses from. */
  readonly auto?: AutoSettings;
}

export interface UpstreamConfig {
  readonly name: string;
  readonly kind: "openai" | "workers-ai";
  /** Base URL that ends before /chat/completions; only for kind openai. */
  readonly baseUrl: string;
  /** Name of the secret binding that holds the API key. */
  readonly apiKeyBinding: string | null;
  readonly models: readonly ModelConfig[];
  /** Forward models that are not listed; only one upstream may have it. */
  readonly anyModel: boolean;
  /** Names of upstreams to try, in order, when this one fails before its first byte. */
  readonly fallbacks: readonly string[];
  readonly firstByteTimeoutMs: number;
}

export interface Config {
  readonly regions: readonly RegionConfig[];
  readonly upstreams: readonly UpstreamConfig[];
  readonly deadlines: {
    readonly embedMs: number;
    /** Whole look-up, from the request's arrival; 20 ms less than the 150 that a miss may take longer. */
    readonly lookupMs: number;
    /**
     * After this the embedding, or the read of the exact answer, is asked for a second time. Most are: a second
     * embedding costs under a millionth of a dollar, and a miss waits for the slowest of these hops.
     */
    readonly hedgeEmbedMs: number;
    readonly hedgeExactMs: number;
    /** How long a caller waits for another caller's identical request before it asks the model itself. */
    readonly coalesceMs: number;
    readonly idleMs: number;
  };
  readonly limits: { readonly bodyBytes: number };
  /** Exploration floor of the policy. */
  readonly epsilon: number;
  /** omega = phi2 / phi1 that conditions the policy. */
  readonly omega: number;
  /** The model that judges answers (satisfaction/judge.ts); null: only what rules can tell counts. */
  readonly judge: Route | null;
  readonly embedder: EmbedderConfig;
  readonly routing: RoutingConfig;
}

const HINTS = ["wnam", "enam", "sam", "weur", "eeur", "apac", "oc", "afr", "me"] as const;

function parseRegion(value: unknown, path: string): RegionConfig {
  const f = fields(value, path, ["name", "hosts", "route", "continents", "locationHint", "shards"]);
  const name = text(f["name"], `${path}.name`);
  // Decision ids end with it, after a dash.
  if (!/^[a-z][a-z0-9]{0,15}$/.test(name)) fail(`${path}.name`, "must match [a-z][a-z0-9]*");
  const hint = HINTS.find((candidate) => candidate === f["locationHint"]);
  return {
    name,
    hosts: texts(f["hosts"] ?? [], `${path}.hosts`),
    route: text(f["route"] ?? name, `${path}.route`),
    continents: texts(f["continents"] ?? [], `${path}.continents`),
    locationHint: hint ?? fail(`${path}.locationHint`, `must be one of ${HINTS.join(", ")}`),
    shards: number(f["shards"] ?? 1, `${path}.shards`, 1, 256),
  };
}

function parseModel(value: unknown, path: string): ModelConfig {
  const f = fields(value, path, [
    "id",
    "target",
    "inputUsdPerMillionTokens",
    "outputUsdPerMillionTokens",
    "auto",
  ]);
  const id = text(f["id"], `${path}.id`);
  // A model is chosen by its price, and a price that nobody wrote down would be the lowest.
  const price = (key: string) =>
    number(f["auto"] === undefined ? (f[key] ?? 0) : f[key], `${path}.${key}`, 0, 10_000);
  return {
    id,
    target: text(f["target"] ?? id, `${path}.target`),
    inputUsdPerMillionTokens: price("inputUsdPerMillionTokens"),
    outputUsdPerMillionTokens: price("outputUsdPerMillionTokens"),
    ...(f["auto"] !== undefined && { auto: parseAuto(f["auto"], `${path}.auto`) }),
  };
}

function parseUpstream(value: unknown, path: string, environment: string): UpstreamConfig {
  const f = fields(value, path, [
    "name",
    "kind",
    "baseUrl",
    "apiKeyBinding",
    "models",
    "anyModel",
    "fallbacks",
    "firstByteTimeoutMs",
  ]);
  const kind = f["kind"] === "openai" || f["kind"] === "workers-ai" ? f["kind"] : null;
  if (kind === null) return fail(`${path}.kind`, 'must be "openai" or "workers-ai"');
  const baseUrl = kind === "openai" ? baseUrlOf(f["baseUrl"], `${path}.baseUrl`, environment) : "";
  const models = Array.isArray(f["models"]) ? f["models"] : [];
  const anyModel = f["anyModel"] === true;
  if (models.length === 0 && !anyModel) fail(`${path}.models`, "must list at least one model");
  return {
    name: text(f["name"], `${path}.name`),
    kind,
    baseUrl,
    apiKeyBinding:
      f["apiKeyBinding"] === undefined ? null : text(f["apiKeyBinding"], `${path}.apiKeyBinding`),
    models: models.map((model, i) => parseModel(model, `${path}.models[${i}]`)),
    anyModel,
    fallbacks: texts(f["fallbacks"] ?? [], `${path}.fallbacks`),
    firstByteTimeoutMs: number(
      f["firstByteTimeoutMs"] ?? 60_000,
      `${path}.firstByteTimeoutMs`,
      100,
      600_000,
    ),
  };
}

export const DEFAULT_REGIONS: readonly RegionConfig[] = [
  { name: "us", hosts: [], route: "us", continents: ["NA", "SA"], locationHint: "enam", shards: 1 },
  { name: "eu", hosts: [], route: "eu", continents: ["EU", "AF"], locationHint: "weur", shards: 1 },
  {
    name: "asia",
    hosts: [],
    route: "asia",
    continents: ["AS", "OC"],
    locationHint: "apac",
    shards: 1,
  },
];

/** Workers AI is the upstream that needs no key; its price is the one listed on 2026-11-01. */
const WORKERS_AI: UpstreamConfig = {
  name: "workers-ai",
  kind: "workers-ai",
  baseUrl: "",
  apiKeyBinding: null,
  models: [
    {
      id: "@cf/meta/llama-3.1-8b-instruct-fp8-fast",
      target: "@cf/meta/llama-3.1-8b-instruct-fp8-fast",
      inputUsdPerMillionTokens: 0.045,
      outputUsdPerMillionTokens: 0.384,
    },
  ],
  anyModel: false,
  fallbacks: [],
  firstByteTimeoutMs: 60_000,
};

/** The local default: a labelled demo model behind the AI binding; its prices are made up so that savings show. */
const DEMO: UpstreamConfig = {
  ...WORKERS_AI,
  name: "demo",
  models: [
    {
      id: "velo-demo",
      target: "velo-demo",
      inputUsdPerMillionTokens: 0.15,
      outputUsdPerMillionTokens: 0.6,
    },
  ],
};

/**
 * Parses the document, or gives the embedded defaults.
 * @param document the `VELO` variable: an object, or JSON text
 * @param overrides `UPSTREAM_BASE_URL` puts one OpenAI-compatible upstream in place of the default; `EMBEDDER` names the
 *   embedder, `ROUTING` the rule of `velo/auto`
 * @throws ConfigError with the path of the first wrong setting
 */
export function parseConfig(
  document: unknown,
  overrides: {
    readonly environment: string;
    readonly upstreamBaseUrl?: string | undefined;
    readonly embedder?: string | undefined;
    readonly routing?: string | undefined;
  },
): Config {
  let value = document ?? {};
  if (typeof value === "string") {
    try {
      value = value === "" ? {} : JSON.parse(value);
    } catch (cause) {
      throw new ConfigError(`configuration: VELO is not valid JSON: ${String(cause)}`);
    }
  }
  const root = fields(value, "VELO", [
    "regions",
    "upstreams",
    "deadlines",
    "limits",
    "epsilon",
    "omega",
    "judge",
    "embedder",
    "routing",
  ]);
  const deadlines = fields(root["deadlines"] ?? {}, "VELO.deadlines", [
    "embedMs",
    "lookupMs",
    "hedgeEmbedMs",
    "hedgeExactMs",
    "coalesceMs",
    "idleMs",
  ]);
  const limits = fields(root["limits"] ?? {}, "VELO.limits", ["bodyBytes"]);
  const ms = (key: string, fallback: number) =>
    number(deadlines[key] ?? fallback, `VELO.deadlines.${key}`, 1, 600_000);

  let upstreams: readonly UpstreamConfig[];
  if (overrides.upstreamBaseUrl) {
    upstreams = [
      {
        name: "upstream",
        kind: "openai",
        baseUrl: baseUrlOf(overrides.upstreamBaseUrl, "UPSTREAM_BASE_URL", overrides.environment),
        apiKeyBinding: "UPSTREAM_API_KEY",
        models: [],
        anyModel: true,
        fallbacks: [],
        firstByteTimeoutMs: 60_000,
      },
    ];
  } else if (root["upstreams"] === undefined) {
    upstreams = [overrides.environment === "local" ? DEMO : WORKERS_AI];
  } else {
    upstreams = list(root["upstreams"], "VELO.upstreams").map((item, i) =>
      parseUpstream(item, `VELO.upstreams[${i}]`, overrides.environment),
    );
  }
  const names = upstreams.map(({ name }) => name);
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined) fail("VELO.upstreams", `has two upstreams called "${twice}"`);
  if (upstreams.filter(({ anyModel }) => anyModel).length > 1)
    fail("VELO.upstreams", "must have at most one upstream with anyModel");
  for (const upstream of upstreams)
    for (const fallback of upstream.fallbacks)
      if (!upstreams.some(({ name }) => name === fallback))
        fail(`VELO.upstreams.${upstream.name}.fallbacks`, `names no upstream called "${fallback}"`);

  const regions =
    root["regions"] === undefined
      ? DEFAULT_REGIONS
      : list(root["regions"], "VELO.regions").map((item, i) =>
          parseRegion(item, `VELO.regions[${i}]`),
        );
  for (const key of ["name", "route"] as const)
    if (new Set(regions.map((region) => region[key])).size < regions.length)
      fail("VELO.regions", `must have a ${key} of its own for each region`);

  return {
    regions,
    upstreams,
    deadlines: {
      embedMs: ms("embedMs", 100),
      lookupMs: ms("lookupMs", 130),
      hedgeEmbedMs: ms("hedgeEmbedMs", 1),
      hedgeExactMs: ms("hedgeExactMs", 20),
      coalesceMs: ms("coalesceMs", 30_000),
      idleMs: ms("idleMs", 30_000),
    },
    limits: {
      bodyBytes: number(limits["bodyBytes"] ?? 1 << 20, "VELO.limits.bodyBytes", 1024, 1 << 25),
    },
    epsilon: number(root["epsilon"] ?? 0.02, "VELO.epsilon", 0, 0.2),
    omega: safeOmega(number(root["omega"] ?? 0.1, "VELO.omega", 0.001, 10)),
    judge: root["judge"] === undefined ? null : parseJudge(root["judge"], upstreams),
    embedder: parseEmbedder(overrides.embedder, root["embedder"], overrides.environment),
    routing: parseRouting(root["routing"], overrides.routing, upstreams),
  };
}

/** A judge without a price would not count against the label budget: it must be listed. */
function parseJudge(value: unknown, upstreams: readonly UpstreamConfig[]): Route {
  const f = fields(value, "VELO.judge", ["upstream", "model"]);
  const [name, id] = [
    text(f["upstream"], "VELO.judge.upstream"),
    text(f["model"], "VELO.judge.model"),
  ];
  const upstream = upstreams.find((each) => each.name === name);
  if (upstream === undefined)
    return fail("VELO.judge.upstream", `names no upstream called "${name}"`);
  const model = upstream.models.find((each) => each.id === id);
  return model === undefined
    ? fail("VELO.judge.model", `is not listed among the models of "${name}"`)
    : { upstream, model };
}

/** A price of time at which the policy would learn to serve anything is refused before the first request. */
function safeOmega(omega: number): number {
  try {
    assertSafeWeights(weightsFor(omega));
  } catch (error) {
    fail("VELO.omega", error instanceof Error ? error.message : String(error));
  }
  return omega;
}

/** Where a call goes when its upstream fails before the first byte: the same model if it is there, else the first one. */
export function fallbacksOf(
  config: Config,
  upstream: UpstreamConfig,
  model: ModelConfig,
): readonly Route[] {
  return upstream.fallbacks.flatMap((name) => {
    const other = config.upstreams.find((candidate) => candidate.name === name);
    const same = other?.models.find(({ id }) => id === model.id) ?? (other?.anyModel && model);
    const chosen = same || other?.models[0];
    return other && chosen ? [{ upstream: other, model: chosen }] : [];
  });
}

export interface Route {
  readonly upstream: UpstreamConfig;
  readonly model: ModelConfig;
}

/** The upstream and model that serve a model name, or null; of `velo/auto` the first that may be chosen. */
export function routeModel(config: Config, model: string): Route | null {
  const [first] = model === AUTO_MODEL ? backendsOf(config.upstreams) : [];
  if (first !== undefined) return { upstream: first.upstream, model: first.model };
  for (const upstream of config.upstreams) {
    const listed = upstream.models.find(({ id }) => id === model);
    if (listed) return { upstream, model: listed };
  }
  const open = config.upstreams.find(({ anyModel }) => anyModel);
  return open
    ? {
        upstream: open,
        model: {
          id: model,
          target: model,
          inputUsdPerMillionTokens: 0,
          outputUsdPerMillionTokens: 0,
        },
      }
    : null;
}

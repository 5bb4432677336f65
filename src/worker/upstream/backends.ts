// The backends among which `velo/auto` chooses: a model of an upstream becomes one by its `auto` setting, which says what
// it is good for, what it can take, and how fast it is believed to be before anybody has measured it.
import { type Backend } from "../../policy/routing/selector.ts";
import { type ModelConfig, type Route, type UpstreamConfig } from "../config.ts";
import { fail, fields, number } from "../config-fields.ts";

/** The model's name by which a caller leaves the choice to velo. */
export const AUTO_MODEL = "velo/auto";

export interface AutoSettings {
  readonly kind: Backend["kind"];
  /** Expected quality in [0, 1]; null: nobody knows. */
  readonly quality: number | null;
  /** Tokens, prompt and answer together. */
  readonly contextWindow: number | null;
  /** Calls at the same time beyond which the server refuses more. */
  readonly maxConcurrent: number | null;
  /** Calls that are answered at the same time; later ones wait. */
  readonly slots: number | null;
  readonly tokensPerMinute: number | null;
  readonly joulesPerThousandTokens: number | null;
  /** The guess until something is measured. */
  readonly firstTokenSeconds: number;
  readonly secondsPerToken: number;
  /** Length of a usual answer; a request's own limit makes it less. */
  readonly outputTokens: number;
}

export const RULES = [
  "quality-first",
  "least-completion",
  "cs-ucb",
  "fixed-order",
  "shortest-queue",
  "round-robin",
  "random",
] as const;

export interface RoutingConfig {
  readonly rule: (typeof RULES)[number];
  /** For requests that name none; null: no deadline. */
  readonly deadlineMs: number | null;
  readonly maxCostUsd: number | null;
  /** Backends whose quality is lower than the best one's by at most this are as good. */
  readonly qualityTolerance: number;
  /** What a learning rule saves: money by the prices, or energy. */
  readonly cost: "usd" | "joules";
}

/** One backend as it is configured. */
export interface BackendConfig extends Route {
  /** `<upstream>/<model>` */
  readonly id: string;
  readonly auto: AutoSettings;
}

const KINDS = ["edge", "cloud", "provider"] as const;

export function parseAuto(value: unknown, path: string): AutoSettings {
  const f = fields(value, path, [
    "kind",
    "quality",
    "contextWindow",
    "maxConcurrent",
    "slots",
    "tokensPerMinute",
    "joulesPerThousandTokens",
    "firstTokenSeconds",
    "secondsPerToken",
    "outputTokens",
  ]);
  const maybe = (key: string, min: number, max: number): number | null =>
    f[key] === undefined ? null : number(f[key], `${path}.${key}`, min, max);
  return {
    kind: oneOf(f["kind"] ?? "provider", `${path}.kind`, KINDS),
    quality: maybe("quality", 0, 1),
    contextWindow: maybe("contextWindow", 1, 1e9),
    maxConcurrent: maybe("maxConcurrent", 1, 1e6),
    slots: maybe("slots", 1, 1e6),
    tokensPerMinute: maybe("tokensPerMinute", 1, 1e12),
    joulesPerThousandTokens: maybe("joulesPerThousandTokens", 0, 1e9),
    firstTokenSeconds: number(f["firstTokenSeconds"], `${path}.firstTokenSeconds`, 0, 600),
    secondsPerToken: number(f["secondsPerToken"], `${path}.secondsPerToken`, 0, 60),
    outputTokens: number(f["outputTokens"] ?? 300, `${path}.outputTokens`, 1, 1e6),
  };
}

/** @param rule the variable `ROUTING`; it goes before the document's own */
export function parseRouting(
  value: unknown,
  rule: string | undefined,
  upstreams: readonly UpstreamConfig[],
): RoutingConfig {
  const path = "VELO.routing";
  const f = fields(value ?? {}, path, [
    "rule",
    "deadlineMs",
    "maxCostUsd",
    "qualityTolerance",
    "cost",
  ]);
  const maybe = (key: string, min: number, max: number): number | null =>
    f[key] === undefined ? null : number(f[key], `${path}.${key}`, min, max);
  const cost = oneOf(f["cost"] ?? "usd", `${path}.cost`, ["usd", "joules"] as const);
  const backends = backendsOf(upstreams);
  const twice = backends.find(({ id }, i) => backends.findIndex((other) => other.id === id) < i);
  if (twice !== undefined) fail("VELO.upstreams", `has two backends called "${twice.id}"`);
  if (
    backends.length > 0 &&
    upstreams.some(({ models }) => models.some(({ id }) => id === AUTO_MODEL))
  )
    fail(
      "VELO.upstreams",
      `must have no model called "${AUTO_MODEL}": it leaves the choice to velo`,
    );
  const silent = backends.find(({ auto }) => auto.joulesPerThousandTokens === null);
  if (cost === "joules" && silent !== undefined)
    fail(`${path}.cost`, `needs joulesPerThousandTokens of "${silent.id}"`);
  const asked = oneOf(f["rule"] ?? "quality-first", `${path}.rule`, RULES);
  return {
    rule: rule ? oneOf(rule, "ROUTING", RULES) : asked,
    deadlineMs: maybe("deadlineMs", 1, 600_000),
    maxCostUsd: maybe("maxCostUsd", 0, 1_000),
    qualityTolerance: number(f["qualityTolerance"] ?? 0.02, `${path}.qualityTolerance`, 0, 1),
    cost,
  };
}

/** In the order of the configuration; empty: nothing is left to choose, and `velo/auto` is a name like any other. */
export const backendsOf = (upstreams: readonly UpstreamConfig[]): readonly BackendConfig[] =>
  upstreams.flatMap((upstream) =>
    upstream.models.flatMap((model) =>
      model.auto === undefined
        ? []
        : [{ id: backendId(upstream, model), upstream, model, auto: model.auto }],
    ),
  );

const backendId = ({ name }: UpstreamConfig, { id }: ModelConfig): string => `${name}/${id}`;

function oneOf<T extends string>(value: unknown, path: string, words: readonly T[]): T {
  return words.find((word) => word === value) ?? fail(path, `must be one of ${words.join(", ")}`);
}

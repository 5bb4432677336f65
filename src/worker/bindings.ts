// The only reader of bindings: turns the platform into the functions of ports.ts. What outlives a request (the
// isolate's memory, breakers, the policy) is kept here and knows no single request.
import { type Region } from "../durable/region.ts";
import { embedderProfile } from "../policy/embedders.ts";
import { builtInEmbedder, builtInSpace } from "./built-in-embedder.ts";
import { builtInScorer } from "./built-in-verifier.ts";
import { type AuthPorts } from "./auth.ts";
import { type Config, type UpstreamConfig, parseConfig } from "./config.ts";
import { spaceOf } from "./embedder-config.ts";
import { type Env } from "./env.ts";
import { Isolate } from "./isolate.ts";
import { hmacWith } from "./lookup/digest.ts";
import {
  type Embed,
  type EmbedderInfo,
  builtInEmbed,
  openAiEmbed,
  workersAiEmbed,
} from "./lookup/embedder.ts";
import { GatewayError } from "./openai/errors.ts";
import { type PolicyBucket } from "./policy-files.ts";
import { loadedPolicy, policyStatus, refreshPolicies } from "./policy-loader.ts";
import { type Dependency, type Hop, type Ports } from "./ports.ts";
import { embeddingPrice } from "./prices.ts";
import { type MovingPorts, moveRows } from "./re-embedding.ts";
import { type RegionConfig, regionObjectName, regionOf } from "./regions.ts";
import { CircuitBreaker, guarded } from "./upstream/breaker.ts";
import { waitFor, withDeadline } from "./upstream/deadline.ts";
import { ModelCalls } from "./upstream/model-calls.ts";
import { type UpstreamTarget } from "./upstream/target.ts";
import { workersAiFetch } from "./upstream/workers-ai.ts";

/** One request's view of the deployment. */
export interface World {
  readonly request: Request;
  readonly requestId: string;
  readonly receivedAt: number;
  readonly region: RegionConfig;
  /** Path without the region prefix. */
  readonly pathname: string;
  readonly ports: Ports;
  readonly auth: AuthPorts;
  /** Unset: the admin routes do not exist. */
  readonly adminToken: string | undefined;
  /** Unset: the trainer's routes do not exist. */
  readonly trainerKeys: string | undefined;
  /** Keys that may sign policies. */
  readonly signingKeys: string | undefined;
  readonly policyBucket: PolicyBucket;
  readonly regionObjects: () => readonly DurableObjectStub<Region>[];
  readonly regionObject: (region: RegionConfig, shard: number) => DurableObjectStub<Region>;
  readonly tenants: AuthPorts["tenants"];
}

const isolate = new Isolate();
/**
 * A late reply costs at most the look-up's deadline, so these breakers are quicker to try again than those of model
 * upstreams; and one pause of the machine fails everything in flight, so they take more failures in a row to open.
 */
const LOOK_UP_BREAKER = { failuresToOpen: 20, baseOpenMs: 2_000, maxOpenMs: 30_000 };
const dependencies: Readonly<Record<Dependency, CircuitBreaker>> = {
  embed: new CircuitBreaker(LOOK_UP_BREAKER),
  vectors: new CircuitBreaker(LOOK_UP_BREAKER),
  store: new CircuitBreaker(LOOK_UP_BREAKER),
  region: new CircuitBreaker(LOOK_UP_BREAKER),
};
const modelCalls = new ModelCalls();

/** Parsed once per isolate; a broken document fails every request with its message in the log. */
let parsed:
  | {
      readonly from: unknown;
      readonly embedder: string;
      readonly routing: string | undefined;
      readonly config: Config;
    }
  | undefined;
function configOf(env: Env): Config {
  if (
    parsed === undefined ||
    parsed.from !== env.VELO ||
    parsed.embedder !== env.EMBEDDER ||
    parsed.routing !== env.ROUTING
  )
    parsed = {
      from: env.VELO,
      embedder: env.EMBEDDER,
      routing: env.ROUTING,
      config: parseConfig(env.VELO, {
        environment: env.ENVIRONMENT,
        upstreamBaseUrl: env.UPSTREAM_BASE_URL,
        embedder: env.EMBEDDER,
        routing: env.ROUTING,
      }),
    };
  return parsed.config;
}

let signing: { readonly secret: string; readonly hmac: ReturnType<typeof hmacWith> } | undefined;
function hmacOf(env: Env): ReturnType<typeof hmacWith> {
  // Ids need a secret so that one tenant cannot compute another's; keys and ids share the deployment's pepper.
  const secret = env.KEY_PEPPER;
  if (!secret) throw new GatewayError("unavailable", "The secret KEY_PEPPER is not set.");
  if (signing?.secret !== secret) signing = { secret, hmac: hmacWith(secret) };
  return signing.hmac;
}

function embedderInfo({ embedder }: Config): EmbedderInfo {
  const { id, dimensions, kind, usdPerMillionTokens } = embedder;
  return {
    ...embedderProfile(id, dimensions),
    dimensions,
    space: kind === "built-in" ? builtInSpace() : spaceOf(embedder),
    usdPerToken: usdPerMillionTokens === null ? embeddingPrice(id) : usdPerMillionTokens / 1e6,
    inPlace: kind === "built-in",
  };
}

function embedOf({ embedder }: Config, env: Env): Embed {
  if (embedder.kind === "built-in") return async (texts) => builtInEmbed(builtInEmbedder())(texts);
  if (embedder.kind !== "openai") return workersAiEmbed(env.AI, embedder);
  const apiKey = secretOf(env, embedder.apiKeyBinding);
  return openAiEmbed(embedder, {
    fetch: (url, init) => fetch(url, init),
    wait: waitFor,
    ...(apiKey !== null && { apiKey }),
  });
}

function secretOf(env: Env, binding: string | null): string | null {
  const secret = binding && (env as unknown as Readonly<Record<string, unknown>>)[binding];
  return typeof secret === "string" && secret !== "" ? secret : null;
}

export function worldOf(
  request: Request,
  env: Env,
  ctx: ExecutionContext,
  requestId: string,
): World {
  const config = configOf(env);
  const now = (): number => Date.now();
  const receivedAt = now();
  const url = new URL(request.url);
  const { region, pathname } = regionOf(
    {
      hostname: url.hostname,
      pathname: url.pathname,
      ...(typeof request.cf?.["continent"] === "string" && { continent: request.cf["continent"] }),
    },
    config.regions,
  );
  const objectNamed = (name: string, hint: DurableObjectLocationHint): DurableObjectStub<Region> =>
    env.REGION.get(env.REGION.idFromName(name), { locationHint: hint });
  const regionObject = (of: RegionConfig, shard: number): DurableObjectStub<Region> =>
    objectNamed(`region/${of.name}/${shard}`, of.locationHint);
  // One object for the whole account: keys are read at most once a minute and isolate.
  const tenants = env.TENANTS.get(env.TENANTS.idFromName("tenants"));
  const auth: AuthPorts = {
    isolate,
    tenants,
    pepper: env.KEY_PEPPER,
    localKey: env.ENVIRONMENT === "local" ? env.LOCAL_API_KEY : undefined,
    now,
    wait: waitFor,
  };
  const ports: Ports = {
    config,
    isolate,
    now,
    random: Math.random,
    wait: waitFor,
    waitUntil: (task) => ctx.waitUntil(task),
    hmac: async (parts) => hmacOf(env)(parts),
    bounded: (dependency, ms, call) => bounded(dependency, ms, call, now),
    embedder: embedderInfo(config),
    embed: embedOf(config, env),
    index: env.VECTORIZE,
    answers: {
      get: async (key) => (await (await env.STORE.get(key))?.text()) ?? null,
      put: async (key, body) => {
        await env.STORE.put(key, body);
      },
    },
    link: (of, tenant) => objectNamed(regionObjectName(of, tenant), of.locationHint),
    policy: (versions) => loadedPolicy(versions, env),
    scorer: () => builtInScorer(() => isolate.counters.scorerFailures++),
    policyStatus,
    refreshPolicies: (serving) => refreshPolicies(serving, env),
    callModel: (call) =>
      modelCalls.call(call, config, {
        fetch: (...asked) => fetch(...asked),
        now,
        random: Math.random,
        wait: waitFor,
        targetOf: (upstream) => targetOf(upstream, config, env),
      }),
  };
  return {
    request,
    requestId,
    receivedAt,
    region,
    pathname,
    ports,
    auth,
    adminToken: env.ADMIN_TOKEN,
    trainerKeys: env.TRAINER_KEYS,
    signingKeys: env.SIGNING_PUBLIC_KEYS,
    policyBucket: env.STORE,
    tenants,
    regionObject,
    regionObjects: () =>
      config.regions.flatMap((of) =>
        Array.from({ length: of.shards }, (_, shard) => regionObject(of, shard)),
      ),
  };
}

async function bounded<T>(
  dependency: Dependency,
  ms: number,
  call: () => Promise<T>,
  now: () => number,
): Promise<Hop<T>> {
  const startedAt = now();
  const outcome = await guarded(dependencies[dependency], now, () =>
    withDeadline(call, ms, waitFor),
  );
  const took = now() - startedAt;
  return outcome.ok
    ? { ok: true, value: outcome.value, ms: took }
    : { ok: false, reason: outcome.reason, ms: took };
}

function targetOf(upstream: UpstreamConfig, config: Config, env: Env): UpstreamTarget {
  const apiKey = secretOf(env, upstream.apiKeyBinding);
  return {
    name: upstream.name,
    baseUrl: upstream.baseUrl,
    timeouts: { firstByteMs: upstream.firstByteTimeoutMs, idleMs: config.deadlines.idleMs },
    ...(apiKey !== null && { apiKey }),
    ...(upstream.kind === "workers-ai" && {
      fetch: workersAiFetch(env.AI, {
        now: Date.now,
        newId: () => `chatcmpl-${crypto.randomUUID()}`,
      }),
    }),
  };
}

/** Cron: every region object evicts; one that fails does not stop the others. */
export async function evictEverywhere(env: Env): Promise<void> {
  const evicted = regionObjectsOf(env).map(async (object) => object.evict());
  logFailures("eviction-failed", await Promise.allSettled(evicted));
}

/** Cron: rows that an earlier embedder made are embedded anew, so many per run. */
export async function reembedEverywhere(env: Env): Promise<void> {
  const config = configOf(env);
  const ports: MovingPorts = {
    embedder: embedderInfo(config),
    embed: embedOf(config, env),
    hmac: hmacOf(env),
    answers: { get: async (key) => (await (await env.STORE.get(key))?.text()) ?? null },
    now: Date.now,
  };
  // One after another: they share the calls that a Worker may make in one run.
  for (const object of regionObjectsOf(env))
    logFailures("re-embedding-failed", await Promise.allSettled([moveRows(object, ports)]));
}

const regionObjectsOf = (env: Env): readonly DurableObjectStub<Region>[] =>
  configOf(env).regions.flatMap((region) =>
    Array.from({ length: region.shards }, (_, shard) =>
      env.REGION.get(env.REGION.idFromName(`region/${region.name}/${shard}`), {
        locationHint: region.locationHint,
      }),
    ),
  );

function logFailures(event: string, results: readonly PromiseSettledResult<unknown>[]): void {
  for (const result of results)
    if (result.status === "rejected")
      // oxlint-disable-next-line no-console -- the Worker's log is where cron failures are read
      console.error(JSON.stringify({ event, error: String(result.reason) }));
}

// The gateway's world in memory: a clock that moves only when a test says so, a store, an index, region objects and a
// model that can each be slow or down. Several isolates can share one world, as they do in production.
import { createHash, createHmac } from "node:crypto";
import { type ServingPolicies } from "../../src/durable/rollout.ts";
import {
  DEFAULT_SETTINGS,
  type TenantId,
  type TenantSettings,
  type VerifiedKey,
} from "../../src/durable/tenant.ts";
import { greedyPolicy } from "../../src/policy/network/greedy.ts";
import { type PairScorer } from "../../src/policy/verifier/pair-scorer.ts";
import { type Policy } from "../../src/policy/network/policy.ts";
import { type Config, parseConfig } from "../../src/worker/config.ts";
import { answerChat } from "../../src/worker/gateway.ts";
import { Isolate } from "../../src/worker/isolate.ts";
import { lengthPrefixed } from "../../src/worker/lookup/digest.ts";
import { parseChatRequest } from "../../src/worker/openai/chat.ts";
import { errorResponse } from "../../src/worker/openai/errors.ts";
import {
  type Dependency,
  type Hop,
  type ModelCall,
  type ModelReply,
  type Ports,
} from "../../src/worker/ports.ts";
import { type RegionConfig, regionObjectName } from "../../src/worker/regions.ts";
import { type RegionLink } from "../../src/worker/reports.ts";
import { CircuitBreaker, guarded } from "../../src/worker/upstream/breaker.ts";
import { withDeadline } from "../../src/worker/upstream/deadline.ts";
import { ModelCalls } from "../../src/worker/upstream/model-calls.ts";
import { Meanings } from "./meanings.ts";
import { MemoryIndex } from "./memory-index.ts";
import { MemoryRegion, type RegionOptions } from "./memory-region.ts";
import { type BodyReader, type Reply, readReply } from "./reply.ts";
import { ScriptedModel } from "./scripted-model.ts";
import { VirtualClock } from "./virtual-clock.ts";

// A virtual clock may move only when nothing is running. WebCrypto computes on threads that no clock can see, so in this
// world it computes in place.
crypto.subtle.digest = (_algorithm, data) => {
  const bytes = ArrayBuffer.isView(data)
    ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
    : new Uint8Array(data);
  return Promise.resolve(Uint8Array.from(createHash("sha256").update(bytes).digest()).buffer);
};

export type Fault = "up" | "down" | { readonly slowMs: number };

/** The code under test; a mutated copy of src has its own. */
export interface Source {
  readonly answerChat: typeof answerChat;
  readonly Isolate: typeof Isolate;
}

export interface WorldOptions {
  readonly source?: Source;
  readonly dimensions?: number;
  readonly onReport?: RegionOptions["onReport"];
  readonly config?: Readonly<Record<string, unknown>>;
}

export interface Ask {
  readonly key?: VerifiedKey;
  /** Fields of the body beside model and messages. */
  readonly body?: Readonly<Record<string, unknown>>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly region?: string;
  readonly isolate?: Isolate;
  readonly signal?: AbortSignal;
  readonly onReader?: (reader: BodyReader) => void;
  /** When the request arrived, where reading it took a while. */
  readonly receivedAt?: number;
  /** The bytes on the wire, where they must not be what JSON.stringify gives. */
  readonly raw?: string;
}

/** 2026-11-20T00:00:00Z, a multiple of 1000. */
const START = 1_795_132_800_000;

export class World {
  readonly clock = new VirtualClock(START);
  readonly config: Config;
  readonly source: Source;
  readonly dimensions: number;
  readonly store = new Map<string, string>();
  readonly index: MemoryIndex;
  readonly model = new ScriptedModel();
  readonly regions = new Map<string, MemoryRegion>();
  readonly faults: Record<Dependency, Fault> = {
    embed: "up",
    vectors: "up",
    store: "up",
    region: "up",
  };
  /** What a healthy dependency takes, milliseconds of virtual time. */
  readonly delays: Record<Dependency, number> = { embed: 10, vectors: 20, store: 5, region: 15 };
  /** Until the index shows a row that was reported. */
  indexLagMs = 0;
  isolate: Isolate;
  policy: Policy = greedyPolicy(0.95);
  /** Without one, semantic hits go by raw distance. */
  scorer: PairScorer | null = null;
  /** Each isolate's published policies, in place of the one policy above. */
  policies: ((isolate: Isolate) => Pick<Ports, "policy" | "refreshPolicies">) | null = null;
  draws: () => number = () => 0.5;
  /** Objects that a write took from another tenant. */
  storeTakeovers = 0;
  /** Texts embedded, in order. */
  readonly embedded: string[] = [];
  /** What refreshPolicies was called with. */
  readonly refreshed: (ServingPolicies | null)[] = [];
  hmac: Ports["hmac"] = (parts) =>
    Promise.resolve(createHmac("sha256", "pepper").update(lengthPrefixed(parts)).digest());
  /** How the store finds an object; a broken one may mix keys up. */
  find: (key: string) => string | null = (key) => this.store.get(key) ?? null;
  readonly #onReport: RegionOptions["onReport"];
  readonly #meanings: Meanings;
  readonly #breakers: Record<Dependency, CircuitBreaker> = {
    embed: new CircuitBreaker(),
    vectors: new CircuitBreaker(),
    store: new CircuitBreaker(),
    region: new CircuitBreaker(),
  };
  readonly #modelCalls = new WeakMap<Isolate, ModelCalls>();
  #tasks: Promise<unknown>[] = [];

  constructor({ source, dimensions = 64, onReport, config = {} }: WorldOptions = {}) {
    this.source = source ?? { answerChat, Isolate };
    this.dimensions = dimensions;
    this.index = new MemoryIndex(dimensions);
    this.#meanings = new Meanings(dimensions);
    this.isolate = new this.source.Isolate();
    this.config = parseConfig(config, { environment: "local" });
    this.#onReport = onReport;
  }

  /** One request, from arrival to the last byte; time passes as far as that needs. */
  ask(prompt: string, ask: Ask = {}): Promise<Reply> {
    return this.clock.run(this.begin(prompt, ask));
  }

  /** The same without moving the clock, for requests that overlap. */
  begin(prompt: string, ask: Ask = {}): Promise<Reply> {
    const since = this.clock.now();
    return readReply(this.open(prompt, ask), () => this.clock.now() - since, ask.onReader);
  }

  /** The response before its body is read. */
  async open(
    prompt: string,
    ask: Ask = {},
    wait: Ports["wait"] = this.clock.wait,
  ): Promise<Response> {
    const fields = {
      model: "velo-demo",
      messages: [{ role: "user", content: prompt }],
      ...ask.body,
    };
    const text = ask.raw ?? JSON.stringify(fields);
    const body = JSON.parse(text) as Record<string, unknown>;
    const region = this.config.regions.find(({ name }) => name === (ask.region ?? "us"))!;
    const requestId = "req_test";
    try {
      return await this.source.answerChat(
        {
          requestId,
          receivedAt: ask.receivedAt ?? this.clock.now(),
          key: ask.key ?? keyOf("acme"),
          region,
          headers: new Headers(ask.headers),
          signal: ask.signal ?? new AbortController().signal,
          raw: Uint8Array.from(new TextEncoder().encode(text)),
          body,
          chat: parseChatRequest(body),
        },
        this.ports(ask.isolate ?? this.isolate, wait),
      );
    } catch (error) {
      return errorResponse(error, requestId);
    }
  }

  /** Runs everything that was handed to waitUntil; rejects when one of it did. */
  async settleAll(): Promise<void> {
    while (this.#tasks.length > 0) await this.clock.run(Promise.all(this.#tasks.splice(0)));
    for (const region of this.regions.values()) region.settleIndex();
  }

  region(name = "us", tenant = "acme"): MemoryRegion {
    return this.#regionOf(
      this.config.regions.find((region) => region.name === name)!,
      tenant,
    );
  }

  /** Everything the regions were told, batches that came twice counted once. */
  get reported() {
    const reports = [...this.regions.values()].flatMap(({ received }) => received);
    const all = [...new Map(reports.map((report) => [report.batchId, report])).values()];
    return {
      receipts: all.flatMap(({ receipts }) => receipts),
      experiences: all.flatMap(({ experiences }) => experiences),
      outcomes: all.flatMap(({ outcomes }) => outcomes),
      inserts: all.flatMap(({ inserts }) => inserts),
      uses: all.flatMap(({ uses }) => uses),
      labels: all.flatMap(({ labels }) => labels),
    };
  }

  alike(text: string, other: string, cosine: number): void {
    this.#meanings.alike(text, other, cosine);
  }

  vectorOf(text: string): Float32Array {
    return this.#meanings.vectorOf(text);
  }

  ports(isolate: Isolate, wait: Ports["wait"]): Ports {
    const { now } = this.clock;
    const hop = async <T>(dependency: Dependency, work: () => T | Promise<T>): Promise<T> => {
      const fault = this.faults[dependency];
      const ms = typeof fault === "object" ? fault.slowMs : this.delays[dependency];
      if (ms > 0) await wait(ms);
      if (this.faults[dependency] === "down") throw new Error(`${dependency} is down`);
      return work();
    };
    return {
      config: this.config,
      isolate,
      now,
      wait,
      random: () => this.draws(),
      waitUntil: (task) => void this.#tasks.push(task),
      hmac: (parts) => this.hmac(parts),
      bounded: (dependency, ms, call) => this.#bounded(dependency, ms, call, wait),
      embedder: {
        id: "test/embedder",
        space: "test/embedder",
        usdPerToken: 0.067 / 1e6,
        inPlace: false,
        dimensions: this.dimensions,
        // Cosine 0.94 and 0.55.
        coldStartDistance: 0.35,
        noteDistance: 0.95,
      },
      embed: (texts) =>
        hop("embed", () => {
          this.embedded.push(...texts);
          return texts.map((text) => this.vectorOf(text));
        }),
      index: {
        query: (vector, options) =>
          hop("vectors", () => {
            for (const region of this.regions.values()) region.settleIndex();
            return this.index.query(vector, options);
          }),
      },
      answers: {
        get: (key) => hop("store", () => this.find(key)),
        put: (key, body) => hop("store", () => this.#put(key, body)),
      },
      link: (region, tenant): RegionLink => {
        const object = this.#regionOf(region, tenant);
        return {
          report: (report) => hop("region", () => object.report(report)),
          sync: (cursor) => hop("region", () => object.sync(cursor)),
        };
      },
      policy: () => this.policy,
      scorer: () => this.scorer,
      policyStatus: () => null,
      refreshPolicies: (serving) => {
        this.refreshed.push(serving);
        return Promise.resolve();
      },
      ...this.policies?.(isolate),
      callModel: (call) => this.#callModel(call, isolate, wait),
    };
  }

  /** A plan is followed as the Worker follows it; a call that names its model is answered in one step. */
  #callModel(call: ModelCall, isolate: Isolate, wait: Ports["wait"]): Promise<ModelReply> {
    if (call.plan === undefined) return this.model.answer(call, wait);
    const calls = this.#modelCalls.get(isolate) ?? new ModelCalls();
    this.#modelCalls.set(isolate, calls);
    return calls.call(call, this.config, {
      fetch: () => Promise.reject(new Error("every upstream has a network of its own")),
      now: this.clock.now,
      random: () => this.draws(),
      wait,
      targetOf: (upstream) => ({
        name: upstream.name,
        baseUrl: upstream.baseUrl,
        timeouts: {
          firstByteMs: upstream.firstByteTimeoutMs,
          idleMs: this.config.deadlines.idleMs,
        },
        fetch: this.model.fetchFor(call, upstream, wait),
      }),
    });
  }

  #put(key: string, body: string): void {
    const tenantOf = (text: string) => (JSON.parse(text) as { readonly tenant: string }).tenant;
    const before = this.store.get(key);
    if (before !== undefined && tenantOf(before) !== tenantOf(body)) this.storeTakeovers++;
    this.store.set(key, body);
  }

  /** As bindings.ts does it. */
  async #bounded<T>(
    dependency: Dependency,
    ms: number,
    call: () => Promise<T>,
    wait: Ports["wait"],
  ): Promise<Hop<T>> {
    const since = this.clock.now();
    const outcome = await guarded(this.#breakers[dependency], this.clock.now, () =>
      withDeadline(call, ms, wait),
    );
    const took = this.clock.now() - since;
    return outcome.ok
      ? { ok: true, value: outcome.value, ms: took }
      : { ok: false, reason: outcome.reason, ms: took };
  }

  #regionOf(region: RegionConfig, tenant: string): MemoryRegion {
    const name = regionObjectName(region, tenant);
    let object = this.regions.get(name);
    if (object === undefined) {
      object = new MemoryRegion({
        now: this.clock.now,
        index: this.index,
        indexLagMs: () => this.indexLagMs,
        ...(this.#onReport && { onReport: this.#onReport }),
      });
      this.regions.set(name, object);
    }
    return object;
  }
}

/** A key of a tenant that serves everything; `settings` says what differs. */
export function keyOf(tenant: string, settings: Partial<TenantSettings> = {}): VerifiedKey {
  return {
    keyId: `key-of-${tenant}`,
    tenant: {
      id: tenant as TenantId,
      name: tenant,
      settings: { ...DEFAULT_SETTINGS, serve: "semantic", cacheSampled: true, ...settings },
    },
    scopes: ["infer", "feedback"],
  };
}

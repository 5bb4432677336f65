// What the world provides to a request, as functions. bindings.ts makes these from the Worker's bindings; tests make
// them from plain functions.
import { type ServingPolicies } from "../durable/rollout.ts";
import { type Policy } from "../policy/network/policy.ts";
import { type PairScorer } from "../policy/verifier/pair-scorer.ts";
import { type Config, type ModelConfig, type Route, type UpstreamConfig } from "./config.ts";
import { type Isolate } from "./isolate.ts";
import { type Embed, type EmbedderInfo } from "./lookup/embedder.ts";
import { type AnswerStore } from "./lookup/entries.ts";
import { type VectorQuery } from "./lookup/vectors.ts";
import { type PolicyStatus } from "./published-policy.ts";
import { type RegionConfig } from "./regions.ts";
import { type RegionLink } from "./reports.ts";
import { type Wait } from "./upstream/deadline.ts";
import { type FailoverLimits } from "./upstream/failover.ts";

/** Outcome of one bounded call to a dependency. */
export type Hop<T> =
  | { readonly ok: true; readonly value: T; readonly ms: number }
  | { readonly ok: false; readonly reason: "timeout" | "error" | "open"; readonly ms: number };

export type Dependency = "embed" | "vectors" | "store" | "region";

export interface Ports {
  readonly config: Config;
  readonly isolate: Isolate;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  readonly wait: Wait;
  readonly waitUntil: (task: Promise<unknown>) => void;
  /** HMAC-SHA-256 over length-prefixed parts under the deployment's own key. */
  readonly hmac: (parts: readonly string[]) => Promise<Uint8Array>;
  /** Runs a dependency's call within `ms`, behind its breaker; never throws. */
  readonly bounded: <T>(
    dependency: Dependency,
    ms: number,
    call: () => Promise<T>,
  ) => Promise<Hop<T>>;
  readonly embedder: EmbedderInfo;
  readonly embed: Embed;
  readonly index: VectorQuery;
  readonly answers: AnswerStore;
  readonly link: (region: RegionConfig, tenant: string) => RegionLink;
  /** The first of these versions that is loaded; the stable policy when none is. */
  readonly policy: (versions: readonly number[]) => Policy;
  /** The learned verifier of stored answers; null where there is none. */
  readonly scorer: () => PairScorer | null;
  /** How loading published policies has gone; null before the first try. */
  readonly policyStatus: () => PolicyStatus | null;
  /** Loads what the region wants to serve, in the background; null before its first word. */
  readonly refreshPolicies: (serving: ServingPolicies | null) => Promise<void>;
  readonly callModel: (call: ModelCall) => Promise<ModelReply>;
}

export interface ModelCall {
  readonly tenant: string;
  readonly upstream: UpstreamConfig;
  readonly model: ModelConfig;
  /** Path below the base URL, e.g. "/chat/completions". */
  readonly path: string;
  /** Request body, byte for byte what goes out where the upstream knows the model by the caller's name. */
  readonly raw: Uint8Array<ArrayBuffer>;
  /** The same, parsed. */
  readonly json: Readonly<Record<string, unknown>>;
  readonly headers: Headers;
  readonly signal: AbortSignal;
  /** The caller's own limit until the first byte; left out: none. */
  readonly deadlineMs?: number;
  /** For `velo/auto`, in place of `upstream` and `model`. */
  readonly plan?: RoutePlan;
}

/** Where a call may go, best first, and who wants to know how that went. */
export interface RoutePlan extends FailoverLimits {
  readonly order: readonly Route[];
}

export interface ModelReply {
  readonly status: number;
  readonly headers: Headers;
  readonly body: ReadableStream<Uint8Array> | null;
  readonly contentLength: number | null;
  /** Upstream that answered, which may be a fallback. */
  readonly upstream: string;
  readonly firstByteMs: number;
  /** Milliseconds of the body's time that its reader has taken; left out: none. */
  readonly heldBackMs?: () => number;
  readonly attempts: number;
  /** In the plan, where there was one. */
  readonly place?: number;
}

// A request for `velo/auto` on its way: ranks the backends, watches the calls, and writes down which one answered, why, and
// how it went.
import { type Life } from "../gateway.ts";
import { textOf } from "../openai/chat.ts";
import { GatewayError } from "../openai/errors.ts";
import { type ModelReply, type RoutePlan } from "../ports.ts";
import { AUTO_MODEL, type BackendConfig, type RoutingConfig, backendsOf } from "./backends.ts";
import { estimateTokens } from "./notes.ts";
import { type CallFailure } from "./failover.ts";
import { nextPlace, patienceMs } from "./prospects.ts";
import { costAt } from "./rules.ts";
import { type Ask, type Ranking, refusalOf } from "./selection.ts";
import { believed } from "../../durable/backend-state.ts";
import { type TenantSettings } from "../../durable/tenant.ts";

/** What the caller, or else its tenant, allows a request. */
export interface RequestLimits {
  /** From the request's arrival to the answer's end as far as it can be foreseen, and to its first byte in any case. */
  readonly deadlineMs: number | null;
  readonly maxCostUsd: number | null;
}

/** What a receipt says about the choice. */
export interface RoutingNote {
  readonly rule: string;
  /** null: none may be called. */
  readonly backend: string | null;
  readonly model: string | null;
  readonly predictedSeconds: number | null;
  /** By then it is expected to be there in 97 of 100 cases: what was held against the deadline. */
  readonly upperSeconds: number | null;
  readonly predictedTokens: number | null;
  readonly predictedUsd: number | null;
  readonly feasible: boolean;
  readonly reasons: readonly string[];
  readonly snapshotAgeMs: number | null;
  readonly tried: readonly { readonly backend: string; readonly why: string }[];
  readonly ranking: readonly {
    readonly backend: string | null;
    readonly reasons: readonly string[];
  }[];
}

export interface RoutedCall {
  readonly plan: RoutePlan;
  /** Whether the answer is as good as the rule gives to whoever asks next, so that the cache may keep it. */
  readonly isShareable: boolean;
  /** Its response is on its way, or has failed for good. */
  answered(reply: ModelReply | null): void;
  /** Its body has ended. One that the caller gave up says nothing of the backend. */
  ended(end: BodyEnd): void;
}

interface BodyEnd {
  readonly kind: "done" | "error" | "cancel";
  /** Status 2xx. */
  readonly ok: boolean;
  /** Nothing is missing; null: that cannot be told, and says nothing of the backend. */
  readonly hasEnded: boolean | null;
  readonly promptTokens: number;
  readonly outputTokens: number;
  readonly firstByteMs: number;
}

export function limitsOf(headers: Headers, settings: TenantSettings): RequestLimits {
  const asked = positive(headers, "x-velo-max-cost-usd");
  const allowed = settings.maxCostUsd > 0 ? settings.maxCostUsd : null;
  return {
    deadlineMs: positive(headers, "x-velo-deadline-ms") ?? (settings.deadlineMs || null),
    // A caller may spend less than its tenant allows, not more.
    maxCostUsd: least(asked, allowed),
  };
}

function positive(headers: Headers, name: string): number | null {
  const value = headers.get(name);
  if (value === null) return null;
  const number = Number(value);
  if (value.trim() !== "" && number > 0 && number < Infinity) return number;
  throw new GatewayError("invalid_request", `The header ${name} must be a number above 0.`, {
    param: name,
  });
}

const least = (a: number | null, b: number | null): number | null =>
  a === null ? b : b === null ? a : Math.min(a, b);

/** Milliseconds that are left until the first byte must be there; null: no deadline. */
export const leftMs = (
  deadlineMs: number | null,
  { request, ports }: Pick<Life, "request" | "ports">,
): number | null =>
  deadlineMs === null ? null : Math.max(1, deadlineMs - (ports.now() - request.receivedAt));

/** What a selection is to know of the request at this moment. */
export function askOf({ request, ports, limits, record }: Life, draw: number): Ask {
  const { routing } = ports.config;
  const deadlineMs = leftMs(limits.deadlineMs ?? routing.deadlineMs, { request, ports });
  return {
    id: record.id,
    tenant: record.tenant.id,
    stream: request.chat.stream,
    promptTokens: estimateTokens(request.chat.messages.map(textOf).join("\n")),
    maxTokens: request.chat.maxTokens,
    deadlineSeconds: deadlineMs === null ? null : deadlineMs / 1000,
    budgetUsd: least(limits.maxCostUsd, routing.maxCostUsd),
    draw,
  };
}

/** null: the caller has named its model. Throws where no backend may be called. */
export function routeCall(life: Life): RoutedCall | null {
  const { request, ports } = life;
  if (request.chat.model !== AUTO_MODEL) return null;
  if (backendsOf(ports.config.upstreams).length === 0) return null;
  return new WatchedCall(life);
}

class WatchedCall implements RoutedCall {
  readonly plan: RoutePlan;
  readonly #life: Life;
  readonly #routing: RoutingConfig;
  readonly #ask: Ask;
  readonly #ranking: Ranking;
  readonly #all: readonly BackendConfig[];
  readonly #decidedAt: number;
  readonly #tried: { readonly backend: string; readonly why: string }[] = [];
  #place = 0;
  #begunAt: number;

  constructor(life: Life) {
    const { ports, desk, limits } = life;
    const { routing } = ports.config;
    const selection = this.#selectionOf(life);
    const now = ports.now();
    const deadlineMs = leftMs(limits.deadlineMs ?? routing.deadlineMs, life);
    this.#life = life;
    this.#all = backendsOf(ports.config.upstreams);
    this.#routing = routing;
    this.#decidedAt = now;
    this.#begunAt = now;
    this.#ask = askOf(life, life.outlook?.draw ?? ports.random());
    this.#ranking = selection.rank(this.#ask, desk.backendsAt(now), now);
    desk.running = (at) => selection.running(at);
    this.#note();
    if (this.#ranking.order.length === 0) throw refusalOf(this.#ranking);
    this.plan = {
      order: this.#ranking.order,
      budget: selection.budget,
      deadlineMs,
      onBegin: (place) => this.#begin(place),
      onFailure: (place, failure) => this.#failed(place, failure),
      next: (tried, left) => nextPlace(this.#ranking.prospects, tried, left),
      patienceMs: (place, tried, left) => patienceMs(this.#ranking.prospects, place, tried, left),
    };
  }

  /** A caller's deadline or price, or a failure, may have left a worse one: that is not what others should get for a week. */
  get isShareable(): boolean {
    const { rule, qualityTolerance } = this.#routing;
    const best = Math.max(-1, ...this.#all.map(({ auto }) => auto.quality ?? -1));
    if (rule !== "quality-first" || best < 0) return true;
    return (this.#backend.auto.quality ?? -1) >= best - qualityTolerance;
  }

  answered(reply: ModelReply | null): void {
    const selection = this.#selectionOf(this.#life);
    const now = this.#life.ports.now();
    if (reply === null) selection.end(this.#ask.id, null, now);
    else selection.spoke(this.#ask.id, now);
    this.#place = reply?.place ?? this.#place;
    this.#note();
  }

  ended({ kind, ok, hasEnded, promptTokens, outputTokens, firstByteMs }: BodyEnd): void {
    const { ports, request, desk } = this.#life;
    const now = ports.now();
    // An error for a status was noted when it came; a request that was refused for what it says blames nobody.
    const says = kind !== "cancel" && ok;
    const succeeded = !says ? null : kind === "error" ? false : hasEnded;
    this.#selectionOf(this.#life).end(this.#ask.id, succeeded, now);
    if (succeeded === null) return;
    const backend = this.#backend;
    const firstTokenSeconds = request.chat.stream ? firstByteMs / 1000 : null;
    const { firstTokenSeconds: usual } = believed(
      desk.backendsAt(now).state,
      backend.id,
      backend.auto,
      now,
    );
    // An answer in one piece does not show when it began: as usual.
    const hidden = firstTokenSeconds === null ? (usual?.mean ?? 0) : 0;
    const seconds = Math.max(0, (now - this.#begunAt) / 1000 - hidden);
    this.#heard(succeeded, seconds, firstTokenSeconds, {
      promptTokens,
      outputTokens,
    });
  }

  get #backend(): BackendConfig {
    return this.#ranking.order[this.#place]!;
  }

  #selectionOf({ ports }: Life) {
    return ports.isolate.selection(ports.config);
  }

  #begin(place: number): void {
    const now = this.#life.ports.now();
    this.#place = place;
    this.#begunAt = now;
    const { dueSeconds } = this.#ranking.prospects[place]!;
    this.#selectionOf(this.#life).begin(this.#ask, this.#backend, dueSeconds, now);
  }

  #failed(place: number, { why, isBlamed, rateLimit }: CallFailure): void {
    this.#place = place;
    this.#tried.push({ backend: this.#backend.id, why });
    const selection = this.#selectionOf(this.#life);
    const now = this.#life.ports.now();
    selection.end(this.#ask.id, isBlamed ? false : null, now);
    if (rateLimit) selection.limited(this.#backend, rateLimit.retryAfterMs, now);
    if (!isBlamed) return;
    const seconds = (now - this.#begunAt) / 1000;
    this.#heard(false, seconds, null, { promptTokens: 0, outputTokens: 0 });
  }

  #heard(
    succeeded: boolean,
    seconds: number,
    firstTokenSeconds: number | null,
    { promptTokens, outputTokens }: Pick<BodyEnd, "promptTokens" | "outputTokens">,
  ): void {
    const { ports, desk, record } = this.#life;
    const now = ports.now();
    const backend = this.#backend;
    const call = { backend: backend.id, succeeded, seconds, firstTokenSeconds, outputTokens };
    const arrival = {
      expected: this.#ranking.expected[this.#place]!,
      isCut: outputTokens >= (this.#ask.maxTokens ?? Infinity),
      seconds: (now - this.#begunAt) / 1000,
    };
    desk.hear({ ...call, tenant: record.tenant.id, ...(succeeded && { arrival }) }, now);
    this.#selectionOf(this.#life).observe({
      ...call,
      requestId: this.#ask.id,
      class: this.#ranking.class,
      seconds: (now - this.#decidedAt) / 1000,
      deadlineSeconds: this.#ask.deadlineSeconds,
      cost: costAt(backend, this.#routing.cost, promptTokens, outputTokens),
      quality: null,
      embedding: null,
    });
  }

  /** For headers and receipt. */
  #note(): void {
    const { rule, choices, order, expected, snapshotAgeMs } = this.#ranking;
    const { record } = this.#life;
    const backend = order[this.#place] ?? null;
    const choice = choices.find((each) => each.backend === backend?.id) ?? choices[0]!;
    record.upstream = backend?.upstream.name ?? null;
    record.routing = {
      rule,
      backend: backend?.id ?? null,
      model: backend?.model.id ?? null,
      predictedSeconds: finite(choice.predictedSeconds),
      upperSeconds: finite(choice.upperSeconds),
      predictedTokens: expected[this.#place]?.tokens ?? null,
      predictedUsd: finite(choice.predictedUsd),
      feasible: choice.feasible,
      reasons: choice.reasons,
      snapshotAgeMs,
      tried: [...this.#tried],
      ranking: choices.map((each) => ({ backend: each.backend, reasons: each.reasons })),
    };
    if (backend !== null) record.chosen = backend;
  }
}

const finite = (value: number): number | null => (Number.isFinite(value) ? value : null);

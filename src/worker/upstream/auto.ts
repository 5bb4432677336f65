// A request for `velo/auto` on its way: ranks the backends, watches the calls, and writes down which one answered, why, and
// how it went.
import { costOf } from "../decision-record.ts";
import { type Life } from "../gateway.ts";
import { type ModelReply, type RoutePlan } from "../ports.ts";
import { type BackendConfig, type RoutingConfig } from "./backends.ts";
import { type CallFailure } from "./failover.ts";
import { nextPlace, patienceMs } from "./prospects.ts";
import { answersOf, askOf, isAuto, isKeepable, leftMs } from "./request-limits.ts";
import { costAt } from "./rules.ts";
import { serviceTimes } from "./service-time.ts";
import { type Ask, type Ranking, refusalOf } from "./selection.ts";
import { believed } from "../../durable/backend-state.ts";

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

/** null: the caller has named its model. Throws where no backend may be called. */
export function routeCall(life: Life): RoutedCall | null {
  return isAuto(life) ? new WatchedCall(life) : null;
}

/** What a reader may take of an answer's time, so that the time still shows how fast the backend is. */
const HELD_BACK_MS = 250;
const HELD_BACK = 0.1;

class WatchedCall implements RoutedCall {
  readonly plan: RoutePlan;
  readonly #life: Life;
  readonly #routing: RoutingConfig;
  readonly #ask: Ask;
  readonly #ranking: Ranking;
  readonly #tried: { readonly backend: string; readonly why: string }[] = [];
  #place = 0;
  #begunAt: number;
  #heldBackMs: () => number = () => 0;

  constructor(life: Life) {
    const { ports, desk } = life;
    const { routing } = ports.config;
    const selection = this.#selectionOf(life);
    const now = ports.now();
    this.#life = life;
    this.#routing = routing;
    this.#begunAt = now;
    this.#ask = askOf(life, life.outlook?.draw ?? ports.random());
    this.#ranking = selection.rank(this.#ask, desk.backendsAt(now), now);
    desk.running = (at) => selection.running(at);
    this.#note();
    if (this.#ranking.order.length === 0) throw refusalOf(this.#ranking);
    this.plan = {
      order: this.#ranking.order,
      budget: selection.budget,
      deadlineMs: leftMs(life),
      onBegin: (place) => this.#begin(place),
      onFailure: (place, failure) => this.#failed(place, failure),
      next: (tried, left) => nextPlace(this.#ranking.prospects, tried, left),
      patienceMs: (place, tried, left) => patienceMs(this.#ranking.prospects, place, tried, left),
    };
  }

  get isShareable(): boolean {
    return isKeepable(this.#life, this.#backend);
  }

  answered(reply: ModelReply | null): void {
    const selection = this.#selectionOf(this.#life);
    const now = this.#life.ports.now();
    if (reply === null) selection.end(this.#ask.id, null, now);
    else selection.spoke(this.#ask.id, now);
    this.#place = reply?.place ?? this.#place;
    this.#heldBackMs = reply?.heldBackMs ?? this.#heldBackMs;
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
    const seconds = Math.max(0, this.#spentSeconds(now) - hidden);
    this.#heard(succeeded, seconds, firstTokenSeconds, {
      promptTokens,
      outputTokens,
    });
  }

  /** By the backend: without what its reader has taken. */
  #spentSeconds(now: number): number {
    return Math.max(0, now - this.#begunAt - this.#heldBackMs()) / 1000;
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
    // Nobody says what became of it; the prompt at least was read.
    if (why === "slow" || why === "upstream_timeout")
      this.#life.record.lostUsd += costOf(this.#backend.model, this.#ask.promptTokens, 0);
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
    // Several answers are written side by side: each is so long, and takes so long.
    const tokens = outputTokens / answersOf(this.#life);
    const call = {
      backend: backend.id,
      succeeded,
      seconds,
      firstTokenSeconds,
      outputTokens: tokens,
    };
    const arrival = {
      expected: this.#ranking.expected[this.#place]!,
      isCut: tokens >= (this.#ask.maxTokens ?? Infinity),
      seconds: this.#spentSeconds(now),
    };
    // While a slow reader is waited for the backend may go on or not: how fast it was shows no more.
    const isTimed = this.#heldBackMs() <= Math.max(HELD_BACK_MS, HELD_BACK * (now - this.#begunAt));
    // Of a tool call without usage nobody knows how long it was.
    const isMeasured = succeeded && tokens > 0 && isTimed;
    desk.hear(
      {
        ...call,
        ...serviceTimes({ ...call, outputTokens: isTimed ? tokens : 0 }, backend.auto),
        tenant: record.tenant.id,
        ...(isMeasured && { arrival }),
      },
      now,
    );
    this.#selectionOf(this.#life).observe({
      ...call,
      requestId: this.#ask.id,
      class: this.#ranking.class,
      // What another backend lost before is no fault of this one.
      seconds: this.#spentSeconds(now),
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
      predictedUsd: finite(choice.predictedUsd * answersOf(this.#life)),
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

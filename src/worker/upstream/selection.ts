// Which backend answers a request for `velo/auto`, and what an isolate knows to decide it: its copy of the region's
// knowledge, and its own calls on top. Nothing here waits for anything.
import {
  type BackendsState,
  type RunningCalls,
  believed,
  forecastsOf,
  loadElsewhere,
  upperFactorOf,
} from "../../durable/backend-state.ts";
import { type Expected, lengthClass } from "../../policy/routing/forecasts.ts";
import { InFlight } from "../../policy/routing/in-flight.ts";
import { GUESS_DEVIATION } from "../../policy/routing/measurements.ts";
import { type Constraints } from "../../policy/routing/prediction.ts";
import {
  type Backend,
  type Choice,
  type Estimate,
  type Obstacle,
  type RoutingRequest,
  type Selector,
} from "../../policy/routing/selector.ts";
import { serviceClass } from "../../policy/routing/service-class.ts";
import { GatewayError } from "../openai/errors.ts";
import { type BackendConfig, type RoutingConfig } from "./backends.ts";
import { type Prospect, prospectOf } from "./prospects.ts";
import { RetryBudget } from "./retry.ts";
import { selectorFor } from "./rules.ts";
import { Standing } from "./standing.ts";

/** Calls beyond one per request: a tenth, and in quiet times as many as a breaker needs to open. */
const EXTRA_SHARE = 0.1;
const EXTRA_PER_MINUTE = 5;
const MINUTE_MS = 60_000;
const BUCKET_MS = 5_000;

/** Nothing a caller may be served by all the same, worst last. */
const FORBIDDEN = ["budget", "breaker-open", "context-window"] as const;

export interface Ask {
  readonly id: string;
  readonly tenant: string;
  readonly stream: boolean;
  readonly promptTokens: number;
  /** The caller's limit on the answer. */
  readonly maxTokens: number | null;
  readonly deadlineSeconds: number | null;
  readonly budgetUsd: number | null;
  readonly draw: number;
}

/** The servers of one request, best first. */
export interface Ranking {
  readonly rule: string;
  readonly choices: readonly Choice[];
  /** To be called one after another; empty: `refusalOf` says why. */
  readonly order: readonly BackendConfig[];
  /** Beside `order`. */
  readonly prospects: readonly Prospect[];
  readonly expected: readonly Expected[];
  /** Age of the region's word; null: it has said nothing. */
  readonly snapshotAgeMs: number | null;
  readonly class: number;
}

/** What the isolate's copy of the region's knowledge is at this moment. */
export interface Knowledge {
  readonly state: BackendsState;
  readonly ageMs: number | null;
}

export class Selection {
  /** Of calls beyond the first, over all backends. */
  readonly budget = new RetryBudget(EXTRA_PER_MINUTE, EXTRA_SHARE);
  readonly #inFlight = new InFlight();
  readonly #backends: readonly BackendConfig[];
  readonly #selector: Selector;
  readonly #standing = new Standing((now) => this.budget.hasRoom(now));
  /** Tokens by backend and bucket of time. */
  readonly #tokens = new Map<string, Map<number, number>>();
  #isolate: string | null = null;

  /** @param constraints in place of the usual ones, for experiments */
  constructor(
    routing: RoutingConfig,
    backends: readonly BackendConfig[],
    constraints?: Constraints,
  ) {
    this.#backends = backends;
    this.#selector = selectorFor(routing, backends, constraints);
  }

  rank(ask: Ask, { state, ageMs }: Knowledge, now: number): Ranking {
    const backends = this.#view(ask, state, now);
    const request = requestOf(ask, this.#backends, state, now);
    const choices = this.#selector.rank(request, backends);
    const callable = choices.filter(isCallable);
    const order = callable.map(({ backend }) => this.#backends.find(({ id }) => id === backend)!);
    const [first] = order;
    if (first !== undefined) {
      const isHalfOpen = backends.some(
        ({ id, breaker }) => id === first.id && breaker === "half-open",
      );
      this.#standing.chosen(first.id, isHalfOpen, now);
    }
    const prospects = callable.map((choice) => {
      const backend = backends.find(({ id }) => id === choice.backend)!;
      return prospectOf(backend, choice, ask.stream);
    });
    const expected = callable.map(({ backend, predictedSeconds: seconds, upperSeconds }) => {
      const { outputTokens: tokens } = request.estimates[backend!]!;
      return { class: lengthClass(ask), tokens, seconds, upperSeconds };
    });
    const { name: rule } = this.#selector;
    return {
      rule,
      choices,
      order,
      prospects,
      expected,
      snapshotAgeMs: ageMs,
      class: request.class,
    };
  }

  /**
   * What `rank` would have called first, and how it would be; null: nothing. Decides nothing: a rule that counts its decisions
   * does not count this one, and a backend on probation is not taken for asked.
   */
  foresee(
    ask: Ask,
    { state }: Knowledge,
    now: number,
  ): { readonly backend: BackendConfig; readonly choice: Choice } | null {
    const before = this.#selector.snapshot();
    const choices = this.#selector.rank(
      requestOf(ask, this.#backends, state, now),
      this.#view(ask, state, now),
    );
    this.#selector.restore(before);
    const choice = choices.find(isCallable);
    const backend = this.#backends.find(({ id }) => id === choice?.backend);
    return choice === undefined || backend === undefined ? null : { backend, choice };
  }

  /** A call of this request begins; one that it made elsewhere before is over. */
  begin(ask: Ask, backend: BackendConfig, dueSeconds: number, now: number): void {
    const { id, tenant } = ask;
    this.#inFlight.begin(id, backend.id, now);
    this.#standing.begin(id, tenant, backend.id, now + 1000 * dueSeconds, now);
    if (backend.auto.tokensPerMinute === null) return;
    const buckets = this.#tokens.get(backend.id) ?? new Map<number, number>();
    this.#tokens.set(backend.id, buckets);
    const at = Math.floor(now / BUCKET_MS);
    const tokens = ask.promptTokens + predictedTokens(ask, backend);
    buckets.set(at, (buckets.get(at) ?? 0) + tokens);
    for (const old of buckets.keys()) if ((at - old) * BUCKET_MS >= MINUTE_MS) buckets.delete(old);
  }

  /** Its first byte is there. */
  spoke(requestId: string, now: number): void {
    this.#standing.spoke(requestId, now);
  }

  /** @param succeeded null: it was given up, which says nothing of the backend */
  end(requestId: string, succeeded: boolean | null, now: number): void {
    this.#inFlight.end(requestId, now);
    this.#standing.end(requestId, succeeded, now);
  }

  /** The backend answered 429. */
  limited(backend: BackendConfig, retryAfterMs: number | null, now: number): void {
    this.#standing.limited(backend.id, retryAfterMs, now);
  }

  observe(outcome: Parameters<Selector["observe"]>[0]): void {
    this.#selector.observe(outcome);
  }

  /** For the region: other isolates see these as load. */
  running(now: number): RunningCalls {
    const own = this.#inFlight.view(this.#backends.map(bare), now);
    return {
      isolate: this.#name(),
      counts: Object.fromEntries(own.map(({ id, ownInFlight }) => [id, ownInFlight])),
    };
  }

  #view({ tenant }: Ask, state: BackendsState, now: number): readonly Backend[] {
    const own = this.#inFlight.view(this.#backends.map(bare), now);
    const told = own.map((backend, i) =>
      this.#told(tenant, backend, this.#backends[i]!, state, now),
    );
    if (!told.some(({ breaker }) => breaker === "closed")) return told;
    return told.map((backend) =>
      backend.breaker === "half-open" && !this.#mayProbe(backend.id, now) ? shut(backend) : backend,
    );
  }

  /** Own calls are counted in full already, so the load is that of the others alone. */
  #told(
    tenant: string,
    backend: Backend,
    { id, auto }: BackendConfig,
    state: BackendsState,
    now: number,
  ): Backend {
    const limit = auto.tokensPerMinute;
    const known = believed(state, id, auto, now, tenant);
    return {
      ...backend,
      ...known,
      ...this.#standing.of(tenant, id, known.breaker, now),
      load: loadElsewhere(state, id, this.#name(), now),
      throughput: limit === null ? null : { limit, used: this.#tokensLately(id, now) },
    };
  }

  /** Only where a failure can be made good elsewhere. */
  #mayProbe(backend: string, now: number): boolean {
    return this.#standing.mayProbe(backend, now) && this.budget.hasRoom(now);
  }

  #tokensLately(backend: string, now: number): number {
    const at = Math.floor(now / BUCKET_MS);
    let sum = 0;
    for (const [bucket, tokens] of this.#tokens.get(backend) ?? [])
      if ((at - bucket) * BUCKET_MS < MINUTE_MS) sum += tokens;
    return sum;
  }

  /** Made late: while a Worker starts there is no chance. */
  #name(): string {
    return (this.#isolate ??= crypto.randomUUID());
  }
}

const isCallable = ({ reasons }: Choice): boolean =>
  !FORBIDDEN.some((obstacle) => reasons.includes(obstacle));

/** Why nothing was called, as the error that the caller gets. */
export function refusalOf({ choices }: Ranking): GatewayError {
  const reasons = new Set<Obstacle>(choices.flatMap((choice) => choice.reasons));
  if (choices.every((choice) => choice.reasons.includes("context-window")))
    return new GatewayError("invalid_request", "The request is too long for every backend.", {
      param: "messages",
    });
  if (reasons.has("breaker-open"))
    return new GatewayError("breaker_open", "No backend that may serve this request is up.", {
      retryAfterSeconds: 1,
    });
  return new GatewayError("insufficient_quota", "No backend answers this request at its price.", {
    param: "x-velo-max-cost-usd",
  });
}

function predictedTokens(ask: Ask, { auto }: BackendConfig): number {
  return Math.min(ask.maxTokens ?? Infinity, auto.outputTokens);
}

/** Answers take as long as they did, unless the caller has set a limit. */
function requestOf(
  ask: Ask,
  backends: readonly BackendConfig[],
  state: BackendsState,
  now: number,
): RoutingRequest {
  const { id, promptTokens, deadlineSeconds, budgetUsd, draw, maxTokens } = ask;
  const forecasts = forecastsOf(state);
  const estimates = backends.map((backend): [string, Estimate] => {
    const usual = forecasts.tokens(backend.id, lengthClass(ask), backend.auto.outputTokens);
    const upperFactor = upperFactorOf(state, backend.id, now);
    const outputTokens = Math.min(maxTokens ?? Infinity, usual);
    // Until forecasts have shown how far to trust them.
    const isUnsure = outputTokens === usual && state.health[backend.id] !== undefined;
    return [
      backend.id,
      {
        outputTokens,
        outputTokensDeviation: isUnsure ? GUESS_DEVIATION * usual : 0,
        // How long other tenants' answers are makes nobody's request too dear or too long.
        plannedTokens: predictedTokens(ask, backend),
        quality: backend.auto.quality,
        ...(upperFactor !== null && { upperFactor }),
      },
    ];
  });
  return {
    id,
    class: serviceClass({ deadlineSeconds, promptTokens }),
    promptTokens,
    estimates: Object.fromEntries(estimates),
    deadlineSeconds,
    budgetUsd,
    only: null,
    draw,
    embedding: null,
  };
}

const shut = (backend: Backend): Backend => ({ ...backend, breaker: "open" });

/** A backend of which only the configuration is known. */
const bare = ({ id, model, auto }: BackendConfig): Backend => ({
  id,
  kind: auto.kind,
  inputPrice: model.inputUsdPerMillionTokens,
  outputPrice: model.outputUsdPerMillionTokens,
  energy: auto.joulesPerThousandTokens,
  contextWindow: auto.contextWindow,
  maxConcurrent: auto.maxConcurrent,
  slots: auto.slots,
  throughput: null,
  load: null,
  ownInFlight: 0,
  firstTokenSeconds: null,
  secondsPerToken: null,
  breaker: "closed",
  failureShare: 0,
});

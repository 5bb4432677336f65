// Which model server answers a request that the cache did not. A selector ranks; who calls walks down the ranking until
// a server has sent its first byte. Whatever the rule, servers that break a constraint stand behind all that keep them.
import { type Constraints, type Option, optionsFor } from "./prediction.ts";

/** A measured quantity: its recent mean and standard deviation, in the unit of its field's name. */
export interface Spread {
  readonly mean: number;
  readonly deviation: number;
}

/** What is known of a server's queue, and how long ago that was true. */
export interface Load {
  readonly running: number;
  readonly waiting: number;
  readonly ageMs: number;
}

/** What is known of one model server at this moment. Everything but `id` may be wrong, old or missing. */
export interface Backend {
  readonly id: string;
  readonly kind: "edge" | "cloud" | "provider";
  /** USD per million tokens. */
  readonly inputPrice: number;
  readonly outputPrice: number;
  /** Joules per thousand tokens, prompt and answer alike; null where nobody can know. */
  readonly energy: number | null;
  /** Tokens, prompt and answer together; null: no limit. */
  readonly contextWindow: number | null;
  /** Calls at the same time beyond which more are refused; null: no limit. */
  readonly maxConcurrent: number | null;
  /** Calls it answers at the same time, later ones wait; null: waiting is part of the measured first-token time. */
  readonly slots: number | null;
  /** What may flow in a unit of time (tokens a minute of a provider, megabits a second of a link); null: no limit. */
  readonly throughput: { readonly limit: number; readonly used: number } | null;
  /** Everyone's calls as last reported; null: nobody tells. */
  readonly load: Load | null;
  /** Correction for what the load does not show yet: own calls begun since, less own ones ended since. */
  readonly ownInFlight: number;
  /** From the start of service (with `slots` null: from the call); null: never measured and no guess given. */
  readonly firstTokenSeconds: Spread | null;
  readonly secondsPerToken: Spread | null;
  readonly breaker: "closed" | "half-open" | "open";
  /** Why it is called only when no other can be: its calls do not answer in time, or it asked to be left alone. */
  readonly avoided?: "late" | "rate-limited" | null;
  /** Share of recent calls that failed, [0, 1). */
  readonly failureShare: number;
}

/** What is expected of one request at one server. */
export interface Estimate {
  readonly outputTokens: number;
  /** In place of `outputTokens` where price, context window and throughput are held against their limits. */
  readonly plannedTokens?: number;
  /** Standard deviation of what is measured against `outputTokens`; 0 when left out. */
  readonly outputTokensDeviation?: number;
  /** Expected quality, or probability of satisfaction, in [0, 1]; null: no predictor. */
  readonly quality: number | null;
  /** Both ways over the network, waiting for the link included; 0 when left out. */
  readonly transferSeconds?: number;
  /** In place of first-token time + tokens x seconds per token. */
  readonly serviceSeconds?: number;
  /** By which the predicted seconds are multiplied where they are held against the deadline; 1 when left out. */
  readonly upperFactor?: number;
  /** In place of the wait derived from the load. */
  readonly waitSeconds?: number;
  /** Its share of `Backend.throughput`; prompt and answer tokens when left out. */
  readonly flow?: number;
}

export interface RoutingRequest {
  readonly id: string;
  /** Service class, see `serviceClass`. */
  readonly class: number;
  readonly promptTokens: number;
  /** By server; one without an estimate is not chosen while another has one. */
  readonly estimates: Readonly<Record<string, Estimate>>;
  /** Seconds left, what was spent until now deducted; null: none. */
  readonly deadlineSeconds: number | null;
  /** Least of what the request, its tenant and its key may still spend, in USD; null: no limit. */
  readonly budgetUsd: number | null;
  /** The servers the caller's choice of model admits; null: any. Others do not enter the ranking, however well they do. */
  readonly only: readonly string[] | null;
  /** Uniform in [0, 1): the only source of chance. */
  readonly draw: number;
  /** Unit vector; null where no rule asks for it. */
  readonly embedding: Float32Array | null;
}

/** Why a server is not a feasible choice. */
export type Obstacle =
  | "deadline"
  | "concurrency"
  | "throughput"
  | "unmeasured"
  | "late"
  | "rate-limited"
  | "budget"
  | "breaker-open"
  | "context-window"
  | "no-backend";

export interface Choice {
  /** null: the request admits no server that exists. */
  readonly backend: string | null;
  /** Until the last byte; Infinity where it cannot be predicted. */
  readonly predictedSeconds: number;
  /** What was held against the deadline: the seconds that are expected not to be exceeded. */
  readonly upperSeconds: number;
  /** Predicted price; Infinity where it cannot be predicted. */
  readonly predictedUsd: number;
  /** Every constraint is kept, with the rule's margin. Otherwise this is the least bad there is, for the caller to refuse. */
  readonly feasible: boolean;
  /** The constraint satisfaction f (PerLLM Eq. 3), at most 1; -Infinity where it cannot be predicted. */
  readonly satisfaction: number;
  /** Empty iff feasible. */
  readonly reasons: readonly Obstacle[];
}

/** How one call ended. A call that the client gave up is no outcome. */
export interface Outcome {
  readonly requestId: string;
  readonly backend: string;
  readonly class: number;
  readonly succeeded: boolean;
  /** From the decision to the last byte, or to the failure. */
  readonly seconds: number;
  /** From the start of service; null where not measured. */
  readonly firstTokenSeconds: number | null;
  readonly outputTokens: number;
  /** As it stood when the server was chosen. */
  readonly deadlineSeconds: number | null;
  /** What the operator pays: joules or USD, one of them throughout. */
  readonly cost: number;
  /** Measured quality or satisfaction in [0, 1]; null: nobody judged. */
  readonly quality: number | null;
  readonly embedding: Float32Array | null;
}

/**
 * One selector serves one stream of requests. `rank` and `choose` are one decision each, so a request asks for one of
 * them once. Equal state, requests and draws give equal choices; the order of the servers says nothing.
 */
export interface Selector {
  readonly name: string;
  /** Best first, every server the request admits. Never throws, whatever was measured. */
  rank(request: RoutingRequest, backends: readonly Backend[]): readonly Choice[];
  /** The first of the ranking. */
  choose(request: RoutingRequest, backends: readonly Backend[]): Choice;
  /** Also of decisions made elsewhere: state may be kept where outcomes arrive and copied to where choices are made. */
  observe(outcome: Outcome): void;
  /** Plain data, the same after JSON. */
  snapshot(): unknown;
  /** Takes over what `snapshot` gave. False, and nothing has changed, when it is not this rule's. */
  restore(state: unknown): boolean;
}

/** What makes one selector differ from another. */
export interface Rule {
  readonly name: string;
  readonly constraints?: Constraints;
  /** One score per option, higher is better; NaN is worst. Ties go to the least predicted seconds, then to the id. */
  readonly scores: (request: RoutingRequest, options: readonly Option[]) => readonly number[];
  /** Keeps options whose deadline or capacity is broken apart (deadline first) unless the rule weighs them itself. */
  readonly weighsShortfalls?: boolean;
  /** Called after each ranking. */
  readonly decided?: (first: Choice) => void;
  readonly observe?: (outcome: Outcome) => void;
  readonly snapshot?: () => unknown;
  readonly restore?: (state: unknown) => boolean;
}

const NO_BACKEND: Choice = {
  backend: null,
  predictedSeconds: Infinity,
  upperSeconds: Infinity,
  predictedUsd: Infinity,
  feasible: false,
  satisfaction: -Infinity,
  reasons: ["no-backend"],
};

/** How far from serving the request: too late, then no room, then unknown, then unwell, then what must not be called at all. */
const SEVERITY: Readonly<Record<Obstacle, number>> = {
  deadline: 1,
  concurrency: 2,
  throughput: 2,
  unmeasured: 3,
  late: 4,
  "rate-limited": 4,
  budget: 5,
  "breaker-open": 6,
  "context-window": 7,
  "no-backend": 8,
};

/** The selector of a rule: ranking, ties and constraints are the same for all. */
export function selectorOf(rule: Rule): Selector {
  const rank = (request: RoutingRequest, backends: readonly Backend[]): readonly Choice[] => {
    const options = optionsFor(request, backends, rule.constraints);
    const scores = rule.scores(request, options);
    const ranked = options
      .map((option, i) => ({
        option,
        severity: severityOf(option, rule.weighsShortfalls ?? false),
        score: comparable(scores[i]),
      }))
      // Options come sorted by id and sorting is stable: the last tie is broken already.
      .toSorted(
        (a, b) =>
          a.severity - b.severity ||
          descending(a.score, b.score) ||
          descending(-a.option.seconds, -b.option.seconds),
      )
      .map(({ option }) => choiceOf(option));
    rule.decided?.(ranked[0] ?? NO_BACKEND);
    return ranked;
  };
  return {
    name: rule.name,
    rank,
    choose: (request, backends) => rank(request, backends)[0] ?? NO_BACKEND,
    observe: (outcome) => rule.observe?.(outcome),
    snapshot: () => rule.snapshot?.() ?? null,
    restore: (state) => rule.restore?.(state) ?? state === null,
  };
}

function severityOf({ obstacles }: Option, weighsShortfalls: boolean): number {
  const worst = Math.max(0, ...obstacles.map((obstacle) => SEVERITY[obstacle]));
  return weighsShortfalls && (worst === 1 || worst === 2) ? 1 : worst;
}

const comparable = (score: number | undefined): number =>
  score === undefined || Number.isNaN(score) ? -Infinity : score;

/** Infinities are equal to themselves here, which their difference is not. */
const descending = (a: number, b: number): number => (a === b ? 0 : a > b ? -1 : 1);

const choiceOf = (option: Option): Choice => ({
  backend: option.backend.id,
  predictedSeconds: option.seconds,
  upperSeconds: option.upperSeconds,
  predictedUsd: option.usd,
  feasible: option.obstacles.length === 0,
  satisfaction: option.satisfaction,
  reasons: option.obstacles,
});

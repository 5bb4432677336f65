// A request at a region's cache: what the policy sees of it, what a decision about it comes to. Nothing here changes anything.
import { type ActionNames, TWO_WAY } from "../../policy/action.ts";
import { type Candidate } from "../../policy/cache/candidate.ts";
import { resolve, type ResolverLimits } from "../../policy/cache/resolver.ts";
import { limitsInSlice, sliceOf } from "../../policy/cache/slice.ts";
import { type Decision, type DecideInput, decide } from "../../policy/decide.ts";
import { roundToHalf } from "../../policy/half.ts";
import { type Observation, type PolicyOutput } from "../../policy/network/policy.ts";
import { buildObservation } from "../../policy/observation.ts";
import { type AgentRegion } from "./agent-region.ts";
import { type Consequences } from "./consequences.ts";
import { certainly, type Pending, TENANT } from "./executed.ts";
import { type RequestSource, type SimulatedRequest } from "./source.ts";

/** Where and when a request is looked up, and what would come of it. */
export interface Place {
  readonly region: AgentRegion;
  /** Index of the region. */
  readonly agent: number;
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly consequences: Consequences;
}

export interface Explore {
  /** Take the likeliest action, without exploration. */
  readonly greedy: boolean;
  /** Exploration floor of acts that are not greedy. */
  readonly epsilon: number;
  /** Uniform in [0, 1). */
  readonly draw: number;
}

const NO_EMBEDDING = new Float32Array(0);
/** The cache action for certain, and past any exploration. */
const CACHE = { logits: Float32Array.of(0, 20), probs: Float32Array.of(0, 1) };
const NOT_EXPLORED: Explore = { greedy: false, epsilon: 0, draw: 1 - Number.EPSILON };

export class LookUp {
  readonly #mode: "product" | "paper";
  readonly #source: RequestSource;
  readonly #limits: ResolverLimits;
  readonly #knots: readonly number[] | null;
  readonly #augment: boolean;
  readonly #ttlSeconds: number;

  constructor(options: {
    readonly mode: "product" | "paper";
    readonly source: RequestSource;
    readonly limits: ResolverLimits;
    readonly knots: readonly number[] | null;
    readonly augment: boolean;
    readonly ttlSeconds: number;
  }) {
    this.#mode = options.mode;
    this.#source = options.source;
    this.#limits = options.limits;
    this.#knots = options.knots;
    this.#augment = options.augment;
    this.#ttlSeconds = options.ttlSeconds;
  }

  /** A request as its region sees it now. */
  pending(request: SimulatedRequest, place: Place): Pending {
    const { region, agent, at, consequences } = place;
    const embedding = once(() => this.#source.embeddingOf(request));
    const candidates = region.nearest(request, embedding);
    const omega = Math.log10(consequences.omega);
    const observe = (vector: Float32Array): Observation =>
      buildObservation(vector, candidates, omega, this.#mode, this.#knots);
    const pending: Pending = {
      request,
      agent,
      at,
      observation:
        this.#mode === "paper" && this.#knots === null
          ? withEmbeddingLater(observe(NO_EMBEDDING), embedding)
          : observe(embedding()),
      candidates,
      counterfactual: () => {
        const right = candidates.find((row) => consequences.isRight(request, row, at));
        return {
          direct: consequences.direct(pending),
          cache: consequences.of(
            pending,
            this.decide(pending, region, CACHE, TWO_WAY, NOT_EXPLORED),
          ),
          ideal: right === undefined ? null : consequences.served(pending, right),
        };
      },
    };
    return pending;
  }

  /** As the gateway decides. */
  decide(
    pending: Pending,
    region: AgentRegion,
    output: PolicyOutput,
    actions: ActionNames,
    { greedy, epsilon, draw }: Explore,
  ): Decision {
    return decide({
      ...this.#given(pending, region),
      output: greedy ? certainly(output) : output,
      actions,
      explore: { epsilon: greedy ? 0 : epsilon, draw },
      allow: {
        serve: !region.isClosed(sliceOf(TENANT, pending.request.lang)),
        augment: this.#augment,
      },
      mode: this.#mode,
    });
  }

  /** The rows that a prompt would get. */
  notesFor(pending: Pending, region: AgentRegion): readonly Candidate[] {
    const { request, candidates, limits } = this.#given(pending, region);
    return resolve(request, candidates, limits, this.#mode).notes;
  }

  #given(
    { request, candidates, at }: Pending,
    region: AgentRegion,
  ): Pick<DecideInput, "request" | "candidates" | "limits"> {
    const { question, lang, fp } = request;
    return {
      request: { text: question, lang, fp, now: at, maxAgeSeconds: this.#ttlSeconds },
      candidates,
      limits: limitsInSlice(this.#limits, region.ordersOf(sliceOf(TENANT, lang))),
    };
  }
}

/** Rules need no embedding, and it is most of the cost of a request. */
function withEmbeddingLater({ c, omega }: Observation, embedding: () => Float32Array): Observation {
  const f = once(() => roundToHalf(embedding()));
  return {
    get f() {
      return f();
    },
    c,
    omega,
  };
}

function once<T>(make: () => T): () => T {
  let made: { readonly value: T } | null = null;
  return () => (made ??= { value: make() }).value;
}

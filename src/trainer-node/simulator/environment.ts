// The world that policies are trained and compared in. It drives the production code: observation, decision, guards, error
// budget, cache book, evidence, eviction. What it adds is a clock, requests, delays, and the knowledge of who is right.
import { candidateOf, mergeFresh } from "../../durable/candidates.ts";
import { type ActionNames, TWO_WAY } from "../../policy/action.ts";
import { type Candidate } from "../../policy/cache/candidate.ts";
import { type ResolverLimits } from "../../policy/cache/resolver.ts";
import { limitsInSlice, sliceOf } from "../../policy/cache/slice.ts";
import { type Decision, type DecideInput, decide } from "../../policy/decide.ts";
import { NEIGHBOURS, type PolicyOutput } from "../../policy/network/policy.ts";
import { buildObservation } from "../../policy/observation.ts";
import { type PairScorer, verifierLimits } from "../../policy/verifier/pair-scorer.ts";
import { remembering, shippedScorer } from "../verifier/shipped.ts";
import { Consequences } from "./consequences.ts";
import {
  type Branch,
  certainly,
  type Executed,
  experienceOf,
  outcomeOf,
  type Pending,
  type Price,
  TENANT,
} from "./executed.ts";
import { ExactIndex } from "./index-search.ts";
import { newRow } from "./new-row.ts";
import { ShadowLabels } from "./shadow-labels.ts";
import { SimulatedRegion } from "./simulated-region.ts";
import { type RequestSource, type SimulatedRequest } from "./source.ts";
import { StoredAnswers } from "./stored-answers.ts";

export interface EnvironmentOptions {
  readonly source: RequestSource;
  readonly seed: number;
  /** paper: raw c, no guards, no budget, answers have rows of their own, notes are allowed, reward in seconds. */
  readonly mode?: "product" | "paper";
  readonly regions?: readonly string[];
  readonly domain?: "region" | "shared";
  readonly limits?: Partial<ResolverLimits>;
  /** The learned verifier; the shipped one when left out, none where the source's questions have no words. */
  readonly scorer?: PairScorer | null;
  /** Exploration floor of acts that are not greedy. */
  readonly epsilon?: number;
  /** Price of time, omega = phi2 / phi1; the policy is fed its logarithm. */
  readonly omega?: number;
  /** Distances at equal quantiles (distance-quantiles.ts): the policy is fed these scales and no embedding. */
  readonly knots?: readonly number[];
  readonly augment?: boolean;
  readonly ttlSeconds?: number;
  /** Rows that a region may hold, and how long a new one is safe from eviction. */
  readonly capacity?: number;
  readonly graceMs?: number;
  /** xi: a region evicts after so many of its requests. */
  readonly evictEveryRequests?: number;
  /** Probability that an answer is compared with another one, in place of the gateway's own (examination.ts). */
  readonly shadowRate?: number;
  readonly price?: Price;
  /** US dollars of a look-up of other wordings; what its hits do not pay for is switched off, as in a region. */
  readonly lookUpUsd?: number;
}

export interface ActOptions {
  /** Take the likeliest action, without exploration. */
  readonly greedy?: boolean;
  /** Stored with the experience: base64 of the noise that the policy drew, where it drew any. */
  readonly noise?: string;
  readonly policyVersion?: number;
}

/** Why a request was not looked up, as the gateway says it. */
export const DOES_NOT_PAY = "does-not-pay";
/** 2026-11-20T00:00:00Z. */
const START = 1_795_132_800_000;
/** The cache action for certain, and past any exploration. */
const CACHE = {
  output: { logits: Float32Array.of(0, 20), probs: Float32Array.of(0, 1) },
  actions: TWO_WAY,
  explore: { epsilon: 0, draw: 1 - Number.EPSILON },
} as const;

export class Environment {
  readonly mode: "product" | "paper";
  readonly source: RequestSource;
  readonly regions: readonly string[];
  readonly #options: EnvironmentOptions;
  readonly #limits: ResolverLimits;
  readonly #price: Price;
  readonly #index: ExactIndex;
  readonly #answers: StoredAnswers;
  readonly #consequences: Consequences;
  readonly #byName: ReadonlyMap<string, SimulatedRegion>;
  readonly #received = new Map<string, number>();
  readonly #listeners = new Set<(executed: Executed) => void>();
  readonly #labels: ShadowLabels;
  #at = 0;
  #open = 0;

  constructor(options: EnvironmentOptions) {
    const { source, seed, mode = "product", omega = 0.1, domain = "region" } = options;
    this.#options = options;
    this.mode = mode;
    this.source = source;
    this.regions = options.regions ?? ["us", "eu", "asia"];
    this.#price = options.price ?? { input: 0.15, output: 0.6 };
    const standard = mode === "product" && source.hasWords ? shippedScorer : () => null;
    const scorer = options.scorer === undefined ? standard() : options.scorer;
    this.#limits = {
      coldStartDistance: source.embedder.coldStartDistance,
      noteDistance: source.embedder.noteDistance,
      deltaHit: 0.02,
      deltaRequest: 0.01,
      ...verifierLimits(scorer === null ? null : remembering(scorer), source.embedder.id),
      ...options.limits,
    };
    this.#index = new ExactIndex((embedding) => source.toSearchSpace(embedding));
    this.#answers = new StoredAnswers(domain);
    this.#consequences = new Consequences({ mode, omega, seed, source, answers: this.#answers });
    this.#labels = new ShadowLabels({
      rate: options.shadowRate,
      price: this.#price,
      consequences: this.#consequences,
      answers: this.#answers,
      coldStartDistance: this.#limits.coldStartDistance,
    });
    this.#byName = new Map(this.regions.map((name) => [name, this.#newRegion(name)]));
    for (const request of source.prefill) this.#keep(request, this.#region(request.region));
  }

  /** May be changed between slots: training draws it anew for every episode. */
  get omega(): number {
    return this.#consequences.omega;
  }
  set omega(omega: number) {
    this.#consequences.omega = omega;
  }

  /** `listener` hears of every request when it is handled, also of those that never reach the policy. */
  subscribe(listener: (executed: Executed) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Rows that a region's cache book holds. */
  entries(region: string): number {
    return this.#region(region).core.state.value.entries;
  }

  /**
   * The next slot: at most one request an agent. Those that the cache never sees, or that repeat another exactly, are
   * answered on the way. Every request of a slot must be acted on before the next one is asked for. Null at the end.
   */
  async next(): Promise<readonly Pending[] | null> {
    if (this.#open > 0) throw new Error(`${this.#open} requests of the last slot wait for an act`);
    const slot: Pending[] = [];
    for (; this.#at < this.source.requests.length; this.#at++) {
      const request = this.source.requests[this.#at]!;
      if (slot.some((pending) => pending.request.region === request.region)) break;
      const pending = await this.#receive(request);
      if (pending !== null) slot.push(pending);
    }
    this.#open = slot.length;
    await Promise.all(slot.map((pending) => this.#prepare(pending)));
    if (slot.length > 0) return slot;
    for (const region of this.#byName.values()) await region.settle();
    return null;
  }

  /** Decides as the gateway does and carries the decision out. */
  act(
    pending: Pending,
    output: PolicyOutput,
    actions: ActionNames,
    { greedy = false, noise = "zero", policyVersion = 0 }: ActOptions = {},
  ): Executed {
    const { request } = pending;
    const draw = this.#consequences.random(request, "draw").uniform();
    this.#open--;
    const decision = this.#decide(pending, {
      output: greedy ? certainly(output) : output,
      actions,
      explore: { epsilon: greedy ? 0 : (this.#options.epsilon ?? 0.02), draw },
    });
    const branch = this.#consequences.of(pending, decision);
    const kind = kindOf(branch);
    const row = kind === "HIT-SEMANTIC" ? decision.selected : null;
    const expId = this.#expId(request);
    const outcome = outcomeOf(expId, kind, request, branch, this.#price, this.#options.lookUpUsd);
    const experience = experienceOf(pending, decision, {
      expId,
      region: request.region,
      sub: decision.handling === branch.handling ? decision.sub : "B_FALLBACK",
      embedder: this.source.embedder.id,
      usedRows: row === null ? [] : [row.id],
      noise,
      policyVersion,
    });
    const region = this.#region(request.region);
    if (row !== null) {
      region.add({ outcome, use: { id: row.id, tenant: TENANT, expId, handling: "A" } });
    } else {
      if (kind !== "HIT-EXACT") this.#callModel(request, branch, kind === "MISS");
      region.schedule(pending.at + 1000 * branch.delaySeconds, () => region.add({ outcome }));
    }
    return this.#tell({
      ...branch,
      request,
      agent: pending.agent,
      kind,
      decision,
      experience,
      outcome,
      shadow: this.#shadow(pending, decision, branch),
      shouldHit: pending.candidates.some((each) =>
        this.#consequences.isRight(request, each, pending.at),
      ),
      insertion: kind === "MISS" ? `v-${this.#answers.ansIdOf(request)}` : null,
    });
  }

  async #receive(request: SimulatedRequest): Promise<Pending | null> {
    const region = this.#region(request.region);
    const at = START + 1000 * request.t;
    await region.advance(at);
    const received = (this.#received.get(request.region) ?? 0) + 1;
    this.#received.set(request.region, received);
    if (received % (this.#options.evictEveryRequests ?? 300) === 0) await region.evict();
    if (request.level === "bypass") this.#answerAtOnce(request, "BYPASS");
    else if (this.#answers.hasExactly(request, at)) this.#answerAtOnce(request, "HIT-EXACT");
    else if (request.level === "exact") this.#answerAtOnce(request, "MISS");
    else if (!region.paysToLookUp(TENANT)) this.#answerAtOnce(request, "MISS", DOES_NOT_PAY);
    else return this.#pending(request, region, at);
    return null;
  }

  #pending(request: SimulatedRequest, region: SimulatedRegion, at: number): Pending {
    const embedding = this.source.embeddingOf(request);
    const scope = {
      tenant: TENANT,
      namespace: this.#answers.namespaceOf(request.region),
      fp: request.fp,
    };
    const rows = this.#index
      .query(this.source.searchVectorOf(request), { ...scope, count: NEIGHBOURS })
      .flatMap(({ id, cosine, metadata }) => candidateOf(id, cosine, metadata) ?? []);
    const fresh = region.fresh.values();
    const candidates = mergeFresh(rows, fresh, region.tombstones, scope, embedding);
    const pending: Pending = {
      request,
      agent: this.regions.indexOf(request.region),
      at,
      observation: buildObservation(
        embedding,
        candidates,
        Math.log10(this.omega),
        this.mode,
        this.#options.knots,
      ),
      candidates,
      counterfactual: () => {
        const right = candidates.find((row) => this.#consequences.isRight(request, row, at));
        return {
          direct: this.#consequences.direct(pending),
          cache: this.#consequences.of(pending, this.#decide(pending, CACHE)),
          ideal: right === undefined ? null : this.#consequences.served(pending, right),
        };
      },
    };
    return pending;
  }

  /** Tells the source which notes the cache action would ask the model with. */
  async #prepare(pending: Pending): Promise<void> {
    if (this.source.prepare === undefined) return;
    const { request, at } = pending;
    const { notes } = this.#decide(pending, CACHE);
    const stored = this.#consequences.storedBehind(notes, at);
    if (stored.length > 0) await this.source.prepare({ request, stored });
  }

  #decide(
    { request, candidates, at }: Pending,
    policy: Pick<DecideInput, "output" | "actions" | "explore">,
  ): Decision {
    const { question, lang, fp } = request;
    const orders = this.#region(request.region).ordersOf(sliceOf(TENANT, lang));
    return decide({
      ...policy,
      request: { text: question, lang, fp, now: at, maxAgeSeconds: this.#ttlSeconds },
      candidates,
      limits: limitsInSlice(this.#limits, orders),
      allow: {
        serve: !this.#isClosed(request),
        augment: this.#options.augment ?? this.mode === "paper",
      },
      mode: this.mode,
    });
  }

  /** Whether the region serves nothing in the request's language for now; the paper knows no such thing. */
  #isClosed({ region, lang }: SimulatedRequest): boolean {
    return this.mode === "product" && this.#region(region).isClosed(sliceOf(TENANT, lang));
  }

  /** A request that never reaches the policy. */
  #answerAtOnce(
    request: SimulatedRequest,
    kind: "HIT-EXACT" | "MISS" | "BYPASS",
    reason?: typeof DOES_NOT_PAY,
  ): void {
    const region = this.#region(request.region);
    const made = this.#consequences.atOnce(request, kind === "HIT-EXACT");
    const branch = reason === undefined ? made : { ...made, reason };
    const outcome = outcomeOf(this.#expId(request), kind, request, branch, this.#price);
    if (kind !== "HIT-EXACT") this.#callModel(request, branch, kind === "MISS");
    region.schedule(region.now + 1000 * branch.delaySeconds, () => region.add({ outcome }));
    this.#tell({
      ...branch,
      request,
      agent: this.regions.indexOf(request.region),
      kind,
      decision: null,
      experience: null,
      outcome,
      shadow: null,
      shouldHit: false,
      insertion: null,
    });
  }

  /** When the call has ended, its answer is stored and gets its row. */
  #callModel(request: SimulatedRequest, { delaySeconds, reason }: Branch, isKept: boolean): void {
    const region = this.#region(request.region);
    const ends = region.now + 1000 * delaySeconds;
    this.#consequences.load++;
    if (isKept) this.#answers.begin(request, ends);
    region.schedule(ends, () => {
      this.#consequences.load--;
      if (!isKept) return;
      this.#answers.end(request);
      this.#keep(request, region, reason !== DOES_NOT_PAY);
    });
  }

  /** Without a look-up there is no embedding, so no row. */
  #keep(request: SimulatedRequest, region: SimulatedRegion, hasRow = true): void {
    const createdAt = region.now;
    const expiresAt = createdAt + 1000 * this.#ttlSeconds;
    this.#answers.put(request, expiresAt);
    if (request.level !== "semantic" || !hasRow) return;
    const random = this.#consequences.random(request, "answer");
    const vectors: [1 | 2, Float32Array | null][] = [
      [1, this.source.embeddingOf(request)],
      // Rows of answers are the paper's; in the product they would be most of the embedding bill.
      [2, this.mode === "paper" ? this.source.answerVectorOf(request, random) : null],
    ];
    for (const [role, vector] of vectors) {
      if (vector === null) continue;
      const ansId = this.#answers.ansIdOf(request);
      const namespace = this.#answers.namespaceOf(request.region);
      const times = { createdAt, expiresAt };
      const entry = newRow({ ...times, request, role, ansId, namespace, vector });
      region.add({ insert: entry });
      region.remember({ entry, vector });
    }
  }

  /** A label arrives when the call that gives it has ended, and says what these words get from then on. */
  #shadow(pending: Pending, decision: Decision, branch: Branch): Executed["shadow"] {
    const { request, at } = pending;
    const region = this.#region(request.region);
    const slice = sliceOf(TENANT, request.lang);
    const shadow = this.#labels.draw(pending, this.#expId(request), decision, branch, {
      examine: region.ordersOf(slice).examine,
      isClosed: this.#isClosed(request),
      isPaused: region.mayNotLabel(TENANT),
    });
    if (shadow === null) return null;
    const { label } = shadow;
    const seconds = this.#consequences.modelSeconds(request);
    region.schedule(at + 1000 * seconds, () => {
      region.add({ label });
      if (label.reuse !== "served" || this.mode === "paper") return;
      // Wrong: the model's own answer is stored for them. Right: they become a question of the answer they got.
      if (label.correct === 0) this.#keep(request, region);
      else this.#alias(request, decision.selected!, region);
    });
    return shadow;
  }

  /** One answer, many questions (worker/satisfaction/question-row.ts). */
  #alias(request: SimulatedRequest, to: Candidate, region: SimulatedRegion): void {
    const { createdAt, expiresAt } = to;
    const namespace = this.#answers.namespaceOf(request.region);
    const vector = this.source.embeddingOf(request);
    const ansId = this.#answers.ansIdOf(request);
    const own = newRow({ request, role: 1, ansId, namespace, createdAt, expiresAt, vector });
    const entry = { ...own, ansId: to.ansId };
    region.add({ insert: entry });
    region.remember({ entry, vector });
  }

  #tell(executed: Executed): Executed {
    for (const listener of this.#listeners) listener(executed);
    return executed;
  }

  #expId({ index }: SimulatedRequest): string {
    return `sim-${this.#options.seed}-${index}`;
  }

  get #ttlSeconds(): number {
    return this.#options.ttlSeconds ?? 7 * 86_400;
  }

  #newRegion(name: string): SimulatedRegion {
    const { capacity, graceMs } = this.#options;
    const { coldStartDistance, coldStartMatch, deltaHit, scorer } = this.#limits;
    return new SimulatedRegion({
      name,
      now: START,
      index: this.#index,
      objects: this.#answers.objects,
      coldStart: { distance: coldStartDistance, deltaHit },
      ...(scorer !== undefined &&
        coldStartMatch !== undefined && { scorer: { id: scorer, coldStart: coldStartMatch } }),
      settings: {
        ...(capacity !== undefined && { capacity }),
        ...(graceMs !== undefined && { graceMs }),
      },
    });
  }

  #region(name: string): SimulatedRegion {
    const region = this.#byName.get(name);
    if (region === undefined) throw new Error(`no agent for region ${name}`);
    return region;
  }
}

function kindOf({ handling, reason }: Branch): Executed["kind"] {
  if (handling === "A") return "HIT-SEMANTIC";
  if (handling === "C") return "AUGMENTED";
  return reason === "coalesced" ? "HIT-EXACT" : "MISS";
}

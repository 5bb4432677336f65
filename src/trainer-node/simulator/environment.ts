// The world that policies are trained and compared in. It drives the production code: observation, decision, guards, error
// budget, cache book, evidence, eviction. What it adds is a clock, requests, delays, and the knowledge of who is right.
import { type ActionNames } from "../../policy/action.ts";
import { type Candidate } from "../../policy/cache/candidate.ts";
import { type ResolverLimits } from "../../policy/cache/resolver.ts";
import { sliceOf } from "../../policy/cache/slice.ts";
import { type Decision } from "../../policy/decide.ts";
import { type PolicyOutput } from "../../policy/network/policy.ts";
import { type PairScorer, verifierLimits } from "../../policy/verifier/pair-scorer.ts";
import { remembering, shippedScorer } from "../verifier/shipped.ts";
import { type AgentRegion } from "./agent-region.ts";
import { Consequences } from "./consequences.ts";
import {
  type Branch,
  type Executed,
  experienceOf,
  outcomeOf,
  type Pending,
  type Price,
  TENANT,
} from "./executed.ts";
import { type FrozenOptions, type FrozenPlayer, type FrozenResult, testFrozen } from "./frozen.ts";
import { LookUp } from "./look-up.ts";
import { PaperRegion } from "./paper-region.ts";
import { type PaperCacheOptions, type PaperRow } from "./paper-rows.ts";
import { paperRegions, productRegions } from "./regions.ts";
import { ShadowLabels } from "./shadow-labels.ts";
import { type RequestSource, type SimulatedRequest } from "./source.ts";
import { StoredAnswers } from "./stored-answers.ts";

export interface EnvironmentOptions {
  readonly source: RequestSource;
  readonly seed: number;
  /** paper: raw c, no guards, no budget, answers have rows of their own, notes are allowed, reward in seconds. */
  readonly mode?: "product" | "paper";
  /** Paper mode: what rows are worth and who leaves; as published when left out. */
  readonly paperCache?: PaperCacheOptions;
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
  /** A week in the product; for ever in paper mode. */
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
const WEEK_SECONDS = 7 * 86_400;

export class Environment {
  readonly mode: "product" | "paper";
  readonly source: RequestSource;
  readonly regions: readonly string[];
  readonly #options: EnvironmentOptions;
  readonly #limits: ResolverLimits;
  readonly #price: Price;
  readonly #answers: StoredAnswers;
  readonly #consequences: Consequences;
  readonly #lookUp: LookUp;
  readonly #byName: ReadonlyMap<string, AgentRegion>;
  readonly #ttlSeconds: number;
  readonly #received = new Map<string, number>();
  readonly #listeners = new Set<(executed: Executed) => void>();
  readonly #labels: ShadowLabels;
  #at = 0;
  #open = 0;

  constructor(options: EnvironmentOptions) {
    const { source, seed, mode = "product", omega = 0.1, domain = "region" } = options;
    const { ttlSeconds = mode === "paper" ? Infinity : WEEK_SECONDS } = options;
    this.#options = options;
    this.#ttlSeconds = ttlSeconds;
    this.mode = mode;
    this.source = source;
    this.regions = options.regions ?? source.regions ?? ["us", "eu", "asia"];
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
    this.#answers = new StoredAnswers(domain);
    this.#consequences = new Consequences({ mode, omega, seed, source, answers: this.#answers });
    this.#labels = new ShadowLabels({
      rate: options.shadowRate,
      price: this.#price,
      consequences: this.#consequences,
      answers: this.#answers,
      coldStartDistance: this.#limits.coldStartDistance,
    });
    this.#lookUp = new LookUp({
      mode,
      source,
      limits: this.#limits,
      knots: options.knots ?? null,
      augment: options.augment ?? mode === "paper",
      ttlSeconds,
    });
    const { regions } = this;
    const given = { regions, now: START, source, answers: this.#answers, limits: this.#limits };
    const settings = {
      ...(options.capacity !== undefined && { capacity: options.capacity }),
      ...(options.graceMs !== undefined && { graceMs: options.graceMs }),
    };
    this.#byName =
      mode === "paper"
        ? paperRegions(given, { ...settings, ...options.paperCache })
        : productRegions(given, settings);
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
    return this.#region(region).entries;
  }

  /** A copy of the rows of a region of paper mode. */
  rows(region: string): readonly PaperRow[] {
    const found = this.#region(region);
    if (!(found instanceof PaperRegion))
      throw new Error(`${this.mode} mode has its rows in a book`);
    return found.rows();
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
    if (this.source.prepare !== undefined)
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
    const epsilon = this.#options.epsilon ?? 0.02;
    const region = this.#region(request.region);
    this.#open--;
    const explore = { greedy, epsilon, draw };
    const decision = this.#lookUp.decide(pending, region, output, actions, explore);
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
    const { notes } = decision;
    const ended = { outcome, branch, served: row, notes, candidates: pending.candidates };
    if (row !== null) region.end(ended);
    else {
      if (kind !== "HIT-EXACT") this.#callModel(request, pending.at, branch, kind === "MISS");
      region.schedule(pending.at + 1000 * branch.delaySeconds, () => region.end(ended));
    }
    return this.#tell({
      ...branch,
      request,
      agent: pending.agent,
      kind,
      decision,
      experience,
      outcome,
      shadow: this.mode === "paper" ? null : this.#shadow(pending, decision, branch),
      shouldHit: pending.candidates.some((each) =>
        this.#consequences.isRight(request, each, pending.at),
      ),
      insertion: kind === "MISS" ? `v-${this.#answers.ansIdOf(request)}` : null,
    });
  }

  /**
   * What a player would make of requests if nothing changed by it: the caches as they are, none of the stream's requests
   * under way. Between two slots or at the end.
   */
  testFrozen(
    requests: readonly SimulatedRequest[],
    player: FrozenPlayer,
    options: FrozenOptions,
  ): Promise<readonly FrozenResult[]> {
    const { omega = this.omega, load = 0 } = options;
    const { mode, source } = this;
    const servers = this.regions.map((name, server) => {
      const given = { mode, omega, seed: this.#options.seed, source, answers: this.#answers };
      const consequences = new Consequences({ ...given, server });
      consequences.load = load;
      return { name, region: this.#region(name), consequences };
    });
    return testFrozen({ source, lookUp: this.#lookUp, servers }, requests, player, options);
  }

  async #receive(request: SimulatedRequest): Promise<Pending | null> {
    const region = this.#region(request.region);
    const at = START + 1000 * request.t;
    // Whose calls have ended slows nobody down any more; a region of the product hears of it when it is its turn.
    if (this.mode === "paper") for (const each of this.#byName.values()) await each.advance(at);
    else await region.advance(at);
    const received = (this.#received.get(request.region) ?? 0) + 1;
    this.#received.set(request.region, received);
    if (received % (this.#options.evictEveryRequests ?? 300) === 0) await region.evict();
    if (request.level === "bypass") this.#answerAtOnce(request, at, "BYPASS");
    else if (this.#answers.hasExactly(request, at)) this.#answerAtOnce(request, at, "HIT-EXACT");
    else if (request.level === "exact") this.#answerAtOnce(request, at, "MISS");
    else if (!region.paysToLookUp(TENANT)) this.#answerAtOnce(request, at, "MISS", DOES_NOT_PAY);
    else {
      const agent = this.regions.indexOf(request.region);
      return this.#lookUp.pending(request, {
        region,
        agent,
        at,
        consequences: this.#consequences,
      });
    }
    return null;
  }

  /** A source that asks a real model does it before anything is decided. */
  async #prepare(pending: Pending): Promise<void> {
    const { request, at } = pending;
    const notes = this.#lookUp.notesFor(pending, this.#region(request.region));
    const stored = this.#consequences.storedBehind(notes, at);
    await this.source.prepare?.({ request, stored });
  }

  /** A request that never reaches the policy. */
  #answerAtOnce(
    request: SimulatedRequest,
    at: number,
    kind: "HIT-EXACT" | "MISS" | "BYPASS",
    reason?: typeof DOES_NOT_PAY,
  ): void {
    const region = this.#region(request.region);
    const made = this.#consequences.atOnce(request, kind === "HIT-EXACT");
    const branch = reason === undefined ? made : { ...made, reason };
    const outcome = outcomeOf(this.#expId(request), kind, request, branch, this.#price);
    if (kind !== "HIT-EXACT") this.#callModel(request, at, branch, kind === "MISS");
    const ended = { outcome, branch, served: null, notes: [], candidates: [] };
    region.schedule(at + 1000 * branch.delaySeconds, () => region.end(ended));
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
  #callModel(
    request: SimulatedRequest,
    at: number,
    { delaySeconds, reason }: Branch,
    isKept: boolean,
  ): void {
    const region = this.#region(request.region);
    const ends = at + 1000 * delaySeconds;
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
  #keep(request: SimulatedRequest, region: AgentRegion, hasRow = true): void {
    const createdAt = region.now;
    const expiresAt = createdAt + 1000 * this.#ttlSeconds;
    this.#answers.put(request, expiresAt);
    if (request.level !== "semantic" || !hasRow) return;
    const ansId = this.#answers.ansIdOf(request);
    const namespace = this.#answers.namespaceOf(request.region);
    const row = { request, ansId, namespace, createdAt, expiresAt };
    if (this.mode === "product") {
      region.insert({ ...row, role: 1, vector: this.source.embeddingOf(request) });
      return;
    }
    region.insert({ ...row, role: 1, vector: this.source.searchVectorOf(request) });
    // Rows of answers are the paper's; in the product they would be most of the embedding bill.
    const random = this.#consequences.random(request, "answer");
    const answer = this.source.answerVectorOf(request, random);
    if (answer !== null) region.insert({ ...row, role: 2, vector: answer });
  }

  /** A label arrives when the call that gives it has ended, and says what these words get from then on. */
  #shadow(pending: Pending, decision: Decision, branch: Branch): Executed["shadow"] {
    const { request, at } = pending;
    const region = this.#region(request.region);
    const slice = sliceOf(TENANT, request.lang);
    const shadow = this.#labels.draw(pending, this.#expId(request), decision, branch, {
      examine: region.ordersOf(slice).examine,
      isClosed: region.isClosed(slice),
      isPaused: region.mayNotLabel(TENANT),
    });
    if (shadow === null) return null;
    const { label } = shadow;
    const seconds = this.#consequences.modelSeconds(request);
    region.schedule(at + 1000 * seconds, () => {
      region.label(label);
      if (label.reuse !== "served") return;
      // Wrong: the model's own answer is stored for them. Right: they become a question of the answer they got.
      if (label.correct === 0) this.#keep(request, region);
      else this.#alias(request, decision.selected!, region);
    });
    return shadow;
  }

  /** One answer, many questions (worker/satisfaction/question-row.ts). */
  #alias(request: SimulatedRequest, to: Candidate, region: AgentRegion): void {
    const { createdAt, expiresAt } = to;
    const namespace = this.#answers.namespaceOf(request.region);
    const vector = this.source.embeddingOf(request);
    const ansId = this.#answers.ansIdOf(request);
    const leadsTo = to.ansId;
    region.insert({ request, role: 1, ansId, leadsTo, namespace, createdAt, expiresAt, vector });
  }

  #tell(executed: Executed): Executed {
    for (const listener of this.#listeners) listener(executed);
    return executed;
  }

  #expId({ index }: SimulatedRequest): string {
    return `sim-${this.#options.seed}-${index}`;
  }

  #region(name: string): AgentRegion {
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

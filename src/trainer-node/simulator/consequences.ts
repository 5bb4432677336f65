// What each way of answering a request would come to: who is right, how long it takes, what it is worth. All that is random
// about a request is drawn from its place in the stream and the seed, so that policies are compared request by request.
import { type Handling } from "../../policy/action.ts";
import { type Candidate } from "../../policy/cache/candidate.ts";
import { type Decision } from "../../policy/decide.ts";
import { distanceFromCosine } from "../../policy/observation.ts";
import { type Random } from "../../policy/random.ts";
import { PRODUCT_WEIGHTS, paperCost, utility, weightsFor } from "../../policy/reward.ts";
import { type Branch, type Pending } from "./executed.ts";
import { randomOf } from "./random-of.ts";
import { type RequestSource, type SimulatedRequest } from "./source.ts";
import { type StoredAnswers } from "./stored-answers.ts";

/** Streams of one request's randomness. */
const SALT = { edge: 1, model: 2, draw: 3, shadow: 4, notes: 5, quality: 6, answer: 7 } as const;

export class Consequences {
  /** Price of time. */
  omega: number;
  /** Model calls under way in all regions. */
  load = 0;
  readonly #mode: "product" | "paper";
  readonly #seed: number;
  readonly #server: number;
  readonly #source: RequestSource;
  readonly #answers: StoredAnswers;

  constructor(options: {
    readonly mode: "product" | "paper";
    readonly omega: number;
    readonly seed: number;
    /** Servers with numbers of their own, up to 60, meet luck of their own. */
    readonly server?: number;
    readonly source: RequestSource;
    readonly answers: StoredAnswers;
  }) {
    this.#mode = options.mode;
    this.omega = options.omega;
    this.#seed = options.seed;
    this.#server = options.server ?? 0;
    this.#source = options.source;
    this.#answers = options.answers;
  }

  random(request: SimulatedRequest, stream: keyof typeof SALT): Random {
    return randomOf(this.#seed, request.index, SALT[stream] + 10 * this.#server);
  }

  isRight(request: SimulatedRequest, row: Candidate, at: number): boolean {
    const stored = this.#answers.behind(row, at);
    return (
      stored !== null &&
      row.lang === request.lang &&
      this.#source.isRight(request, stored, this.#questionDistance(request, row, stored))
    );
  }

  /** Between the two questions, also where the row is the answer's. */
  #questionDistance(request: SimulatedRequest, row: Candidate, stored: SimulatedRequest): number {
    if (row.role === 1) return row.distance;
    const [asked, other] = [request, stored].map((each) => this.#source.searchVectorOf(each));
    let cosine = 0;
    for (let i = 0; i < asked!.length; i++) cosine += asked![i]! * other![i]!;
    return distanceFromCosine(cosine);
  }

  /** What a decision comes to: an answer that is gone means that the model is called after all. */
  of(pending: Pending, { handling, selected, notes, reason }: Decision): Branch {
    const { request, at } = pending;
    if (handling === "A" && selected !== null)
      return this.#answers.behind(selected, at) === null
        ? this.direct(pending, "answer-gone")
        : this.served(pending, selected);
    const usable = notes.filter((row) => this.#answers.behind(row, at) !== null);
    const stored = this.storedBehind(usable, at);
    if (usable.length === 0) return this.direct(pending, reason);
    const isHelped = usable.some((row) => this.isRight(request, row, at));
    const delaySeconds =
      this.#edge(request).lookUp +
      this.modelSeconds(request) +
      this.#source.notesSeconds(this.random(request, "notes"), { request, stored });
    return this.#branch(request, { handling: "C", right: true, isHelped, stored, delaySeconds });
  }

  /** The requests whose answers rows lead to; rows whose answer is gone are left out. */
  storedBehind(rows: readonly Candidate[], at: number): readonly SimulatedRequest[] {
    return rows.flatMap((row) => this.#answers.behind(row, at) ?? []);
  }

  served({ request, at }: Pending, row: Candidate): Branch {
    const { lookUp, answer } = this.#edge(request);
    const right = this.isRight(request, row, at);
    const stored = this.storedBehind([row], at);
    return this.#branch(request, { handling: "A", right, stored, delaySeconds: lookUp + answer });
  }

  /** A call for the same text that is under way is joined. */
  direct({ request, at }: Pending, reason = ""): Branch {
    const { lookUp } = this.#edge(request);
    const ends = this.#answers.endOf(request, at);
    const seconds = ends === null ? this.modelSeconds(request) : (ends - at) / 1000;
    return this.#branch(request, {
      handling: "B",
      right: true,
      delaySeconds: lookUp + seconds,
      reason: ends === null ? reason : "coalesced",
    });
  }

  /** A request that the policy never sees. */
  atOnce(request: SimulatedRequest, isHit: boolean): Branch {
    const { exact } = this.#edge(request);
    return this.#branch(request, {
      handling: isHit ? "A" : "B",
      right: true,
      delaySeconds: isHit ? exact : exact + this.modelSeconds(request),
      reason: request.level === "semantic" ? "" : request.level,
    });
  }

  /** The draw is the request's alone; only the load beside it is the policy's doing. */
  modelSeconds(request: SimulatedRequest): number {
    const idle = this.#source.modelSeconds(request, this.random(request, "model"));
    return idle * (1 + this.#source.congestion * this.load);
  }

  #edge(request: SimulatedRequest) {
    return this.#source.edgeDelay(this.random(request, "edge"));
  }

  #branch(
    request: SimulatedRequest,
    branch: {
      readonly handling: Handling;
      readonly right: boolean;
      /** A call with notes had a relevant one. */
      readonly isHelped?: boolean;
      /** Whose answers were served, or were notes. */
      readonly stored?: readonly SimulatedRequest[];
      readonly delaySeconds: number;
      readonly reason?: string;
    },
  ): Branch {
    const { handling, right, isHelped = right, stored = [], delaySeconds, reason = "" } = branch;
    const isPaper = this.#mode === "paper";
    const quality = isPaper
      ? this.#source.paperQuality(handling, isHelped, this.random(request, "quality"), {
          request,
          stored,
        })
      : right
        ? PRODUCT_WEIGHTS.acceptedQuality
        : PRODUCT_WEIGHTS.wrongQuality;
    const worth = isPaper
      ? -paperCost(quality, delaySeconds, { phi1: 1, phi2: this.omega, phi3: 0, scale: 1 })
      : utility(quality, delaySeconds, weightsFor(this.omega));
    return { handling, reason, correct: right, quality, delaySeconds, utility: worth };
  }
}

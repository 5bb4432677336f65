// What the system gets to know of who was right: now and then the model's answer is compared with a stored one, as often as
// the gateway does it. The simulated world's comparison is never unsure and never wrong; the gateway's may be.
import { type Candidate } from "../../policy/cache/candidate.ts";
import { nearMissOf, refusedShare, servedShare } from "../../policy/cache/examination.ts";
import { type Decision } from "../../policy/decide.ts";
import { type Consequences } from "./consequences.ts";
import { type Branch, type Executed, type Pending, type Price, TENANT } from "./executed.ts";
import { type StoredAnswers } from "./stored-answers.ts";

/** What the region says about examining. */
export interface LabelOrders {
  /** Share of a slice's hits that is examined at least. */
  readonly examine: number;
  /** The region serves nothing in this language, but goes on learning. */
  readonly isClosed: boolean;
  /** The tenant's label budget is used up. */
  readonly isPaused: boolean;
}

interface Chosen {
  readonly row: Candidate;
  readonly probability: number;
  readonly reuse: "served" | "withheld" | "refused";
}

export class ShadowLabels {
  readonly #rate: number | undefined;
  readonly #price: Price;
  readonly #consequences: Consequences;
  readonly #answers: StoredAnswers;
  readonly #coldStartDistance: number;

  constructor(options: {
    /** A fixed probability in place of the gateway's. */
    readonly rate: number | undefined;
    readonly price: Price;
    readonly consequences: Consequences;
    readonly answers: StoredAnswers;
    readonly coldStartDistance: number;
  }) {
    this.#rate = options.rate;
    this.#price = options.price;
    this.#consequences = options.consequences;
    this.#answers = options.answers;
    this.#coldStartDistance = options.coldStartDistance;
  }

  /** The system sees a label only when its coin fell, whose probability is logged. */
  draw(
    pending: Pending,
    expId: string,
    decision: Decision,
    branch: Branch,
    orders: LabelOrders,
  ): Executed["shadow"] {
    const { request, at } = pending;
    const chosen =
      branch.handling === "A"
        ? this.#served(decision, orders)
        : this.#missed(pending, decision, orders);
    if (chosen === null || this.#answers.behind(chosen.row, at) === null) return null;
    const { row, reuse } = chosen;
    const probability = chosen.probability < 1 ? (this.#rate ?? chosen.probability) : 1;
    if (this.#consequences.random(request, "shadow").uniform() >= probability) return null;
    // Where the model is called anyway, comparing costs nothing.
    const costUsd =
      reuse === "served"
        ? (request.tokensIn * this.#price.input + request.tokensOut * this.#price.output) / 1e6
        : 0;
    const verifier = decision.verdicts.find(({ id }) => id === row.id)?.verifier;
    const label = {
      labelId: `label-${expId}`,
      expId,
      tenant: TENANT,
      source: "shadow",
      correct: this.#consequences.isRight(request, row, at) ? 1 : 0,
      weight: 1,
      rowId: row.id,
      distance: row.distance,
      ...(verifier && { match: verifier.matchDistance, scorer: verifier.scorer }),
      reuse,
      samplingProbability: probability,
      ...(costUsd > 0 && { costUsd }),
    } as const;
    return { label, probability, costUsd };
  }

  #served({ selected: row, verdicts }: Decision, orders: LabelOrders): Chosen | null {
    if (row === null || orders.isPaused) return null;
    const verdict = verdicts.find(({ id }) => id === row.id);
    return { row, probability: servedShare(row, verdict, orders.examine), reuse: "served" };
  }

  #missed({ candidates }: Pending, decision: Decision, { isClosed }: LabelOrders): Chosen | null {
    const near = nearMissOf(candidates, decision, this.#coldStartDistance);
    if (near === null) return null;
    const { row, verdict, isOpen } = near;
    const isExplored = decision.reason === "explore";
    // What a policy refused although it could be served says nothing of hits.
    const reuse = isOpen && (isExplored || isClosed) ? "withheld" : "refused";
    return { row, probability: isExplored ? 1 : refusedShare(row, verdict), reuse };
  }
}

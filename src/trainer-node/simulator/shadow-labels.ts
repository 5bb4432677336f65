// What the system gets to know of who was right: now and then the model's answer is compared with a stored one.
import { type Decision } from "../../policy/decide.ts";
import { type Consequences } from "./consequences.ts";
import { type Branch, type Executed, type Pending, type Price, TENANT } from "./executed.ts";
import { type StoredAnswers } from "./stored-answers.ts";

/** At most this share of the money saved is spent on labels. */
const LABEL_SHARE = 0.1;

export class ShadowLabels {
  /** US dollars that hits have saved so far. */
  saved = 0;
  #spent = 0;
  readonly #rate: number;
  readonly #price: Price;
  readonly #consequences: Consequences;
  readonly #answers: StoredAnswers;

  constructor(options: {
    readonly rate: number;
    readonly price: Price;
    readonly consequences: Consequences;
    readonly answers: StoredAnswers;
  }) {
    this.#rate = options.rate;
    this.#price = options.price;
    this.#consequences = options.consequences;
    this.#answers = options.answers;
  }

  /** The system sees a label only when its coin fell, whose probability is logged. `servable`: what serving would choose. */
  draw(
    { request, at }: Pending,
    expId: string,
    done: {
      readonly decision: Decision;
      readonly branch: Branch;
      readonly servable: () => Decision;
      /** The region serves nothing in this language, but goes on learning. */
      readonly isClosed: boolean;
    },
  ): Executed["shadow"] {
    const { decision, branch, isClosed, servable } = done;
    const isWithheld = branch.handling !== "A" && (decision.reason === "explore" || isClosed);
    // Where the model is called anyway, comparing costs nothing.
    const costUsd =
      branch.handling === "A"
        ? (request.tokensIn * this.#price.input + request.tokensOut * this.#price.output) / 1e6
        : 0;
    if (costUsd > 0 && this.#spent + costUsd > LABEL_SHARE * this.saved) return null;
    const probability = isWithheld ? 1 : this.#rate;
    if (this.#consequences.random(request, "shadow").uniform() >= probability) return null;
    const { selected: row, verdicts } = decision.selected === null ? servable() : decision;
    if (row === null || this.#answers.behind(row, at) === null) return null;
    this.#spent += costUsd;
    const verifier = verdicts.find(({ id }) => id === row.id)?.verifier;
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
      // What a policy refused although it could be served says nothing of hits.
      reuse: branch.handling === "A" ? "served" : isWithheld ? "withheld" : "refused",
      samplingProbability: probability,
      ...(costUsd > 0 && { costUsd }),
    } as const;
    return { label, probability, costUsd };
  }
}

// How many answers that would have been served were wrong, from a comparison that may be unsure and from people who judged some.
import { type LogHit } from "./log-replay.ts";
import { type Interval, wilsonInterval } from "./operating-curve.ts";

export type AnswerVerdict = "right" | "wrong" | "unsure";

export interface JudgedHit extends LogHit {
  readonly verdict: AnswerVerdict;
  /** Why the comparison said so, or "a person". */
  readonly why: string;
}

export interface WrongEstimate {
  readonly hits: number;
  readonly right: number;
  readonly wrong: number;
  /** Neither comparison nor person could say. */
  readonly unsure: number;
  /** Hits whose verdict is a person's. */
  readonly byPerson: number;
  /**
   * Share of wrong answers. Where people judged some of the unsure ones, the others are taken to be wrong as often; where
   * nobody did, the interval reaches from none of them to all, and the share is null if there are any.
   */
  readonly share: number | null;
  readonly interval: Interval;
}

/** `persons`: by id of the hit, whether its answer was right. */
export function judgeHits(
  hits: readonly LogHit[],
  compare: (
    served: string,
    logged: string,
  ) => { readonly verdict: AnswerVerdict; readonly why: string },
  persons: ReadonlyMap<string, boolean>,
): JudgedHit[] {
  return hits.map((hit): JudgedHit => {
    const person = persons.get(hit.id);
    return person === undefined
      ? Object.assign({}, hit, compare(hit.served, hit.logged))
      : Object.assign({}, hit, {
          verdict: person ? ("right" as const) : ("wrong" as const),
          why: PERSON,
        });
  });
}

const PERSON = "a person";

/** `unsureBefore`: ids that the comparison alone was unsure of. */
export function estimateWrong(
  judged: readonly JudgedHit[],
  unsureBefore: ReadonlySet<string>,
): WrongEstimate {
  const count = (test: (hit: JudgedHit) => boolean) => judged.filter(test).length;
  const [right, wrong, unsure] = (["right", "wrong", "unsure"] as const).map((verdict) =>
    count((hit) => hit.verdict === verdict),
  ) as [number, number, number];
  const settled = judged.filter((hit) => hit.why === PERSON && unsureBefore.has(hit.id));
  const settledWrong = settled.filter(({ verdict }) => verdict === "wrong").length;
  const hits = judged.length;
  const among =
    settled.length === 0 ? { low: 0, high: 1 } : wilsonInterval(settledWrong, settled.length);
  const known = unsure === 0 || settled.length > 0;
  const rate = settled.length === 0 ? 0 : settledWrong / settled.length;
  return {
    hits,
    right,
    wrong,
    unsure,
    byPerson: count(({ why }) => why === PERSON),
    share: hits === 0 || !known ? null : (wrong + unsure * rate) / hits,
    interval: {
      low: wilsonInterval(wrong + unsure * among.low, hits).low,
      high: wilsonInterval(wrong + unsure * among.high, hits).high,
    },
  };
}

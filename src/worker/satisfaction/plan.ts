// Which answers are compared with a second one, decided together with the answer and before anything is known of it.
import { type Label } from "../../durable/report.ts";
import { type Candidate } from "../../policy/cache/candidate.ts";
import { nearMissOf, refusedShare, servedShare } from "../../policy/cache/examination.ts";
import { languageOf } from "../../policy/cache/language.ts";
import { personalDataIn } from "../../policy/cache/question.ts";
import { sliceOf } from "../../policy/cache/slice.ts";
import { type Life } from "../gateway.ts";
import { textOf } from "../openai/chat.ts";

export interface Examination {
  /** shadow: the cache answered and the model is asked as well. near-miss: the model answered, and a row's answer lies beside it. */
  readonly kind: "shadow" | "near-miss";
  /** The row in question; null where notes took part. */
  readonly row: Candidate | null;
  readonly reuse: NonNullable<Label["reuse"]>;
  /** p_s, before the draw. */
  readonly probability: number;
  readonly drawn: boolean;
}

/** Examinations of one isolate at the same time; a burst must not become two. */
const MAX_AT_ONCE = 16;
/** Why a request did not get an answer that its row would have had: for the region those are hits that were held back. */
const WITHHELD = new Set(["explore", "observe", "slice-closed"]);

/** Null where nothing can or may be examined. */
export function planExamination(life: Life): Examination | null {
  const { record, desk, ports, question } = life;
  if (!mayExamine(life) || record.decision === null) return null;
  const verdictOf = (row: Candidate | null) =>
    record.decision!.verdicts.find(({ id }) => id === row?.id);
  const drawnWith = (probability: number) => ({
    probability,
    drawn: ports.random() < probability,
  });
  if (record.result === "HIT-SEMANTIC" || record.result === "AUGMENTED") {
    if (desk.mayNotLabel(record.tenant.id)) return null;
    const row = record.result === "HIT-SEMANTIC" ? record.decision.selected : null;
    const { examine } = desk.ordersOf(sliceOf(record.tenant.id, languageOf(question)));
    const share = servedShare(row, verdictOf(row), examine);
    return { kind: "shadow", row, reuse: "served", ...drawnWith(share) };
  }
  // Free of charge where rules can tell, so that a closed slice opens again though nothing is left to spend (examine.ts).
  if (record.result !== "MISS") return null;
  const near = nearMissOf(
    record.lookUp?.candidates ?? [],
    record.decision,
    ports.embedder.coldStartDistance,
  );
  if (near === null) return null;
  const { row, verdict, isOpen } = near;
  const reuse = isOpen && WITHHELD.has(record.reason) ? "withheld" : "refused";
  // The budget sent this request to the model for the sake of the label.
  const share = record.reason === "explore" ? 1 : refusedShare(row, verdict);
  return { kind: "near-miss", row, reuse, ...drawnWith(share) };
}

function mayExamine(life: Life): boolean {
  const { controls, desk, eligibility, ports, request } = life;
  const { settings } = request.key.tenant;
  if (!settings.examine || eligibility.level !== "semantic") return false;
  // Who does not want an answer kept does not want it shown to a judge either.
  if (!eligibility.store || controls.noStore) return false;
  const { cacheOff, learnOff } = desk.switches;
  if (cacheOff || learnOff || !desk.isCurrent(ports.now())) return false;
  if (ports.isolate.examinations.running(ports.now()) >= MAX_AT_ONCE) return false;
  // In a user's own scope such questions may be cached; they go nowhere else.
  return (
    !settings.userScope || request.chat.messages.every((m) => personalDataIn(textOf(m)) === null)
  );
}

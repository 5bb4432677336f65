// Satisfaction without a reference answer (after the answer has gone out, in waitUntil): a served answer is compared with
// the model's own, a row that was nearly served with what the model said instead. What comes of it is a label. Whatever
// fails here costs a label and nothing else.
import { type Label } from "../../durable/report.ts";
import { personalDataIn } from "../../policy/cache/question.ts";
import { costOf } from "../decision-record.ts";
import { type Life } from "../gateway.ts";
import { type StoredAnswer } from "../lookup/entries.ts";
import { answerOfRow } from "../lookup/look-up.ts";
import { type Answer } from "../openai/answer.ts";
import { textOf } from "../openai/chat.ts";
import { withDeadline } from "../upstream/deadline.ts";
import { estimateTokens } from "../upstream/notes.ts";
import { referenceCall } from "../upstream/outlook.ts";
import { type Comparison, compareAnswers } from "./comparison.ts";
import { askJudge } from "./judge.ts";
import { questionRow } from "./question-row.ts";
import { readWhole } from "./read-whole.ts";
import { labelledRow } from "./row-match.ts";

/** The answer that the user got goes first. */
const AFTER_MS = 250;
/** waitUntil ends 30 s after the response; the judge needs some of it. */
const FRESH_MS = 18_000;

/** How an answer that was made for the comparison is stored, as the answer to an ordinary miss is. */
export type Keep = (life: Life, answer: Answer) => Promise<void>;

/** The cache answered, or notes from it took part: now and then the model is asked the same without it. */
export function examineServed(life: Life, served: StoredAnswer | Answer, keep: Keep): void {
  const plan = life.record.examination;
  if (!plan?.drawn || plan.kind !== "shadow") return;
  inBackground(life, async () => {
    await life.ports.wait(AFTER_MS);
    const fresh = await askPlain(life);
    if (fresh.answer === null) return note(life, { ...fresh, verdict: "unsure", by: "shadow" });
    const compare = plan.row === null ? comparedBothWays : compared;
    const found = await compare(life, served.text, fresh.answer.text);
    note(life, { ...found, costUsd: found.costUsd + fresh.costUsd });
    // Until the row has learnt from this label it would be served for the same words again.
    if (found.verdict === "wrong" || plan.row === null) return keep(life, fresh.answer);
    if (found.verdict !== "right" || !("ansId" in served)) return;
    const insert = await questionRow(life, served);
    if (insert !== null) life.desk.add({ insert });
  });
}

/** The model answered although a row lay near: what the row would have said costs no second call. */
export function examineNearMiss(life: Life, fresh: Answer): void {
  const plan = life.record.examination;
  const { scope } = life;
  if (!plan?.drawn || plan.kind !== "near-miss" || plan.row === null || scope === null) return;
  const { row } = plan;
  inBackground(life, async () => {
    await life.ports.wait(AFTER_MS);
    const stored = await answerOfRow(row, { scope, receivedAt: life.ports.now() }, life.ports);
    if (stored === null) return;
    note(life, await compared(life, stored.text, fresh.text));
  });
}

interface Finding {
  readonly verdict: Comparison["verdict"];
  readonly why: string;
  readonly by: "judge" | "shadow";
  readonly costUsd: number;
  /** Whether the other answer is acceptable, where that was asked too. */
  readonly plain?: 0 | 1;
}

/**
 * An answer with notes and one without: neither is the reference, since notes may have made it better. Rules that find
 * them different say nothing for either, and count as nothing gained.
 */
async function comparedBothWays(life: Life, noted: string, plain: string): Promise<Finding> {
  // At the same time: one after the other would take longer than waitUntil does.
  const [one, other] = await Promise.all([
    compared(life, noted, plain, "differ"),
    compared(life, plain, noted, "differ"),
  ]);
  const costUsd = one.costUsd + other.costUsd;
  if (one.verdict === "unsure") return { ...one, costUsd };
  if (other.verdict === "unsure") return { ...other, costUsd };
  const differ = compareAnswers(noted, plain);
  return differ.verdict === "wrong" && one.verdict === "right" && other.verdict === "right"
    ? { ...one, verdict: "unsure", why: `both accepted against ${differ.why}`, costUsd }
    : { ...one, costUsd, plain: other.verdict === "right" ? 1 : 0 };
}

/** Rules first: what they are sure is right needs no judge, and what they are sure is wrong no judge talks away. */
async function compared(
  life: Life,
  served: string,
  fresh: string,
  rulesSay: "wrong" | "differ" = "wrong",
): Promise<Finding> {
  const { desk, ports, request } = life;
  const judge = desk.mayNotLabel(request.key.tenant.id) ? null : ports.config.judge;
  const rules = { ...compareAnswers(served, fresh), by: "shadow", costUsd: 0 } as const;
  if (judge === null || rules.verdict === "right") return rules;
  if (personalDataIn(served) !== null || personalDataIn(fresh) !== null) return rules;
  const asked = request.chat.messages.map((message) => `${message.role}: ${textOf(message)}`);
  const texts = { request: asked.join("\n"), served, fresh };
  const { correct, why, costUsd } = await askJudge(texts, judge, request.key.tenant.id, ports);
  const verdict = correct === null ? "unsure" : correct === 1 ? "right" : "wrong";
  if (rulesSay === "wrong" && rules.verdict === "wrong" && verdict === "right")
    return { verdict: "unsure", why: `${why} against ${rules.why}`, by: "judge", costUsd };
  return { verdict, why, by: "judge", costUsd };
}

/** The finding as a label. Money that bought none is reported all the same: the budget is of money. */
function note(life: Life, { verdict, why, by, costUsd, plain }: Finding): void {
  const { desk, link, ports, record } = life;
  const { row, reuse, probability } = record.examination!;
  const { counts } = ports.isolate.examinations;
  counts[verdict]++;
  if (verdict === "unsure") counts.reasons[why] = (counts.reasons[why] ?? 0) + 1;
  const about = {
    labelId: `${record.id}:${by}`,
    expId: record.id,
    tenant: record.tenant.id,
    source: by,
    ...(costUsd > 0 && { costUsd }),
  } as const;
  const label: Label | null =
    verdict !== "unsure"
      ? {
          ...about,
          correct: verdict === "right" ? 1 : 0,
          weight: 1,
          ...(row && labelledRow(row, record.decision)),
          reuse,
          samplingProbability: probability,
          ...(record.notes !== null &&
            plain !== undefined && { notes: record.notes, noteRows: record.noteRows, plain }),
        }
      : costUsd > 0
        ? { ...about, correct: 1, weight: 0 }
        : null;
  if (label === null) return;
  desk.add({ label });
  ports.waitUntil(desk.flushSoon(link, ports.now, ports.wait));
}

interface Fresh {
  readonly answer: Answer | null;
  readonly why: string;
  readonly costUsd: number;
}

/** The caller's own request without notes, to the model itself: a stand-in's answer says nothing about the cache. */
async function askPlain(life: Life): Promise<Fresh> {
  const { ports, request } = life;
  const call = referenceCall(life);
  if (call === null) return { answer: null, why: "model-other", costUsd: 0 };
  const { cache: _, stream: __, stream_options: ___, ...json } = request.body;
  const asked = await withDeadline(
    async (signal) =>
      readWhole(
        await ports.callModel({
          ...call,
          json,
          raw: Uint8Array.from(new TextEncoder().encode(JSON.stringify(json))),
          // An idempotency key of the caller's would be spent on this.
          headers: new Headers(),
          signal,
        }),
        signal,
      ),
    FRESH_MS,
    ports.wait,
  );
  const promptTokens = estimateTokens(request.chat.messages.map(textOf).join("\n"));
  if (!asked.ok)
    return {
      answer: null,
      why: `model-${asked.reason}`,
      costUsd: costOf(call.model, promptTokens, 0),
    };
  const { answer, status, upstream } = asked.value;
  if (answer === null)
    return {
      answer,
      why: "model-incomplete",
      costUsd: status >= 400 ? 0 : costOf(call.model, promptTokens, 0),
    };
  const costUsd = costOf(
    call.model,
    answer.usage?.promptTokens ?? promptTokens,
    answer.usage?.completionTokens ?? estimateTokens(answer.text),
  );
  return upstream === call.upstream.name
    ? { answer, why: "", costUsd }
    : { answer: null, why: "model-other", costUsd };
}

function inBackground({ ports }: Life, work: () => Promise<void>): void {
  const { examinations } = ports.isolate;
  const ended = examinations.begin(ports.now());
  const done = work()
    .catch(() => {
      examinations.counts.failed++;
    })
    .finally(ended);
  ports.waitUntil(done);
}
